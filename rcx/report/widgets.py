"""Widgets that move in a page without a kernel: sliders that choose one of several views.

They are joined by ``jslink`` alone, which runs in the browser. A Python callback would be dead in
the built book. A view is one HTML widget with its pictures and numbers: the text that stands for a
picture, which ipywidgets' own pictures lack, comes with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy.typing as npt
from ipywidgets import (
    HTML,
    Dropdown,
    HBox,
    IntSlider,
    Layout,
    Play,
    SelectionSlider,
    Stack,
    VBox,
    Widget,
    jslink,
)

from rcx.images.encoding import data_uri
from rcx.system.text import shortened

_WIDE = {"description_width": "initial"}


@dataclass(frozen=True)
class Frame:
    """One position of a slider: pictures, and the numbers that move along.

    Attributes
    ----------
    label : str
        What the slider says.
    pictures : mapping of str to array-like
        By caption, as for `picture`.
    numbers : mapping of str to str
        By name, as they are to be read.
    lost : bool
        Whether the label is lost, which colours the numbers.
    """

    label: str
    pictures: Mapping[str, npt.ArrayLike]
    numbers: Mapping[str, str]
    lost: bool = False

    def view(self, width: int = 256) -> HTML:
        """Show the pictures side by side, and the numbers below them."""
        figures = "".join(_figure(pixels, name, width) for name, pixels in self.pictures.items())
        rows = "".join(
            f"<tr><th scope='row'>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in self.numbers.items()
        )
        colour = " rcx-lost" if self.lost else ""
        return HTML(
            f"<div class='rcx-pictures'>{figures}</div>"
            f"<table class='rcx-numbers{colour}'><tbody>{rows}</tbody></table>"
        )


def picture(pixels: npt.ArrayLike, width: int = 256, alt: str = "picture") -> HTML:
    """Make a picture a widget.

    Parameters
    ----------
    pixels : array-like
        Values in [0, 1], of shape (H, W), (1, H, W) or (3, H, W); tensors on the CPU too.
    width : int
        Width on the page, in pixels.
    alt : str
        What it shows, for those who do not see it.

    Returns
    -------
    HTML
    """
    return HTML(_img(pixels, width, alt))


def slider(views: Sequence[Widget], labels: Sequence[object], description: str = "") -> VBox:
    """Choose one of several views by a slider over labels.

    Parameters
    ----------
    views : sequence of Widget
        What is shown, one at a time; views may hold sliders of their own.
    labels : sequence
        What the slider says for each view.
    description : str
        What stands before the slider.

    Returns
    -------
    VBox
        The slider above the view.
    """
    stack = Stack(children=list(views), selected_index=0)
    chooser = _chooser(labels, description, 0)
    jslink((chooser, "index"), (stack, "selected_index"))
    return VBox([chooser, stack])


def film(frames: Sequence[Widget], milliseconds: int = 200) -> VBox:
    """Show views one after the other, by a play button and a slider.

    Parameters
    ----------
    frames : sequence of Widget
        The views in order.
    milliseconds : int
        How long each is shown.

    Returns
    -------
    VBox
        Button and slider above the view.
    """
    stack = Stack(children=list(frames), selected_index=0)
    play = Play(min=0, max=len(frames) - 1, interval=milliseconds)
    position = IntSlider(min=0, max=len(frames) - 1)
    jslink((play, "value"), (position, "value"))
    jslink((position, "value"), (stack, "selected_index"))
    return VBox([HBox([play, position]), stack])


def frame_slider(
    rows: Mapping[str, tuple[npt.ArrayLike, Sequence[Frame]]],
    description: str,
    *,
    start: int = 0,
    caption: str = "",
    milliseconds: int | None = None,
    width: int = 256,
) -> VBox:
    """Move through frames of an image, or of several images that one slider moves together.

    Parameters
    ----------
    rows : mapping of str to (array-like, sequence of Frame)
        By name: the image, which stays, and its frames. All rows have frames of the same labels.
    description : str
        What the slider moves through.
    start : int
        Number of the frame that is shown first.
    caption : str
        What is seen, and what to look for.
    milliseconds : int, optional
        Add a button that plays the frames, and how long each is shown.
    width : int
        Of a picture on the page, in pixels.

    Returns
    -------
    VBox
        Controls, the chosen image with the chosen frame, and the caption.
    """
    labels = [[frame.label for frame in frames] for _, frames in rows.values()]
    if not labels or not labels[0] or any(other != labels[0] for other in labels):
        raise ValueError("a frame_slider needs frames, and the same labels for every image")
    stacks = [
        Stack(children=[frame.view(width) for frame in frames], selected_index=start)
        for _, frames in rows.values()
    ]
    images = [HTML(_figure(image, name, width)) for name, (image, _) in rows.items()]
    wrapped = Layout(flex_flow="row wrap")
    panels = [HBox(pair, layout=wrapped) for pair in zip(images, stacks, strict=True)]
    chooser = _chooser(labels[0], description, start)
    for stack in stacks:
        jslink((chooser, "index"), (stack, "selected_index"))
    controls: list[Widget] = [chooser]
    if milliseconds is not None:
        play = Play(value=start, min=0, max=len(labels[0]) - 1, interval=milliseconds)
        jslink((play, "value"), (chooser, "index"))
        controls.insert(0, play)
    shown: Widget = panels[0]
    if len(panels) > 1:
        shown = Stack(children=panels, selected_index=0)
        names = Dropdown(options=list(rows), index=0, description="image", style=_WIDE)
        jslink((names, "index"), (shown, "selected_index"))
        controls.insert(0, names)
    parts: list[Widget] = [HBox(controls, layout=wrapped), shown]
    if caption:
        parts.append(HTML(f"<p class='rcx-caption'>{escape(caption)}</p>"))
    box = VBox(parts)
    box.add_class("rcx-frame_slider")
    return box


def _chooser(labels: Sequence[object], description: str, start: int) -> SelectionSlider:
    # equal labels would be one option
    options = [(str(label), number) for number, label in enumerate(labels)]
    return SelectionSlider(options=options, index=start, description=description, style=_WIDE)


def _figure(pixels: npt.ArrayLike, caption: str, width: int) -> str:
    name = escape(shortened(caption, 60))
    return f"<figure>{_img(pixels, width, caption)}<figcaption>{name}</figcaption></figure>"


def _img(pixels: npt.ArrayLike, width: int, alt: str) -> str:
    return f"<img src='{data_uri(pixels)}' width='{width}' alt='{escape(alt, quote=True)}'>"
