"""Measures AUs and identity on finished frames, against the same person's neutral frame, which we always own."""

from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from facsmith import measure
from facsmith.animate.render import Renderer
from facsmith.animate.subject import Image, Subject, fingerprint
from facsmith.errors import NoFaceError
from facsmith.face import Face
from facsmith.face.points import MIRROR
from facsmith.facs import AUS, ActionUnits

__all__ = ["FaceReader", "Reading", "Witness"]

Displacement = npt.NDArray[np.float64]

_IMAGE_LEFT = (*range(8), *range(17, 22), 31, 32, *range(36, 42), 48, 49, 50, *range(58, 62), 67)
"""The iBUG points of the person's own right half."""
_MIDLINE = tuple(point for point, opposite in enumerate(MIRROR) if point == opposite)


class FaceReader(Protocol):
    """``facsmith.face``, or a stand-in."""

    def find(self, image: Image, *, provider: str = "auto") -> list[Face]:
        """The faces of a photo, the largest first."""
        ...

    def follow(self, image: Image, face: Face) -> Face:
        """The same face in another picture of the same framing; NoFaceError where it cannot be seen."""
        ...


class Reading(NamedTuple):
    """action_units: what a frame shows. identity: how alike the person is to the photo's, cosine of embeddings."""

    action_units: ActionUnits
    identity: float


class Witness:
    """Reads one subject's frames. The neutral frame is rendered when it is first needed."""

    def __init__(self, faces: FaceReader, subject: Subject, renderer: Renderer, *, cropped: bool) -> None:
        """cropped: the frames are crops, so landmarks move from the photo into the crop."""
        self._faces = faces
        self._subject = subject
        self._renderer = renderer
        self._face = subject.face
        if cropped and self._face is not None and subject.transform is not None:
            self._face = replace(self._face, landmarks=subject.transform.to_crop(self._face.landmarks))
        self._neutral: Face | None = None
        self._read: dict[str, Reading] = {}

    def read(self, frame: Image, *, sides: bool = False) -> Reading | None:
        """None where the face cannot be seen in the frame or in the neutral one. Equal frames are read once.

        sides: read the left and the right half of the face each for itself.
        """
        if self._face is None or self._subject.face is None:
            return None
        key = f"{fingerprint(frame)} {sides}"
        if key not in self._read:
            try:
                if self._neutral is None:
                    self._neutral = self._faces.follow(self._renderer.neutral(), self._face)
                shown = self._faces.follow(frame, self._face)
            except NoFaceError:
                return None
            moved = measure.aligned_displacement(shown.landmarks, self._neutral.landmarks)
            landmarks = (self._subject.face.landmarks, shown.landmarks)
            alike = measure.identity(self._subject.photo, frame, landmarks=landmarks)
            shows = _each_side(moved) if sides else ActionUnits.from_vector(_intensities(moved))
            self._read[key] = Reading(shows, alike.cosine)
        return self._read[key]


def _each_side(moved: Displacement) -> ActionUnits:
    """Each half of a displacement (68, 2), with its own mirror image for the other half, read as a whole face."""
    mirrored = moved[list(MIRROR)] * [-1.0, 1.0]
    middle = (moved + mirrored) / 2
    halves: dict[str, dict[int, float]] = {}
    for side, points in (("right", _IMAGE_LEFT), ("left", tuple(MIRROR[p] for p in _IMAGE_LEFT))):
        whole = np.where(np.isin(np.arange(68), points)[:, None], moved, mirrored)
        whole[list(_MIDLINE)] = middle[list(_MIDLINE)]
        halves[side] = dict(zip(AUS, _intensities(whole).tolist(), strict=True))
    return ActionUnits(left=halves["left"], right=halves["right"])


def _intensities(moved: Displacement) -> Displacement:
    return np.clip(measure.action_units(moved), 0.0, 1.0)
