"""``facsmith animate | edit | sample``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facsmith.cli._common import (
    ITERATIONS,
    MODEL,
    ApexOption,
    BlinksOption,
    BoundariesOption,
    DeviceOption,
    EntangledOption,
    FaceOption,
    Fidelity,
    FidelityOption,
    FpsOption,
    IterationsOption,
    LatentOption,
    LoopOption,
    Mode,
    ModelOption,
    ModeOption,
    NeutralFirstOption,
    OffsetOption,
    OnsetOption,
    PersonalOption,
    PhotoArgument,
    Provider,
    ProviderOption,
    RelativeOption,
    SeedOption,
    Start,
    StartOption,
    VariantOption,
    check_film,
    check_picture,
    check_place,
    check_receipt,
    note,
    progress_bar,
    tell_tuning,
)
from facsmith.cli._face_choice import ALL, FacesOption, per_face
from facsmith.cli._films import (
    AbsoluteOption,
    BeforeAfterOption,
    ChangeTimelineOption,
    FactorOption,
    FilmNeutralOption,
    FromOption,
    RelativeChangeOption,
    ToOption,
    change_of,
    edit_film,
    is_film,
)
from facsmith.cli._performance import (
    DriveNeutralOption,
    DriveOption,
    GainOption,
    Source,
    TimelineOption,
    TrackFpsOption,
    TrackOption,
    TrackSecondsOption,
    TrackSmoothOption,
    TrackStartOption,
    expressions,
    options_of,
)
from facsmith.cli._sign import KeyOption, SignOption, credentials, sign_output
from facsmith.errors import InputError
from facsmith.synthetic import COMPOSITE, GENERATED

if TYPE_CHECKING:
    from facsmith.animator import Animator, Photo
    from facsmith.latent import Latent
    from facsmith.options import AnimateOptions
    from facsmith.plan import Expression, Expressions
    from facsmith.signing import Credentials
    from facsmith.tuning import TunedLatent

__all__ = ["register"]

PhotoOrFilmArgument = Annotated[
    Path, typer.Argument(metavar="PHOTO|FILM", help="JPEG, PNG, WebP, ...; or .mp4, .mov, .mkv, .webm, ...")
]
ExpressionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "-e",
        "--expression",
        metavar="WHAT",
        help="An emotion, or AUs: happiness, or AU6=C,AU12=0.6. Several play in turn.",
    ),
]


def register(app: typer.Typer, panel: str) -> None:
    """Add the commands to the program, under a heading of its help."""
    for command in (animate, edit, sample):
        app.command(rich_help_panel=panel)(command)


def animate(
    photo: PhotoArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help=".mp4, .gif, .webp, or a folder for PNG frames.")
    ],
    expression: ExpressionsOption = None,
    timeline: TimelineOption = None,
    track: TrackOption = None,
    drive: DriveOption = None,
    drive_neutral: DriveNeutralOption = 0.0,
    contact_sheet: Annotated[
        Path | None,
        typer.Option("--contact-sheet", metavar="FILE", help="Also a picture of the key frames side by side."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--receipt", metavar="FILE", help="Also the receipt as one page, .png or .pdf.")
    ] = None,
    fps: FpsOption = 25.0,
    onset: OnsetOption = None,
    apex: ApexOption = None,
    offset: OffsetOption = None,
    variant: VariantOption = None,
    neutral_first: NeutralFirstOption = False,
    loop: LoopOption = False,
    blinks: BlinksOption = False,
    gain: GainOption = 1.0,
    track_fps: TrackFpsOption = None,
    track_start: TrackStartOption = 0.0,
    track_seconds: TrackSecondsOption = None,
    track_smooth: TrackSmoothOption = False,
    openface: Annotated[
        Path | None, typer.Option("--openface", metavar="FILE", help="Also the film's AUs as an OpenFace-style CSV.")
    ] = None,
    livelink: Annotated[
        Path | None, typer.Option("--livelink", metavar="FILE", help="Also the film's AUs as a Live Link Face CSV.")
    ] = None,
    mode: ModeOption = Mode.transfer,
    relative: RelativeOption = False,
    entangled: EntangledOption = False,
    personal: PersonalOption = True,
    faces: FacesOption = None,
    provider: ProviderOption = Provider.auto,
    fidelity: FidelityOption = Fidelity.standard,
    latent: LatentOption = None,
    start: StartOption = Start.encoder,
    iterations: IterationsOption = ITERATIONS,
    seed: SeedOption = 0,
    model: ModelOption = MODEL,
    boundaries: BoundariesOption = None,
    device: DeviceOption = "cpu",
    sign: SignOption = None,
    key: KeyOption = None,
) -> None:
    """Film a photo: from the face's own expression to the asked one, and back.

    [bold]Examples[/bold]

      facsmith animate her.jpg -e happiness -o happy.mp4
      facsmith animate her.jpg -e "AU1=D,AU2=D" -o oh.gif --contact-sheet oh.png
      facsmith animate her.jpg -e neutral -e sadness -e surprise -o moods.webp
      facsmith animate two.jpg --face 1 -e disgust --apex 3 --offset 0 -o frames/
      facsmith animate two.jpg --face 0 -e happiness --face 1 -e surprise -o both.mp4
      facsmith animate choir.jpg --face all -e surprise -o all.mp4
      facsmith animate her.jpg -e "R12=C" --neutral-first --blinks -o contempt.mp4
      facsmith animate her.jpg --timeline docs/examples/genuine-smile.yaml -o smile.mp4
      facsmith animate her.jpg --track openface.csv --track-smooth -o recorded.mp4
      facsmith animate her.jpg --drive him.mov --drive-neutral 0.5 -o she-says-it-too.mp4
      facsmith animate her.jpg -e fear -o fear.mp4 --receipt fear.pdf

    A JSON receipt is written beside the film: what was asked, what was measured on the frames, model, seed, settings.
    --receipt draws it as a page.
    """
    check_film(output)
    check_picture(contact_sheet)
    if page is not None:
        check_receipt(page)
    for file in (openface, livelink):
        check_place(file)
    by = credentials(sign, key)
    if faces is not None and (len(faces) > 1 or faces[0] == ALL):
        together = per_face(faces, expression)
        if any(x is not None for x in (timeline, track, drive, contact_sheet, page, openface, livelink, latent)):
            raise InputError("Several faces take expressions alone (-e), and each gets a receipt of its own.")
    else:
        together = None
    source = Source(expression, timeline, track, drive)
    options = _options(
        fps=fps,
        onset=onset,
        apex=apex,
        offset=offset,
        variant=None if variant is None else variant.value,
        neutral_first=neutral_first,
        loop=loop,
        blinks=blinks,
        mode=mode.value,
        edit="relative" if relative else "absolute",
        entangled=entangled,
        personal=personal,
        face=int(faces[0]) if faces is not None and len(faces) == 1 and faces[0] != ALL else None,
        provider=provider.value,
        fidelity=fidelity.value,
        start=start.value,
        iterations=iterations,
        seed=seed,
    )
    if together is not None:
        _animate_faces(_animator(model, boundaries, device), photo, together, output, options, by)
        return
    recording = options_of(fps=fps, track_fps=track_fps, start=track_start, seconds=track_seconds, smooth=track_smooth)
    asked = expressions(source, recording, gain=gain, neutral=drive_neutral, provider=provider.value)
    animator = _animator(model, boundaries, device)
    with progress_bar() as progress:
        film = animator.animate(photo, asked, options=options, latent=_latent(latent, animator), progress=progress)
    for sentence in film.notes:  # what cannot be shown is said before seconds go into showing it
        note(sentence)
    with progress_bar() as progress:
        sound = source.sound(recording, output)
        receipt = film.save(
            output, contact_sheet=contact_sheet, page=page, sound=sound, sign_with=by, progress=progress
        )
    film.save_tracks(openface=openface, livelink=livelink)
    for sentence in receipt.notes[len(film.notes) :]:
        note(sentence)
    size = f"{receipt.output['width']} x {receipt.output['height']}"
    typer.echo(f"{output}  {receipt.output['frames']} frames, {receipt.output['seconds']:.1f} s, {size}")
    tell_tuning(receipt.tuning)
    for also in (contact_sheet, page, openface, livelink):
        if also is not None:
            typer.echo(str(also))


def _animate_faces(
    animator: "Animator",
    photo: Path,
    asked: "Expressions | dict[int, Expressions]",
    output: Path,
    options: "AnimateOptions",
    by: "Credentials | None",
) -> None:
    with progress_bar() as progress:
        film = animator.animate_faces(photo, asked, options=options, progress=progress)
    for sentence in film.notes:
        note(sentence)
    with progress_bar() as progress:
        receipts = film.save(output, sign_with=by, progress=progress)
    size = f"{receipts[0].output['width']} x {receipts[0].output['height']}"
    typer.echo(f"{output}  {len(film)} frames, {len(film.films)} faces, {size}")


def edit(
    photo: PhotoOrFilmArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help=".png, .jpg, .webp; of films .mp4, .mov, .mkv.")
    ],
    expression: Annotated[
        str | None,
        typer.Option("-e", "--expression", metavar="WHAT", help="Photos: an emotion, or AUs, and no others."),
    ] = None,
    relative: RelativeChangeOption = None,
    gain: FactorOption = None,
    absolute: AbsoluteOption = None,
    timeline: ChangeTimelineOption = None,
    begin: FromOption = 0.0,
    end: ToOption = None,
    neutral: FilmNeutralOption = None,
    contact_sheet: BeforeAfterOption = None,
    mode: ModeOption = Mode.transfer,
    entangled: EntangledOption = False,
    personal: PersonalOption = True,
    face: FaceOption = None,
    provider: ProviderOption = Provider.auto,
    fidelity: FidelityOption = Fidelity.standard,
    latent: LatentOption = None,
    start: StartOption = Start.encoder,
    iterations: IterationsOption = ITERATIONS,
    seed: SeedOption = 0,
    model: ModelOption = MODEL,
    boundaries: BoundariesOption = None,
    device: DeviceOption = "cpu",
    sign: SignOption = None,
    key: KeyOption = None,
) -> None:
    """Give a photo another expression, or change the expressions of a film.

    [bold]Examples[/bold]

      facsmith edit her.jpg -e neutral -o neutral.png
      facsmith edit her.jpg -e "AU9=E,AU10=D" -o disgusted.png
      facsmith edit her.jpg -e L45 -o winking.png
      facsmith edit her.jpg --relative AU12=+B -o a-little-happier.jpg
      facsmith edit talk.mp4 --relative "AU12=-0.4,AU4=+0.2" -o calmer.mp4
      facsmith edit talk.mp4 --gain AU12=0.5 --from 2 --to 6.5 -o half.mp4
      facsmith edit talk.mp4 --absolute AU6=0 --neutral 0.8 -o posed.mp4 --contact-sheet posed.png

    Of a film, one face is followed; sound, subtitles and time stamps stay. What was killed goes on where it stopped.
    """
    if is_film(photo):
        if expression is not None:
            raise InputError("A film's face keeps what it shows: say a change with --relative, --gain or --absolute.")
        change = change_of(relative, gain, absolute, timeline=timeline, begin=begin, end=end)
        by = credentials(sign, key)
        animator = _animator(model, boundaries, device)
        edit_film(
            animator,
            photo,
            output,
            change,
            neutral=neutral,
            face=face,
            provider=provider.value,
            contact_sheet=contact_sheet,
        )
        sign_output(output, by, source_type=COMPOSITE, asked={"change": change.to_json(), "model": {"name": model}})
        return
    changes = [text for text in (relative, gain, absolute) if text is not None]
    if (expression is None) == (not changes):
        raise InputError("Say one thing: --expression (this and nothing else), or --relative, --gain, --absolute.")
    check_picture(output)
    by = credentials(sign, key)
    options = _options(
        mode=mode.value,
        entangled=entangled,
        personal=personal,
        face=face,
        provider=provider.value,
        fidelity=fidelity.value,
        start=start.value,
        iterations=iterations,
        seed=seed,
    )
    animator = _animator(model, boundaries, device)
    with progress_bar() as progress:
        known = _latent(latent, animator)
        asked: Expression = expression or ""
        subject: Photo = photo
        if changes:
            subject = animator.prepare(photo, options=options, latent=known, progress=progress)
            asked = change_of(relative, gain, absolute).applied(subject.photo_aus)
        picture = animator.edit(subject, asked, options=options, latent=known, progress=progress)
    receipt = picture.save(output, sign_with=by)
    for sentence in receipt.notes:
        note(sentence)
    typer.echo(str(output))
    tell_tuning(receipt.tuning)


def sample(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="A picture, or with --expression a film.")
    ],
    seed: SeedOption = 0,
    psi: Annotated[float, typer.Option("--psi", help="Truncation, 0 (the mean face) to 1 (all of the variety).")] = 0.7,
    expression: Annotated[
        list[str] | None,
        typer.Option(
            "-e", "--expression", metavar="WHAT", help="Film the face: an emotion, or AUs. Several play in turn."
        ),
    ] = None,
    latent: Annotated[Path | None, typer.Option("--latent", metavar="FILE", help="Also save its latent.")] = None,
    model: ModelOption = MODEL,
    boundaries: BoundariesOption = None,
    device: DeviceOption = "cpu",
    sign: SignOption = None,
    key: KeyOption = None,
) -> None:
    """Draw a face of a person who does not exist, or film one.

    [bold]Examples[/bold]

      facsmith sample --seed 7 -o nobody.png
      facsmith sample --seed 7 -e neutral -e happiness -o nobody.mp4
    """
    from facsmith import image

    (check_film if expression else check_picture)(output)
    check_place(latent)
    by = credentials(sign, key)
    animator = _animator(model, boundaries, device)
    subject = animator.sample(seed, psi=psi)
    if expression:
        film = animator.animate(subject, expression if len(expression) > 1 else expression[0], options=_options())
        with progress_bar() as progress:
            film.save(output, progress=progress)
    else:
        image.write(output, subject.photo)
    asked = {"seed": seed, "psi": psi, "expression": expression or [], "model": {"name": animator.networks.name}}
    sign_output(output, by, source_type=GENERATED, asked=asked)
    if latent is not None:
        subject.latent.save(latent)
    typer.echo(str(output))


def _animator(model: str, boundaries: Path | None, device: str) -> "Animator":
    from facsmith.animator import Animator

    return Animator.from_pretrained(model, boundaries=boundaries).to(device)


def _options(**chosen: Any) -> "AnimateOptions":
    """Flat command-line values -> AnimateOptions with its InversionOptions."""
    from facsmith.inversion import InversionOptions
    from facsmith.options import AnimateOptions

    inversion = {key: chosen.pop(key) for key in ("start", "iterations", "seed") if key in chosen}
    return AnimateOptions(inversion=InversionOptions(**inversion), **chosen)


def _latent(path: Path | None, animator: "Animator") -> "Latent | TunedLatent | None":
    from facsmith.tuning import read_latent

    return None if path is None else read_latent(path, animator.networks.generator)
