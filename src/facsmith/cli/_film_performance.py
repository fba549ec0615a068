"""``facsmith animate --film``: a new performance on a film's moving head."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facsmith.cli._face_choice import ALL, per_face
from facsmith.cli._performance import Source, expressions, options_of
from facsmith.errors import InputError
from facsmith.options import MAX_FPS, AnimateOptions

if TYPE_CHECKING:
    from facsmith.footage import FilmChange

__all__ = ["FilmOption", "performances", "refuse_beside_film", "refuse_beside_photo"]

FilmOption = Annotated[
    Path | None,
    typer.Option("--film", metavar="FILM", help="In place of a photo: a film whose face gives another performance."),
]


def refuse_beside_film(**others: object) -> None:
    """Refuse what is of photos alone.

    Raises
    ------
    InputError
        Something of it was given.
    """
    given = [name for name, value in others.items() if value]
    if "photo" in given:
        raise InputError("Give a photo or --film, not both; a photo of the person at rest is --neutral.")
    if given:
        raise InputError(f"--{given[0].replace('_', '-')} is of photos; leave it out with a film.")


def refuse_beside_photo(**others: object) -> None:
    """Refuse what is of films alone.

    Raises
    ------
    InputError
        Something of it was given.
    """
    given = [name for name, value in others.items() if value]
    if given:
        raise InputError(f"--{given[0].replace('_', '-')} is of films; leave it out with a photo.")


def performances(
    film: Path,
    source: Source,
    faces: Sequence[str] | None,
    options: AnimateOptions,
    *,
    gain: float,
    drive_neutral: float,
    track_fps: float | None,
    start: float,
    seconds: float | None,
    smooth: bool,
) -> "dict[str | None, FilmChange]":
    """What each face of a film shall show, as `cli._films.changes_of` has it."""
    from facsmith.footage import performance_of
    from facsmith.video import open_footage

    options = replace(options, fps=min(float(open_footage(film).rate), MAX_FPS))
    if faces is not None and (len(faces) > 1 or faces[0] == ALL):
        if not source.expression:
            raise InputError("Several faces take expressions alone (-e), and each gets a receipt of its own.")
        asked = per_face(faces, source.expression)
        if isinstance(asked, dict):
            return {str(face): performance_of(what, options) for face, what in asked.items()}
        return {ALL: performance_of(asked, options)}
    recording = options_of(fps=options.fps, track_fps=track_fps, start=start, seconds=seconds, smooth=smooth)
    what = expressions(source, recording, gain=gain, neutral=drive_neutral, provider=options.provider)
    return {None if faces is None else faces[0]: performance_of(what, options)}
