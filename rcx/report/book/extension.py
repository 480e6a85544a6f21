"""The Sphinx extension that runs every chapter through papermill while the book is built.

``_config.yml`` names :func:`run_for_book` as the reader of ``.py`` files. myst-nb calls it once
per chapter that is out of date and renders what it returns.
"""

import os
import time
from datetime import UTC, datetime
from itertools import chain
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
from rcx.report.book.chapters import Chapter, code_of, title_of, with_outputs
from rcx.report.book.checks import faults
from rcx.report.book.execution import run_chapter
from rcx.report.book.notebooks import describe_images, fold_code, launch_buttons, publish
from rcx.report.book.parameters import ParameterError, check_settings, settings_from
from rcx.report.book.progress import Progress, expected_seconds, reading_order
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
    chapters: dict[str, Chapter]
    progress: Progress


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
    app.add_config_value("rcx_seconds", {}, "", types=[dict])
    app.add_config_value("rcx_repository", "", "html", types=[str])
    number_tables(app)
    app.connect("config-inited", _begin)
    app.connect("env-get-outdated", _outdated)
    app.connect("env-before-read-docs", _plan)
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
    env, config = _Book.app.env, _Book.app.config
    name = env.docname
    chapter = _Book.chapters[name] = Chapter.of(name, text, config.rcx_parameters)
    key = _key(chapter)
    if stored := _Book.store.load(name, key):
        _log.info(f"chapter {name}: unchanged")
        _Book.progress.skip(name)
        _keys_of(env)[name] = key
        return _published(with_outputs(chapter.notebook, stored))

    _log.info(f"chapter {name}: {_Book.progress.begin(name)}")
    timeouts = config.rcx_cell_timeout
    timeout = timeouts.get(chapter.values.get("profile"), max(timeouts.values()))
    folder = Path(env.doc2path(name)).parent
    start = time.perf_counter()
    execution = run_chapter(chapter.notebook, chapter.given, folder=folder, cell_timeout=timeout)
    seconds = time.perf_counter() - start
    execution.notebook.metadata["rcx"] = {
        "chapter": name,
        "title": title_of(chapter.notebook),
        "key": key,
        "parameters": chapter.values,
        "seconds": round(seconds, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_facts() | library_versions(),
        "failed": execution.failure is not None,
    }
    if execution.retried:
        _log.info(f"chapter {name}: run a second time after {execution.retried}")
    if execution.failure is None:
        _log.info(f"chapter {name}: ran in {seconds:.1f} s")
        _Book.store.save(name, key, execution.notebook)
        _keys_of(env)[name] = key
    else:
        _keys_of(env).pop(name, None)
        source_map = execution.notebook.metadata.get("source_map")
        line = source_map[execution.failure.cell] + 1 if source_map else None
        _Book.app.statuscode = 1  # before the error is logged, which ends a build under -W
        _log.error(f"chapter {name}: {execution.failure}", location=(name, line))
    return _published(execution.notebook)


def _published(notebook: NotebookNode) -> NotebookNode:
    """Write the chapter's run for the pages that read other chapters, and dress it for its page."""
    write_run(_Book.results, ChapterRun.of(notebook))
    describe_images(notebook)
    fold_code(notebook)
    return notebook


def _begin(app: Sphinx, config: Config) -> None:
    """Add the parameters from the environment, so that Sphinx notices when they change."""
    try:
        config.rcx_parameters = settings_from(config.rcx_parameters, os.environ)
    except ParameterError as error:
        raise ConfigError(str(error)) from error
    for name, seconds in config.rcx_seconds.items():
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ConfigError(
                f"rcx_seconds in _config.yml: {name!r} holds {seconds!r}; write the seconds that "
                "the chapter takes as a number."
            )
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
    settings, summaries = app.config.rcx_parameters, app.config.rcx_summaries
    paths = {name: Path(env.doc2path(name)) for name in sorted(env.found_docs)}
    _Book.chapters = {
        name: Chapter.of(name, path.read_text(encoding="utf-8"), settings)
        for name, path in paths.items()
        if path.suffix == _SUFFIX
    }
    try:
        check_settings({name: one.defaults for name, one in _Book.chapters.items()}, settings)
    except ParameterError as error:
        raise ConfigError(str(error)) from error
    runs = read_runs(_Book.results)
    outdated = [app.config.root_doc, *(name for name in _Book.chapters if name in summaries)]
    for name, chapter in _Book.chapters.items():
        if name not in summaries:
            key = _key(chapter)
            if _keys_of(env).get(name) != key or name not in runs or runs[name].key != key:
                outdated.append(name)
    return outdated


def _plan(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
    """Read the summaries after what they summarise, and estimate how long the chapters will take.

    A summary is taken to be run again if any other chapter is.
    """
    summaries, measured = app.config.rcx_summaries, app.config.rcx_seconds
    pages[:] = reading_order(pages, summaries)
    runs, expected = read_runs(_Book.results), dict[str, float | None]()
    for name in (page for page in pages if page in _Book.chapters):
        chapter = _Book.chapters[name]
        if _Book.store.holds(name, _key(chapter)) and not (name in summaries and expected):
            continue
        last = [runs[name]] if name in runs else []
        expected[name] = expected_seconds(
            chapter.values.get("profile"),
            chain(last, _Book.store.runs(name)),
            measured.get(name) if chapter.default_profile else None,
        )
    _Book.progress = Progress(reading_order(_Book.chapters, summaries), expected)


def _key(chapter: Chapter) -> str:
    """Compute a chapter's key. A summary also depends on the results of all that is read before."""
    summaries, results = _Book.app.config.rcx_summaries, ""
    if chapter.name in summaries:
        results = folder_key(_Book.results, summaries[summaries.index(chapter.name) :])
    return chapter_key(code_of(chapter.notebook), chapter.given, _Book.package, results)


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
    for name, chapter in _Book.chapters.items():
        if stored := _Book.store.load(name, _keys_of(app.env).get(name, "")):
            publish(
                with_outputs(chapter.notebook, stored),
                Path(app.outdir, "_sources", f"{name}.ipynb"),
                app.config.rcx_repository,
            )
    for fault in faults(Path(app.outdir)):
        _log.warning(fault)
