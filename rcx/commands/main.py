"""The program ``rcx``, which collects the commands."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated

import typer

from rcx.commands.bench import bench
from rcx.commands.explain import explain
from rcx.commands.store import store
from rcx.commands.study import study
from rcx.commands.train_start import train_start
from rcx.system.machine import reuse_freed_memory

app = typer.Typer(
    name="rcx",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(explain)
app.command()(study)
app.add_typer(store, name="store")
app.command()(bench)
app.command()(train_start)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # do not fail at a file name that the terminal's encoding cannot show
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    app()


def _version(wanted: bool) -> None:
    if wanted:
        print(f"rcx {metadata.version('rcx')}")
        raise typer.Exit


@app.callback()
def rcx(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """CartoonX: what an image classifier needs to see of an image, as a cartoon."""
    if context.invoked_subcommand != "bench":  # bench times other code under its own conditions
        reuse_freed_memory()
