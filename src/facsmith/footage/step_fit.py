"""How far one step of an AU goes on this face: changes are made on some frames, and what they do is measured.

A person's muscles are not the table's: what is asked as .5 may be measured as .4. Each AU's step is made longer or
shorter until what is measured is what was asked, within bounds that keep a step from running away where it is badly
measured.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith.facs import AUS

__all__ = ["MOST_FRAMES", "fit_steps", "fitting_frames"]

Array = npt.NDArray[np.float64]

MOST_FRAMES: Final = 8
"""Looked at, at most."""
_SHORTEST, _LONGEST = 0.5, 1.6  # times the step asked
_TOLD: Final = 0.1
"""Change from which on its measure tells something."""
_ROUNDS: Final = 2


def fitting_frames(changes: Array) -> npt.NDArray[np.int64]:
    """Frames to look at: evenly spread over those whose change (T, 2, 28) is at least half of the film's largest."""
    size = np.abs(changes).mean(axis=1).max(axis=1)
    if size.max(initial=0) < _TOLD:
        return np.zeros(0, np.int64)
    large = np.flatnonzero(size >= max(_TOLD, size.max() / 2))
    return large[np.unique(np.linspace(0, len(large) - 1, min(len(large), MOST_FRAMES)).round().astype(int))]


def fit_steps(
    asked: Array, measured: Callable[[Array], Array], *, aus: Sequence[int], on_round: Callable[[int, int], None]
) -> dict[int, float]:
    """AU -> by what its step shall be longer.

    asked: (F, K) the changes of F frames, of the K AUs that are measured. measured: factors (28,) -> the changes
    (F, K) that are measured then, NaN rows where nothing is. aus: (K,) their numbers. on_round: told (done, of).
    """
    factors = np.ones(len(AUS))
    wanted = [k for k in range(len(aus)) if np.abs(asked[:, k]).max(initial=0) >= _TOLD]
    if not wanted or len(asked) == 0:
        return {}
    for done in range(_ROUNDS):
        shown = measured(factors)
        on_round(done + 1, _ROUNDS)
        for k in wanted:
            known = np.isfinite(shown[:, k]) & (np.abs(asked[:, k]) >= _TOLD)
            if not known.any():
                continue
            went = float((shown[known, k] * asked[known, k]).sum() / (asked[known, k] ** 2).sum())
            column = AUS.index(aus[k])
            factors[column] = np.clip(factors[column] / max(went, 0.25), _SHORTEST, _LONGEST)
    return {aus[k]: round(float(factors[AUS.index(aus[k])]), 3) for k in wanted}
