"""What can be chosen about reading a track."""

from dataclasses import dataclass
from math import isfinite

from facsmith.errors import InputError, TimelineError
from facsmith.timeline import MAX_FPS, MAX_SECONDS

__all__ = ["OneEuro", "TrackOptions"]


@dataclass(frozen=True)
class OneEuro:
    """The One-Euro filter (Casiez et al. 2012): smooth where a curve rests, quick where it moves.

    Parameters
    ----------
    min_cutoff
        Cutoff at rest, in Hz; smaller is smoother.
    beta
        How much the cutoff grows per intensity a second; larger lags less.
    speed_cutoff
        Cutoff of the speed's own smoothing, in Hz.
    """

    min_cutoff: float = 1.5
    beta: float = 2.0
    speed_cutoff: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.min_cutoff <= 1000 and 0 < self.speed_cutoff <= 1000 and 0 <= self.beta <= 1000):
            raise InputError(
                f"One-Euro smoothing with {self}: cutoffs lie above 0, beta at 0 or above, all up to 1000."
            )


@dataclass(frozen=True)
class TrackOptions:
    """How a recorded track becomes a Timeline.

    Parameters
    ----------
    fps
        Frames a second it is resampled to, as many as the film has.
    source_fps
        Frames a second of files that count frames instead of seconds (py-feat), and of timecodes.
    start, seconds
        The part that is read, counted from the first row. None: to the end.
    min_confidence
        OpenFace rows with a lower confidence are left out.
    smoothing
        The filter; by default there is none.
    """

    fps: float = 25.0
    source_fps: float | None = None
    start: float = 0.0
    seconds: float | None = None
    min_confidence: float = 0.8
    smoothing: OneEuro | None = None

    def __post_init__(self) -> None:
        for name, rate in (("fps", self.fps), ("source_fps", self.source_fps)):
            highest = MAX_FPS if name == "fps" else 10_000.0
            if rate is not None and not (isfinite(rate) and 0 < rate <= highest):
                raise TimelineError(f"{name} is {rate:g} frames per second; allowed: above 0, up to {highest:g}.")
        if not (isfinite(self.start) and self.start >= 0):
            raise TimelineError(f"A track cannot be read from second {self.start:g} on; give 0 or more.")
        if self.seconds is not None and not 0 < self.seconds <= MAX_SECONDS:
            raise TimelineError(f"{self.seconds:g} seconds of a track; allowed: above 0, up to {MAX_SECONDS:g}.")
        if not 0 <= self.min_confidence <= 1:
            raise InputError(f"A least confidence of {self.min_confidence:g}; allowed: 0 to 1.")
