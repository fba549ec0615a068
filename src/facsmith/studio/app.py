"""The page: Gradio's layout and wires, and nothing else. What happens is in `session`, what is shown in `views`."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

import gradio as gr

from facsmith.errors import FacsmithError, InputError
from facsmith.facs import EMOTIONS
from facsmith.options import Progress
from facsmith.studio import boards, views
from facsmith.studio.boards import Board, on
from facsmith.studio.door import open_door
from facsmith.studio.exports import FILMS, OTHERS, export
from facsmith.studio.jobs import Job, JobCancelledError
from facsmith.studio.messages import field, file, sent, turn, visitor
from facsmith.studio.phases import Score
from facsmith.studio.pictures import jpeg, pictograms, thumbnail
from facsmith.studio.pose import Pose
from facsmith.studio.project import open_project, restore_page, save_project
from facsmith.studio.samples import SAMPLES, sample_photo
from facsmith.studio.session import StudioSession
from facsmith.studio.sessions import Sessions
from facsmith.studio.sets import EXPRESSIONS, add_photo, read_design, render_set

__all__ = ["TITLE", "build"]

TITLE = "facsmith studio"
TRACK_BYTES, LATENT_BYTES = 12 << 20, 4 << 20
QUICK = {"concurrency_id": "quick", "concurrency_limit": 4}
LONG = {"concurrency_id": "long", "concurrency_limit": None, "trigger_mode": "multiple"}
"""Long work waits in lines of `sessions`, which tell each visitor the place; nothing keeps a slider waiting."""
NEWEST = {"trigger_mode": "always_last", **QUICK}
MEASURE = {"trigger_mode": "always_last", "concurrency_id": "measure", "concurrency_limit": 1}
CHOICES = {"Blinks": "blinks", "Loops": "loop", "Neutral first": "neutral_first"}
MOVES = """(kept) => {
  try { return {...kept, ...JSON.parse(localStorage.getItem("facsmith-moves") || "{}")}; } catch { return kept; }
}"""
"""What the browser remembers by itself of every move (memory.js), beside what the server told it to keep."""
Update = dict[Any, Any]
_gradio: Any = gr  # typed in part
UNCHANGED: Any = _gradio.skip()


class _Page:
    """One set of components, wired to the sessions."""

    def __init__(self, sessions: Sessions, page: Any) -> None:
        self.sessions = sessions
        self._number = count(1)
        self.kept = _gradio.BrowserState({}, storage_key="facsmith-studio", secret="facsmith-studio")
        with gr.Row(elem_id="work"):
            with gr.Column(scale=6, min_width=320, elem_id="left"):
                self.stage = boards.stage_board()
                self.status = boards.status_board()
            with gr.Column(scale=5, min_width=320, elem_id="right"):
                with gr.Row(elem_id="quick"):
                    self.neutral = gr.Button("Neutral", size="sm")
                    self.own = gr.Button("As in the photo", size="sm")
                    self.undo = gr.Button("Undo", size="sm", elem_id="undo")
                    self.redo = gr.Button("Redo", size="sm", elem_id="redo")
                    self.play = gr.Button("Play", size="sm", variant="primary", elem_id="play")
                with gr.Tabs(elem_id="tabs") as self.tabs:
                    self._tabs()
        self.face = [
            *(self.stage, self.expression, self.timing, self.plot, self.faces, self.inspector, self.film, self.tabs),
            *(self.chip, self.choices, self.strength, self.project, self.photos, self.status),
        ]
        self._wire(page)

    def _tabs(self) -> None:
        animator, limits = self.sessions.animator, self.sessions.options
        with _gradio.Tab("Photo", id="photo", render_children=True):
            self.photo = boards.photo_board(_sample_pictures(self.sessions), max_bytes=limits.max_bytes)
            self.faces = boards.show_board("faces", script="faces.js")
            self.project = boards.project_board()
        with _gradio.Tab("Expression", id="expression", render_children=True):
            with gr.Row(elem_id="emotions"):
                self.emotions = {
                    name: gr.Button(name.capitalize(), size="sm") for name in EMOTIONS if name != "neutral"
                }
            self.strength = _gradio.Slider(
                0, 100, 100, step=5, label="Strength of the emotion, %", elem_id="strength", buttons=[]
            )
            self.expression = boards.expression_board(pictograms(animator))
            self.seen = boards.show_board("seen", script="measured.js", html="")
        with _gradio.Tab("Film", id="film", render_children=True):
            self.plot = boards.show_board("plot")
            self.timing = boards.timing_board()
            with gr.Row(elem_id="drive"):
                self.choices = _gradio.CheckboxGroup([*CHOICES], show_label=False, container=False, elem_id="choices")
                self.track = boards.file_board(
                    "Drive by a track (CSV, YAML)", accept=".csv,.yaml,.yml", max_bytes=TRACK_BYTES, elem_id="track"
                )
                self.chip = gr.Button("✕", size="sm", visible=False, elem_id="chip")
            kinds = {key: kind.label for key, kind in {**FILMS, **OTHERS}.items()}
            self.exports = boards.exports_board("exports", "Take home", kinds)
            self.film = boards.show_board("film")
        with _gradio.Tab("Set", id="set", render_children=True):
            self._set()
        with _gradio.Tab("Inspector", id="inspector", render_children=True):
            self.inspector = boards.show_board("inspector", '<p class="none">No face yet.</p>')
            self.latent = boards.file_board(
                "Open a face code", accept=".safetensors", max_bytes=LATENT_BYTES, elem_id="latent"
            )
            gr.HTML(views.CODE_HINT, apply_default_css=False)
            boards.show_board("boundaries", views.boundaries(animator.networks.boundaries))

    def _set(self) -> None:
        gr.HTML(views.SET_HINT, apply_default_css=False)
        with gr.Row(elem_id="shelf"):
            self.more = boards.file_board(
                "Add photos", accept="image/*", max_bytes=self.sessions.options.max_bytes, elem_id="more", several=True
            )
            self.none = gr.Button("Take all photos off", size="sm")
        self.photos = boards.show_board("photos")
        self.wanted = _gradio.Dropdown(
            [*EXPRESSIONS.items()], value=["happiness"], multiselect=True, label="Expressions", elem_id="wanted"
        )
        self.levels = _gradio.CheckboxGroup([*"ABCDE"], value=["C", "E"], label="Levels", elem_id="levels")
        self.films = _gradio.Checkbox(False, label="A film of each, too")
        self.made = boards.exports_board("made", "The set", {"set": "Make the set"})

    def _wire(self, page: Any) -> None:
        everything = [*self.face, self.kept]
        back = page.load(
            self._back, [self.kept], everything, js=MOVES, show_progress="hidden", api_visibility="private", **QUICK
        )
        self._later(back.then, self._follow, self.face)
        self._later(on(self.project, "kept"), self._take_kept, everything, [self.kept])
        self._later(on(self.project, "file"), self._open_project, self.face)
        self._on(on(self.project, "again"), self._again, self.face, **QUICK)
        self._on(on(self.project, "forget"), self._forget, everything, **QUICK)

        self._later(on(self.photo, "file"), self._load_photo, self.face)
        self._later(on(self.photo, "sample"), self._load_sample, self.face)
        self._on(on(self.photo, "face"), self._new_face, self.face, **QUICK)
        self._later(on(self.faces, "choose"), self._choose, self.face)
        self._later(on(self.latent, "file"), self._load_code, self.face)
        self._on(on(self.status, "face"), self._show_face, self.face, **QUICK)
        self._on(on(self.status, "cancel"), self._cancel, [self.status], **QUICK)

        moved = [self.stage, self.status]
        posed = [self.stage, self.expression, self.timing, self.plot, self.strength, self.chip, self.status]
        plotted = [self.plot, self.chip, self.status]
        self._on(on(self.expression, "move"), self._move, moved, self.expression, **NEWEST)
        settled = [self.timing, *moved, *plotted[:2]]
        settle = self._on(on(self.expression, "settle"), self._settle, settled, self.expression, **NEWEST)
        self._posed(settle)
        for button, act in (
            (self.neutral, StudioSession.neutral),
            (self.own, StudioSession.as_in_photo),
            (self.undo, partial(StudioSession.go, steps=-1)),
            (self.redo, partial(StudioSession.go, steps=1)),
            (self.chip, StudioSession.unload_track),
            *((button, partial(StudioSession.emotion, name=name)) for name, button in self.emotions.items()),
        ):
            self._posed(self._on(button.click, self._pose(act), posed, **QUICK))
        self._posed(self._on(self.strength.input, self._strengthen, posed, self.strength, **NEWEST))
        self._on(on(self.timing, "timed"), self._timed, plotted, self.timing, **NEWEST)
        self._on(self.choices.input, self._chosen, plotted, self.choices, **NEWEST)
        self._on(on(self.track, "file"), self._load_track, [self.timing, *plotted], **QUICK)
        self._later(self.play.click, self._play, [self.stage, self.film, self.plot, self.status])
        self._later(on(self.exports, "make"), self._make, [self.exports, self.film, self.plot, self.status])

        shelf = [self.photos, self.status]
        self._on(on(self.more, "file"), self._add_photo, shelf, trigger_mode="multiple", **QUICK)
        self._on(self.none.click, self._no_photos, shelf, **QUICK)
        design = [self.wanted, self.levels, self.films]
        self._later(on(self.made, "make"), self._make_set, [self.made, self.status], design)

    def _posed(self, event: Any) -> None:
        """What follows a pose that the server knows: it is measured."""
        self._on(event.then, self._measure, [self.seen, self.status], self.expression, **MEASURE)

    def _on(self, event: Any, act: Callable[..., Update], outputs: list[Any], inputs: Any = None, **how: Any) -> Any:
        """Wire an event that is answered at once. act: returns the update, and does not yield it.

        Gradio sends what was yielded last a second time when the work has ended, over what others said meanwhile.
        """

        def answer(request: gr.Request, value: Any) -> Update:
            if not self.sessions.is_known(visitor(request)):
                return {self.status: {"reload": True}}
            try:
                return act(self.sessions.get(visitor(request)), value)
            except FacsmithError as error:
                return self._failed(error)
            except Exception as error:
                logging.getLogger(__name__).exception("in the studio")
                return self._failed(error)

        def with_value(value: Any, request: gr.Request, data: gr.EventData) -> Update:
            return answer(request, value)

        def with_event(request: gr.Request, data: gr.EventData) -> Update:
            return answer(request, sent(data))

        handler = with_event if inputs is None else with_value
        return event(handler, inputs, outputs, show_progress="hidden", api_visibility="private", **how)

    def _later(self, event: Any, act: Callable[..., Iterator[Update]], outputs: list[Any], inputs: Any = None) -> None:
        """Wire an event to long work. act: is given the session, the event's data, and the inputs' values."""

        def told(request: gr.Request, data: Any, *values: Any) -> Iterator[Update]:
            if not self.sessions.is_known(visitor(request)):
                yield {self.status: {"reload": True}}
                return
            session = self.sessions.get(visitor(request))
            try:
                yield from act(session, sent(data), *values)
            except JobCancelledError:
                # Something newer may have taken its place, and speak.
                yield self._undone(outputs, data) | ({} if session.busy else {self.status: views.said("Cancelled.")})
            except FacsmithError as error:
                yield self._undone(outputs, data) | self._failed(error)
            except Exception as error:
                yield self._undone(outputs, data) | self._failed(error)
                raise

        def with_event(request: gr.Request, data: gr.EventData) -> Iterator[Update]:
            yield from told(request, data)

        def with_values(*values: Any, request: gr.Request, data: gr.EventData) -> Iterator[Update]:
            yield from told(request, data, *values)

        handler = with_event if inputs is None else _fixed(with_values, len(inputs))
        event(handler, inputs, outputs, show_progress="hidden", api_visibility="private", **LONG)

    def _undone(self, outputs: list[Any], data: Any) -> Update:
        """Buttons of files that did not come are free again."""
        board = next((b for b in (self.exports, self.made) if b in outputs), None)
        if board is None:
            return {self.status: UNCHANGED}
        return {board: {"kind": str(field(sent(data), "kind")), "number": next(self._number)}}

    def _failed(self, error: Exception) -> Update:
        """What the status says of an error: its own words, where it was raised on purpose."""
        known = isinstance(error, FacsmithError)
        words = str(error) if known else "Something went wrong here; the studio's log tells what."
        return {self.status: views.said(words, error=True)}

    # --- coming back ------------------------------------------------------------------------------------------------

    def _back(self, kept: Any, request: gr.Request) -> Update:
        """A page was opened, or loaded anew: it finds its work again, here or in its own browser."""
        memory = cast("dict[str, Any]", kept if isinstance(kept, dict) else {})
        token, session = self.sessions.claim(visitor(request), memory.get("token"))
        known = {self.kept: {**memory, "token": token}, self.status: UNCHANGED}
        if session.scene is not None:
            return known | self._restored(session, memory)
        return known | ({self.project: {"want": True}} if memory.get("token") == token else {})

    def _restored(self, session: StudioSession, kept: Any) -> Update:
        try:
            restore_page(session, kept)
        except FacsmithError as error:
            return self._all(session, go=True) | self._failed(error)
        return self._all(session, go=True) | {self.status: views.said("Everything is as you left it.")}

    def _follow(self, session: StudioSession, value: Any) -> Iterator[Update]:
        """Work that went on while the page was away."""
        job = session.job
        if job is None:
            yield {self.status: UNCHANGED}
        else:
            yield from self._steps(job)
            yield self._all(session)

    def _take_kept(self, session: StudioSession, value: Any, kept: Any) -> Iterator[Update]:
        if "data" in value and session.scene is None:
            data, _ = file(value)
            yield from self._steps(session.start(partial(open_project, session, data), line=self.sessions.searches))
            yield self._restored(session, kept) | {self.kept: kept}
        else:
            yield {self.kept: {"token": kept.get("token")}, self.status: UNCHANGED}

    def _open_project(self, session: StudioSession, value: Any) -> Iterator[Update]:
        data, name = file(value)
        job = session.start(partial(open_project, session, data), line=self.sessions.searches, alone=True)
        yield from self._steps(job)
        yield self._all(session, go=True) | {self.status: views.said(f"{name} is open.")}

    def _again(self, session: StudioSession, value: Any) -> Update:
        """Another tab of the same browser may have moved on."""
        return self._all(session) if session.turn != value.get("turn") else {self.status: UNCHANGED}

    def _forget(self, session: StudioSession, value: Any) -> Update:
        """End the session; the page begins anew."""
        self.sessions.forget(session)
        return {self.kept: {}, self.status: {"reload": True}}

    # --- a face -----------------------------------------------------------------------------------------------------

    def _load_photo(self, session: StudioSession, value: Any) -> Iterator[Update]:
        data, name = file(value)
        yield from self._take(session, lambda: session.load_photo(data, name=name))

    def _load_sample(self, session: StudioSession, value: Any) -> Iterator[Update]:
        key = str(field(value, "key"))
        yield from self._take(session, lambda: session.load_sample(key))

    def _choose(self, session: StudioSession, value: Any) -> Iterator[Update]:
        index = field(value, "index")
        yield from self._take(session, lambda: index if isinstance(index, int) else -1)

    def _take(self, session: StudioSession, load: Callable[[], int | None]) -> Iterator[Update]:
        """Load a photo and show its face at once, before anybody's search; then search when it is our turn.

        A value that Gradio has yielded is emptied in the page, even while sliders hold it, once a later yield of the
        same work leaves its component out; so what is told between is the status alone, and the page asks for the face.
        """
        yield {self.status: views.said("Looking for the face…") | {"busy": True}}

        def seen(progress: Progress) -> int | None:
            index = load()
            progress("", 0, 0)  # a newer photo may have come meanwhile
            if index is not None:
                session.see(index)
            return index

        index = session.start(seen, alone=True).result()
        if index is None:
            yield self._all(session, go=True) | {self.status: views.said(views.face_notes(session))}
            return
        yield {self.status: views.said(views.face_notes(session)) | {"busy": True, "face": next(self._number)}}
        job = session.start(partial(session.search, index), line=self.sessions.searches, alone=True)
        yield from self._steps(job, cancelled="Cancelled: the face stays as the encoder alone sees it.")
        said = views.said(views.face_notes(session)) if not job.was_cancelled else {}
        yield self._all(session) | ({self.status: said} if said else {})

    def _new_face(self, session: StudioSession, value: Any) -> Update:
        seed = field(value, "seed")
        session.cancel()
        session.new_face(seed % (1 << 31) if isinstance(seed, int) else 0)
        return self._all(session, go=True) | {self.status: views.said(views.face_notes(session))}

    def _load_code(self, session: StudioSession, value: Any) -> Iterator[Update]:
        data, _ = file(value)
        index = session.scene_or_raise().subject.face_index
        job = session.start(lambda progress: session.load_code(data, index, progress), alone=True)
        job.result()
        yield self._all(session) | {self.status: views.said("The face code was taken.")}

    def _show_face(self, session: StudioSession, value: Any) -> Update:
        return self._all(session, go=True)

    def _steps(self, job: Job[Any], *, film: bool = False, cancelled: str = "") -> Iterator[Update]:
        """What the status tells of work until it has ended; its errors are raised."""
        for step in job.steps():
            yield {self.status: views.working(step) | {"film": film}}
        try:
            job.result()
        except JobCancelledError:
            if not cancelled:
                raise
            yield {self.status: views.said(cancelled)}

    def _all(self, session: StudioSession, *, go: bool = False) -> Update:
        """Everything that depends on the face. go: to the tab where it is moved."""
        film = views.movie(session) if not session.is_stale else {}
        shown: Update = {
            self.stage: views.stage(session, fresh=True) | film,
            self.expression: views.expression(session),
            self.timing: views.timing(session),
            self.plot: views.timing_plot(session),
            self.faces: views.faces(session),
            self.inspector: views.inversion(session),
            self.film: views.film(session),
            self.chip: _chip(session),
            self.choices: [label for label, name in CHOICES.items() if getattr(session.animate, name)],
            self.strength: round(100 * session.strength),
            self.project: self._project(session),
            self.photos: views.photos(session),
        }
        return shown | ({self.tabs: gr.Tabs(selected="expression")} if go else {})

    def _project(self, session: StudioSession) -> Update:
        """Where the page fetches its project, to keep or to save it."""
        if session.scene is None:
            return {}
        if not session.project_token:
            session.project_token = self.sessions.offer(session, partial(save_project, session))
        name = f"{session.stem}.facsmith"
        return {"href": f"download/{session.project_token}", "name": name, "revision": session.revision}

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
                self.chip: _chip(session),
            }
        return {self.stage: UNCHANGED}

    def _measure(self, session: StudioSession, value: Any) -> Update:
        """What the picture that is shown is measured to show, beside each slider."""
        if session.turn != turn(value):
            return {self.status: UNCHANGED}
        return {self.seen: {"measured": session.measured()}}

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
                self.strength: round(100 * session.strength),
                self.chip: _chip(session),
            }

        return posing

    def _strengthen(self, session: StudioSession, value: Any) -> Update:
        session.strength = float(value) / 100
        update = self._pose(StudioSession.strengthen)(session, value)
        return {board: shown for board, shown in update.items() if board is not self.strength}

    # --- film -------------------------------------------------------------------------------------------------------

    def _timed(self, session: StudioSession, value: Any) -> Update:
        session.time(Score.from_json(field(value, "rows")))
        return {self.plot: views.timing_plot(session)}

    def _chosen(self, session: StudioSession, value: Any) -> Update:
        session.choose(**{name: label in value for label, name in CHOICES.items()})
        return {self.plot: views.timing_plot(session)}

    def _load_track(self, session: StudioSession, value: Any) -> Update:
        data, name = file(value)
        session.load_track(data, name=name)
        return {
            self.timing: views.timing(session),
            self.plot: views.timing_plot(session),
            self.chip: _chip(session),
            self.status: views.said(session.remark),
        }

    def _play(self, session: StudioSession, value: Any) -> Iterator[Update]:
        session.scene_or_raise()
        yield {self.status: views.said("Waiting for its turn…") | {"busy": True, "film": True}}
        session.wait()
        yield from self._steps(session.start(session.render, line=self.sessions.films), film=True)
        yield {
            self.stage: views.movie(session),
            self.film: views.film(session),
            self.plot: views.timing_plot(session),
            self.status: views.said("The film plays in a loop; contact sheet and receipt are under Film."),
        }

    def _make(self, session: StudioSession, value: Any) -> Iterator[Update]:
        session.scene_or_raise()
        kind = str(field(value, "kind"))
        yield {self.status: views.said("Waiting for its turn…") | {"busy": True}}
        before = session.rendered
        job = session.start(lambda progress: export(session, kind, progress), line=self.sessions.films)
        yield from self._steps(job)
        yield self._ready(session, self.exports, kind, job.result()) | (
            {} if before is session.rendered else {self.film: views.film(session)}
        ) | {self.plot: views.timing_plot(session)}  # fmt: skip

    def _ready(self, session: StudioSession, board: Board, kind: str, paths: list[Path]) -> Update:
        files = [
            {
                "href": f"download/{self.sessions.offer(session, path)}",
                "name": path.name,
                "size": f"{path.stat().st_size / 1e6:.2f} MB",
            }
            for path in paths
        ]
        return {
            board: {"kind": kind, "files": files, "number": next(self._number)},
            self.status: views.said(f"{paths[0].name} is ready."),
        }

    # --- sets -------------------------------------------------------------------------------------------------------

    def _add_photo(self, session: StudioSession, value: Any) -> Update:
        data, name = file(value)
        add_photo(session, data, name)
        return {self.photos: views.photos(session)}

    def _no_photos(self, session: StudioSession, value: Any) -> Update:
        session.set_photos = {}
        return {self.photos: views.photos(session)}

    def _make_set(
        self, session: StudioSession, value: Any, wanted: list[str], levels: list[str], films: bool
    ) -> Iterator[Update]:
        if not levels:
            raise InputError("Choose at least one level.")
        design = read_design(wanted, ",".join(levels), films=films)
        job = session.start(partial(render_set, session, design), line=self.sessions.films)
        yield from self._steps(job)
        yield self._ready(session, self.made, "set", [job.result()])


def build(sessions: Sessions) -> gr.Blocks:
    """The page, ready to be mounted."""
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(
            '<header class="fs-head"><h1>facsmith studio</h1><p>One photo, a face\'s muscles, one film.</p></header>',
            apply_default_css=False,
        )
        _Page(sessions, page)
        open_door(sessions)

        def leave(request: gr.Request) -> None:
            sessions.leave(visitor(request))
            page.state_holder.session_data.pop(visitor(request), None)  # Gradio keeps what every component showed

        page.unload(leave)
    page.queue(default_concurrency_limit=4, max_size=200)
    return page


def _chip(session: StudioSession) -> Any:
    """The track that drives the film, with its cross."""
    return gr.Button(f"✕ {session.track_name} drives the film", visible=session.track is not None)


def _fixed(handler: Callable[..., Iterator[Update]], inputs: int) -> Callable[..., Iterator[Update]]:
    """Gradio counts a handler's parameters, so that it needs them one by one."""

    def one(a: Any, request: gr.Request, data: gr.EventData) -> Iterator[Update]:
        yield from handler(a, request=request, data=data)

    def three(a: Any, b: Any, c: Any, request: gr.Request, data: gr.EventData) -> Iterator[Update]:
        yield from handler(a, b, c, request=request, data=data)

    return one if inputs == 1 else three


def _sample_pictures(sessions: Sessions) -> dict[str, str]:
    """Small pictures of the samples."""
    return {key: jpeg(thumbnail(sample_photo(sessions.animator, key), 144), quality=82) for key in SAMPLES}
