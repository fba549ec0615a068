"""Films among what ``facsmith edit`` is given: their options, and the work."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facsmith.cli._common import check_picture, check_place, note, progress_bar
from facsmith.cli._face_choice import ALL, check_faces, one_each
from facsmith.cli._sign import sign_output
from facsmith.errors import InputError
from facsmith.options import Provider
from facsmith.synthetic import COMPOSITE

if TYPE_CHECKING:
    from facsmith.animator import Animator
    from facsmith.footage import FilmChange, FilmReceipt
    from facsmith.signing import Credentials

__all__ = [
    "AbsoluteOption",
    "BeforeAfterOption",
    "ChangeTimelineOption",
    "FactorOption",
    "FilmNeutralOption",
    "FromOption",
    "ToOption",
    "changes_of",
    "edit_film",
    "is_film",
]

FactorOption = Annotated[
    list[str] | None, typer.Option("--gain", metavar="WHAT", help="A factor of what the face shows: AU12=0.5.")
]
AbsoluteOption = Annotated[
    list[str] | None,
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
    from facsmith.video import FILM_SUFFIXES

    return path.suffix.lower() in FILM_SUFFIXES


def changes_of(
    faces: Sequence[str] | None,
    relative: Sequence[str] | None,
    gain: Sequence[str] | None,
    absolute: Sequence[str] | None,
    *,
    timeline: Path | None = None,
    begin: float = 0.0,
    end: float | None = None,
) -> "dict[str | None, FilmChange]":
    """What the options ask for: of each ``--face`` by its number, or of ``all``; of None where no face was named.

    Raises
    ------
    InputError
        Neither one change for all faces nor one for each of them.
    """
    from facsmith.footage import FilmChange
    from facsmith.timeline import Timeline

    timed = None if timeline is None else Timeline.from_yaml(timeline)
    each = {law: said for law, said in (("relative", relative), ("gain", gain), ("absolute", absolute)) if said}
    check_faces(faces or [])
    of_faces = {law: one_each(faces or [""], said, f"changes by --{law}") for law, said in each.items()}
    named: list[str | None] = [*faces] if faces else [None]
    if len(named) > 1 and len(each) > 1 and any(len(said) < len(named) for said in each.values()):
        raise InputError(
            f"Whose is what? With several faces give --{' and --'.join(each)} once for each, or one of them alone."
        )
    changes: dict[str | None, FilmChange] = {}
    for k, number in enumerate(named):
        of_face = {law: said[k] for law, said in of_faces.items()}
        changes[number] = FilmChange.read(**of_face, timeline=timed, begin=begin, end=end)
    return changes


def _told(changes: "Mapping[str | None, FilmChange]") -> object:
    """What a signed manifest says was asked."""
    if len(changes) == 1 and None in changes:
        return changes[None].to_json()
    return {f"face {number}": change.to_json() for number, change in changes.items()}


def edit_film(
    animator: "Animator",
    film: Path,
    output: Path,
    changes: "Mapping[str | None, FilmChange]",
    *,
    neutral: str | None,
    provider: Provider,
    contact_sheet: Path | None,
    model: str,
    by: "Credentials | None",
) -> None:
    """Edit, tell what came of it, and sign it where that was asked for. changes: of `changes_of`."""
    from facsmith.footage import FilmOptions, write_contact_sheet

    check_place(output)
    check_picture(contact_sheet)
    several = len(changes) > 1 or ALL in changes
    if several and contact_sheet is not None:
        raise InputError("A contact sheet shows one face; leave --contact-sheet out, or give one --face.")
    (number, change) = next(iter(changes.items()))
    face = None if several or number is None else int(number)
    rests = None if neutral is None else FilmOptions.read_neutral(neutral)
    options = FilmOptions(face=face, provider=provider, neutral=rests)
    receipts: dict[int | None, FilmReceipt] = {}
    with progress_bar() as progress:
        if several:
            of_faces = change if number == ALL else {int(str(face)): each for face, each in changes.items()}
            each = animator.edit_film_faces(film, output, of_faces, options=options, progress=progress)
            receipts = {**each}
        else:
            receipts[None] = animator.edit_film(film, output, change, options=options, progress=progress)
    if contact_sheet is not None:
        write_contact_sheet(contact_sheet, film, output, receipts[None])
    for face, receipt in receipts.items():
        tell_receipt(output, receipt, face)
    if contact_sheet is not None:
        typer.echo(str(contact_sheet))
    sign_output(output, by, source_type=COMPOSITE, asked={"change": _told(changes), "model": {"name": model}})


def tell_receipt(output: Path, receipt: "FilmReceipt", face: int | None) -> None:
    """Say what came of one face."""
    whose = "" if face is None else f"face {face}: "
    for sentence in receipt.notes:
        note(f"{whose}{sentence}")
    said = receipt.summary
    typer.echo(
        f"{output}  {whose}{said['frames']} frames, {said['edited']} changed, {said['left_alone']} without the face"
    )
    for au, shown in receipt.aus.items():
        if shown.get("asked") is not None:
            typer.echo(f"{whose}{au}: asked {shown['asked']:+.2f}, measured {shown['measured']:+.2f}")
