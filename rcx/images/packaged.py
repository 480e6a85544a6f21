"""The photographs that come inside scikit-image and scikit-learn, so that nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rcx.images.checks import ImageError


@dataclass(frozen=True)
class PackagedPhoto:
    """A photograph inside another package.

    Attributes
    ----------
    name : str
        What it shows.
    package, file : str
        The module and, in its folder, the file.
    label : int or None
        Index of the class of ImageNet that comes nearest to it, or None if none does.
    credit : str
        Its author, as far as known, and its licence.
    """

    name: str
    package: str
    file: str
    label: int | None
    credit: str

    @property
    def path(self) -> Path:
        """The file.

        Raises
        ------
        ImageError
            If the package is not installed, or its file is missing.
        """
        found = find_spec(self.package)
        path = Path((found and found.origin) or self.package).parent / self.file
        if not path.is_file():
            raise ImageError(
                f"the photograph of the {self.name} is not there: install scikit-image and "
                "scikit-learn with pip install 'rcx[baselines]', or use the sample profile"
            )
        return path


_PUBLIC_DOMAIN = "public domain"
_SKIMAGE, _SKLEARN = "skimage", "sklearn"

PACKAGED_PHOTOS = (
    PackagedPhoto("cat", _SKIMAGE, "data/chelsea.png", 285, "Stefan van der Walt, CC0"),
    PackagedPhoto("espresso", _SKIMAGE, "data/coffee.png", 967, "Rachel Michetti, CC0"),
    PackagedPhoto("rocket", _SKIMAGE, "data/rocket.jpg", 657, f"SpaceX, {_PUBLIC_DOMAIN}"),
    PackagedPhoto(
        "pagoda", _SKLEARN, "datasets/images/china.jpg", 698, "danielbuechele on Flickr, CC BY 2.0"
    ),
    PackagedPhoto(
        "dahlia", _SKLEARN, "datasets/images/flower.jpg", None, "vultilion on Flickr, CC BY 2.0"
    ),
    PackagedPhoto("astronaut", _SKIMAGE, "data/astronaut.png", None, f"NASA, {_PUBLIC_DOMAIN}"),
    PackagedPhoto("moped", _SKIMAGE, "data/motorcycle_left.png", 665, "no licence stated"),
)
"""The packaged photographs, those whose pictures may be published first."""
