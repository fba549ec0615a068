"""Measures AUs and identity on finished frames, against the same person's neutral frame, which we always own."""

from collections import OrderedDict
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from facsmith import measure
from facsmith._types import Image
from facsmith.errors import NoFaceError
from facsmith.face import Face, FaceReader
from facsmith.face.points import LEFT_HALF, MIRROR, RIGHT_HALF
from facsmith.face_region import FaceRegion
from facsmith.facs import DISFA, ActionUnits
from facsmith.render import Renderer
from facsmith.subject import fingerprint

__all__ = ["FrameReader", "Reading"]

_REMEMBERED: Final = 64  # readings

Displacement = npt.NDArray[np.float64]

_MIDLINE = tuple(point for point, opposite in enumerate(MIRROR) if point == opposite)


class Reading(NamedTuple):
    """What one frame shows.

    Attributes
    ----------
    action_units
        In the scale of this face's own muscles, so comparable with what was asked.
    told
        The AUs that were looked for.
    identity
        How alike the person is to the photo's, cosine of embeddings.
    unsure
        AUs that cannot be told on this face.
    """

    action_units: ActionUnits
    told: tuple[int, ...]
    identity: float
    unsure: tuple[int, ...] = ()


class FrameReader:
    """Reads one subject's frames. The neutral frame is rendered when it is first needed.

    Attributes
    ----------
    view
        The part of a frame that is looked at.
    face
        The face in the neutral frame. None where it is unknown.
    """

    def __init__(self, faces: FaceReader, renderer: Renderer) -> None:
        subject, cropped = renderer.subject, renderer.options.mode == "crop"
        self._faces = faces
        self._subject = subject
        self._renderer = renderer
        self._own = FaceRegion.around(subject)
        self.rest = subject.reference if cropped else subject.photo
        self.face, self.view = subject.face, self._own
        if cropped:
            self.view = FaceRegion.of(subject.reference.shape)
            if subject.face is not None and subject.transform is not None:
                self.face = subject.face.at(subject.transform.to_crop(subject.face.landmarks))
        self._neutral: measure.NeutralFace | None = None
        self._person: Displacement | None = None
        self._read: OrderedDict[str, Reading] = OrderedDict()

    def read(self, frame: Image, *, sides: bool = False) -> Reading | None:
        """What a frame shows; None where the face cannot be seen in it or in the neutral one. Equal frames are read
        once.

        Parameters
        ----------
        frame
            As ``view`` cuts it.
        sides
            Read the left and the right half of the face each for itself.
        """
        if self.face is None or self._subject.face is None:
            return None
        key = f"{fingerprint(frame)} {sides}"
        if key not in self._read:
            reading = self._reading(frame, self.view.face(self.face), sides=sides)
            if reading is None:
                return None
            self._read[key] = reading
            while len(self._read) > _REMEMBERED:
                self._read.popitem(last=False)
        return self._read[key]

    def _reading(self, frame: Image, face: Face, *, sides: bool) -> Reading | None:
        try:
            if self._neutral is None:
                neutral = self.view.cut(self._renderer.neutral)
                self._neutral = measure.NeutralFace(neutral, face, follow=self._faces.follow)
            shown = self._faces.follow(frame, face)
        except NoFaceError:
            return None
        found = self._neutral.read(frame, shown)
        unsure = tuple(au for au, reliable in zip(DISFA, found.reliable, strict=True) if not reliable)
        shows, told = ActionUnits({au: e for au, e in found.by_au.items() if e > 0}), tuple(found.by_au)
        if sides:
            told = DISFA
            moved = measure.aligned_displacement(shown.landmarks, self._neutral.face.landmarks)
            shows = _each_side(moved, self._neutral.responses)
        alike = measure.alike(self._of_photo(), measure.embedding(frame, shown.landmarks))
        return Reading(shows, told, alike.cosine, unsure)

    def _of_photo(self) -> Displacement:
        """The person in the photo, as an embedding; made once."""
        if self._person is None:
            assert self._subject.face is not None
            photo = self._own.cut(self._subject.photo)
            self._person = measure.embedding(photo, self._own.face(self._subject.face).landmarks)
        return self._person


def _each_side(moved: Displacement, responses: Displacement) -> ActionUnits:
    """Each half of a displacement (68, 2), with its own mirror image for the other half, read as a whole face."""
    mirrored = moved[list(MIRROR)] * [-1.0, 1.0]
    middle = (moved + mirrored) / 2
    halves: dict[str, dict[int, float]] = {}
    for side, points in (("right", LEFT_HALF), ("left", RIGHT_HALF)):
        whole = np.where(np.isin(np.arange(68), points)[:, None], moved, mirrored)
        whole[list(_MIDLINE)] = middle[list(_MIDLINE)]
        halves[side] = dict(zip(DISFA, _intensities(whole, responses).tolist(), strict=True))
    return ActionUnits(left=halves["left"], right=halves["right"])


def _intensities(moved: Displacement, responses: Displacement) -> Displacement:
    return np.clip(measure.from_displacement(moved, responses=responses), 0.0, 1.0)
