"""Where a face may change in a photo: soft masks drawn from the 68 landmarks, once per photo.

Conventions: masks are float32 in [0, 1]; points (68, 2) are (x, y) pixels of the upright canvas that the mask is drawn
on; IOD is the inter-ocular distance in the same pixels.
"""

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Points

__all__ = ["border", "face_mask", "fade", "left_half"]

_SEAM = 0.12  # IOD, to each side of the midline
_MIDLINE = ((21, 22), (27,), (28,), (30,), (33,), (51,), (62, 66), (57,), (8,))  # from the glabella to the chin

Mask = npt.NDArray[np.float32]


def fade(value: npt.ArrayLike, low: float, high: float) -> Mask:
    """0 below ``low``, 1 above ``high``, a smooth cubic between, elementwise."""
    t = np.clip((np.asarray(value, np.float32) - np.float32(low)) / np.float32(max(high - low, 1e-6)), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def face_mask(points: Points, iod: float, shape: tuple[int, int]) -> Mask:
    """1 on forehead, cheeks and chin; 0 on hair, ears and background, and on the canvas's border.

    Around the chin the edge lies .24 IOD below the jaw line and fades over .36 IOD: a jaw that drops stays inside, and
    the neck gives way instead of tearing. At the temples the fade is .2 IOD wide and centred on the jaw line.

    Parameters
    ----------
    points
        (68, 2) pixels.
    shape
        (height, width).

    Returns
    -------
    ndarray
        (height, width).
    """
    jaw, brows, nose = points[0:17], points[17:27], points[27]
    outward = jaw - nose
    outward = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    index = np.arange(17.0)
    around_chin = fade(index, 3, 6) * fade(-index, -13, -10)  # 0 at the ears
    lowered = jaw + 0.02 * iod * outward + np.stack([np.zeros(17), 0.22 * iod * around_chin], axis=1)
    hull = _filled(np.vstack([lowered, brows - np.array([0, 0.3 * iod])]), shape)
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    softness = 0.10 + 0.08 * fade(rows, float(points[33, 1]), float(points[8, 1]))
    mask = fade(_signed_distance(hull) / (softness * np.float32(iod)), -1, 1)
    rounded = cv2.GaussianBlur(mask, (0, 0), 0.04 * iod)  # the hull has corners
    return np.asarray(np.minimum(rounded, 1) * border(shape, 0.16 * iod), np.float32)


def left_half(points: Points, iod: float, shape: tuple[int, int]) -> Mask:
    """1 on the person's own left half of the face, 0 on the right, with a soft seam along the midline.

    The midline follows brows, nose, lips and chin, and goes on upright above and below them. The seam is .24 IOD wide:
    narrower, skin that one side pulls folds there; wider, the philtrum would move with the wrong side.

    Parameters
    ----------
    points
        (68, 2) pixels.
    shape
        (height, width).

    Returns
    -------
    ndarray
        (height, width).
    """
    line = np.array([points[list(group)].mean(axis=0) for group in _MIDLINE])
    line = line[np.argsort(line[:, 1])]
    middle = np.interp(np.arange(float(shape[0])), line[:, 1], line[:, 0])
    smoothed = cv2.GaussianBlur(middle[:, None], (1, 0), 1e-6, sigmaY=0.1 * iod, borderType=cv2.BORDER_REPLICATE)
    across = np.arange(float(shape[1]))[None] - np.asarray(smoothed)
    return fade(across / iod, -_SEAM, _SEAM)


def border(shape: tuple[int, int], width: float) -> Mask:
    """0 on the border of a canvas (height, width), 1 from ``width`` pixels inwards."""
    y, x = (np.minimum(line, line[::-1]) for line in (np.arange(float(shape[0])), np.arange(float(shape[1]))))
    return np.outer(fade(y, 0, width), fade(x, 0, width))


def _filled(points: Points, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The convex hull of the points filled with 1, on 0; shape: (height, width)."""
    canvas = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(canvas, cv2.convexHull(np.rint(points).astype(np.int32)), (1,))
    return canvas


def _signed_distance(filled: npt.NDArray[np.uint8]) -> Mask:
    """Pixels to the edge of the filled area, which runs between two pixels: positive inside, negative outside."""
    inside = cv2.distanceTransform(filled, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform(1 - filled, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(inside - outside - np.where(filled > 0, 0.5, -0.5), np.float32)
