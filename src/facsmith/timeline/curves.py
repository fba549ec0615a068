"""One Action Unit over time: keyframes with easing between them, or samples as they were recorded."""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.errors import TimelineError

__all__ = ["BLINK", "EASINGS", "MAX_SECONDS", "Easing", "Keyframe", "Samples", "Track", "ease", "evaluate"]

Easing = Literal["linear", "smooth", "min-jerk", "relax"]
EASINGS: tuple[Easing, ...] = ("linear", "smooth", "min-jerk", "relax")

BLINK = 45
"""The AU of a blink."""
MAX_SECONDS = 3600.0
SHORTEST_PHASE = 1e-6


def ease(progress: npt.ArrayLike, easing: Easing) -> Array:
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


@dataclass(frozen=True, eq=False)
class Samples:
    """A recorded curve: straight lines between samples, held before the first and after the last.

    Parameters
    ----------
    seconds
        (N,) float64, growing, in [0, 3600], N from 1.
    intensities
        (N,) float64 in [0, 1].
    """

    seconds: Array
    intensities: Array

    def __post_init__(self) -> None:
        seconds = np.asarray(self.seconds, dtype=np.float64)
        values = np.asarray(self.intensities, dtype=np.float64)
        if seconds.ndim != 1 or seconds.shape != values.shape or len(seconds) == 0:
            raise TimelineError(
                f"Samples are two arrays (N,), seconds and intensities; given: {seconds.shape}, {values.shape}."
            )
        if not (np.all(np.diff(seconds) > 0) and seconds[0] >= 0 and seconds[-1] <= MAX_SECONDS):
            raise TimelineError(f"The seconds of samples grow from 0 or more to at most {MAX_SECONDS:g}.")
        if not np.all((values >= 0) & (values <= 1)):
            raise TimelineError("A sample is NaN or outside [0, 1]; give intensities from 0 to 1.")
        object.__setattr__(self, "seconds", seconds)
        object.__setattr__(self, "intensities", values)


Track = tuple[Keyframe, ...] | Samples


def evaluate(track: Track, times: Array) -> Array:
    """Intensities (T,) of one track at seconds (T,), in any order."""
    if isinstance(track, Samples):
        return np.interp(times, track.seconds, track.intensities)
    if not track:
        return np.zeros(len(times))
    seconds = np.array([key.seconds for key in track], np.float64)
    intensities = np.array([key.intensity for key in track], np.float64)
    after = np.searchsorted(seconds, times, side="right")  # the keyframe that each time moves to
    values = np.full(len(times), intensities[-1])
    values[after == 0] = intensities[0]
    inside = (after > 0) & (after < len(track))
    easings = np.array([EASINGS.index(key.easing) for key in track])
    for index, easing in enumerate(EASINGS):
        here = inside & (easings[np.minimum(after, len(track) - 1)] == index)
        b = after[here]
        a = b - 1
        eased = ease((times[here] - seconds[a]) / (seconds[b] - seconds[a]), easing)
        values[here] = intensities[a] * (1 - eased) + intensities[b] * eased
    return values


def checked(name: str, track: Track) -> Track:
    """The track, its keyframes as a tuple that grows in time."""
    if isinstance(track, Samples):
        return track
    keys = tuple(track)
    if any(after.seconds <= before.seconds for before, after in itertools.pairwise(keys)):
        raise TimelineError(f"The keyframes of {name} do not follow each other in time; give growing seconds.")
    return keys


def end(track: Track) -> float:
    """Seconds of the last keyframe or sample, 0 for none."""
    if isinstance(track, Samples):
        return float(track.seconds[-1])
    return track[-1].seconds if track else 0.0


def scaled(track: Track, gain: float) -> Track:
    """Intensities times ``gain``, at most 1."""
    if isinstance(track, Samples):
        return Samples(track.seconds, np.minimum(track.intensities * gain, 1.0))
    return tuple(Keyframe(key.seconds, min(key.intensity * gain, 1.0), key.easing) for key in track)


def preceded(track: Track, start: float, *, hold: float, rise: float, rest: float) -> Track:
    """The track, later by ``hold + rise + rest`` s: ``start`` is held, then eased to its first value, that held."""
    lead, top = hold + rise + rest, hold + rise
    if isinstance(track, Samples):
        u = np.linspace(0.0, 1.0, max(2, math.ceil(60 * rise)))
        first = track.intensities[0]
        later = track.seconds > SHORTEST_PHASE
        rested = [lead] if rest > SHORTEST_PHASE else []
        seconds = np.concatenate([hold + u * rise, rested, lead + track.seconds[later]])
        risen = start + (first - start) * ease(u, "min-jerk")
        return Samples(seconds, np.concatenate([risen, [first] * len(rested), track.intensities[later]]))
    first = track[0].intensity if track else 0.0
    keys = [Keyframe(0.0, start)] if hold > SHORTEST_PHASE else []
    keys += [Keyframe(hold, start, "linear"), Keyframe(top, first)]
    keys += [Keyframe(lead, first, "linear")] if rest > SHORTEST_PHASE else []
    later = (key for key in track if key.seconds > SHORTEST_PHASE)
    return (*keys, *(Keyframe(key.seconds + lead, key.intensity, key.easing) for key in later))


def returned(track: Track, since: float, until: float) -> Track:
    """The track, held until ``since`` and then eased back to where it began, at ``until``."""
    first, last = evaluate(track, np.array([0.0, since])).tolist()
    if isinstance(track, Samples):
        kept = track.seconds < since
        u = np.linspace(0.0, 1.0, max(2, math.ceil(60 * (until - since))))
        seconds = np.concatenate([track.seconds[kept], since + u * (until - since)])
        return Samples(seconds, np.concatenate([track.intensities[kept], last + (first - last) * ease(u, "min-jerk")]))
    held = (Keyframe(since, last, "linear"),) if end(track) < since else ()
    return (*track, *held, Keyframe(until, first))


def late(track: Track, delay: float) -> Track:
    """Keyframes later by ``delay`` seconds but for the first and the last; the last phase keeps half of its time."""
    if isinstance(track, Samples) or len(track) < 3:
        return track
    shift = min(delay, (track[-1].seconds - track[-2].seconds) / 2)
    inner = (Keyframe(key.seconds + shift, key.intensity, key.easing) for key in track[1:-1])
    return (track[0], *inner, track[-1])
