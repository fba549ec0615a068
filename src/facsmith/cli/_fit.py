"""``facsmith boundaries fit``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facsmith.cli._common import (
    MODEL,
    ModelOption,
    Provider,
    ProviderOption,
    SeedOption,
    check_place,
    note,
    progress_bar,
)

if TYPE_CHECKING:
    from facsmith.boundary_fit.folder import LabelledCodes
    from facsmith.generator import Generator
    from facsmith.train.boundaries import Encode

__all__ = ["GeneratorOption", "fit", "own_generator"]

GeneratorOption = Annotated[
    str | None,
    typer.Option("--generator", metavar="FILE|NAME", help="Whose latents.", show_default="the bundled model's"),
]

CANDIDATES = (1e-3, 1e-2, 1e-1, 1.0)
"""Values of C to choose from, on codes of unit root-mean-square length."""
SHOWN, SAMPLES_SHOW = 0.7, 0.4
"""Intensities from which a face shows an AU; what is measured on strangers is drawn towards 0."""


class Baseline(StrEnum):
    """What is subtracted from a person's codes."""

    mean = "mean"
    neutral = "neutral"
    none = "none"


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
        float | None,
        typer.Option(
            "--threshold",
            help="Intensity from which a face shows the AU.",
            show_default="0.7, DISFA's 4 and 5; 0.4 of samples",
        ),
    ] = None,
    cross_validate: Annotated[
        bool,
        typer.Option(
            "--cross-validate/--no-cross-validate",
            help="Choose each SVM's C, and how codes are scaled, on people left out.",
        ),
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
    from facsmith.boundary_fit.separate import SCALINGS
    from facsmith.errors import InputError
    from facsmith.facs import AUS

    check_place(output)
    if (codes is None) == (source is None):
        raise InputError("Give either a folder of latents or --source KIND:WHERE, and not both.")
    network = own_generator(generator, model)
    encode = None
    if faces is not None or (source is not None and not source.startswith("samples:")):
        encode = _encode(network, model, descriptor, encoder, iterations)
    labelled = _labelled(codes, source, network, encode, output, provider.value, seed)
    kept = slice(None) if people is None else np.isin(labelled.people, np.unique(labelled.people)[:people])
    shown = labelled.au[kept].clip(0, 1)
    least = threshold or (SAMPLES_SHOW if source is not None and source.startswith("samples:") else SHOWN)
    aus = tuple(au) if au else enough(shown, least)
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
            threshold=least,
            baseline=baseline.value,
            candidates=CANDIDATES if cross_validate else (),
            scalings=SCALINGS if cross_validate else SCALINGS[:1],
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


def own_generator(source: str | None, model: str = MODEL) -> "Generator":
    """A generator's file or name, else the model's own."""
    from facsmith.bundle import FILES, bundle_folder
    from facsmith.checkpoint import load_generator

    return load_generator(source or bundle_folder(model) / FILES[0])
