"""The store of executed chapters, so that an unchanged chapter is not run again."""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import nbformat
from nbformat import NotebookNode, ValidationError
from packaging.requirements import Requirement

from rcx.report.results import ChapterRun
from rcx.system.files import write_whole

_RUNS_PER_CHAPTER = 4  # runs of a chapter that stay in the store
# Endings of the files of the package on which a chapter's results depend.
_RESULT_FILES = {".py", ".safetensors", ".json", ".npz", ".csv", ".parquet", ".css", ".js"}


class ChapterStore:
    """A folder of executed chapters, one file per chapter and key.

    Parameters
    ----------
    folder : Path
        The folder. It is made when the first chapter is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, chapter: str, key: str) -> NotebookNode | None:
        """Load a run of a chapter.

        Parameters
        ----------
        chapter, key : str
            Name of the chapter, and key of the run from `chapter_key`.

        Returns
        -------
        NotebookNode or None
            The executed notebook, or None if there is none or its file is damaged.
        """
        return _read(self._path(chapter, key))

    def holds(self, chapter: str, key: str) -> bool:
        """Tell whether there is a file of a run, without reading it."""
        return self._path(chapter, key).exists()

    def runs(self, chapter: str) -> Iterator[ChapterRun]:
        """Read the facts of a chapter's runs, the latest first.

        Parameters
        ----------
        chapter : str
            Name of the chapter.

        Yields
        ------
        ChapterRun
            The facts of a run. Damaged files, and those of another version, are passed over.
        """
        for path in reversed(self._files(chapter)):
            try:
                yield ChapterRun.of(_read(path) or NotebookNode())
            except (AttributeError, KeyError, TypeError):
                continue

    def save(self, chapter: str, key: str, notebook: NotebookNode) -> None:
        """Save a run of a chapter, and delete all but the latest few runs.

        Parameters
        ----------
        chapter, key : str
            Name of the chapter, and key of the run from `chapter_key`.
        notebook : NotebookNode
            The executed notebook.
        """
        path = self._path(chapter, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        # The file appears whole, even if the build is interrupted.
        write_whole(path, nbformat.writes(notebook).encode())
        for old in self._files(chapter)[:-_RUNS_PER_CHAPTER]:
            old.unlink(missing_ok=True)

    def _files(self, chapter: str) -> list[Path]:
        """Files of a chapter's runs, the latest last."""
        files = (self.folder / chapter).glob("*.ipynb")
        return sorted(files, key=lambda path: path.stat().st_mtime)

    def _path(self, chapter: str, key: str) -> Path:
        return self.folder / chapter / f"{key}.ipynb"


def _read(path: Path) -> NotebookNode | None:
    if not path.exists():
        return None
    try:
        return cast(NotebookNode, nbformat.read(path, as_version=4))
    except (OSError, ValueError, ValidationError):
        return None


def chapter_key(code: str, parameters: dict[str, Any], package: str, results: str = "") -> str:
    """Compute the key of a chapter's run from everything that the run depends on.

    Parameters
    ----------
    code : str
        What is run of the chapter, from `rcx.report.book.chapters.code_of`.
    parameters : dict of str to object
        Parameters of the run.
    package : str
        Key of the package, from `package_key`.
    results : str
        Key of the other chapters' results, from `folder_key`, if the chapter reads them.

    Returns
    -------
    str
        A hash. Two runs have the same key only if their code, parameters, packages, libraries,
        folders of assets and results are the same.
    """
    parts = [code, json.dumps(parameters, sort_keys=True, default=str), package]
    parts += [os.environ.get("RCX_ASSETS", ""), results]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def package_key(package: Path) -> str:
    """Compute a key of the package and of the libraries that it requires.

    Parameters
    ----------
    package : Path
        The package's folder.

    Returns
    -------
    str
        A hash, which changes with each source or data file of the package and each version.
    """
    versions = [f"{name} {version}" for name, version in _requirement_versions().items()]
    digest = hashlib.sha256("\n".join([sys.version, *versions]).encode())
    for path in sorted(package.rglob("*")):
        if path.suffix in _RESULT_FILES and "__pycache__" not in path.parts:
            digest.update(path.relative_to(package).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def folder_key(folder: Path, without: Iterable[str]) -> str:
    """Compute a key of the results in a folder, without those of some chapters."""
    digest, skipped = hashlib.sha256(), set(without)
    for path in sorted(folder.glob("*.json")):
        if path.stem not in skipped:
            digest.update(path.stem.encode() + path.read_bytes())
    return digest.hexdigest()


def library_versions() -> dict[str, str]:
    """List the versions of Python, of rcx and of the libraries that rcx requires, by name."""
    versions = {"Python": platform.python_version(), "rcx": metadata.version("rcx")}
    return versions | _requirement_versions()


@cache
def _requirement_versions() -> dict[str, str]:
    """List the installed versions of all that rcx and its extras require, by name."""
    requirements = [Requirement(line).name for line in metadata.requires("rcx") or []]
    return {name: _version(name) for name in sorted(set(requirements) - {"rcx"})}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"
