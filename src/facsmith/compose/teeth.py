"""Teeth between lips that part on a photo that shows none.

A small generator has seen teeth in every mouth and single ones in none: what it draws is something bright. Where it
does, a row of teeth is painted in the photo's own light; where it draws the mouth's depth, that stays.
"""

import cv2
import numpy as np
import numpy.typing as npt

from facsmith.compose.flow import blur
from facsmith.compose.masks import fade
from facsmith.face.mouth import LipLine, paint_mouth

__all__ = ["Teeth"]

Image = npt.NDArray[np.float32]

_OWN_TEETH = 0.02, 0.05
"""IOD between the photo's own lips: from the first on it may have teeth to show, from the second on it has."""
_ROOM = 0.3, 0.6  # IOD around the lips: sideways and upwards, downwards
_WELL_LIT = 160.0  # the skin's brightness, grey levels, that teeth are painted for
_ENAMEL = 80.0, 130.0  # grey levels of the painting: darker is the gap below the teeth
_BRIGHT = 0.85, 1.05  # of the lips' own brightness: darker is the mouth's depth
_PAINTED = np.float32(0.85)
_SMOOTHING = 0.03  # IOD


class Teeth:
    """One photo's row of teeth, painted once."""

    def __init__(self, points: npt.NDArray[np.float64], iod: float, photo: Image, mask: Image) -> None:
        """points: (68, 2) on the canvas; photo: (H, W, 3) the photo on it; mask: (H, W), where the face is."""
        low, high = points[48:].min(axis=0) - _ROOM[0] * iod, points[48:].max(axis=0) + np.array(_ROOM) * iod
        (left, top), (right, bottom) = low.astype(int).clip(0), high.astype(int)
        self._box = np.s_[top:bottom, left:right]
        self._sigma = _SMOOTHING * iod
        brightness = photo.mean(axis=2)
        self._lips = float(brightness[_lips(points, brightness.shape)].mean()) + 1
        rows, columns = mask[self._box].shape
        y, x = np.mgrid[top : top + rows, left : left + columns]
        light = float(np.percentile(brightness[mask > 0.9], 75)) / _WELL_LIT
        self._places, self._line, self._light = np.stack([x, y], axis=-1) / iod, LipLine(points / iod), light
        self._painted = paint_mouth(self._places, self._line, jaw=0, level=light, seed=0)
        enamel = fade(self._painted.mean(axis=2) / np.float32(max(light, 0.25)), *_ENAMEL)
        own = fade(np.linalg.norm(points[66] - points[62]) / iod, *_OWN_TEETH)
        self._share = np.asarray(_PAINTED * (1 - own) * enamel, np.float32)

    def whole(self, shape: tuple[int, int], jaw: float) -> Image:
        """(H, W, 3) a painted mouth's inside, for what no generator draws; 0 around it. jaw: its drop in IOD."""
        colours = np.zeros((*shape, 3), np.float32)
        colours[self._box] = paint_mouth(self._places, self._line, jaw=jaw, level=self._light, seed=0)
        return colours

    def between(self, fresh: Image, parted: Image) -> Image:
        """``fresh`` (H, W, 3), the generator's colours, with teeth where the lips have ``parted`` (H, W)."""
        share, colours = self._share * parted[self._box], fresh[self._box]
        if not share.any():
            return fresh
        bright = fade(blur(colours.mean(axis=2), self._sigma) / self._lips, *_BRIGHT)
        filled = fresh.copy()
        filled[self._box] = colours + (share * bright)[..., None] * (self._painted - colours)
        return filled


def _lips(points: npt.NDArray[np.float64], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """(H, W): between the outer and the inner contour."""
    ring = np.zeros(shape, np.uint8)
    for contour, value in ((points[48:60], 1), (points[60:68], 0)):
        cv2.fillPoly(ring, [np.rint(contour).astype(np.int32)], (value,))
    cv2.polylines(ring, [np.rint(points[48:60]).astype(np.int32)], True, (1,))  # closed lips have no width of their own
    return ring > 0
