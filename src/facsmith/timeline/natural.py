"""How long expressions rise, stand and fall: by emotion, posed or spontaneous, and never all AUs at the same moment.

An expression rises in 200-900 ms (Recio et al. 2013) and lasts 0.5-4 s as a whole; genuine smiles take longer over
each phase than posed ones (Guo et al. 2018). Playing the offset as the reversed onset looks less plausible than a real
one (Front. Psychol. 2015, 01107): here the offset is longer and lets go early, with a long tail.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from facsmith.errors import TimelineError
from facsmith.options import VARIANTS, Variant
from facsmith.timeline.curves import MAX_SECONDS, Keyframe

__all__ = [
    "ASYNCHRONY",
    "BLINK_SECONDS",
    "NATURAL_TIMINGS",
    "VARIANTS",
    "Timing",
    "Variant",
    "blink_track",
    "delays",
    "vary",
]


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

ASYNCHRONY: Mapping[Variant | None, float] = MappingProxyType({None: 0.0, "posed": 0.04, "spontaneous": 0.08})
"""Seconds by which the AUs of one expression come later than its first one, at most: our choice, one or two frames."""

_FACTORS: Mapping[Variant, tuple[float, float, float]] = {"posed": (0.75, 0.8, 0.7), "spontaneous": (1.2, 1.1, 1.15)}
_RISE = (0.2, 0.9)
_LONGEST = 4.0


def vary(timing: Timing, variant: Variant | None) -> Timing:
    """A natural timing as it is when posed (each phase shorter) or spontaneous (longer), inside the published ranges.

    The factors are our choice; None leaves it as it is.
    """
    if variant is None:
        return timing
    if variant not in VARIANTS:
        raise TimelineError(f"Unknown variant {variant!r}; available: {', '.join(VARIANTS)}.")
    rise, hold, fall = _FACTORS[variant]
    onset = min(max(timing.onset * rise, _RISE[0]), _RISE[1])
    offset = timing.offset * fall
    return Timing(onset, min(timing.apex * hold, _LONGEST - onset - offset), offset)


def delays(aus: Iterable[int], asynchrony: float, seed: int) -> dict[int, float]:
    """AU -> seconds in [0, asynchrony] by which it is late. Depends on AU and seed alone, not on the other AUs."""
    if not (math.isfinite(asynchrony) and 0 <= asynchrony <= 1):
        raise TimelineError(f"An asynchrony of {asynchrony:g} s; allowed: 0 to 1 second.")
    return {au: asynchrony * float(np.random.default_rng((seed, au)).random()) for au in aus}


BLINK_SECONDS = 0.3
"""Of a whole blink: closing takes three tenths of it, opening six."""
_CLOSED, _OPENING = 0.3, 0.4


def blink_track(moments: Iterable[float], *, seconds: float = BLINK_SECONDS) -> tuple[Keyframe, ...]:
    """A track of AU45: one blink of ``seconds`` from each moment on; moments grow and are that far apart."""
    keys: list[Keyframe] = []
    for moment in moments:
        if keys and moment <= keys[-1].seconds:
            raise TimelineError(
                f"A blink at {moment:g} s begins before the one before it ends, at {keys[-1].seconds:g} s; "
                "give growing moments that are further apart."
            )
        keys += [
            Keyframe(moment, 0.0, "linear"),
            Keyframe(moment + _CLOSED * seconds, 1.0),
            Keyframe(moment + _OPENING * seconds, 1.0, "linear"),
            Keyframe(moment + seconds, 0.0, "relax"),
        ]
    return tuple(keys)
