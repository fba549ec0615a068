"""Colours that a photo can hold: what is painted into a grey or sepia photo is grey or sepia."""

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Palette"]

_MONOCHROME, _COLOURED = 1.5, 4.0
"""Spread of chroma (CIE Lab) around its mean at each lightness: below the first a photo has one tone, above the second
it is in colour."""
_GREY, _SKIN = 3.0, 8.0
"""Mean chroma of a grey photo's face, and of one in colour."""


@dataclass(frozen=True)
class Palette:
    """How a photo's chroma follows its lightness.

    Parameters
    ----------
    tone
        (3, 2) polynomial in lightness / 100 that gives the mean a, b of CIE Lab.
    colour
        In [0, 1]: 0 for a photo of one tone (grey, sepia), 1 for a photo in colour.
    chroma
        Mean length of (a, b): near 0 for a grey photo. Skin in colour has some 20.
    """

    tone: NDArray[np.float64]
    colour: float
    chroma: float

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> "Palette":
        """The palette of pixels (..., 3) uint8 RGB."""
        lab = _lab(np.asarray(pixels.reshape(1, -1, 3), np.float32))[0]
        design = _powers(lab[:, 0])
        solved: Any = cast(Any, np.linalg).lstsq(design, lab[:, 1:], rcond=None)
        tone = np.asarray(solved[0], np.float64)
        off = np.asarray(lab[:, 1:] - design @ tone, np.float64)
        spread = float(np.sqrt(np.mean(off**2)))
        chroma = float(np.linalg.norm(lab[:, 1:], axis=1).mean()) if lab.size else 0.0
        return cls(tone, float(np.clip((spread - _MONOCHROME) / (_COLOURED - _MONOCHROME), 0, 1)), chroma)

    @property
    def skin(self) -> float:
        """In [0, 1]: 0 where the photo is grey, so that whatever is darkened keeps its channels alike."""
        return float(np.clip((self.chroma - _GREY) / (_SKIN - _GREY), 0, 1))

    def toned(self, colours: NDArray[np.float32]) -> NDArray[np.float32]:
        """colours (H, W, 3) in [0, 255] as the photo would hold them: themselves in a photo in colour."""
        if self.colour >= 1 or not colours.size:
            return colours
        lab = _lab(colours)
        own = (_powers(lab[..., 0].ravel()) @ self.tone).reshape(*lab.shape[:2], 2)
        lab[..., 1:] = own + self.colour * (lab[..., 1:] - own)
        return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_Lab2RGB), 0, 1) * np.float32(255)


def _lab(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(np.clip(colours / np.float32(255), 0, 1), cv2.COLOR_RGB2Lab), np.float32)


def _powers(lightness: NDArray[Any]) -> NDArray[np.float64]:
    t: NDArray[np.float64] = np.asarray(lightness, np.float64) / 100
    return np.stack([np.ones_like(t), t, t * t], axis=1)
