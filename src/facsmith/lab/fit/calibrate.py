"""How far is 0.6? The map from an AU's intensity to distance, from samples and from measurements of edited faces."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from facsmith import _optional
from facsmith._types import Array
from facsmith.boundary import BoundarySet, Calibration
from facsmith.errors import BoundaryError

__all__ = ["Fitted", "calibrate", "recalibrate"]


_LEVELS = 5  # intensities are pooled at fifths: the FACS letters A-E
_ROUNDS = 3
_SATURATED = 0.1


@dataclass(frozen=True)
class Fitted:
    """A calibration and what is left over: residuals (N,) in distance, and each sample's person offset (N,)."""

    calibration: Calibration
    residuals: Array
    offsets: Array


def calibrate(distances: Array, intensities: Array, people: npt.NDArray[np.intp]) -> Fitted | None:
    """Fit distance = curve(intensity) + the person's own offset; None if nothing rises.

    The curve is monotone, by medians per level. Curve and offsets are fitted in turns; people with one sample have no
    offset.

    Parameters
    ----------
    distances, intensities, people
        (N,).
    """
    repeated = (np.bincount(people) > 1)[people]
    offsets = np.zeros(len(distances))
    for _ in range(_ROUNDS if repeated.any() else 1):
        calibration = _curve(intensities, distances - offsets)
        if calibration is None:
            return None
        rest = distances - calibration.distance(intensities)
        offsets = np.where(repeated, _means(rest, people)[people], 0.0)
        offsets -= np.median(offsets)
    calibration = _curve(intensities, distances - offsets)
    if calibration is None:
        return None
    return Fitted(calibration, distances - offsets - calibration.distance(intensities), offsets)


def recalibrate(
    boundary_set: BoundarySet, au: int, asked: npt.ArrayLike, achieved: npt.ArrayLike, *, reach: float = 1.5
) -> BoundarySet:
    """The same boundaries with AU's calibration reshaped so that what is asked is what is measured.

    What was measured as 0.6 becomes the distance of 0.6. Intensities beyond the strongest measurement go on with its
    slope, up to ``reach`` times the old range. A level that shows hardly more than the one before it (a tenth of what
    its distance adds elsewhere) is saturation: the map ends below it, and asking for more is no use.

    Parameters
    ----------
    asked
        (K,) intensities in [0, 1] given to ``edit``.
    achieved
        (K,) intensities measured on the results, 0 for the person's neutral.
    """
    boundary = boundary_set[au]
    given, measured = np.asarray(asked, dtype=np.float64), np.asarray(achieved, dtype=np.float64)
    if given.ndim != 1 or given.shape != measured.shape or len(given) == 0:
        raise BoundaryError(
            f"Asked and achieved intensities of shapes {given.shape} and {measured.shape}; give two equal (K,)."
        )
    if not (np.isfinite(measured).all() and np.all((given >= 0) & (given <= 1))):
        raise BoundaryError("Asked intensities lie in [0, 1] and achieved ones are finite; the given ones are not.")
    order = np.argsort(given, kind="stable")
    order = order[given[order] > 0]  # asked 0 is no move at all: neutral needs no measurement
    risen = _isotonic(given[order], measured[order], np.ones(len(order))) if len(order) else np.zeros(0)
    e = np.concatenate([[0.0], given[order]])
    m = np.concatenate([[0.0], risen.clip(min=0.0)])
    rises = np.concatenate([[True], np.diff(m) > 1e-6])
    e, m = e[rises], m[rises]
    e, m = _unsaturated(boundary.calibration.distance(e), e, m)
    if len(m) < 2:
        raise BoundaryError(
            f"AU{au} did not move in any measurement, so it cannot be recalibrated. Fit its boundary again."
        )
    distances = boundary.calibration.distance(e)
    full = distances[0] + reach * (boundary.calibration.distances[-1] - boundary.calibration.distances[0])
    if m[-1] < 1:
        slope = (distances[-1] - distances[-2]) / (m[-1] - m[-2])
        end = min(distances[-1] + slope * (1 - m[-1]), max(full, distances[-1] + 1e-6 * (full - distances[0])))
    else:
        end = float(np.interp(1.0, m, distances))
    inside = (m > 0) & (m < 1)
    calibration = Calibration((0.0, *m[inside], 1.0), (distances[0], *distances[inside], end))
    changed = replace(boundary, calibration=calibration)
    return BoundarySet(tuple(changed if b.au == au else b for b in boundary_set.boundaries), boundary_set.generator_id)


def _unsaturated(distances: Array, e: Array, m: Array) -> tuple[Array, Array]:
    """e, m without the last levels that show hardly anything for their distance (each (K,), rising)."""
    while len(m) > 2:
        shown, spent = np.diff(m), np.diff(distances)
        if shown[-1] / spent[-1] >= _SATURATED * (m[-2] - m[0]) / (distances[len(m) - 2] - distances[0]):
            break
        e, m, distances = e[:-1], m[:-1], distances[:-1]
    return e, m


def _curve(intensities: Array, distances: Array) -> Calibration | None:
    """Median distance per intensity level, made monotone; from 0 to 1."""
    level = np.where(intensities > 0, np.maximum(np.rint(intensities * _LEVELS), 1), 0).astype(int)
    used = np.unique(level)
    x = np.array([intensities[level == k].mean() for k in used])
    y = np.array([np.median(distances[level == k]) for k in used])
    counts = np.array([np.sum(level == k) for k in used], dtype=np.float64)
    y = _isotonic(x, y, counts)
    # Levels that isotonic regression pooled are one node; the first run stands at 0, the last at its end.
    runs = np.split(np.arange(len(x)), np.flatnonzero(np.diff(y) > 1e-9 * np.ptp(y) + 1e-300) + 1)
    if used[0] != 0 or len(runs) < 2:
        return None
    nodes = np.array(
        [0.0, *(float(np.average(x[run], weights=counts[run])) for run in runs[1:-1]), float(x[runs[-1][-1]])]
    )
    heights = np.array([float(y[run[0]]) for run in runs])
    if nodes[-1] > 1 - 1e-6:
        nodes[-1] = 1.0
    else:
        nodes = np.append(nodes, 1.0)
        heights = np.append(heights, heights[0] + (heights[-1] - heights[0]) / nodes[-2])
    return Calibration(tuple(nodes), tuple(heights))


def _isotonic(x: Array, y: Array, weights: Array) -> Array:
    isotonic = _optional.load("sklearn.isotonic")
    return isotonic.IsotonicRegression().fit_transform(x, y, sample_weight=weights)


def _means(values: Array, people: npt.NDArray[np.intp]) -> Array:
    return np.bincount(people, weights=values) / np.maximum(np.bincount(people), 1)
