"""Tables of cells, numbered like figures: a Sphinx extension beside myst-nb."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.writers.html5 import HTML5Translator

PREFIX = "tab-"
"""A cell's figure, ``mystnb={"figure": {"name": "tab-losses"}}``, is a table by its name."""


class CaptionedTable(nodes.figure):
    """A cell's output with a caption that counts as a table's."""


class _TellTables(SphinxTransform):
    """Take figures for tables by their names, before labels are collected."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        for figure in list(self.document.findall(nodes.figure)):
            if any(name.startswith(PREFIX) for name in figure["names"]):
                table = CaptionedTable("", *figure.children, **figure.attributes)
                figure.replace_self(table)
                for identifier in table["ids"]:
                    self.document.ids[identifier] = table


def _caption(node: nodes.Element) -> str:
    return next(child.astext() for child in node if isinstance(child, nodes.caption))


def _visit(translator: HTML5Translator, node: nodes.Element) -> None:
    translator.visit_figure(node)


def _depart(translator: HTML5Translator, node: nodes.Element) -> None:
    translator.depart_figure(node)


def number_tables(app: Sphinx) -> None:
    """Count captioned tables of cells with the book's other tables."""
    app.add_transform(_TellTables)
    app.add_enumerable_node(CaptionedTable, "table", _caption, html=(_visit, _depart))
