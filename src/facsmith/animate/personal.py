"""An AU's strength on one face: a step that makes one person smile may leave another unmoved.

A boundary's calibration holds for people at large. Here the AU's full intensity is drawn once on this face, and what
optical flow (`compose.motion`) and landmarks (`measure.shares`) see of it is compared with the face's own muscles. By
as much as each is known to tell (`Response`), the step becomes longer or shorter. A face on which it shows hardly
anything may also be asked too much: behind glasses, eyes that open far fade away. There several steps are drawn, and
the one that shows most is taken.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from math import isfinite

import numpy as np
import numpy.typing as npt

from facsmith.animate.options import Progress
from facsmith.animate.subject import Image
from facsmith.boundary import BoundarySet, Response
from facsmith.compose.flow import FLOW_SIZE
from facsmith.compose.motion import Motion
from facsmith.errors import NoFaceError
from facsmith.face import CropTransform, Face, crop_transform
from facsmith.facs import AUS
from facsmith.measure import Follow, Shares

__all__ = ["PersonalBoundaries"]

_FAINT = 0.7  # of what people at large show; below, it is tried which step shows most
_OTHERS = (0.5, 0.75)


class PersonalBoundaries:
    """The boundaries of people at large, fitted to one face, each AU when it is first asked for."""

    def __init__(
        self,
        boundaries: BoundarySet,
        face: Face,
        draw: Callable[[BoundarySet, npt.NDArray[np.float64]], Image],
        landmarks: Callable[[], npt.NDArray[np.float64]],
        *,
        follow: Follow,
    ) -> None:
        """face: as found in the photo. draw: it with intensities (12,) by these boundaries. landmarks: (68, 2) of what
        is drawn as neutral. follow: finds the face again in what is drawn."""
        self._boundaries = boundaries
        self._face = face
        self._draw = draw
        self._resting = landmarks
        self._follow = follow
        self.factors: dict[int, float] = {}

    def of(self, aus: Iterable[int]) -> BoundarySet:
        """All boundaries, those of ``aus`` fitted to the face: ``factors`` says by how much."""
        known = {b.au: b.response for b in self._boundaries.boundaries}
        for au in aus:
            response = known.get(au)
            if au not in self.factors and response is not None and response.tells(self._face.provider):
                self.factors[au] = self._factor(au, response)
        return self._boundaries.stretched(self.factors)

    def all(self, progress: Progress) -> None:
        """Fit every AU now, so that none has to be waited for later; told the stage ``strengths``."""
        aus = self._boundaries.aus
        for done, au in enumerate(aus, 1):
            self.of([au])
            progress("strengths", done, len(aus))

    def _factor(self, au: int, response: Response) -> float:
        frame = self._stretched(au, 1.0)
        full = self._share(frame, au)
        wanted = response.factor(full, self._face.provider, self._seen(frame, au, response))
        if wanted <= 1 or response.trust == 0 or full >= _FAINT * response.typical:
            return wanted
        shares = {1.0: full} | {step: self._share(self._stretched(au, step), au) for step in (*_OTHERS, wanted)}
        return max(shares, key=shares.__getitem__)

    def _stretched(self, au: int, step: float) -> Image:
        """The AU's full intensity, at so many times its distance."""
        return self._draw(self._boundaries.stretched({au: step}), np.eye(len(AUS))[AUS.index(au)])

    def _share(self, frame: Image, au: int) -> float:
        """What flow shows of the AU."""
        return self._motion.share(self._motion.flow(self._close.crop(frame)), au)

    def _seen(self, frame: Image, au: int, response: Response) -> float | None:
        """What landmarks show of it; None where they are not to be asked, or cannot say."""
        if self._face.provider not in response.landmarks or self._landmarks is None:
            return None
        share = self._landmarks.share(frame, au)
        return share if isfinite(share) else None

    @cached_property
    def _neutral(self) -> Image:
        return self._draw(self._boundaries, np.zeros(len(AUS)))

    @cached_property
    def _at_rest(self) -> Face:
        return replace(self._face, landmarks=self._resting())

    @cached_property
    def _close(self) -> CropTransform:
        return crop_transform(self._at_rest.landmarks, FLOW_SIZE)

    @cached_property
    def _motion(self) -> Motion:
        return Motion(self._close.crop(self._neutral), self._close.to_crop(self._at_rest.landmarks))

    @cached_property
    def _landmarks(self) -> Shares | None:
        try:
            return Shares(self._neutral, self._at_rest, follow=self._follow)
        except NoFaceError:
            return None
