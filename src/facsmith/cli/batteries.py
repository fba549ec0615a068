"""``facsmith stimuli | average | morph``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from facsmith.cli._common import (
    MODEL,
    BoundariesOption,
    DeviceOption,
    ModelOption,
    ProviderOption,
    SeedOption,
    check_film,
    check_picture,
    check_place,
    note,
    progress_bar,
)
from facsmith.cli._options import with_options
from facsmith.cli._sign import KeyOption, SignOption, credentials, sign_output
from facsmith.errors import InputError, OutputError
from facsmith.options import AnimateOptions
from facsmith.synthetic import GENERATED

__all__ = ["register"]


class Align(StrEnum):
    """What is brought to fixed points."""

    eyes = "eyes"


def register(app: typer.Typer, panel: str) -> None:
    """Add the commands to the program, under a heading of its help."""
    for command in (stimuli, average, morph):
        app.command(rich_help_panel=panel)(command)


@with_options("fps", "onset", "apex", "offset", "mode", "provider", "fidelity", "iterations", "seed")
def stimuli(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="A folder of portraits, or one.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the stimuli go.")],
    *,
    aus: Annotated[str, typer.Option("--aus", help="Action Units: 1,4,12; L12 or R12 for one side.")],
    levels: Annotated[str, typer.Option("--levels", help="Letters, A-E or B,D; or numbers, 0.25,0.5,1.")] = "A-E",
    cross: Annotated[
        bool, typer.Option("--cross", help="Every AU at every level with every other, not one AU at a time.")
    ] = False,
    random: Annotated[
        int, typer.Option("--random", metavar="N", help="N random combinations of AUs instead, drawn by --seed.")
    ] = 0,
    at_most: Annotated[int, typer.Option("--at-most", help="AUs of a random combination at most.")] = 4,
    align: Annotated[
        Align | None, typer.Option("--align", help="eyes: on fixed points of a picture of --size.", show_default="none")
    ] = None,
    size: Annotated[str, typer.Option("--size", help="Of aligned pictures, width x height in pixels.")] = "600x600",
    eye_distance: Annotated[
        float | None, typer.Option("--eye-distance", help="Pixels between the eyes.", show_default="width / 4")
    ] = None,
    eye_height: Annotated[
        float | None, typer.Option("--eye-height", help="Pixels from the top.", show_default=".42 of the height")
    ] = None,
    oval: Annotated[bool, typer.Option("--oval", help="Show an oval around the face alone.")] = False,
    crop: Annotated[bool, typer.Option("--crop", help="Cut close around that oval.")] = False,
    grey: Annotated[bool, typer.Option("--grey", help="No colours.")] = False,
    luminance: Annotated[
        bool,
        typer.Option("--luminance", help="One mean and one contrast for the set, inside the oval, in linear light."),
    ] = False,
    mirror: Annotated[bool, typer.Option("--mirror", help="Of each stimulus a mirrored twin, too.")] = False,
    background: Annotated[int, typer.Option("--background", help="Grey level around the oval, 0 to 255.")] = 128,
    ratings: Annotated[
        str | None,
        typer.Option(
            "--ratings",
            metavar="QUESTIONS",
            help="Also a page to rate them, offline in a browser: naturalness,emotion,intensity, or all.",
            show_default="none",
        ),
    ] = None,
    stills: Annotated[bool, typer.Option("--stills/--no-stills", help="PNG at the apex.")] = True,
    films: Annotated[bool, typer.Option("--films/--no-films", help="MP4 from neutral to the apex and back.")] = True,
    frames: Annotated[bool, typer.Option("--frames", help="Also each film's frames, as a folder of PNGs.")] = False,
    options: AnimateOptions,
    model: ModelOption = MODEL,
    boundaries: BoundariesOption = None,
    device: DeviceOption = "cpu",
    sign: SignOption = None,
    key: KeyOption = None,
) -> None:
    """Render a battery for an experiment: photos x AUs x levels, made alike, and tables that PsychoPy and jsPsych read.

    Files are named photo_AU12-060.png and .mp4 (the intensity in hundredths);
    photo_neutral is always among them, and with --mirror ..._mirror. manifest.csv has
    a row for each: stimulus, kind, photo, condition, one column per AU, seconds,
    sha256; measured.csv what each shows: AUs, identity, eye centres, luminance;
    codebook.csv what the columns mean. The same photos and seed give the same bytes.

    [bold]Examples[/bold]

      facsmith stimuli portraits/ --aus 1,4,12 --levels A-E -o battery/
      facsmith stimuli portraits/ --aus 12,25 --levels C,E --cross --no-films -o stills/
      facsmith stimuli portraits/ --aus 1,2,4,5,12,15,26 --random 40 --seed 7 -o random/
      facsmith stimuli portraits/ --aus 4,12 --align eyes --oval --grey --luminance --no-films -o normed/
      facsmith stimuli her.jpg --aus L12,R12 --levels 0.5,1 --mirror --ratings all -o halves/
    """
    from facsmith.animator import Animator
    from facsmith.stimuli import MANIFEST, Design, Norms, find_photos, parse_aus, parse_levels, parse_size
    from facsmith.stimuli.battery import render_battery
    from facsmith.stimuli.ratings import PAGE, PSYCHOPY_NOTE, parse_questions, write_kit

    _check_folder(output, output / MANIFEST)
    by = credentials(sign, key)
    questions = () if ratings is None else parse_questions(ratings)
    design = Design(
        parse_aus(aus),
        parse_levels(levels),
        cross=cross,
        random=random,
        at_most=at_most,
        seed=options.inversion.seed,
        stills=stills,
        films=films,
    )
    if frames and not films:
        raise InputError("--frames are those of films, and --no-films leaves films out; take one of the two.")
    norms = Norms(
        align=align is not None,
        size=parse_size(size),
        eye_distance=eye_distance,
        eye_height=eye_height,
        oval=oval,
        crop=crop,
        grey=grey,
        luminance=luminance,
        mirror=mirror,
        background=background,
    )
    found = find_photos(photos)
    with progress_bar() as progress:
        animator = Animator.from_pretrained(model, boundaries=boundaries).to(device)
        battery = render_battery(
            animator,
            found,
            output,
            design=design,
            norms=norms,
            frames=frames,
            questions=questions,
            options=options,
            sign_with=by,
            progress=progress,
        )
    if questions:
        write_kit(output, battery.rows, questions)
    for name, reason in battery.skipped.items():
        note(f"{name} was left out: {reason}")
    if films and not frames:
        note(PSYCHOPY_NOTE)
    typer.echo(f"{output / MANIFEST}  {len(battery.rows)} stimuli of {len(found) - len(battery.skipped)} photos")
    if questions:
        typer.echo(str(output / PAGE))


def average(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="A folder of portraits.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="A picture; with --count a folder for several.")
    ],
    of: Annotated[
        int | None, typer.Option("--of", metavar="N", help="Faces in each average.", show_default="all")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", help="So many averages of N faces, drawn by --seed.", show_default="one")
    ] = None,
    size: Annotated[str, typer.Option("--size", help="Width x height in pixels.")] = "600x600",
    provider: ProviderOption = "auto",
    seed: SeedOption = 0,
) -> None:
    """Average faces: of all photos of a folder, or several averages of N random ones.

    Shapes are averaged by landmarks and colours in linear light; the eyes lie where
    `facsmith stimuli --align eyes` puts them. With --count, averages.csv says which
    photos are in which. An average can be a photo of `facsmith stimuli`.

    [bold]Examples[/bold]

      facsmith average portraits/ -o average.png
      facsmith average portraits/ --of 4 --count 10 --seed 1 -o averages/
    """
    from facsmith import face, image
    from facsmith.errors import PhotoError
    from facsmith.stimuli import Norms, find_photos, parse_size
    from facsmith.stimuli.average import average_faces, draw_groups
    from facsmith.stimuli.tables import write_csv
    from facsmith.synthetic import CAPTURED, KEY

    if count is None:
        check_picture(output)
    else:
        _check_folder(output, output / "averages.csv")
    norms = Norms(align=True, size=parse_size(size))
    faces: list[tuple[Path, Any]] = []  # landmarks alone: photos are read when their turn comes
    for photo in find_photos(photos):
        try:
            faces.append((photo, face.choose(face.find(image.read(photo), provider=provider)).face.landmarks))
        except PhotoError as error:
            note(f"{photo.name} was left out: {error}")
    groups = draw_groups(len(faces), of=len(faces) if of is None else of, groups=count or 1, seed=seed)
    rows: list[dict[str, str]] = []
    for number, group in enumerate(groups, 1):
        members = [faces[index] for index in group]
        picture = average_faces([(image.read(path), points) for path, points in members], norms)
        path = output if count is None else output / f"average_{number:03d}.png"
        image.write(path, picture, metadata={KEY: CAPTURED, "comment": f"Synthetic: average of {len(group)} faces"})
        rows.append({"average": path.name, "photos": " ".join(member.name for member, _ in members)})
    if count is not None:
        write_csv(output / "averages.csv", rows)
    typer.echo(f"{output}  {len(groups)} of {len(groups[0])} faces")


def _check_folder(output: Path, inside: Path) -> None:
    if output.is_file():
        raise OutputError(f"Could not write {output}: it is a file. Give a folder.")
    check_place(inside)


def morph(
    first: Annotated[Path, typer.Argument(metavar="LATENT", help="Of `facsmith invert` or `sample --latent`.")],
    second: Annotated[Path, typer.Argument(metavar="LATENT", help="Another one, of the same model.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="A film, a folder for PNGs; with --share a picture.")
    ],
    steps: Annotated[int, typer.Option("--steps", help="Frames, both faces included.")] = 51,
    share: Annotated[
        float | None, typer.Option("--share", help="One picture, so far on the way: 0 the first, 1 the second.")
    ] = None,
    fps: Annotated[float, typer.Option("--fps", help="Frames a second.")] = 25.0,
    model: ModelOption = MODEL,
    device: DeviceOption = "cpu",
    sign: SignOption = None,
    key: KeyOption = None,
) -> None:
    """Morph one generated face into another, in a straight line through the latent space.

    [bold]Examples[/bold]

      facsmith morph her.safetensors him.safetensors -o morph.mp4
      facsmith morph her.safetensors him.safetensors --steps 11 -o continuum/
      facsmith morph her.safetensors him.safetensors --share 0.5 -o both.png
    """
    import numpy as np

    from facsmith import image, video
    from facsmith.animator import Animator
    from facsmith.latent import Latent
    from facsmith.synthetic import provenance

    (check_film if share is None else check_picture)(output)
    if not 2 <= steps <= 100_000:
        raise InputError(f"A morph of {steps} steps; give 2 to 100000.")
    by = credentials(sign, key)
    ends = [Latent.load(path) for path in (first, second)]
    animator = Animator.from_pretrained(model).to(device)
    frames = animator.morph(*ends, shares=np.linspace(0, 1, steps) if share is None else [share])
    networks = animator.networks
    metadata = provenance({"generator_id": networks.generator.generator_id}, GENERATED)
    if share is None:
        video.write(output, frames, fps=fps, metadata=metadata)
    else:
        image.write(output, next(iter(frames)), metadata=metadata)
    asked = {"morph": {"steps": steps if share is None else 1, "share": share}, "model": {"name": networks.name}}
    sign_output(output, by, source_type=GENERATED, asked=asked)
    typer.echo(str(output))
