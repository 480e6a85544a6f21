"""Checks of built pages: links lead somewhere, pictures have descriptions, sizes are small."""

from __future__ import annotations

import html.parser
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

MOST_BYTES = 3_000_000
"""Largest size of a page, with the pictures and widgets that are embedded in it."""


class _Page(html.parser.HTMLParser):
    """Collects a page's links, the names to which others can link, and undescribed pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.undescribed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.links += [link for key in ("href", "src") if (link := values.get(key))]
        self.names |= {name for key in ("id", "name") if (name := values.get(key))}
        if tag == "img" and not (values.get("alt") or "").strip():
            self.undescribed.append((values.get("src") or "")[-60:])


def faults(folder: Path) -> Iterator[str]:
    """Check the pages of a built book.

    Parameters
    ----------
    folder : Path
        Folder of the pages, with ``index.html``.

    Yields
    ------
    str
        A sentence for each fault.
    """
    texts = {path.resolve(): path.read_text(encoding="utf-8") for path in folder.glob("*.html")}
    pages = {path: _Page(text) for path, text in texts.items()}
    for path in sorted(folder.rglob("*.html")):
        if (size := path.stat().st_size) > MOST_BYTES:
            name = path.relative_to(folder)
            yield f"{name} has {size / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:g} MB"
    for path, page in sorted(pages.items()):
        for source in page.undescribed:
            yield f"{path.name} has a picture without a description: {source}"
        for link in dict.fromkeys(page.links):
            if not _leads_somewhere(path, link, pages):
                yield f"{path.name} links to {link}, which is not there"


def _leads_somewhere(path: Path, link: str, pages: dict[Path, _Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or link == "#":
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target in pages and parts.fragment:
        return unquote(parts.fragment) in pages[target].names
    return target.exists()
