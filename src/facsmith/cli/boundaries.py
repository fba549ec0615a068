"""``facsmith boundaries show | fit | check | calibrate | import``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facsmith.cli._common import (
    ITERATIONS,
    MODEL,
    BoundariesOption,
    IterationsOption,
    ModelOption,
    Provider,
    ProviderOption,
    SeedOption,
    check_place,
    note,
    print_json,
    print_table,
    progress_bar,
)

if TYPE_CHECKING:
    from facsmith.boundary import BoundarySet
    from facsmith.generator import Generator

__all__ = ["app"]

app = typer.Typer(help="Action Unit boundaries: where in the latent space each AU lies, and how far to go for it.")

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="A boundaries file.", show_default="the bundled model's")
]
GeneratorOption = Annotated[
    str | None,
    typer.Option("--generator", metavar="FILE|NAME", help="Whose latents.", show_default="the bundled model's"),
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


@app.command("check")
def check(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PHOTO]...", help="Portraits.", show_default="NASA's portrait of Eileen Collins"),
    ] = None,
    as_json: JsonOption = False,
    provider: ProviderOption = Provider.auto,
    iterations: IterationsOption = ITERATIONS,
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
    """
    from facsmith import image
    from facsmith.animate import AnimateOptions, Animator
    from facsmith.evaluate import animator_render, table
    from facsmith.evaluate import check as run
    from facsmith.inversion import InversionOptions

    animator = Animator.from_pretrained(model, boundaries=file)
    options = AnimateOptions(provider=provider.value, inversion=InversionOptions(iterations=iterations))
    pictures = [(photo.name, image.read(photo)) for photo in photos or []] or [("astronaut", _astronaut())]
    with progress_bar() as progress:
        result = run(
            animator_render(animator, options),
            pictures,
            aus=animator.networks.boundaries.aus,
            provider=provider.value,
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
def calibrate_(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Portraits, ten or more.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The boundaries file.")],
    provider: ProviderOption = Provider.auto,
    model: ModelOption = MODEL,
    file: BoundariesOption = None,
) -> None:
    """Calibrate on finished films: bend each AU's scale until what is asked is what is measured on the photos.

    [bold]Example[/bold]

      facsmith boundaries calibrate portraits/*.jpg -o calibrated.boundaries.safetensors
    """
    from facsmith import image
    from facsmith.animate import AnimateOptions, Animator
    from facsmith.evaluate import calibrate_on_films

    check_place(output)
    animator = Animator.from_pretrained(model, boundaries=file)
    pictures = [(photo.name, image.read(photo)) for photo in photos]
    options = AnimateOptions(provider=provider.value)
    with progress_bar() as progress:
        calibrated = calibrate_on_films(animator, pictures, options=options, provider=provider.value, progress=progress)
    calibrated.save(output)
    typer.echo(str(output))


class Baseline(StrEnum):
    """What is subtracted from a person's codes."""

    mean = "mean"
    neutral = "neutral"
    none = "none"


@app.command("fit")
def fit(
    codes: Annotated[Path, typer.Argument(metavar="CODES", help="A folder with ws.npy and au.npy.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The boundaries file.")],
    generator: GeneratorOption = None,
    au: Annotated[
        list[int] | None, typer.Option("--au", help="Fit this AU; may be repeated.", show_default="all twelve")
    ] = None,
    baseline: Annotated[
        Baseline, typer.Option("--baseline", help="Subtracted from each person's codes; none: as in the paper.")
    ] = Baseline.mean,
    people: Annotated[int | None, typer.Option("--people", help="At most so many.", show_default="all")] = None,
    faces: Annotated[
        Path | None,
        typer.Option("--calibrate", metavar="DATA", help="A data set: bend the scales until what is asked shows."),
    ] = None,
    descriptor: Annotated[
        str | None, typer.Option("--descriptor", metavar="FILE|vgg16", show_default="the bundled model's")
    ] = None,
    encoder: Annotated[
        Path | None, typer.Option("--encoder", metavar="FILE", show_default="the bundled model's")
    ] = None,
    seed: SeedOption = 0,
) -> None:
    """Fit boundaries to latents whose AUs are known: a linear SVM per AU, calibrated on people held out.

    ws.npy holds the latents, (people, variants, num_ws, w_dim); au.npy their AU
    intensities, (people, variants, 12) in [0, 1]. With --calibrate, held-out faces
    of a data set are moved, drawn and looked at: an asked 0.6 shows as 0.6 of what
    the same face's muscles show.

    [bold]Examples[/bold]

      facsmith boundaries fit codes/ --generator mine.safetensors -o mine.boundaries.safetensors
      facsmith boundaries fit runs/pairs --people 900 --calibrate runs/data -o face.boundaries.safetensors
    """
    import numpy as np

    from facsmith.boundary_fit import FitOptions, fit_boundaries
    from facsmith.boundary_fit.folder import read_codes
    from facsmith.facs import AUS

    check_place(output)
    network = _generator(generator)
    labelled = read_codes(codes)
    options = FitOptions(aus=tuple(au or AUS), baseline=baseline.value, seed=seed)
    kept = slice(None) if people is None else np.isin(labelled.people, np.unique(labelled.people)[:people])
    fitted = fit_boundaries(
        labelled.ws[kept].astype(np.float32),
        labelled.au[kept].clip(0, 1),
        groups=labelled.people[kept],
        generator_id=network.generator_id,
        options=options,
    )
    if faces is not None:
        from facsmith.bundle import FILES, bundle_folder
        from facsmith.descriptor import load_descriptor
        from facsmith.encoder import Encoder
        from facsmith.train.boundaries import calibrate, encoding, held_out_judges

        encode = encoding(
            network,
            load_descriptor(descriptor or str(bundle_folder(MODEL) / FILES[1])),
            Encoder.load(encoder or bundle_folder(MODEL) / FILES[2]),
        )
        fitted = calibrate(fitted, network, held_out_judges(faces, network, encode, seed=seed))
    fitted.save(output)
    typer.echo(str(output))


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
    network = _generator(generator)
    boundary = import_direction(
        file, au=au, num_ws=network.num_ws, w_dim=network.w_dim, origin=network.w_avg.cpu().numpy(), reach=reach
    )
    others = () if into is None else tuple(b for b in BoundarySet.load(into).boundaries if b.au != au)
    BoundarySet((*others, boundary), network.generator_id).save(output)
    typer.echo(str(output))


def _generator(source: str | None) -> "Generator":
    from facsmith.bundle import FILES, bundle_folder
    from facsmith.checkpoint import load_generator

    return load_generator(source or bundle_folder(MODEL) / FILES[0])


def _astronaut() -> Any:
    import skimage.data

    data: Any = skimage.data
    return data.astronaut()


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
