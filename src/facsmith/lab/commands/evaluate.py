"""``facsmith evaluate``: one command per question, one function per command."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from facsmith.cli._common import (
    MODEL,
    BoundariesOption,
    ModelOption,
    ProviderOption,
    SeedOption,
    check_picture,
    check_place,
    note,
    progress_bar,
    show,
)
from facsmith.cli._options import with_options
from facsmith.errors import InputError
from facsmith.options import AnimateOptions

__all__ = ["app"]


class Judge(StrEnum):
    """Whose landmarks measure a model."""

    mediapipe = "mediapipe"
    dlib = "dlib"


app = typer.Typer(help="How good is it? Measurements that end in a table.")


@app.callback()
def _group() -> None:
    """Keeps `facsmith evaluate model` two words, however few commands there are."""


@app.command("model")
@with_options("mode", "provider", "fidelity", "iterations", "seed")
def model(
    portraits: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PHOTO]...", help="Portraits to judge on, beside or instead of --faces."),
    ] = None,
    *,
    faces: Annotated[
        Path | None,
        typer.Option("--faces", metavar="DATA", help="A data set of `facsmith train data`: its held-out people."),
    ] = None,
    photos: Annotated[int, typer.Option("--photos", min=1, help="Held-out people at most; about 10 s each.")] = 24,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    judge: Annotated[
        Judge | None, typer.Option("--judge", help="Landmarks that measure.", show_default="the provider's")
    ] = None,
    options: AnimateOptions,
    samples: Annotated[int, typer.Option("--samples", help="Random faces for the Fréchet distance; 0: none.")] = 1000,
    model: ModelOption = MODEL,
    file: BoundariesOption = None,
) -> None:
    """Measure a model on people it was not trained on: AU control, reconstruction, random faces.

    Every AU is filmed alone at four intensities on every face, and random mixtures
    of AUs, and read in units of what the same face's muscles show. As landmarks also
    fit AUs to a face, --judge has others measure. Reconstruction stands beside PCA
    with 512 components (needs --faces) and inversion from the mean face.

    [bold]Examples[/bold]

      facsmith evaluate model --faces runs/data
      facsmith evaluate model --model my-model/ --faces runs/data --photos 50 --json > card.json
      facsmith evaluate model portraits/*.jpg --provider mediapipe --judge dlib
      facsmith evaluate model portraits/*.jpg --mode crop
      facsmith evaluate model portraits/*.jpg --mode crop --fidelity high   # tuned to each photo: 15 s more a face
    """
    from facsmith import image
    from facsmith.animator import Animator
    from facsmith.framing import framing_of
    from facsmith.lab.evaluate.faces import held_out, photographed, training_crops
    from facsmith.lab.evaluate.model import ModelOptions, evaluate_model
    from facsmith.lab.evaluate.model_tables import tables
    from facsmith.lab.train.dataset import check_framing

    if not portraits and faces is None:
        raise InputError("There is nobody to judge on: give portraits, or --faces with a data set, or both.")
    animator = Animator.from_pretrained(model, boundaries=file)
    side, framing = animator.networks.generator.resolution, framing_of(animator.networks.generator)
    pictures = [(p.name, image.read(p)) for p in portraits or ()]
    judged, skipped = photographed(pictures, side, provider=options.provider, framing=framing)
    if faces is not None:
        check_framing(faces, framing)
        judged += held_out(faces, side, count=photos, seed=options.inversion.seed)
    judging = ModelOptions(
        mode=options.mode,
        fidelity=options.fidelity,
        iterations=options.inversion.iterations,
        samples=samples,
        provider=options.provider,
        judge=None if judge is None else judge.value,
        seed=options.inversion.seed,
    )
    with progress_bar() as progress:
        report = evaluate_model(
            animator,
            judged,
            training=None if faces is None else training_crops(faces, side),
            options=judging,
            progress=progress,
        )
    for name, reason in {**skipped, **report.skipped}.items():
        note(f"{name} was left out: {reason}")
    show(report, tables(report), as_json=as_json)


@app.command("boundaries")
def boundaries(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A boundaries file.", show_default="the bundled model's")
    ] = None,
    codes: Annotated[
        Path | None,
        typer.Option("--codes", metavar="FOLDER", help="ws.npy and au.npy they were fitted to: cosines before, too."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    seed: SeedOption = 0,
) -> None:
    """Report boundaries: held-out accuracy, sample counts, cosines before and after, what each asked level shows.

    [bold]Examples[/bold]

      facsmith evaluate boundaries
      facsmith evaluate boundaries mine.safetensors --codes runs/encoder/pairs --json
    """
    from facsmith.boundary import BoundarySet
    from facsmith.bundle import FILES, bundle_folder
    from facsmith.lab.fit import FitOptions
    from facsmith.lab.fit.folder import read_codes
    from facsmith.lab.fit.report import boundaries_report, boundaries_tables

    report = boundaries_report(
        BoundarySet.load(bundle_folder(MODEL) / FILES[3] if file is None else file),
        codes=None if codes is None else read_codes(codes),
        options=FitOptions(seed=seed),
    )
    show(report, boundaries_tables(report), as_json=as_json)


@app.command("measure")
def check_measure(
    faces: Annotated[Path, typer.Option("--faces", metavar="FOLDER|TAR", help="Photos of faces.")],
    labels: Annotated[Path, typer.Option("--labels", metavar="CSV", help="Columns name and emotion.")],
    limit: Annotated[int | None, typer.Option("--limit", help="Photos per emotion.", show_default="all")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    provider: ProviderOption = "auto",
) -> None:
    """Check measured AUs against emotions that people named: does AU12 tell happiness from neutral?

    The area under the ROC curve per emotion and source: landmarks, blendshapes,
    appearance, and their combination, which must reach the bar. Exit code 1
    where it does not.

    [bold]Example[/bold]

      facsmith evaluate measure --faces expressions.tar --labels expressions.csv
    """
    from facsmith.lab.evaluate.emotions import agreement, agreement_table

    with progress_bar() as progress:
        result = agreement(faces, labels, provider=provider, limit=limit, progress=progress)
    show(result, [agreement_table(result)], as_json=as_json)
    if not result.passed:
        raise typer.Exit(1)


@app.command("peaks")
@with_options("provider", "iterations", "seed")
def peaks(
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS", help="CSV: peak, neutral, and facs where they are coded.")],
    *,
    faces: Annotated[Path, typer.Option("--faces", metavar="FOLDER|TAR", help="Where the pairs' photos lie.")],
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="A picture: neutral | real peak | ours, every pair.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Pairs, spread.", show_default="all")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    options: AnimateOptions,
    model: ModelOption = MODEL,
    file: BoundariesOption = None,
) -> None:
    """Measure whole edits against what people did: the neutral edited by the coders' AUs, beside the real peak.

    By landmarks and by ImageNet features, relative to the neutral photo left as it
    is: 1 is no better than that. Beside the edit, the muscles' warp and the latent
    path alone. Pairs without codes take the AUs measured on the peak.

    [bold]Examples[/bold]

      facsmith evaluate peaks coded_peaks.csv --faces coded_peaks.tar --sheet peaks.png
      facsmith evaluate peaks smiles.csv --faces portraits/ --json
    """
    from facsmith import image
    from facsmith.animator import Animator
    from facsmith.lab.evaluate.peaks import against_peaks, contact_sheet, peaks_table

    check_picture(sheet)
    animator = Animator.from_pretrained(model, boundaries=file)
    with progress_bar() as progress:
        report = against_peaks(animator, faces, pairs, options=options, limit=limit, progress=progress)
    if sheet is not None:
        image.write(sheet, contact_sheet(report))
    show(report, [peaks_table(report)], as_json=as_json)


@app.command("pictures")
@with_options("provider", "iterations", "seed")
def pictures(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Portraits.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where one sheet a person goes, as PNG.")
    ],
    *,
    grades: Annotated[
        Path | None,
        typer.Option(
            "--grades", metavar="CSV", help="Grades by eye: portrait, expression, grade. Judges the warnings."
        ),
    ] = None,
    emotions_only: Annotated[bool, typer.Option("--emotions", help="Emotions alone, no single AUs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    options: AnimateOptions,
    model: ModelOption = MODEL,
    file: BoundariesOption = None,
) -> None:
    """Make every emotion and AU on every portrait: sheets to look at, and what would be sent back.

    One sheet a person, at the face's full resolution, each picture with the warnings
    that fire on it: a foreign hue in the mouth, dark blots, skin drawn into streaks,
    bent rims, a smile left over, another person, jitter over a film. With grades by
    eye, each warning's hits and false alarms.

    [bold]Examples[/bold]

      facsmith evaluate pictures portraits/ -o sheets/
      facsmith evaluate pictures portraits/ -o sheets/ --emotions --grades grades.csv --json
    """
    from facsmith.animator import Animator
    from facsmith.lab.evaluate.pictures import evaluate_pictures, tables
    from facsmith.stimuli import find_photos

    if not folder.is_dir():
        raise InputError(f"{folder} is no folder. Give one that holds portraits.")
    portraits = find_photos(folder)
    check_place(output / "sheet.png")
    output.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        report = evaluate_pictures(
            Animator.from_pretrained(model, boundaries=file),
            portraits,
            output,
            options=options,
            emotions_only=emotions_only,
            grades=grades,
            progress=progress,
        )
    for name, reason in report.skipped.items():
        note(f"{name} was left out: {reason}")
    show(report, tables(report), as_json=as_json)


@app.command("coded")
def check_coded(
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS", help="CSV: peak, neutral, facs (4+R7+17d).")],
    faces: Annotated[Path, typer.Option("--faces", metavar="FOLDER|TAR", help="Where the pairs' photos lie.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    provider: ProviderOption = "auto",
) -> None:
    """Check measured AUs against human FACS coders, on peaks of people whose neutral photo is there.

    Per AU: area under the ROC curve over all peaks, F1 at level A, ICC(3,1) where the
    coders gave letters. A code without a letter counts as seen.

    [bold]Example[/bold]

      facsmith evaluate coded coded_peaks.csv --faces coded_peaks.tar
    """
    from facsmith.lab.evaluate.coded import against_coders, coded_table

    with progress_bar() as progress:
        result = against_coders(faces, pairs, provider=provider, progress=progress)
    show(result, [coded_table(result)], as_json=as_json)


@app.command("ratings")
def ratings(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="CSV...", help="Answers that the page of `facsmith stimuli --ratings` saved."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FOLDER", help="Also by_stimulus.csv, by_condition.csv, ratings.png."),
    ] = None,
    by_stimulus: Annotated[
        bool, typer.Option("--by-stimulus", help="Show each stimulus instead of each condition.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Evaluate ratings of stimuli: means with intervals, emotions chosen, and how far raters agree.

    Agreement of a scale is the intraclass correlation, two-way random effects,
    absolute agreement: ICC(2,1) of one rater, ICC(2,k) of the mean of all; of the
    emotions, Fleiss' kappa. Intervals are over raters.

    [bold]Examples[/bold]

      facsmith evaluate ratings ratings_*.csv
      facsmith evaluate ratings ratings_*.csv -o results/ --json > report.json
    """
    from facsmith.lab.evaluate.rating_chart import draw_ratings
    from facsmith.lab.evaluate.ratings import evaluate_ratings, read_ratings, report_tables, write_tables

    if output is not None:
        check_place(output / "ratings.png")
    given, notes = read_ratings(files)
    report = evaluate_ratings(given, notes=notes)
    for sentence in report.notes:
        note(sentence)
    if output is not None:
        write_tables(report, output)
        draw_ratings(report, output / "ratings.png", of="stimulus" if by_stimulus else "condition")
    show(report, report_tables(report, of="stimulus" if by_stimulus else "condition"), as_json=as_json)
