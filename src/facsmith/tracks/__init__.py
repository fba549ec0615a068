"""Recorded expressions, as other programs write them: in as a Timeline, out from one.

Read: OpenFace CSV, py-feat CSV, Live Link Face and other ARKit CSV, and timeline files in YAML. Written: OpenFace-style
CSV and Live Link Face CSV. docs/how-to/tracks.md tells which column means what.
"""

from facsmith.tracks.options import OneEuro, TrackOptions
from facsmith.tracks.reader import read_track
from facsmith.tracks.resample import Resampler, to_timeline
from facsmith.tracks.writer import write_livelink, write_openface

__all__ = [
    "OneEuro",
    "Resampler",
    "TrackOptions",
    "read_track",
    "to_timeline",
    "write_livelink",
    "write_openface",
]
