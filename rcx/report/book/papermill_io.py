"""Reading of chapters by papermill: ``papermill book/<chapter>.py out.ipynb``, from any folder.

Papermill chooses a handler by the beginning of the path. ``pyproject.toml`` registers this one for
each of `PREFIXES`, with which many other paths begin too. So all that is no chapter goes to
papermill's own handler of local files.
"""

import re
import warnings
from typing import Any

_SCHEME = "jupytext://"
PREFIXES = ("book/", "./", "../", "/", "0", "appendix_", _SCHEME)
"""Beginnings of paths that come here. ``0`` and ``appendix_`` are chapters named inside book/."""

# Papermill warns of every ending but two, although this handler reads files of a third one.
_BEGINNINGS = "|".join(re.escape(prefix) for prefix in PREFIXES)
warnings.filterwarnings(
    "ignore", message=rf"The specified file \((?:{_BEGINNINGS}).*\.py\) does not end in one of"
)


class ChapterHandler:
    """Handler of local files that reads a jupytext percent script as a notebook."""

    def read(self, path: str) -> str:
        """Read a notebook.

        Parameters
        ----------
        path : str
            Path of a percent script or of any other file, with or without ``jupytext://`` before
            it.

        Returns
        -------
        str
            A percent script as the JSON of a notebook, and any other file as it is.
        """
        path = path.removeprefix(_SCHEME)
        text = str(_local().read(path))
        if not (path.endswith(".py") and re.search(r"^# %%", text, re.MULTILINE)):
            return text
        import nbformat

        from rcx.report.book.chapters import notebook_of

        return str(nbformat.writes(notebook_of(text)))

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
        _local().write(buf, path)

    def listdir(self, path: str) -> list[str]:
        """List a folder."""
        return list(_local().listdir(path.removeprefix(_SCHEME)))

    def pretty_path(self, path: str) -> str:
        """Return a path as papermill shows it."""
        return str(_local().pretty_path(path))


def _local() -> Any:
    """Return papermill's own handler, which knows the folder that papermill was started in."""
    from papermill.iorw import papermill_io  # not above: its import looks for `handler` here

    return papermill_io.get_handler("local")


handler = ChapterHandler()
