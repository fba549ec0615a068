"""One browser's work: a photo, its face, the sliders, the film. No web in it, and nothing shared but the networks."""

import re
import shutil
import threading
from collections.abc import Callable, Collection, Generator, Iterable
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final

from facsmith import face, image
from facsmith._types import Image
from facsmith.animator import Animator
from facsmith.encode import encode
from facsmith.errors import InputError, PhotoError, TimelineError
from facsmith.face import Face
from facsmith.facs import EMOTIONS, ActionUnits
from facsmith.film import Animation
from facsmith.latent import Latent
from facsmith.options import AnimateOptions, Progress
from facsmith.plan import plan
from facsmith.receipt.receipt import named
from facsmith.stimuli import Condition
from facsmith.studio.jobs import Job, Line
from facsmith.studio.options import StudioOptions
from facsmith.studio.phases import Score
from facsmith.studio.pose import History, Moment, Pose
from facsmith.studio.preview import Preview
from facsmith.studio.rendered import Rendered, render
from facsmith.studio.samples import SAMPLE_PSI, SAMPLES, sample_photo
from facsmith.subject import Subject
from facsmith.timeline import Timeline
from facsmith.tracks import TrackOptions, read_track

if TYPE_CHECKING:
    from facsmith.studio.edited_film import EditedFilm

__all__ = ["CHOICES", "FAINT", "LONGEST_FILM", "Scene", "StudioSession", "file_stem", "readable", "visible"]

LONGEST_FILM: Final = 120.0
"""Seconds of a track that are taken: a page is no place for hours."""
FAINT: Final = 0.05
"""Intensities below are not named."""
CHOICES: Final = {"Blinks": "blinks", "Loops": "loop", "Neutral first": "neutral_first"}
"""Text that people read -> option of every film that the page offers."""
MOST_FILES: Final = 16
"""Exports of one visitor that lie ready."""


@dataclass(frozen=True, eq=False)
class Scene:
    """The face being worked on; replaced as a whole, so that whoever reads it sees parts that belong together."""

    subject: Subject
    preview: Preview


