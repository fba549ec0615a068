"""A face whose neutral is not at hand, measured against faces in general.

What a stranger's landmarks tell of an expression is what is left after all that people differ by anyway: the pattern of
each AU is looked for in the metric of the covariance of neutral faces (generalised least squares), on shapes made
mirror-symmetric, so that a turn of the head cancels to first order.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.face.points import MIRROR
from facsmith.facs import DISFA
from facsmith.measure.displacement import aligned_displacement, unmixed
from facsmith.measure.population import SOURCES, Population

__all__ = ["combined", "from_shape", "symmetric"]


_UNSEEN: Final = 1e-3  # IOD^2: variance of a point that the covariance does not know of, such as a head's nod
_TAUGHT: Final = 3.0
"""The head errs this much more on faces than on the muscles that taught it and judge it, in comparison with the others.
Chosen on photos of emotions (docs/how-to/measure.md), where 2 and 3 do as well and 1 does worse."""
_SPREAD: Final = 0.3  # how far from 0 an intensity is to be expected before anything is seen: its deviation in training


def from_shape(landmarks: npt.ArrayLike, population: Population, *, provider: str) -> Array:
    """(12,), each >= 0: what the 68 points (68, 2) of a face show whose neutral is not known."""
    moved = symmetric(aligned_displacement(landmarks, population.mean(provider))).ravel()
    root = np.linalg.cholesky(population.covariance + _UNSEEN * np.eye(len(moved)))
    rows = np.linalg.solve(root, symmetric(population.responses).reshape(len(DISFA), -1).T).T
    seen = np.linalg.solve(root, moved)
    prior = np.eye(len(DISFA)) / _SPREAD
    known: Array = np.hstack([rows, prior]).astype(np.float64)
    return unmixed(known, np.concatenate([seen, np.zeros(len(DISFA))]).astype(np.float64), noise=0.0)


def symmetric(displacements: npt.ArrayLike) -> Array:
    """(..., 68, 2): the mean with the mirror image."""
    given = np.asarray(displacements, dtype=np.float64)
    return (given + given[..., np.array(MIRROR), :] * [-1.0, 1.0]) / 2


def combined(readings: dict[str, Array], population: Population) -> Array:
    """(12,) the mean of what the sources say, each by its error on people held out; NaN where none says anything."""
    total, weights = np.zeros(len(DISFA)), np.zeros(len(DISFA))
    for source in SOURCES:
        if source not in readings or source not in population.errors:
            continue
        read = readings[source]
        error = population.errors[source] * (_TAUGHT if source == "appearance" else 1.0)
        weight = np.where(np.isfinite(read), 1 / np.maximum(error, 1e-3) ** 2, 0.0)
        total += weight * np.nan_to_num(np.clip(read, 0.0, 1.0))
        weights += weight
    return np.where(weights > 0, total / np.maximum(weights, 1e-12), np.nan)
