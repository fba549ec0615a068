"""Boundaries from moves: what a face's code has to be moved by to show an AU, and the best of several such moves.

Several ways lead to a move: the mean of the searches from known codes (`lab.fit.search_known`), an SVM on the codes
that these found, SVMs on natural faces scored by `measure` or coded by people. Each AU's best is chosen on faces that
none of them has seen: by how much of the muscles' motion the generator's pictures show, and how little else moves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from facsmith import image
from facsmith._types import Array, Codes
from facsmith.boundary import Boundary, BoundarySet, Calibration
from facsmith.compose.motion import Motion
from facsmith.errors import BoundaryError
from facsmith.facs import DISFA
from facsmith.generator import Generator
from facsmith.lab.fit.calibrate_on_faces import until_lost
from facsmith.lab.fit.own_faces import OwnFace
from facsmith.latent import Latent
from facsmith.measure import empty_points

__all__ = ["Choice", "Shown", "best_moves", "boundaries_of_moves", "mixes", "moves_of", "shown_by"]


_MULTIPLES: Final = (0.5, 1.0, 1.5, 2.0, 2.5, 3.25, 4.25, 6.0)
_LEAK: Final = 0.03  # IOD: `boundaries check`'s
_INDEPENDENT: Final = 1e-3
_AT_REST: Final = 0.97


@dataclass(frozen=True)
class Shown:
    """What an AU's move shows on faces held out, medians.

    Parameters
    ----------
    share
        The largest share of the muscles' motion at intensity 1, up to six times the move.
    scale
        How many times the move all of it is shown at, or most of it.
    leak
        How far points that the AU leaves alone move there, in IOD.
    """

    share: float
    scale: float
    leak: float

    @property
    def score(self) -> float:
        """At most 1; less by what is not shown, and by movement elsewhere beyond what `boundaries check` allows."""
        return min(self.share, 1.0) - 0.5 * max(self.leak / _LEAK - 1.0, 0.0)


@dataclass(frozen=True, eq=False)
class Choice:
    """The move that was chosen for one AU.

    Parameters
    ----------
    way
        Name of the way whose move was taken.
    move
        (num_ws, w_dim), scaled to intensity 1.
    shown
        What each way's move shows.
    """

    au: int
    way: str
    move: Codes
    shown: Mapping[str, Shown]


def shown_by(
    moves: Codes,
    aus: Sequence[int],
    faces: Sequence[OwnFace],
    generator: Generator,
    *,
    batch: int = 8,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Shown]:
    """What moves (K, num_ws, w_dim) show on faces that are not theirs."""
    shares = np.zeros((len(faces), len(aus), len(_MULTIPLES)))
    leaks = np.zeros_like(shares)
    for row, face in enumerate(faces):
        motion = Motion(face.picture, face.landmarks)
        for k, au in enumerate(aus):
            asked = face.ws + np.array(_MULTIPLES, np.float32)[:, None, None] * moves[k]
            for level, picture in enumerate(_drawn(generator, asked, batch)):
                flow = motion.flow(picture)
                shares[row, k, level] = motion.share(flow, au)
                leaks[row, k, level] = np.linalg.norm(motion.at_points(flow)[empty_points(au)], axis=1).mean()
        progress(row + 1)
    return [_shown(np.median(shares[:, k], axis=0), np.median(leaks[:, k], axis=0)) for k in range(len(aus))]


def best_moves(
    ways: Mapping[str, Mapping[int, Codes]],
    faces: Sequence[OwnFace],
    generator: Generator,
    *,
    batch: int = 8,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Choice]:
    """Per AU the best move of several ways, and of the means of two of them (`mixes`).

    Parameters
    ----------
    ways
        Name -> AU -> (num_ws, w_dim).

    Raises
    ------
    BoundaryError
        There is no move, or no face to choose on.
    """
    if not any(ways.values()) or not faces:
        raise BoundaryError("There are no moves of AUs to choose from, or no faces to choose on.")
    names, pairs = [*ways], mixes([*ways])
    total, done = len(faces) * (len(names) + len(pairs)), 0
    found: dict[int, dict[str, tuple[Codes, Shown]]] = {}

    def try_out(name: str, moves: Mapping[int, Codes]) -> None:
        nonlocal done
        if moves:
            seen = shown_by(
                np.stack([*moves.values()]),
                [*moves],
                faces,
                generator,
                batch=batch,
                progress=lambda row: progress(done + row, total),
            )
            for (au, move), shown in zip(moves.items(), seen, strict=True):
                found.setdefault(au, {})[name] = (move * np.float32(shown.scale), shown)
        done += len(faces)

    for name, moves in ways.items():
        try_out(name, moves)
    for one, other in pairs:
        both = {au: of for au, of in found.items() if one in of and other in of}
        try_out(f"{one} + {other}", {au: np.float32(0.5) * (of[one][0] + of[other][0]) for au, of in both.items()})
    choices: list[Choice] = []
    for au in sorted(found, key=DISFA.index):
        way = max(found[au], key=lambda name: found[au][name][1].score)
        choices.append(Choice(au, way, found[au][way][0], {name: shown for name, (_, shown) in found[au].items()}))
    return choices


def mixes(names: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of ways whose mean is tried: of ways that saw different faces, their names begin otherwise.

    >>> mixes(["search", "search by SVM", "samples"])
    [('search', 'samples'), ('search by SVM', 'samples')]
    """
    return [(a, b) for a, b in combinations(names, 2) if a.split()[0] != b.split()[0]]


