"""Agreement of raters: intraclass correlation of scales, Fleiss' kappa of choices.

References: Shrout and Fleiss (1979), Psychological Bulletin 86, 420; McGraw and Wong (1996), Psychological Methods 1,
30; Fleiss (1971), Psychological Bulletin 76, 378.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from facsmith._types import Array
from facsmith.errors import InputError

__all__ = ["Icc", "complete", "fleiss_kappa", "icc"]

_TAIL = 0.975


@dataclass(frozen=True)
class Icc:
    """Intraclass correlations by two-way random effects, absolute agreement.

    NaN where nothing varies.

    Parameters
    ----------
    single
        ICC(2,1), of one rater.
    single_interval, average_interval
        Their 95 % intervals.
    average
        ICC(2,k), of the mean of all ``raters``.
    """

    single: float
    single_interval: tuple[float, float]
    average: float
    average_interval: tuple[float, float]
    stimuli: int
    raters: int


def icc(ratings: Array) -> Icc:
    """The intraclass correlation of ratings.

    Parameters
    ----------
    ratings
        (stimuli, raters), complete, two or more of each.

    Raises
    ------
    InputError
        There are fewer, or numbers are missing.
    """
    n, k = ratings.shape if ratings.ndim == 2 else (0, 0)
    if min(n, k) < 2 or not np.isfinite(ratings).all():
        raise InputError("An intraclass correlation needs two stimuli and two raters or more, and no rating missing.")
    grand, rows, columns = ratings.mean(), ratings.mean(axis=1), ratings.mean(axis=0)
    between = k * float(((rows - grand) ** 2).sum()) / (n - 1)
    raters = n * float(((columns - grand) ** 2).sum()) / (k - 1)
    rest = ratings - rows[:, None] - columns + grand
    error = float((rest**2).sum()) / ((n - 1) * (k - 1))
    # Shrout and Fleiss, case 2.
    single = _ratio(between - error, between + (k - 1) * error + k * (raters - error) / n)
    average = _ratio(between - error, between + (raters - error) / n)
    low, high = _interval(single, between, raters, error, n, k)
    means = (_stepped(low, k), _stepped(high, k))
    return Icc(single, (low, high), average, means, n, k)


def _interval(single: float, between: float, raters: float, error: float, n: int, k: int) -> tuple[float, float]:
    """McGraw and Wong (1996), table 7, case 2A, absolute agreement."""
    if not np.isfinite(single) or error <= 0:
        return single, single
    from scipy.stats import f  # pyright: ignore[reportMissingTypeStubs]

    ratio = raters / error
    common = n * (1 + (k - 1) * single) - k * single
    above = (k - 1) * (n - 1) * (k * single * ratio + common) ** 2
    freedom = above / ((n - 1) * k**2 * single**2 * ratio**2 + common**2)
    quantile = cast(Any, f).ppf
    upper, lower = float(quantile(_TAIL, n - 1, freedom)), float(quantile(_TAIL, freedom, n - 1))
    noise = k * raters + (k * n - k - n) * error
    return (
        n * (between - upper * error) / (upper * noise + n * between),
        n * (lower * between - error) / (noise + n * lower * between),
    )


def _stepped(single: float, k: int) -> float:
    """Spearman and Brown: of one rater -> of the mean of k."""
    return _ratio(single * k, 1 + single * (k - 1))


def _ratio(above: float, below: float) -> float:
    return above / below if below != 0 else float("nan")


def complete(ratings: Array) -> Array:
    """The part of (stimuli, raters) in which nothing is missing (NaN): raters with most missing are left out until two
    stimuli or more are rated by all that remain. Returns (n, k), which may be empty.
    """
    kept = ratings[:, np.isfinite(ratings).any(axis=0)]
    while kept.shape[1] >= 2:
        whole = np.isfinite(kept).all(axis=1)
        if whole.sum() >= max(2, 0.5 * len(kept)):
            return kept[whole]
        kept = np.delete(kept, int(np.isnan(kept).sum(axis=0).argmax()), axis=1)
    return np.zeros((0, 0))


def fleiss_kappa(counts: Array) -> float:
    """Fleiss' kappa: agreement on categories beyond chance.

    Numbers of choices may differ between stimuli. NaN where none can agree, or all chose one category throughout.

    Parameters
    ----------
    counts
        (stimuli, categories), how often each was chosen; stimuli with fewer than two choices do not count.
    """
    counts = counts[counts.sum(axis=1) >= 2]
    if len(counts) == 0:
        return float("nan")
    total = counts.sum(axis=1)
    agreed = float((((counts**2).sum(axis=1) - total) / (total * (total - 1))).mean())
    chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return _ratio(agreed - chance, 1 - chance)
