"""``facsmith measure``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from facsmith.cli._common import (
    FaceOption,
    ProviderOption,
    check_place,
    note,
    print_json,
    print_table,
    progress_bar,
)
from facsmith.cli._engine import Settings, many, run_many, with_engine

__all__ = ["measure"]

_FILMS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".gif"}
NeutralOption = Annotated[
    Path | None,
    typer.Option(
        "--neutral", metavar="PHOTO", help="The same person at rest: more AUs are told then, and in its own scale."
    ),
]


@with_engine(chunk=1, gpus=False)
def measure(
    picture: Annotated[
        str, typer.Argument(metavar="PHOTO|FILM|FOLDER", help="A photo, a film (.mp4, .mov, ...), or a folder of them.")
    ],
    *,
    neutral: NeutralOption = None,
    neutral_at: Annotated[
        float | None, typer.Option("--neutral-at", metavar="SECONDS", help="Where the film shows the person at rest.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE", help="Write OpenFace's columns; a film needs it. Of a folder: a folder."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: every source's own reading, too.")] = False,
    face: FaceOption = None,
    provider: ProviderOption = "auto",
    settings: Settings,
) -> None:
    """Measure the Action Units of a photo, or of every frame of a film; or of all of a folder.

    Without a neutral picture of the same person, faces in general stand in for
    it; AUs that cannot be told that way are marked. The CSV has OpenFace 2's
    columns (AU12_r from 0 to 5, AU12_c), so what reads OpenFace reads it.

    [bold]Examples[/bold]

      facsmith measure her.jpg
      facsmith measure smiling.jpg --neutral at-rest.jpg --json
      facsmith measure film.mp4 --neutral-at 0 --csv film.csv
      facsmith measure interviews/ --csv tables/ --threads 1 --workers 16
    """
    if many(picture):
        return _many(picture, neutral, neutral_at, output, face, provider, settings)
    source, table = Path(picture), None if output is None else Path(output)
    check_place(table)
    if source.suffix.lower() in _FILMS:
        return _film(source, neutral, neutral_at, table, face, provider)
    return _photo(source, neutral, table, as_json, face, provider)


def _photo(
    picture: Path, neutral: Path | None, output: Path | None, as_json: bool, face: int | None, provider: str
) -> None:
    from facsmith import image
    from facsmith.facs import AU_NAMES, DISFA
    from facsmith.measure import action_units
    from facsmith.measure.table import Row, write_table

    rest = None if neutral is None else image.read(neutral)
    found = action_units(image.read(picture), rest, provider=provider, face=face)
    if output is not None:
        write_table(output, [Row(0, 0.0, found)])
        typer.echo(str(output))
    if as_json:
        print_json({"picture": str(picture), **found.to_json()})
    elif output is None:
        sources = list(found.by_source)
        print_table(
            ("AU", "", "intensity", "", *sources),
            [
                (
                    f"AU{au}",
                    AU_NAMES[au],
                    _cell(found.intensities[k]),
                    "" if found.reliable[k] else "unsure",
                    *(_cell(found.by_source[source][k]) for source in sources),
                )
                for k, au in enumerate(DISFA)
            ],
        )
        note(f"compared with {found.against}; landmarks by {found.face.provider}.")


def _many(
    folder: str,
    neutral: Path | None,
    neutral_at: float | None,
    output: str | None,
    face: int | None,
    provider: str,
    settings: Settings,
) -> None:
    from facsmith.batch import Place
    from facsmith.batch.folders import read_folder
    from facsmith.batch.jobs import FILMS, PHOTOS, MeasureJob
    from facsmith.errors import InputError

    if output is None:
        raise InputError(f"{folder} is a folder: name another for the tables with --csv FOLDER.")
    if neutral is not None and neutral_at is not None:
        raise InputError("Both --neutral and --neutral-at were given; the person has one neutral face: give one.")
    also = () if neutral is None else (str(neutral),)
    job = MeasureJob(neutral_at, face, provider, settings.threads)
    rows = read_folder(folder, (*FILMS, *PHOTOS), ".csv", {}, also=also)
    run_many(job, rows, Place(output), settings, what="files")


def _film(
    film: Path, neutral: Path | None, neutral_at: float | None, output: Path | None, face: int | None, provider: str
) -> None:
    from facsmith import image
    from facsmith.errors import InputError
    from facsmith.measure.film import read_film
    from facsmith.measure.table import write_table

    if output is None:
        raise InputError(f"{film} is a film: name the table of its frames with --csv FILE.")
    if neutral is not None and neutral_at is not None:
        raise InputError("Both --neutral and --neutral-at were given; the person has one neutral face: give one.")
    rest = None if neutral is None else image.read(neutral)
    with progress_bar() as progress:
        rows = read_film(film, neutral=rest, neutral_at=neutral_at, provider=provider, face=face, progress=progress)
        count = write_table(output, rows)
    typer.echo(f"{output}  {count} frames")


def _cell(value: Any) -> str:
    return f"{value:.2f}" if value == value else "-"  # NaN: the source says nothing of it
