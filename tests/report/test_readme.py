"""README's map of the package names what is there, and all of it."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

import rcx

ROOT = Path(__file__).parents[2]
PACKAGE = Path(rcx.__file__).parent
ROWS = re.findall(r"^\| `(\w+)/` \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)


def modules(room: Path) -> set[str]:
    """Names of a room's modules; packages in it end in a slash."""
    files = {path.stem for path in room.glob("*.py") if path.stem != "__init__"}
    return files | {f"{path.parent.name}/" for path in room.glob("*/__init__.py")}


def test_the_map_has_a_row_for_each_room() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {room for room, _ in ROWS} == rooms
    assert len(ROWS) == len(rooms) <= 14


@pytest.mark.parametrize(("room", "row"), ROWS, ids=[room for room, _ in ROWS])
def test_a_row_names_each_module_of_its_room(room: str, row: str) -> None:
    assert set(re.findall(r"`(\w+/?)`", row)) == modules(PACKAGE / room)


def test_a_room_imports_only_from_the_rooms_above_it() -> None:
    order = [room for room, _ in ROWS]
    for lower, upper in pairwise(range(len(order) + 1)):
        later = set(order[upper:])
        for path in (PACKAGE / order[lower]).rglob("*.py"):
            imported = re.findall(r"^\s*(?:from|import) rcx\.(\w+)", path.read_text(), re.MULTILINE)
            assert not later & set(imported), f"{path.relative_to(PACKAGE)} imports from below"
