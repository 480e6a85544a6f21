"""Reading of chapters by papermill: ``papermill book/<chapter>.py out.ipynb``.

Papermill chooses a handler by the beginning of the path. ``pyproject.toml`` registers this one for
``book/``, ``./book/`` and ``jupytext://``.
"""

import warnings
from pathlib import Path

import nbformat
from papermill.iorw import LocalHandler

_SCHEME = "jupytext://"

# Papermill warns of every ending but two, although this handler reads files of a third one.
warnings.filterwarnings("ignore", message=r"The specified file \(.*\.py\) does not end in one of")


class ChapterHandler:
    """Handler of local files that reads a ``.py`` file as a jupytext percent script."""

    def __init__(self) -> None:
        self._local = LocalHandler()

    def read(self, path: str) -> str:
        """Read a notebook.

        Parameters
        ----------
        path : str
            Path of a percent script or of a notebook, with or without ``jupytext://`` before it.

        Returns
        -------
        str
            The notebook as JSON.
        """
        path = path.removeprefix(_SCHEME)
        if not path.endswith(".py"):
            return str(self._local.read(path))
        from rcx.report.book.chapters import read_chapter

        return str(nbformat.writes(read_chapter(Path(path))))

    def write(self, buf: str, path: str) -> None:
        """Write a notebook.

        Parameters
        ----------
        buf : str
            The notebook as JSON.
        path : str
            Path of the notebook. It cannot be that of a chapter, which stays a script.

        Raises
        ------
        ValueError
            If the path is that of a script.
        """
        path = path.removeprefix(_SCHEME)
        if path.endswith(".py"):
            raise ValueError(f"{path} would be overwritten by a notebook; name an .ipynb file.")
        self._local.write(buf, path)

    def listdir(self, path: str) -> list[str]:
        """List a folder."""
        return list(self._local.listdir(path.removeprefix(_SCHEME)))

    def pretty_path(self, path: str) -> str:
        """Return a path as papermill shows it."""
        return str(self._local.pretty_path(path))


handler = ChapterHandler()
