"""How far what was measured agrees with what was asked."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Agreement", "agree"]


class Agreement(NamedTuple):
    """How well measured intensities agree with asked ones.

    Parameters
    ----------
    mae
        Mean absolute error.
    icc
        ICC(3,1), the consistency of single ratings (Shrout & Fleiss 1979).
    pearson
        Correlation. NaN where either never changes.
    pairs
        How many were seen.
    """

    mae: float
    icc: float
    pearson: float
    pairs: int


def agree(asked: npt.ArrayLike, measured: npt.ArrayLike) -> Agreement:
    """The agreement of what was measured with what was asked; NaN where fewer than two pairs are left.

    ICC(3,1) = (MSR - MSE) / (MSR + MSE) of the two-way table, two raters: 1 where measured is asked plus a constant, 0
    where they have nothing to do with each other, and less than Pearson's where one is stronger than the other.

    Parameters
    ----------
    asked, measured
        Of one shape; pairs with a NaN are left out.
    """
    a, b = np.asarray(asked, np.float64).ravel(), np.asarray(measured, np.float64).ravel()
    seen = np.isfinite(a) & np.isfinite(b)
    a, b = a[seen], b[seen]
    count = len(a)
    if count < 2:
        return Agreement(float(np.abs(a - b).mean()) if count else np.nan, np.nan, np.nan, count)
    table = np.stack([a, b], axis=1)
    subjects, raters, mean = table.mean(axis=1, keepdims=True), table.mean(axis=0), table.mean()
    rows = 2 * float(np.square(subjects - mean).sum()) / (count - 1)
    error = float(np.square(table - subjects - raters + mean).sum()) / (count - 1)
    icc = (rows - error) / (rows + error) if rows + error > 0 else np.nan
    still = min(float(a.std()), float(b.std())) < 1e-9
    pearson = np.nan if still else float(np.corrcoef(a, b)[0, 1])
    return Agreement(float(np.abs(a - b).mean()), icc, pearson, count)
