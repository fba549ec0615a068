"""One person's neutral face: pictures of the same person are measured against it, and against nothing else.

The neutral picture is moved by its muscles (`face.muscle_warp`), one AU at intensity 1 at a time, and every source is
asked what it sees: that is its scale for this person. A picture of the person is then what mixture of those readings
explains it best. So values are comparable with what was asked of a film, although every source under-reports.
The reading itself is that of `measure.readout`, which learned from human FACS coders; where only some sources are
asked, or its network's weights are not installed, it is the mixture of the sources' own readings.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from facsmith import face as face_module
from facsmith._types import Array, Image
from facsmith.errors import ModelUnavailableError, NoFaceError
from facsmith.face import Face, crop_transform
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA, spread
from facsmith.measure.appearance import from_appearance
from facsmith.measure.blendshapes import from_blendshapes
from facsmith.measure.displacement import POINT_WEIGHTS, aligned_displacement, along, unmixed
from facsmith.measure.measured import OWN_NEUTRAL, Measured
from facsmith.measure.population import SOURCES, Population, Source, default_population
from facsmith.measure.readout import Appearance, Readout, available_readout, difference, observe

if TYPE_CHECKING:
    from facsmith.descriptor import Descriptor

__all__ = ["READ_SIDE", "Follow", "NeutralFace", "relative_response"]

Follow = Callable[[Image, Face], Face]
"""The same face in another picture of the same framing; NoFaceError where it cannot be seen: `face.follow`."""

READ_SIDE: Final = 384
"""Of the neutral crop that is moved, pixels: what landmarkers look at."""
_NOISE: Final[dict[str, float]] = {"landmarks": 0.01, "blendshapes": 0.05, "appearance": 0.1}
"""How long a difference between two pictures of one expression is: IOD over all points, scores, intensities."""
_SPREAD: Final = 0.3  # of intensities that are not known yet
_CLEAR: Final = 3.0
"""An AU is told from the other eleven where what is its alone stands out of the noise by this factor."""
_VISIBLE: Final = 0.1  # of the table's full intensity: with less of the muscles to be seen, a share is noise over noise


class _Moved(NamedTuple):
    """The neutral crop, moved by one AU at intensity 1, and the face found in it; None where it is lost."""

    picture: Image
    face: Face | None


class _Scale(NamedTuple):
    """rows: source -> (12, D), what each AU at intensity 1 shows. readout: (K, K) of `Readout.scale`."""

    rows: dict[str, Array]
    readout: Array | None


class NeutralFace:
    """One person's neutral picture; the muscles move it when they are first needed, each AU once.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    face
        Where the face lies in it, roughly.
    follow
        Finds the face again in a picture of the same framing.
    sources
        Who is asked.

    Raises
    ------
    NoFaceError
        The face cannot be seen.
    """

    def __init__(
        self,
        image: Image,
        face: Face,
        *,
        follow: Follow = face_module.follow,
        sources: tuple[Source, ...] = SOURCES,
    ) -> None:
        self.image = image
        self.face = follow(image, face)
        self._follow = follow
        self._sources = sources
        self._moved: dict[int, _Moved] = {}

    @cached_property
    def landmarks(self) -> Array:
        """(68, 2) in the neutral picture, read from their own place as every reading is: equal pictures, equal
        points."""
        return self._follow(self.image, self.face).landmarks

    def moved(self, picture: Image) -> Array:
        """(68, 2) in IOD: how the landmarks moved in a picture of the same framing; NaN where no face is seen."""
        try:
            return aligned_displacement(self._follow(picture, self.face).landmarks, self.landmarks)
        except NoFaceError:
            return np.full((68, 2), np.nan)

    def relative_response(self, picture: Image, au: int) -> float:
        """By landmarks, how much of an AU a picture shows: 1.0 as much as the muscles at intensity 1; NaN where that
        cannot be told."""
        shown = self._by_muscles(au).face
        muscles = np.nan if shown is None else along(aligned_displacement(shown.landmarks, self._at_rest), au)
        return relative_response(along(self.moved(picture), au), muscles)

    def read(self, picture: Image, face: Face) -> Measured:
        """What a picture of the person shows.

        Parameters
        ----------
        picture
            (H, W, 3) uint8 RGB, in any framing.
        face
            As found in it, by the provider that found the neutral one.
        """
        scale = self._scale
        differences = self._differences(self._observed(picture, face))
        by_source: dict[str, Array] = {}
        for source, seen in differences.items():
            told = _clarity(scale.rows[source]) >= 1
            by_source[source] = np.where(told, unmixed(scale.rows[source], seen, noise=1.0), np.nan)
        together = [source for source in scale.rows if source in differences]
        rows = np.hstack([scale.rows[source] for source in together])
        reading = unmixed(rows, np.concatenate([differences[source] for source in together]), noise=1.0)
        beyond: dict[int, float] = {}
        if self._readout is not None and scale.readout is not None:
            seen = difference(observe(picture, face.landmarks), self._appearance)
            told = dict(zip(self._readout.aus, self._readout.read(seen, scale.readout, face.provider), strict=True))
            reading = np.array([told.pop(au) for au in DISFA])
            beyond = {au: float(value) for au, value in told.items()}
        return Measured(
            intensities=np.clip(reading, 0.0, 1.0),
            beyond=beyond,
            reliable=_clarity(rows) >= _CLEAR,
            by_source={source: np.clip(read, 0.0, 1.0) for source, read in by_source.items()},
            face=face,
            against=OWN_NEUTRAL,
        )

    @property
    def clarity(self) -> Array:
        """(12,), by how many times the noise each AU at intensity 1 stands out of what all others can explain."""
        return _clarity(np.hstack(list(self._scale.rows.values())))

    @cached_property
    def responses(self) -> Array:
        """(12, 68, 2) IOD, what landmarks report for each AU at intensity 1 on this face: for
        `measure.from_displacement`; 0 where the face is lost."""
        shown = [self._by_muscles(au).face for au in DISFA]
        return np.stack(
            [np.zeros((68, 2)) if one is None else aligned_displacement(one.landmarks, self._at_rest) for one in shown]
        )

    @property
    def scale(self) -> tuple[Readout, Array] | None:
        """The reading as human coders see, and this person's scale of it (K, K) (`Readout.scale`); None where its
        network is not installed."""
        if self._readout is None:
            return None
        scale = self._scale.readout
        return None if scale is None else (self._readout, scale)

    @cached_property
    def _transform(self) -> face_module.CropTransform:
        return crop_transform(self.face.landmarks, READ_SIDE)

    @cached_property
    def _crop(self) -> Image:
        return self._transform.crop(self.image)

    @cached_property
    def _in_crop(self) -> Face:
        there = replace(self.face, landmarks=self._transform.to_crop(self.face.landmarks))
        return self._follow(self._crop, there)

    @property
    def _at_rest(self) -> Array:
        """(68, 2) in the crop."""
        return self._in_crop.landmarks

    @cached_property
    def _warp(self) -> MuscleWarp:
        return MuscleWarp(self._at_rest, self._crop.shape)

    def _by_muscles(self, au: int) -> _Moved:
        if au not in self._moved:
            picture = self._warp(self._crop, spread([1.0], (au,)))
            try:
                self._moved[au] = _Moved(picture, self._follow(picture, self._in_crop))
            except NoFaceError:
                self._moved[au] = _Moved(picture, None)  # an AU that hides the face has no scale here
        return self._moved[au]

    @cached_property
    def _readout(self) -> Readout | None:
        if set(self._sources) != set(SOURCES):
            return None
        return available_readout()

    @cached_property
    def _knowledge(self) -> "tuple[Population, Descriptor] | None":
        if "appearance" not in self._sources:
            return None
        try:
            return default_population()
        except ModelUnavailableError:  # no such model here; a damaged one is an error
            return None

    @cached_property
    def _appearance(self) -> Appearance:
        """In the picture's own framing: resampled pictures look different to the readout's network."""
        return observe(self.image, self.face.landmarks)

    @cached_property
    def _rest(self) -> dict[str, Array]:
        return self._observed(self._crop, self._in_crop)

    @cached_property
    def _scale(self) -> _Scale:
        rows = {source: np.zeros((len(DISFA), len(seen))) for source, seen in self._rest.items()}
        for row, au in enumerate(DISFA):
            picture, shown = self._by_muscles(au)
            if shown is not None:
                for source, values in self._differences(self._observed(picture, shown)).items():
                    rows[source][row] = values
        if self._readout is None:
            return _Scale(rows, None)
        at_rest = observe(self._crop, self._at_rest)
        alone: dict[int, Array] = {}
        for au in self._readout.aus:
            picture, shown = self._by_muscles(au)
            if shown is not None:
                alone[au] = difference(observe(picture, shown.landmarks), at_rest)
        return _Scale(rows, self._readout.scale(alone, self.face.provider))

    def _observed(self, picture: Image, face: Face) -> dict[str, Array]:
        """What each source sees: landmarks (136,) in pixels, the others (12,), NaN-free."""
        seen: dict[str, Array] = {}
        if "landmarks" in self._sources:
            seen["landmarks"] = face.landmarks.ravel()
        if "blendshapes" in self._sources and face.blendshapes is not None:
            seen["blendshapes"] = np.nan_to_num(from_blendshapes(face.blendshapes))
        if self._knowledge is not None:
            seen["appearance"] = from_appearance(picture, face, *self._knowledge)
        return seen

    def _differences(self, seen: dict[str, Array]) -> dict[str, Array]:
        """From neutral, in units of the source's noise; only what was seen both times."""
        found: dict[str, Array] = {}
        for source in (s for s in seen if s in self._rest):
            if source == "landmarks":
                moved = aligned_displacement(seen[source].reshape(68, 2), self._at_rest) * POINT_WEIGHTS
            else:
                moved = seen[source] - self._rest[source]
            found[source] = moved.ravel() / _NOISE[source]
        return found


def relative_response(seen: float, muscles: float) -> float:
    """Of the muscles' movement along an AU, both in the table's full intensities; NaN where too little of that is
    seen to compare with."""
    return seen / muscles if muscles >= _VISIBLE else float("nan")


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
