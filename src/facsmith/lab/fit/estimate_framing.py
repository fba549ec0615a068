"""How a generator frames faces, from the faces in its own pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.face import crop_transform
from facsmith.face.points import eye_centers
from facsmith.framing import PRESETS, Framing

__all__ = ["FramingEstimate", "estimate_framing"]


_SAME: Final = 0.06  # of the side: presets that miss by less are what the generator was trained with


@dataclass(frozen=True)
class FramingEstimate:
    """How a generator frames its faces.

    Parameters
    ----------
    framing
        A preset where one fits, else the median numbers.
    faces
        How many faces were looked at.
    spread
        Spread of side and centre over the faces, in IOD (median absolute deviation).
    misses
        Preset -> by what part of its side its square is off the picture, median over the faces.
    """

    framing: Framing
    faces: int
    spread: tuple[float, float]
    misses: dict[str, float]


def estimate_framing(faces: Sequence[npt.ArrayLike], resolution: int) -> FramingEstimate:
    """Estimate how a generator frames its faces.

    A generator trained on crops by a formula draws pictures whose own square, by that formula, is the picture. So each
    preset is laid on each face, and the one that misses the pictures least is taken, if it does not miss them by more
    than 6 of a hundred; a formula that knows the mouth tells faces long and short apart where eyes alone cannot.

    Parameters
    ----------
    faces
        Landmarks (68, 2) each, in pixels of the pictures; at least one.
    resolution
        Side of the pictures, in pixels.
    """
    points = [np.asarray(landmarks, np.float64) for landmarks in faces]
    misses = {
        name: float(np.median([_miss(face, resolution, preset) for face in points])) for name, preset in PRESETS.items()
    }
    best = min(misses, key=misses.__getitem__)
    eyes = np.stack([eye_centers(face) for face in points])
    iods = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    across = (eyes[:, 1] - eyes[:, 0]) / iods[:, None]
    down = np.stack([-across[:, 1], across[:, 0]], axis=1)
    offset = (resolution - 1) / 2 - eyes.mean(axis=1)
    sides, below = resolution / iods, (offset * down).sum(axis=1) / iods
    middle = float(np.median(sides)), float(np.median(below))
    spread = tuple(float(np.median(np.abs(v - m))) for v, m in zip((sides, below), middle, strict=True))
    own = Framing(round(middle[0], 2), round(middle[1], 2))
    return FramingEstimate(
        framing=PRESETS[best] if misses[best] <= _SAME else own,
        faces=len(points),
        spread=(spread[0], spread[1]),
        misses={name: round(value, 4) for name, value in misses.items()},
    )


def _miss(landmarks: Array, resolution: int, framing: Framing) -> float:
    """By what part of the side the corners of a preset's square are off the picture's, root of the mean square."""
    corners = np.array([[x, y] for x in (-0.5, resolution - 0.5) for y in (-0.5, resolution - 0.5)])
    off = crop_transform(landmarks, resolution, framing).to_crop(corners) - corners
    return float(np.sqrt((off**2).sum(axis=1).mean()) / resolution)
