"""HDR pictures as an ordinary screen would show them, and back: one curve for every channel, so that it can be undone.

PQ codes stand for light up to 10,000 cd/m2 (SMPTE ST 2084), HLG ones for light up to 1,000 on the screen that it was
made for (ITU-R BT.2100). Diffuse white is 203 cd/m2 in both (ITU-R BT.2408); what is brighter is rolled off (Reinhard
et al. 2002, with a burnt-out white at the brightest light there is), and the rest is shown with a power of 2.4.
Primaries stay as they are: the wide gamut's colours look a little pale, which matters little to who reads faces.
"""

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facsmith._types import Array

__all__ = ["hdr_codes", "shown"]


_WHITE: Final = 203.0  # cd/m2
_BRIGHTEST: Final = {"PQ": 10000.0, "HLG": 1000.0}  # cd/m2
_POWER: Final = 2.4


def shown(codes: npt.NDArray[np.uint16], hdr: str) -> npt.NDArray[np.uint8]:
    """Codes (...), 65535 the largest, as an ordinary screen shows them, (...) uint8. hdr: ``"PQ"`` or ``"HLG"``."""
    return _tables(hdr)[0][codes]


def hdr_codes(pixels: npt.NDArray[np.uint8], hdr: str) -> npt.NDArray[np.uint16]:
    """The codes (...) that are `shown` as these pixels (...)."""
    return _tables(hdr)[1][pixels]


@lru_cache(maxsize=2)
def _tables(hdr: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
    codes: Array = np.linspace(0.0, 1.0, 1 << 16)
    level = _rolled_off(_light(codes, hdr) / _WHITE, _BRIGHTEST[hdr] / _WHITE) ** (1 / _POWER)
    back: Any = np.interp(np.linspace(0.0, 1.0, 256), level, codes)
    return np.rint(255 * level).astype(np.uint8), np.rint(65535 * back).astype(np.uint16)


def _light(code: Array, hdr: str) -> Array:
    """cd/m2 of codes in [0, 1]."""
    if hdr == "PQ":
        power = code ** (32 / 2523)
        return 10000.0 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (8192 / 1305)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return _BRIGHTEST["HLG"] * np.clip(scene, 0, 1) ** 1.2


def _rolled_off(light: Array, most: float) -> Array:
    return light * (1 + light / most**2) / (1 + light)
