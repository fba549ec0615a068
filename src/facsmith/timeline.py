"""When each Action Unit moves: keyframes in seconds, the easing between them, and natural timings of the emotions.

An expression rises in 200-900 ms (Recio et al. 2013) and lasts 0.5-4 s as a whole. Playing the offset as the reversed
onset looks less plausible than a real one (Front. Psychol. 2015, 01107): here the offset is longer and lets go early,
with a long tail.
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from facsmith.errors import TimelineError
from facsmith.facs import AUS, ActionUnits, Emotion

__all__ = ["EASINGS", "NATURAL_TIMINGS", "Easing", "Keyframe", "Timeline", "Timing", "ease"]

Easing = Literal["linear", "smooth", "min-jerk", "relax"]
EASINGS: tuple[Easing, ...] = ("linear", "smooth", "min-jerk", "relax")

MAX_SECONDS = 3600.0
MAX_FPS = 240.0
SHORTEST_PHASE = 1e-6


def ease(progress: npt.ArrayLike, easing: Easing) -> npt.NDArray[np.float64]:
    """Eased progress: monotone from 0 to 1 for ``progress`` in [0, 1], any shape.

    linear u; smooth 3u^2 - 2u^3; min-jerk 10u^3 - 15u^4 + 6u^5 (Flash & Hogan 1985); relax = min-jerk of
    1 - (1 - u)^1.6, which is fastest early and fades out.
    """
    u = np.clip(np.asarray(progress, dtype=np.float64), 0.0, 1.0)
    match easing:
        case "linear":
            return u
        case "smooth":
            return u * u * (3 - 2 * u)
        case "relax":
            u = 1 - (1 - u) ** 1.6
        case "min-jerk":
            pass
    return np.clip(u**3 * (10 + u * (6 * u - 15)), 0.0, 1.0)


@dataclass(frozen=True)
class Keyframe:
    """At ``seconds`` the AU stands at ``intensity``; ``easing`` is how it gets there from the keyframe before."""

    seconds: float
    intensity: float
    easing: Easing = "min-jerk"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.seconds) and 0 <= self.seconds <= MAX_SECONDS):
            raise TimelineError(f"A keyframe at {self.seconds:g} s; allowed: 0 to {MAX_SECONDS:g} seconds.")
        if not 0 <= self.intensity <= 1:
            raise TimelineError(f"A keyframe with intensity {self.intensity:g}; allowed: 0 to 1.")
        if self.easing not in EASINGS:
            raise TimelineError(f"Unknown easing {self.easing!r}; available: {', '.join(EASINGS)}.")


@dataclass(frozen=True)
class Timing:
    """Seconds of rise, hold and fall."""

    onset: float
    apex: float
    offset: float

    def __post_init__(self) -> None:
        for name in ("onset", "apex", "offset"):
            seconds = getattr(self, name)
            if not (math.isfinite(seconds) and 0 <= seconds <= MAX_SECONDS):
                raise TimelineError(f"The {name} lasts {seconds:g} s; allowed: 0 to {MAX_SECONDS:g} seconds.")


NATURAL_TIMINGS: Mapping[str, Timing] = MappingProxyType(
    {
        "neutral": Timing(0.6, 1.0, 0.6),
        "happiness": Timing(0.7, 1.4, 1.0),
        "sadness": Timing(0.9, 1.6, 1.2),
        "surprise": Timing(0.3, 0.8, 0.7),
        "fear": Timing(0.35, 1.0, 0.8),
        "anger": Timing(0.5, 1.3, 0.8),
        "disgust": Timing(0.5, 1.1, 0.8),
        "contempt": Timing(0.5, 1.2, 0.8),
    }
)
"""Our choice inside the published ranges: rise 0.2-0.9 s, surprise and fear fast, sadness slow, genuine smiles long."""


@dataclass(frozen=True)
class Timeline:
    """Keyframes per AU; an AU without keyframes stays at 0.

    Before an AU's first keyframe its intensity is held, and after its last one too.

    >>> Timeline.onset_apex_offset(ActionUnits({12: 1.0}), onset=0.5, apex=1.0, offset=1.0).duration
    2.5
    """

    tracks: Mapping[int, tuple[Keyframe, ...]] = field(default_factory=dict[int, tuple[Keyframe, ...]])
    minimum_duration: float = 0.0
    """Seconds that the timeline lasts at least; its keyframes may make it longer."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.minimum_duration) and 0 <= self.minimum_duration <= MAX_SECONDS):
            raise TimelineError(f"A duration of {self.minimum_duration:g} s; allowed: 0 to {MAX_SECONDS:g} seconds.")
        tracks = {au: tuple(track) for au, track in self.tracks.items()}
        for au, track in tracks.items():
            if au not in AUS:
                raise TimelineError(f"AU{au} has keyframes but is not one of {', '.join(f'AU{a}' for a in AUS)}.")
            if any(after.seconds <= before.seconds for before, after in itertools.pairwise(track)):
                raise TimelineError(f"The keyframes of AU{au} do not follow each other in time; give growing seconds.")
        object.__setattr__(self, "tracks", MappingProxyType(tracks))

    @classmethod
    def onset_apex_offset(
        cls,
        action_units: ActionUnits,
        *,
        onset: float,
        apex: float,
        offset: float,
        start: ActionUnits | None = None,
    ) -> "Timeline":
        """From ``start`` (default neutral) to the expression in ``onset`` s, held ``apex`` s, back in ``offset`` s.

        A phase of 0 s is left out: without offset the film ends on the expression, without onset it begins on it.
        """
        timing = Timing(onset, apex, offset)
        begin = start or ActionUnits()
        poses: list[tuple[float, ActionUnits, Easing]] = []
        if timing.onset > SHORTEST_PHASE:
            poses.append((0.0, begin, "linear"))
        poses.append((timing.onset, action_units, "min-jerk"))
        if timing.apex > SHORTEST_PHASE:
            poses.append((timing.onset + timing.apex, action_units, "linear"))
        if timing.offset > SHORTEST_PHASE:
            poses.append((timing.onset + timing.apex + timing.offset, begin, "relax"))
        return cls._through(poses)

    @classmethod
    def natural(cls, emotion: Emotion, *, start: ActionUnits | None = None) -> "Timeline":
        """An emotion with the rise, hold and fall of NATURAL_TIMINGS."""
        timing = NATURAL_TIMINGS[emotion.name]
        return cls.onset_apex_offset(
            emotion.action_units, onset=timing.onset, apex=timing.apex, offset=timing.offset, start=start
        )

    @classmethod
    def sequence(cls, poses: Iterable[tuple[float, ActionUnits]], *, easing: Easing = "min-jerk") -> "Timeline":
        """Expressions at given seconds, growing; the first is held before its time."""
        return cls._through([(seconds, action_units, easing) for seconds, action_units in poses])

    @classmethod
    def _through(cls, poses: list[tuple[float, ActionUnits, Easing]]) -> "Timeline":
        if not poses:
            raise TimelineError("A timeline without keyframes; give at least one (seconds, expression).")
        active = sorted({au for _, action_units, _ in poses for au in action_units})
        tracks = {
            au: tuple(Keyframe(seconds, units.get(au, 0.0), easing) for seconds, units, easing in poses)
            for au in active
        }
        return cls(tracks, minimum_duration=poses[-1][0])

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return max([self.minimum_duration, *(track[-1].seconds for track in self.tracks.values() if track)])

    def at(self, seconds: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Intensities (T, 12) in [0, 1] at the given seconds (T,), in the order of ``AUS``."""
        times = np.atleast_1d(np.asarray(seconds, dtype=np.float64))
        values = np.zeros((len(times), len(AUS)))
        for au, track in self.tracks.items():
            values[:, AUS.index(au)] = _sample(track, times)
        return values

    def sample(self, fps: float) -> npt.NDArray[np.float64]:
        """Intensities (T, 12) in [0, 1], one row per frame; the first row is second 0, the last the timeline's end."""
        if not (math.isfinite(fps) and 0 < fps <= MAX_FPS):
            raise TimelineError(f"{fps:g} frames per second; allowed: above 0, up to {MAX_FPS:g}.")
        frames = math.ceil(self.duration * fps - 1e-6) + 1
        return self.at(np.minimum(np.arange(frames) / fps, self.duration))


def _sample(track: tuple[Keyframe, ...], times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Intensities (T,) of one AU."""
    if not track:
        return np.zeros(len(times))
    values = np.full(len(times), float(track[0].intensity))
    for before, after in itertools.pairwise(track):
        inside = times >= before.seconds
        eased = ease((times[inside] - before.seconds) / (after.seconds - before.seconds), after.easing)
        values[inside] = before.intensity * (1 - eased) + after.intensity * eased
    return values
