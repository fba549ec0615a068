"""Where a film's performance comes from: expressions, a timeline file, or a recorded track."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facsmith.errors import InputError

if TYPE_CHECKING:
    from facsmith.animate.timing import Expressions
    from facsmith.tracks import TrackOptions

__all__ = [
    "GainOption",
    "Source",
    "TimelineOption",
    "TrackFpsOption",
    "TrackOption",
    "TrackSecondsOption",
    "TrackSmoothOption",
    "TrackStartOption",
    "expressions",
    "options_of",
]

TimelineOption = Annotated[
    Path | None,
    typer.Option("--timeline", metavar="FILE", help="A timeline in YAML: expressions, keyframes, sides, blinks."),
]
TrackOption = Annotated[
    Path | None,
    typer.Option("--track", metavar="FILE", help="A recording: CSV of OpenFace, py-feat, Live Link Face or ARKit."),
]
TrackFpsOption = Annotated[
    float | None,
    typer.Option("--track-fps", help="Frames a second of a track that counts frames.", show_default="the track's own"),
]
TrackStartOption = Annotated[float, typer.Option("--track-start", help="Second of the recording to begin at.")]
TrackSecondsOption = Annotated[
    float | None, typer.Option("--track-seconds", help="Seconds of the recording to take.", show_default="to its end")
]
TrackSmoothOption = Annotated[
    bool, typer.Option("--track-smooth", help="Smooth the recording (One-Euro): less jitter, hardly any lag.")
]
GainOption = Annotated[float, typer.Option("--gain", help="Multiplies the intensities of a timeline or recording.")]


@dataclass(frozen=True)
class Source:
    """What was given of the ways to say what a face does; exactly one is needed."""

    expression: list[str] | None = None
    timeline: Path | None = None
    track: Path | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("expression", "timeline", "track") if getattr(self, name)]
        if len(given) != 1:
            names = " and ".join(f"--{name}" for name in given) or "nothing"
            raise InputError(f"Say what the face does in one way: --expression, --timeline or --track; given: {names}.")


def options_of(
    *, fps: float, track_fps: float | None, start: float, seconds: float | None, smooth: bool
) -> "TrackOptions":
    """The command line's options of a recording."""
    from facsmith.tracks import OneEuro, TrackOptions

    return TrackOptions(
        fps=fps, source_fps=track_fps, start=start, seconds=seconds, smoothing=OneEuro() if smooth else None
    )


def expressions(source: Source, options: "TrackOptions", *, gain: float) -> "Expressions":
    """What the Animator is asked for."""
    from facsmith.timeline import Timeline
    from facsmith.tracks import read_track

    if source.expression:
        if gain != 1:
            raise InputError("--gain multiplies a timeline or a recording; write an expression's intensities yourself.")
        return source.expression if len(source.expression) > 1 else source.expression[0]
    timeline = (
        Timeline.from_yaml(source.timeline) if source.timeline else read_track(source.track or "", options=options)
    )
    return timeline.scaled(gain)
