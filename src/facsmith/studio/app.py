"""The page's wires, and nothing else: what happens is in `session`, what is shown in `views`, where in `layout`."""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

import gradio as gr

from facsmith._json import is_record
from facsmith.errors import FacsmithError, InputError
from facsmith.footage import FilmChange, FilmOptions
from facsmith.options import Progress
from facsmith.receipt.receipt import receipt_path
from facsmith.studio import views
from facsmith.studio.boards import Board, on
from facsmith.studio.door import open_door
from facsmith.studio.edited_film import edit_film, take_film
from facsmith.studio.exports import export
from facsmith.studio.jobs import Job, JobCancelledError, Line
from facsmith.studio.layout import PageLayout
from facsmith.studio.messages import field, file, sent, turn, visitor
from facsmith.studio.phases import Score
from facsmith.studio.pose import Pose
from facsmith.studio.project import ENDING, open_project, restore_page, save_project
from facsmith.studio.session import CHOICES, StudioSession
from facsmith.studio.sessions import Sessions
from facsmith.studio.sets import add_photo, read_design, render_set
from facsmith.video import FILM_SUFFIXES

__all__ = ["TITLE", "build"]

TITLE = "facsmith studio"
QUICK = {"concurrency_id": "quick", "concurrency_limit": 4}
LONG = {"concurrency_id": "long", "concurrency_limit": None, "trigger_mode": "multiple"}
"""Long work waits in lines of `sessions`, which tell each visitor the place; nothing keeps a slider waiting."""
NEWEST = {"trigger_mode": "always_last", **QUICK}
MEASURE = {"trigger_mode": "always_last", "concurrency_id": "measure", "concurrency_limit": 1}
MOVES = """(kept) => {
  try { return {...kept, ...JSON.parse(localStorage.getItem("facsmith-moves") || "{}")}; } catch { return kept; }
}"""
"""What the browser remembers by itself of every move (memory.js), beside what the server told it to keep."""
Update = dict[Any, Any]
Act = Callable[[StudioSession, Any], Update | None]
_gradio: Any = gr  # typed in part
UNCHANGED: Any = _gradio.skip()


