"""``facsmith train data | generator | adopt | keep | descriptor | encoder | measure | muscles``."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from facsmith.cli._common import MODEL, ModelOption, ProviderOption, SeedOption, check_place, progress_bar
from facsmith.errors import InputError, OutputError

if TYPE_CHECKING:
    from facsmith.lab.train.loop import Budget

__all__ = ["app"]

_Network = TypeVar("_Network")

app = typer.Typer(
    help="Train a model of your own, in this order: data, generator, descriptor, encoder; then `boundaries fit`."
)

DataArgument = Annotated[Path, typer.Argument(metavar="DATA", help="A data set that `facsmith train data` made.")]


class Landmarks(StrEnum):
    """Whose landmarks are read."""

    mediapipe = "mediapipe"
    dlib = "dlib"


OutOption = Annotated[
    Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the run lives; the same command again goes on.")
]
StepsOption = Annotated[int | None, typer.Option("--steps", help="Steps at most, resumed runs included.")]
MinutesOption = Annotated[float | None, typer.Option("--minutes", help="Minutes at most, resumed runs included.")]


@app.command("data")
def data(
    photos: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTOS",
            help="A folder of face photos, a .tar with landmarks in the .npz beside it, or a file that --packed wrote.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Where the data set is written.")
    ] = None,
    packed: Annotated[
        Path | None,
        typer.Option("--packed", metavar="FILE", help="Also, or instead of -o: the photos' faces in one small file."),
    ] = None,
    megabytes: Annotated[float, typer.Option("--megabytes", help="Size of the packed file, at most.")] = 56.0,
    resolution: Annotated[int, typer.Option("--resolution", help="Side of the crops in pixels.")] = 256,
    framing: Annotated[
        str,
        typer.Option(
            "--framing", metavar="NAME|SIDE,BELOW", help="facsmith, ffhq, celebahq, or eye distances: what crops show."
        ),
    ] = "facsmith",
    variants: Annotated[
        int,
        typer.Option("--variants", help="Pictures per photo: itself, at rest, and warped by random AUs; 1: itself."),
    ] = 6,
    known: Annotated[
        Path | None,
        typer.Option(
            "--codes-of",
            metavar="DATA",
            help="The same photos in another data set: its codes and held-out people, for a generator trained on it.",
        ),
    ] = None,
    sharpness: Annotated[
        float, typer.Option("--min-sharpness", help="Leave out blurred faces: 35 is a fair demand at 128 px.")
    ] = 0.0,
    yaw: Annotated[float, typer.Option("--max-yaw", help="Degrees that a face may be turned to a side.")] = 90.0,
    pitch: Annotated[float, typer.Option("--max-pitch", help="Degrees that a face may look up or down.")] = 90.0,
    age: Annotated[int, typer.Option("--min-age", help="Years, where they are known.")] = 18,
    soft: Annotated[
        Path | None,
        typer.Option(
            "--soft",
            metavar="PHOTOS",
            help="Further people, less sharp: they teach at half size, and never what a photo looks like.",
        ),
    ] = None,
    leave_out: Annotated[
        Path | None, typer.Option("--leave-out", metavar="FILE", help="Names of photos to leave out, one a line.")
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(
            "--held-out",
            metavar="FILE",
            help="Names of photos that nothing trains on, one a line.",
            show_default="6 of a hundred by --seed",
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes.")] = 2,
    seed: SeedOption = 0,
) -> None:
    """Cut the faces out of photos and give each further expressions by warping: AU-labelled faces from any photos.

    A file attributes.csv in the folder (columns name, age, gender, group) is read
    where there is one. What is left out, and why, is told on stderr.

    [bold]Examples[/bold]

      facsmith train data photos/ -o runs/data
      facsmith train data photos/ -o runs/data --min-sharpness 35 --max-yaw 20 --max-pitch 20 --variants 8
      facsmith train data faces.tar -o runs/data --held-out training/held_out.txt
      facsmith train data photos/ --packed faces.safetensors      (to carry to another machine, and there)
      facsmith train data faces.safetensors -o runs/data --variants 8 --workers 16
    """
    from facsmith.framing import parse_framing
    from facsmith.lab.train.data import DataOptions, build_dataset
    from facsmith.lab.train.packed import PackOptions, pack, unpack
    from facsmith.lab.train.photos import Photo, archive_photos, folder_photos, read_names
    from facsmith.lab.train.reuse_codes import known_in
    from facsmith.lab.train.select import Selection, selected

    if output is None and packed is None:
        raise InputError("There is nothing to write: give -o FOLDER for a data set, --packed FILE for its photos.")
    if packed is not None and soft is not None:
        raise InputError("A packed file does not say which photos are --soft: pack these into a file of their own.")
    check_place(output)
    check_place(packed)
    framed = parse_framing(framing)

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    absent = frozenset[str]() if leave_out is None else read_names(leave_out)
    kept = None if held_out is None else read_names(held_out)

    def read(place: Path) -> Iterator[Photo]:
        if place.is_file():
            return archive_photos(place, progress=tell) if place.suffix == ".tar" else iter(unpack(place))
        if place.is_dir():
            return folder_photos(place, progress=tell)
        raise OutputError(f"There is no folder {place}; give a folder of face photos.")

    wanted = Selection(sharpness=sharpness, yaw=yaw, pitch=pitch, age=age)

    def chosen(place: Path) -> Iterator[Photo]:
        named = (photo for photo in read(place) if photo.name not in absent)
        return selected(named, wanted, resolution=resolution, progress=tell)

    welcome = chosen(photos)
    if kept is not None:
        welcome = (replace(photo, held_out=photo.name in kept) for photo in welcome)
    if soft is not None:
        welcome = chain(welcome, (replace(photo, soft=True) for photo in chosen(soft)))
    found = list(welcome if known is None else known_in(known, welcome, progress=tell))
    if packed is not None:
        typer.echo(str(pack(found, packed, PackOptions(megabytes=megabytes, framing=framed))))
    if output is not None:
        options = DataOptions(resolution=resolution, variants=variants, framing=framed, workers=workers, seed=seed)
        typer.echo(str(build_dataset(found, output, options, codes_of=known)))


@app.command("generator")
def generator(
    data: DataArgument,
    output: OutOption,
    minutes: Annotated[float, typer.Option("--minutes", help="Minutes in all, resumed runs included.")] = 900.0,
    steps: Annotated[int | None, typer.Option("--steps", help="Steps in all, instead of minutes.")] = None,
    resolution: Annotated[int, typer.Option("--resolution", help="Side of the pictures in pixels.")] = 256,
    channels: Annotated[
        tuple[int, int], typer.Option("--channels", help="BASE and MOST: min(BASE / r, MOST) channels at r pixels.")
    ] = (4096, 256),
    start: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Begin from another run's state, or from what `train keep` kept."),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", help="Pictures a step and process, an even number.")] = 16,
    accumulate: Annotated[int, typer.Option("--accumulate", help="Batches whose gradients make one step.")] = 1,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Of the synthesis network.")] = 2e-3,
    features: Annotated[float, typer.Option("--features", help="Weight of the reconstruction's features.")] = 1.0,
    weight: Annotated[float, typer.Option("--adversary", help="Weight of the discriminators' verdict.")] = 0.05,
    balance: Annotated[
        float, typer.Option("--balance", help="0: people as they are in the data; 1: all its groups drawn alike.")
    ] = 0.5,
    half: Annotated[
        bool | None,
        typer.Option(
            "--bfloat16/--float32",
            help="Precision of the network; on a CPU bfloat16 pays with AVX-512 BF16 only.",
            show_default="bfloat16 on a GPU",
        ),
    ] = None,
    snapshot: Annotated[float, typer.Option("--snapshot", help="Minutes between states and sample sheets.")] = 10.0,
    samples: Annotated[
        int, typer.Option("--samples", help="Random faces for the Fréchet distance of each snapshot; 0: none.")
    ] = 1000,
    seed: SeedOption = 0,
) -> None:
    """Train the generator: a StyleGAN2 that learns to draw the photos, growing from 16 px. Ctrl-C saves and stops.

    The same command again goes on, to the step, also with a larger budget or with
    other variants of the same photos. On a GPU it computes in bfloat16 with the data
    set in the GPU's memory. metrics.jsonl gets a line every 20 steps, and Fréchet
    distances with every sample sheet.

    [bold]Examples[/bold]

      facsmith train generator runs/data -o runs/generator --minutes 900
      facsmith train generator runs/data -o runs/more --from my-state.safetensors --minutes 60
      torchrun --nproc-per-node 4 -m facsmith train generator runs/data -o runs/big --batch 64 --channels 8192 256
    """
    from facsmith.lab.train.generator import AdversaryOptions, GeneratorOptions, train_generator

    check_place(output)
    options = GeneratorOptions(
        minutes=minutes,
        steps=steps,
        resolution=resolution,
        channel_base=channels[0],
        channel_max=channels[1],
        batch=batch,
        accumulate=accumulate,
        learning_rate=learning_rate,
        balance=balance,
        half=half,
        snapshot_minutes=snapshot,
        samples=samples,
        adversary=AdversaryOptions(features=features, weight=weight),
        seed=seed,
    )
    if start is not None:
        options = replace(options, grow=())
    typer.echo(str(train_generator(data, output, options, start=start, progress=_report)))


@app.command("adopt")
def adopt(
    data: DataArgument,
    state: Annotated[
        Path,
        typer.Option("--from", metavar="FILE", help="The model's training state, or what `train keep` kept of it."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="For --from of `train generator`.")],
    model: ModelOption = MODEL,
    seed: SeedOption = 0,
) -> None:
    """Let a trained generator go on with other photos: its encoder says which codes they have.

    The data set's codes are turned to the generator's axes (codes.npy changes; what
    it was stays beside it, for runs begun with it), and what they leave over is
    written as each photo's own correction, beside the networks. Without this, a
    generator that goes on with new photos forgets while it learns their codes. A
    minute for 5,000 photos on one core.

    [bold]Example[/bold]

      facsmith train adopt runs/data --from my-state.safetensors -o runs/start.safetensors
      facsmith train generator runs/data -o runs/more --from runs/start.safetensors --minutes 60
    """
    from facsmith.bundle import load_bundle
    from facsmith.lab.train.adopt import adopt as run
    from facsmith.lab.train.start import kept_model

    check_place(output)
    bundle = load_bundle(model)
    generator, encoder = kept_model(state) or (bundle.generator, bundle.encoder)
    descriptor = bundle.descriptor
    if encoder.config.descriptor != descriptor.name:
        raise InputError(
            f"The encoder looks through {encoder.config.descriptor}, not {descriptor.name}; give its --model."
        )
    with progress_bar() as progress:
        explained = run(
            data,
            state,
            output,
            generator=generator,
            see=lambda images: encoder(descriptor(images)),
            seed=seed,
            progress=progress,
        )
    _report({"explained": round(explained, 3)})
    typer.echo(str(output))


@app.command("keep")
def keep(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of `train generator`.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where it is written.")],
    corrections: Annotated[
        bool, typer.Option("--corrections", help="With the single photos' corrections: of use for the same data only.")
    ] = False,
    encoder: Annotated[
        Path | None,
        typer.Option("--encoder", metavar="FILE", help="With the generator's encoder, for `train adopt`."),
    ] = None,
) -> None:
    """Keep what a later run can begin from (--from): the networks in half precision, without optimiser.

    [bold]Examples[/bold]

      facsmith train keep runs/generator -o training/my-state.safetensors
      facsmith train keep runs/generator --encoder runs/encoder/encoder.safetensors -o training/my-state.safetensors
    """
    from facsmith.lab.train.start import keep as write

    check_place(output)
    typer.echo(str(write(run / "state.safetensors", output, corrections=corrections, encoder=encoder)))


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
    from facsmith.lab.train.descriptor import DescriptorTraining, train_descriptor

    check_place(output)
    train_descriptor(
        data, output, budget=_budget(steps, minutes), options=DescriptorTraining(seed=seed), report=_report
    )
    typer.echo(str(output / "descriptor.safetensors"))


@app.command("encoder")
def encoder(
    generator: Annotated[Path, typer.Argument(metavar="GENERATOR", help="generator.safetensors, or any checkpoint.")],
    descriptor: Annotated[str, typer.Argument(metavar="DESCRIPTOR", help="A file, vgg16, or efficientnet-lite0.")],
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
    from facsmith.lab.train.encoder import EncoderTraining, train_encoder

    check_place(output)
    directions = None
    if trained is not None:
        from facsmith.lab.train.pairs import known_pairs

        if faces is None or pairs is not None:
            raise InputError("--trained makes pairs of the photos in --faces: give --faces with it, and no --pairs.")
        pairs, directions = known_pairs(faces, trained, output / "pairs")
    train_encoder(
        _on_device(load_generator(generator)),
        _on_device(load_descriptor(descriptor)),
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
    provider: ProviderOption = "auto",
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
    from facsmith.facs import DISFA
    from facsmith.lab.train.measure import MeasureTraining, fit_population

    check_place(output)
    options = MeasureTraining(people=people, judges=judges, provider=provider, seed=seed)
    network = load_descriptor(descriptor or bundle_folder(MODEL) / FILES[1])
    with progress_bar() as progress:
        population = fit_population(data, network, options=options, progress=progress)
    population.save(output)
    skills = {f"AU{au}": round(float(skill), 2) for au, skill in zip(DISFA, population.skill["combined"], strict=True)}
    _report({**population.card, "correlation": skills})
    typer.echo(str(output))


@app.command("muscles")
def muscles(
    pairs: Annotated[
        Path, typer.Argument(metavar="PAIRS", help="CSV with the columns peak, neutral, subject, facs (4+R7+17d).")
    ],
    faces: Annotated[Path, typer.Option("--faces", metavar="FOLDER|TAR", help="The pictures that PAIRS names.")],
    prior: Annotated[
        Path, typer.Option("--prior", metavar="FILE", help="ICT-FaceKit's blendshapes at sites of the face (.npz).")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where the table is written.")],
    ridge: Annotated[
        float, typer.Option("--ridge", help="Pull towards the blendshapes, in peaks at intensity 1.")
    ] = 0.5,
    shading: Annotated[float, typer.Option("--shading-ridge", help="Pull of the shading towards none.")] = 4.0,
    unlettered: Annotated[float, typer.Option("--unlettered", help="Intensity of a code without a letter.")] = 0.7,
    folds: Annotated[int, typer.Option("--folds", help="Of the cross-validation over subjects.")] = 5,
    seed: SeedOption = 0,
) -> None:
    """Learn what AUs do to a face, in 3D and in its shading, from peaks that FACS coders annotated.

    Half a minute for a hundred pairs. Needs MediaPipe. Prints the cross-validated residuals: the part of people's
    movement that the table does not predict, 1 being all of it.

    [bold]Example[/bold]

      facsmith train muscles coded_peaks.csv --faces coded_peaks.tar --prior ict_sites.npz -o muscles.safetensors
    """
    from facsmith.lab.train.coded_peaks import read_coded_peaks
    from facsmith.lab.train.muscles import MusclesOptions, fit_muscles

    check_place(output)
    options = MusclesOptions(ridge, shading, unlettered, folds, seed)
    with progress_bar() as progress:
        peaks = read_coded_peaks(pairs, faces, prior, unlettered=unlettered, progress=progress)
    table = fit_muscles(peaks, prior, options)
    table.save(output)
    _report(table.report)
    typer.echo(str(output))


@app.command("readout")
def readout(
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS", help="CSV: peak, neutral, subject, facs.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="readout.safetensors.")],
    faces: Annotated[Path, typer.Option("--faces", metavar="FOLDER|TAR", help="Where the pairs' photos lie.")],
    providers: Annotated[
        list[Landmarks] | None,
        typer.Option("--provider", help="Of landmarks, each with weights of its own; repeat it.", show_default="both"),
    ] = None,
    seed: SeedOption = 0,
) -> None:
    """Fit how `facsmith measure` reads AUs against a neutral photo: to peaks that human FACS coders coded.

    Some minutes. The file holds fitted figures, no picture; its card says how well
    people left out are read, in folds by subject.

    [bold]Example[/bold]

      facsmith train readout coded_peaks.csv --faces coded_peaks.tar -o readout.safetensors
    """
    from facsmith.lab.fit.readout import ReadoutTraining, fit_readout, summary

    check_place(output)
    chosen = [provider.value for provider in providers or Landmarks]
    with progress_bar() as progress:
        found = fit_readout(faces, pairs, providers=chosen, options=ReadoutTraining(seed=seed), progress=progress)
    found.save(output)
    _report(summary(found))
    typer.echo(str(output))


def _on_device(network: _Network) -> _Network:
    """The network on the GPU, where there is one."""
    import torch

    return cast(Any, network).to("cuda") if torch.cuda.is_available() else network


def _budget(steps: int | None, minutes: float | None) -> "Budget":
    from facsmith.lab.train.loop import Budget

    return Budget(steps=steps, minutes=minutes)


def _report(metrics: Mapping[str, Any]) -> None:
    typer.echo("  ".join(f"{key}={value}" for key, value in metrics.items()), err=True)
