"""The Sphinx extension that runs every chapter through papermill while the book is built.

``_config.yml`` names :func:`run_for_book` as the reader of ``.py`` files. myst-nb calls it once
per chapter that is out of date and renders what it returns.
"""

import ast
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ConfigError
from sphinx.util import logging

from rcx.report.book.chapter_store import (
    ChapterStore,
    chapter_key,
    folder_key,
    library_versions,
    package_key,
)
from rcx.report.book.chapters import (
    declared_parameters,
    notebook_of,
    read_chapter,
    title_of,
)
from rcx.report.book.checks import faults
from rcx.report.book.execution import run_chapter
from rcx.report.book.notebooks import describe_images, fold_code, launch_buttons, publish
from rcx.report.book.parameters import (
    ParameterError,
    check_settings,
    parameters_for,
    settings_from,
)
from rcx.report.book.tables import number_tables
from rcx.report.results import FOLDER_VARIABLE, ChapterRun, read_runs, write_run
from rcx.system.machine import machine_facts

_log = logging.getLogger(__name__)
_SUFFIX = ".py"


class _Book:
    """State of the running build. Sphinx hands the reader of chapters nothing but their text."""

    app: Sphinx
    package: str
    store: ChapterStore
    results: Path


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
    app.add_config_value("rcx_cell_timeout", {"sample": 600}, "", types=[dict])
    app.add_config_value("rcx_chapter_store", "../.rcx/chapters", "", types=[str])
    app.add_config_value("rcx_summaries", [], "env", types=[list])
    app.add_config_value("rcx_repository", "", "html", types=[str])
    number_tables(app)
    app.connect("config-inited", _begin)
    app.connect("env-get-outdated", _outdated)
    app.connect("env-before-read-docs", _read_summaries_last)
    app.connect("html-page-context", _offer_notebook, priority=500)
    app.connect("html-page-context", _offer_launch, priority=600)
    app.connect("html-page-context", _drop_repeated_scripts, priority=900)
    app.connect("build-finished", _finish)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}


