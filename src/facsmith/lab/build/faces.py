"""Faces of the generator's own for each purpose of a build, the same every time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith.errors import InputError
from facsmith.face import crop_transform
from facsmith.framing import framing_of
from facsmith.generator import Generator
from facsmith.lab.fit.own_faces import OwnFace, drawn, own_face
from facsmith.measure.population import default_population

__all__ = ["FIRST_SEED", "FaceMaker", "require_faces"]

FIRST_SEED: Final = {"search": 1_000, "choose": 500_000, "verify": 700_000, "check": 900_000}
"""Of the faces drawn for each purpose: nobody judges faces that taught."""


@dataclass(frozen=True)
class FaceMaker:
    """Draws faces, with their codes and landmarks.

    Parameters
    ----------
    generator
        At the working resolution.
    psi
        Truncation.
    provider
        Library that finds landmarks.
    blind
        No landmarker finds a face in this generator's pictures: landmarks are the mean face's, at the place that the
        framing gives them.
    """

    generator: Generator
    psi: float
    provider: str
    blind: bool = False

    def face(self, seed: int) -> OwnFace | None:
        """The face of one seed; None where no usable face is found in it."""
        if self.blind:
            return OwnFace(seed, *drawn(self.generator, seed, psi=self.psi), self._mean_landmarks)
        return own_face(self.generator, seed, psi=self.psi, provider=self.provider)

    def faces(self, purpose: str, count: int) -> Iterator[OwnFace]:
        """So many faces, fewer where the generator draws too few usable ones."""
        first, found = FIRST_SEED[purpose], 0
        for seed in range(first, first + 6 * count + 24):
            if found == count:
                return
            face = self.face(seed)
            if face is not None:
                found += 1
                yield face

    @cached_property
    def _mean_landmarks(self) -> npt.NDArray[np.float64]:
        mean = 100.0 * default_population()[0].mean("mediapipe")
        return crop_transform(mean, self.generator.resolution, framing_of(self.generator)).to_crop(mean)


def require_faces(faces: list[OwnFace], least: int, why: str) -> list[OwnFace]:
    """Raises InputError where the generator shows too few faces for what is said in ``why``."""
    if len(faces) < least:
        raise InputError(
            f"The generator's random pictures show {len(faces)} faces that can be used; {least} are needed {why}. Is "
            "it a generator of faces? Try a smaller --psi."
        )
    return faces
