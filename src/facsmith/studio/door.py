"""A script's door: the page's work as named endpoints, for `gradio_client` and plain HTTP, with the page's limits.

Photos come as base64 text, files go out by an address below the studio's own: no path is named in either direction.
"""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from facsmith import image
from facsmith.errors import FacsmithError, InputError
from facsmith.facs import DISFA, EMOTIONS, parse_expression
from facsmith.measure import action_units
from facsmith.options import Progress
from facsmith.receipt import Receipt
from facsmith.studio import views
from facsmith.studio.exports import FILMS, export
from facsmith.studio.jobs import Line
from facsmith.studio.messages import visitor
from facsmith.studio.phases import Score
from facsmith.studio.pose import Pose
from facsmith.studio.session import StudioSession, visible
from facsmith.studio.sessions import Sessions
from facsmith.studio.sets import add_photo, read_design, render_set

__all__ = ["open_door"]

Answer = dict[str, Any]
_gradio: Any = gr  # typed in part


def open_door(sessions: Sessions) -> None:
    """Add the endpoints to the page that is being built; a client's calls share one session."""

    def open(request: gr.Request, photo: str, name: str = "photo.jpg", face: int = -1) -> Answer:  # noqa: A001
        """Take a photo (base64) and find its face; face: which, 0 the largest, -1 any. The calls after are about it."""

        def opened(session: StudioSession, progress: Progress) -> Answer:
            place = session.load_photo(_bytes(photo), name=name)
            session.open_face(place if face < 0 else face, progress)
            subject = session.scene_or_raise().subject
            height, width = subject.photo.shape[:2]
            told = {"name": subject.name, "width": width, "height": height, "faces": subject.faces}
            shows = dict(visible(session.pose.action_units))
            return {**told, "shows": shows, "said": views.face_notes(session)}

        return _run(sessions, request, opened, sessions.searches)

    def pose(request: gr.Request, expression: str) -> Answer:
        """The face with an expression, "happiness" or "AU12=0.6,L4=C": the whole photo's PNG and its receipt."""

        def posed(session: StudioSession, progress: Progress) -> Answer:
            _ask(session, expression)
            return _files(sessions, session, {"picture": export(session, "picture", progress)})

        return _run(sessions, request, posed, sessions.films)

    def film(request: gr.Request, expression: str, formats: list[str] = ["mp4"]) -> Answer:  # noqa: B006
        """A film to the expression and back; formats: of mp4, gif, webp, png, sheet, page, receipt, from one render."""

        def filmed(session: StudioSession, progress: Progress) -> Answer:
            unknown = [kind for kind in formats if kind not in FILMS]
            if unknown:
                raise InputError(f"There is no format {unknown[0]!r}; give some of {', '.join(FILMS)}.")
            _ask(session, expression)
            made = {kind: export(session, kind, progress) for kind in formats}
            answer = _files(sessions, session, made)
            return answer | {"measured": _measured(session.render(progress).receipt)}

        return _run(sessions, request, filmed, sessions.films)

    def measure(request: gr.Request, photo: str, neutral: str = "") -> Answer:
        """The Action Units that a photo (base64) shows, better against the same person's neutral (base64, or none)."""

        def measured(session: StudioSession, progress: Progress) -> Answer:
            pixels = [_pixels(session, given) for given in (photo, neutral) if given]
            with sessions.faces.lock:
                found = action_units(*pixels, provider=session.options.animate.provider)
            return {
                f"AU{au}": {"intensity": round(float(e), 3), "reliable": bool(known)}
                for au, e, known in zip(DISFA, found.intensities, found.reliable, strict=True)
            }

        return _run(sessions, request, measured, sessions.films)

    def stimuli(
        request: gr.Request, photos: dict[str, str], expressions: list[str], levels: str = "C,E", films: bool = False
    ) -> Answer:
        """Photos (name: base64) x expressions (["happiness", "AU4"]) x levels ("A-E"): an archive with its manifest."""

        def made(session: StudioSession, progress: Progress) -> Answer:
            design = read_design(expressions, levels, films=films)
            session.set_photos = {}
            for name, data in photos.items():
                add_photo(session, _bytes(data), name)
            return _files(sessions, session, {"archive": [render_set(session, design, progress)]})

        return _run(sessions, request, made, sessions.films)

    for endpoint in (open, pose, film, measure, stimuli):
        described = {"api_name": endpoint.__name__, "api_description": endpoint.__doc__}
        _gradio.api(endpoint, **described, concurrency_limit=None)


def _run(
    sessions: Sessions, request: gr.Request, work: Callable[[StudioSession, Progress], Answer], line: Line
) -> Answer:
    """Do a script's work in its turn; what is wrong is told as the page tells it."""
    session = sessions.get(visitor(request))
    try:
        return session.start(lambda progress: work(session, progress), line=line).result()
    except FacsmithError as error:
        raise gr.Error(views.plain(str(error)), print_exception=False) from error


def _ask(session: StudioSession, expression: str) -> None:
    """Show it as the page does: an emotion in its own time, AUs in the usual one."""
    session.scene_or_raise()
    if (name := expression.strip().lower()) in EMOTIONS:
        session.emotion(name)
    else:
        session.time(Score.of())
        session.settle(Pose(parse_expression(expression)))


def _files(sessions: Sessions, session: StudioSession, made: dict[str, list[Path]]) -> Answer:
    """Kind -> address below the studio's own; a receipt is ``kind_receipt``."""
    names = {kind + ("" if not n else "_receipt"): path for kind, paths in made.items() for n, path in enumerate(paths)}
    return {name: f"download/{sessions.offer(session, path)}" for name, path in names.items()}


def _measured(receipt: Receipt) -> list[Answer]:
    return [
        {"seconds": r.seconds, "asked": dict(r.asked), "measured": dict(r.measured or {})} for r in receipt.keyframes
    ]


def _pixels(session: StudioSession, photo: str) -> Any:
    return image.decode(_bytes(photo), name="This photo", max_pixels=session.options.max_pixels)


def _bytes(photo: str) -> bytes:
    try:
        return base64.b64decode(photo, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("A photo comes as base64 text: base64.b64encode(data).decode().") from error
