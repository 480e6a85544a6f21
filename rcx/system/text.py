"""Texts that come from outside, such as file names and errors, made safe to show in one line."""

from __future__ import annotations


def printable(text: object) -> str:
    """Return a text that cannot disturb a terminal: escaped if it holds control characters."""
    line = str(text)
    return line if line.isprintable() else ascii(line)


def shortened(text: object, width: int) -> str:
    """Cut a printable text to at most ``width`` characters, with an ellipsis where it was cut."""
    line = printable(text)
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def reason(error: BaseException) -> str:
    """Return an error's message in one line, or its type if it has no message."""
    if isinstance(error, OSError) and error.strerror:
        path = error.filename2 or error.filename
        return error.strerror if path is None else f"{error.strerror}: {printable(path)}"
    return printable(" ".join(str(error).split()) or type(error).__name__)
