"""How far is 0.6, looked at on generated faces: intensities to distances, by optical flow on people held out.

Their codes are moved along the boundaries, drawn by the generator, and looked at: each AU's map from intensity to
distance is bent until an asked 0.6 shows as 0.6 of what the same face's muscles show at full intensity
(`compose.motion`). An encoder tells less of an expression than there is to it, so distances taken from its codes alone
would be too short.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from facsmith import image
from facsmith._types import Array, Image
from facsmith.boundary import BoundarySet, Calibration
from facsmith.compose.motion import Motion
from facsmith.errors import BoundaryError
from facsmith.facs import DISFA
from facsmith.framing import framing_of
from facsmith.generator import Generator
from facsmith.lab.fit import recalibrate
from facsmith.lab.fit.encoding import Encode
from facsmith.lab.train.dataset import REST, open_dataset
from facsmith.latent import Latent
from facsmith.measure import empty_points

__all__ = ["Judge", "calibrate", "held_out_judges", "until_lost"]


Progress = Callable[[str, int, int], None]
"""Told (stage, done, total)."""

_CHUNK = 32
# Parts of the probed range: dense near neutral, where full intensity usually lies.
_PROBED = (1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)
_LOST = 0.15  # of a share
_VERIFIED = (0.25, 0.5, 0.75, 1.0)


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


def held_out_judges(
    dataset: str | Path, generator: Generator, encode: Encode, *, count: int = 24, seed: int = 0
) -> list[Judge]:
    """Held-out people of a data set at rest, to `calibrate` on.

    Parameters
    ----------
    dataset
        A folder of `facsmith.lab.train.data`.
    encode
        Makes codes of pictures, see `encoding`.

    Raises
    ------
    InputError
        No such data set.
    """
    images, _, landmarks, held_out = open_dataset(
        dataset, resolution=generator.resolution, framing=framing_of(generator)
    )
    rows = np.sort(np.random.default_rng(seed).permutation(np.flatnonzero(held_out))[:count])
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

    An AU that never shows full intensity within ``reach`` ends there, or where it shows most; one that shows nothing
    stays as it was, and its report says so.

    Parameters
    ----------
    reach
        How far is tried, in the codes' own distances from neutral to full intensity.
    """
    probe = BoundarySet(
        tuple(replace(b, calibration=_line(b.calibration, reach)) for b in boundaries.boundaries),
        boundaries.generator_id,
    )
    seen = _seen(probe, generator, judges, _PROBED, "calibrate", progress)
    reshaped = probe
    for k, au in enumerate(boundaries.aus):
        with suppress(BoundaryError):  # moves nothing at all: its report will say so
            shares = np.median(seen.shares[:, k], axis=0)
            last = until_lost(shares)
            reshaped = recalibrate(reshaped, au, _PROBED[:last], shares[:last], reach=_PROBED[last - 1])
    shown = _seen(reshaped, generator, judges, _VERIFIED, "verify", progress)
    return BoundarySet(
        tuple(replace(b, report={**b.report, "shown": _report(shown, k)}) for k, b in enumerate(reshaped.boundaries)),
        boundaries.generator_id,
    )


def until_lost(shares: Array) -> int:
    """How many of the shares (levels,) that rising levels show can be believed: those before a fall.

    Where a share falls, optical flow has lost what moved, or the face fell apart.
    """
    fallen = np.flatnonzero(shares < np.maximum.accumulate(shares) - _LOST)
    return int(fallen[0]) if len(fallen) else len(shares)


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
