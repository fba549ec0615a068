"""Where a film's performance comes from: expressions, a timeline file, a recorded track, or another film."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facsmith.errors import InputError

if TYPE_CHECKING:
    from facsmith.plan import Expressions
    from facsmith.timeline import Timeline
    from facsmith.tracks import TrackOptions
    from facsmith.video import Sound

__all__ = [
    "DriveNeutralOption",
    "DriveOption",
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
TrackStartOption = Annotated[float, typer.Option("--track-start", help="Second of a recording or film to begin at.")]
TrackSecondsOption = Annotated[
    float | None,
    typer.Option("--track-seconds", help="Seconds of a recording or film to take.", show_default="to its end"),
]
TrackSmoothOption = Annotated[
    bool, typer.Option("--track-smooth", help="Smooth a recording or film (One-Euro): less jitter, hardly any lag.")
]
DriveOption = Annotated[
    Path | None,
    typer.Option("--drive", metavar="FILM", help="Another person's film: its expressions, and in an .mp4 its sound."),
]
DriveNeutralOption = Annotated[
    float, typer.Option("--drive-neutral", help="Second of the film's part at which that person's face rests.")
]
GainOption = Annotated[
    float, typer.Option("--gain", help="Multiplies the intensities of a timeline, recording or film.")
]


@dataclass(frozen=True)
class Source:
    """What was given of the ways to say what a face does; exactly one is needed."""

    expression: list[str] | None = None
    timeline: Path | None = None
    track: Path | None = None
    drive: Path | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("expression", "timeline", "track", "drive") if getattr(self, name)]
        if len(given) != 1:
            raise InputError(
                "Say what the face does in one way: --expression, --timeline, --track or --drive; given: "
                f"{' and '.join(f'--{name}' for name in given) or 'nothing'}."
            )

    def sound(self, options: "TrackOptions", output: Path) -> "Sound | None":
        """Of the driving film, where the output can hold it."""
        from facsmith.video import Sound

        if self.drive is None or output.suffix.lower() != ".mp4":
            return None
        return Sound(self.drive, options.start, options.seconds)


def options_of(
    *, fps: float, track_fps: float | None, start: float, seconds: float | None, smooth: bool
) -> "TrackOptions":
    """The command line's options of a recording."""
    from facsmith.tracks import OneEuro, TrackOptions

    return TrackOptions(
        fps=fps, source_fps=track_fps, start=start, seconds=seconds, smoothing=OneEuro() if smooth else None
    )


def expressions(
    source: Source, options: "TrackOptions", *, gain: float, neutral: float = 0.0, provider: str = "auto"
) -> "Expressions":
    """What the Animator is asked for."""
    if source.expression:
        if gain != 1:
            raise InputError("--gain multiplies a timeline or a recording; write an expression's intensities yourself.")
        return source.expression if len(source.expression) > 1 else source.expression[0]
    return _timeline(source, options, neutral, provider).scaled(gain)


def _timeline(source: Source, options: "TrackOptions", neutral: float, provider: str) -> "Timeline":
    from facsmith.timeline import Timeline
    from facsmith.tracks import read_track

    if source.timeline is not None:
        return Timeline.from_yaml(source.timeline)
    if source.track is not None:
        return read_track(source.track, options=options)
    from facsmith.drive import DriveOptions, read_performance

    return read_performance(
        source.drive or "",
        options=DriveOptions(
            fps=options.fps,
            provider=provider,
            start=options.start,
            seconds=options.seconds,
            neutral=neutral,
            smoothing=options.smoothing,
        ),
    )
