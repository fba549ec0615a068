"""What the stages of a build share: the model's folder and networks, the record, the workers, the clock."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facsmith.batch import Here, Runner
from facsmith.lab.build.estimate import Speed, fastest, fitting_batch, measured_speed
from facsmith.lab.build.faces import FaceMaker
from facsmith.lab.build.networks import BuildNetworks
from facsmith.lab.build.options import STAGES, BuildOptions
from facsmith.lab.build.record import Record
from facsmith.lab.evaluate.check import Check

__all__ = ["Bench", "Progress"]

Progress = Callable[[str, int, int, float], None]
"""Told (stage, done, total, seconds that the whole build will still take)."""


@dataclass(eq=False)
class Bench:
    """One build at work.

    Parameters
    ----------
    checkpoint
        File or name of the generator.
    progress
        Told how far it is.
    photos
        (name, (H, W, 3) uint8 RGB) to check on.
    runner
        Searches faces and measures samples: this process, or workers.
    check
        Rows of the check's table, once films were checked.
    """

    folder: Path
    checkpoint: str
    options: BuildOptions
    record: Record
    progress: Progress = lambda stage, done, total, left: None
    photos: Sequence[tuple[str, npt.NDArray[np.uint8]]] = ()
    runner: Runner = field(default_factory=Here)
    check: Check | None = None
    _began: float = field(default_factory=time.monotonic)

    @property
    def work(self) -> Path:
        """Where parts lie that only building needs."""
        return self.folder / "build"

    @property
    def has_workers(self) -> bool:
        """Whether other processes than this one search and measure."""
        return not isinstance(self.runner, Here)

    @property
    def worker_device(self) -> str:
        """Where workers' networks run: Ray numbers the GPUs that a worker sees anew."""
        device = self.options.device
        return device.partition(":")[0] if self.has_workers else device

    @cached_property
    def networks(self) -> BuildNetworks:
        """The model's, on the device."""
        return BuildNetworks(self.folder, self.options.device)

    @cached_property
    def faces(self) -> FaceMaker:
        """Draws the generator's own faces."""
        blind = not self.record["framing"]["found"]
        return FaceMaker(self.networks.small, self.options.psi, self.options.provider, blind)

    @cached_property
    def batch(self) -> int:
        """Pictures at a time."""
        return fitting_batch(self.networks.small, self.options.batch)

    @cached_property
    def speed(self) -> Speed:
        """Of the generator at the working resolution, here."""
        return measured_speed(self.networks.small)

    @cached_property
    def look(self) -> float:
        """Seconds that the descriptor takes for a picture, here."""
        import torch

        small, descriptor = self.networks.small, self.networks.descriptor
        pictures = torch.zeros(4, 3, small.resolution, small.resolution, device=small.w_avg.device)
        with torch.inference_mode():  # networks are loaded outside: what it makes, no gradient passes
            return fastest(lambda: descriptor(pictures)) / 4

    def begin(self) -> None:
        """A stage begins now."""
        self._began = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds of this stage in this run."""
        return time.monotonic() - self._began

    def tell(self, stage: str, done: int, total: int) -> None:
        """Pass progress on with what is left of the plan; where the stage takes longer, at the pace that it has."""
        own = self.options.seconds(stage) - self.spent
        if own <= 0:
            own = self.spent * (total - done) / max(done, 1)
        later = STAGES[STAGES.index(stage) + 1 :]
        self.progress(stage, done, total, own + sum(self.options.seconds(s) for s in later if s not in self.record))
