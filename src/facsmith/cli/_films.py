"""Films among what ``facsmith edit`` is given: their options, and the work."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facsmith.cli._common import check_picture, check_place, note, progress_bar
from facsmith.errors import InputError
from facsmith.options import Provider

if TYPE_CHECKING:
    from facsmith.animator import Animator
    from facsmith.footage import FilmChange

__all__ = [
    "AbsoluteOption",
    "BeforeAfterOption",
    "ChangeTimelineOption",
    "FactorOption",
    "FilmNeutralOption",
    "FromOption",
    "ToOption",
    "change_of",
    "edit_film",
    "is_film",
]

_FILMS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".mpg", ".mpeg")

FactorOption = Annotated[
    str | None, typer.Option("--gain", metavar="WHAT", help="A factor of what the face shows: AU12=0.5.")
]
AbsoluteOption = Annotated[
    str | None,
    typer.Option("--absolute", metavar="WHAT", help="What the face shall show of single AUs, all others left: AU6=0."),
]
ChangeTimelineOption = Annotated[
    Path | None, typer.Option("--timeline", metavar="FILE", help="Films: what its AUs shall show over time, in YAML.")
]
FromOption = Annotated[float, typer.Option("--from", metavar="SECONDS", help="Films: where the change begins.")]
ToOption = Annotated[
    float | None,
    typer.Option("--to", metavar="SECONDS", help="Films: where the change ends.", show_default="the film's end"),
]
FilmNeutralOption = Annotated[
    str | None,
    typer.Option(
        "--neutral",
        metavar="SECOND|PHOTO",
        help="Films: where the person rests.",
        show_default="the frames that show least",
    ),
]
BeforeAfterOption = Annotated[
    Path | None,
    typer.Option("--contact-sheet", metavar="FILE", help="Films: also a picture of frames before and after."),
]


def is_film(path: Path) -> bool:
    """By its ending."""
    return path.suffix.lower() in _FILMS


def change_of(
    relative: str | None,
    gain: str | None,
    absolute: str | None,
    *,
    timeline: Path | None = None,
    begin: float = 0.0,
    end: float | None = None,
) -> "FilmChange":
    """What the options ask for."""
    from facsmith.footage import FilmChange
    from facsmith.timeline import Timeline

    timed = None if timeline is None else Timeline.from_yaml(timeline)
    return FilmChange.read(relative=relative, gain=gain, absolute=absolute, timeline=timed, begin=begin, end=end)


def edit_film(
    animator: "Animator",
    film: Path,
    output: Path,
    change: "FilmChange",
    *,
    neutral: str | None,
    face: int | None,
    provider: Provider,
    contact_sheet: Path | None,
) -> None:
    """Edit, and tell what came of it."""
    from facsmith.footage import FilmOptions, write_contact_sheet

    check_place(output)
    check_picture(contact_sheet)
    if film.absolute() == output.absolute():
        raise InputError(f"{output} is the film itself; give the edited one another name.")
    options = FilmOptions(face=face, provider=provider, neutral=_neutral(neutral))
    with progress_bar() as progress:
        receipt = animator.edit_film(film, output, change, options=options, progress=progress)
    if contact_sheet is not None:
        write_contact_sheet(contact_sheet, film, output, receipt)
    for sentence in receipt.notes:
        note(sentence)
    said = receipt.summary
    typer.echo(f"{output}  {said['frames']} frames, {said['edited']} changed, {said['left_alone']} without the face")
    for au, told in receipt.aus.items():
        if told.get("asked") is not None:
            typer.echo(f"{au}: asked {told['asked']:+.2f}, measured {told['measured']:+.2f}")
    if contact_sheet is not None:
        typer.echo(str(contact_sheet))


def _neutral(said: str | None) -> float | Path | None:
    if said is None:
        return None
    try:
        return float(said)
    except ValueError:
        return Path(said)