class _Page(PageLayout):
    """One set of components, wired to the sessions."""

    def __init__(self, sessions: Sessions, page: Any) -> None:
        super().__init__(sessions)
        self._number = count(1)
        self.views: dict[Any, Callable[[StudioSession], Any]] = {
            self.stage: views.stage,
            self.expression: views.expression,
            self.timing: views.timing,
            self.plot: views.timing_plot,
            self.strength: lambda session: round(100 * session.strength),
            self.chip: _chip,
            self.choices: lambda session: [label for label, name in CHOICES.items() if name in session.chosen],
            self.film: views.film,
            self.faces: views.faces,
            self.together: _together,
            self.inspector: views.inversion,
            self.project: self._project,
            self.photos: views.photos,
            self.edited: views.edited,
        }
        """What each part of the page shows of a session."""
        self._wire(page)

    # --- wires ------------------------------------------------------------------------------------------------------

    def _wire(self, page: Any) -> None:
        do, work = self._on, self._later
        face = [*self.views, self.tabs]
        back = page.load(
            self._back, [self.kept], [*face, self.kept, self.status], js=MOVES, show_progress="hidden",
            api_visibility="private", **QUICK,
        )  # fmt: skip
        work(back.then, self._follow, face)
        work(on(self.project, "kept"), self._take_kept, [*face, self.kept], [self.kept])
        do(on(self.project, "again"), self._again, face)
        do(on(self.project, "forget"), self._forget, [self.kept])

        for board in (self.photo, self.project, self.track, self.footage, self.latent):
            work(on(board, "file"), self._load_file, face)
        work(on(self.photo, "sample"), self._load_sample, face)
        do(on(self.photo, "face"), self._new_face, face)
        work(on(self.faces, "choose"), self._choose, face)
        do(self.together.input, StudioSession.move_together, [self.plot, self.project], self.together)
        do(on(self.status, "face"), lambda session, value: self._all(session, go=True), face)
        do(on(self.status, "cancel"), self._cancel, [])

        do(on(self.expression, "move"), self._move, [self.stage], self.expression, **NEWEST)
        settled = [self.timing, self.stage, self.plot, self.chip]
        self._posed(do(on(self.expression, "settle"), self._settle, settled, self.expression, **NEWEST))
        posed = [*settled, self.expression, self.strength]
        for button, act in (
            (self.neutral, StudioSession.neutral),
            (self.own, StudioSession.as_in_photo),
            (self.undo, partial(StudioSession.go, steps=-1)),
            (self.redo, partial(StudioSession.go, steps=1)),
            (self.chip, StudioSession.unload_track),
            *((button, partial(StudioSession.emotion, name=name)) for name, button in self.emotions.items()),
            *((button, partial(StudioSession.gesture, name=name)) for name, button in self.gestures.items()),
        ):
            self._posed(do(button.click, partial(_pose, act), posed))
        self._posed(do(self.strength.input, _strengthen, posed[:-1], self.strength, **NEWEST))
        do(on(self.timing, "timed"), _time, [self.plot], self.timing, **NEWEST)
        do(self.choices.input, _choose_extras, [self.plot], self.choices, **NEWEST)
        work(self.play.click, self._play, [self.stage, self.film, self.plot])
        work(on(self.exports, "make"), self._make, [self.exports, self.film, self.plot])

        changes = [self.relative, self.gain, self.absolute, self.person, self.begin, self.end, self.rest]
        work(self.try_edit.click, self._edit, [self.stage, self.edited], changes)
        work(on(self.edits, "make"), self._edit, [self.stage, self.edited, self.edits], changes)

        do(on(self.more, "file"), _add_photo, [self.photos], trigger_mode="multiple")
        do(self.none.click, lambda session, value: session.set_photos.clear(), [self.photos])
        work(on(self.made, "make"), self._make_set, [self.made], [self.wanted, self.levels, self.films])

    def _posed(self, event: Any) -> None:
        """What follows a pose that the server knows: it is measured."""
        self._on(event.then, self._measure, [self.seen], self.expression, **MEASURE)

    def _on(self, event: Any, act: Act, outputs: Sequence[Any], value_of: Any = None, **how: Any) -> Any:
        """Wire an event that is answered at once.

        Gradio sends what was yielded last a second time when the work has ended, over what others said meanwhile: so
        this returns, and does not yield.

        Parameters
        ----------
        act
            Given the session and the value of a component, or else what came with the event. It returns the update, or
            None where the outputs show the session as it is then.
        """

        def acted(session: StudioSession, value: Any) -> Update:
            update = act(session, value)
            return self._show(session, *outputs) if update is None else update

        def answer(given: dict[Any, Any], request: gr.Request, data: gr.EventData) -> Update:
            value = sent(data) if value_of is None else given[value_of]
            return next(self._answers(request, outputs, value, lambda session: iter([acted(session, value)])))

        return self._listen(event, answer, outputs, [] if value_of is None else [value_of], {**QUICK, **how})

    def _later(
        self, event: Any, act: Callable[..., Iterator[Update]], outputs: Sequence[Any], inputs: Sequence[Any] = ()
    ) -> None:
        """Wire an event to long work. act: given the session, the event's data, and the inputs' values in one list."""

        def told(given: dict[Any, Any], request: gr.Request, data: gr.EventData) -> Iterator[Update]:
            value, values = sent(data), [[given[part] for part in inputs]] if inputs else []
            yield from self._answers(request, outputs, value, lambda session: act(session, value, *values))

        self._listen(event, told, outputs, inputs, LONG)

    def _listen(self, event: Any, hear: Any, outputs: Sequence[Any], inputs: Sequence[Any], how: dict[str, Any]) -> Any:
        outputs = list(dict.fromkeys([*outputs, self.status]))
        return event(hear, {*inputs}, outputs, show_progress="hidden", api_visibility="private", **how)

    def _answers(
        self,
        request: gr.Request,
        outputs: Sequence[Any],
        value: Any,
        act: Callable[[StudioSession], Iterator[Update]],
    ) -> Iterator[Update]:
        """What an act has to show; what went wrong is said in the status."""
        if not self.sessions.is_known(visitor(request)):
            yield {self.status: {"reload": True}}
            return
        session = self.sessions.get(visitor(request))
        board = next((b for b in (self.exports, self.edits, self.made) if b in outputs), None)
        # Buttons of files that did not come are free again.
        free: Update = {} if board is None else {board: {"kind": _kind(value), "number": next(self._number)}}
        try:
            yield from act(session)
        except JobCancelledError:
            # Something newer may have taken its place, and speak.
            yield free | {self.status: UNCHANGED if session.busy else views.said("Cancelled.")}
        except Exception as error:
            if not isinstance(error, FacsmithError):
                logging.getLogger(__name__).exception("in the studio")
            yield free | {self.status: views.failed(error)}

    def _show(self, session: StudioSession, *boards: Any) -> Update:
        """What these parts of the page show."""
        return {board: self.views[board](session) for board in boards}

    def _all(self, session: StudioSession, *, go: bool = False) -> Update:
        """Everything that depends on the face. go: to the tab where it is moved."""
        film = views.movie(session) if not session.is_stale else {}
        shown = self._show(session, *self.views) | {self.stage: views.stage(session, fresh=True) | film}
        return shown | ({self.tabs: gr.Tabs(selected="expression")} if go else {})

    # --- coming back ------------------------------------------------------------------------------------------------

    def _back(self, kept: Any, request: gr.Request) -> Update:
        """A page was opened, or loaded anew: it finds its work again, here or in its own browser."""
        memory = cast("dict[str, Any]", kept if isinstance(kept, dict) else {})
        token, session = self.sessions.claim(visitor(request), memory.get("token"))
        known = {self.kept: {**memory, "token": token}, self.status: UNCHANGED}
        if session.scene is not None:
            return known | self._restored(session, memory)
        if session.footage is not None:
            return known | self._show(session, self.edited)
        return known | ({self.project: {"want": True}} if memory.get("token") == token else {})

    def _restored(self, session: StudioSession, kept: Any) -> Update:
        try:
            restore_page(session, kept)
        except FacsmithError as error:
            return self._all(session, go=True) | {self.status: views.failed(error)}
        return self._all(session, go=True) | {self.status: views.said("Everything is as you left it.")}

    def _follow(self, session: StudioSession, value: Any) -> Iterator[Update]:
        """Work that went on while the page was away."""
        job = session.job
        if job is None:
            yield {self.status: UNCHANGED}
        else:
            yield from self._steps(job)
            job.result()
            yield self._all(session)

    def _take_kept(self, session: StudioSession, value: Any, kept: list[Any]) -> Iterator[Update]:
        if "data" in value and session.scene is None:
            yield from self._run(session, partial(open_project, session, file(value)[0]), self.sessions.searches)
            yield self._restored(session, kept[0]) | {self.kept: kept[0]}
        else:
            yield {self.kept: {"token": kept[0].get("token")}, self.status: UNCHANGED}

    def _open_project(self, session: StudioSession, data: bytes, name: str) -> Iterator[Update]:
        yield from self._run(session, partial(open_project, session, data), self.sessions.searches, alone=True)
        yield self._all(session, go=True) | {self.status: views.said(f"{name} is open.")}

    def _again(self, session: StudioSession, value: Any) -> Update:
        """Another tab of the same browser may have moved on."""
        return self._all(session) if session.turn != value.get("turn") else {self.status: UNCHANGED}

    def _forget(self, session: StudioSession, value: Any) -> Update:
        """End the session; the page begins anew."""
        self.sessions.forget(session)
        return {self.kept: {}, self.status: {"reload": True}}

    def _project(self, session: StudioSession) -> Update:
        """Where the page fetches its project, to keep or to save it."""
        if session.scene is None:
            return {}
        if not session.project_token:
            session.project_token = self.sessions.offer(session, partial(save_project, session))
        name = f"{session.stem}.facsmith"
        return {"href": f"download/{session.project_token}", "name": name, "revision": session.revision}

    # --- a face -----------------------------------------------------------------------------------------------------

    def _load_file(self, session: StudioSession, value: Any) -> Iterator[Update]:
        """Whatever was chosen or dropped, told apart by its name."""
        data, name = file(value)
        takers = {
            **dict.fromkeys((".csv", ".yaml", ".yml"), self._load_track),
            **dict.fromkeys(FILM_SUFFIXES, self._take_film),
            ENDING: self._open_project,
            ".safetensors": self._load_code,
        }
        yield from takers.get(Path(name).suffix.lower(), self._load_photo)(session, data, name)

    def _load_photo(self, session: StudioSession, data: bytes, name: str) -> Iterator[Update]:
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
        yield from self._steps(job)
        try:
            job.result()
            said = {self.status: views.said(views.face_notes(session))}
        except JobCancelledError:  # told on its own: what is yielded last is sent twice, and something newer may speak
            yield {self.status: views.said("Cancelled: the face stays as the encoder alone sees it.")}
            said = {}
        yield self._all(session) | said

    def _new_face(self, session: StudioSession, value: Any) -> Update:
        seed = field(value, "seed")
        session.cancel()
        session.new_face(seed % (1 << 31) if isinstance(seed, int) else 0)
        return self._all(session, go=True) | {self.status: views.said(views.face_notes(session))}

    def _load_code(self, session: StudioSession, data: bytes, name: str) -> Iterator[Update]:
        index = session.scene_or_raise().subject.face_index
        session.start(partial(session.load_code, data, index), alone=True).result()
        yield self._all(session) | {self.status: views.said("The face code was taken.")}

    def _run(
        self, session: StudioSession, work: Callable[[Progress], Any], line: Line, *, film: bool = False, **how: bool
    ) -> Generator[Update, None, Any]:
        """Do long work in its turn: what the status tells of it, and at last its result."""
        yield {self.status: views.said("Waiting for its turn…") | {"busy": True, "film": film}}
        job = session.start(work, line=line, **how)
        yield from self._steps(job, film=film)
        return job.result()

    def _steps(self, job: Job[Any], *, film: bool = False) -> Iterator[Update]:
        for step in job.steps():
            yield {self.status: views.working(step) | {"film": film}}

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

    def _settle(self, session: StudioSession, value: Any) -> Update | None:
        pose = Pose.from_json(value)
        session.scene_or_raise()
        if not session.is_newest(turn(value)):
            return {self.stage: UNCHANGED}
        session.settle(pose)
        return None

    def _measure(self, session: StudioSession, value: Any) -> Update:
        """What the picture that is shown is measured to show, beside each slider."""
        if session.turn != turn(value):
            return {self.status: UNCHANGED}
        return {self.seen: {"measured": session.measured()}}

    # --- film -------------------------------------------------------------------------------------------------------

    def _load_track(self, session: StudioSession, data: bytes, name: str) -> Iterator[Update]:
        session.load_track(data, name=name)
        yield self._show(session, self.timing, self.plot, self.chip) | {self.status: views.said(session.remark)}

    def _play(self, session: StudioSession, value: Any) -> Iterator[Update]:
        session.scene_or_raise()
        yield {self.status: views.said("Waiting for its turn…") | {"busy": True, "film": True}}
        session.wait()
        yield from self._run(session, session.render, self.sessions.films, film=True)
        yield self._show(session, self.film, self.plot) | {
            self.stage: views.movie(session),
            self.status: views.said("The film plays in a loop; contact sheet and receipt are under Film."),
        }

    def _make(self, session: StudioSession, value: Any) -> Iterator[Update]:
        session.scene_or_raise()
        kind, before = _kind(value), session.rendered
        files = yield from self._run(session, partial(export, session, kind), self.sessions.films)
        shown = self._show(session, self.plot, *([] if before is session.rendered else [self.film]))
        yield self._ready(session, self.exports, kind, files) | shown

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

    # --- a film that was brought ------------------------------------------------------------------------------------

    def _take_film(self, session: StudioSession, data: bytes, name: str) -> Iterator[Update]:
        said = views.said(take_film(session, data, name))
        yield self._show(session, self.edited, self.project) | {self.tabs: gr.Tabs(selected="edit"), self.status: said}

    def _edit(self, session: StudioSession, value: Any, changes: list[Any]) -> Iterator[Update]:
        """Change the film, and show it; with what the event asks for to take home."""
        relative, gain, absolute, person, begin, end, rest = changes
        said = {"relative": relative or None, "gain": gain or None, "absolute": absolute or None}
        change = FilmChange.read(**said, begin=begin or 0.0, end=end or None)
        provider = self.sessions.options.animate.provider
        options = FilmOptions(face=int(person or 1) - 1, neutral=rest or None, provider=provider)
        film = yield from self._run(session, partial(edit_film, session, change, options), self.sessions.films)
        shown = self._show(session, self.edited) | {
            self.stage: {"pair": f"download/{self.sessions.offer(session, film.pair)}"},
            self.status: views.said("Before on the left, after on the right."),
        }
        files = {"edited": [film.file, receipt_path(film.file)], "pair": [film.pair]}.get(_kind(value))
        yield shown | ({} if files is None else self._ready(session, self.edits, _kind(value), files))

    # --- sets -------------------------------------------------------------------------------------------------------

    def _make_set(self, session: StudioSession, value: Any, design: list[Any]) -> Iterator[Update]:
        wanted, levels, films = design
        if not levels:
            raise InputError("Choose at least one level.")
        battery = read_design(wanted, ",".join(levels), films=films)
        path = yield from self._run(session, partial(render_set, session, battery), self.sessions.films)
        yield self._ready(session, self.made, "set", [path])


