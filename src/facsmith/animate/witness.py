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
    """action_units: what a frame shows, in the scale of this face's own muscles, so comparable with what was asked.
    identity: how alike the person is to the photo's, cosine of embeddings. unsure: AUs that cannot be told on this
    face."""

    action_units: ActionUnits
    identity: float
    unsure: tuple[int, ...] = ()


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
        self._gauge: measure.Gauge | None = None
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
                if self._gauge is None:
                    neutral = self._renderer.neutral()
                    resting = self._faces.follow(neutral, self._face)
                    self._gauge = measure.Gauge(neutral, resting, follow=self._faces.follow)
                shown = self._faces.follow(frame, self._face)
            except NoFaceError:
                return None
            landmarks = (self._subject.face.landmarks, shown.landmarks)
            alike = measure.identity(self._subject.photo, frame, landmarks=landmarks)
            found = self._gauge.read(frame, shown)
            unsure = tuple(au for au, reliable in zip(AUS, found.reliable, strict=True) if not reliable)
            shows = found.action_units
            if sides:
                moved = measure.aligned_displacement(shown.landmarks, self._gauge.rest)
                shows = _each_side(moved, self._gauge.responses)
            self._read[key] = Reading(shows, alike.cosine, unsure)
        return self._read[key]


def _each_side(moved: Displacement, responses: Displacement) -> ActionUnits:
    """Each half of a displacement (68, 2), with its own mirror image for the other half, read as a whole face."""
    mirrored = moved[list(MIRROR)] * [-1.0, 1.0]
    middle = (moved + mirrored) / 2
    halves: dict[str, dict[int, float]] = {}
    for side, points in (("right", _IMAGE_LEFT), ("left", tuple(MIRROR[p] for p in _IMAGE_LEFT))):
        whole = np.where(np.isin(np.arange(68), points)[:, None], moved, mirrored)
        whole[list(_MIDLINE)] = middle[list(_MIDLINE)]
        halves[side] = dict(zip(AUS, _intensities(whole, responses).tolist(), strict=True))
    return ActionUnits(left=halves["left"], right=halves["right"])


def _intensities(moved: Displacement, responses: Displacement) -> Displacement:
    return np.clip(measure.from_displacement(moved, responses=responses), 0.0, 1.0)
