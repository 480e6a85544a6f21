"""Widgets that move in a page without a kernel: sliders that choose one of several views.

They are joined by ``jslink`` alone, which runs in the browser. A Python callback would be dead in
the built book.
"""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from ipywidgets import (
    HBox,
    Image,
    IntSlider,
    Label,
    Play,
    SelectionSlider,
    Stack,
    VBox,
    Widget,
    jslink,
)
from PIL import Image as PillowImage


def picture(pixels: npt.ArrayLike, width: int = 256) -> Image:
    """Make a picture a widget.

    Parameters
    ----------
    pixels : array-like
        Values in [0, 1], of shape (H, W), (1, H, W) or (3, H, W); tensors on the CPU too.
    width : int
        Width on the page, in pixels.

    Returns
    -------
    Image
        The picture as PNG.
    """
    values = np.asarray(pixels, dtype=np.float64)
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    elif values.ndim == 3 and values.shape[0] == 3:
        values = values.transpose(1, 2, 0)
    elif values.ndim != 2:
        raise ValueError(f"A picture is (H, W), (1, H, W) or (3, H, W), not {values.shape}.")
    buffer = io.BytesIO()
    levels = (np.clip(values, 0, 1) * 255).round().astype(np.uint8)
    PillowImage.fromarray(levels).save(buffer, format="png", optimize=True)
    return Image(value=buffer.getvalue(), format="png", width=width)


def captioned(view: Widget, *lines: str) -> VBox:
    """Put lines of text below a view.

    Parameters
    ----------
    view : Widget
        What is shown.
    *lines : str
        The caption.

    Returns
    -------
    VBox
    """
    return VBox([view, *(Label(value=line) for line in lines)])


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
    options = [(str(label), number) for number, label in enumerate(labels)]
    chooser = SelectionSlider(options=options, description=description)
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
