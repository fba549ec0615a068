"""Action Units from MediaPipe's 52 blendshape scores, those that answer.

Over 300 faces cheekSquint and noseSneer never left 0.000 and eyeWide hardly moved (FACTS.md): AU6, AU9 and AU5 are not
read from them, and AU15 and AU20 are said by scores that mostly tell something else of the mouth.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from facsmith._types import Array
from facsmith.facs import DISFA

__all__ = ["DEAD", "from_blendshapes"]


DEAD: Final = (5, 6, 9)
"""AUs whose blendshapes do not answer: NaN in every reading."""

_SCORES: Final[Mapping[int, tuple[str, ...]]] = {
    1: ("browInnerUp",),
    2: ("browOuterUpLeft", "browOuterUpRight"),
    4: ("browDownLeft", "browDownRight"),
    12: ("mouthSmileLeft", "mouthSmileRight"),
    15: ("mouthFrownLeft", "mouthFrownRight"),
    17: ("mouthShrugLower",),
    20: ("mouthStretchLeft", "mouthStretchRight"),
    26: ("jawOpen",),
}
_LIPS: Final = ("mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight")


def from_blendshapes(scores: Mapping[str, float]) -> Array:
    """(12,) in [0, 1]: the mean of an AU's scores; AU25 parts the lips by themselves or with the jaw; NaN for
    `DEAD`."""
    read = np.full(len(DISFA), np.nan)
    for au, names in _SCORES.items():
        read[DISFA.index(au)] = np.mean([scores[name] for name in names])
    read[DISFA.index(25)] = max(scores["jawOpen"], float(np.mean([scores[name] for name in _LIPS])))
    return read
