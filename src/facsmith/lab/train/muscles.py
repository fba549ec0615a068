"""Learn the muscle table from people: peaks that FACS coders annotated, each beside the same person's neutral.

Displacements: ridge regression of the sites' movements on the coded intensities, towards the displacements of
ICT-FaceKit's blendshapes, mirror-symmetric; an AU is corrected only near the sites that its blendshape moves, since AUs
that always come together (1, 2, 5, 25, 27 of surprise) cannot be told apart by regression alone. Shading: ridge
regression towards nothing of the logarithm of luminance at the peak over that at rest, on the skin's own points.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from facsmith._types import Array
from facsmith.errors import InputError
from facsmith.face.muscle_table import MIDLINE_AUS, MuscleTable
from facsmith.face.points import JAW
from facsmith.facs import INTENSITY_LETTERS
from facsmith.lab.coded_pairs import UNLETTERED
from facsmith.lab.train.blendshapes import BLENDSHAPES, GRID, JAW_AUS, Blendshapes, grid_freedom
from facsmith.lab.train.coded_peaks import CodedPeak

__all__ = ["MusclesOptions", "fit_muscles"]

_LOWER_LIP: Final = (57, 66)
_SHOWN: Final = [*range(17, 27), *range(36, 68)]
_FITTED: Final = ("blendshapes, fitted intensities", "people, fitted intensities")


@dataclass(frozen=True)
class MusclesOptions:
    """How to fit.

    Parameters
    ----------
    ridge
        Pull towards the blendshapes, in peaks at full intensity.
    shading_ridge
        Pull of the shading towards none, in peaks at full intensity.
    unlettered
        Intensity of a code without a letter, in [0, 1].
    folds
        Folds of the cross-validation over subjects.
    seed
        Seed of the folds.
    """

    ridge: float = 0.5
    shading_ridge: float = 4.0
    unlettered: float = UNLETTERED
    folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.ridge > 0 and self.shading_ridge > 0 and 0 < self.unlettered <= 1 and self.folds >= 2):
            raise InputError(
                f"The ridges are above 0, unlettered is in (0, 1], folds 2 or more; got {self.ridge:g}, "
                f"{self.shading_ridge:g}, {self.unlettered:g}, {self.folds}."
            )


def fit_muscles(peaks: Sequence[CodedPeak], prior: str | Path, options: MusclesOptions | None = None) -> MuscleTable:
    """Fit the table to coded peaks; the report holds the cross-validated residuals.

    The residual of a peak is the mean error of the predicted displacement over brows, eyes and mouth, relative to the
    mean displacement itself: 1 says that nothing was predicted. It is told twice: with ``unlettered`` for AUs that
    coders saw without saying how strong, and with those intensities that explain the peak best.
    """
    options = options or MusclesOptions()
    known = Blendshapes(prior)
    people = sorted({peak.subject for peak in peaks})
    if len(people) < options.folds:
        raise InputError(f"{options.folds} folds need as many people with a coded peak; there are {len(people)}.")
    order = np.random.default_rng(options.seed).permutation(len(people))
    fold: dict[str, int] = {people[int(who)]: place % options.folds for place, who in enumerate(order.tolist())}
    residuals: dict[str, list[float]] = {name: [] for name in ("blendshapes", "people", *_FITTED)}
    explained: list[tuple[float, float]] = []
    for part in range(options.folds):
        train = [peak for peak in peaks if fold[peak.subject] != part]
        left = _displacements(train, known, options)
        shading = _shading(train, known, options)
        for peak in (peak for peak in peaks if fold[peak.subject] == part):
            for table, guessed, fitted in zip((known.left, left), ("blendshapes", "people"), _FITTED, strict=True):
                residuals[guessed].append(_residual(peak, peak.intensities, table, known.mirror))
                residuals[fitted].append(_residual(peak, _fitted(peak, table, known.mirror), table, known.mirror))
            explained.append(_unexplained(peak, shading))
    before, after = (float(np.sum(part)) for part in zip(*explained, strict=True))
    report: dict[str, Any] = {
        "peaks": len(peaks),
        "people": len(people),
        "ridge": options.ridge,
        "shading_ridge": options.shading_ridge,
        "unlettered": options.unlettered,
        "folds": options.folds,
        "residual": {name: round(float(np.median(values)), 4) for name, values in residuals.items()},
        "shading_explained": round(1 - after / max(before, 1e-9), 4),
    }
    return MuscleTable(
        tuple(BLENDSHAPES),
        known.sites,
        known.neutral,
        _displacements(peaks, known, options),
        _shading(peaks, known, options),
        GRID,
        report,
    )


def _displacements(peaks: Sequence[CodedPeak], prior: Blendshapes, options: MusclesOptions) -> Array:
    """(K, S, 3) of the left side. Depth is the blendshapes': frontal pictures do not tell it."""
    design = np.stack([peak.intensities for peak in peaks])  # (N, 2, K)
    seen = np.stack([peak.moved for peak in peaks])  # (N, S, 2)
    right = prior.left[:, prior.mirror] * [-1.0, 1.0, 1.0]
    remaining = seen - np.einsum("nk,ksc->nsc", design[:, 0], prior.left[..., :2])
    remaining -= np.einsum("nk,ksc->nsc", design[:, 1], right[..., :2])
    both = design.mean(axis=1)
    gram, freedom = both.T @ both, prior.freedom()
    correction = np.zeros((len(prior.left), len(prior.sites), 2))
    for site in range(len(prior.sites)):
        free = freedom[:, site] > 0.02
        pull = np.diag(options.ridge / freedom[free, site] ** 2)
        wanted = both[:, free].T @ remaining[:, site]
        correction[free, site] = np.linalg.solve(gram[np.ix_(free, free)] + pull, wanted)
    correction = (correction + correction[:, prior.mirror] * [-1.0, 1.0]) / 2
    jaw = [*JAW, *prior.below_lips]
    for row in (list(BLENDSHAPES).index(au) for au in JAW_AUS):
        drop = prior.whole[row, _LOWER_LIP, 1].mean()
        correction[row, jaw] = prior.whole[row, jaw, :2] * correction[row, _LOWER_LIP, 1].mean() / drop
    of_left = 0.5 + 0.5 * np.tanh(prior.neutral[:, 0] / 0.12)
    left = prior.left.copy()
    left[..., :2] += correction * of_left[:, None]
    for row, au in enumerate(BLENDSHAPES):
        if au in MIDLINE_AUS:
            whole = left[row] + left[row][prior.mirror] * [-1.0, 1.0, 1.0]
            left[row] = whole / 2
    return left


