"""An AU's strength on one face: a step that makes one person smile may leave another unmoved.

A boundary's calibration holds for people at large. Here the AU's full intensity is drawn once on this face, its motion
is compared with the face's own muscles (`compose.motion`), and where that is known to tell something (`Response`) the
step becomes longer or shorter. A face on which it shows hardly anything may also be asked too much: behind glasses,
eyes that open far fade away. There several steps are drawn, and the one that shows most is taken.
"""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from facsmith.animate.options import Progress
from facsmith.animate.subject import Image
from facsmith.boundary import BoundarySet, Response
from facsmith.compose.flow import FLOW_SIZE
from facsmith.compose.motion import Motion
from facsmith.face import crop_transform
from facsmith.facs import AUS

__all__ = ["PersonalBoundaries"]

_FAINT = 0.7  # of what people at large show; below, it is tried which step shows most
_OTHERS = (0.5, 0.75)


class PersonalBoundaries:
    """The boundaries of people at large, fitted to one face, each AU when it is first asked for."""

    def __init__(
        self,
        boundaries: BoundarySet,
        draw: Callable[[BoundarySet, npt.NDArray[np.float64]], Image],
        landmarks: Callable[[], npt.NDArray[np.float64]],
    ) -> None:
        """draw: the face with intensities (12,) by these boundaries. landmarks: (68, 2) of its neutral."""
        self._boundaries = boundaries
        self._draw = draw
        self._landmarks = landmarks
        self._motion: Motion | None = None
        self.factors: dict[int, float] = {}

    def of(self, aus: Iterable[int]) -> BoundarySet:
        """All boundaries, those of ``aus`` fitted to the face: ``factors`` says by how much."""
        known = {b.au: b.response for b in self._boundaries.boundaries}
        for au in aus:
            response = known.get(au)
            if au not in self.factors and response is not None and response.trust > 0:
                self.factors[au] = self._factor(au, response)
        return self._boundaries.stretched(self.factors)

    def all(self, progress: Progress) -> None:
        """Fit every AU now, so that none has to be waited for later; told the stage ``strengths``."""
        aus = self._boundaries.aus
        for done, au in enumerate(aus, 1):
            self.of([au])
            progress("strengths", done, len(aus))

    def _factor(self, au: int, response: Response) -> float:
        full = self._share(au, 1.0)
        wanted = response.factor(full)
        if full >= _FAINT * response.typical:
            return wanted
        shares = {1.0: full} | {step: self._share(au, step) for step in (*_OTHERS, wanted)}
        return max(shares, key=shares.__getitem__)

    def _share(self, au: int, step: float) -> float:
        """What flow shows of the AU's full intensity, at so many times its distance."""
        if self._motion is None:
            neutral, at = self._draw(self._boundaries, np.zeros(len(AUS))), self._landmarks()
            self._close = crop_transform(at, FLOW_SIZE)
            self._motion = Motion(self._close.crop(neutral), self._close.to_crop(at))
        stretched = self._boundaries.stretched({au: step})
        frame = self._draw(stretched, np.eye(len(AUS))[AUS.index(au)])
        return self._motion.share(self._motion.flow(self._close.crop(frame)), au)
