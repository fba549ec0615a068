"""A photo's neutral frame, by whatever renders it, and how its other frames differ from that one."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from facsmith import face, measure
from facsmith.compose.flow import FLOW_SIZE
from facsmith.compose.motion import Motion
from facsmith.errors import NoFaceError
from facsmith.face import Face, crop_transform
from facsmith.facs import AUS

__all__ = ["Render", "Resting"]

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

Render = Callable[[Image, Array], Image]
"""(photo (H, W, 3) uint8 RGB, (12,) intensities that the face shall show) -> a frame of the same size and framing."""


class Resting:
    """One photo's neutral frame, by a renderer, with which its other frames are compared.

    frame: (H, W, 3). face: as found in it.
    """

    def __init__(self, render: Render, photo: Image, found: Face) -> None:
        """found: as found in the photo. Raises NoFaceError where the neutral frame shows none."""
        self.frame = render(photo, np.zeros(len(AUS)))
        self.face = face.follow(self.frame, found)
        # Read again from its own place: every reading starts there, so that equal pictures give equal points.
        self._landmarks = face.follow(self.frame, self.face).landmarks
        self._close = crop_transform(self._landmarks, FLOW_SIZE)
        self._motion = Motion(self._close.crop(self.frame), self._close.to_crop(self._landmarks))

    def moved(self, frame: Image) -> Array:
        """(68, 2) in IOD: how the landmarks moved; NaN where no face is seen."""
        try:
            return measure.aligned_displacement(face.follow(frame, self.face).landmarks, self._landmarks)
        except NoFaceError:
            return np.full((68, 2), np.nan)

    def flow_share(self, frame: Image, au: int) -> float:
        """How much of an AU's motion a frame shows, of the muscles' at intensity 1, by optical flow."""
        return self._motion.share(self._motion.flow(self._close.crop(frame)), au)
