"""The ways to each AU's move that a build has, before the best is chosen."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith.errors import BoundaryError
from facsmith.facs import DISFA
from facsmith.lab.build.bench import Bench
from facsmith.lab.build.samples_stage import NATURAL, collected
from facsmith.lab.build.search_stage import found_moves
from facsmith.lab.fit import FitOptions
from facsmith.lab.fit.fit import enough, fit_separable
from facsmith.lab.fit.folder import LabelledCodes
from facsmith.lab.fit.moves import moves_of

__all__ = ["ways_to_move"]

Codes = npt.NDArray[np.float32]

_SHOWS: Final = 0.7
_NATURAL_SHOWS: Final = 0.4  # what is measured on strangers is drawn towards 0


def ways_to_move(bench: Bench) -> tuple[dict[str, Mapping[int, Codes]], dict[str, str]]:
    """Way -> AU -> move (num_ws, w_dim); and of ways that lead nowhere, why."""
    ws, moves = found_moves(bench)
    ways: dict[str, Mapping[int, Codes]] = {"search": dict(zip(DISFA, moves.mean(axis=0), strict=True))}
    labelled = LabelledCodes(
        np.concatenate([ws[:, None], ws[:, None] + moves], axis=1).reshape(-1, *ws.shape[1:]),
        np.tile(np.vstack([np.zeros(len(DISFA)), np.eye(len(DISFA))]), (len(ws), 1)),
        np.repeat(np.arange(len(ws)), 1 + len(DISFA)),
    )
    notes: dict[str, str] = {}
    for name, codes in (("search by SVM", labelled), *collected(bench)):
        try:
            ways[name] = _svm_moves(bench, codes, _NATURAL_SHOWS if name == NATURAL else _SHOWS)
        except BoundaryError as error:
            notes[name] = str(error)
    return ways, notes


def _svm_moves(bench: Bench, codes: LabelledCodes, threshold: float) -> dict[int, Codes]:
    shown = codes.au.clip(0, 1)
    options = FitOptions(aus=enough(shown, threshold), threshold=threshold, seed=bench.options.seed)
    generator_id = bench.networks.generator.generator_id
    return moves_of(
        fit_separable(
            codes.ws.astype(np.float32), shown, groups=codes.people, generator_id=generator_id, options=options
        )
    )
