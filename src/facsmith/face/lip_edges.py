"""Where the lips of an open mouth end in the photo itself. Face frame of `face.muscles`.

A landmarker's five points of an inner contour lie a few hundredths of an IOD off and say nothing of the contour between
them. Teeth that are left on the wrong side of it move with the lip, and stay on it as a rim. Colours tell more: those
of the lips, those of the opening, and where in each column the one becomes the other.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from facsmith._types import Array
from facsmith.face.mouth import LipLine, ramp
from facsmith.face.muscles import FaceFrame
from facsmith.face.paths import best_path

__all__ = ["lip_edges"]


_OPEN: Final = 0.06  # IOD between the lips from which colours tell what lies between them
_COLUMNS: Final = 65
_REACH, _ROW = 0.05, 0.005  # IOD from the landmarker's contour that is looked at, and its rows
_BLUR: Final = 0.006  # IOD
_LIP: Final = np.linspace(0.3, 0.8, 8)[:, None]  # of a lip from its inner edge: where its colours are looked at
_INSIDE: Final = np.linspace(0.12, 0.88, 14)[:, None]  # the same of the opening
_MIDDLE, _WIDE = 0.72, 0.3  # of the mouth's width, and of its opening in the middle, where they are looked at
_SAMPLES: Final = 250
_ALIKE: Final = 7.0  # units of Lab
_RARE: Final = 1e-4  # the density of colours that neither of the two has
_SURE: Final = 2.5  # the most that the colour of one place says, natural logarithm of odds
_RATHER: Final = 0.7  # in favour of the opening: a lip's red in it is less seen than a tooth on a lip
_BENDS, _NEAR = 1.0, 0.08  # what a row's step from column to column costs, and a row from the landmarker's, squared
_STEPS: Final[Array] = np.arange(-3.0, 4.0)  # rows a column
_CORNER: Final = 0.08  # IOD from a corner in which the landmarker's contour takes over


def lip_edges(picture: NDArray[np.float32], frame: FaceFrame, face: Array, lips: LipLine) -> Array:
    """How much lower the photo has the lips' inner contours than its landmarks.

    Parameters
    ----------
    picture
        (h, w, 3) in [0, 255].
    frame
        Of the face in the picture's pixels.
    face
        (68, 2) landmarks, face coordinates.
    lips
        By the landmarks alone.

    Returns
    -------
    (2, columns) IOD of the upper and of the lower contour, from corner to corner; 0 where the mouth is as good as shut.
    """
    off = np.zeros((2, _COLUMNS))
    if lips.gap < _OPEN:
        return off
    smooth = cv2.GaussianBlur(picture, (0, 0), max(_BLUR * frame.iod, 0.3))
    x = np.linspace(lips.left, lips.right, _COLUMNS)
    gap = np.maximum(lips.lower(x) - lips.upper(x), 0)
    middle = np.abs(x - lips.middle) < _MIDDLE / 2 * (lips.right - lips.left)
    wide = gap > _WIDE * lips.gap
    rows = np.arange(-_REACH, _REACH + _ROW / 2, _ROW)[:, None]
    if not middle.any() or not wide.any():
        return off

    def colours(x: Array, y: Array) -> NDArray[np.float32]:
        at = frame.to_photo(np.stack([np.broadcast_to(x, y.shape), y], axis=-1)).astype(np.float32)
        seen = cv2.remap(smooth, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.cvtColor(seen / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)

    contours = ((lips.upper(x), face[48:55], 1), (lips.lower(x), face[[48, 59, 58, 57, 56, 55, 54]], -1))
    for which, (inner, outline, inwards) in enumerate(contours):
        outer = np.interp(x, outline[:, 0], outline[:, 1])
        lip = colours(x[middle], (inner + _LIP * (outer - inner))[:, middle])
        inside = colours(x[wide], (inner + inwards * _INSIDE * gap)[:, wide])
        seen = colours(x, inner + rows)
        says = np.clip(_density(seen, inside) - _density(seen, lip) + _RATHER, -_SURE, _SURE)
        skin = inwards * (outer - inner - rows) > -0.2 * np.abs(outer - inner)
        says[skin] = np.minimum(says[skin], 0)  # the opening ends before the lip does
        before = np.concatenate([np.zeros((1, len(x))), np.cumsum(-inwards * says, axis=0)])
        row = np.arange(len(before))[:, None] - len(rows) / 2
        best = best_path((2 * before - before[-1] - _NEAR * row**2).T, _BENDS * _STEPS**2)
        off[which] = (best - len(rows) / 2) * _ROW
    off = cv2.GaussianBlur(off, (0, 0), sigmaX=2.0, sigmaY=1e-3, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(off) * ramp(np.minimum(x - lips.left, lips.right - x) / _CORNER - 0.5)


def _density(colours: NDArray[np.float32], of: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w) natural logarithm of how often colours like (h, w, 3) are among (n, m, 3)."""
    of = of.reshape(-1, 3)
    of = of[:: -(-len(of) // _SAMPLES)]
    weights = np.array([0.7, 1, 1], np.float32) / np.float32(_ALIKE)
    these, those = (colours - of.mean(axis=0)) * weights, (of - of.mean(axis=0)) * weights
    far = (these**2).sum(axis=-1)[..., None] + (those**2).sum(axis=-1) - 2 * (these @ those.T)
    return np.asarray(np.log(np.exp(-far / 2).mean(axis=-1) + _RARE), np.float32)
