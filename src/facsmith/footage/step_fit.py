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

from facsmith._types import Array
from facsmith.face.muscles import moved_points
from facsmith.facs import AUS

__all__ = ["Steps", "fit_steps", "fitting_frames"]


FRAMES_OF_EACH: Final = 5
"""Frames looked at for each AU that is asked."""
_MOST_FRAMES: Final = 24
"""Frames looked at in all: a performance asks for every AU."""
_SHORTEST, _LONGEST = 0.6, 1.4  # times the step asked
_TOLD: Final = 0.1
"""Change from which on its measure tells something."""
_LEAKS: Final = 0.05
"""Of what is asked of an AU, the part of another from which on that one is held back; and at most so much of it."""
_HELD_AT_MOST: Final = 0.15
_SHARED: Final = 0.6
_ROUNDS: Final = 3


def _none() -> dict[int, float]:
    return {}


def _nobody() -> dict[int, dict[int, float]]:
    return {}


@dataclass(frozen=True)
class Steps:
    """What was found out about the steps of one face's AUs.

    Parameters
    ----------
    longer
        AU -> by what its step is longer than the table's.
    held
        AU -> others that would move along, with their own steps in parts of its.
    """

    longer: dict[int, float] = field(default_factory=_none)
    held: dict[int, dict[int, float]] = field(default_factory=_nobody)

    def change(self, asked: Array) -> Array:
        """Steps that show as what is asked.

        Parameters
        ----------
        asked
            (..., 2, 28).
        """
        made = asked * np.array([self.longer.get(au, 1.0) for au in AUS])
        for au, others in self.held.items():
            size = np.abs(asked[..., AUS.index(au)])
            for other, step in others.items():
                made[..., AUS.index(other)] += step * size
        return made


def fitting_frames(changes: Array) -> npt.NDArray[np.int64]:
    """Frames to look at: of each AU, some of those whose change (T, 2, 28) is at least half of its largest."""
    chosen: set[int] = set()
    for size in np.abs(changes).max(axis=1).T:
        if size.max(initial=0) >= _TOLD:
            large = np.flatnonzero(size >= max(_TOLD, size.max() / 2))
            places = np.linspace(0, len(large) - 1, min(len(large), FRAMES_OF_EACH)).round().astype(int)
            chosen |= set(large[places].tolist())
    several = np.array(sorted(chosen), np.int64)
    return several[np.linspace(0, len(several) - 1, min(len(several), _MOST_FRAMES)).round().astype(int)]


def fit_steps(
    asked: Array, measured: Callable[[Steps], Array], *, aus: Sequence[int], on_round: Callable[[int, int], None]
) -> Steps:
    """The steps of one film.

    Parameters
    ----------
    asked
        (F, K) the changes of F frames, of the K AUs that are measured.
    measured
        Steps -> the changes (F, K) that are measured then, NaN rows where nothing is.
    aus
        (K,) their numbers.
    on_round
        Told (done, of).
    """
    wanted = [k for k in range(len(aus)) if np.abs(asked[:, k]).max(initial=0) >= _TOLD]
    if not wanted or len(asked) == 0:
        return Steps()
    others = [k for k in range(len(aus)) if not asked[:, k].any()]
    beside = np.zeros((len(aus), len(aus)), np.bool_)  # [k, other]: whether the other moves mostly where k does
    for k in wanted:
        beside[k, others] = [_mostly(moved_points(aus[other]), moved_points(aus[k])) for other in others]
    longer, held = np.ones(len(aus)), np.zeros_like(beside, np.float64)
    was = np.zeros_like(held)
    for done in range(_ROUNDS):
        shown = measured(_steps(aus, longer, held, wanted))
        on_round(done + 1, _ROUNDS)
        known = np.isfinite(shown).all(axis=1)
        if not known.any():
            break
        for k in wanted:
            size = asked[known, k]
            longer[k] = np.clip(longer[k] / max(_slope(shown[known, k], size), 0.25), _SHORTEST, _LONGEST)
            for other in np.flatnonzero(beside[k]).tolist():
                moves = _slope(shown[known, other], np.abs(size))
                if held[k, other] and abs(moves) >= abs(was[k, other]):
                    held[k, other], beside[k, other] = 0.0, False  # holding it back does not help
                elif abs(moves) >= _LEAKS:
                    held[k, other] = np.clip(held[k, other] - moves, -_HELD_AT_MOST, _HELD_AT_MOST)
                    was[k, other] = moves
    return _steps(aus, longer, held, wanted)


def _steps(aus: Sequence[int], longer: Array, held: Array, wanted: Sequence[int]) -> Steps:
    return Steps(
        longer={aus[k]: round(float(longer[k]), 3) for k in wanted},
        held={
            aus[k]: {aus[other]: round(float(held[k, other]), 3) for other in np.flatnonzero(held[k]).tolist()}
            for k in wanted
            if held[k].any()
        },
    )


def _mostly(points: npt.NDArray[np.bool_], moved: npt.NDArray[np.bool_]) -> bool:
    """Whether most of an AU's points (68,) are moved by what was asked: a brow that is read otherwise because the mouth
    below it changed has not moved, and shall not."""
    return bool(points.any()) and float(moved[points].mean()) >= _SHARED


def _slope(shown: Array, asked: Array) -> float:
    """How much of what is asked (F,) is shown (F,), by least squares."""
    return float((shown * asked).sum() / max(float((asked * asked).sum()), 1e-9))
