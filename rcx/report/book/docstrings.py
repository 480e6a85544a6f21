"""The Sphinx extension that prepares docstrings for the API reference, `book/api/`.

Autodoc reads the docstrings and napoleon their sections. This extension adds what both leave out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from inspect import isroutine
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension.

    Parameters
    ----------
    app : Sphinx
        The running build.

    Returns
    -------
    dict of str to bool
        What Sphinx asks of an extension.
    """
    app.connect("builder-inited", _document_constants)
    app.connect("autodoc-process-docstring", _flatten_references, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", _skip_member)
    app.connect("missing-reference", _resolve_top_level)
    return {"parallel_read_safe": True}


def _document_constants(app: Sphinx) -> None:
    """Give each room the docstrings of the constants that it exports.

    The string below a constant belongs to the module that defines it, where autodoc does not look.
    """
    package = Path(__file__).parents[2]
    inits = sorted(package.glob("*/**/__init__.py"), key=lambda path: len(path.parts), reverse=True)
    for init in inits:  # the deepest first, as a room may export what a package inside it exports
        exported = ModuleAnalyzer.for_module(
            ".".join(init.parent.relative_to(package.parent).parts)
        )
        exported.analyze()
        for module, name in _imports(init):
            defined = ModuleAnalyzer.for_module(module)
            defined.analyze()
            if ("", name) in defined.attr_docs:
                exported.attr_docs["", name] = defined.attr_docs["", name]


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each import from the package in a source file."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rcx."):
            for alias in node.names:
                yield node.module, alias.name


def _flatten_references(
    app: Sphinx, kind: str, name: str, documented: object, options: object, lines: list[str]
) -> None:
    """Turn references into a numbered list, as a page has the same numbers more than once."""
    listed = False
    for row, line in enumerate(lines):
        if reference := re.match(r"\.\. \[(\d+)\] (.+)", line):
            listed, lines[row] = True, "{}. {}".format(*reference.groups())
        elif listed and line.startswith(" "):
            lines[row] = f"   {line.strip()}"
        else:
            listed, lines[row] = False, re.sub(r"\[(\d+)\]_", r"\\[\1]", line)


def _skip_member(
    app: Sphinx, kind: str, name: str, member: object, skip: bool, options: object
) -> bool | None:
    """Skip methods of other libraries, pydantic's settings and the fields of named tuples.

    The docstring of a named tuple describes its fields under "Attributes".
    """
    module = getattr(member, "__module__", None)
    foreign = isroutine(member) and isinstance(module, str) and not module.startswith("rcx.")
    field = type(member).__name__ == "_tuplegetter"
    return True if foreign or field or name == "model_config" else None


def _resolve_top_level(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Let `rcx.CartoonX` refer to what the page of its room describes as `rcx.explain.CartoonX`."""
    top = import_module("rcx")
    package, _, path = node.get("reftarget", "").partition(".")
    name, _, member = path.partition(".")
    if node.get("refdomain") != "py" or package != "rcx" or name not in top.__all__:
        return None
    room = getattr(top, name).__module__.split(".")[1]
    target = ".".join(filter(None, ["rcx", room, name, member]))
    return env.get_domain("py").resolve_xref(
        env, node["refdoc"], app.builder, "obj", target, node, content
    )
