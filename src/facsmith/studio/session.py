"""One browser's work: a photo, its face, the sliders, the film. No web in it, and nothing shared but the networks."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facsmith import face, image
from facsmith.animator import Animator
from facsmith.encode import encode
from facsmith.errors import InputError, PhotoError, TimelineError
from facsmith.face import Face
from facsmith.facs import EMOTIONS, ActionUnits
from facsmith.film import Animation
from facsmith.latent import Latent
from facsmith.options import Progress
from facsmith.plan import plan
from facsmith.receipt import Receipt
from facsmith.studio.jobs import Job, JobCancelledError
from facsmith.studio.options import StudioOptions
from facsmith.studio.phases import Score
from facsmith.studio.pose import History, Pose
from facsmith.studio.preview import Preview
from facsmith.studio.samples import SAMPLE_PSI, SAMPLES, sample_photo
from facsmith.subject import Subject
from facsmith.timeline import Timeline
from facsmith.tracks import TrackOptions, read_track

__all__ = ["Played", "Scene", "StudioSession"]

Image = npt.NDArray[np.uint8]

LONGEST_FILM: Final = 120.0
"""Seconds of a track that are taken: a page is no place for hours."""


@dataclass(frozen=True, eq=False)
class Scene:
    """The face being worked on; replaced as a whole, so that whoever reads it sees parts that belong together."""

    subject: Subject
    preview: Preview


@dataclass(frozen=True, eq=False)
class Played:
    """A film for the page. movie: an MP4 file's bytes."""

    movie: bytes
    sheet: Image
    receipt: Receipt


