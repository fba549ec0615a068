"""``facsmith boundaries show | fit | check | import``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facsmith.cli._common import print_json, print_table

if TYPE_CHECKING:
    from facsmith.boundary import BoundarySet

__all__ = ["app"]

app = typer.Typer(help="Action Unit boundaries: where in the latent space each AU lies, and how far to go for it.")

MODEL = "face128"

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="A boundaries file.", show_default="the bundled model's")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("show")
def show(file: FileArgument = None, as_json: JsonOption = False) -> None:
    """Show the boundaries: reach, how they were made, and the cosines between them (0: independent).

    [bold]Examples[/bold]

      facsmith boundaries show
      facsmith boundaries show mine.boundaries.safetensors --json
    """
    boundaries = _load(file)
    if as_json:
        print_json(
            {
                "generator_id": boundaries.generator_id,
                "boundaries": [_row(boundaries, au) for au in boundaries.aus],
                "cosines": boundaries.cosines().round(4).tolist(),
            }
        )
        return
    typer.echo(f"generator {boundaries.generator_id}\n")
    rows = [_row(boundaries, au) for au in boundaries.aus]
    columns = sorted({key for row in rows for key, value in row["report"].items() if isinstance(value, int | float)})
    print_table(
        ("AU", "name", "distance at 0", "at 1", *columns),
        [
            (
                f"AU{row['au']}",
                row["name"],
                f"{row['distances'][0]:.2f}",
                f"{row['distances'][1]:.2f}",
                *(row["report"].get(column, "") for column in columns),
            )
            for row in rows
        ],
    )
    typer.echo("\ncosines")
    print_table(
        ("", *(f"AU{au}" for au in boundaries.aus)),
        [
            (f"AU{au}", *(f"{value:.2f}" for value in cosines))
            for au, cosines in zip(boundaries.aus, boundaries.cosines(), strict=True)
        ],
    )


def _load(file: Path | None) -> "BoundarySet":
    from facsmith.boundary import BoundarySet
    from facsmith.bundle import FILES, bundle_folder

    return BoundarySet.load(bundle_folder(MODEL) / FILES[3] if file is None else file)


def _row(boundaries: "BoundarySet", au: int) -> dict[str, Any]:
    from facsmith.facs import AU_NAMES

    boundary = boundaries[au]
    return {
        "au": au,
        "name": AU_NAMES[au],
        "distances": [float(boundary.calibration.distance(e)) for e in (0.0, 1.0)],
        "report": dict(boundary.report),
    }