def build(sessions: Sessions) -> gr.Blocks:
    """The page, ready to be mounted."""
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        _Page(sessions, page)
        open_door(sessions)

        def leave(request: gr.Request) -> None:
            sessions.leave(visitor(request))
            page.state_holder.session_data.pop(visitor(request), None)  # Gradio keeps what every component showed

        page.unload(leave)
    page.queue(default_concurrency_limit=4, max_size=200)
    return page


def _pose(act: Callable[[StudioSession], None], session: StudioSession, value: Any) -> None:
    session.scene_or_raise()
    session.is_newest(session.turn + 1)  # sliders still on their way come too late
    act(session)


def _strengthen(session: StudioSession, value: Any) -> None:
    _pose(partial(StudioSession.strengthen, strength=value / 100), session, value)


def _time(session: StudioSession, value: Any) -> None:
    session.time(Score.from_json(field(value, "rows")))


def _choose_extras(session: StudioSession, value: Any) -> None:
    session.choose([CHOICES[label] for label in value])


def _add_photo(session: StudioSession, value: Any) -> None:
    add_photo(session, *file(value))


def _kind(value: Any) -> str:
    """The file that is asked for."""
    return str(value.get("kind")) if is_record(value) else ""


def _chip(session: StudioSession) -> Any:
    """The track that drives the film, with its cross."""
    return gr.Button(f"✕ {session.track_name} drives the film", visible=session.track is not None)


def _together(session: StudioSession) -> Any:
    """The other faces of the photo, to move in films and pictures, too."""
    here = session.scene.subject.face_index if session.scene is not None else -1
    others = [(f"Face {index + 1}", index) for index in range(len(session.faces)) if index != here]
    chosen = sorted(session.together - {here})
    return _gradio.CheckboxGroup(choices=others, value=chosen, visible=bool(others))
