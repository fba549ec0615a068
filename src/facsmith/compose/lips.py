"""Lips that close: where a photo's own open mouth shall rest, its lips are drawn together over what is left of the gap.

A generator that is asked for closed lips moves the photo's lips most of the way, and slivers of teeth stay between
them. The two inner contours are known, so the rest of the way is geometry: each lip moves as it is, the skin beyond it
gives way, and the gap between them is gone.

Conventions: face frame of `face.muscles`; s runs from corner to corner, 0 to 1.
"""

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Array, Pixels
from facsmith.compose.masks import fade
from facsmith.face.mouth import LipLine
from facsmith.face.muscles import FaceFrame
from facsmith.face.points import interocular

__all__ = ["lip_gap", "seal"]


_PAIRS = ((61, 67), (62, 66), (63, 65))
_REACH = 0.28  # IOD from the contour on which the skin gives way
_SPECKS = 0.12, 0.04  # IOD: how far from where the lips meet, and how large at most
_EDGE = 0.008  # IOD beyond a contour in which it is soft
_LINE, _DARK = 0.012, 0.22  # IOD and share: the shadow in which closed lips meet


def lip_gap(landmarks: npt.ArrayLike) -> float:
    """Mean height of the opening between the inner lips of (68, 2) points, in IOD."""
    points = np.asarray(landmarks, np.float64)
    gaps = [np.linalg.norm(points[lower] - points[upper]) for upper, lower in _PAIRS]
    return float(np.mean(gaps) / interocular(points))


def seal(frame: Pixels, of: FaceFrame, lips: LipLine, amount: float) -> None:
    """Close the opening between the lips of a frame (H, W, 3) by ``amount``, 0 to 1, in place.

    Parameters
    ----------
    of
        The face's, in the frame's pixels.
    lips
        The inner contours as they lie in the frame, face coordinates.
    """
    width = lips.right - lips.left
    if amount <= 0 or width * of.iod < 1:
        return
    contours = np.concatenate(lips.contours)
    low, high = contours.min(axis=0) - [0, _REACH], contours.max(axis=0) + [0, _REACH]
    ends = of.to_photo([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
    left, top = np.clip(np.floor(ends.min(axis=0)), 0, frame.shape[1::-1]).astype(int).tolist()
    right, bottom = np.clip(np.ceil(ends.max(axis=0)) + 1, 0, frame.shape[1::-1]).astype(int).tolist()
    if left >= right or top >= bottom:
        return
    y, x = np.mgrid[top:bottom, left:right].astype(np.float64)
    place = of.to_face(np.stack([x, y], axis=-1))
    s, depth = (place[..., 0] - lips.left) / width, place[..., 1]
    taper = np.clip(4 * s * (1 - s), 0, 1)
    upper, lower = lips.upper(place[..., 0]), lips.lower(place[..., 0])
    edge = _EDGE * np.clip((lower - upper) / _EDGE, 0, 1) * (taper > 0)
    half = amount * ((lower - upper) / 2 + edge)  # each lip comes half of the way
    above, below = upper - edge + half - depth, depth - (lower + edge - half)  # > 0 on the upper and on the lower lip
    shift = np.where(above > 0, -half * _give(above), np.where(below > 0, half * _give(below), 0.0))
    at = np.stack([x, y], axis=-1) + of.vectors_to_photo(np.stack([np.zeros_like(shift), shift], axis=-1))
    at = at.astype(np.float32)
    moved = cv2.remap(frame, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    moved = moved.astype(np.float32)
    met = amount * taper * np.clip(half / 0.02, 0, 1)
    off = (above - below) / 2  # from the line in which they meet
    near = np.exp(-((off / _SPECKS[0]) ** 2)) * amount * np.clip(3 * taper, 0, 1)
    moved = _without_specks(moved, near[..., None], round(_SPECKS[1] * of.iod))
    shadow = np.exp(-((off / _LINE) ** 2)) * _DARK * met
    result = np.where((taper > 0)[..., None], moved * (1 - shadow[..., None]), frame[top:bottom, left:right])
    frame[top:bottom, left:right] = np.rint(np.clip(result, 0, 255)).astype(np.uint8)


def _without_specks(picture: npt.NDArray[np.float32], where: Array, size: int) -> npt.NDArray[np.float32]:
    """(H, W, 3) without what is brighter than all around it and no larger than ``size`` pixels: of teeth, the rest."""
    if size < 1:
        return picture
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * size + 1, 2 * size + 1))
    plain = cv2.morphologyEx(picture, cv2.MORPH_OPEN, kernel)
    return np.asarray(picture + where * (plain - picture), np.float32)


def _give(distance: Array) -> Array:
    """1 on the lip, 0 from _REACH IOD on."""
    return fade(-distance, -_REACH, -_REACH / 3).astype(np.float64)
