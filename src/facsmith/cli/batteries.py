"""``facsmith stimuli | morph``."""

from pathlib import Path
from typing import Annotated

import typer

from facsmith.cli._common import (
    ITERATIONS,
    MODEL,
    BoundariesOption,
    IterationsOption,
    Mode,
    ModelOption,
    ModeOption,
    Provider,
    ProviderOption,
    SeedOption,
    check_film,
    check_picture,
    check_place,
    note,
    progress_bar,
)
from facsmith.cli._sign import KeyOption, SignOption, credentials, sign_output
from facsmith.errors import InputError, OutputError
from facsmith.synthetic import GENERATED

__all__ = ["register"]


def register(app: typer.Typer, panel: str) -> None:
    """Add the commands to the program, under a heading of its help."""
    for command in (stimuli, morph):
        app.command(rich_help_panel=panel)(command)


def stimuli(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="A folder of portraits, or one.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the stimuli go.")],
    aus: Annotated[str, typer.Option("--aus", help="Action Units: 1,4,12; L12 or R12 for one side.")],
    levels: Annotated[str, typer.Option("--levels", help="Letters, A-E or B,D; or numbers, 0.25,0.5,1.")] = "A-E",
    cross: Annotated[
        bool, typer.Option("--cross", help="Every AU at every level with every other, not one AU at a time.")
    ] = False,
    stills: Annotated[bool, typer.Option("--stills/--no-stills", help="PNG at the apex.")] = True,
    films: Annotated[bool, typer.Option("--films/--no-films", help="MP4 from neutral to the apex and back.")] = True,
    fps: Annotated[float, typer.Option("--fps", help="Frames a second of the films.")] = 25.0,
    onset: Annotated[float, typer.Option("--onset", help="Seconds of rise.")] = 0.6,
    apex: Annotated[float, typer.Option("--apex", help="Seconds of hold.")] = 1.2,
    offset: Annotated[float, typer.Option("--offset", help="Seconds of fall; 0: end at the apex.")] = 0.9,
    mode: ModeOption = Mode.transfer,
    provider: ProviderOption = Provider.auto,
    iterations: IterationsOption = ITERATIONS,
    seed: SeedOption = 0,
    model: ModelOption = MODEL,
    boundaries: BoundariesOption = None,
) -> None:
    """Render a battery for an experiment: photos x AUs x levels, and a manifest that PsychoPy and jsPsych read.

    Files are named photo_AU12-060.png and .mp4 (the intensity in hundredths);
    photo_neutral is always among them. manifest.csv has a row for each: stimulus,
    kind, photo, condition, one column per AU, seconds, sha256. The same photos and
    seed give the same bytes.

    [bold]Examples[/bold]

      facsmith stimuli portraits/ --aus 1,4,12 --levels A-E -o battery/
      facsmith stimuli portraits/ --aus 12,25 --levels C,E --cross --no-films -o stills/
      facsmith stimuli her.jpg --aus L12,R12 --levels 0.5,1 -o halves/
    """
    from facsmith.animate import AnimateOptions, Animator
    from facsmith.inversion import InversionOptions
    from facsmith.stimuli import MANIFEST, Design, find_photos, parse_aus, parse_levels, render_battery

    if output.is_file():
        raise OutputError(f"Could not write {output}: it is a file. Give a folder.")
    check_place(output / MANIFEST)
    design = Design(parse_aus(aus), parse_levels(levels), cross=cross, stills=stills, films=films)
    options = AnimateOptions(
        fps=fps,
        onset=onset,
        apex=apex,
        offset=offset,
        mode=mode.value,
        provider=provider.value,
        inversion=InversionOptions(iterations=iterations, seed=seed),
    )
    found = find_photos(photos)
    with progress_bar() as progress:
        animator = Animator.from_pretrained(model, boundaries=boundaries)
        battery = render_battery(animator, found, output, design=design, options=options, progress=progress)
    for name, reason in battery.skipped.items():
        note(f"{name} was left out: {reason}")
    typer.echo(f"{output / MANIFEST}  {len(battery.rows)} stimuli of {len(found) - len(battery.skipped)} photos")


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
    from facsmith.animate import Animator
    from facsmith.animate.film import provenance
    from facsmith.latent import Latent

    (check_film if share is None else check_picture)(output)
    if not 2 <= steps <= 100_000:
        raise InputError(f"A morph of {steps} steps; give 2 to 100000.")
    by = credentials(sign, key)
    ends = [Latent.load(path) for path in (first, second)]
    animator = Animator.from_pretrained(model)
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
