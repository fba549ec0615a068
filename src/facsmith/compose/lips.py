"""Lips that close: where a photo's own open mouth shall rest, its lips are drawn together over what is left of the gap.

A generator that is asked for closed lips moves the photo's lips most of the way, and slivers of teeth stay between
them. The two inner contours are known, so the rest of the way is geometry: each lip moves as it is, the skin beyond it
gives way, and the gap between them is gone.

Conventions: in the mouth's own axes s runs along the line between its corners, 0 to 1, and y down across it, in pixels.
"""

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Array, Pixels
from facsmith.compose.masks import fade
from facsmith.face.mouth import curve
from facsmith.face.points import interocular

__all__ = ["lip_gap", "seal"]


_PAIRS = ((61, 67), (62, 66), (63, 65))
_REACH = 0.28  # IOD from the contour on which the skin gives way
_SPECKS = 0.12, 0.04  # IOD: how far from where the lips meet, and how large at most
_LINE, _DARK = 0.012, 0.22  # IOD and share: the shadow in which closed lips meet


def lip_gap(landmarks: npt.ArrayLike) -> float:
    """Mean height of the opening between the inner lips of (68, 2) points, in IOD."""
    points = np.asarray(landmarks, np.float64)
    gaps = [np.linalg.norm(points[lower] - points[upper]) for upper, lower in _PAIRS]
    return float(np.mean(gaps) / interocular(points))


def seal(frame: Pixels, landmarks: npt.ArrayLike, amount: float) -> None:
    """Close the opening between the lips of a frame (H, W, 3) by ``amount``, 0 to 1, in place.

    Parameters
    ----------
    landmarks
        (68, 2) as they lie in the frame.
    """
    points = np.asarray(landmarks, np.float64)
    iod = float(interocular(points))
    across = points[64] - points[60]
    width = float(np.hypot(*across))
    if amount <= 0 or width < 1:
        return
    along = across / width
    down = np.array([-along[1], along[0]])
    inner = (points[60:68] - points[60]) @ np.stack([along, down], axis=1)

    height, frame_width = frame.shape[:2]
    reach = _REACH * iod + float(np.abs(inner[:, 1]).max())
    ends = np.array([points[60] + a * along + d * down for a in (0.0, width) for d in (-reach, reach)])
    left, top = np.clip(np.floor(ends.min(axis=0)), 0, (frame_width, height)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(ends.max(axis=0)) + 1, 0, (frame_width, height)).astype(int).tolist()
    if left >= right or top >= bottom:
        return
    y, x = np.mgrid[top:bottom, left:right].astype(np.float64)
    relative = np.stack([x, y], axis=-1) - points[60]
    s, depth = relative @ along / width, relative @ down
    taper = np.clip(4 * s * (1 - s), 0, 1)
    upper = _contour(inner[[0, 1, 2, 3, 4]], width, s)
    lower = np.maximum(_contour(inner[[0, 7, 6, 5, 4]], width, s), upper)
    half = amount * (lower - upper) / 2  # each lip comes half of the way
    above, below = upper + half - depth, depth - (lower - half)  # > 0 on the upper and on the lower lip
    shift = np.where(above > 0, -half * _give(above, iod), np.where(below > 0, half * _give(below, iod), 0.0))
    moved = cv2.remap(
        frame,
        (x + shift * down[0]).astype(np.float32),
        (y + shift * down[1]).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    ).astype(np.float32)
    met = amount * taper * np.clip(half / (0.02 * iod), 0, 1)
    off = (above - below) / 2  # from the line in which they meet
    near = np.exp(-((off / (_SPECKS[0] * iod)) ** 2)) * amount * np.clip(3 * taper, 0, 1)
    moved = _without_specks(moved, near[..., None], round(_SPECKS[1] * iod))
    shadow = np.exp(-((off / (_LINE * iod)) ** 2)) * _DARK * met
    result = np.where((taper > 0)[..., None], moved * (1 - shadow[..., None]), frame[top:bottom, left:right])
    frame[top:bottom, left:right] = np.rint(np.clip(result, 0, 255)).astype(np.uint8)


def _without_specks(picture: npt.NDArray[np.float32], where: Array, size: int) -> npt.NDArray[np.float32]:
    """(H, W, 3) without what is brighter than all around it and no larger than ``size`` pixels: of teeth, the rest."""
    if size < 1:
        return picture
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * size + 1, 2 * size + 1))
    plain = cv2.morphologyEx(picture, cv2.MORPH_OPEN, kernel)
    return np.asarray(picture + where * (plain - picture), np.float32)


def _contour(points: Array, width: float, s: Array) -> Array:
    """Height of a contour through (5, 2) points at each s: 0 at both corners. On a turned head the points crowd on the
    far side, so that nothing but a curve through all of them keeps to the lip."""
    at = np.clip(points[:, 0] / width, 0, 1)
    table = np.linspace(0, 1, 129)
    return np.asarray(np.interp(s, table, curve(at, points[:, 1] * [0, 1, 1, 1, 0], np.clip(table, at[0], at.max()))))


def _give(distance: Array, iod: float) -> Array:
    """1 on the lip, 0 from _REACH on."""
    return fade(-distance / iod, -_REACH, -_REACH / 3).astype(np.float64)
