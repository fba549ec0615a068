"""A whole performance: a curve per Action Unit, where needed one for each side of the face."""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.errors import ActionUnitError, TimelineError
from facsmith.facs import AUS, EYE_AUS, UNSIDED, ActionUnits, Emotion, playable
from facsmith.options import MAX_FPS
from facsmith.timeline.curves import (
    BLINK,
    MAX_SECONDS,
    SHORTEST_PHASE,
    Easing,
    Keyframe,
    Samples,
    Track,
    checked,
    end,
    evaluate,
    late,
    preceded,
    returned,
    scaled,
)
from facsmith.timeline.natural import (
    ASYNCHRONY,
    BLINK_SECONDS,
    NATURAL_TIMINGS,
    Timing,
    Variant,
    blink_track,
    delays,
    vary,
)

__all__ = ["MAX_FPS", "Sides", "Timeline"]

Sides = Literal["left", "right"]
Change = Callable[[int, Track], Track]

_RETURN = 0.6
"""Seconds in which a loop goes back to its first pose."""


def _none() -> Mapping[int, Track]:
    return {}


@dataclass(frozen=True)
class Timeline:
    """A track per AU: keyframes, or samples; an AU without one stays at 0.

    Before a track's first keyframe its intensity is held, and after its last one too. ``tracks`` move both sides;
    ``left`` and ``right`` replace them on that side, the person's own.

    >>> Timeline.onset_apex_offset(ActionUnits({12: 1.0}), onset=0.5, apex=1.0, offset=1.0).duration
    2.5

    Parameters
    ----------
    notes
        What the user should know of where it comes from.
    """

    tracks: Mapping[int, Track] = field(default_factory=_none)
    minimum_duration: float = 0.0
    """Seconds that the timeline lasts at least; its keyframes may make it longer."""
    left: Mapping[int, Track] = field(default_factory=_none)
    right: Mapping[int, Track] = field(default_factory=_none)
    loop: bool = False
    """Whether the end is the beginning again: `sample` then leaves the last frame out, which would show it twice."""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.minimum_duration) and 0 <= self.minimum_duration <= MAX_SECONDS):
            raise TimelineError(f"A duration of {self.minimum_duration:g} s; allowed: 0 to {MAX_SECONDS:g} seconds.")
        for name, prefix in (("tracks", "AU"), ("left", "L"), ("right", "R")):
            given: Mapping[int, Track] = getattr(self, name)
            for au in given:
                try:
                    playable(au)
                except ActionUnitError as error:
                    raise TimelineError(str(error)) from error
            tracks = {au: checked(f"{prefix}{au}", track) for au, track in given.items()}
            object.__setattr__(self, name, MappingProxyType(tracks))
        for au in UNSIDED:
            if au in self.left or au in self.right:
                raise TimelineError(f"AU{au} has no sides in FACS; give AU{au} a track, not L{au} or R{au}.")

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
    def natural(
        cls, emotion: Emotion, *, start: ActionUnits | None = None, variant: Variant | None = None, seed: int = 0
    ) -> "Timeline":
        """An emotion with the rise, hold and fall of NATURAL_TIMINGS; posed or spontaneous, its AUs come one by one."""
        timing = vary(NATURAL_TIMINGS[emotion.name], variant)
        timeline = cls.onset_apex_offset(
            emotion.action_units, onset=timing.onset, apex=timing.apex, offset=timing.offset, start=start
        )
        return timeline.scattered(ASYNCHRONY[variant], seed=seed)

    @classmethod
    def sequence(cls, poses: Iterable[tuple[float, ActionUnits]], *, easing: Easing = "min-jerk") -> "Timeline":
        """Expressions at given seconds, growing; the first is held before its time."""
        return cls._through([(seconds, action_units, easing) for seconds, action_units in poses])

    @classmethod
    def from_yaml(cls, path: str | os.PathLike[str]) -> "Timeline":
        """Read a timeline file (docs/how-to/timelines.md)."""
        from facsmith.timeline.schema import read_yaml

        return read_yaml(path)

    def to_yaml(self, path: str | os.PathLike[str]) -> None:
        """Write a timeline file that `from_yaml` reads back."""
        from facsmith.timeline.schema import write_yaml

        write_yaml(path, self)

    @classmethod
    def _through(cls, poses: list[tuple[float, ActionUnits, Easing]]) -> "Timeline":
        if not poses:
            raise TimelineError("A timeline without keyframes; give at least one (seconds, expression).")
        both: dict[int, Track] = {}
        one: dict[Sides, dict[int, Track]] = {"left": {}, "right": {}}
        for au in sorted({au for _, action_units, _ in poses for au in action_units}):
            left, right = (
                tuple(Keyframe(t, getattr(units, side).get(au, 0.0), easing) for t, units, easing in poses)
                for side in ("left", "right")
            )
            if left == right:
                both[au] = left
            else:
                one["left"][au], one["right"][au] = left, right
        return cls(both, minimum_duration=poses[-1][0], left=one["left"], right=one["right"])

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last; of a loop, until it begins again."""
        return max([self.minimum_duration, *(end(track) for track in self._all())])

    @property
    def is_symmetric(self) -> bool:
        """Whether no side has a track of its own; the sides may be alike at times even so."""
        return not self.left and not self.right

    @property
    def has_blinks(self) -> bool:
        """Whether AU45 has a track."""
        return any(BLINK in tracks for tracks in (self.tracks, self.left, self.right))

    def at(self, seconds: npt.ArrayLike, side: Sides | None = None) -> Array:
        """Intensities (T, K) in [0, 1] at the given seconds (T,), in the order of ``AUS``.

        Parameters
        ----------
        side
            The person's own side. None: the larger of the two.
        """
        if side is None:
            left = self.at(seconds, "left")
            return left if self.is_symmetric else np.maximum(left, self.at(seconds, "right"))
        times = np.atleast_1d(np.asarray(seconds, dtype=np.float64))
        values = np.zeros((len(times), len(AUS)))
        for au, track in {**self.tracks, **(self.left if side == "left" else self.right)}.items():
            values[:, AUS.index(au)] = evaluate(track, times)
        return values

    def sides(self, seconds: npt.ArrayLike) -> Array:
        """Intensities (T, 2, K) at the given seconds (T,): of the person's left side, then of the right."""
        return np.stack([self.at(seconds, "left"), self.at(seconds, "right")], axis=1)

    def blinks(self, seconds: npt.ArrayLike) -> Array:
        """How far AU45 closes the eyes, (T, 2) in [0, 1]: the person's left eye, then the right."""
        return self.sides(seconds)[:, :, AUS.index(BLINK)]

    def pose(self, seconds: float) -> ActionUnits:
        """What is asked at one moment, both sides kept."""
        left, right = self.sides(seconds)[0].clip(0, 1).tolist()
        return ActionUnits(left=dict(zip(AUS, left, strict=True)), right=dict(zip(AUS, right, strict=True)))

    def frame_times(self, fps: float) -> Array:
        """Seconds (T,) of the frames: the first is 0, the last the timeline's end, or of a loop the one before it."""
        if not (math.isfinite(fps) and 0 < fps <= MAX_FPS):
            raise TimelineError(f"{fps:g} frames per second; allowed: above 0, up to {MAX_FPS:g}.")
        if self.loop:  # a whole number of frames, so that the step across the seam is like every other
            frames = max(1, round(self.duration * fps))
            return np.arange(frames, dtype=np.float64) * (self.duration / frames)
        frames = math.ceil(self.duration * fps - 1e-6) + 1
        return np.minimum(np.arange(frames) / fps, self.duration)

    def sample(self, fps: float, side: Sides | None = None) -> Array:
        """Intensities (T, K) in [0, 1], one row per frame of `frame_times`."""
        return self.at(self.frame_times(fps), side)

    def key_times(self) -> list[float]:
        """The seconds at which something is asked, first and last included; of samples, every one."""
        times = {0.0, self.duration}
        for track in self._all():
            times.update(track.seconds.tolist() if isinstance(track, Samples) else (key.seconds for key in track))
        return sorted(times)

    def scaled(self, gain: float) -> "Timeline":
        """Every intensity times ``gain``, at most 1; blinks and gaze stay as they are."""
        if not (math.isfinite(gain) and gain >= 0):
            raise TimelineError(f"A gain of {gain:g}; give a number of 0 or more (1: as it is).")
        return self._mapped(lambda au, track: track if au in EYE_AUS else scaled(track, gain))

    def scattered(self, asynchrony: float, *, seed: int = 0) -> "Timeline":
        """Each AU's keyframes later by its own part of ``asynchrony`` s; its first and last stay, samples too."""
        by = delays(AUS, asynchrony, seed)
        return self._mapped(lambda au, track: late(track, by[au])) if asynchrony else self

    def led_in(self, start: ActionUnits, *, rise: float, hold: float = 0.0, rest: float = 0.0) -> "Timeline":
        """``start`` held for ``hold`` s, in ``rise`` s to the first pose, held for ``rest`` s, then this timeline."""
        Timing(rise, hold, rest)
        if rise <= SHORTEST_PHASE:
            raise TimelineError(f"A lead-in of {rise:g} s; give a rise above 0 seconds.")
        sided = {au for au in start if start.left.get(au, 0) != start.right.get(au, 0)} | {*self.left, *self.right}

        def led(tracks: Mapping[int, Track], begin: Mapping[int, float], aus: set[int]) -> dict[int, Track]:
            return {
                au: preceded(tracks.get(au, ()), begin.get(au, 0.0), hold=hold, rise=rise, rest=rest)
                for au in sorted(aus)
            }

        return replace(
            self,
            tracks=led(self.tracks, start, {*self.tracks, *start} - sided),
            left=led({**self.tracks, **self.left}, start.left, sided),
            right=led({**self.tracks, **self.right}, start.right, sided),
            minimum_duration=self.duration + hold + rise + rest,
        )

    def added_to(self, own: ActionUnits, *, fps: float) -> "Timeline":
        """Every frame with the AUs of ``own`` added, at most 1, as samples of the AUs that show at some time."""
        times = self.frame_times(fps)
        shown = np.clip(self.sides(times) + np.stack([own.vector("left"), own.vector("right")]), 0.0, 1.0)
        tracks: tuple[dict[int, Track], ...] = ({}, {}, {})
        for column, au in enumerate(AUS):
            left, right = shown[:, 0, column], shown[:, 1, column]
            if np.array_equal(left, right):
                if left.any():
                    tracks[0][au] = Samples(times, left)
            else:
                tracks[1][au], tracks[2][au] = Samples(times, left), Samples(times, right)
        return replace(self, tracks=tracks[0], left=tracks[1], right=tracks[2], minimum_duration=self.duration)

    def looped(self, *, rise: float = _RETURN) -> "Timeline":
        """A loop without a jump: where the end is not the first pose, every AU goes back to it in ``rise`` s."""
        ends = np.array([0.0, self.duration])
        poses = self.sides(ends)
        if np.allclose(poses[0], poses[1]):
            return replace(self, loop=True)
        until = self.duration
        back = self._mapped(lambda au, track: returned(track, until, until + rise))
        return replace(back, loop=True, minimum_duration=until + rise)

    def blinking(self, *, seed: int = 0, every: float = 4.0) -> "Timeline":
        """With blinks at irregular moments, ``every`` s on average, where it has none."""
        if self.has_blinks:
            return self
        random, now = np.random.default_rng(seed), 0.0
        moments: list[float] = []
        while (now := now + every * float(random.uniform(0.6, 1.4))) < self.duration - BLINK_SECONDS:
            moments.append(now)
        return replace(self, tracks={**self.tracks, BLINK: blink_track(moments)}) if moments else self

    def _all(self) -> list[Track]:
        return [*self.tracks.values(), *self.left.values(), *self.right.values()]

    def _mapped(self, change: Change) -> "Timeline":
        changed = (
            {au: change(au, track) for au, track in tracks.items()} for tracks in (self.tracks, self.left, self.right)
        )
        both, left, right = changed
        return replace(self, tracks=both, left=left, right=right, minimum_duration=self.duration)
