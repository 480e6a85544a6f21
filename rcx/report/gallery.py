"""A page of explanations with filters: plain HTML with a little script, and pictures inside it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

import numpy.typing as npt
from torch import Tensor

from rcx.classifiers.classifier import Classifier
from rcx.explain.explanation import Explanation
from rcx.images.encoding import data_uri

# The pictures of a gallery have at most this many bytes, so that its page stays below 5 MB.
_MOST_BYTES = 3_500_000
# The longest side in pixels, and the quality of WebP: from the best encoding to the smallest.
_ENCODINGS = ((256, 80), (224, 70), (192, 60), (128, 50), (96, 40))
_PROBED = 16  # pictures that are encoded to estimate the size of all


@dataclass(frozen=True)
class GalleryEntry:
    """An explanation of an image.

    Attributes
    ----------
    name : str
        Name of the image, such as its file's name.
    image, picture : array-like
        The image and the picture that explains it, as for `rcx.images.data_uri`.
    method : str
        Name of the method.
    lambda_k : float
        Trade-off of the explanation.
    true, predicted, explained, after : str
        Names of classes: the image's own class, the predicted class, the explained class, and the
        class that is predicted when everything else is noise.
    probability, probability_after : float
        Probabilities of the explained class, for the image and when everything else is noise.
    nonsparsity, distortion : float
        Rate and distortion of the explanation.
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
    def label_kept(self) -> bool:
        """Whether the explained class is still predicted when everything else is noise."""
        return self.explained == self.after

    @property
    def right(self) -> bool:
        """Whether the prediction is the true class."""
        return self.true == self.predicted


def gallery_entries(
    classifier: Classifier,
    images: Tensor,
    labels: Tensor,
    names: Sequence[str],
    explanations: Iterable[Explanation],
) -> list[GalleryEntry]:
    """List explanations of the same images, with an entry for each image and explanation.

    Parameters
    ----------
    classifier : Classifier
        Classifier whose class names are used.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    labels : Tensor
        ``(N,)``, the true classes.
    names : sequence of str
        Names of the N images.
    explanations : iterable of Explanation
        Explanations of all N images, such as by several methods or for several lambdas.

    Returns
    -------
    list of GalleryEntry
        Entries in the order of the images.
    """
    label = classifier.label
    by_image: list[list[GalleryEntry]] = [[] for _ in names]
    for batch in explanations:
        for row, (explanation, name) in enumerate(zip(batch, names, strict=True)):
            entry = GalleryEntry(
                name,
                images[row],
                explanation.picture[0],
                str(explanation.settings["method"]),
                float(explanation.lambda_k),
                label(int(labels[row])),
                label(int(explanation.predicted)),
                label(int(explanation.target)),
                label(int(explanation.predicted_after)),
                float(explanation.probability),
                float(explanation.probability_after),
                float(explanation.nonsparsity),
                float(explanation.distortion),
            )
            by_image[row].append(entry)
    return list(itertools.chain.from_iterable(by_image))


class Gallery:
    """Explanations beside their images, filtered by method, lambda, label and prediction.

    A gallery shows itself in a notebook. Each panel has its own address, to which its number links.

    Parameters
    ----------
    entries : sequence of GalleryEntry
        Explanations. Those of one image follow each other.

    Raises
    ------
    ValueError
        If there is no entry.
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
        sources, numbers = iter(self._sources()), itertools.count(1)
        rows = []
        for entries in self._by_image():
            panels = [_photo(entries[0], next(sources))]
            panels += [_panel(entry, next(sources), next(numbers)) for entry in entries]
            name = escape(entries[0].name)
            rows.append(f'<section class="rcx-row" aria-label="{name}">{"".join(panels)}</section>')
        return (
            f'<style>{style}</style><div class="rcx-gallery" id="gallery">{self._filters()}'
            f"{''.join(rows)}</div><script>{script}</script>"
        )

    def __repr__(self) -> str:
        return f"Gallery of {len(self.entries)} explanations"

    def _by_image(self) -> Iterator[list[GalleryEntry]]:
        for _, group in itertools.groupby(self.entries, key=lambda entry: entry.name):
            yield list(group)

    def _sources(self) -> list[str]:
        """Encode each image once, and each of its explanations, as large as the page allows."""
        pictures: list[npt.ArrayLike] = []
        for entries in self._by_image():
            pictures += [entries[0].image, *(entry.picture for entry in entries)]
        probe = pictures[:: max(1, len(pictures) // _PROBED)]
        for side, quality in _ENCODINGS:
            size = sum(len(data_uri(pixels, side=side, quality=quality)) for pixels in probe)
            if size * len(pictures) / len(probe) <= _MOST_BYTES:
                break
        return [data_uri(pixels, side=side, quality=quality) for pixels in pictures]

    def _filters(self) -> str:
        lambdas = sorted({entry.lambda_k for entry in self.entries})
        choices: dict[str, Iterable[str]] = {
            "method": dict.fromkeys(entry.method for entry in self.entries),
            "lambda": [f"{lambda_k:g}" for lambda_k in lambdas],
            "label": ["kept", "lost"],
            "prediction": ["right", "wrong"],
        }
        selects = ""
        for key, values in choices.items():
            options = "".join(f"<option>{escape(value)}</option>" for value in values)
            selects += (
                f'<label>{key} <select data-filter="{key}"><option value="">all</option>{options}'
                "</select></label>"
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
    properties = {
        "method": entry.method,
        "lambda": f"{entry.lambda_k:g}",
        "label": "kept" if entry.label_kept else "lost",
        "prediction": "right" if entry.right else "wrong",
    }
    data = " ".join(f'data-{key}="{escape(value)}"' for key, value in properties.items())
    title = f"{entry.method}, lambda {entry.lambda_k:g}"
    alt = f"{title}, of {entry.name}: label {properties['label']}"
    lost = "" if entry.label_kept else f'<br><b class="rcx-wrong">lost</b> to {escape(entry.after)}'
    return (
        f'<figure class="rcx-panel" id="panel-{number}" {data}>'
        f'<img src="{source}" alt="{escape(alt)}">'
        f'<figcaption><a href="#panel-{number}" title="Link to this panel">{number}</a> '
        f"{escape(title)}{lost}<br>{escape(entry.explained)}<br>probability "
        f"{entry.probability:.2f} → {entry.probability_after:.2f}<br>"
        f"non-sparsity {entry.nonsparsity:.4f}<br>"
        f"distortion {entry.distortion:.4f}</figcaption></figure>"
    )
