"""Where each Action Unit of a film comes from: the generator's latent, the face's muscles, or the eyes themselves."""

from collections.abc import Iterable
from typing import Literal

from facsmith.boundary import BoundarySet
from facsmith.facs import EYE_AUS

__all__ = ["Way", "way", "ways"]

Way = Literal["latent", "muscles", "eyes"]
"""latent: the generator has a boundary for it. muscles: a warp of the photo by the muscle table. eyes: blink, wink and
gaze, on the photo's own eyes."""


def way(au: int, boundaries: BoundarySet) -> Way:
    """Where a model with these boundaries takes an AU from."""
    if au in EYE_AUS:
        return "eyes"
    return "latent" if au in boundaries.aus else "muscles"


def ways(aus: Iterable[int], boundaries: BoundarySet) -> dict[str, Way]:
    """``{"AU12": "latent", "AU7": "muscles"}``."""
    return {f"AU{au}": way(au, boundaries) for au in aus}
