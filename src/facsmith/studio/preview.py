"""The face's close-up under the sliders."""

import numpy as np

from facsmith._types import Image
from facsmith.face_region import close_up
from facsmith.facs import ActionUnits
from facsmith.networks import Networks
from facsmith.options import AnimateOptions, Progress
from facsmith.render import Renderer
from facsmith.strengths import strengthened
from facsmith.subject import Subject

__all__ = ["Preview"]


class Preview:
    """One subject's close-up under the sliders; all that is constant is computed once."""

    def __init__(self, networks: Networks, subject: Subject, options: AnimateOptions) -> None:
        self.subject = close_up(subject)
        self._follow = networks.faces.follow
        self._renderer = Renderer(self.subject, networks.generator, networks.boundaries, options)

    @property
    def before(self) -> Image:
        """The close-up as the photo has it."""
        return self.subject.photo

    def fit(self, progress: Progress) -> None:
        """Measure how strongly the face answers each AU, so that the first move of a slider is as quick as the next."""
        self._renderer = strengthened(self._renderer, None, follow=self._follow, progress=progress)

    def show(self, action_units: ActionUnits) -> Image:
        """The close-up with an expression, each side its own, (H, W, 3) uint8."""
        if action_units.is_symmetric:
            return next(self._renderer.frames(action_units.vector()[None]))
        sides = np.stack([action_units.vector("left"), action_units.vector("right")])
        return next(self._renderer.frames(sides[None]))
