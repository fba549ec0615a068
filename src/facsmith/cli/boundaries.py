"""``facsmith boundaries show | fit | check | import | export``."""

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
    check_picture,
    check_place,
    note,
    print_json,
    print_table,
    progress_bar,
)

if TYPE_CHECKING:
    from facsmith.boundary import BoundarySet
    from facsmith.boundary_fit.folder import LabelledCodes
    from facsmith.generator import Generator
    from facsmith.train.boundaries import Encode

__all__ = ["app"]

CANDIDATES = (1e-3, 1e-2, 1e-1, 1.0)
"""Values of C to choose from, on codes of unit root-mean-square length."""

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
        from facsmith.evaluate.calibration import calibration_plot

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


class Baseline(StrEnum):
    """What is subtracted from a person's codes."""

    mean = "mean"
    neutral = "neutral"
    none = "none"


@app.command("fit")
def fit(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The boundaries file.")],
    codes: Annotated[
        Path | None, typer.Argument(metavar="[CODES]", help="A folder with ws.npy and au.npy, instead of --source.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="KIND:WHERE", help="disfa:DIR, csv:FILE, samples:COUNT or muscles:DIR."),
    ] = None,
    model: ModelOption = MODEL,
    generator: GeneratorOption = None,
    au: Annotated[
        list[int] | None,
        typer.Option("--au", help="Fit this AU; may be repeated.", show_default="all that the source shows"),
    ] = None,
    baseline: Annotated[
        Baseline, typer.Option("--baseline", help="Subtracted from each person's codes; none: as in the paper.")
    ] = Baseline.mean,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Intensity from which a face shows the AU; .7: DISFA's 4 and 5.")
    ] = 0.7,
    cross_validate: Annotated[
        bool, typer.Option("--cross-validate/--no-cross-validate", help="Choose each SVM's C on people left out.")
    ] = True,
    layers: Annotated[
        float, typer.Option("--layers", help="Keep the layers that carry this share of the AU; 1: all.")
    ] = 1.0,
    compare: Annotated[bool, typer.Option("--compare", help="Fit paired differences, too, and report both.")] = False,
    iterations: Annotated[int, typer.Option("--iterations", help="Inversion steps per picture; 0: encoder alone.")] = 0,
    people: Annotated[int | None, typer.Option("--people", help="At most so many.", show_default="all")] = None,
    faces: Annotated[
        Path | None,
        typer.Option("--calibrate", metavar="DATA", help="A data set: bend the scales until what is asked shows."),
    ] = None,
    descriptor: Annotated[
        str | None, typer.Option("--descriptor", metavar="FILE|vgg16", show_default="the model's")
    ] = None,
    encoder: Annotated[Path | None, typer.Option("--encoder", metavar="FILE", show_default="the model's")] = None,
    provider: ProviderOption = Provider.auto,
    seed: SeedOption = 0,
) -> None:
    """Fit boundaries to faces whose AUs are known: a linear SVM per AU, calibrated on people held out.

    Sources: DISFA as its holders have it; a CSV of OpenFace 2 or py-feat with its
    pictures; faces of the generator itself, scored by `facsmith measure`; photos
    moved by their muscles. Pictures are encoded into FILE.parts/, so that the
    same command goes on where it was stopped. AUs that the source does not show
    are left out, and named. With --calibrate, held-out faces of a data set are
    moved, drawn and looked at: an asked 0.6 shows as 0.6 of what the same face's
    muscles show.

    [bold]Examples[/bold]

      facsmith boundaries fit --source disfa:DISFA/ --model face128 -o disfa.boundaries
      facsmith boundaries fit --source samples:50000 --model my-model/ -o mine.boundaries
      facsmith boundaries fit --source csv:openface.csv --au 12 -o smile.boundaries
      facsmith boundaries fit runs/pairs --people 900 --calibrate runs/data -o face.boundaries
    """
    import numpy as np

    from facsmith.boundary_fit import FitOptions, fit_boundaries
    from facsmith.boundary_fit.fit import enough
    from facsmith.errors import InputError
    from facsmith.facs import AUS

    check_place(output)
    if (codes is None) == (source is None):
        raise InputError("Give either a folder of latents or --source KIND:WHERE, and not both.")
    network = _generator(generator, model)
    encode = None
    if faces is not None or (source is not None and not source.startswith("samples:")):
        encode = _encode(network, model, descriptor, encoder, iterations)
    labelled = _labelled(codes, source, network, encode, output, provider.value, seed)
    kept = slice(None) if people is None else np.isin(labelled.people, np.unique(labelled.people)[:people])
    shown = labelled.au[kept].clip(0, 1)
    aus = tuple(au) if au else enough(shown, threshold)
    missing = [f"AU{other}" for other in AUS if other not in aus]
    if not au and missing:
        note(f"left out, as too few faces show them, or too few do not: {', '.join(missing)}.")
    fitted = fit_boundaries(
        labelled.ws[kept].astype(np.float32),
        shown,
        groups=labelled.people[kept],
        generator_id=network.generator_id,
        options=FitOptions(
            aus=aus,
            threshold=threshold,
            baseline=baseline.value,
            candidates=CANDIDATES if cross_validate else (),
            layers=layers,
            compare=compare,
            seed=seed,
        ),
    )
    if faces is not None and encode is not None:
        from facsmith.train.boundaries import calibrate, held_out_judges

        fitted = calibrate(fitted, network, held_out_judges(faces, network, encode, seed=seed))
    fitted.save(output)
    typer.echo(str(output))


def _labelled(
    codes: Path | None,
    source: str | None,
    network: "Generator",
    encode: "Encode | None",
    output: Path,
    provider: str,
    seed: int,
) -> "LabelledCodes":
    from facsmith.boundary_fit.collect import collect, source_name
    from facsmith.boundary_fit.folder import read_codes
    from facsmith.boundary_fit.sources import open_source

    if codes is not None:
        return read_codes(codes)
    assert source is not None
    opened = open_source(source, network, seed=seed)
    for sentence in opened.notes:
        note(sentence)
    parts = output.with_name(f"{output.name}.parts")
    with progress_bar() as progress:
        return collect(opened, parts, network, encode, name=source_name(source), provider=provider, progress=progress)


def _encode(
    network: "Generator", model: str, descriptor: str | None, encoder: Path | None, iterations: int
) -> "Encode":
    from facsmith.bundle import FILES, bundle_folder
    from facsmith.descriptor import load_descriptor
    from facsmith.encoder import Encoder
    from facsmith.train.boundaries import encoding

    return encoding(
        network,
        load_descriptor(descriptor or str(bundle_folder(model) / FILES[1])),
        Encoder.load(encoder or bundle_folder(model) / FILES[2]),
        iterations=iterations,
    )


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
    network = _generator(generator)
    boundary = import_direction(
        file, au=au, num_ws=network.num_ws, w_dim=network.w_dim, origin=network.w_avg.cpu().numpy(), reach=reach
    )
    others = () if into is None else tuple(b for b in BoundarySet.load(into).boundaries if b.au != au)
    BoundarySet((*others, boundary), network.generator_id).save(output)
    typer.echo(str(output))


def _generator(source: str | None, model: str = MODEL) -> "Generator":
    from facsmith.bundle import FILES, bundle_folder
    from facsmith.checkpoint import load_generator

    return load_generator(source or bundle_folder(model) / FILES[0])


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
