"""The README's picture: ``python -m rcx.report.readme_picture [FILE]``."""

import sys
from pathlib import Path

from rcx.classifiers.profiles import load_profile
from rcx.explain.cartoonx import CartoonX
from rcx.explain.pixel_rde import PixelRDE
from rcx.images.figures import StyledFigure, picture_grid


def readme_picture(n_images: int = 4, seed: int = 0) -> StyledFigure:
    """Show the sample's first scenes above their CartoonX and their Pixel RDE.

    Parameters
    ----------
    n_images : int
        How many scenes, a column each.
    seed : int
        Of scenes and noise.

    Returns
    -------
    Figure
    """
    sample = load_profile("sample", n_images=n_images, seed=seed)
    methods = [CartoonX, PixelRDE]
    found = [method(sample.classifier, seed=seed).explain(sample.images) for method in methods]
    captions = [
        [f"{row.settings['method']}, probability {float(row.probability_after):.2f}" for row in one]
        for one in found
    ]
    shown = [
        f"{sample.classifier.label(int(row.target))}, probability {float(row.probability):.2f}"
        for row in found[0]
    ]
    rows = [sample.images, *(one.picture for one in found)]
    return picture_grid([list(row) for row in rows], captions=[shown, *captions])


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "book/images/explanations.png")
    target.parent.mkdir(parents=True, exist_ok=True)
    # kept in the repository: small, and the same bytes from the same pixels
    png = {"dpi": 80, "metadata": {"Software": None}, "pil_kwargs": {"optimize": True}}
    readme_picture().savefig(target, **png)
