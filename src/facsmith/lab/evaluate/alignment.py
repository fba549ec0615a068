"""Two photos of one face brought together: heads laid over each other, and a face warped onto another's points."""

from typing import Any, Final

import cv2
import numpy as np

from facsmith._types import Array, Image
from facsmith.errors import PhotoError
from facsmith.face.muscles import FaceFrame
from facsmith.face.points import EYE_CORNERS

__all__ = ["laid_over", "onto_points"]

_STABLE: Final = [*EYE_CORNERS, 27, 28]
_STILL: Final = 2.2  # IOD from the face's middle, from where on nothing moves
_NODES: Final = 64  # a side of the picture, at which the motion is computed


def laid_over(picture: Image, landmarks: Array, rest: Array, shape: tuple[int, ...]) -> Image:
    """A picture moved so that its eye corners and nose bridge lie over those of another one.

    Parameters
    ----------
    picture
        (H, W, 3) uint8 RGB.
    landmarks, rest
        (68, 2) pixels of the picture, and of the one to lie over.
    shape
        Of that one.

    Raises
    ------
    PhotoError
        No similarity brings them together.
    """
    matrix: Any = cv2.estimateAffinePartial2D(
        landmarks[_STABLE].astype(np.float32), rest[_STABLE].astype(np.float32), method=cv2.LMEDS
    )[0]
    if matrix is None:
        raise PhotoError("The peak's eyes and nose cannot be laid over the neutral face's.")
    size = shape[1], shape[0]
    moved = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def onto_points(rest: Image, landmarks: Array, moved: Array) -> Image:
    """A photo warped until its 68 points have moved by given displacements.

    Parameters
    ----------
    rest
        (H, W, 3) uint8 RGB.
    landmarks
        (68, 2) pixels.
    moved
        (68, 2) IOD, face frame.
    """
    from scipy.interpolate import RBFInterpolator  # pyright: ignore[reportMissingTypeStubs]

    frame = FaceFrame.of(landmarks)
    points = frame.to_face(landmarks)
    middle, angles = points.mean(axis=0), np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = middle + _STILL * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    back: Any = RBFInterpolator(np.vstack([points + moved, ring]), np.vstack([-moved, np.zeros_like(ring)]))
    y, x = np.indices(rest.shape[:2], dtype=np.float32)
    coarse = np.asarray(cv2.resize(np.stack([x, y], axis=-1), (_NODES, _NODES), interpolation=cv2.INTER_AREA))
    places = frame.to_face(coarse)
    inside = np.linalg.norm(places - middle, axis=-1, keepdims=True) < _STILL
    source: Array = frame.vectors_to_photo(back(places.reshape(-1, 2)).reshape(places.shape) * inside)
    to = np.asarray(cv2.resize(source.astype(np.float32), rest.shape[1::-1], interpolation=cv2.INTER_LINEAR))
    warped = cv2.remap(rest, x + to[..., 0], y + to[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)
