"""Where the eyes of a stimulus lie, more surely than one reading of a landmarker tells.

At 150 pixels between the eyes one reading of MediaPipe's eye corners scatters by half a pixel to one, and moves with
the expression by one to two, although the eyeballs do not. So a neutral face is read several times, each time turned,
shifted and scaled a little, and other expressions of it are compared with it pixel by pixel.
"""

from collections.abc import Callable
from typing import Any, Final, cast

import cv2
import numpy as np

from facsmith._types import Array, Pixels
from facsmith.face import Face
from facsmith.face.points import eye_centers

__all__ = ["read_eyes", "track_eyes"]


# Scale, turn in degrees, shift in IOD. In pairs of opposites, so that what is linear in them cancels.
_READINGS: Final = (
    *((1.0, 0.0, 0.0, 0.0), (1.04, 2.0, 0.06, 0.04), (0.96, -2.0, -0.06, -0.04), (1.03, -1.5, -0.04, 0.06)),
    *((0.97, 1.5, 0.04, -0.06), (1.02, 3.0, -0.08, 0.0), (0.98, -3.0, 0.08, 0.0)),
    *((1.05, -1.0, 0.0, -0.08), (0.95, 1.0, 0.0, 0.08)),
)
_HALF: Final = 0.1  # IOD around an eye's centre: iris and white, little of the lids
_SURE: Final = 0.9  # correlation; below, such as of shut eyes, there is nothing to compare
_STOP: Final = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-5)


def read_eyes(picture: Pixels, face: Face, follow: Callable[[Pixels, Face], Face]) -> Array:
    """(2, 2) eye centres in the picture's pixels: the mean of nine readings.

    Parameters
    ----------
    face
        The face, about where it is.
    follow
        Reads the face in a picture; raises NoFaceError where it cannot be seen.
    """
    found: list[Array] = []
    height, width = picture.shape[:2]
    middle = eye_centers(face.landmarks).mean(axis=0)
    for scale, turn, across, down in _READINGS:
        if (scale, turn) == (1.0, 0.0):
            found.append(eye_centers(follow(picture, face).landmarks))
            continue
        matrix = np.asarray(cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), turn, scale), np.float64)
        matrix[:, 2] += np.array([across, down]) * face.interocular
        moved = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        points = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        seen = follow(np.asarray(moved, np.uint8), face.at(points))
        found.append((eye_centers(seen.landmarks) - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)
    return np.mean(found, axis=0)


def track_eyes(picture: Pixels, neutral: Pixels, eyes: Array) -> Array | None:
    """(2, 2) where the eyes of a neutral picture lie in another one of the same face; None where that cannot be told.

    They are found by the greatest correlation of a window around each eye (ECC: Evangelidis and Psarakis 2008).

    Parameters
    ----------
    eyes
        (2, 2) pixels of the neutral picture.
    """
    half = max(4, round(_HALF * float(np.hypot(*(eyes[1] - eyes[0])))))
    correlate = cast(Any, cv2).findTransformECC
    found: list[Array] = []
    for eye in eyes:
        x, y = (round(float(value)) for value in eye)
        if min(x, y) < 2 * half or y + 2 * half > picture.shape[0] or x + 2 * half > picture.shape[1]:
            return None
        near, around = (slice(y - r, y + r) for r in (half, 2 * half)), (slice(x - r, x + r) for r in (half, 2 * half))
        small, large = zip(near, around, strict=True)
        one, other = (
            np.asarray(cv2.cvtColor(pixels[place], cv2.COLOR_RGB2GRAY), np.float32)
            for pixels, place in ((neutral, small), (picture, large))
        )
        matrix = np.array([[1, 0, half], [0, 1, half]], np.float32)
        try:
            alike, matrix = correlate(one, other, matrix, cv2.MOTION_TRANSLATION, _STOP, None, 1)
        except cv2.error:  # does not converge
            return None
        shift = np.asarray(matrix, np.float64)[:, 2] - half
        if alike < _SURE or np.abs(shift).max() > half / 2:
            return None
        found.append(eye + shift)
    return np.array(found)
