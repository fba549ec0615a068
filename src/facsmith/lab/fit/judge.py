"""How good a boundary is: what its distances tell of samples, mostly of people held out."""

from typing import Any

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.lab.fit.calibrate import Fitted, calibrate
from facsmith.lab.fit.svm_normals import own_baseline

__all__ = ["classes", "counts", "leaks", "level", "quality", "tried"]

Mask = npt.NDArray[np.bool_]


def classes(intensities: Array, threshold: float) -> tuple[Mask, Mask]:
    """Which samples are neutral, and which show the AU; those between are neither."""
    return intensities == 0, intensities >= threshold


def level(distances: Array, intensities: Array, rows: Mask, threshold: float) -> float:
    """Midway between the classes: the intercept."""
    neutral, active = classes(intensities, threshold)
    return float(np.median(distances[rows & neutral]) + np.median(distances[rows & active])) / 2


def tried(
    distances: npt.NDArray[Any], intensities: Array, people: npt.NDArray[np.intp], held: Mask, threshold: float
) -> float | None:
    """Balanced accuracy within the person of another normal's distances (N,), as `quality` has it; None: nothing
    rises."""
    d = distances.astype(np.float64)
    judged = held if held.any() else ~held
    d = d - level(d, intensities, ~held, threshold)
    fitted = calibrate(d[judged], intensities[judged], people[judged])
    if fitted is None:
        return None
    return quality(d[judged], intensities[judged], fitted, threshold)["accuracy_within_person"]


def leaks(distances: Array, shown: Array, people: npt.NDArray[np.intp]) -> Array:
    """(K, 12) how far each other AU, at full intensity, moves a distance, as share of what its own AU moves; own: 0."""
    response = np.linalg.lstsq(
        shown - own_baseline(shown, people, "mean"), distances - own_baseline(distances, people, "mean"), rcond=1e-3
    )[0].T
    own = np.abs(np.diagonal(response))[:, None]
    shares = np.minimum(np.abs(response) / np.maximum(own, 1e-12), 99.0)
    np.fill_diagonal(shares, 0.0)
    return shares


def counts(intensities: Array, people: npt.NDArray[np.intp], threshold: float) -> dict[str, int]:
    """Of people, and of samples in either class."""
    neutral, active = classes(intensities, threshold)
    return {"people": len(np.unique(people)), "neutral": int(neutral.sum()), "active": int(active.sum())}


def quality(distances: Array, intensities: Array, fitted: Fitted, threshold: float) -> dict[str, Any]:
    """Balanced accuracy (absolute, and against the person's own level); 10-90 % band of the residuals, in intensity."""
    neutral, active = classes(intensities, threshold)

    def accuracy(d: Array) -> float:
        return round(float(np.mean(d[neutral] < 0) + np.mean(d[active] > 0)) / 2, 4)

    low, high = fitted.calibration.distances[0], fitted.calibration.distances[-1]
    band = np.percentile(fitted.residuals, [10, 90]) / (high - low)
    return {
        "accuracy": accuracy(distances),
        "accuracy_within_person": accuracy(distances - fitted.offsets),
        "residual_band": [round(float(edge), 4) for edge in band],
        "levels": len(fitted.calibration.intensities),
    }
