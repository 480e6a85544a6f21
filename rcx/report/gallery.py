"""A page of explanations with filters: plain HTML, a little script, and pictures inside it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

import numpy.typing as npt
from torch import Tensor

from rcx.classifiers.classifier import Classifier
from rcx.explain.explanation import Explanation
from rcx.images.encoding import data_uri

_BYTES = 3_500_000  # of all pictures of a gallery: a page stays below 5 MB
_STEPS = ((256, 80), (224, 70), (192, 60), (128, 50), (96, 40))


@dataclass(frozen=True)
class GalleryEntry:
    """One explanation of one image.

    Attributes
    ----------
    name : str
        Of the image, such as a file's name.
    image, picture : array-like
        The image and what explains it, as for `rcx.images.data_uri`.
    method : str
    lambda_k : float
    true, predicted, explained, after : str
        Classes: the image's own, the predicted one, the explained one, and the one that is
        predicted when all else is noise.
    probability, probability_after : float
        Of the explained class.
    nonsparsity, distortion : float
    """

    name: str
    image: npt.ArrayLike
    picture: npt.ArrayLike
    method: str
    lambda_k: float
    true: str
    predicted: str
    explained: str
    after: str
    probability: float
    probability_after: float
    nonsparsity: float
    distortion: float

    @property
    def kept(self) -> bool:
        """Whether the explained class is still predicted when all else is noise."""
        return self.explained == self.after

    @property
    def right(self) -> bool:
        """Whether the prediction is the true class."""
        return self.true == self.predicted


def entries_of(
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    names: Sequence[str],
    explanations: Iterable[Explanation],
) -> list[GalleryEntry]:
    """List explanations of the same images, an entry for each image and explanation.

    Parameters
    ----------
    classifier : Classifier
        Whose class names are used.
    images : Tensor
        ``(N, C, H, W)``.
    labels : Tensor
        ``(N,)``, the true classes.
    names : sequence of str
        Of the N images.
    explanations : iterable of Explanation
        Of all N images each, such as by several methods or for several lambdas.

    Returns
    -------
    list of GalleryEntry
        In the order of the images.
    """
    found: list[list[GalleryEntry]] = [[] for _ in names]
    for explanation in explanations:
        for row, (one, name) in enumerate(zip(explanation, names, strict=True)):
            label = classifier.label
            entry = GalleryEntry(
                name,
                images[row],
                one.picture[0],
                str(one.settings["method"]),
                float(one.lambda_k),
                label(int(labels[row])),
                label(int(one.predicted)),
                label(int(one.target)),
                label(int(one.predicted_after)),
                float(one.probability),
                float(one.probability_after),
                float(one.nonsparsity),
                float(one.distortion),
            )
            found[row].append(entry)
    return list(itertools.chain.from_iterable(found))


class Gallery:
    """Explanations beside their images, filtered by method, lambda, label and prediction.

    Shows itself in a notebook. A panel has an address of its own, which its number links to.

    Parameters
    ----------
    entries : sequence of GalleryEntry
        Entries of one image follow each other.
    """

    def __init__(self, entries: Sequence[GalleryEntry]) -> None:
        if not entries:
            raise ValueError("a gallery needs at least one entry")
        self.entries = list(entries)

    def _repr_html_(self) -> str:
        assets = files("rcx.report")
        style, script = (
            assets.joinpath(name).read_text(encoding="utf-8")
            for name in ("gallery.css", "gallery.js")
        )
        pictures = iter(self._pictures())
        groups, number = [], 0
        for name, group in itertools.groupby(self.entries, key=lambda entry: entry.name):
            some = list(group)
            panels = [_photo(some[0], next(pictures))]
            for entry in some:
                number += 1
                panels.append(_panel(entry, next(pictures), number))
            groups.append(
                f'<section class="rcx-row" aria-label="{escape(name)}">{"".join(panels)}</section>'
            )
        return (
            f'<style>{style}</style><div class="rcx-gallery" id="gallery">{self._filters()}'
            f"{''.join(groups)}</div><script>{script}</script>"
        )

    def __repr__(self) -> str:
        return f"Gallery of {len(self.entries)} explanations"

    def _pictures(self) -> list[str]:
        """Encode each image once and each explanation, as large as the page's size allows."""
        shown = []
        for _, group in itertools.groupby(self.entries, key=lambda entry: entry.name):
            some = list(group)
            shown += [some[0].image, *(entry.picture for entry in some)]
        # a try-out on some of the pictures finds the size for all
        probe = shown[:: max(1, len(shown) // 16)]
        for side, quality in _STEPS:
            size = sum(len(data_uri(pixels, side=side, quality=quality)) for pixels in probe)
            if size * len(shown) / len(probe) <= _BYTES:
                break
        return [data_uri(pixels, side=side, quality=quality) for pixels in shown]

    def _filters(self) -> str:
        methods = list(dict.fromkeys(entry.method for entry in self.entries))
        lambdas = sorted({entry.lambda_k for entry in self.entries})
        choices = {
            "method": {name: name for name in methods},
            "lambda": {f"{value:g}": f"{value:g}" for value in lambdas},
            "label": {"kept": "kept", "lost": "lost"},
            "prediction": {"right": "right", "wrong": "wrong"},
        }
        selects = "".join(
            f'<label>{key} <select data-filter="{key}"><option value="">all</option>'
            + "".join(
                f'<option value="{escape(value)}">{escape(text)}</option>'
                for value, text in options.items()
            )
            + "</select></label>"
            for key, options in choices.items()
        )
        return (
            f'<form class="rcx-filters" aria-label="Filters">{selects}'
            '<button type="reset">show all</button>'
            f'<output aria-live="polite">{len(self.entries)} of {len(self.entries)} shown</output>'
            "</form>"
        )


def _photo(entry: GalleryEntry, source: str) -> str:
    wrong = "" if entry.right else f', <b class="rcx-wrong">wrong</b>: it is {escape(entry.true)}'
    return (
        f'<figure class="rcx-photo"><img src="{source}" alt="The image {escape(entry.name)}">'
        f"<figcaption><b>{escape(entry.name)}</b><br>predicted {escape(entry.predicted)}{wrong}"
        "</figcaption></figure>"
    )


def _panel(entry: GalleryEntry, source: str, number: int) -> str:
    data = {
        "method": entry.method,
        "lambda": f"{entry.lambda_k:g}",
        "label": "kept" if entry.kept else "lost",
        "prediction": "right" if entry.right else "wrong",
    }
    told = " ".join(f'data-{key}="{escape(value)}"' for key, value in data.items())
    title = f"{entry.method}, lambda {entry.lambda_k:g}"
    alt = f"{title}, of {entry.name}: label {data['label']}"
    lost = "" if entry.kept else f'<br><b class="rcx-wrong">lost</b> to {escape(entry.after)}'
    return (
        f'<figure class="rcx-panel" id="panel-{number}" {told}>'
        f'<img src="{source}" alt="{escape(alt)}">'
        f'<figcaption><a href="#panel-{number}" title="Link to this panel">{number}</a> '
        f"{escape(title)}{lost}<br>{escape(entry.explained)}<br>probability "
        f"{entry.probability:.2f} → {entry.probability_after:.2f}<br>"
        f"non-sparsity {entry.nonsparsity:.4f}<br>"
        f"distortion {entry.distortion:.4f}</figcaption></figure>"
    )
