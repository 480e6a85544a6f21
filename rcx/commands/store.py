"""``rcx store``: list the results in a study's store, check them, and delete some of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcx.commands.terminal import FAILED, console, counted, explained_errors, say, say_error
from rcx.system.text import printable, shortened

if TYPE_CHECKING:
    from rcx.study.index import Row
    from rcx.study.store import Store

store = typer.Typer(
    no_args_is_help=True, help="List, verify and prune the results that studies keep."
)

_Folder = Annotated[
    Path, typer.Argument(metavar="STORE", help="A store, or a study's folder that has one.")
]
_Kind = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Only this kind: explanation, curve, evaluation, rollout, attribution, damaged, or "
        "earlier, which is of an earlier format of rcx.",
    ),
]
_Method = Annotated[
    str | None, typer.Option(metavar="NAME", help='Only of this method: CartoonX, "Pixel RDE" ...')
]
_Model = Annotated[
    str | None, typer.Option("--model", "-m", metavar="NAME", help="Only of this classifier.")
]
_Image = Annotated[
    str | None, typer.Option(metavar="HASH", help="Only of the image whose hash begins with this.")
]
_DAY = 24 * 3600  # seconds
_HASH_DIGITS = 12  # digits of hashes that are shown


@store.command("ls")
def ls(
    folder: _Folder = Path("study"),
    kind: _Kind = None,
    method: _Method = None,
    model: _Model = None,
    image: _Image = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Largest number of rows.")] = 20,
) -> None:
    """List the results, and count those of each kind."""
    with explained_errors(), _opened(folder) as results:
        rows = _filtered(results.rows(), kind, method, model, image)
        _say_rows(rows[:limit])
        if len(rows) > limit > 0:
            say(f"... and {len(rows) - limit} more; --limit shows more of them.", stderr=False)
        _say_counts(rows)
        _say_earlier(rows)


@store.command("verify")
def verify(
    folder: _Folder = Path("study"),
    remove: Annotated[
        bool,
        typer.Option("--remove", help="Delete damaged files; a study then computes them again."),
    ] = False,
) -> None:
    """Read every file, and name those that are damaged.

    Exit code: 0 if all files are whole, 1 if some are damaged, even if they were removed.
    """
    with explained_errors(), _opened(folder) as results:
        damaged = []
        for path, why in results.verify():
            damaged.append(path.stem)
            say_error(f"{printable(path)}: {why}")
        rows = results.rows()
        if remove:
            results.discard(damaged)
    count = counted(len(rows), "result")
    what = "removed" if remove else "kept; --remove deletes them"
    say(
        f"{count}, {len(damaged)} damaged and {what}." if damaged else f"{count}, all whole.",
        stderr=False,
    )
    _say_earlier(rows)
    raise typer.Exit(FAILED if damaged else 0)


@store.command("prune")
def prune(
    folder: _Folder = Path("study"),
    kind: _Kind = None,
    method: _Method = None,
    model: _Model = None,
    image: _Image = None,
    older_than: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Only results that are older than this."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete damaged files, and what killed processes have left. With filters, results too."""
    with explained_errors(), _opened(folder) as results:
        # opening the store has removed what killed processes have left
        damaged = [path.stem for path, _ in results.verify()]
        results.discard(damaged)
        say(f"Removed {counted(len(damaged), 'damaged result')}.", stderr=False)
        if not any((kind, method, model, image)) and older_than is None:
            return
        rows = _filtered(results.rows(), kind, method, model, image)
        if older_than is not None:
            rows = [row for row in rows if time.time() - row.changed / 1e9 > older_than * _DAY]
        total = f"{counted(len(rows), 'result')}, {_size(sum(row.size for row in rows))}"
        if rows and (yes or typer.confirm(f"Delete {total}?")):
            results.discard([row.name for row in rows])
            say(f"Removed {total}.", stderr=False)
        else:
            say("No result was removed.", stderr=False)


def _opened(folder: Path) -> Store:
    """Open a store, or the store of a study's folder."""
    from rcx.study.store import Store

    for candidate in (folder, folder / "store"):
        if (candidate / "results").is_dir():
            return Store(candidate)
    raise ValueError(f"there is no store in {printable(folder)}")


def _filtered(
    rows: list[Row], kind: str | None, method: str | None, model: str | None, image: str | None
) -> list[Row]:
    filters = {"kind": kind, "method": method, "classifier": model}
    return [
        row
        for row in rows
        if all(value in (None, getattr(row, name)) for name, value in filters.items())
        and (image is None or row.image.startswith(image[:_HASH_DIGITS]))
    ]


def _say_rows(rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    names = ("result", "kind", "method", "classifier", "normalized", "image", "lambda", "size")
    table = Table(*names, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        cells = (
            row.name[:_HASH_DIGITS],
            row.kind,
            row.method,
            row.classifier,
            "yes" if row.normalize else "no",
            row.image,
            "" if row.lambda_k is None else f"{row.lambda_k:g}",
            _size(row.size),
        )
        table.add_row(*(Text(shortened(cell, 40)) for cell in cells))
    console().print(table)


def _say_counts(rows: list[Row]) -> None:
    for kind in sorted({row.kind for row in rows}):
        sizes = [row.size for row in rows if row.kind == kind]
        say(f"{len(sizes)} x {kind}, {_size(sum(sizes))}", stderr=False)
    total = _size(sum(row.size for row in rows))
    say(f"{counted(len(rows), 'result')}, {total}", stderr=False)


def _say_earlier(rows: list[Row]) -> None:
    """Say what is to become of results of an earlier format, where there are any."""
    from rcx.study.index import EARLIER

    if count := sum(row.kind == EARLIER for row in rows):
        say(
            f"{counted(count, 'result')} of an earlier format of rcx: studies compute them anew, "
            f"and rcx store prune --kind {EARLIER} deletes the old ones.",
            stderr=False,
        )


def _size(count: int) -> str:
    """Write a number of bytes in words, such as ``"1.5 MB"``."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
