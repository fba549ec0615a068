"""The page: Gradio's layout and wires, and nothing else. What happens is in `session`, what is shown in `views`."""

import logging
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import gradio as gr

from facsmith.errors import FacsmithError
from facsmith.facs import EMOTIONS
from facsmith.studio import boards, views
from facsmith.studio.boards import Board, on
from facsmith.studio.exports import EXPORTS, export
from facsmith.studio.jobs import JobCancelledError
from facsmith.studio.messages import arrived, field, file, sent, turn, visitor
from facsmith.studio.phases import Score
from facsmith.studio.pictures import jpeg, pictograms, thumbnail
from facsmith.studio.pose import Pose
from facsmith.studio.samples import SAMPLES, sample_photo
from facsmith.studio.session import StudioSession
from facsmith.studio.sessions import Sessions

__all__ = ["TITLE", "build"]

TITLE = "facsmith studio"
TRACK_BYTES, LATENT_BYTES = 12 << 20, 4 << 20
QUICK = {"concurrency_id": "quick", "concurrency_limit": 4}
FACES = {"concurrency_id": "faces", "concurrency_limit": 1}
FILMS = {"concurrency_id": "films", "concurrency_limit": 1}
"""Three queues, so that nobody's film keeps others from loading a face, and nothing keeps a slider waiting."""
WAITING = "() => ({ text: 'Waiting for its turn…', busy: true })"
CANCELLING = "() => ({ text: 'Cancelling…', busy: true })"
"""Said by the page itself, at once: the server's own words come later, and so are the last."""
Update = dict[Any, Any]
Queue = dict[str, Any]
_gradio: Any = gr  # typed in part
UNCHANGED: Any = _gradio.skip()


