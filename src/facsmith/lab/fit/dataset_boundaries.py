"""Boundaries of a generator, from nothing but its encoder and a data set of labelled faces (the paper's 3.3).

Training people are encoded in every expression the data set has of them, and SVMs fitted to their codes
(`lab.fit`); codes whose AUs are known from elsewhere do as well. Then the codes of people held out are moved along
the boundaries, drawn by the generator, and looked at: each AU's map from intensity to distance is bent until an asked
0.6 shows as 0.6 of what the same face's muscles show at full intensity, by optical flow (`compose.motion`). An encoder
tells less of an expression than there is to it, so distances taken from its codes alone would be too short.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from facsmith.boundary import BoundarySet
from facsmith.errors import InputError
from facsmith.facs import AUS, DISFA
from facsmith.framing import framing_of
from facsmith.generator import Generator
from facsmith.lab.fit import FitOptions, fit_boundaries
from facsmith.lab.fit.calibrate_on_faces import Judge, calibrate
from facsmith.lab.fit.encoding import Encode
from facsmith.lab.fit.folder import LabelledCodes
from facsmith.lab.train.dataset import REST, open_dataset
from facsmith.latent import Latent

__all__ = [
    "BoundaryTraining",
    "direction_cosines",
    "held_out_judges",
    "train_boundaries",
]

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

Progress = Callable[[str, int, int], None]
"""Told (stage, done, total)."""

_CHUNK = 32


@dataclass(frozen=True)
class BoundaryTraining:
    """How to fit and calibrate.

    Parameters
    ----------
    people
        Number of training photos that are encoded, in all variants.
    judges
        Number of held-out photos on which distances are calibrated.
    reach
        How far is tried, in the codes' own distances from neutral to full intensity.
    fit
        Options of the SVMs; C is lower than `FitOptions` has it, as more of the codes' noise is averaged out: the
        normals then span the codes' own mean responses, .80 instead of .78 (cosine) like the generator's directions of
        face128.
    """

    people: int = 800
    judges: int = 24
    reach: float = 4.0
    fit: FitOptions = field(default_factory=lambda: FitOptions(c=1e-3))
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.people, self.judges) < 2 or not self.reach >= 1:
            raise InputError(
                f"Boundaries need 2 people and 2 judges or more, and a reach from 1; got {self.people}, {self.judges} "
                f"and {self.reach:g}."
            )


def train_boundaries(
    dataset: str | Path,
    generator: Generator,
    encode: Encode,
    *,
    codes: LabelledCodes | None = None,
    options: BoundaryTraining | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> BoundarySet:
    """Encode a data set's people, fit boundaries to their codes, and calibrate them.

    Each Boundary's report gains ``shown``: on how many judges, the share of the muscles' motion at each asked intensity
    (median) and its band (10 to 90 % of them), its spread over the judges at 1, and the leak (IOD).

    Parameters
    ----------
    dataset
        A folder of `facsmith.lab.train.data`.
    encode
        Makes codes of pictures, see `encoding`.
    codes
        Fitted instead of the data set's training people, who are not encoded then; the judges still are.

    Raises
    ------
    InputError
        No such data set.
    BoundaryError
        The codes do not show an AU.
    """
    options = options or BoundaryTraining()
    images, au, landmarks, held_out = open_dataset(
        dataset, resolution=generator.resolution, framing=framing_of(generator)
    )
    random = np.random.default_rng(options.seed)
    people = np.sort(random.permutation(np.flatnonzero(~held_out))[: options.people])
    judges = np.sort(random.permutation(np.flatnonzero(held_out))[: options.judges])

    if codes is None:
        variants = images.shape[1]
        rows = _parts(people, max(1, _CHUNK // variants), "encode", progress)
        ws = [_encoded(encode, images[part].reshape(-1, *images.shape[2:]), generator) for part in rows]
        labels = au[people].reshape(-1, len(DISFA))
        codes = LabelledCodes(np.concatenate(ws), labels, np.repeat(people, variants))
    progress("fit", 0, 1)
    fitted = fit_boundaries(
        codes.ws, codes.au, groups=codes.people, generator_id=generator.generator_id, options=options.fit
    )
    progress("fit", 1, 1)
    faces = _judges(encode, generator, images, landmarks, judges)
    return calibrate(fitted, generator, faces, reach=options.reach, progress=progress)


def held_out_judges(
    dataset: str | Path, generator: Generator, encode: Encode, *, count: int = 24, seed: int = 0
) -> list[Judge]:
    """Held-out people of a data set at rest, to `calibrate` on boundaries that were fitted elsewhere."""
    images, _, landmarks, held_out = open_dataset(
        dataset, resolution=generator.resolution, framing=framing_of(generator)
    )
    rows = np.sort(np.random.default_rng(seed).permutation(np.flatnonzero(held_out))[:count])
    return _judges(encode, generator, images, landmarks, rows)


def _judges(
    encode: Encode, generator: Generator, images: Image, landmarks: Array, rows: npt.NDArray[np.intp]
) -> list[Judge]:
    codes = _encoded(encode, images[rows, REST], generator)
    return [Judge(code, landmarks[row, REST]) for code, row in zip(codes, rows, strict=True)]


def direction_cosines(boundaries: BoundarySet, directions: npt.ArrayLike) -> Array:
    """(K,) cosines between the joint edit of each AU alone and its own direction.

    A check of the fit.

    Parameters
    ----------
    directions
        (K, num_ws, w_dim) of `facs.AUS`, such as those `lab.train.generator` drew its labelled latents with.
    """
    origin = Latent(np.zeros(boundaries.shape, np.float32), boundaries.generator_id)
    rows = [DISFA.index(au) for au in boundaries.aus]
    asked = np.eye(len(DISFA))[rows]
    moves = boundaries.edit(origin, asked, source=np.zeros(len(DISFA))).ws.reshape(len(rows), -1).astype(np.float64)
    wanted = np.asarray(directions, dtype=np.float64).reshape(len(AUS), -1)[[AUS.index(au) for au in boundaries.aus]]
    return (moves * wanted).sum(axis=1) / np.linalg.norm(moves, axis=1) / np.linalg.norm(wanted, axis=1)


def _encoded(encode: Encode, pictures: Image, generator: Generator) -> npt.NDArray[np.float32]:
    """pictures: (N, R, R, 3). Returns (N, num_ws, w_dim)."""
    ws: list[Tensor] = []
    for first in range(0, len(pictures), _CHUNK):
        part = torch.tensor(pictures[first : first + _CHUNK], device=generator.w_avg.device)
        ws.append(encode(part.permute(0, 3, 1, 2).float() / 127.5 - 1))  # keeps the channels last in memory
    return torch.cat(ws).float().cpu().numpy()


def _parts(rows: npt.NDArray[np.intp], size: int, stage: str, progress: Progress) -> Iterator[npt.NDArray[np.intp]]:
    for first in range(0, len(rows), size):
        yield rows[first : first + size]
        progress(stage, min(first + size, len(rows)), len(rows))
