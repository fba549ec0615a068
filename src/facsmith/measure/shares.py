"""How a face's landmarks move from its neutral picture, and how much of an AU's movement that is.

The twin of `compose.motion`, which asks optical flow.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith import face as face_module
from facsmith.errors import NoFaceError
from facsmith.face import Face, crop_transform
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import spread
from facsmith.measure.displacement import aligned_displacement, along
from facsmith.measure.gauge import READ_SIDE, Follow

__all__ = ["RestingLandmarks", "Shares", "share_of"]

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

_VISIBLE: Final = 0.1  # of the table's full intensity: with less of the muscles to be seen, a share is noise over noise


class RestingLandmarks:
    """A face's landmarks in its neutral picture, with which those in others are compared.

    face: as found in the neutral picture.
    """

    def __init__(self, neutral: Image, face: Face, *, follow: Follow = face_module.follow) -> None:
        """neutral: (H, W, 3) uint8 RGB. face: where it lies, roughly. follow: finds a face again in a picture.

        Raises:
            NoFaceError: the face cannot be seen.
        """
        self.face = follow(neutral, face)
        # Read again from its own place: every reading starts there, so that equal pictures give equal points.
        self.landmarks = follow(neutral, self.face).landmarks
        self._follow = follow

    def moved(self, picture: Image) -> Array:
        """(68, 2) in IOD: how the landmarks moved; NaN where no face is seen."""
        try:
            return aligned_displacement(self._follow(picture, self.face).landmarks, self.landmarks)
        except NoFaceError:
            return np.full((68, 2), np.nan)


class Shares:
    """Reads pictures of one face, of one size and framing, against its neutral one."""

    def __init__(self, neutral: Image, face: Face, *, follow: Follow = face_module.follow) -> None:
        """As `RestingLandmarks`. Raises NoFaceError where the face cannot be seen."""
        self._transform = crop_transform(face.landmarks, READ_SIDE)
        self._crop = self._transform.crop(neutral)
        there = replace(face, landmarks=self._transform.to_crop(face.landmarks))
        self._rest = RestingLandmarks(self._crop, there, follow=follow)
        self._warp = MuscleWarp(self._rest.face.landmarks, self._crop.shape)
        self._muscles: dict[int, float] = {}

    def share(self, picture: Image, au: int) -> float:
        """What a picture shows of an AU, 1.0 as much as the muscles at intensity 1; NaN where that cannot be told."""
        if au not in self._muscles:
            self._muscles[au] = self._along(self._warp(self._crop, spread([1.0], (au,))), au)
        return share_of(self._along(self._transform.crop(picture), au), self._muscles[au])

    def _along(self, crop: Image, au: int) -> float:
        return along(self._rest.moved(crop), au)


def share_of(seen: float, muscles: float) -> float:
    """Of the muscles' movement along an AU, both in the table's full intensities; NaN where too little of that is
    seen to compare with."""
    return seen / muscles if muscles >= _VISIBLE else float("nan")
