"""What every source of AU-labelled faces yields."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from facsmith._types import Array, Image

__all__ = ["MANY", "SOME", "Item", "Portion", "Source", "everything", "portions", "readable"]


SOME: Final = 256
"""Places of a portion whose files are its own."""
MANY: Final = 2048
"""Places of a portion that has to read a large file which others read, too."""


@dataclass(frozen=True, eq=False)
class Item:
    """One labelled face.

    Parameters
    ----------
    index
        Its place in the source.
    au
        (12,) intensities in [0, 1]; exactly 0 counts as neutral.
    person
        Who it is.
    image
        (H, W, 3) uint8 RGB, or None where the latent is known.
    aligned
        The image is an upright crop already (`face.align`).
    latent
        (num_ws, w_dim), or None; with neither there is no picture of it.
    name
        As its owner would call it.
    """

    index: int
    au: Array
    person: str
    image: Image | None = None
    aligned: bool = False
    latent: npt.NDArray[np.float32] | None = None
    name: str = ""


class Portion(NamedTuple):
    """A run of places, from ``start`` to before ``stop``.

    Attributes
    ----------
    files
        The files whose bytes decide what it yields.
    """

    start: int
    stop: int
    files: tuple[Path, ...] = ()


class Source(Protocol):
    """AU-labelled faces, always in the same order, so that they can be encoded by portions, wherever and whenever."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the labels, one sentence each."""
        ...

    def __len__(self) -> int:
        """How many places there are; not every one yields a face."""
        ...

    def portions(self) -> Iterator[Portion]:
        """All places, in order, in runs of a size worth a worker's while."""
        ...

    def items(self, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """The faces of these places, in order; each is the same whatever the range."""
        ...

    def selection(self) -> Callable[[Array], bool]:
        """A new judge of what is fitted: told the intensities (12,) of each face in order, it says which to take."""
        ...


def readable(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Of these files, those that are there and may be read, each once."""
    return tuple(dict.fromkeys(path for path in paths if path.is_file() and os.access(path, os.R_OK)))


def everything(au: Array) -> bool:
    """A selection that takes every face."""
    return True


def portions(total: int, size: int, files: tuple[Path, ...] = ()) -> Iterator[Portion]:
    """So many places in runs of a size, all of the same files."""
    for start in range(0, total, size):
        yield Portion(start, min(start + size, total), files)
