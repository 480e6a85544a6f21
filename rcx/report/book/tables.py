"""Numbers for the tables that cells show, which myst-nb would count as figures."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.writers.html5 import HTML5Translator

PREFIX = "tab-"
"""Figures whose names begin so are tables: ``mystnb={"figure": {"name": "tab-losses"}}``."""


class CaptionedTable(nodes.figure):
    """Output of a cell that has a caption and counts as a table."""


class _FindTables(SphinxTransform):
    """Turn figures into tables by their names, before Sphinx collects the labels."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        for figure in list(self.document.findall(nodes.figure)):
            if any(name.startswith(PREFIX) for name in figure["names"]):
                table = CaptionedTable("", *figure.children, **figure.attributes)
                figure.replace_self(table)
                for identifier in table["ids"]:
                    self.document.ids[identifier] = table


def _caption(node: nodes.Node) -> str:
    return next(child.astext() for child in node.children if isinstance(child, nodes.caption))


def _visit(translator: HTML5Translator, node: nodes.figure) -> None:
    translator.visit_figure(node)


def _depart(translator: HTML5Translator, node: nodes.figure) -> None:
    translator.depart_figure(node)


def number_tables(app: Sphinx) -> None:
    """Number the captioned tables of cells together with the book's other tables."""
    app.add_transform(_FindTables)
    app.add_enumerable_node(CaptionedTable, "table", _caption, html=(_visit, _depart))
