"""How much of an AU's movement a picture shows, by landmarks: the twin of `compose.motion`, which asks optical flow."""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith import face as face_module
from facsmith.errors import NoFaceError
from facsmith.face import Face, crop_transform
from facsmith.face.muscles import MuscleWarp
from facsmith.facs import AUS
from facsmith.measure.displacement import aligned_displacement, along
from facsmith.measure.gauge import READ_SIDE, Follow

__all__ = ["VISIBLE", "Shares"]

Image = npt.NDArray[np.uint8]

VISIBLE: Final = 0.1
"""Of the table's full intensity: with less of the muscles to be seen, a share is noise over noise."""


class Shares:
    """Reads pictures of one face, of one size and framing, against its neutral one."""

    def __init__(self, neutral: Image, face: Face, *, follow: Follow = face_module.follow) -> None:
        """neutral: (H, W, 3) uint8 RGB. face: where it lies in it. follow: finds a face again in a moved picture.

        Raises:
            NoFaceError: the face cannot be seen.
        """
        self._transform = crop_transform(face.landmarks, READ_SIDE)
        self._crop = self._transform.crop(neutral)
        self._face = follow(self._crop, replace(face, landmarks=self._transform.to_crop(face.landmarks)))
        # Read again from its own place: every reading starts there, so that equal pictures give equal points.
        self._rest = follow(self._crop, self._face).landmarks
        self._follow = follow
        self._warp = MuscleWarp(self._face.landmarks, self._crop.shape)

    def share(self, picture: Image, au: int) -> float | None:
        """What a picture shows of an AU, 1.0 as much as the muscles at intensity 1; None where that cannot be told."""
        try:
            full = self._along(self._warp(self._crop, np.eye(len(AUS))[AUS.index(au)]), au)
            return self._along(self._transform.crop(picture), au) / full if full >= VISIBLE else None
        except NoFaceError:
            return None

    def _along(self, crop: Image, au: int) -> float:
        return along(aligned_displacement(self._follow(crop, self._face).landmarks, self._rest), au)
