"""Onset, apex and offset of each AU: from the sliders' pose to a timeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from facsmith.errors import TimelineError
from facsmith.facs import AUS, ActionUnits
from facsmith.timeline import NATURAL_TIMINGS, Easing, Keyframe, Timeline, Timing
from facsmith.timeline.blocks import DEFAULT_TIMING

__all__ = ["LONGEST_PHASE", "PHASE_NAMES", "Phases", "Score"]

LONGEST_PHASE = 30.0
"""Seconds of one phase: a page is no place for hours of film."""
PHASE_NAMES = ("start", "onset", "apex", "offset")
OPENING = 0.3
"""Seconds for which the photo is seen before anything moves."""
_SHORTEST = 1e-3


@dataclass(frozen=True)
class Phases:
    """Seconds of one AU: it rests until ``start``, rises for ``onset``, holds for ``apex``, falls for ``offset``."""

    start: float = OPENING
    onset: float = DEFAULT_TIMING.onset
    apex: float = DEFAULT_TIMING.apex
    offset: float = DEFAULT_TIMING.offset

    def __post_init__(self) -> None:
        for name in PHASE_NAMES:
            seconds = getattr(self, name)
            if not 0 <= seconds <= LONGEST_PHASE:
                raise TimelineError(f"The {name} lasts {seconds:g} s; allowed here: 0 to {LONGEST_PHASE:g} seconds.")

    @classmethod
    def of(cls, timing: Timing, *, start: float = OPENING) -> "Phases":
        """A timing of the emotions, after the opening."""
        return cls(start, timing.onset, timing.apex, timing.offset)

    @property
    def seconds(self) -> float:
        """From the film's beginning to this AU's end."""
        return self.start + self.onset + self.apex + self.offset


@dataclass(frozen=True)
class Score:
    """The phases of every AU that can be played."""

    phases: Mapping[int, Phases]

    def __post_init__(self) -> None:
        object.__setattr__(self, "phases", MappingProxyType({au: self.phases.get(au, Phases()) for au in AUS}))

    @classmethod
    def of(cls, timing: Timing = DEFAULT_TIMING) -> "Score":
        """All AUs together."""
        return cls(dict.fromkeys(AUS, Phases.of(timing)))

    @classmethod
    def natural(cls, emotion: str) -> "Score":
        """As the emotion named moves."""
        return cls.of(NATURAL_TIMINGS.get(emotion, DEFAULT_TIMING))

    @classmethod
    def from_json(cls, value: object) -> "Score":
        """Read ``{"12": [start, onset, apex, offset], ...}`` in seconds, which a page sent.

        Raises
        ------
        TimelineError
            It is anything else, or seconds are out of bounds.
        """
        try:
            rows = {int(au): [float(s) for s in row] for au, row in cast(Mapping[str, Any], value).items()}
            if not set(rows) <= set(AUS) or any(len(row) != len(PHASE_NAMES) for row in rows.values()):
                raise ValueError(rows)
            return cls({au: Phases(*row) for au, row in rows.items()})
        except TimelineError:
            raise
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise TimelineError("The page sent seconds that cannot be read; give numbers such as 0.6.") from error

    def to_json(self) -> dict[str, list[float]]:
        """What `from_json` reads."""
        return {str(au): [getattr(p, name) for name in PHASE_NAMES] for au, p in self.phases.items()}

    def timeline(self, source: ActionUnits, target: ActionUnits) -> Timeline:
        """From what the photo shows to the pose and back, every AU in its own time, each side to its own height."""
        moving = [au for au in AUS if au in source or au in target]
        left, right = (
            {
                au: _track(self.phases[au], getattr(source, side).get(au, 0.0), getattr(target, side).get(au, 0.0))
                for au in moving
            }
            for side in ("left", "right")
        )
        uneven = [au for au in moving if left[au] != right[au]]
        return Timeline(
            {au: left[au] for au in moving if au not in uneven},
            minimum_duration=max((self.phases[au].seconds for au in moving), default=1.0),
            left={au: left[au] for au in uneven},
            right={au: right[au] for au in uneven},
        )


def _track(phases: Phases, rest: float, peak: float) -> tuple[Keyframe, ...]:
    steps: tuple[tuple[float, float, Easing], ...] = (
        (phases.start, rest, "linear"),
        (phases.onset, peak, "min-jerk"),
        (phases.apex, peak, "linear"),
        (phases.offset, rest, "relax"),
    )
    seconds, keys = 0.0, [Keyframe(0.0, rest if phases.start + phases.onset > _SHORTEST else peak)]
    for length, intensity, easing in steps:
        if length > _SHORTEST:
            seconds += length
            keys.append(Keyframe(seconds, intensity, easing))
    return tuple(keys)
