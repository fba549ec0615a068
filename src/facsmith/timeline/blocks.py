"""Expressions placed in time, one after the other or one into the other, as tracks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from facsmith.errors import TimelineError
from facsmith.facs import EMOTIONS, ActionUnits, parse_expression
from facsmith.timeline.core import Sides
from facsmith.timeline.curves import SHORTEST_PHASE, Easing, Keyframe, Track, evaluate
from facsmith.timeline.natural import ASYNCHRONY, NATURAL_TIMINGS, Timing, Variant, delays, vary

__all__ = ["DEFAULT_TIMING", "Block", "block_tracks"]

DEFAULT_TIMING = Timing(0.6, 1.2, 0.9)
"""Of an AU list, which no emotion's timing is known for: the middle of the published ranges."""


@dataclass(frozen=True)
class Block:
    """From second ``at`` on: rise to ``action_units``, hold, fall to 0; an offset of 0 s stays there.

    An AU that moves already is taken over from where it stands.

    Parameters
    ----------
    asynchrony
        Seconds by which AUs come late, at most.
    """

    at: float
    action_units: ActionUnits
    timing: Timing
    easing: Easing = "min-jerk"
    release: Easing = "relax"
    asynchrony: float = 0.0

    @classmethod
    def of(
        cls,
        show: str,
        *,
        at: float,
        strength: float = 1.0,
        seconds: Mapping[str, float] | None = None,
        easing: Easing = "min-jerk",
        release: Easing = "relax",
        variant: Variant | None = None,
        asynchrony: float | None = None,
    ) -> "Block":
        """A block with the natural timing of an emotion or of AUs.

        Parameters
        ----------
        show
            An emotion or AUs.
        strength
            The intensities are multiplied by it.
        seconds
            Onset, apex and offset that replace the natural ones.
        """
        if not (isfinite(strength) and 0 <= strength <= 1):
            raise TimelineError(f"A strength of {strength:g}; allowed: 0 to 1.")
        asked = parse_expression(show)
        left, right = ({au: strength * e for au, e in side.items()} for side in (asked.left, asked.right))
        name = show.strip().lower()
        natural = vary(NATURAL_TIMINGS[name] if name in EMOTIONS else DEFAULT_TIMING, variant)
        own = {"onset": natural.onset, "apex": natural.apex, "offset": natural.offset, **(seconds or {})}
        late = ASYNCHRONY[variant] if asynchrony is None else asynchrony
        return cls(at, ActionUnits(left=left, right=right), Timing(**own), easing, release, late)


def block_tracks(blocks: Sequence[Block], *, seed: int = 0) -> tuple[dict[Sides | None, dict[int, Track]], float]:
    """Tracks of both sides (None) and of one, and the second at which the last block ends."""
    curves: dict[tuple[Sides, int], list[Keyframe]] = {}
    until = 0.0
    for block in sorted(blocks, key=lambda block: block.at):
        late = delays(block.action_units, block.asynchrony, seed)
        until = max(until, block.at + block.timing.onset + block.timing.apex + block.timing.offset)
        for side in ("left", "right"):
            shown: Mapping[int, float] = getattr(block.action_units, side)
            for au, intensity in shown.items():
                curve = curves.setdefault((side, au), [])
                _play(curve, block, intensity, block.at + late[au])
    tracks: dict[Sides | None, dict[int, Track]] = {None: {}, "left": {}, "right": {}}
    for au in sorted({au for _, au in curves}):
        left, right = (tuple(curves.get((side, au), ())) for side in ("left", "right"))
        if left == right:
            tracks[None][au] = left
        else:
            tracks["left"][au], tracks["right"][au] = left, right
    return tracks, until


def _play(curve: list[Keyframe], block: Block, intensity: float, at: float) -> None:
    """Append one rise, hold and fall to a curve, cutting off what the curve had planned from ``at`` on."""
    stands = float(evaluate(tuple(curve), np.array([at]))[0]) if curve else 0.0
    dropped: list[Easing] = [key.easing for key in curve if key.seconds >= at]
    cut: Easing = dropped[0] if dropped else "linear"
    curve[:] = [key for key in curve if key.seconds < at - SHORTEST_PHASE]
    timing = block.timing
    if at > SHORTEST_PHASE or timing.onset > SHORTEST_PHASE:
        curve.append(Keyframe(at, stands, cut))
    seconds = at + max(timing.onset, SHORTEST_PHASE if curve else 0.0)
    curve.append(Keyframe(seconds, intensity, block.easing))
    if timing.apex > SHORTEST_PHASE:
        seconds += timing.apex
        curve.append(Keyframe(seconds, intensity, "linear"))
    if timing.offset > SHORTEST_PHASE:
        curve.append(Keyframe(seconds + timing.offset, 0.0, block.release))