def boundaries_of_moves(
    moves: Mapping[int, Codes], resting: Codes, generator_id: str, *, reports: Mapping[int, Mapping[str, Any]]
) -> BoundarySet:
    """The boundaries whose joint edit of one AU, at intensity 1, is its move.

    With M the moves as rows, the normals are the rows of (M M^T)^+ M at unit length: each is at right angles to all
    other AUs' moves, so that B^T (B B^T)^+, the edit's way back, leads along the moves again.

    People differ along every normal, too, and by more than a weak AU moves them: an intensity above 0 begins where 97
    of 100 resting faces end, so that who it is, is not read as what it shows. What an edit does is not changed by that.

    Parameters
    ----------
    moves
        AU -> (num_ws, w_dim).
    resting
        (N, num_ws, w_dim), codes of faces that show no AU to speak of.
    """
    rows = np.stack([move.ravel() for move in moves.values()]).astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(rows).all() and (lengths > 0).all()):
        raise BoundaryError("A move of an AU is nothing, or not finite; search it again.")
    unit = rows / lengths
    inverse = np.asarray(np.linalg.pinv(unit @ unit.T, rcond=_INDEPENDENT, hermitian=True), np.float64)
    normals = inverse @ unit
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    rest = resting.reshape(len(resting), -1).astype(np.float64) @ normals.T
    boundaries: list[Boundary] = []
    for k, au in enumerate(moves):
        reach = max(float(normals[k] @ rows[k]), 1e-9)
        middle = float(np.quantile(rest[:, k], _AT_REST)) + reach / 2
        normal = normals[k].reshape(moves[au].shape)
        line = Calibration((0.0, 1.0), (-reach / 2, reach / 2))
        boundaries.append(Boundary(au, normal, middle, line, dict(reports.get(au, {}))))
    return BoundarySet(tuple(boundaries), generator_id)


def moves_of(boundaries: BoundarySet) -> dict[int, Codes]:
    """AU -> (num_ws, w_dim): what the joint edit of each AU alone adds to a face at rest at intensity 1."""
    origin = Latent(np.zeros(boundaries.shape, np.float32), boundaries.generator_id)
    nothing = np.zeros(len(DISFA))
    ws = boundaries.singles(origin, source=nothing).ws
    return {au: ws[k + 1] - ws[0] for k, au in enumerate(boundaries.aus)}


def _shown(shares: Array, leaks: Array) -> Shown:
    """Of medians (levels,) at `_MULTIPLES`."""
    last = until_lost(shares)
    shares, leaks = shares[:last], leaks[:last]
    rising = np.concatenate([[0.0], np.maximum.accumulate(shares)])
    at = np.array([0.0, *_MULTIPLES[:last]])
    if rising[-1] >= 1.0:
        first = int(np.argmax(rising >= 1.0))
        part = (1.0 - rising[first - 1]) / max(rising[first] - rising[first - 1], 1e-9)
        scale = float(at[first - 1] + part * (at[first] - at[first - 1]))
    else:
        scale = float(at[int(np.argmax(rising))])
    return Shown(float(rising[-1]), max(scale, 0.05), float(np.interp(scale, at, [0.0, *leaks])))


def _drawn(generator: Generator, ws: Codes, batch: int) -> npt.NDArray[np.uint8]:
    with torch.inference_mode():
        codes = torch.as_tensor(ws, device=generator.w_avg.device)
        parts = [codes[first : first + batch] for first in range(0, len(codes), batch)]
        return np.concatenate([image.to_uint8(generator.synthesis(part)) for part in parts])
