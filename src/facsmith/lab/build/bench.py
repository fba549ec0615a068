"""What the stages of a build share: its folder, its networks, its clock."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facsmith.bundle import FILES
from facsmith.checkpoint import load_generator
from facsmith.descriptor import Descriptor, load_descriptor
from facsmith.encoder import Encoder
from facsmith.errors import InputError
from facsmith.face import crop_transform
from facsmith.framing import framing_of
from facsmith.generator import Generator
from facsmith.lab.build.estimate import Speed, fastest, fitting_batch, measured_speed
from facsmith.lab.build.options import STAGES, BuildOptions
from facsmith.lab.build.record import Record
from facsmith.lab.fit.own_faces import OwnFace, drawn, own_faces, working
from facsmith.measure.population import default_population

__all__ = ["Bench", "Progress"]

Progress = Callable[[str, int, int, float], None]
"""Told (stage, done, total, seconds that the whole build will still take)."""

FIRST_SEED: Final = {"search": 1_000, "choose": 500_000, "verify": 700_000, "check": 900_000}
"""Of the faces that each stage draws: nobody judges faces that taught."""


@dataclass(eq=False)
class Bench:
    """One build at work."""

    folder: Path
    checkpoint: str
    options: BuildOptions
    record: Record
    progress: Progress
    _began: float = field(default_factory=time.monotonic)

    @property
    def work(self) -> Path:
        """Where parts lie that only building needs."""
        return self.folder / "build"

    @cached_property
    def generator(self) -> Generator:
        """The model's own, at its full resolution, on the device."""
        network: Any = load_generator(self.folder / FILES[0])
        return network.to(self.options.device)

    @cached_property
    def small(self) -> Generator:
        """It at the working resolution."""
        return working(self.generator)

    @cached_property
    def descriptor(self) -> Descriptor:
        """The model's, on the device."""
        network: Any = load_descriptor(self.folder / FILES[1])
        return network.to(self.options.device) if hasattr(network, "to") else network

    @cached_property
    def encoder(self) -> Encoder:
        """The model's, on the device."""
        return Encoder.load(self.folder / FILES[2]).to(self.options.device)

    @cached_property
    def batch(self) -> int:
        """Pictures at a time."""
        return fitting_batch(self.small, self.options.batch)

    @cached_property
    def speed(self) -> Speed:
        """Of the generator at the working resolution, here."""
        return measured_speed(self.small)

    @cached_property
    def look(self) -> float:
        """Seconds that the descriptor takes for a picture, here."""
        import torch

        pictures = torch.zeros(4, 3, self.small.resolution, self.small.resolution, device=self.small.w_avg.device)
        descriptor = self.descriptor  # loaded outside: what inference mode makes, no gradient passes
        with torch.inference_mode():
            return fastest(lambda: descriptor(pictures)) / 4

    def begin(self) -> None:
        """A stage begins now."""
        self._began = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds of this stage in this run."""
        return time.monotonic() - self._began

    def tell(self, stage: str, done: int, total: int) -> None:
        """Pass progress on with what is left of the plan."""
        own = max(self.options.seconds(stage) - self.spent, 0.0)
        later = STAGES[STAGES.index(stage) + 1 :]
        self.progress(stage, done, total, own + sum(self.options.seconds(s) for s in later if s not in self.record))

    def faces(self, purpose: str, count: int) -> Iterator[OwnFace]:
        """Faces of the generator for one purpose, the same every time.

        Where no landmarker finds a face in any of its pictures (`framing`'s report), landmarks are the mean face's, at
        the place that the framing gives them.
        """
        first, psi = FIRST_SEED[purpose], self.options.psi
        if self.record["framing"]["found"]:
            tries = 6 * count + 24
            return own_faces(self.small, count, first=first, psi=psi, provider=self.options.provider, tries=tries)
        blind = ((seed, drawn(self.small, seed, psi=psi)) for seed in range(first, first + count))
        return (OwnFace(seed, *face, self._mean_landmarks) for seed, face in blind)

    @cached_property
    def _mean_landmarks(self) -> npt.NDArray[np.float64]:
        mean = 100.0 * default_population()[0].mean("mediapipe")
        return crop_transform(mean, self.small.resolution, framing_of(self.generator)).to_crop(mean)


def enough(faces: list[OwnFace], least: int, why: str) -> list[OwnFace]:
    """Raises InputError where the generator shows too few faces for what is said in ``why``."""
    if len(faces) < least:
        raise InputError(
            f"The generator's random pictures show {len(faces)} faces that can be used; {least} are needed {why}. Is "
            "it a generator of faces? Try a smaller --psi."
        )
    return faces
