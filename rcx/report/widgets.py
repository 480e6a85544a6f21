"""Widgets that move in a page without a kernel: a slider that chooses one of several frames.

They are joined by ``jslink`` alone, which runs in the browser; a Python callback would be dead in
the built book. A frame is one HTML widget with its pictures and numbers, because the picture
widgets of ipywidgets have no text that describes the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

import numpy.typing as npt

from rcx.images.encoding import data_uri
from rcx.system.text import shortened

try:
    from ipywidgets import (
        HTML,
        Dropdown,
        HBox,
        Layout,
        Play,
        SelectionSlider,
        Stack,
        Tab,
        VBox,
        Widget,
        jslink,
    )
except ImportError as error:
    raise ImportError("sliders need ipywidgets: pip install 'rcx[notebook]'") from error

_WIDE = {"description_width": "initial"}
_CAPTION_WIDTH = 60  # characters


@dataclass(frozen=True)
class Frame:
    """One position of a slider: pictures, and the numbers that belong to them.

    Attributes
    ----------
    label : str
        Text that the slider shows at this position.
    pictures : mapping of str to array-like
        Pictures by caption: ``(H, W)``, ``(1, H, W)`` or ``(3, H, W)`` in [0, 1].
    numbers : mapping of str to str
        Numbers by name, written as they are to be read.
    lost : bool
        Whether the label is lost. The first number is then red.
    """

    label: str
    pictures: Mapping[str, npt.ArrayLike]
    numbers: Mapping[str, str]
    lost: bool = False

    def view(self, width: int = 256) -> HTML:
        """Show the pictures side by side, each ``width`` pixels wide, above the numbers."""
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


def frame_slider(
    rows: Mapping[str, tuple[npt.ArrayLike, Sequence[Frame]]],
    description: str,
    *,
    start: int = 0,
    caption: str = "",
    milliseconds: int | None = None,
    width: int = 256,
) -> VBox:
    """Move through the frames of an image, or of several images that one slider moves together.

    Parameters
    ----------
    rows : mapping of str to (array-like, sequence of Frame)
        For each name of an image, the image, which stays, and its frames. The frames of all images
        have the same labels.
    description : str
        Text before the slider: what it moves through.
    start : int
        Position of the frame that is shown first.
    caption : str
        Text below the frame.
    milliseconds : int, optional
        How long a button shows each frame when it plays them. By default, there is no such button.
    width : int
        Width of a picture on the page, in pixels.

    Returns
    -------
    VBox
        The controls, the image beside its frame, and the caption.

    Raises
    ------
    ValueError
        If there are no frames, or the frames of two images have different labels.
    """
    labels = [[frame.label for frame in frames] for _, frames in rows.values()]
    if not labels or not labels[0] or any(other != labels[0] for other in labels):
        raise ValueError("a slider needs frames, and the same labels for every image")
    stacks = [
        Stack(children=[frame.view(width) for frame in frames], selected_index=start)
        for _, frames in rows.values()
    ]
    images = [HTML(_figure(image, name, width)) for name, (image, _) in rows.items()]
    wrapped = Layout(flex_flow="row wrap")
    panels = [HBox(pair, layout=wrapped) for pair in zip(images, stacks, strict=True)]
    # A selection would take equal labels for one option, so that the option's value is a number.
    options = [(label, position) for position, label in enumerate(labels[0])]
    slider = SelectionSlider(options=options, index=start, description=description, style=_WIDE)
    for stack in stacks:
        jslink((slider, "index"), (stack, "selected_index"))
    controls: list[Widget] = [slider]
    if milliseconds is not None:
        play = Play(value=start, min=0, max=len(options) - 1, interval=milliseconds)
        jslink((play, "value"), (slider, "index"))
        controls.insert(0, play)
    panel: Widget = panels[0]
    if len(panels) > 1:
        panel = Stack(children=panels, selected_index=0)
        names = Dropdown(options=list(rows), index=0, description="image", style=_WIDE)
        jslink((names, "index"), (panel, "selected_index"))
        controls.insert(0, names)
    parts: list[Widget] = [HBox(controls, layout=wrapped), panel]
    if caption:
        parts.append(HTML(f"<p class='rcx-caption'>{escape(caption)}</p>"))
    css = files("rcx.report").joinpath("widgets.css").read_text(encoding="utf-8")
    parts.append(HTML(f"<style>{css}</style>", layout=Layout(display="none")))
    box = VBox(parts)
    box.add_class("rcx-frame-slider")
    return box


def in_tabs(widgets: Mapping[str, Widget]) -> Tab:
    """Put each widget into a tab, by the tab's title."""
    return Tab(children=list(widgets.values()), titles=list(widgets))


def _figure(pixels: npt.ArrayLike, caption: str, width: int) -> str:
    name, alt = escape(shortened(caption, _CAPTION_WIDTH)), escape(caption, quote=True)
    picture = f"<img src='{data_uri(pixels)}' width='{width}' alt='{alt}'>"
    return f"<figure>{picture}<figcaption>{name}</figcaption></figure>"