def _shading(peaks: Sequence[CodedPeak], prior: Blendshapes, options: MusclesOptions) -> NDArray[np.float32]:
    """(K, height, width) of the left side."""
    design = np.stack([peak.intensities for peak in peaks]).mean(axis=1)
    seen = np.stack([peak.shading for peak in peaks]).reshape(len(peaks), -1)
    weight = np.isfinite(seen).astype(np.float64)
    near = grid_freedom(prior).reshape(len(BLENDSHAPES), -1)
    found = np.zeros((len(BLENDSHAPES), seen.shape[1]))
    values = np.nan_to_num(seen)
    for node in np.flatnonzero(weight.sum(axis=0) > len(peaks) / 2):
        free = near[:, node] > 0.05
        if free.any():
            seen_here = design[:, free] * weight[:, node, None]
            pull = np.diag(options.shading_ridge / near[free, node] ** 2)
            found[free, node] = np.linalg.solve(seen_here.T @ design[:, free] + pull, seen_here.T @ values[:, node])
    maps = found.reshape(len(BLENDSHAPES), GRID.height, GRID.width)
    maps = (maps + maps[..., ::-1]) / 2
    of_left = 0.5 + 0.5 * np.tanh(GRID.nodes()[..., 0] / 0.12)
    maps = np.stack([np.asarray(cv2.GaussianBlur(one, (0, 0), 0.7), np.float64) for one in maps]) * of_left
    for row, au in enumerate(BLENDSHAPES):
        if au in MIDLINE_AUS:
            maps[row] = (maps[row] + maps[row][:, ::-1]) / 2
    return maps.astype(np.float32)


def _residual(peak: CodedPeak, intensities: Array, left: Array, mirror: NDArray[np.intp]) -> float:
    error = np.linalg.norm(_predicted(intensities, left, mirror) - peak.moved[_SHOWN], axis=1).mean()
    return float(error / np.linalg.norm(peak.moved[_SHOWN], axis=1).mean())


def _predicted(intensities: Array, left: Array, mirror: NDArray[np.intp]) -> Array:
    """(P, 2) displacement of brows, eyes and mouth. intensities: (2, K)."""
    right = left[:, mirror] * [-1.0, 1.0, 1.0]
    moved = np.tensordot(intensities[0], left, 1) + np.tensordot(intensities[1], right, 1)
    return np.asarray(moved[_SHOWN, :2], np.float64)


def _fitted(peak: CodedPeak, left: Array, mirror: NDArray[np.intp]) -> Array:
    """(2, K): codes with a letter as they are, those without at that intensity from A to E which explains the peak
    best."""
    known: Array = np.where(peak.unlettered, 0.0, peak.intensities)
    guessed = np.flatnonzero(peak.unlettered.any(axis=0))
    if len(guessed) == 0:
        return known
    alone = np.zeros((len(guessed), *known.shape))
    alone[np.arange(len(guessed)), :, guessed] = peak.unlettered[:, guessed].T
    rows = np.stack([_predicted(alone[k], left, mirror).ravel() for k in range(len(guessed))], axis=1)
    wanted = (peak.moved[_SHOWN] - _predicted(known, left, mirror)).ravel()
    optimize: Any = importlib.import_module("scipy.optimize")
    found = optimize.lsq_linear(rows, wanted, bounds=(INTENSITY_LETTERS["A"], INTENSITY_LETTERS["E"])).x
    return np.asarray(known + np.tensordot(found, alone, 1), np.float64)


def _unexplained(peak: CodedPeak, left: NDArray[np.float32]) -> tuple[float, float]:
    """The sum of squares of a peak's shading, before and after the prediction."""
    predicted = np.tensordot(peak.intensities[0], left, 1) + np.tensordot(peak.intensities[1], left[..., ::-1], 1)
    return float(np.nansum(peak.shading**2)), float(np.nansum((peak.shading - predicted) ** 2))
