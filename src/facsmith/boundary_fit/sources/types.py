"""What every source of AU-labelled faces yields."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Item", "Source"]

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Item:
    """One labelled face.

    index: its place in the source. au: (12,) intensities in [0, 1]; exactly 0 counts as neutral. person: who it is.
    image: (H, W, 3) uint8 RGB, or None where the latent is known. aligned: the image is an upright crop already
    (`face.align`). latent: (num_ws, w_dim), or None.
    """

    index: int
    au: Array
    person: str
    image: Image | None = None
    aligned: bool = False
    latent: npt.NDArray[np.float32] | None = None


class Source(Protocol):
    """AU-labelled faces, always in the same order, so that a run that was cut short can go on."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the labels, one sentence each."""
        ...

    def __len__(self) -> int:
        """How many places there are; not every one yields a face."""
        ...

    def items(self, start: int = 0, *, kept: Array | None = None) -> Iterator[Item]:
        """The faces from that place on, in order. kept: (N, 12), what those before it, taken in an earlier run,
        show."""
        ...