class _Page:
    """One set of components, wired to the sessions."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self._entered = count(1)
        with gr.Row(elem_id="work"):
            with gr.Column(scale=5, min_width=320, elem_id="left"):
                self.stage = boards.stage_board()
                self.status = boards.status_board()
                with gr.Row(elem_id="quick"):
                    self.neutral = gr.Button("Neutral", size="sm")
                    self.own = gr.Button("As in the photo", size="sm")
                    self.undo = gr.Button("Undo", size="sm")
                    self.play = gr.Button("Play", size="sm", variant="primary")
            with gr.Column(scale=7, min_width=320, elem_id="right"), gr.Tabs(elem_id="tabs"):
                self._tabs()
        self.face = [self.stage, self.expression, self.timing, self.plot, self.faces, self.inspector, self.film]
        self._wire()

    def _tabs(self) -> None:
        animator = self.sessions.animator
        with gr.Tab("Photo"):
            self.photo = boards.photo_board(_sample_pictures(self.sessions), max_bytes=self.sessions.options.max_bytes)
            self.faces = boards.faces_board()
        with gr.Tab("Expression"):
            with gr.Row(elem_id="emotions"):
                self.emotions = {
                    name: gr.Button(name.capitalize(), size="sm") for name in EMOTIONS if name != "neutral"
                }
            self.expression = boards.expression_board(pictograms(animator))
        with gr.Tab("Film"):
            self.plot = boards.show_board("plot")
            self.timing = boards.timing_board()
            with gr.Row(elem_id="drive"):
                self.choices = boards.choices_board()
                self.track = boards.file_board(
                    "Drive by a track (CSV, YAML)", accept=".csv,.yaml,.yml", max_bytes=TRACK_BYTES, elem_id="track"
                )
            self.exports = boards.exports_board()
            self.film = boards.show_board("film")
        with gr.Tab("Inspector"):
            self.inspector = boards.show_board("inspector", '<p class="none">No face yet.</p>')
            self.latent = boards.file_board(
                "Open a latent of this face", accept=".safetensors", max_bytes=LATENT_BYTES, elem_id="latent"
            )
            boards.show_board("boundaries", views.boundaries(animator.networks.boundaries))

    def _wire(self) -> None:
        everything = [*self.face, self.status]
        self._later(on(self.photo, "photo"), self._load_photo, everything, FACES)
        self._later(on(self.photo, "sample"), self._load_sample, everything, FACES)
        self._later(on(self.photo, "face"), self._new_face, everything, FACES)
        self._later(on(self.faces, "choose"), self._choose, everything, FACES)
        self._later(on(self.latent, "file"), self._load_latent, everything, FACES)
        self._on(on(self.status, "face"), self._show_face, everything, **QUICK)
        cancel = on(self.status, "cancel")
        self._say(cancel, CANCELLING)
        self._on(cancel, self._cancel, [self.status], **QUICK)

        moved = [self.stage, self.status]
        posed = [self.stage, self.expression, self.timing, self.plot, self.status]
        self._on(on(self.expression, "move"), self._move, moved, self.expression, trigger_mode="always_last", **QUICK)
        settled = [self.stage, self.timing, self.plot, self.status]
        self._on(
            on(self.expression, "settle"), self._settle, settled, self.expression, trigger_mode="always_last", **QUICK
        )
        for button, act in (
            (self.neutral, StudioSession.neutral),
            (self.own, StudioSession.as_in_photo),
            (self.undo, StudioSession.undo),
            *((button, _emotion(name)) for name, button in self.emotions.items()),
        ):
            self._on(button.click, self._pose(act), posed, **QUICK)
        plotted = [self.plot, self.status]
        self._on(on(self.timing, "timed"), self._timed, plotted, self.timing, trigger_mode="always_last", **QUICK)
        self._on(on(self.choices, "chosen"), self._chosen, plotted, self.choices, trigger_mode="always_last", **QUICK)
        self._on(on(self.track, "file"), self._load_track, [self.timing, self.plot, self.status], **QUICK)
        self._later(self.play.click, self._play, [self.stage, self.film, self.status], FILMS)
        self._later(on(self.exports, "make"), self._make, [self.exports, self.status], FILMS)

    def _say(self, event: Any, words: str) -> None:
        """Wire an event to what the page says of itself."""
        event(None, None, [self.status], js=words, show_progress="hidden", api_visibility="private")

    def _on(self, event: Any, act: Callable[..., Update], outputs: list[Board], inputs: Any = None, **how: Any) -> None:
        """Wire an event that is answered at once. act: returns the update, and does not yield it.

        Gradio sends what was yielded last a second time when the work has ended, over what others said meanwhile.
        """

        def answer(request: gr.Request, ask: Callable[[StudioSession], Update]) -> Update:
            session = self._session(request)
            try:
                return ask(session)
            except FacsmithError as error:
                return self._failed(error)
            except Exception as error:
                logging.getLogger(__name__).exception("in the studio")
                return self._failed(error)

        def with_value(value: Any, request: gr.Request, data: gr.EventData) -> Update:
            return answer(request, lambda session: act(session, value))

        def with_event(request: gr.Request, data: gr.EventData) -> Update:
            return answer(request, lambda session: act(session, sent(data)))

        handler = with_event if inputs is None else with_value
        event(handler, inputs, outputs, show_progress="hidden", api_visibility="private", **how)

    def _later(self, event: Any, act: Callable[..., Iterator[Update]], outputs: list[Board], queue: Queue) -> None:
        """Wire an event to long work that waits for its turn. act: is also told when it was asked for."""

        def waited(request: gr.Request, data: gr.EventData) -> Iterator[Update]:
            session, asked = self._session(request), arrived(request)
            if session.was_called_off(asked):
                yield {self.status: UNCHANGED}
            else:
                yield from self._told(session, act(session, sent(data), asked))

        self._say(event, WAITING)
        event(waited, None, outputs, show_progress="hidden", api_visibility="private", **queue)

    def _told(self, session: StudioSession, updates: Iterator[Update]) -> Iterator[Update]:
        """The updates; what they raise is said in the status."""
        try:
            yield from updates
        except JobCancelledError:
            if not session.busy:  # else something newer took its place, and speaks
                yield {self.status: views.said("Cancelled.")}
        except FacsmithError as error:
            yield self._failed(error)
        except Exception as error:
            yield self._failed(error)
            raise

    def _failed(self, error: Exception) -> Update:
        """What the status says of an error: its own words, where it was raised on purpose."""
        known = isinstance(error, FacsmithError)
        words = str(error) if known else "Something went wrong here; the studio's log tells what."
        return {self.status: views.said(words, error=True)}

    def _session(self, request: gr.Request) -> StudioSession:
        return self.sessions.get(visitor(request))

    # --- a face -----------------------------------------------------------------------------------------------------

    def _load_photo(self, session: StudioSession, value: Any, asked: float) -> Iterator[Update]:
        data, name = file(value)
        yield {self.status: views.said("Looking for the face…") | {"busy": True}}
        yield from self._open(session, session.load_photo(data, name=name), asked)

    def _load_sample(self, session: StudioSession, value: Any, asked: float) -> Iterator[Update]:
        yield {self.status: views.said("Looking for the face…") | {"busy": True}}
        place = session.load_sample(str(field(value, "key")))
        if place is None:
            yield self._all(session) | {self.status: views.said(views.face_notes(session))}
        else:
            yield from self._open(session, place, asked)

    def _new_face(self, session: StudioSession, value: Any, asked: float) -> Iterator[Update]:
        seed = field(value, "seed")
        session.new_face(seed % (1 << 31) if isinstance(seed, int) else 0)
        yield self._all(session) | {self.status: views.said(views.face_notes(session))}

    def _choose(self, session: StudioSession, value: Any, asked: float) -> Iterator[Update]:
        index = field(value, "index")
        yield from self._open(session, index if isinstance(index, int) else -1, asked)

    def _load_latent(self, session: StudioSession, value: Any, asked: float) -> Iterator[Update]:
        data, _ = file(value)
        job = session.start(lambda progress: session.load_latent(data, progress), asked=asked)
        job.result()
        yield self._all(session) | {self.status: views.said("The latent was taken.")}

    def _open(self, session: StudioSession, index: int, asked: float) -> Iterator[Update]:
        """Encode a face, telling how far it is; the page asks for the face as soon as there is one.

        A value that Gradio has yielded is emptied in the page, even while sliders hold it, once a later yield of the
        same work leaves its component out; so what is told between is the status alone.
        """
        job = session.start(lambda progress: session.open_face(index, progress), asked=asked)
        scene, face = session.scene, 0
        for step in job.steps():
            if session.scene is not scene:
                scene, face = session.scene, next(self._entered)
            yield {self.status: views.working(step) | {"face": face}}
        try:
            job.result()
        except JobCancelledError:
            yield self._all(session, index) | {
                self.status: views.said("Cancelled: the face stays as the encoder alone sees it.")
            }
        else:
            yield self._all(session, index) | {self.status: views.said(views.face_notes(session))}

    def _show_face(self, session: StudioSession, value: Any) -> Update:
        return self._all(session, session.scene_or_raise().subject.face_index)

    def _all(self, session: StudioSession, index: int | None = None) -> Update:
        """Everything that depends on the face."""
        return {
            self.stage: views.stage(session, fresh=True),
            self.expression: views.expression(session),
            self.timing: views.timing(session),
            self.plot: views.timing_plot(session),
            self.faces: views.faces(session, index),
            self.inspector: views.inversion(session),
            self.film: views.film(session),
        }

    def _cancel(self, session: StudioSession, value: Any) -> Update:
        going = session.busy
        session.cancel()
        # The work that is going on says itself that it has ended.
        return {self.status: UNCHANGED if going else views.said("Cancelled.")}

    # --- sliders ----------------------------------------------------------------------------------------------------

    def _move(self, session: StudioSession, value: Any) -> Update:
        pose = Pose.from_json(value)
        session.scene_or_raise()
        if session.is_newest(turn(value)):
            session.move(pose)
            picture = views.stage(session)
            if session.turn == turn(value):  # else what overtook it meanwhile has its own picture
                return {self.stage: picture}
        return {self.stage: UNCHANGED}

    def _settle(self, session: StudioSession, value: Any) -> Update:
        pose = Pose.from_json(value)
        session.scene_or_raise()
        if session.is_newest(turn(value)):
            session.settle(pose)
            return {
                self.stage: views.stage(session),
                self.timing: views.timing(session),
                self.plot: views.timing_plot(session),
            }
        return {self.stage: UNCHANGED}

    def _pose(self, act: Callable[[StudioSession], None]) -> Callable[..., Update]:
        def posing(session: StudioSession, value: Any) -> Update:
            session.scene_or_raise()
            session.is_newest(session.turn + 1)  # sliders still on their way come too late
            act(session)
            return {
                self.stage: views.stage(session),
                self.expression: views.expression(session),
                self.timing: views.timing(session),
                self.plot: views.timing_plot(session),
                self.status: views.said(session.remark),
            }

        return posing

    # --- film -------------------------------------------------------------------------------------------------------

    def _timed(self, session: StudioSession, value: Any) -> Update:
        session.score = Score.from_json(field(value, "rows"))
        return {self.plot: views.timing_plot(session)}

    def _chosen(self, session: StudioSession, value: Any) -> Update:
        session.choose(**{name: bool(field(value, name)) for name in ("blinks", "loop", "neutral_first")})
        return {self.plot: views.timing_plot(session)}

    def _load_track(self, session: StudioSession, value: Any) -> Update:
        data, name = file(value)
        session.load_track(data, name=name)
        return {
            self.timing: views.timing(session),
            self.plot: views.timing_plot(session),
            self.status: views.said(session.remark),
        }

    def _play(self, session: StudioSession, value: Any, asked: float) -> Iterator[Update]:
        session.wait()
        session.scene_or_raise()
        job = session.start(session.play, asked=asked)
        for step in job.steps():
            yield {self.status: views.working(step)}
        job.result()
        yield {
            self.stage: views.movie(session),
            self.film: views.film(session),
            self.status: views.said("The film plays in a loop; contact sheet and receipt are under Film."),
        }

    def _make(self, session: StudioSession, value: Any, asked: float) -> Iterator[Update]:
        session.wait()
        session.scene_or_raise()
        kind = str(field(value, "kind"))
        job = session.start(lambda progress: export(session, kind, progress), asked=asked)
        for step in job.steps():
            yield {self.status: views.working(step)}
        path = job.result()
        offer = {
            "href": f"download/{self.sessions.offer(session, path)}",
            "name": f"{session.stem}-{path.name}",
            "size": f"{path.stat().st_size / 1e6:.2f} MB",
        }
        yield {self.exports: offer, self.status: views.said(f"{EXPORTS[kind].label} is ready.")}


def build(sessions: Sessions) -> gr.Blocks:
    """The page, ready to be mounted."""
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(
            '<header class="fs-head"><h1>facsmith studio</h1><p>One photo, a face\'s muscles, one film.</p></header>',
            apply_default_css=False,
        )
        _Page(sessions)

        def leave(request: gr.Request) -> None:
            sessions.end(visitor(request))
            page.state_holder.session_data.pop(visitor(request), None)  # Gradio keeps what every component showed

        page.unload(leave)
    page.queue(default_concurrency_limit=4, max_size=200)
    return page


def _emotion(name: str) -> Callable[[StudioSession], None]:
    return lambda session: session.emotion(name)


def _sample_pictures(sessions: Sessions) -> dict[str, str]:
    """Small pictures of the samples."""
    return {key: jpeg(thumbnail(sample_photo(sessions.animator, key), 144), quality=82) for key in SAMPLES}
