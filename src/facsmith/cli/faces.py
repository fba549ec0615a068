"""``facsmith animate | edit | sample``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facsmith.cli._common import (
    MODEL,
    BoundariesOption,
    DeviceOption,
    LatentOption,
    ModelOption,
    SeedOption,
    check_film,
    check_picture,
    check_place,
    check_receipt,
    note,
    progress_bar,
    tell_tuning,
)
from facsmith.cli._face_choice import ALL, FacesOption, per_face
from facsmith.cli._film_performance import FilmOption, performances, refuse_beside_film, refuse_beside_photo
from facsmith.cli._films import (
    AbsoluteOption,
    BeforeAfterOption,
    ChangeTimelineOption,
    FactorOption,
    FilmNeutralOption,
    FromOption,
    ToOption,
    changes_of,
    edit_film,
    is_film,
)
from facsmith.cli._options import with_options
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
from facsmith.options import EDIT, FILM, AnimateOptions
from facsmith.synthetic import GENERATED

if TYPE_CHECKING:
    from facsmith.animator import Animator, Photo
    from facsmith.latent import Latent
    from facsmith.plan import Expression, Expressions
    from facsmith.signing import Credentials
    from facsmith.tuning import TunedLatent

__all__ = ["register"]

PhotoOrFilmArgument = Annotated[
    Path, typer.Argument(metavar="PHOTO|FILM", help="JPEG, PNG, WebP, ...; or .mp4, .mov, .mkv, .webm, ...")
]
ChangeArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CHANGE",
        help="With --relative: what is added to what the face shows, AU12=-0.4,AU4=+0.2; or one for each --face.",
    ),
]
ExpressionOption = Annotated[
    str | None, typer.Option("-e", "--expression", metavar="WHAT", help="Photos: an emotion, or AUs: AU6=C,AU12=0.6.")
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


OptionalPhotoArgument = Annotated[
    Path | None, typer.Argument(metavar="PHOTO", help="JPEG, PNG, WebP, ...; or none, with --film.")
]
NoReceiptOption = Annotated[
    bool, typer.Option("--no-receipt", help="The picture or film alone: nothing is measured, no receipt is written.")
]


def register(app: typer.Typer, panel: str) -> None:
    """Add the commands to the program, under a heading of its help."""
    for command in (animate, edit, sample):
        app.command(rich_help_panel=panel)(command)


@with_options(*(name for name in FILM if name != "face"))
def animate(
    photo: OptionalPhotoArgument = None,
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help=".mp4, .gif, .webp, or a folder for PNG frames.")
    ],
    film: FilmOption = None,
    neutral: FilmNeutralOption = None,
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
    no_receipt: NoReceiptOption = False,
    options: AnimateOptions,
    faces: FacesOption = None,
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
    latent: LatentOption = None,
    model: ModelOption = MODEL,
    boundaries: BoundariesOption = None,
    device: DeviceOption = "cpu",
    sign: SignOption = None,
    key: KeyOption = None,
) -> None:
    """Film a photo: from the face's own expression to the asked one, and back; or give a film's face a new performance.

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
      facsmith animate --film talk.mp4 -e happiness -o talking-happily.mp4

    A JSON receipt is written beside the film: what was asked, what was measured on the frames, model, seed, settings.
    --receipt draws it as a page.
    """
    from facsmith.receipt.summary import tuning

    if film is not None:
        refuse_beside_film(
            photo=photo, receipt=page, no_receipt=no_receipt, openface=openface, livelink=livelink, latent=latent
        )
        asked_change = performances(
            film,
            Source(expression, timeline, track, drive),
            faces,
            options,
            gain=gain,
            drive_neutral=drive_neutral,
            track_fps=track_fps,
            start=track_start,
            seconds=track_seconds,
            smooth=track_smooth,
        )
        by = credentials(sign, key)
        edit_film(
            _animator(model, boundaries, device),
            film,
            output,
            asked_change,
            neutral=neutral,
            provider=options.provider,
            contact_sheet=contact_sheet,
            model=model,
            by=by,
        )
        return
    if photo is None:
        raise InputError("Give a photo, or --film FILM.")
    if neutral is not None:
        raise InputError("--neutral says where the person of a --film rests; photos need none.")
    check_film(output)
    check_picture(contact_sheet)
    if page is not None:
        check_receipt(page)
    for file in (openface, livelink):
        check_place(file)
    by = credentials(sign, key)
    if no_receipt and (page or contact_sheet):
        raise InputError("--receipt and --contact-sheet show the measured key frames; leave out --no-receipt.")
    if faces is not None and (len(faces) > 1 or faces[0] == ALL):
        together = per_face(faces, expression)
        if any(x is not None for x in (timeline, track, drive, contact_sheet, page, openface, livelink, latent)):
            raise InputError("Several faces take expressions alone (-e), and each gets a receipt of its own.")
        _animate_faces(
            _animator(model, boundaries, device), photo, together, output, options, by, receipt=not no_receipt
        )
        return
    if faces is not None:
        options = replace(options, face=int(faces[0]))
    source = Source(expression, timeline, track, drive)
    recording = options_of(
        fps=options.fps, track_fps=track_fps, start=track_start, seconds=track_seconds, smooth=track_smooth
    )
    asked = expressions(source, recording, gain=gain, neutral=drive_neutral, provider=options.provider)
    animator = _animator(model, boundaries, device)
    with progress_bar() as progress:
        animation = animator.animate(
            photo,
            asked,
            options=options,
            latent=_latent(latent, animator),
            progress=progress,
            receipt=not no_receipt,
        )
    for sentence in animation.notes:  # what cannot be shown is said before seconds go into showing it
        note(sentence)
    sound = source.sound(recording, output)
    with progress_bar() as progress:
        receipt = animation.save(
            output, contact_sheet=contact_sheet, page=page, sound=sound, sign_with=by, progress=progress
        )
    animation.save_tracks(openface=openface, livelink=livelink)
    for sentence in receipt.notes[len(animation.notes) :] if receipt else ():
        note(sentence)
    height, width = animation.size
    typer.echo(f"{output}  {len(animation)} frames, {animation.timeline.duration:.1f} s, {width} x {height}")
    tell_tuning(tuning(animation.subject))
    for also in (contact_sheet, page, openface, livelink):
        if also is not None:
            typer.echo(str(also))


def _animate_faces(
    animator: "Animator",
    photo: Path,
    asked: "Expressions | dict[int, Expressions]",
    output: Path,
    options: AnimateOptions,
    by: "Credentials | None",
    *,
    receipt: bool,
) -> None:
    with progress_bar() as progress:
        film = animator.animate_faces(photo, asked, options=options, progress=progress, receipt=receipt)
    for sentence in film.notes:
        note(sentence)
    with progress_bar() as progress:
        film.save(output, sign_with=by, progress=progress)
    height, width = film.films[0].size
    typer.echo(f"{output}  {len(film)} frames, {len(film.films)} faces, {width} x {height}")


@with_options(*(name for name in EDIT if name != "face"))
def edit(
    photo: PhotoOrFilmArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help=".png, .jpg, .webp; of films .mp4, .mov, .mkv.")
    ],
    change: ChangeArgument = None,
    *,
    expression: ExpressionOption = None,
    gain: FactorOption = None,
    absolute: AbsoluteOption = None,
    timeline: ChangeTimelineOption = None,
    begin: FromOption = 0.0,
    end: ToOption = None,
    neutral: FilmNeutralOption = None,
    contact_sheet: BeforeAfterOption = None,
    options: AnimateOptions,
    faces: FacesOption = None,
    no_receipt: NoReceiptOption = False,
    latent: LatentOption = None,
    model: ModelOption = MODEL,
    boundaries: BoundariesOption = None,
    device: DeviceOption = "cpu",
    sign: SignOption = None,
    key: KeyOption = None,
) -> None:
    """Give a photo another expression, or change what a film's face does, in Action Units.

    [bold]Examples[/bold]

      facsmith edit her.jpg -e neutral -o neutral.png
      facsmith edit her.jpg -e "AU9=E,AU10=D" -o disgusted.png
      facsmith edit her.jpg -e L45 -o winking.png
      facsmith edit her.jpg -e AU12=B --relative -o a-little-happier.jpg
      facsmith edit talk.mp4 --relative "AU12=-0.4,AU4=+0.2" -o calmer.mp4
      facsmith edit talk.mp4 --gain AU12=0.5 --from 2 --to 6.5 -o half.mp4
      facsmith edit talk.mp4 --absolute AU6=0 --neutral 0.8 -o posed.mp4 --contact-sheet posed.png
      facsmith edit two.mp4 --face 0 --gain AU12=0 --face 1 --gain AU12=2 -o both.mp4

    Of a film, the largest face is followed, or those of --face; sound, subtitles and time stamps stay. What was killed
    goes on where it stopped.
    """
    from facsmith.receipt.summary import tuning

    if change and options.edit != "relative":
        raise InputError(
            f"What is {change[0][:40]!r}? Say it: --relative {change[0][:40]!r}, or --expression, --gain, --absolute."
        )
    by = credentials(sign, key)
    if is_film(photo):
        if expression is not None:
            raise InputError("A film's face keeps what it shows: say a change with --relative, --gain or --absolute.")
        refuse_beside_film(no_receipt=no_receipt, latent=latent)
        asked_change = changes_of(faces, change, gain, absolute, timeline=timeline, begin=begin, end=end)
        edit_film(
            _animator(model, boundaries, device),
            photo,
            output,
            asked_change,
            neutral=neutral,
            provider=options.provider,
            contact_sheet=contact_sheet,
            model=model,
            by=by,
        )
        return
    refuse_beside_photo(
        timeline=timeline, **{"from": begin, "to": end is not None}, neutral=neutral, contact_sheet=contact_sheet
    )
    if faces is not None:
        if len(faces) > 1 or faces[0] == ALL:
            raise InputError("A photo is edited one face at a time; several faces: facsmith animate, or a film.")
        options = replace(options, face=int(faces[0]))
    changes = [*(change or ()), *(gain or ()), *(absolute or ())]
    if (expression is None) == (not changes):
        raise InputError("Say one thing: --expression (this and nothing else), or --relative, --gain, --absolute.")
    check_picture(output)
    whole = changes_of(None, change, gain, absolute)[None] if changes else None
    animator = _animator(model, boundaries, device)
    with progress_bar() as progress:
        known = _latent(latent, animator)
        asked: Expression = expression or ""
        subject: Photo = photo
        if whole is not None:
            options = replace(options, edit="absolute")  # the change is added here
            subject = animator.prepare(photo, options=options, latent=known, progress=progress)
            asked = whole.applied(subject.photo_aus)
        picture = animator.edit(
            subject, asked, options=options, latent=known, progress=progress, receipt=not no_receipt
        )
    receipt = picture.save(output, sign_with=by)
    for sentence in receipt.notes if receipt else picture.notes:
        note(sentence)
    typer.echo(str(output))
    tell_tuning(tuning(picture.subject))


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
        film = animator.animate(subject, expression if len(expression) > 1 else expression[0], options=None)
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


def _latent(path: Path | None, animator: "Animator") -> "Latent | TunedLatent | None":
    from facsmith.tuning import read_latent

    return None if path is None else read_latent(path, animator.networks.generator)
