"""An AU's strength on one face: a step that makes one person smile may leave another unmoved.

A boundary's calibration holds for people at large. Here the AU's full intensity is drawn once on this face, and what
optical flow (`compose.motion`) and landmarks (`measure`) see of it is compared with the face's own muscles. By as much
as each is known to tell (`Response`), the step becomes longer or shorter. A face on which it shows little may also be asked too much: behind glasses, eyes that open far fade away. A step that is to become longer is
drawn, too, and where it shows less than before, the one that shows most is taken.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from math import inf, isfinite

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
from facsmith.measure import Follow, NeutralFace

__all__ = ["PersonalBoundaries"]

_LONGER = 1.1  # times the step of people at large: whether that shows more is looked at
_SHORTER = (0.5, 0.75)


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
        """face: as found in the photo. draw: it with intensities (K,) by these boundaries. landmarks: (68, 2) of what
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
        told = self._told(au, 1.0, response)
        wanted = response.factor(*told)
        if wanted < _LONGER:
            return wanted

        def strength(share: float, provider: str, seen: float | None) -> float:
            """On one scale for all steps: by landmarks, too, where they see the first; a step they lose is none."""
            if told[2] is None:
                return response.strength(share)
            return -inf if seen is None else response.strength(share, provider, seen)

        strengths = {1.0: strength(*told), wanted: strength(*self._told(au, wanted, response))}
        if strengths[wanted] <= strengths[1.0]:
            strengths |= {step: strength(*self._told(au, step, response)) for step in _SHORTER}
        return max(strengths, key=strengths.__getitem__)

    def _told(self, au: int, step: float, response: Response) -> tuple[float, str, float | None]:
        """What flow shows of the AU's full intensity at so many times its distance, the landmarker, and what it shows;
        None where it is not to be asked, or cannot say."""
        provider = self._face.provider
        frame = self._draw(self._boundaries.stretched({au: step}), np.eye(len(AUS))[AUS.index(au)])
        share = self._motion.share(self._motion.flow(self._close.crop(frame)), au)
        if provider not in response.landmarks or self._landmarks is None:
            return share, provider, None
        seen = self._landmarks.relative_response(frame, au)
        return share, provider, seen if isfinite(seen) else None

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
    def _landmarks(self) -> NeutralFace | None:
        try:
            return NeutralFace(self._neutral, self._at_rest, follow=self._follow, sources=("landmarks",))
        except NoFaceError:
            return None
