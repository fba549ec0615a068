"""What each Action Unit does to a face: 3D displacements and shading of skin sites, learned from people.

The table starts from ICT-FaceKit's FACS blendshapes (MIT; Li et al. 2020) and is corrected by ridge regression on peaks
that human FACS coders annotated (`facsmith train muscles`). It is read from ``weights/muscles.safetensors``.

Conventions: the face frame has its origin midway between the eye centres, x to the viewer's right, y down, z towards
the viewer; unit: inter-ocular distance (IOD, eye centre to eye centre). Sites are the 68 iBUG points, then skin sites
between them. Left and right are the person's own: the left half of a face lies at x > 0.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facsmith._arrays import read_tensors, write_tensors
from facsmith._types import Array
from facsmith.errors import InputError
from facsmith.face.points import MIRROR
from facsmith.facs import AUS

__all__ = ["MIDLINE_AUS", "MuscleTable", "ShadingGrid", "muscle_table"]


_FORMAT: Final = "facsmith-muscles-1"
_MAX_BYTES: Final = 16 << 20
_PACKAGED: Final = Path(__file__).parent.parent / "weights" / "muscles.safetensors"

_SEAM: Final = 0.15  # IOD to each side
MIDLINE_AUS: Final = (17, 18, 22, 23, 24, 25, 26, 27, 28)
"""AUs of the lips and the jaw as a whole: asked on one side only, they move by half on both."""


@dataclass(frozen=True)
class ShadingGrid:
    """The grid of the shading maps over the mean face: nodes at ``left + step * column``, ``top + step * row``."""

    left: float
    top: float
    step: float
    width: int
    height: int

    def nodes(self) -> Array:
        """(height, width, 2) face coordinates."""
        x = self.left + self.step * np.arange(self.width)
        y = self.top + self.step * np.arange(self.height)
        return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float64)


@dataclass(frozen=True, eq=False)
class MuscleTable:
    """Displacements and shading of K AUs at S sites (68 iBUG points first).

    Parameters
    ----------
    aus
        The K AUs.
    sites
        The S site names.
    neutral
        (S, 3) the mean face at rest.
    left
        (K, S, 3) displacement by the AU of the person's own left side at intensity 1; the right side's is its mirror
        image, and both together are the AU.
    shading
        (K, height, width) natural logarithm of the skin's luminance at intensity 1 over that at rest, by the left side;
        in the coordinates of the mean face at rest.
    grid
        Where the shading's nodes lie.
    report
        How the table was made (JSON values).
    """

    aus: tuple[int, ...]
    sites: tuple[str, ...]
    neutral: Array
    left: Array
    shading: NDArray[np.float32]
    grid: ShadingGrid
    report: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        k, s = len(self.aus), len(self.sites)
        expected = {"neutral": (s, 3), "left": (k, s, 3), "shading": (k, self.grid.height, self.grid.width)}
        for name, shape in expected.items():
            given = getattr(self, name)
            if given.shape != shape or not np.isfinite(given).all():
                raise InputError(f"A muscle table's {name} is finite and of shape {shape}; given: {given.shape}.")
        if s < 68 or not set(self.aus) <= set(AUS):
            raise InputError(f"A muscle table has 68 iBUG points first and AUs of {AUS}; given: {s} and {self.aus}.")

    @cached_property
    def mirror(self) -> NDArray[np.intp]:
        """(S,) the site on the other side of each."""
        return mirrored_sites(self.sites)

    @cached_property
    def sides(self) -> Array:
        """(2, 28, S, 3) displacement by the left and by the right side of every AU of `facs.AUS` at intensity 1; 0
        where the table has none."""
        columns = [AUS.index(au) for au in self.aus]
        left = np.zeros((len(AUS), *self.left.shape[1:]))
        left[columns] = self.left
        whole = left + left[:, self.mirror] * [-1.0, 1.0, 1.0]
        left = whole * _of_left(self.neutral[:, 0])[:, None]
        right = left[:, self.mirror] * [-1.0, 1.0, 1.0]
        for column in (AUS.index(au) for au in self.aus if au in MIDLINE_AUS):
            left[column] = right[column] = (left[column] + right[column]) / 2
        blink, closed = AUS.index(45), AUS.index(43)
        left[blink], right[blink] = left[closed], right[closed]
        both = np.stack([left, right])
        both.setflags(write=False)
        return both

    @cached_property
    def side_shading(self) -> NDArray[np.float32]:
        """(2, 28, height, width) shading by the left and by the right side of every AU of `facs.AUS`."""
        left = np.zeros((len(AUS), *self.shading.shape[1:]), np.float32)
        left[[AUS.index(au) for au in self.aus]] = self.shading
        left = (left + left[..., ::-1]) * _of_left(self.grid.nodes()[..., 0]).astype(np.float32)
        both = np.stack([left, left[..., ::-1]])
        both.setflags(write=False)
        return both

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one safetensors file."""
        grid = self.grid
        metadata = {
            "format": _FORMAT,
            "aus": json.dumps(self.aus),
            "sites": json.dumps(self.sites),
            "grid": json.dumps([grid.left, grid.top, grid.step]),
            "report": json.dumps(self.report, allow_nan=False),
        }
        tensors = {
            "neutral": self.neutral.astype(np.float32),
            "left": self.left.astype(np.float32),
            "shading": self.shading.astype(np.float16),
        }
        write_tensors(path, tensors, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "MuscleTable":
        """Read a file that ``save`` wrote.

        Raises
        ------
        InputError
            It is something else, damaged, or larger than 16 MB.
        """
        tensors, metadata = read_tensors(path, max_bytes=_MAX_BYTES, error=InputError)
        if metadata.get("format") != _FORMAT or set(tensors) != {"neutral", "left", "shading"}:
            raise InputError(f"{path} holds no muscle table of facsmith. Give a file of `facsmith train muscles`.")
        try:
            left, top, step = (float(value) for value in json.loads(metadata["grid"]))
            height, width = tensors["shading"].shape[1:]
            return cls(
                tuple(int(au) for au in json.loads(metadata["aus"])),
                tuple(str(site) for site in json.loads(metadata["sites"])),
                tensors["neutral"].astype(np.float64),
                tensors["left"].astype(np.float64),
                tensors["shading"].astype(np.float32),
                ShadingGrid(left, top, step, int(width), int(height)),
                dict(json.loads(metadata["report"])),
            )
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as cause:
            if isinstance(cause, InputError):
                raise
            raise InputError(f"{path} holds a damaged muscle table: {cause}. Make it again.") from cause


def _of_left(x: Array) -> Array:
    """1 on the person's own left of a face, 0 on the right, over the seam of the midline: of a smile on one side, the
    other corner stays."""
    t = np.clip(x / (2 * _SEAM) + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def mirrored_sites(sites: Sequence[str]) -> NDArray[np.intp]:
    """(S,) for each site the one on the other side: by `points.MIRROR`, then by names that end in _L or _R."""
    place = {name: index for index, name in enumerate(sites)}
    swapped = {"_L": "_R", "_R": "_L"}
    skin = [place[name[:-2] + swapped[name[-2:]]] if name[-2:] in swapped else place[name] for name in sites[68:]]
    return np.array([*MIRROR, *skin], dtype=np.intp)


@lru_cache(maxsize=1)
def muscle_table() -> MuscleTable:
    """The table of the package."""
    return MuscleTable.load(_PACKAGED)
