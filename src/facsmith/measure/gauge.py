"""A person's own gauge: what shows of each AU on this very face, by every source, and pictures read by it.

The neutral face is moved by its muscles (`face.muscles`), one AU at intensity 1 at a time, and every source is asked
what it sees: that is its scale for this person. A picture of the person is then what mixture of those readings
explains it best. So values are comparable with what was asked of a film, although every source under-reports.
The reading itself is that of `measure.readout`, which learned from human FACS coders; where only some sources are
asked, or its network's weights are not installed, it is the mixture of the sources' own readings.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from facsmith import face as face_module
from facsmith.errors import ModelUnavailableError, NoFaceError
from facsmith.face import Face, crop_transform
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA
from facsmith.measure.appearance import from_appearance
from facsmith.measure.blendshapes import from_blendshapes
from facsmith.measure.displacement import POINT_WEIGHTS, aligned_displacement, unmixed
from facsmith.measure.measured import Measured
from facsmith.measure.population import SOURCES, Population, Source, default_population
from facsmith.measure.readout import Readout, default_readout, difference, observe

if TYPE_CHECKING:
    from facsmith.descriptor import Descriptor

__all__ = ["READ_SIDE", "Follow", "Gauge"]

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Follow = Callable[[Image, Face], Face]
"""The same face in another picture of the same framing; NoFaceError where it cannot be seen: `face.follow`."""

READ_SIDE: Final = 384
"""Of the neutral crop that is moved, pixels: what landmarkers look at."""
_NOISE: Final[dict[str, float]] = {"landmarks": 0.01, "blendshapes": 0.05, "appearance": 0.1}
"""How long a difference between two pictures of one expression is: IOD over all points, scores, intensities."""
_SPREAD: Final = 0.3  # of intensities that are not known yet
CLEAR: Final = 3.0
"""An AU is told from the other eleven where what is its alone stands out of the noise by this factor."""


class Gauge:
    """Reads pictures of one person against the person's neutral face.

    clarity: (12,), by how many times the noise each AU at intensity 1 stands out of what all others can explain.
    """

    def __init__(
        self,
        neutral: Image,
        face: Face,
        *,
        follow: Follow = face_module.follow,
        sources: tuple[Source, ...] = SOURCES,
    ) -> None:
        """neutral: (H, W, 3) uint8 RGB. face: as found in it. follow: finds the face again in a moved picture.

        Raises:
            NoFaceError: the face cannot be seen in its own crop.
        """
        self._sources = sources
        self._knowledge = _knowledge() if "appearance" in sources else None
        transform = crop_transform(face.landmarks, READ_SIDE)
        crop = transform.crop(neutral)
        self._face = follow(crop, replace(face, landmarks=transform.to_crop(face.landmarks)))
        self._rest = self._observe(crop, self._face)
        self._readout = _readout() if set(sources) == set(SOURCES) else None
        in_crop = None
        if self._readout is not None:
            # Resampled pictures look different to it: each is compared with the neutral one in its own framing.
            self._neutral, in_crop = observe(neutral, face.landmarks), observe(crop, self._face.landmarks)
        alone: dict[int, Array] = {}
        muscles = MuscleWarp(self._face.landmarks, crop.shape)
        self._rows: dict[str, Array] = {
            source: np.zeros((len(DISFA), len(self._rest[source]))) for source in self._rest
        }
        for row, one in enumerate(np.eye(len(DISFA))):
            moved = muscles(crop, one)
            try:
                shown = follow(moved, self._face)
                seen = self._observe(moved, shown)
            except NoFaceError:
                continue  # an AU that hides the face has no scale here
            for source, values in self._differences(seen).items():
                self._rows[source][row] = values
            if in_crop is not None:
                alone[DISFA[row]] = difference(observe(moved, shown.landmarks), in_crop)
        if self._readout is not None:
            self._scale = self._readout.scale(alone, self._face.provider)
        self.clarity = _clarity(np.hstack(list(self._rows.values())))

    def read(self, image: Image, face: Face) -> Measured:
        """What a picture of the person shows. face: as found in it, by the provider that found the neutral one."""
        differences = self._differences(self._observe(image, face))
        by_source: dict[str, Array] = {}
        for source, seen in differences.items():
            told = _clarity(self._rows[source]) >= 1
            by_source[source] = np.where(told, unmixed(self._rows[source], seen, noise=1.0), np.nan)
        together = [source for source in self._rows if source in differences]
        rows = np.hstack([self._rows[source] for source in together])
        seen = np.concatenate([differences[source] for source in together])
        reading = unmixed(rows, seen, noise=1.0)
        beyond: dict[int, float] = {}
        if self._readout is not None:
            moved = difference(observe(image, face.landmarks), self._neutral)
            told = dict(zip(self._readout.aus, self._readout.read(moved, self._scale, face.provider), strict=True))
            reading = np.array([told.pop(au) for au in DISFA])
            beyond = {au: float(value) for au, value in told.items()}
        return Measured(
            intensities=np.clip(reading, 0.0, 1.0),
            beyond=beyond,
            reliable=_clarity(rows) >= CLEAR,
            by_source={source: np.clip(read, 0.0, 1.0) for source, read in by_source.items()},
            face=face,
            against="the person's neutral",
        )

    @property
    def responses(self) -> Array:
        """(12, 68, 2) what landmarks report for each AU at intensity 1 on this face: for
        `measure.from_displacement`."""
        if "landmarks" not in self._rows:
            return np.zeros((len(DISFA), 68, 2))
        return self._rows["landmarks"].reshape(len(DISFA), 68, 2) * _NOISE["landmarks"] / POINT_WEIGHTS

    @property
    def rest(self) -> Array:
        """(68, 2) the neutral face's landmarks: for `measure.aligned_displacement`, which knows no scale."""
        return self._face.landmarks

    def _observe(self, image: Image, face: Face) -> dict[str, Array]:
        """What each source sees: landmarks (136,) in pixels, the others (12,), NaN-free."""
        seen: dict[str, Array] = {}
        if "landmarks" in self._sources:
            seen["landmarks"] = face.landmarks.ravel()
        if "blendshapes" in self._sources:
            scores = face_module.blendshapes(image, face)
            if scores is not None:
                seen["blendshapes"] = np.nan_to_num(from_blendshapes(scores))
        if self._knowledge is not None:
            seen["appearance"] = from_appearance(image, face, *self._knowledge)
        return seen

    def _differences(self, seen: dict[str, Array]) -> dict[str, Array]:
        """From neutral, in units of the source's noise; only what was seen both times."""
        found: dict[str, Array] = {}
        for source in (s for s in seen if s in self._rest):
            if source == "landmarks":
                moved = aligned_displacement(seen[source].reshape(68, 2), self._face.landmarks) * POINT_WEIGHTS
            else:
                moved = seen[source] - self._rest[source]
            found[source] = moved.ravel() / _NOISE[source]
        return found


def _readout() -> Readout | None:
    from facsmith.efficientnet import load_efficientnet

    try:
        load_efficientnet()
    except ModelUnavailableError:  # its package is not installed; a damaged file is an error
        return None
    return default_readout()


def _knowledge() -> "tuple[Population, Descriptor] | None":
    try:
        return default_population()
    except ModelUnavailableError:  # no such model here; a damaged one is an error
        return None


def _clarity(rows: Array) -> Array:
    """(12,) by how much each row (12, D), in noise units, is unlike any mixture of the others.

    A mixture has its price: other intensities are `_SPREAD` in deviation.
    """
    lengths = np.zeros(len(rows))
    for k, row in enumerate(rows):
        others = np.vstack([np.delete(rows, k, axis=0).T, np.eye(len(rows) - 1) / _SPREAD])
        wanted = np.concatenate([row, np.zeros(len(rows) - 1)])
        lengths[k] = np.linalg.norm(wanted - others @ np.linalg.lstsq(others, wanted, rcond=None)[0])
    return lengths
