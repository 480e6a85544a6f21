"""The API reference: a page for each room that users import from, with every public name."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from books import ROOT, build, page, write_book
from sphinx.util.inventory import InventoryFile

import rcx

PAGES = sorted(path.stem for path in (ROOT / "book" / "api").glob("*.md"))
ROOMS = [name for name in PAGES if name != "rcx"]
WITHOUT_PAGE = {"commands"}  # nobody imports from the command line


def public_names(room: str) -> list[str]:
    names: list[str] = import_module(f"rcx.{room}").__all__
    return names


def test_every_room_has_a_page_that_the_book_lists() -> None:
    rooms = {path.parent.name for path in Path(rcx.__file__).parent.glob("*/__init__.py")}
    assert {*ROOMS} == rooms - WITHOUT_PAGE
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    (listed,) = [part["chapters"] for part in toc["parts"] if part["caption"] == "API reference"]
    assert sorted(entry["file"] for entry in listed) == [f"api/{name}" for name in PAGES]


def test_the_top_level_page_lists_what_the_package_exports() -> None:
    lines = (ROOT / "book" / "api" / "rcx.md").read_text().split()
    assert sorted(line for line in lines if line.startswith("rcx.")) == [
        f"rcx.{name}" for name in rcx.__all__
    ]


def test_what_the_package_exports_is_public_in_its_room() -> None:
    for name in rcx.__all__:
        room = getattr(rcx, name).__module__.split(".")[1]
        assert name in public_names(room)


@pytest.mark.slow
def test_every_public_name_is_described_and_every_link_has_a_target(tmp_path: Path) -> None:
    root = write_book(tmp_path)
    shutil.copytree(ROOT / "book" / "api", root / "book" / "api")
    toc = {
        "format": "jb-book",
        "root": "index",
        "chapters": [{"file": f"api/{name}"} for name in PAGES],
    }
    (root / "book" / "_toc.yml").write_text(yaml.safe_dump(toc))
    result = build(root, "-W", "-n", "--keep-going")
    assert result.returncode == 0, result.stdout
    inventory = root / "book" / "_build" / "html" / "objects.inv"
    with inventory.open("rb") as file:
        kinds = InventoryFile.load(file, "", lambda uri, path: path)
    described = {name for kind, names in kinds.items() if kind.startswith("py:") for name in names}
    missing = [
        f"rcx.{room}.{name}"
        for room in ROOMS
        for name in public_names(room)
        if f"rcx.{room}.{name}" not in described
    ]
    assert missing == []
    for name in rcx.__all__:
        room = getattr(rcx, name).__module__.split(".")[1]
        assert f'href="{room}.html#rcx.{room}.{name}"' in page(root, "api/rcx")
