"""``rcx store``: what a study's store holds, whether it is whole, and what can go."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcx.commands.terminal import FAILED, console, explained_errors, say, say_error
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
        metavar="NAME", help="Only explanation, curve, evaluation, rollout, attribution or damaged."
    ),
]
_Method = Annotated[str | None, typer.Option(metavar="NAME", help='Only CartoonX, "Pixel RDE" ...')]
_Model = Annotated[
    str | None, typer.Option("--model", "-m", metavar="NAME", help="Only of this classifier.")
]
_Image = Annotated[
    str | None, typer.Option(metavar="HASH", help="Only of the image whose hash begins so.")
]
_DAY = 24 * 3600


@store.command("ls")
def ls(
    folder: _Folder = Path("study"),
    kind: _Kind = None,
    method: _Method = None,
    model: _Model = None,
    image: _Image = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Most rows that are listed.")] = 20,
) -> None:
    """List what is stored, and how much of each kind there is."""
    with explained_errors(), _opened(folder) as opened:
        rows = _chosen(opened.rows(), kind, method, model, image)
        _say_rows(rows[:limit])
        if len(rows) > limit > 0:
            say(f"... and {len(rows) - limit} more; --limit shows more of them.", stderr=False)
        _say_counts(rows)


@store.command("verify")
def verify(
    folder: _Folder = Path("study"),
    remove: Annotated[
        bool,
        typer.Option("--remove", help="Delete what is damaged; a study then computes it again."),
    ] = False,
) -> None:
    """Read every file, and name what is damaged.

    Exit code: 0 all is whole, 1 something is damaged, also where it was removed.
    """
    with explained_errors(), _opened(folder) as opened:
        damaged = []
        for path, why in opened.verify():
            damaged.append(path.stem)
            say_error(f"{printable(path)}: {why}")
        count = len(opened.rows())
        if remove:
            opened.discard(damaged)
    what = "removed" if remove else "kept; --remove deletes them"
    say(
        f"{count} results, all whole."
        if not damaged
        else f"{count} results, {len(damaged)} damaged and {what}.",
        stderr=False,
    )
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
        typer.Option(min=0, metavar="DAYS", help="Only what was written so many days ago."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete what is damaged and what killed processes have left; with filters, results too."""
    with explained_errors(), _opened(folder) as opened:
        # what is unfinished was removed when the store was opened
        damaged = [path.stem for path, _ in opened.verify()]
        opened.discard(damaged)
        say(f"{len(damaged)} damaged results were removed.", stderr=False)
        if not any((kind, method, model, image)) and older_than is None:
            return
        rows = _chosen(opened.rows(), kind, method, model, image)
        if older_than is not None:
            rows = [row for row in rows if time.time() - row.changed / 1e9 > older_than * _DAY]
        size = _size(sum(row.size for row in rows))
        if rows and (yes or typer.confirm(f"Delete {len(rows)} results, {size}?")):
            opened.discard([row.name for row in rows])
            say(f"{len(rows)} results were removed, {size}.", stderr=False)
        else:
            say("No result was removed.", stderr=False)


def _opened(folder: Path) -> Store:
    from rcx.study.store import Store

    found = next((one for one in (folder, folder / "store") if (one / "results").is_dir()), None)
    if found is None:
        raise ValueError(f"there is no store in {printable(folder)}")
    return Store(found)


def _chosen(
    rows: list[Row], kind: str | None, method: str | None, model: str | None, image: str | None
) -> list[Row]:
    wanted = {"kind": kind, "method": method, "classifier": model}
    given = {name: value for name, value in wanted.items() if value is not None}
    return [
        row
        for row in rows
        if all(getattr(row, name) == value for name, value in given.items())
        and row.image.startswith((image or "")[: len(row.image)])
    ]


def _say_rows(rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    names = ("result", "kind", "method", "classifier", "normalized", "image", "lambda", "size")
    table = Table(*names, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        price = "" if row.lambda_k is None else f"{row.lambda_k:g}"
        words = (row.name[:12], row.kind, row.method, row.classifier)
        flags = ("yes" if row.normalize else "no", row.image, price, _size(row.size))
        table.add_row(*(Text(shortened(word, 40)) for word in (*words, *flags)))
    console().print(table)


def _say_counts(rows: list[Row]) -> None:
    for kind in sorted({row.kind for row in rows}):
        sizes = [row.size for row in rows if row.kind == kind]
        say(f"{len(sizes)} x {kind}, {_size(sum(sizes))}", stderr=False)
    say(f"{len(rows)} results, {_size(sum(row.size for row in rows))}", stderr=False)


def _size(count: int) -> str:
    """Bytes in words."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