class StudioSession:
    """All state of one visitor. ``folder``: where its exports lie until ``close``."""

    def __init__(self, animator: Animator, *, folder: Path, options: StudioOptions) -> None:
        self.animator = animator
        self.options = options
        self.folder = folder
        self.faces: tuple[Face, ...] = ()
        self.photo: Image | None = None
        self.scene: Scene | None = None
        self.pose = Pose()
        self.score = Score.of()
        self.track: Timeline | None = None
        self.animate = options.animate
        self.history = History(self.pose)
        self.played: Played | None = None
        self._name = "photo"
        self.remark = ""
        self.turn = 0
        self._turning = threading.Lock()
        self._job: Job[Any] | None = None
        self._called_off = -1.0

    # --- a face -----------------------------------------------------------------------------------------------------

    def load_photo(self, data: bytes, *, name: str) -> int:
        """Read an uploaded file and find its faces. Returns the number of the one that would be taken.

        Raises:
            PhotoError: too large, no picture, damaged. NoFaceError: no usable face in it.
        """
        if len(data) > self.options.max_bytes:
            raise PhotoError(
                f"This file has {len(data) / 1e6:.1f} MB; at most {self.options.max_bytes / 1e6:.0f} MB are taken here."
            )
        return self._see(image.decode(data, name="This file", max_pixels=self.options.max_pixels), readable(name))

    def load_sample(self, key: str) -> int | None:
        """A sample photo; None where it is a face of the generator's own, which is ready at once."""
        if key not in SAMPLES:
            raise InputError(f"There is no such sample; choose {', '.join(SAMPLES)}.")
        seed = SAMPLES[key].seed
        if seed is None:
            return self._see(sample_photo(self.animator, key), key)
        self.new_face(seed)
        return None

    def new_face(self, seed: int, *, psi: float = SAMPLE_PSI) -> None:
        """A face of nobody, from the generator."""
        subject = self.animator.sample(seed, psi=psi)
        self.photo, self.faces, self._name = subject.photo, (), subject.name
        self._enter(subject)

    def open_face(self, index: int, progress: Progress, *, latent: Latent | None = None) -> None:
        """Encode a face of the photo: at once by the encoder alone, so that work can begin, then by the whole search.

        Cancelled on the way, the encoder's answer stays.
        """
        photo = self.photo
        if photo is None:
            raise PhotoError("There is no photo yet; drop one, or take a sample.")
        options = replace(self.options.animate, face=index)
        quick = replace(options, inversion=replace(options.inversion, iterations=0))
        networks, name = self.animator.networks, self._name
        steps = options.inversion.iterations
        if latent is None and steps and networks.encoder is not None:
            progress("inversion", 0, steps)
            self._enter(encode(photo, networks, name=name, options=quick.encoding))
        self._enter(encode(photo, networks, name=name, options=options.encoding, latent=latent, progress=progress))
        self.scene_or_raise().preview.fit(progress)

    def load_latent(self, data: bytes, progress: Progress) -> None:
        """Take a latent of `facsmith invert` for the face that is shown, in place of the search's."""
        scene = self.scene_or_raise()
        path = self.place("latent.safetensors")
        path.write_bytes(data)
        try:
            latent = Latent.load(path)
        finally:
            path.unlink()
        self.open_face(scene.subject.face_index, progress, latent=latent)

    # --- sliders ----------------------------------------------------------------------------------------------------

    def is_newest(self, turn: int) -> bool:
        """Whether the page's slider movement number ``turn`` is no older than what is shown; then it is the newest."""
        with self._turning:
            newest = turn >= self.turn
            self.turn = max(self.turn, turn)
        return newest

    def move(self, pose: Pose) -> None:
        """Show a pose on the way; `settle` makes it one that undo returns to."""
        self.pose = pose

    def settle(self, pose: Pose) -> None:
        """Show a pose and remember it; an imported track gives way to it."""
        self.pose, self.track, self.remark = pose, None, ""
        self.history.settle(pose)

    def undo(self) -> None:
        """The pose before."""
        self.pose = self.history.undo()

    def neutral(self) -> None:
        """All AUs at rest."""
        self.settle(self.pose.show(ActionUnits()))

    def as_in_photo(self) -> None:
        """What the photo shows."""
        self.settle(Pose(self.scene_or_raise().subject.photo_aus, self.pose.split))

    def emotion(self, name: str) -> None:
        """A prototype's AUs, with the emotion's own timing."""
        self.settle(Pose(EMOTIONS[name].action_units))
        self.score = Score.natural(name)
        self.remark = ""

    def preview(self) -> Image:
        """The face's close-up with the sliders' expression, (H, W, 3) uint8."""
        return self.scene_or_raise().preview.show(self.pose.action_units)

    # --- film -------------------------------------------------------------------------------------------------------

    @property
    def stem(self) -> str:
        """The photo's name as the beginning of file names, for downloads."""
        return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(self._name).stem).strip("-") or "face"

    @property
    def timeline(self) -> Timeline:
        """The film's: from the photo to the pose and back, or the imported track, with what `choose` added."""
        source = self.scene_or_raise().subject.photo_aus
        own = self.track or self.score.timeline(source, self.pose.action_units)
        if self.animate.blinks:  # at least once, however short the film
            own = own.blinking(seed=self.animate.inversion.seed, every=min(4.0, 0.6 * own.duration))
        return plan(own, source, self.animate)

    def choose(self, *, blinks: bool = False, loop: bool = False, neutral_first: bool = False) -> None:
        """What every film gets: blinks, an end that is the beginning, a rest between the photo and the expression."""
        self.animate = replace(self.options.animate, blinks=blinks, loop=loop, neutral_first=neutral_first)

    def load_track(self, data: bytes, *, name: str) -> None:
        """Drive the film by a recorded track, CSV or YAML by the name's ending, until a slider is moved.

        Raises:
            TimelineError: no track, a damaged one, or a timeline longer than ``LONGEST_FILM`` seconds.
        """
        self.scene_or_raise()
        suffix = Path(name).suffix.lower()
        path = self.place("track.yaml" if suffix in (".yaml", ".yml") else "track.csv")
        path.write_bytes(data)
        try:
            track = read_track(path, options=TrackOptions(fps=self.animate.fps, seconds=LONGEST_FILM))
        finally:
            path.unlink()
        if track.duration > LONGEST_FILM:
            raise TimelineError(f"This timeline lasts {track.duration:.0f} s; at most {LONGEST_FILM:.0f} s play here.")
        self.track = track
        self.remark = " ".join([f"{readable(name)} drives the film for {track.duration:.1f} s.", *track.notes])

    def film(self, *, close: bool = False) -> Animation:
        """The film of the whole photo; close: of the face's close-up, as the page plays it."""
        scene = self.scene_or_raise()
        subject = scene.preview.subject if close else scene.subject
        plain = replace(self.animate, blinks=False, loop=False, neutral_first=False)  # the timeline has them already
        return self.animator.animate(subject, self.timeline, options=plain)

    def play(self, progress: Progress) -> Played:
        """Render the close-up film, and measure it."""
        film = self.film(close=True)
        path = self.place("play.mp4")
        receipt = film.save(path, progress=progress)
        self.played = Played(path.read_bytes(), film.contact_sheet(), receipt)
        for written in path.parent.iterdir():
            written.unlink()
        path.parent.rmdir()
        return self.played

    # --- jobs and the end -------------------------------------------------------------------------------------------

    def start(self, work: Callable[[Progress], Any], *, asked: float | None = None) -> Job[Any]:
        """Begin long work; what this session had begun before is called off. asked: when, by `time.monotonic`.

        Raises:
            JobCancelledError: it was called off while it waited for its turn.
        """
        if asked is not None and self.was_called_off(asked):
            raise JobCancelledError("Cancelled.")
        self._stop()
        self._job = Job(work)
        return self._job

    def wait(self) -> None:
        """Until the work that is going on has ended: a film is of the face as the whole search sees it."""
        if self._job is not None:
            self._job.join()

    def was_called_off(self, asked: float) -> bool:
        """Whether `cancel` came after something was asked for at this moment of `time.monotonic`."""
        return asked <= self._called_off

    @property
    def busy(self) -> bool:
        """Whether work is going on."""
        return self._job is not None and not self._job.is_over

    def cancel(self) -> None:
        """Call off the work that is going on, and all that was asked for until now and still waits for its turn."""
        self._called_off = time.monotonic()
        self._stop()

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """Forget photo and face, delete every file."""
        self.cancel()
        self.photo, self.scene, self.played, self.faces = None, None, None, ()
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        if self.folder.is_dir():
            self.folder.rmdir()

    # ----------------------------------------------------------------------------------------------------------------

    def _see(self, photo: Image, name: str) -> int:
        faces = self.animator.networks.faces.find(photo, provider=self.options.animate.provider)
        place = face.choose(faces).place
        self.photo, self.faces, self._name = photo, tuple(faces), name
        return place

    def _enter(self, subject: Subject) -> None:
        """Take a subject; sliders that were not touched since the last one show the new one's own expression."""
        before = self.scene
        touched = (
            before is not None
            and before.subject.photo is subject.photo
            and before.subject.face_index == subject.face_index
            and self.pose.action_units != before.subject.photo_aus
        )
        self.scene = Scene(subject, Preview(self.animator.networks, subject, self.options.animate))
        self.played = None
        if not touched:
            self.is_newest(self.turn + 1)
            self.pose = Pose(subject.photo_aus)
            self.history = History(self.pose)

    def scene_or_raise(self) -> Scene:
        """The face being worked on.

        Raises:
            PhotoError: there is none yet.
        """
        if self.scene is None:
            raise PhotoError("There is no face yet; drop a photo, or take a sample.")
        return self.scene

    def place(self, name: str) -> Path:
        """A path of our own making in this session's folder."""
        return Path(mkdtemp(dir=self.folder)) / name


def readable(name: str) -> str:
    """A client's file name as a label: no folders, nothing unusual, 60 characters at most."""
    plain = re.sub(r"[^\w .()-]", "", re.split(r"[\\/]", name)[-1]).strip(" .")
    return plain[-60:] or "photo"
