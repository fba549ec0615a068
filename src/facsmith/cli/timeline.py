"""``facsmith timeline plot | convert``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facsmith.cli._common import check_picture, check_place, note
from facsmith.cli._performance import (
    TrackFpsOption,
    TrackSecondsOption,
    TrackSmoothOption,
    TrackStartOption,
    options_of,
)
from facsmith.errors import InputError

if TYPE_CHECKING:
    from facsmith.timeline import Timeline

__all__ = ["app"]

app = typer.Typer(help="Timelines and recordings: look at their curves, turn one format into another.")

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A timeline (.yaml), or a CSV of OpenFace, py-feat, Live Link, ARKit.")
]


@app.command("plot")
def plot(
    file: FileArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="A picture: .png, .jpg or .webp.")],
    width: Annotated[int, typer.Option("--width", help="Pixels.")] = 1200,
    fps: Annotated[float, typer.Option("--fps", help="Frames a second that a recording is brought to.")] = 25.0,
    track_fps: TrackFpsOption = None,
    track_start: TrackStartOption = 0.0,
    track_seconds: TrackSecondsOption = None,
    track_smooth: TrackSmoothOption = False,
) -> None:
    """Draw the curves, one lane per Action Unit that moves; left sides brown, right sides green.

    [bold]Examples[/bold]

      facsmith timeline plot docs/examples/genuine-smile.yaml -o curves.png
      facsmith timeline plot openface.csv --track-start 10 --track-seconds 5 -o part.png
    """
    from facsmith import image
    from facsmith.plots import timeline_plot

    check_picture(output)
    timeline = _read(file, fps, track_fps, track_start, track_seconds, track_smooth)
    image.write(output, timeline_plot(timeline, width=width))
    typer.echo(str(output))


@app.command("convert")
def convert(
    file: FileArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help=".yaml, or .csv.")],
    livelink: Annotated[
        bool, typer.Option("--livelink", help="Write Live Link Face's columns instead of OpenFace's.")
    ] = False,
    fps: Annotated[float, typer.Option("--fps", help="Frames a second of a .csv.")] = 25.0,
    track_fps: TrackFpsOption = None,
    track_start: TrackStartOption = 0.0,
    track_seconds: TrackSecondsOption = None,
    track_smooth: TrackSmoothOption = False,
) -> None:
    """Turn a timeline or a recording into another format.

    [bold]Examples[/bold]

      facsmith timeline convert iphone.csv -o openface.csv
      facsmith timeline convert docs/examples/contempt.yaml --livelink --fps 60 -o contempt.csv
      facsmith timeline convert openface.csv --track-start 10 --track-seconds 5 -o part.yaml
    """
    from facsmith.tracks import write_livelink, write_openface

    check_place(output)
    timeline = _read(file, fps, track_fps, track_start, track_seconds, track_smooth)
    match output.suffix.lower():
        case ".yaml" | ".yml":
            timeline.to_yaml(output)
        case ".csv":
            (write_livelink if livelink else write_openface)(output, timeline, fps=fps)
        case ending:
            raise InputError(f"A track is written as .yaml or .csv; given: {ending or 'no ending'}.")
    typer.echo(f"{output}  {timeline.duration:.2f} s")


def _read(
    file: Path, fps: float, track_fps: float | None, start: float, seconds: float | None, smooth: bool
) -> "Timeline":
    from facsmith.tracks import read_track

    options = options_of(fps=fps, track_fps=track_fps, start=start, seconds=seconds, smooth=smooth)
    timeline = read_track(file, options=options)
    for sentence in timeline.notes:
        note(sentence)
    return timeline