class StudioSession:
    """All state of one visitor. ``folder``: where its exports lie until ``close``."""

    def __init__(self, animator: Animator, *, folder: Path, options: StudioOptions) -> None:
        self.animator = animator
        self.options = options
        self.folder = folder
        self.origin: dict[str, Any] = {}
        """Where the photo comes from: ``photo``, its bytes; or ``sample``, its key; or the ``seed`` of a new face."""
        self.faces: tuple[Face, ...] = ()
        self.photo: Image | None = None
        self.scene: Scene | None = None
        self.cast: dict[int, tuple[Scene, Moment]] = {}
        """Faces of the photo that were worked on before, or moved with the one that is, and what each shows."""
        self.together: frozenset[int] = frozenset()
        """Faces that move with the one worked on, as they did last, or as it does."""
        self.moment = Moment(Pose(), Score.of())
        """What is shown: the sliders, their seconds, and the emotion that they were set to, while nobody moved them."""
        self.strength = 1.0
        self.track: Timeline | None = None
        self.track_name = ""
        self.animate = options.animate
        self.history = History(self.moment)
        self.rendered: Rendered | None = None
        self.footage: Path | None = None
        """A film that was brought, and what became of it (`edited_film`)."""
        self.footage_name, self.footage_hash, self.footage_seconds = "", "", 0.0
        """Without `footage`: of the film that a project speaks of, which is to be brought again."""
        self.edited: EditedFilm | None = None
        self.set_photos: dict[str, bytes] = {}
        """Photos laid aside for a set, by the beginning of their files' names."""
        self.project_token = ""
        self.remark = ""
        self.turn = 0
        self.revision = 0
        """Grows with everything of a project that is not in the page itself: the face, its code, the track."""
        self._name = "photo"
        self._at: int | None = None  # the photo's face that is worked on
        self._turning = threading.Lock()
        self._jobs: list[Job[Any]] = []
        self._kept: list[Path] = []

    # --- a face -----------------------------------------------------------------------------------------------------

    def load_photo(self, data: bytes, *, name: str) -> int:
        """Read an uploaded file and find its faces. Returns the number of the one that would be taken.

        Raises
        ------
        PhotoError
            The file is too large, no picture, or damaged.
        NoFaceError
            No usable face in it.
        """
        if len(data) > self.options.max_bytes:
            raise PhotoError(
                f"This file has {len(data) / 1e6:.1f} MB; at most {self.options.max_bytes / 1e6:.0f} MB are taken here."
            )
        photo = image.decode(data, name="This file", max_pixels=self.options.max_pixels)
        return self._see(photo, readable(name), {"photo": data})

    def load_sample(self, key: str) -> int | None:
        """A sample photo; None where it is a face of the generator's own, which is ready at once."""
        if key not in SAMPLES:
            raise InputError(f"There is no such sample; choose {', '.join(SAMPLES)}.")
        seed = SAMPLES[key].seed
        if seed is None:
            return self._see(sample_photo(self.animator, key), key, {"sample": key})
        self.new_face(seed)
        return None

    def new_face(self, seed: int, *, psi: float = SAMPLE_PSI) -> None:
        """A face of nobody, from the generator."""
        subject = self.animator.sample(seed, psi=psi)
        self._take(subject.photo, (), subject.name, {"seed": seed})
        self._enter(subject)

    def see(self, index: int) -> None:
        """Show a face of the photo as the encoder alone sees it, in about a second; `search` comes nearer.

        Raises
        ------
        NoFaceError
            No such face.
        PhotoError
            There is no photo.
        """
        options = self._encoding(index)
        if index in self.cast:
            self._leave_for(index)
            self.scene, moment = self.cast.pop(index)
            self.resume(moment)
        elif self.animator.networks.encoder is not None:
            quick = replace(options, inversion=replace(options.inversion, iterations=0))
            self._enter(encode(self._photo(), self.animator.networks, name=self._name, options=quick.encoding))

    def search(self, index: int, progress: Progress, *, latent: Latent | None = None) -> None:
        """Encode a face of the photo by the whole search, or take its latent. Cancelled, what was seen stays."""
        options = self._encoding(index)
        networks, name = self.animator.networks, self._name
        known = self.scene.subject.inversion if self.scene is not None and self._at == index else None
        if latent is None and known is not None and known.iterations[0] >= min(1, options.inversion.iterations):
            return
        subject = encode(self._photo(), networks, name=name, options=options.encoding, latent=latent, progress=progress)
        subject.code.found(progress)
        self._enter(subject)
        self.scene_or_raise().preview.fit(progress)

    def open_face(self, index: int, progress: Progress) -> None:
        """`see`, then `search`."""
        self.see(index)
        self.search(index, progress)

    def _encoding(self, index: int) -> AnimateOptions:
        return replace(self.options.animate, face=index)

    def _photo(self) -> Image:
        if self.photo is None:
            raise PhotoError("There is no photo yet; drop one, or take a sample.")
        return self.photo

    def load_code(self, data: bytes, index: int, progress: Progress) -> None:
        """Take a face's code (latent), of `facsmith invert` or saved here, in place of the search's."""
        with self.scratch("latent.safetensors") as path:
            path.write_bytes(data)
            latent = Latent.load(path)
        self.search(index, progress, latent=latent)

    # --- sliders ----------------------------------------------------------------------------------------------------

    @property
    def pose(self) -> Pose:
        """What the sliders show."""
        return self.moment.pose

    @property
    def score(self) -> Score:
        """The seconds of every AU."""
        return self.moment.score

    def is_newest(self, turn: int) -> bool:
        """Whether the page's slider movement number ``turn`` is no older than what is shown; then it is the newest."""
        with self._turning:
            newest = turn >= self.turn
            self.turn = max(self.turn, turn)
        return newest

    def move(self, pose: Pose) -> None:
        """Show a pose on the way; `settle` makes it one that undo returns to."""
        self.moment = replace(self.moment, pose=pose)

    def settle(self, pose: Pose, *, feeling: str | None = None) -> None:
        """Show a pose and remember it; an imported track gives way to it.

        Parameters
        ----------
        feeling
            The name of the emotion that it is.
        """
        if self.track is not None:
            self.unload_track()
        self.moment, self.remark = replace(self.moment, pose=pose, emotion=feeling), ""
        self.history.settle(self.moment)

    def resume(self, moment: Moment) -> None:
        """Show what the face showed when it was left, with nothing to undo."""
        self.moment, self.history = moment, History(moment)
        self.is_newest(self.turn + 1)
        self.revision += 1

    def time(self, score: Score) -> None:
        """Take the seconds of the page's table."""
        self.moment = replace(self.moment, score=score)
        self.history.settle(self.moment)

    def go(self, steps: int) -> None:
        """Undo (below 0) or redo: sliders, their links and seconds as they were."""
        self.moment = self.history.go(steps)

    def neutral(self) -> None:
        """All AUs at rest."""
        self.settle(self.pose.show(ActionUnits()))

    def as_in_photo(self) -> None:
        """What the photo shows."""
        self.settle(Pose(self.scene_or_raise().subject.photo_aus, self.pose.split))

    def emotion(self, name: str) -> None:
        """A prototype's AUs as strong as ``strength``, with the emotion's own timing."""
        self.moment = replace(self.moment, score=Score.natural(name))
        self.settle(self._felt(name), feeling=name)

    def gesture(self, name: str) -> None:
        """What eyes do (`pose.GESTURES`), with the rest of the expression."""
        self.settle(self.pose.with_gesture(name))

    def strengthen(self, strength: float) -> None:
        """Show the emotion that is shown, and those after it, as strong as that; one step with what set it."""
        self.strength = strength
        if self.moment.emotion is not None:
            self.moment = replace(self.moment, pose=self._felt(self.moment.emotion))
            self.history.settle(self.moment, in_place=True)

    def _felt(self, name: str) -> Pose:
        whole = EMOTIONS[name].action_units
        sides = ({au: self.strength * e for au, e in side.items()} for side in (whole.left, whole.right))
        left, right = sides
        return Pose(ActionUnits(left=left, right=right))

    def preview(self) -> Image:
        """The face's close-up with the sliders' expression, (H, W, 3) uint8."""
        return self.scene_or_raise().preview.show(self.pose.action_units)

    def measured(self) -> dict[str, float]:
        """``{"AU12": 0.6}`` as measured on the close-up with the sliders' expression; nothing where no face is seen."""
        shown = self.animator.edit(
            self.scene_or_raise().preview.subject, self.pose.action_units, options=self.options.animate
        )
        return dict(shown.receipt.keyframes[0].measured or {})

    # --- film -------------------------------------------------------------------------------------------------------

    @property
    def stem(self) -> str:
        """The photo's name as the beginning of file names, for downloads."""
        return file_stem(self._name)

    @property
    def condition(self) -> str:
        """What is shown, for file names: ``happiness-060``, ``AU06-060_AU12-100``, or the track's name."""
        if self.track is not None:
            return file_stem(self.track_name)
        if self.moment.emotion is not None:
            return self.moment.emotion + ("" if self.strength > 0.995 else f"-{round(100 * self.strength):03d}")
        shown = [
            (code.rstrip("0123456789"), int(code.lstrip("AULR")), e) for code, e in visible(self.pose.action_units)
        ]
        return Condition(tuple(shown)).name[:80].rstrip("_-")

    @property
    def timeline(self) -> Timeline:
        """The film's: from the photo to the pose and back, or the imported track, with what `choose` added."""
        return self._plan(self.scene_or_raise().subject, self.moment)

    def _plan(self, subject: Subject, moment: Moment) -> Timeline:
        source = subject.photo_aus
        own = self.track or moment.score.timeline(source, moment.pose.action_units)
        if self.animate.blinks:  # at least once, however short the film
            own = own.blinking(seed=self.animate.inversion.seed, every=min(4.0, 0.6 * own.duration))
        return plan(own, source, self.animate)

    def choose(self, chosen: Collection[str] = ()) -> None:
        """What every film gets: blinks, an end that is the beginning, a rest between the photo and the expression."""
        self.animate = replace(self.options.animate, **{name: name in chosen for name in CHOICES.values()})

    @property
    def chosen(self) -> list[str]:
        """Which of ``CHOICES`` every film gets."""
        return [name for name in CHOICES.values() if getattr(self.animate, name)]

    def load_track(self, data: bytes, *, name: str) -> None:
        """Drive the film by a recorded track, CSV or YAML by the name's ending, until a slider is moved.

        Raises
        ------
        TimelineError
            No track, a damaged one, or a timeline longer than ``LONGEST_FILM`` seconds.
        """
        self.scene_or_raise()
        suffix = Path(name).suffix.lower()
        with self.scratch("track.yaml" if suffix in (".yaml", ".yml") else "track.csv") as path:
            path.write_bytes(data)
            track = read_track(path, options=TrackOptions(fps=self.animate.fps, seconds=LONGEST_FILM))
        if track.duration > LONGEST_FILM:
            raise TimelineError(f"This timeline lasts {track.duration:.0f} s; at most {LONGEST_FILM:.0f} s play here.")
        self.track, self.track_name = track, readable(name)
        self.revision += 1
        self.remark = " ".join([f"{self.track_name} drives the film for {track.duration:.1f} s.", *track.notes])

    def unload_track(self) -> None:
        """The sliders move the face again."""
        self.track, self.remark = None, ""
        self.revision += 1

    def film(self) -> Animation:
        """The film of the face that is worked on, in the whole photo."""
        return self._film(self.scene_or_raise().subject, self.moment)

    def _film(self, subject: Subject, moment: Moment) -> Animation:
        plain = replace(self.animate, **dict.fromkeys(CHOICES.values(), False))  # the timeline has them already
        return self.animator.animate(subject, self._plan(subject, moment), options=plain)

    def parts(self, progress: Progress) -> list[tuple[Subject, Moment]]:
        """The face that is worked on, then those that move with it; one that nobody moved yet does as it does."""
        self._search_others(progress)
        here = self.moment
        parts = [(self.scene_or_raise().subject, here)]
        for index in sorted(self.together & self.cast.keys() - {self._at}):
            scene, moment = self.cast[index]
            own = moment.pose.action_units != scene.subject.photo_aus
            parts.append((scene.subject, moment if own else here))
        return parts

    def _search_others(self, progress: Progress) -> None:
        """Encode those that move with the face worked on and were never opened; they are kept as nobody moved them."""
        networks, name = self.animator.networks, self._name
        while unknown := sorted(self.together - self.cast.keys() - {self._at}):
            photo, index = self._photo(), unknown[0]
            options = self._encoding(index)
            subject = encode(photo, networks, name=name, options=options.encoding, progress=progress)
            scene = Scene(subject, Preview(networks, subject, options))
            scene.preview.fit(progress)
            if self.photo is photo and self._at != index:  # neither may hold any more after a long search
                self.cast.setdefault(index, (scene, Moment(Pose(subject.photo_aus), Score.of())))

    @property
    def asked(self) -> object:
        """What a film made now would show; equal as long as it would be the same film."""
        others = tuple((index, self.cast.get(index)) for index in sorted(self.together - {self._at}))
        return self.scene, self.pose, self.score, id(self.track), self.animate, others

    @property
    def is_stale(self) -> bool:
        """Whether the last film is not of what is asked now."""
        return self.rendered is not None and self.rendered.asked != self.asked

    def render(self, progress: Progress) -> Rendered:
        """The film of what is asked now: rendered and measured once, and the one before it forgotten."""
        if self.rendered is None or self.is_stale:
            folder = Path(mkdtemp(dir=self.folder))
            try:
                self._search_others(progress)
                asked = self.asked  # with the faces just found, and before anything is taken from the sliders
                films = [self._film(*part) for part in self.parts(progress)]
                rendered = render(films, folder, progress, asked=asked)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._forget_film()
            self.rendered = rendered
        return self.rendered

    def _forget_film(self) -> None:
        if self.rendered is not None:
            shutil.rmtree(self.rendered.master.parent, ignore_errors=True)
            self.rendered = None

    def keep(self, name: str) -> Path:
        """Where an export lies; beyond ``MOST_FILES`` the oldest goes."""
        path = self.place(name)
        self._kept.append(path.parent)
        while len(self._kept) > MOST_FILES:
            shutil.rmtree(self._kept.pop(0), ignore_errors=True)
        return path

    # --- jobs and the end -------------------------------------------------------------------------------------------

    def start(self, work: Callable[[Progress], Any], *, line: Line | None = None, alone: bool = False) -> Job[Any]:
        """Begin long work.

        Parameters
        ----------
        line
            Where it waits for its turn.
        alone
            Call off what was begun before.
        """
        if alone:
            self.cancel()
        job = Job(work if line is None else line.wait(work))
        self._jobs = [*(known for known in self._jobs if not known.done()), job]
        return job

    @property
    def job(self) -> Job[Any] | None:
        """The work begun last, while it goes on."""
        going = [job for job in self._jobs if not job.done()]
        return going[-1] if going else None

    def wait(self) -> None:
        """Until the work that is going on has ended: a film is of the face as the whole search sees it."""
        wait(self._jobs)

    @property
    def busy(self) -> bool:
        """Whether work is going on."""
        return self.job is not None

    def cancel(self) -> None:
        """Call off the work that is going on, and what still waits for its turn."""
        for job in self._jobs:
            job.cancel()

    def close(self) -> None:
        """Forget photo and face, delete every file."""
        self.cancel()
        self.photo, self.scene, self.rendered, self.edited, self.faces, self.cast = None, None, None, None, (), {}
        self.origin, self.set_photos = {}, {}
        shutil.rmtree(self.folder, ignore_errors=True)

    # ----------------------------------------------------------------------------------------------------------------

    def _see(self, photo: Image, name: str, origin: dict[str, Any]) -> int:
        faces = self.animator.networks.faces.find(photo, provider=self.options.animate.provider)
        place = face.choose(faces).place
        self._take(photo, tuple(faces), name, origin)
        return place

    def move_together(self, indices: Iterable[int]) -> None:
        """Which faces of the photo move with the one that is worked on."""
        self.together = frozenset(range(len(self.faces))) & frozenset(indices)
        self.revision += 1

    def _take(self, photo: Image, faces: tuple[Face, ...], name: str, origin: dict[str, Any]) -> None:
        self.photo, self.faces, self._name, self.origin = photo, faces, name, origin
        self.cast, self.together, self._at = {}, frozenset(), None

    def _enter(self, subject: Subject) -> None:
        """Take a subject; sliders that nobody has touched show its own expression, others stay, whoever it is."""
        self._leave_for(subject.face_index)
        touched = self.scene is not None and self.pose.action_units != self.scene.subject.photo_aus
        self.scene = Scene(subject, Preview(self.animator.networks, subject, self.options.animate))
        self._forget_film()
        self.revision += 1
        if not touched:
            self.is_newest(self.turn + 1)
            self.moment = Moment(Pose(subject.photo_aus, self.pose.split), self.score)
            self.history = History(self.moment)

    def _leave_for(self, index: int) -> None:
        """Keep what the face shows that was worked on, when it is another one of the same photo."""
        if self._at not in (None, index) and self.scene is not None:
            self.cast[self._at] = self.scene, self.history.present
        self._at = index

    def scene_or_raise(self) -> Scene:
        """The face being worked on.

        Raises
        ------
        PhotoError
            There is none yet.
        """
        if self.scene is None:
            raise PhotoError("There is no face yet; drop a photo, or take a sample.")
        return self.scene

    def place(self, name: str) -> Path:
        """A path of our own making in this session's folder."""
        return Path(mkdtemp(dir=self.folder)) / name

    @contextmanager
    def scratch(self, name: str) -> Generator[Path]:
        """A place for a file that is gone afterwards."""
        path = self.place(name)
        try:
            yield path
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)


def visible(action_units: ActionUnits) -> list[tuple[str, float]]:
    """``[("AU12", 0.6)]`` without the faint ones."""
    return [(code, e) for code, e in named(action_units).items() if e >= FAINT]


def readable(name: str) -> str:
    """A client's file name as a label: no folders, nothing unusual, 60 characters at most."""
    plain = re.sub(r"[^\w .()-]", "", re.split(r"[\\/]", name)[-1]).strip(" .")
    return plain[-60:] or "photo"


def file_stem(name: str) -> str:
    """The beginning of the names of files that are made of a file so called."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(name).stem).strip("-") or "face"
