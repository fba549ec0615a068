"""``facsmith train data | generator | descriptor | encoder | measure``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facsmith.cli._common import MODEL, Provider, ProviderOption, SeedOption, check_place, progress_bar
from facsmith.errors import InputError, OutputError

if TYPE_CHECKING:
    from facsmith.train.loop import Budget

__all__ = ["app"]

app = typer.Typer(
    help="Train a model of your own, in this order: data, generator, descriptor, encoder; then `boundaries fit`."
)

DataArgument = Annotated[Path, typer.Argument(metavar="DATA", help="A data set that `facsmith train data` made.")]
OutOption = Annotated[
    Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the run lives; the same command again goes on.")
]
StepsOption = Annotated[int | None, typer.Option("--steps", help="Steps at most, resumed runs included.")]
MinutesOption = Annotated[float | None, typer.Option("--minutes", help="Minutes at most, resumed runs included.")]


@app.command("data")
def data(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="A folder of face photos.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the data set is written.")],
    resolution: Annotated[int, typer.Option("--resolution", help="Side of the crops in pixels.")] = 128,
    variants: Annotated[
        int, typer.Option("--variants", help="Pictures per photo: itself and warped by random AUs.")
    ] = 4,
    workers: Annotated[int, typer.Option("--workers", help="Processes.")] = 2,
    seed: SeedOption = 0,
) -> None:
    """Cut the faces out of photos and give each further expressions by warping: AU-labelled faces from any photos.

    [bold]Example[/bold]

      facsmith train data photos/ -o runs/data
    """
    from facsmith.train.data import DataOptions, build_dataset, folder_photos

    check_place(output)
    if not photos.is_dir():
        raise OutputError(f"There is no folder {photos}; give a folder of face photos.")
    found = list(folder_photos(photos, progress=lambda line: typer.echo(line, err=True)))
    options = DataOptions(resolution=resolution, variants=variants, workers=workers, seed=seed)
    typer.echo(str(build_dataset(found, output, options)))


@app.command("generator")
def generator(
    data: DataArgument,
    output: OutOption,
    minutes: Annotated[float, typer.Option("--minutes", help="Minutes in all, resumed runs included.")] = 90.0,
    resolution: Annotated[int, typer.Option("--resolution", help="Side of the pictures in pixels.")] = 128,
    seed: SeedOption = 0,
) -> None:
    """Train the generator: a StyleGAN2 that first learns to draw the photos, then to be sharp. Ctrl-C saves and stops.

    [bold]Example[/bold]

      facsmith train generator runs/data -o runs/generator --minutes 120
    """
    from facsmith.train.generator import GeneratorOptions, train_generator

    check_place(output)
    options = GeneratorOptions(minutes=minutes, resolution=resolution, seed=seed)
    typer.echo(str(train_generator(data, output, options, progress=_report)))


@app.command("descriptor")
def descriptor(
    data: DataArgument,
    output: OutOption,
    steps: StepsOption = None,
    minutes: MinutesOption = None,
    seed: SeedOption = 0,
) -> None:
    """Train the descriptor: the 1000 numbers by which the inversion compares faces.

    [bold]Example[/bold]

      facsmith train descriptor runs/data -o runs/descriptor --minutes 30
    """
    from facsmith.train.descriptor import DescriptorTraining, train_descriptor

    check_place(output)
    train_descriptor(
        data, output, budget=_budget(steps, minutes), options=DescriptorTraining(seed=seed), report=_report
    )
    typer.echo(str(output / "descriptor.safetensors"))


@app.command("encoder")
def encoder(
    generator: Annotated[Path, typer.Argument(metavar="GENERATOR", help="generator.safetensors, or any checkpoint.")],
    descriptor: Annotated[str, typer.Argument(metavar="DESCRIPTOR", help="descriptor.safetensors, or vgg16.")],
    output: OutOption,
    faces: Annotated[
        Path | None, typer.Option("--faces", metavar="DATA", help="A data set: real faces to reconstruct, too.")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", metavar="FOLDER", help="images.npy and ws.npy: pictures of known latents.")
    ] = None,
    trained: Annotated[
        Path | None,
        typer.Option(
            "--trained", metavar="FOLDER", help="Where `train generator` ran on --faces: its latents teach, too."
        ),
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="An encoder to begin from; else from nothing.")
    ] = None,
    steps: StepsOption = None,
    minutes: MinutesOption = None,
    seed: SeedOption = 0,
) -> None:
    """Train the encoder: from the descriptor's numbers straight to a latent, the start of every inversion.

    [bold]Example[/bold]

      facsmith train encoder g/generator.safetensors d/descriptor.safetensors \\
          --faces runs/data --trained g -o runs/encoder --minutes 30
    """
    from facsmith.checkpoint import load_generator
    from facsmith.descriptor import load_descriptor
    from facsmith.encoder import Encoder
    from facsmith.train.encoder import EncoderTraining, train_encoder

    check_place(output)
    directions = None
    if trained is not None:
        from facsmith.train.pairs import known_pairs

        if faces is None or pairs is not None:
            raise InputError("--trained makes pairs of the photos in --faces: give --faces with it, and no --pairs.")
        pairs, directions = known_pairs(faces, trained, output / "pairs")
    train_encoder(
        load_generator(generator),
        load_descriptor(descriptor),
        output,
        budget=_budget(steps, minutes),
        pairs=pairs,
        faces=faces,
        directions=directions,
        start=None if start is None else Encoder.load(start),
        options=EncoderTraining(seed=seed),
        report=_report,
    )
    typer.echo(str(output / "encoder.safetensors"))


@app.command("measure")
def measure(
    data: DataArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="measure.safetensors, for the model's folder.")
    ],
    descriptor: Annotated[
        Path | None, typer.Option("--descriptor", metavar="FILE", show_default="the bundled model's")
    ] = None,
    people: Annotated[int, typer.Option("--people", help="Training photos, in all their variants.")] = 700,
    judges: Annotated[int, typer.Option("--judges", help="Held-out photos on which the sources are judged.")] = 24,
    provider: ProviderOption = Provider.auto,
    seed: SeedOption = 0,
) -> None:
    """Fit what `facsmith measure` knows of faces in general: a linear head that reads AUs from the descriptor.

    A minute or two. It belongs to one descriptor: fit it again after training that.

    [bold]Example[/bold]

      facsmith train measure runs/data --descriptor runs/descriptor/descriptor.safetensors \\
          -o my-model/measure.safetensors
    """
    from facsmith.bundle import FILES, bundle_folder
    from facsmith.descriptor import load_descriptor
    from facsmith.facs import AUS
    from facsmith.train.measure import MeasureTraining, fit_population

    check_place(output)
    options = MeasureTraining(people=people, judges=judges, provider=provider.value, seed=seed)
    network = load_descriptor(descriptor or bundle_folder(MODEL) / FILES[1])
    with progress_bar() as progress:
        population = fit_population(data, network, options=options, progress=progress)
    population.save(output)
    skills = {f"AU{au}": round(float(skill), 2) for au, skill in zip(AUS, population.skill["combined"], strict=True)}
    _report({**population.card, "correlation": skills})
    typer.echo(str(output))


def _budget(steps: int | None, minutes: float | None) -> "Budget":
    from facsmith.train.loop import Budget

    return Budget(steps=steps, minutes=minutes)


def _report(metrics: Mapping[str, Any]) -> None:
    typer.echo("  ".join(f"{key}={value}" for key, value in metrics.items()), err=True)