def run_for_book(text: str) -> NotebookNode:
    """Run the chapter that is being read, or take it from the store if nothing has changed.

    Parameters
    ----------
    text : str
        The chapter's source.

    Returns
    -------
    NotebookNode
        The executed notebook. If a cell fails, it is the notebook up to that cell. The failure is
        logged as an error, the build goes on, and its exit status is 1.
    """
    env = _Book.app.env
    chapter = env.docname
    path = Path(env.doc2path(chapter))
    notebook = notebook_of(text)
    declared = declared_parameters(notebook)
    parameters = parameters_for(chapter, declared, _Book.app.config.rcx_parameters)
    key = _key(chapter, path, parameters)
    if stored := _Book.store.load(chapter, key):
        _log.info(f"chapter {chapter}: unchanged")
        _keys_of(env)[chapter] = key
        return _published(stored)

    chapters = sorted(name for name in env.found_docs if env.doc2path(name).endswith(_SUFFIX))
    _read_summaries_last(_Book.app, env, chapters)
    _log.info(f"chapter {chapter}: running, {chapters.index(chapter) + 1} of {len(chapters)}")
    values = {name: _literal(default) for name, default in declared.items()} | parameters
    timeouts = _Book.app.config.rcx_cell_timeout
    timeout = timeouts.get(values.get("profile"), max(timeouts.values()))
    start = time.perf_counter()
    execution = run_chapter(notebook, parameters, folder=path.parent, cell_timeout=timeout)
    seconds = time.perf_counter() - start
    execution.notebook.metadata["rcx"] = {
        "chapter": chapter,
        "title": title_of(notebook),
        "key": key,
        "parameters": values,
        "seconds": round(seconds, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_facts() | library_versions(),
        "failed": execution.failure is not None,
    }
    if execution.retried:
        _log.info(f"chapter {chapter}: run a second time after {execution.retried}")
    if execution.failure is None:
        _log.info(f"chapter {chapter}: ran in {seconds:.1f} s")
        _Book.store.save(chapter, key, execution.notebook)
        _keys_of(env)[chapter] = key
    else:
        _keys_of(env).pop(chapter, None)
        source_map = execution.notebook.metadata.get("source_map")
        line = source_map[execution.failure.cell] + 1 if source_map else None
        _Book.app.statuscode = 1  # before the error is logged, which ends a build under -W
        _log.error(f"chapter {chapter}: {execution.failure}", location=(chapter, line))
    return _published(execution.notebook)


def _published(notebook: NotebookNode) -> NotebookNode:
    """Write the chapter's run for the pages that read other chapters, and dress it for its page."""
    write_run(_Book.results, ChapterRun.of(notebook))
    describe_images(notebook)
    fold_code(notebook)
    return notebook


def _literal(default: str) -> Any:
    try:
        return ast.literal_eval(default)
    except (ValueError, SyntaxError):  # The default is an expression, which is shown as it is.
        return default


def _begin(app: Sphinx, config: Config) -> None:
    """Add the parameters from the environment, so that Sphinx notices when they change."""
    try:
        config.rcx_parameters = settings_from(config.rcx_parameters, os.environ)
    except ParameterError as error:
        raise ConfigError(str(error)) from error
    _Book.app = app
    _Book.package = package_key(Path(__file__).parents[2])
    _Book.store = ChapterStore(Path(app.srcdir, config.rcx_chapter_store).resolve())
    _Book.results = _Book.store.folder.with_name("results")
    os.environ[FOLDER_VARIABLE] = str(_Book.results)  # for the kernels


def _outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages to read again.

    These are the chapters that failed, the chapters whose key has changed, the summaries and the
    first page, which shows a part of a summary.
    """
    settings = app.config.rcx_parameters
    paths = {name: Path(env.doc2path(name)) for name in sorted(env.found_docs)}
    chapters = {name: path for name, path in paths.items() if path.suffix == _SUFFIX}
    declared = {name: declared_parameters(read_chapter(path)) for name, path in chapters.items()}
    try:
        check_settings(declared, settings)
    except ParameterError as error:
        raise ConfigError(str(error)) from error
    summaries, runs = set(app.config.rcx_summaries), read_runs(_Book.results)
    outdated = [app.config.root_doc, *(name for name in chapters if name in summaries)]
    for name, path in chapters.items():
        if name not in summaries:
            key = _key(name, path, parameters_for(name, declared[name], settings))
            if _keys_of(env).get(name) != key or name not in runs or runs[name].key != key:
                outdated.append(name)
    return outdated


def _read_summaries_last(app: Sphinx, env: BuildEnvironment, names: list[str]) -> None:
    """Put summaries after the chapters whose results they show."""
    names.sort(key=lambda name: name in app.config.rcx_summaries)


def _key(name: str, path: Path, parameters: dict[str, Any]) -> str:
    summaries = _Book.app.config.rcx_summaries
    results = folder_key(_Book.results, summaries) if name in summaries else ""
    return chapter_key(path.read_text(encoding="utf-8"), parameters, _Book.package, results)


def _keys_of(env: BuildEnvironment) -> dict[str, str]:
    """Return the keys of the chapters as they were last read. Sphinx keeps them between builds."""
    keys: dict[str, str] = vars(env).setdefault("rcx_keys", {})
    return keys


def _drop_repeated_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Keep each script once. Sphinx lists inline scripts twice, and sphinx-thebe's then fails."""
    scripts = {
        (script.filename or "", *sorted(script.attributes.items())): script
        for script in context.get("script_files", [])
    }
    context["script_files"] = list(scripts.values())


def _offer_notebook(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Make the theme's download button offer the executed chapter."""
    if page in _keys_of(app.env):
        context["ipynb_source"] = f"{page}.ipynb"


def _offer_launch(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Add buttons that open the executed chapter elsewhere, if the repository is known."""
    if page in _keys_of(app.env) and "header_buttons" in context:
        context["header_buttons"] += launch_buttons(page, app.config.rcx_repository)


def _finish(app: Sphinx, error: Exception | None) -> None:
    """Write the executed chapters to where the download buttons point, and check all pages."""
    if error is not None or app.builder.format != "html":
        return
    for chapter, key in _keys_of(app.env).items():
        if (notebook := _Book.store.load(chapter, key)) is not None:
            publish(
                notebook,
                Path(app.outdir, "_sources", f"{chapter}.ipynb"),
                app.config.rcx_repository,
            )
    for fault in faults(Path(app.outdir)):
        _log.warning(fault)
