"""The Sphinx extension that runs every chapter through papermill while the book is built.

``_config.yml`` names :func:`run_for_book` as the reader of ``.py`` files. myst-nb calls it once
per chapter that is out of date and renders what it returns.
"""

import os
import time
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ConfigError
from sphinx.util import logging

import rcx
from rcx.report.chapters import declared_parameters, notebook_of, read_chapter
from rcx.report.execution import run_chapter
from rcx.report.parameters import ParameterError, check_settings, parameters_for, settings_from
from rcx.report.store import ChapterStore, chapter_key, package_key

_log = logging.getLogger(__name__)
_SUFFIX = ".py"


class _Book:
    """What the reader has to know of the running build, which hands it a chapter's text alone."""

    app: Sphinx
    package: str
    store: ChapterStore


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension.

    Parameters
    ----------
    app : Sphinx
        The running build.

    Returns
    -------
    dict of str to object
        What Sphinx asks of an extension.
    """
    app.add_config_value("rcx_parameters", {}, "env", types=[dict])
    app.add_config_value("rcx_cell_timeout", 600, "", types=[int])
    app.add_config_value("rcx_chapter_store", "../.rcx/chapters", "", types=[str])
    app.connect("config-inited", _begin)
    app.connect("env-get-outdated", _outdated)
    app.connect("html-page-context", _drop_repeated_scripts, priority=900)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}


def run_for_book(text: str) -> NotebookNode:
    """Run the chapter that is being read, or take it from the store where nothing changed.

    Parameters
    ----------
    text : str
        The chapter's source.

    Returns
    -------
    NotebookNode
        The executed notebook. Where a cell failed, the notebook up to that cell: the failure is
        logged as an error and the build goes on, to end with status 1.
    """
    env = _Book.app.env
    chapter = env.docname
    path = Path(env.doc2path(chapter))
    notebook = notebook_of(text)
    settings = _Book.app.config.rcx_parameters
    parameters = parameters_for(chapter, declared_parameters(notebook), settings)
    key = _key(path, parameters)
    if kept := _Book.store.load(chapter, key):
        _log.info(f"chapter {chapter}: unchanged")
        _keys_of(env)[chapter] = key
        return kept

    start = time.perf_counter()
    timeout = _Book.app.config.rcx_cell_timeout
    execution = run_chapter(notebook, parameters, folder=path.parent, cell_timeout=timeout)
    seconds = time.perf_counter() - start
    if execution.retried:
        _log.info(f"chapter {chapter}: run a second time after {execution.retried}")
    if execution.failure is None:
        _log.info(f"chapter {chapter}: ran in {seconds:.1f} s")
        _Book.store.keep(chapter, key, execution.notebook)
        _keys_of(env)[chapter] = key
    else:
        _keys_of(env).pop(chapter, None)
        source_map = execution.notebook.metadata.get("source_map")
        line = source_map[execution.failure.cell] + 1 if source_map else None
        _Book.app.statuscode = 1  # before the error, which ends a build under -W
        _log.error(f"chapter {chapter}: {execution.failure}", location=(chapter, line))
    return execution.notebook


def _begin(app: Sphinx, config: Config) -> None:
    """Take the parameters of the environment, so that Sphinx sees when they change."""
    try:
        config.rcx_parameters = settings_from(config.rcx_parameters, os.environ)
    except ParameterError as error:
        raise ConfigError(str(error)) from error
    _Book.app = app
    _Book.package = package_key(Path(rcx.__file__).parent)
    _Book.store = ChapterStore(Path(app.srcdir, config.rcx_chapter_store).resolve())


def _outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the chapters to read again: those that failed, and those whose key has changed."""
    settings = app.config.rcx_parameters
    paths = {name: Path(env.doc2path(name)) for name in sorted(env.found_docs)}
    chapters = {name: path for name, path in paths.items() if path.suffix == _SUFFIX}
    declared = {name: declared_parameters(read_chapter(path)) for name, path in chapters.items()}
    try:
        check_settings(declared, settings)
    except ParameterError as error:
        raise ConfigError(str(error)) from error
    return [
        name
        for name, path in chapters.items()
        if _keys_of(env).get(name) != _key(path, parameters_for(name, declared[name], settings))
    ]


def _key(path: Path, parameters: dict[str, Any]) -> str:
    return chapter_key(path.read_text(encoding="utf-8"), parameters, _Book.package)


def _keys_of(env: BuildEnvironment) -> dict[str, str]:
    """Return the key under which each chapter was last read; Sphinx keeps it between builds."""
    keys: dict[str, str] = vars(env).setdefault("rcx_keys", {})
    return keys


def _drop_repeated_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Leave each script once: Sphinx lists inline ones twice, and sphinx-thebe's then fails."""
    scripts = {
        (script.filename or "", *sorted(script.attributes.items())): script
        for script in context.get("script_files", [])
    }
    context["script_files"] = list(scripts.values())
