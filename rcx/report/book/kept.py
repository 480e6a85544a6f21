"""Chapters that have been run, kept on disk so that an unchanged one is not run again."""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from packaging.requirements import Requirement

from rcx.system.files import write_whole
from rcx.system.machine import processor

_KEPT_PER_CHAPTER = 4
_RESULT_FILES = {".py", ".safetensors", ".json", ".npz", ".csv", ".parquet", ".css", ".js"}


class ChapterStore:
    """A folder of executed chapters, one file per chapter and key.

    Parameters
    ----------
    folder : Path
        Created when the first chapter is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, chapter: str, key: str) -> NotebookNode | None:
        """Return the chapter as it was run under this key, None where it was not.

        Parameters
        ----------
        chapter, key : str
            The chapter's name, and what :func:`chapter_key` gave.

        Returns
        -------
        NotebookNode or None
            The executed notebook.
        """
        path = self._path(chapter, key)
        if not path.exists():
            return None
        try:
            return nbformat.read(path, as_version=4)
        except (OSError, ValueError):  # a damaged file is as good as none
            return None

    def keep(self, chapter: str, key: str, notebook: NotebookNode) -> None:
        """Keep an executed chapter, and of its older runs only the latest few.

        Parameters
        ----------
        chapter, key : str
            The chapter's name, and what :func:`chapter_key` gave.
        notebook : NotebookNode
            The executed notebook.
        """
        path = self._path(chapter, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        # a build that is interrupted leaves no half file
        write_whole(path, nbformat.writes(notebook).encode())
        runs = sorted(path.parent.glob("*.ipynb"), key=lambda run: run.stat().st_mtime)
        for old in runs[:-_KEPT_PER_CHAPTER]:
            old.unlink(missing_ok=True)

    def _path(self, chapter: str, key: str) -> Path:
        return self.folder / chapter / f"{key}.ipynb"


def chapter_key(text: str, parameters: dict[str, Any], package: str, read: str = "") -> str:
    """Name everything that a chapter's result depends on.

    Parameters
    ----------
    text : str
        The chapter's source.
    parameters : dict of str to object
        What it is run with.
    package : str
        What :func:`package_key` gave.
    read : str
        Names what the chapter reads of other chapters, see :func:`folder_key`.

    Returns
    -------
    str
        Equal for two runs only if text, parameters, package, libraries and assets are.
    """
    parts = [text, json.dumps(parameters, sort_keys=True, default=str), package]
    parts += [os.environ.get("RCX_ASSETS", ""), read]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def package_key(package: Path) -> str:
    """Name the state of the package and of the libraries that it requires.

    Parameters
    ----------
    package : Path
        The package's folder.

    Returns
    -------
    str
        Changes with any source or data file of the package.
    """
    digest = hashlib.sha256("\n".join([sys.version, *_versions()]).encode())
    for path in sorted(package.rglob("*")):
        if path.suffix in _RESULT_FILES and "__pycache__" not in path.parts:
            digest.update(path.relative_to(package).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def folder_key(folder: Path, without: Iterable[str]) -> str:
    """Name the state of the results in a folder, but for those of some chapters."""
    digest, skipped = hashlib.sha256(), set(without)
    for path in sorted(folder.glob("*.json")):
        if path.stem not in skipped:
            digest.update(path.stem.encode() + path.read_bytes())
    return digest.hexdigest()


def machine_facts() -> dict[str, str]:
    """Describe the machine_facts, and the versions of what rcx requires, for the status page."""
    import torch  # slow to import, and asked only when a chapter is run

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    here = {
        "system": platform.platform(),
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "GPU": device,
        "Python": platform.python_version(),
    }
    return here | dict(
        line.split(" ", 1) for line in ["rcx " + metadata.version("rcx"), *_versions()]
    )


@cache
def _versions() -> tuple[str, ...]:
    """List the installed versions of what rcx requires."""
    return tuple(_installed(metadata.requires("rcx") or []))


def _installed(requirements: list[str]) -> Iterator[str]:
    for name in sorted({Requirement(line).name for line in requirements}):
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield f"{name} missing"
