"""Boundaries of a generator, from nothing but its encoder and a data set of labelled faces (the paper's 3.3).

Training people are encoded in every expression the data set has of them, and SVMs fitted to their codes
(`lab.fit`); codes whose AUs are known from elsewhere do as well. Then the codes of people held out are moved along
the boundaries, drawn by the generator, and looked at: each AU's map from intensity to distance is bent until an asked
0.6 shows as 0.6 of what the same face's muscles show at full intensity, by optical flow (`compose.motion`). An encoder
tells less of an expression than there is to it, so distances taken from its codes alone would be too short.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from facsmith import image
from facsmith.boundary import BoundarySet, Calibration
from facsmith.compose.motion import Motion
from facsmith.descriptor import Descriptor
from facsmith.encoder import Encoder
from facsmith.errors import BoundaryError, InputError
from facsmith.facs import AUS, DISFA
from facsmith.framing import framing_of
from facsmith.generator import Generator
from facsmith.inversion import InversionOptions, invert
from facsmith.lab.fit import FitOptions, fit_boundaries, recalibrate
from facsmith.lab.fit.encoded_shards import Encode
from facsmith.lab.fit.folder import LabelledCodes
from facsmith.lab.train.dataset import REST, open_dataset
from facsmith.latent import Latent
from facsmith.measure import empty_points

__all__ = [
    "BoundaryTraining",
    "Judge",
    "calibrate",
    "direction_cosines",
    "encoding",
    "held_out_judges",
    "train_boundaries",
]

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

Progress = Callable[[str, int, int], None]
"""Told (stage, done, total)."""

_CHUNK = 32
# Parts of the probed range: dense near neutral, where full intensity usually lies.
_PROBED = (1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)
_VERIFIED = (0.25, 0.5, 0.75, 1.0)


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


class Judge(NamedTuple):
    """A face at rest to calibrate on.

    Attributes
    ----------
    ws
        (num_ws, w_dim), its code.
    landmarks
        (68, 2) in its picture's pixels.
    """

    ws: npt.NDArray[np.float32]
    landmarks: Array


def encoding(generator: Generator, descriptor: Descriptor, encoder: Encoder, *, iterations: int = 0) -> Encode:
    """v(I), improved by so many steps of the inversion."""

    def encode(images: Tensor) -> Tensor:
        if iterations == 0:
            with torch.inference_mode():
                return encoder(descriptor(images))
        options = InversionOptions(iterations=iterations, learning_rate=0.05, pixel=3.0, prior=1.0)  # close to v(I)
        found = invert(images, generator, descriptor=descriptor, encoder=encoder, options=options)
        return torch.tensor(found.latent.ws)

    return encode


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


def calibrate(
    boundaries: BoundarySet,
    generator: Generator,
    judges: list[Judge],
    *,
    reach: float = 4.0,
    progress: Progress = lambda stage, done, total: None,
) -> BoundarySet:
    """The same boundaries, each intensity at the distance where the generated faces show it; medians over the judges.

    An AU that never shows full intensity within ``reach`` ends there; one that shows nothing stays as it was, and its
    report says so.

    Parameters
    ----------
    reach
        As in `BoundaryTraining`.
    """
    probe = BoundarySet(
        tuple(replace(b, calibration=_line(b.calibration, reach)) for b in boundaries.boundaries),
        boundaries.generator_id,
    )
    seen = _seen(probe, generator, judges, _PROBED, "calibrate", progress)
    reshaped = probe
    for k, au in enumerate(boundaries.aus):
        with suppress(BoundaryError):  # moves nothing at all: its report will say so
            reshaped = recalibrate(reshaped, au, _PROBED, np.median(seen.shares[:, k], axis=0), reach=1.0)
    shown = _seen(reshaped, generator, judges, _VERIFIED, "verify", progress)
    return BoundarySet(
        tuple(replace(b, report={**b.report, "shown": _report(shown, k)}) for k, b in enumerate(reshaped.boundaries)),
        boundaries.generator_id,
    )


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


class _Seen(NamedTuple):
    """shares: (people, K, levels) of the muscles' motion. leaks: (people, K) at the last level, IOD."""

    levels: tuple[float, ...]
    shares: Array
    leaks: Array


def _seen(
    boundaries: BoundarySet,
    generator: Generator,
    judges: list[Judge],
    levels: tuple[float, ...],
    stage: str,
    progress: Progress,
) -> _Seen:
    shares = np.zeros((len(judges), len(boundaries.aus), len(levels)))
    leaks = np.zeros(shares.shape[:2])
    neutral = np.zeros(len(DISFA))
    for person, judge in enumerate(judges):
        latent = Latent(judge.ws, boundaries.generator_id)
        motion = Motion(_drawn(generator, judge.ws[None])[0], judge.landmarks)
        for k, au in enumerate(boundaries.aus):
            asked = np.outer(levels, np.eye(len(DISFA))[DISFA.index(au)])
            # At rest by its label: what the boundaries read there is the person, not an expression.
            pictures = _drawn(generator, boundaries.edit(latent, asked, source=neutral).ws)
            flows = [motion.flow(picture) for picture in pictures]
            shares[person, k] = [motion.share(flow, au) for flow in flows]
            leaks[person, k] = np.linalg.norm(motion.at_points(flows[-1])[empty_points(au)], axis=1).mean()
        progress(stage, person + 1, len(judges))
    return _Seen(levels, shares, leaks)


def _report(seen: _Seen, k: int) -> dict[str, Any]:
    medians = np.median(seen.shares[:, k], axis=0)
    low, high = np.percentile(seen.shares[:, k, -1], [25, 75])
    bands = np.percentile(seen.shares[:, k], [10, 90], axis=0).T
    return {
        "people": len(seen.shares),
        "asked": list(seen.levels),
        "share_of_muscles": [round(float(median), 3) for median in medians],
        "band": [[round(float(edge), 3) for edge in band] for band in bands],
        "spread": round(float(high - low) / 1.349, 3),
        "leak": round(float(np.median(seen.leaks[:, k])), 4),
    }


def _line(fitted: Calibration, reach: float) -> Calibration:
    rest, full = fitted.distances[0], fitted.distances[-1]
    return Calibration((0.0, 1.0), (rest, rest + reach * (full - rest)))


def _drawn(generator: Generator, ws: npt.NDArray[np.float32]) -> Image:
    """ws: (N, num_ws, w_dim). Returns (N, R, R, 3)."""
    with torch.inference_mode():
        return image.to_uint8(generator.synthesis(torch.tensor(ws, device=generator.w_avg.device)))


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
