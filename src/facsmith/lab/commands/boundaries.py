"""``facsmith boundaries show | fit | check | calibrate | import | export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facsmith.cli._common import (
    MODEL,
    BoundariesOption,
    ModelOption,
    check_picture,
    check_place,
    note,
    print_json,
    print_table,
    progress_bar,
)
from facsmith.cli._options import with_options
from facsmith.lab.commands.fit import fit, own_generator
from facsmith.options import AnimateOptions

if TYPE_CHECKING:
    from facsmith.boundary import BoundarySet

__all__ = ["app"]

app = typer.Typer(help="Action Unit boundaries: where in the latent space each AU lies, and how far to go for it.")

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="A boundaries file.", show_default="the bundled model's")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("show")
def show(
    file: FileArgument = None,
    as_json: JsonOption = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Also a picture of the calibrations.")
    ] = None,
) -> None:
    """Show the boundaries: counts, accuracy, reach, and the cosines between them (0: independent).

    [bold]Examples[/bold]

      facsmith boundaries show
      facsmith boundaries show mine.boundaries --plot calibration.png
      facsmith boundaries show mine.boundaries --json
    """
    check_picture(plot)
    boundaries = _load(file)
    if plot is not None:
        from facsmith import image
        from facsmith.plots import calibration_plot

        image.write(plot, calibration_plot(boundaries), metadata={"comment": "AU boundaries' calibrations"})
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
        ("AU", "name", "neutral", "active", "people", "distance at 0", "at 1", *columns),
        [
            (
                f"AU{row['au']}",
                row["name"],
                *(row["report"].get("training", {}).get(count, "") for count in ("neutral", "active", "people")),
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


@app.command("check")
@with_options("provider", "fidelity", "iterations")
def check(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PHOTO]...", help="Portraits.", show_default="NASA's portrait of Eileen Collins"),
    ] = None,
    *,
    as_json: JsonOption = False,
    options: AnimateOptions,
    model: ModelOption = MODEL,
    file: BoundariesOption = None,
) -> None:
    """Check each AU alone on real photos: does it move what it should, and only that?

    The movement is compared with what the same landmarks report for the same face
    warped by its muscles: 0.7 of it is needed, on nine photos of ten, with points
    that the AU leaves alone moving by less than 0.03 inter-ocular distances, and
    more asked being more measured. Exit code 1 where an AU fails.

    [bold]Examples[/bold]

      facsmith boundaries check
      facsmith boundaries check portraits/*.jpg --json > check.json
      facsmith boundaries check --fidelity high       # do AUs still hold on a generator tuned to the photo?
    """
    from facsmith import image
    from facsmith.animator import Animator
    from facsmith.lab.evaluate import animator_render, table
    from facsmith.lab.evaluate import check as run

    animator = Animator.from_pretrained(model, boundaries=file)
    pictures = [(photo.name, image.read(photo)) for photo in photos or []] or [("astronaut", _astronaut())]
    with progress_bar() as progress:
        result = run(
            animator_render(animator, options),
            pictures,
            aus=animator.networks.boundaries.aus,
            provider=options.provider,
            progress=progress,
        )
    if as_json:
        print_json(result.to_json())
    else:
        from rich.console import Console

        for name, reason in result.skipped.items():
            note(f"{name} was left out: {reason}")
        Console().print(table(result))
    if not result.passed:
        raise typer.Exit(1)


@app.command("calibrate")
@with_options("provider")
def calibrate_(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Portraits, ten or more.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The boundaries file.")],
    au: Annotated[
        list[int] | None, typer.Option("--au", help="Calibrate this AU; may be repeated.", show_default="all")
    ] = None,
    *,
    options: AnimateOptions,
    model: ModelOption = MODEL,
    file: BoundariesOption = None,
) -> None:
    """Calibrate on finished films: bend each AU's scale until what is asked is what is measured on the photos.

    Where photos are eight or more, what most films show of other AUs is taken out first, and it is learnt how much a
    single face's own motion, and its landmarks, say of an AU's strength (landmarks: where MediaPipe reads the photos,
    as dlib reads them, too).

    [bold]Examples[/bold]

      facsmith boundaries calibrate portraits/*.jpg -o calibrated.safetensors
      facsmith boundaries calibrate portraits/*.jpg --au 6 --boundaries mine.safetensors -o six.safetensors
    """
    from facsmith import image
    from facsmith.animator import Animator
    from facsmith.lab.fit.calibrate_on_films import calibrate_on_films

    check_place(output)
    animator = Animator.from_pretrained(model, boundaries=file)
    pictures = [(photo.name, image.read(photo)) for photo in photos]
    with progress_bar() as progress:
        calibrated = calibrate_on_films(
            animator, pictures, aus=au, options=options, provider=options.provider, progress=progress
        )
    calibrated.save(output)
    typer.echo(str(output))


app.command("fit")(fit)


@app.command("export")
def export(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the .npy files go.")],
    file: FileArgument = None,
) -> None:
    """Write boundaries as the .npy files that other tools read.

    AU12_wplus.npy (num_ws, w_dim): add it once to go from neutral to full
    intensity; `facsmith boundaries import --reach 1` reads it back.
    AU12_interfacegan.npy (1, w_dim): mean over the layers, unit length; left out
    where the layers cancel out.

    [bold]Example[/bold]

      facsmith boundaries export mine.boundaries -o directions/
    """
    from facsmith.boundary import export_directions

    check_place(output)
    for path in export_directions(_load(file), output):
        typer.echo(str(path))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".npy: (1, w_dim) or (num_ws, w_dim).")],
    au: Annotated[int, typer.Option("--au", help="The Action Unit it stands for.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The boundaries file.")],
    generator: Annotated[
        str | None,
        typer.Option(
            "--generator", metavar="FILE|NAME", help="Whose latent space.", show_default="the bundled model's"
        ),
    ] = None,
    reach: Annotated[float, typer.Option("--reach", help="Multiples of the direction that make intensity 1.")] = 3.0,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FILE", help="Boundaries to add it to; the same AU is replaced."),
    ] = None,
) -> None:
    """Take a direction that others published (InterFaceGAN's, say) as an AU's boundary.

    [bold]Example[/bold]

      facsmith boundaries import smile.npy --au 12 --generator ffhq.pkl -o my.safetensors
    """
    from facsmith.boundary import BoundarySet, import_direction

    check_place(output)
    network = own_generator(generator)
    boundary = import_direction(
        file, au=au, num_ws=network.num_ws, w_dim=network.w_dim, origin=network.w_avg.cpu().numpy(), reach=reach
    )
    others = () if into is None else tuple(b for b in BoundarySet.load(into).boundaries if b.au != au)
    BoundarySet((*others, boundary), network.generator_id).save(output)
    typer.echo(str(output))


def _astronaut() -> Any:
    from facsmith import _optional

    return _optional.load("skimage.data").astronaut()


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
