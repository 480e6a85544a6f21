"""Draw the README's picture: ``python -m rcx.report.readme_picture [FILE]``."""

import sys
from pathlib import Path

from rcx.classifiers.profiles import load_profile
from rcx.explain.cartoonx import CartoonX
from rcx.explain.pixel_rde import PixelRDE
from rcx.images.figures import StyledFigure, picture_grid


def readme_picture(n_images: int = 4, seed: int = 0) -> StyledFigure:
    """Show the first packaged photographs above their CartoonX and their Pixel RDE.

    Parameters
    ----------
    n_images : int
        Number of photographs. Each is a column.
    seed : int
        Seed of the noise.

    Returns
    -------
    StyledFigure
    """
    photos = load_profile("photos", n_images=n_images, seed=seed)
    explanations = [
        method(photos.classifier, seed=seed).explain(photos.images)
        for method in (CartoonX, PixelRDE)
    ]
    classes = [
        f"{photo.label(int(photo.target))}, probability {float(photo.probability):.2f}"
        for photo in explanations[0]
    ]
    captions = [
        [
            f"{cartoon.settings['method']}, probability {float(cartoon.probability_after):.2f}"
            for cartoon in row
        ]
        for row in explanations
    ]
    pictures = [photos.images, *(explanation.picture for explanation in explanations)]
    return picture_grid([list(row) for row in pictures], captions=[classes, *captions])


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "book/images/explanations.png")
    target.parent.mkdir(parents=True, exist_ok=True)
    # The picture is kept in the repository, so it is small, and equal pixels give equal bytes.
    png = {"metadata": {"Software": None}, "pil_kwargs": {"optimize": True}}
    readme_picture().savefig(target, dpi=80, **png)
