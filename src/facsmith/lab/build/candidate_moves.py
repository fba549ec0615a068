"""Each AU's moves that a build has to choose from: of the search, and of SVMs on codes that it has."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facsmith._types import Codes
from facsmith.errors import BoundaryError
from facsmith.facs import DISFA
from facsmith.lab.build.bench import Bench
from facsmith.lab.build.samples_stage import NATURAL, collected
from facsmith.lab.build.search_stage import found_moves
from facsmith.lab.fit import FitOptions
from facsmith.lab.fit.fit import enough, fit_separable
from facsmith.lab.fit.folder import LabelledCodes
from facsmith.lab.fit.moves import moves_of

__all__ = ["candidate_moves", "ranked"]


_SHOWS: Final = 0.7
_NATURAL_SHOWS: Final = 0.4  # what is measured on strangers is drawn towards 0
_FEWEST: Final = 8
_APART: Final = 0.05


def candidate_moves(bench: Bench) -> tuple[dict[str, Mapping[int, Codes]], dict[str, str]]:
    """Way -> AU -> move (num_ws, w_dim); and of ways that do not lead to every AU, why."""
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
            if name == NATURAL:
                ways[name], left_out = _svm_moves(bench, codes._replace(au=ranked(codes.au)), _NATURAL_SHOWS)
            else:
                ways[name], left_out = _svm_moves(bench, codes, _SHOWS)
        except BoundaryError as error:
            notes[name] = str(error)
        else:
            if left_out:
                notes[name] = left_out
    return ways, notes


def ranked(au: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Intensities (N, 12) measured on natural faces, as an SVM needs them: some at 0, some that show an AU.

    What nearly all of a generator's faces show a little, as portraits do a smile, is told by rank, as InterFaceGAN
    tells attributes: the least quarter counts as 0, the uppermost quarter as 1, if these lie apart.
    """
    labels = au.copy()
    for k, measured in enumerate(au.T):
        if min((measured == 0).sum(), (measured >= _NATURAL_SHOWS).sum()) >= _FEWEST:
            continue
        low, high = np.quantile(measured, (0.25, 0.75))
        if high - low >= _APART:
            labels[:, k] = np.select([measured <= low, measured >= high], [0.0, 1.0], _NATURAL_SHOWS / 2)
    return labels


def _svm_moves(bench: Bench, codes: LabelledCodes, threshold: float) -> tuple[dict[int, Codes], str]:
    """AU -> move, and which AUs are left out and why, in a sentence; nothing where all are there."""
    shown = codes.au.clip(0, 1)
    frequent = enough(shown, threshold)
    fitted = fit_separable(
        codes.ws.astype(np.float32),
        shown,
        groups=codes.people,
        generator_id=bench.networks.generator.generator_id,
        options=FitOptions(aus=frequent, threshold=threshold, seed=bench.options.seed),
    )
    rare = ", ".join(f"AU{au}" for au in DISFA if au not in frequent)
    reasons = [f"{rare}, as too few faces show them, or too few do not"] if rare else []
    reasons += [f"AU{au}, which {why}" for au, why in fitted.left_out.items()]
    return moves_of(fitted.boundaries), f"Left out: {'; '.join(reasons)}." if reasons else ""
