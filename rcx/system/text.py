"""Text from outside (file names, class names, other people's errors) as one line to be shown."""

from __future__ import annotations


def printable(text: object) -> str:
    """A line that cannot disturb a terminal: escaped if it holds control characters."""
    line = str(text)
    return line if line.isprintable() else ascii(line)


def shortened(text: object, width: int) -> str:
    """A printable line of at most ``width`` characters, ending in an ellipsis where it was cut."""
    line = printable(text)
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def reason(error: BaseException) -> str:
    """What an error says, in one line; its type where it says nothing."""
    if isinstance(error, OSError) and error.strerror:
        path = error.filename2 or error.filename
        return error.strerror if path is None else f"{error.strerror}: {printable(path)}"
    return printable(" ".join(str(error).split()) or type(error).__name__)
