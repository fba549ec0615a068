"""How far one step of an AU goes on this face: changes are made on some frames, and what they do is measured.

A person's muscles are not the table's: what is asked as .5 may be measured as .4, and something else may move along.
Each AU's step is made longer or shorter until what is measured is what was asked, and AUs that were not asked get small
opposite steps, kept only where they bring them nearer to where they were. All within bounds that keep a step from
running away where it is badly measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith.face.muscles import moved_points
from facsmith.facs import AUS, EYE_AUS

__all__ = ["MOST_FRAMES", "Steps", "fit_steps", "fitting_frames"]

Array = npt.NDArray[np.float64]

MOST_FRAMES: Final = 8
"""Looked at, at most."""
_SHORTEST, _LONGEST = 0.5, 1.6  # times the step asked
_TOLD: Final = 0.1
"""Change from which on its measure tells something."""
_LEAKS: Final = 0.05
"""Of what is asked, the part of an AU not asked from which on it is held back; and at most so much of it."""
_HELD_AT_MOST: Final = 0.25
_SHARED: Final = 0.6
_ROUNDS: Final = 3


def _none() -> dict[int, float]:
    return {}


@dataclass(frozen=True)
class Steps:
    """longer: AU -> by what its step is longer than the table's. held: AU that was not asked -> its own step, in parts
    of the largest that was."""

    longer: dict[int, float] = field(default_factory=_none)
    held: dict[int, float] = field(default_factory=_none)

    def change(self, asked: Array) -> Array:
        """asked: (..., 2, 28). Returns the steps (..., 2, 28) that show as it."""
        made = asked * np.array([self.longer.get(au, 1.0) for au in AUS])
        skin = np.array([au not in EYE_AUS for au in AUS], np.float64)
        size = np.abs(asked * skin).max(axis=-1, keepdims=True)
        return made + size * np.array([self.held.get(au, 0.0) for au in AUS])


def fitting_frames(changes: Array) -> npt.NDArray[np.int64]:
    """Frames to look at: evenly spread over those whose change (T, 2, 28) is at least half of the film's largest."""
    size = np.abs(changes).mean(axis=1).max(axis=1)
    if size.max(initial=0) < _TOLD:
        return np.zeros(0, np.int64)
    large = np.flatnonzero(size >= max(_TOLD, size.max() / 2))
    return large[np.unique(np.linspace(0, len(large) - 1, min(len(large), MOST_FRAMES)).round().astype(int))]


def fit_steps(
    asked: Array, measured: Callable[[Steps], Array], *, aus: Sequence[int], on_round: Callable[[int, int], None]
) -> Steps:
    """The steps of one film.

    asked: (F, K) the changes of F frames, of the K AUs that are measured. measured: steps -> the changes (F, K) that
    are measured then, NaN rows where nothing is. aus: (K,) their numbers. on_round: told (done, of).
    """
    wanted = [k for k in range(len(aus)) if np.abs(asked[:, k]).max(initial=0) >= _TOLD]
    if not wanted or len(asked) == 0:
        return Steps()
    moved = np.any([moved_points(aus[k]) for k in wanted], axis=0)
    others = [k for k, au in enumerate(aus) if not asked[:, k].any() and _mostly(moved_points(au), moved)]
    longer, held, was = np.ones(len(aus)), np.zeros(len(aus)), np.zeros(len(aus))
    for done in range(_ROUNDS):
        shown = measured(_steps(aus, longer, held, wanted))
        on_round(done + 1, _ROUNDS)
        known = np.isfinite(shown).all(axis=1)
        if not known.any():
            break
        seen, size = shown[known], np.abs(asked[known]).max(axis=1)
        for k in wanted:
            went = _slope(seen[:, k], asked[known, k])
            longer[k] = np.clip(longer[k] / max(went, 0.25), _SHORTEST, _LONGEST)
        for k in others:
            moves = _slope(seen[:, k], size)
            if done and held[k] and abs(moves) >= abs(was[k]):
                held[k], was[k] = 0.0, np.inf  # holding it back does not help
            elif abs(moves) >= _LEAKS and np.isfinite(was[k]):
                held[k], was[k] = np.clip(held[k] - moves, -_HELD_AT_MOST, _HELD_AT_MOST), moves
    return _steps(aus, longer, held, wanted)


def _steps(aus: Sequence[int], longer: Array, held: Array, wanted: Sequence[int]) -> Steps:
    return Steps(
        longer={aus[k]: round(float(longer[k]), 3) for k in wanted},
        held={au: round(float(step), 3) for au, step in zip(aus, held, strict=True) if step},
    )


def _mostly(points: npt.NDArray[np.bool_], moved: npt.NDArray[np.bool_]) -> bool:
    """Whether most of an AU's points (68,) are moved by what was asked: a brow that is read otherwise because the mouth
    below it changed has not moved, and shall not."""
    return bool(points.any()) and float(moved[points].mean()) >= _SHARED


def _slope(shown: Array, asked: Array) -> float:
    """How much of what is asked (F,) is shown (F,), by least squares."""
    return float((shown * asked).sum() / max(float((asked * asked).sum()), 1e-9))
