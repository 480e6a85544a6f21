"""Let papermill read a chapter by its path: ``papermill book/<chapter>.py out.ipynb``.

Papermill picks a handler by how a path begins; ``pyproject.toml`` registers this one for
``book/``, ``./book/`` and ``jupytext://``.
"""

import warnings
from pathlib import Path

import nbformat
from papermill.iorw import LocalHandler

_SCHEME = "jupytext://"

# Papermill knows two endings only, and would complain of the third that it has just been taught.
warnings.filterwarnings("ignore", message=r"The specified file \(.*\.py\) does not end in one of")


class ChapterHandler(LocalHandler):
    """Local files, where a ``.py`` file is read as a jupytext percent script."""

    def read(self, path: str) -> str:
        """Read a notebook.

        Parameters
        ----------
        path : str
            A percent script or any notebook, with or without ``jupytext://`` before it.

        Returns
        -------
        str
            The notebook as JSON.
        """
        path = path.removeprefix(_SCHEME)
        if not path.endswith(".py"):
            return super().read(path)
        from rcx.report.book.chapters import read_chapter

        return nbformat.writes(read_chapter(Path(path)))

    def write(self, buf: str, path: str) -> None:
        """Write a notebook.

        Parameters
        ----------
        buf : str
            The notebook as JSON.
        path : str
            Where to; never over a chapter, which is a script and stays one.

        Raises
        ------
        ValueError
            If `path` is that of a script.
        """
        path = path.removeprefix(_SCHEME)
        if path.endswith(".py"):
            raise ValueError(f"{path} would be overwritten by a notebook; name an .ipynb file.")
        super().write(buf, path)


handler = ChapterHandler()
