"""The face in a photo: found, described by the 68 iBUG points, cut out upright, and moved by its muscles.

>>> from facsmith.face import choose, crop_transform, find
>>> chosen, index, count = choose(find(photo))  # doctest: +SKIP
>>> crop = crop_transform(chosen.landmarks, 128).crop(photo)  # doctest: +SKIP
"""

from facsmith.face.align import CropTransform, crop_transform
from facsmith.face.find import PROVIDERS, READABLE_SIDE, choose, find, find_small, follow, usable, why_not_mediapipe
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.face.own import READABLE, own_expression
from facsmith.face.types import Choice, Face, FaceReader

__all__ = [
    "PROVIDERS",
    "READABLE",
    "READABLE_SIDE",
    "Choice",
    "CropTransform",
    "Face",
    "FaceReader",
    "MuscleWarp",
    "choose",
    "crop_transform",
    "find",
    "find_small",
    "follow",
    "own_expression",
    "usable",
    "why_not_mediapipe",
]
