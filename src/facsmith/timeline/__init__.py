"""When each Action Unit moves: curves in seconds, natural timings of the emotions, and the YAML they are kept in."""

from facsmith.timeline.core import MAX_FPS, Sides, Timeline
from facsmith.timeline.curves import BLINK, EASINGS, MAX_SECONDS, Easing, Keyframe, Samples, Track, ease
from facsmith.timeline.natural import NATURAL_TIMINGS, VARIANTS, Timing, Variant, vary
from facsmith.timeline.schema import dump_yaml, parse_yaml, read_yaml, write_yaml

__all__ = [
    "BLINK",
    "EASINGS",
    "MAX_FPS",
    "MAX_SECONDS",
    "NATURAL_TIMINGS",
    "VARIANTS",
    "Easing",
    "Keyframe",
    "Samples",
    "Sides",
    "Timeline",
    "Timing",
    "Track",
    "Variant",
    "dump_yaml",
    "ease",
    "parse_yaml",
    "read_yaml",
    "vary",
    "write_yaml",
]
