"""``facsmith boundaries fit``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facsmith.cli._common import (
    MODEL,
    ModelOption,
    ProviderOption,
    SeedOption,
    check_place,
    note,
)
from facsmith.cli._engine import PARTIAL, Settings, run_rows, with_engine

if TYPE_CHECKING:
    from facsmith.generator import Generator
    from facsmith.lab.fit.encoding_job import CodesJob
    from facsmith.lab.fit.folder import LabelledCodes

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


@with_engine(chunk=1)
def fit(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The boundaries file.")],
    codes: Annotated[
        Path | None, typer.Argument(metavar="[CODES]", help="A folder with ws.npy and au.npy, instead of --source.")
    ] = None,
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", metavar="KIND:WHERE", help="disfa:DIR, csv:FILE, pairs:FILE, samples:COUNT, muscles:DIR."
        ),
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
        str | None, typer.Option("--descriptor", metavar="FILE|vgg16|efficientnet-lite0", show_default="the model's")
    ] = None,
    encoder: Annotated[Path | None, typer.Option("--encoder", metavar="FILE", show_default="the model's")] = None,
    provider: ProviderOption = "auto",
    seed: SeedOption = 0,
    parts: Annotated[
        str | None,
        typer.Option("--parts", metavar="FOLDER|URL", help="Where encoded faces are kept.", show_default="FILE.parts"),
    ] = None,
    settings: Settings,
) -> None:
    """Fit boundaries to faces whose AUs are known: a linear SVM per AU, calibrated on people held out.

    Sources: DISFA as its holders have it; a CSV of OpenFace 2 or py-feat with its
    pictures; a CSV of coded peaks and their neutrals; faces of the generator
    itself, scored by `facsmith measure`; photos moved by their muscles. Faces are
    encoded into FILE.parts/, a part of them a row of `facsmith batch`: by many
    workers, and the same command goes on where it was stopped;
    FILE.parts/status.csv names pictures of no use. AUs that the source
    does not show are left out, and named. With --calibrate, held-out faces of a
    data set are moved, drawn and looked at: an asked 0.6 shows as 0.6 of what the
    same face's muscles show.

    [bold]Examples[/bold]

      facsmith boundaries fit --source disfa:DISFA/ --model face128 -o disfa.boundaries
      facsmith boundaries fit --source samples:50000 --model my-model/ -o mine.boundaries
      facsmith boundaries fit --source csv:openface.csv --au 12 -o smile.boundaries
      facsmith boundaries fit --source disfa:DISFA/ --threads 1 --workers 16 -o disfa.boundaries
      facsmith boundaries fit runs/pairs --people 900 --calibrate runs/data -o face.boundaries

    Exit code 3: some parts could not be encoded, and the boundaries are fitted to the rest; 4: the run stopped early.
    """
    from dataclasses import replace

    import numpy as np

    from facsmith.errors import InputError
    from facsmith.facs import DISFA
    from facsmith.lab.fit import FitOptions, fit_boundaries
    from facsmith.lab.fit.fit import enough
    from facsmith.lab.fit.folder import read_codes
    from facsmith.lab.fit.svm_normals import SCALINGS

    check_place(output)
    if (codes is None) == (source is None):
        raise InputError("Give either a folder of latents or --source KIND:WHERE, and not both.")
    if codes is not None and settings.dry_run:
        raise InputError("--dry-run foresees the encoding of a --source; a folder of latents is fitted at once.")
    job = _job(source or "", model, generator, descriptor, encoder, iterations, provider, seed, settings)
    network = own_generator(generator, model)
    if codes is not None:
        labelled, complete = read_codes(codes), True
    else:
        labelled, complete = _labelled(job, network, parts or f"{output}.parts", settings)
    kept = slice(None) if people is None else np.isin(labelled.people, np.unique(labelled.people)[:people])
    shown = labelled.au[kept].clip(0, 1)
    least = threshold or (SAMPLES_SHOW if source is not None and source.startswith("samples:") else SHOWN)
    aus = tuple(au) if au else enough(shown, least)
    missing = [f"AU{other}" for other in DISFA if other not in aus]
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
    if faces is not None:
        from facsmith.lab.fit.calibrate_on_faces import calibrate, held_out_judges

        fitted = calibrate(
            fitted, network, held_out_judges(faces, network, replace(job, device="cpu").encode(network), seed=seed)
        )
    fitted.save(output)
    typer.echo(str(output))
    if not complete:
        raise typer.Exit(PARTIAL)


def _job(
    source: str,
    model: str,
    generator: str | None,
    descriptor: str | None,
    encoder: Path | None,
    iterations: int,
    provider: str,
    seed: int,
    settings: Settings,
) -> "CodesJob":
    from facsmith.bundle import FILES, parts_folder
    from facsmith.lab.fit.encoding_job import CodesJob

    files = [parts_folder(model).absolute() / name for name in FILES[:3]]
    kind, colon, where = source.partition(":")  # one that does not exist is named as it was given
    return CodesJob(
        f"{kind}{colon}{Path(where).absolute()}" if where and kind != "samples" and Path(where).exists() else source,
        _placed(generator) if generator else str(files[0]),
        _placed(descriptor) if descriptor else str(files[1]),
        str((encoder or files[2]).absolute()),
        iterations=iterations,
        provider=provider,
        seed=seed,
        threads=settings.threads,
        device=settings.device,
    )


def _placed(file_or_name: str) -> str:
    path = Path(file_or_name)
    return str(path.absolute()) if path.is_file() else file_or_name


def _labelled(job: "CodesJob", network: "Generator", parts: str, settings: Settings) -> "tuple[LabelledCodes, bool]":
    """What could be encoded, and whether that is all."""
    from facsmith.batch import Place
    from facsmith.errors import InputError
    from facsmith.lab.fit.collect_codes import claim, codes, units
    from facsmith.lab.fit.encoded_shards import source_name

    source = job.open_source(network)
    for sentence in source.notes:
        note(sentence)
    place = Place(parts)
    if not settings.dry_run:
        claim(place, f"{source_name(job.source)} for {network.generator_id}")
    summary = run_rows(job, units(source), place, settings, what="parts")
    if not summary.counts.keys() & {"done", "kept"}:
        raise InputError(f"None of the parts could be encoded: {summary.named[0][2]}")
    return codes(place, source, network.num_ws, job.identity), summary.complete


def own_generator(source: str | None, model: str = MODEL) -> "Generator":
    """A generator's file or name, else the model's own."""
    from facsmith.bundle import FILES, parts_folder
    from facsmith.checkpoint import load_generator

    return load_generator(source or parts_folder(model) / FILES[0])
