"""The 68 iBUG points: their named groups, and their place in MediaPipe's 478-point face mesh.

Left and right in names are the viewer's (image left, image right); the PERSON's own left is the image right.
Order (Sagonas et al. 2013, 300-W): jaw 0-16 from image left to right, brows 17-21 and 22-26, nose bridge 27-30,
nostrils 31-35, eyes 36-41 and 42-47 (corner, two upper, corner, two lower), outer lips 48-59, inner lips 60-67.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith._types import Points

__all__ = [
    "BROWS",
    "EYES",
    "EYE_CORNERS",
    "INNER_LIPS",
    "JAW",
    "LEFT_BROW",
    "LEFT_EYE",
    "LEFT_HALF",
    "MESH_TO_IBUG",
    "MIRROR",
    "NOSE",
    "NOSE_BRIDGE",
    "NOSTRILS",
    "OUTER_LIPS",
    "RIGHT_BROW",
    "RIGHT_EYE",
    "RIGHT_HALF",
    "eye_centers",
    "interocular",
    "to_ibug",
    "yaw_degrees",
]

JAW: Final = tuple(range(0, 17))
LEFT_BROW: Final = tuple(range(17, 22))
RIGHT_BROW: Final = tuple(range(22, 27))
BROWS: Final = LEFT_BROW + RIGHT_BROW
NOSE_BRIDGE: Final = tuple(range(27, 31))
NOSTRILS: Final = tuple(range(31, 36))
NOSE: Final = NOSE_BRIDGE + NOSTRILS
LEFT_EYE: Final = tuple(range(36, 42))
RIGHT_EYE: Final = tuple(range(42, 48))
EYES: Final = LEFT_EYE + RIGHT_EYE
EYE_CORNERS: Final = (36, 39, 42, 45)
OUTER_LIPS: Final = tuple(range(48, 60))
INNER_LIPS: Final = tuple(range(60, 68))

# fmt: off
MIRROR: Final = (
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
    26, 25, 24, 23, 22, 21, 20, 19, 18, 17,
    27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55,
    64, 63, 62, 61, 60, 67, 66, 65,
)
"""The index that each point takes when the picture is mirrored: ``mirrored[i] = original[MIRROR[i]]``."""

LEFT_HALF: Final = (*range(8), *range(17, 22), 31, 32, *range(36, 42), 48, 49, 50, *range(58, 62), 67)
RIGHT_HALF: Final = tuple(MIRROR[point] for point in LEFT_HALF)
"""Without the midline. The image-left half is the person's own right."""

# Each iBUG point is the mean of two mesh vertices (the same twice where one vertex lies on it). Chosen per contour,
# alike on both sides, as the nearest to dlib's 68 points over 494 near-frontal faces; mean distance in IOD: jaw .065,
# brows .05, the rest .03.
MESH_TO_IBUG: Final = (
    (127, 127), (234, 93), (93, 132), (132, 58), (172, 172), (136, 150), (149, 149), (176, 148), (152, 152),  # jaw
    (377, 400), (378, 378), (379, 365), (397, 397), (288, 361), (361, 323), (323, 454), (356, 356),
    (70, 70), (63, 63), (105, 66), (66, 107), (107, 55),  # brows
    (285, 336), (336, 296), (296, 334), (293, 293), (300, 300),
    (168, 168), (6, 197), (195, 5), (4, 4),  # nose bridge
    (240, 75), (97, 97), (2, 2), (326, 326), (305, 460),  # nostrils
    (33, 33), (160, 160), (158, 158), (133, 133), (153, 153), (144, 144),  # eyes
    (362, 362), (385, 385), (387, 387), (263, 263), (373, 373), (380, 380),
    (61, 61), (40, 39), (37, 37), (0, 0), (267, 267), (269, 270), (291, 291),  # outer lips
    (321, 405), (314, 314), (17, 17), (84, 84), (181, 91),
    (78, 78), (82, 82), (13, 13), (312, 312), (308, 308), (317, 317), (14, 14), (87, 87),  # inner lips
)
# fmt: on


def to_ibug(landmarks: npt.ArrayLike) -> Points:
    """MediaPipe's face mesh as the 68 iBUG points.

    Parameters
    ----------
    landmarks
        (..., 478 or 468, 2 or 3), any unit; a third coordinate (depth) is dropped.

    Returns
    -------
    ndarray
        (..., 68, 2) float64, in the same unit.
    """
    mesh = np.asarray(landmarks, dtype=np.float64)[..., :2]
    return mesh[..., np.array(MESH_TO_IBUG), :].mean(axis=-2)


def eye_centers(landmarks: npt.ArrayLike) -> Points:
    """The image-left and the image-right eye centre, each the mean of its two corners. (..., 68, 2) -> (..., 2, 2)."""
    points = np.asarray(landmarks, dtype=np.float64)
    return points[..., np.array(EYE_CORNERS), :].reshape(*points.shape[:-2], 2, 2, 2).mean(axis=-2)


def interocular(landmarks: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Inter-ocular distance (IOD), eye centre to eye centre, in the landmarks' unit. (..., 68, 2) -> (...)."""
    centers = eye_centers(landmarks)
    return np.linalg.norm(centers[..., 1, :] - centers[..., 0, :], axis=-1)


# Depth of the nose (points 29 and 30) before the eyes in IOD: regression on MediaPipe's head pose over 5,408 faces, of
# which it predicts the yaw to 1.7 degrees.
_NOSE_DEPTH: Final = 0.771


def yaw_degrees(landmarks: npt.ArrayLike) -> float:
    """How far a face is turned, in degrees; positive to the image's right.

    A nose that stands before the eyes by depth h moves sideways by h sin(yaw) while the eyes come closer by cos(yaw).

    Parameters
    ----------
    landmarks
        (68, 2), any unit.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    left, right = eye_centers(points)
    across = right - left
    sideways = (points[[29, 30]].mean(axis=0) - (left + right) / 2) @ across
    return float(np.degrees(np.arctan2(sideways / _NOSE_DEPTH, across @ across)))
