"""A photo's neutral frame, by whatever renders it, and how its other frames differ from that one."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from facsmith import face
from facsmith._types import Array, Image
from facsmith.compose.flow import FLOW_SIZE
from facsmith.compose.motion import Motion
from facsmith.face import Face, crop_transform
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA
from facsmith.measure import NeutralFace

__all__ = ["Render", "Resting"]


Render = Callable[[Image, Array], Image]
"""(photo (H, W, 3) uint8 RGB, (12,) intensities that the face shall show) -> a frame of the same size and framing."""


class Resting:
    """One photo's neutral frame, by a renderer, with which its other frames are compared.

    Parameters
    ----------
    found
        The face found in the photo.

    Attributes
    ----------
    frame
        (H, W, 3), the neutral frame.
    neutral
        The neutral face that other frames are measured against.
    face
        The face found in the neutral frame.

    Raises
    ------
    NoFaceError
        The neutral frame shows no face.
    """

    def __init__(self, render: Render, photo: Image, found: Face) -> None:
        self.frame = render(photo, np.zeros(len(DISFA)))
        self.neutral = NeutralFace(self.frame, found, follow=face.follow, sources=("landmarks",))
        self.face, self.moved = self.neutral.face, self.neutral.moved
        self._close = crop_transform(self.neutral.landmarks, FLOW_SIZE)
        self._motion = Motion(self._close.crop(self.frame), self._close.to_crop(self.neutral.landmarks))

    @cached_property
    def responses(self) -> Array:
        """(12, 68, 2): how the muscles at intensity 1 read on the neutral frame, in its own framing."""
        muscles = MuscleWarp(self.face.landmarks, self.frame.shape)
        return np.stack([self.moved(muscles(self.frame, one)) for one in np.eye(len(DISFA))])

    def flow_share(self, frame: Image, au: int) -> float:
        """How much of an AU's motion a frame shows, of the muscles' at intensity 1, by optical flow."""
        return self._motion.share(self._motion.flow(self._close.crop(frame)), au)
