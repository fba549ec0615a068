"""Faces to begin with: a portrait that scikit-image carries, and people who do not exist."""

from typing import Final, NamedTuple

import numpy as np

from facsmith import _optional
from facsmith._types import Image
from facsmith.animator import Animator

__all__ = ["SAMPLES", "SAMPLE_PSI", "Sample", "sample_photo"]

SAMPLE_PSI: Final = 0.6
"""Truncation of new faces: clean, and still different from one another."""


class Sample(NamedTuple):
    """A photo to try the studio with.

    Parameters
    ----------
    label
        The text that people read.
    seed
        Seed of a face of nobody. None: the portrait that scikit-image carries.
    """

    label: str
    seed: int | None


SAMPLES: Final = {
    "astronaut": Sample("Eileen Collins (NASA)", None),
    "nobody-39": Sample("Nobody, seed 39", 39),
    "nobody-18": Sample("Nobody, seed 18", 18),
}


def sample_photo(animator: Animator, key: str) -> Image:
    """The picture of one of ``SAMPLES``, (H, W, 3) uint8."""
    seed = SAMPLES[key].seed
    if seed is not None:
        return animator.sample(seed, psi=SAMPLE_PSI).photo
    return np.array(_optional.load("skimage.data").astronaut(), np.uint8)
