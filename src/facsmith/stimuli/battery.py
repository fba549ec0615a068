"""Renders a battery: photos x conditions as stills and films, made alike by norms, with its tables.

Names and bytes depend on the photos, the design, the norms and the seed alone: no time, no folder and no random name is
in them (signatures hold a time, where they are asked for).
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facsmith import image, signing, video
from facsmith._files import file_sha256
from facsmith.animator import Animator
from facsmith.errors import NoFaceError, PhotoError
from facsmith.face import Face
from facsmith.face.points import MIRROR
from facsmith.facs import AUS, DISFA, ActionUnits
from facsmith.film import provenance
from facsmith.latent import Latent
from facsmith.options import AnimateOptions, Progress
from facsmith.plan import DEFAULT_TIMING
from facsmith.receipt import Receipt
from facsmith.receipt.receipt import receipt_path, versions
from facsmith.stimuli.design import Condition, Design
from facsmith.stimuli.eyes import read_eyes, track_eyes
from facsmith.stimuli.luminance import Tone, grey_of, light_of, match
from facsmith.stimuli.norms import Frame, Norms, Oval
from facsmith.stimuli.photos import stimulus_names
from facsmith.stimuli.tables import CODEBOOK, MANIFEST, MEASURED, SETTINGS, write_codebook, write_csv, write_json
from facsmith.subject import Subject
from facsmith.timeline import Timeline

__all__ = ["Battery", "render_battery"]

Pixels = npt.NDArray[np.uint8]

_ROUNDS, _NEAR = 6, 0.1  # of aligning again by what is seen in the aligned picture; pixels


@dataclass
class Battery:
    """What was rendered for a battery of stimuli.

    Parameters
    ----------
    rows
        Rows of the manifest.
    measured
        Rows of measured.csv.
    skipped
        Photo -> why it could not be used.
    """

    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    measured: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    skipped: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class _Person:
    """A photo that can be used. name: of its stimuli. frame: where its pictures lie in the set's."""

    photo: Path
    name: str
    latent: Latent
    face: Face
    frame: Frame


def render_battery(
    animator: Animator,
    photos: Sequence[Path],
    folder: Path,
    *,
    design: Design,
    norms: Norms | None = None,
    frames: bool = False,
    questions: Sequence[str] = (),
    options: AnimateOptions | None = None,
    sign_with: signing.Credentials | None = None,
    progress: Progress | None = None,
) -> Battery:
    """Render every condition of every photo into ``folder``, and write its tables.

    A film goes from the neutral face to the condition and back.

    A photo without a usable face is left out and named in ``skipped``.

    Parameters
    ----------
    frames
        Also write each film's frames, as a folder of PNGs.
    questions
        Questions of the rating page, for the codebook.
    sign_with
        What signs each file; by default nothing is signed.

    Raises
    ------
    PhotoError
        No photo could be used.
    InputError
        Two photos whose stimuli would have the same names.
    """
    run = _Run(animator, folder, design, norms or Norms(), frames, options or AnimateOptions(), sign_with)
    names = stimulus_names(photos)
    battery = Battery()
    people: list[_Person] = []
    for done, photo in enumerate(photos, 1):
        try:
            people.append(run.person(photo, names[photo]))
        except PhotoError as error:
            battery.skipped[photo.name] = str(error)
        if progress is not None:
            progress("faces", done, len(photos))
    if not people:
        raise PhotoError(f"No photo could be used. {next(iter(battery.skipped.values()))}")
    shared = Oval.shared([person.frame.oval for person in people])
    people = [replace(person, frame=person.frame.sharing(shared)) for person in people]
    run.render(people, battery, progress)
    write_csv(folder / MANIFEST, battery.rows)
    write_csv(folder / MEASURED, battery.measured)
    write_codebook(folder / CODEBOOK, asked=run.asked_columns, questions=questions)
    write_json(folder / SETTINGS, run.settings(people, battery))
    return battery


class _Run:
    """One battery's rendering: stills are drawn first, for the set's luminance is only known when all are."""

    def __init__(
        self,
        animator: Animator,
        folder: Path,
        design: Design,
        norms: Norms,
        frames: bool,
        options: AnimateOptions,
        sign_with: signing.Credentials | None,
    ) -> None:
        self._animator, self._folder, self._design, self._norms = animator, folder, design, norms
        self._frames, self._options, self._sign_with = frames, options, sign_with
        self._conditions = [*design.conditions()]
        self._light: dict[str, float] = {}
        self._neutral: dict[str, tuple[Pixels, npt.NDArray[np.float64]]] = {}  # finished pictures and their eyes
        self._seen: dict[str, npt.NDArray[np.float64]] = {}  # eyes of the picture before, for its mirrored twin

    @property
    def asked_columns(self) -> list[str]:
        """The design's AUs, as columns."""
        return list(dict.fromkeys(f"AU{au:02d}" for _, au in self._design.aus))

    def person(self, photo: Path, name: str) -> _Person:
        """Encode a photo, and find out how its pictures come to lie on the set's.

        Raises
        ------
        PhotoError
            The photo shows no usable face.
        """
        subject = self._animator.prepare(photo, options=self._options)
        if subject.face is None:
            raise NoFaceError("No face was found; give a photo of one that looks into the camera.")
        frame = Frame.of(self._norms, subject.face.landmarks, subject.photo.shape)
        return _Person(photo, name, subject.latent, subject.face, frame)

    def render(self, people: Sequence[_Person], battery: Battery, progress: Progress | None) -> None:
        """All stills and films, into the battery's rows in the order of people and conditions."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".stimuli-", dir=self._folder) as scratch:
            stills = self._placed(self._stills(people, Path(scratch), progress), None)
            tones = self._tones(stills)
            if self._norms.align and self._norms.luminance:  # landmarkers see eyes a pixel elsewhere in another light
                stills = self._placed(stills, tones)
                tones = self._tones(stills)
            total = len(stills)
            for done, (still, tone) in enumerate(zip(stills, tones, strict=True), 1):
                self._finish(still, tone, Path(scratch), battery)
                if progress is not None:
                    progress("stimuli", done, total)

    def _stills(self, people: Sequence[_Person], scratch: Path, progress: Progress | None) -> "list[_Still]":
        stills: list[_Still] = []
        for person in people:
            subject = self._subject(person)
            for condition in self._conditions:
                picture = self._animator.edit(subject, condition.action_units, options=self._options)
                receipt = picture.receipt
                if self._design.receipts and self._design.stills:
                    receipt.write(receipt_path(self._folder / f"{person.name}_{condition.name}.png"))
                kept = scratch / f"{len(stills):05d}.npy"
                np.save(kept, picture.image if self._norms.changes else picture.pixels)
                told = _told(receipt)
                stills.append(_Still(person, condition, person.frame, kept, picture.model, picture.source_type, told))
                if progress is not None:
                    progress("stills", len(stills), len(people) * len(self._conditions))
        return stills

    def _placed(self, stills: "Sequence[_Still]", tones: Sequence[Tone | None] | None) -> "list[_Still]":
        """With the frames in which the eyes of each lie on their points. tones: of each, where they are known."""
        if not self._norms.align:
            return [*stills]
        placed: list[_Still] = []
        person, rest = stills[0].person, np.zeros(0, np.uint8)
        for still, tone in zip(stills, tones or [None] * len(stills), strict=True):
            if not still.condition.shown:  # the neutral face, which comes first
                person = replace(still.person, frame=self._aligned(still, tone))
                rest = person.frame.place(still.drawn)
                placed.append(replace(still, person=person, frame=person.frame))
                continue
            moved = track_eyes(person.frame.place(still.drawn), rest, person.frame.eyes)
            # The muscles move the picture of the eyes a little, too; shut eyes cannot be compared.
            frame = person.frame if moved is None else person.frame.corrected(moved)
            placed.append(replace(still, person=person, frame=frame))
        return placed

    def _aligned(self, still: "_Still", tone: Tone | None) -> Frame:
        """By the eyes of the neutral face as a landmarker sees them in the finished picture itself."""
        frame, best, least = still.frame, still.frame, np.inf
        for _ in range(_ROUNDS):
            shown = frame.finish(frame.place(still.drawn), tone)
            expected = still.person.face.at(frame.points(still.person.face.landmarks))
            try:
                seen = read_eyes(shown, expected, self._animator.networks.faces.follow)
            except NoFaceError:
                break
            off = float(np.abs(seen - frame.eyes).max())
            if off < least:
                best, least = frame, off
            if off < _NEAR:
                break
            frame = frame.corrected(seen)
        return best

    def _subject(self, person: _Person) -> Subject:
        """Again, by the latent that is known: nothing is searched for, and not all photos are held at once."""
        return self._animator.prepare(person.photo, options=self._options, latent=person.latent)

    def _tones(self, stills: "Sequence[_Still]") -> list[Tone | None]:
        if not self._norms.luminance:
            return [None] * len(stills)
        samples: list[Pixels] = []
        for still in stills:
            placed = still.frame.place(still.drawn)
            inside = still.frame.opacity >= 1
            on_disk = still.kept.with_suffix(".inside.npy")  # a large set's pixels do not fit into memory
            np.save(on_disk, (grey_of(placed) if self._norms.grey else placed)[inside])
            samples.append(np.load(on_disk, mmap_mode="r"))
        tones, light = match(samples)
        self._light = {"level": round(light.level, 3), "contrast": round(light.contrast, 4)}
        return [*tones]

    def _finish(self, still: "_Still", tone: Tone | None, scratch: Path, battery: Battery) -> None:
        """Write one condition's files and add their rows."""
        frame, stem = still.frame, f"{still.person.name}_{still.condition.name}"
        twins = (False, True) if self._norms.mirror else (False,)
        finished = frame.finish(frame.place(still.drawn), tone) if self._norms.changes else still.drawn
        for mirror in twins:
            shown = np.ascontiguousarray(finished[:, ::-1]) if mirror else finished
            name = f"{stem}{'_mirror' if mirror else ''}.{'png' if self._design.stills else 'mp4'}"
            if self._design.stills:
                image.write(self._folder / name, shown, metadata=provenance(still.model, still.source_type))
                self._signed(self._folder / name, still)
                battery.rows.append(self._row(name, "still", still, mirror, size=_size(shown), frames=1, seconds=0.0))
            battery.measured.append(self._measured(name, still, shown, mirror))
        if self._design.films:
            battery.rows += self._films(still, tone, scratch / "film.npy", stem, twins)

    def _films(
        self, still: "_Still", tone: Tone | None, spool: Path, stem: str, twins: Sequence[bool]
    ) -> list[dict[str, Any]]:
        """The film and its twin, and their frames; rendered once, its frames kept raw where they are written again."""
        rows: list[dict[str, Any]] = []
        film = self._animator.animate(
            self._subject(still.person), _timeline(still.condition.action_units, self._options), options=self._options
        )
        frame, several = still.person.frame, len(twins) > 1 or self._frames
        pictures: Iterator[Pixels] = film.frames()
        if self._norms.changes:
            pictures = (frame.finish(frame.place(picture), tone) for picture in pictures)
        kept: npt.NDArray[np.uint8] | None = None
        size = (0, 0)
        receipt: Receipt | None = None
        for mirror in twins:
            name = f"{stem}{'_mirror' if mirror else ''}"
            if kept is None and several:
                kept = _spooled(pictures, spool, len(film))
            source = pictures if kept is None else (kept[:, :, ::-1] if mirror else kept)
            seen = _Sized(source)
            video.write(self._folder / f"{name}.mp4", seen, fps=self._options.fps, metadata=film.metadata)
            size = seen.size
            self._signed(self._folder / f"{name}.mp4", still)
            if self._design.receipts:
                receipt = receipt or film.receipt
                receipt.write(receipt_path(self._folder / f"{name}.mp4"))
            folder = ""
            if self._frames and kept is not None:
                folder = f"{name}_frames"
                shown = kept[:, :, ::-1] if mirror else kept
                video.write(self._folder / folder, shown, fps=self._options.fps, metadata=film.metadata)
                self._signed(self._folder / folder, still)
            seconds = film.timeline.duration
            row = self._row(f"{name}.mp4", "film", still, mirror, size=size, frames=len(film), seconds=seconds)
            rows.append(row | {"frames_folder": folder})
        return rows

    def _signed(self, path: Path, still: "_Still") -> None:
        if self._sign_with is not None:
            asked = {"condition": still.condition.name, "model": dict(still.model)}
            signing.sign(path, self._sign_with, source_type=still.source_type, asked=asked)

    def _row(
        self,
        name: str,
        kind: str,
        still: "_Still",
        mirror: bool,
        *,
        size: tuple[int, int],
        frames: int,
        seconds: float,
    ) -> dict[str, Any]:
        condition = still.condition.mirrored if mirror else still.condition
        asked = condition.action_units
        left, right = (asked.vector(side).tolist() for side in ("left", "right"))
        return {
            "stimulus": name,
            "kind": kind,
            "photo": still.person.photo.name,
            "condition": condition.name,
            "mirror": int(mirror),
            **{f"AU{au:02d}": max(a, b) for au, a, b in zip(AUS, left, right, strict=True)},
            "side": _side(asked),
            "frames": frames,
            "seconds": round(seconds, 6),
            "fps": self._options.fps if kind == "film" else "",
            "width": size[0],
            "height": size[1],
            "seed": self._options.inversion.seed,
            "frames_folder": "",
            "sha256": file_sha256(self._folder / name),
        }

    def _measured(self, name: str, still: "_Still", shown: Pixels, mirror: bool) -> dict[str, Any]:
        """What the finished picture shows, beside what was asked. shown: (h, w, 3 or 4)."""
        person = still.person
        condition = still.condition.mirrored if mirror else still.condition
        pixels, inside = np.ascontiguousarray(shown[..., :3]), still.frame.opacity >= 1
        points = still.frame.points(person.face.landmarks)
        if mirror:
            inside = inside[:, ::-1]
            points = (points * [-1, 1] + [shown.shape[1] - 1, 0])[list(MIRROR)]
        light = light_of(pixels, inside)
        asked = condition.action_units
        both = np.maximum(asked.vector("left"), asked.vector("right"))
        read = still.told["measured"]
        return {
            "stimulus": name,
            "photo": person.photo.name,
            "condition": condition.name,
            "mirror": int(mirror),
            **{f"asked_{column}": round(float(both[AUS.index(int(column[2:]))]), 4) for column in self.asked_columns},
            **{f"measured_AU{au:02d}": "" if read is None else round(read[au], 4) for au in DISFA},
            "unsure": " ".join(still.told["unsure"]),
            "identity": "" if still.told["identity"] is None else still.told["identity"],
            **self._eyes(still, pixels, person.face.at(points), mirror),
            "luminance": round(light.level, 3),
            "contrast": round(light.contrast, 4),
            "clipped": round(float(((pixels == 0) | (pixels == 255))[inside].any(axis=-1).mean()), 5),
            "beyond": round(still.frame.beyond(still.drawn.shape), 5),
        }

    def _eyes(self, still: "_Still", pixels: Pixels, expected: Face, mirror: bool) -> dict[str, float | str]:
        """Of the neutral face as a landmarker finds them, of others as they lie beside that."""
        columns = ("left_eye_x", "left_eye_y", "right_eye_x", "right_eye_y")
        found: npt.NDArray[np.float64] | None = None
        if mirror:
            found = self._seen.get(still.person.name)
        elif still.condition.shown:
            known = self._neutral.get(still.person.name)
            found = None if known is None else track_eyes(pixels, *known)
        else:
            try:
                found = read_eyes(pixels, expected, self._animator.networks.faces.follow)
                self._neutral[still.person.name] = pixels, found
            except NoFaceError:
                found = None
        if found is None:
            self._seen.pop(still.person.name, None)
            return dict.fromkeys(columns, "")
        if mirror:
            found = (found * [-1, 1] + [pixels.shape[1] - 1, 0])[::-1]
        else:
            self._seen[still.person.name] = found
        return dict(zip(columns, np.round(found, 3).ravel().tolist(), strict=True))

    def settings(self, people: Sequence[_Person], battery: Battery) -> dict[str, Any]:
        """How the set was made."""
        networks = self._animator.networks
        ovals = {person.name: asdict(person.frame.oval) for person in people}
        return {
            "design": asdict(self._design),
            "norms": {**asdict(self._norms), "eyes": self._norms.eyes if self._norms.align else None},
            "luminance": self._light or None,
            "ovals": ovals,
            "options": asdict(self._options),
            "model": {"name": networks.name, "generator_id": networks.generator.generator_id},
            "photos": {p.photo.name: file_sha256(p.photo) for p in people},
            "skipped": battery.skipped,
            "versions": versions(),
        }


@dataclass(frozen=True)
class _Still:
    """A picture that was drawn. frame: its own, in which its eyes lie on their points; the person's is the neutral
    face's. kept: its pixels, .npy. told: what its receipt measured.
    """

    person: _Person
    condition: Condition
    frame: Frame
    kept: Path
    model: Any
    source_type: str
    told: dict[str, Any]

    @property
    def drawn(self) -> Pixels:
        """(H, W, 3) or, without norms, with alpha: the photo's frame."""
        return np.asarray(np.load(self.kept), np.uint8)


class _Sized:
    """Frames as they pass, and the size of the first: (width, height)."""

    def __init__(self, frames: Any) -> None:
        self._frames, self.size = frames, (0, 0)

    def __iter__(self) -> Iterator[Pixels]:
        for frame in self._frames:
            self.size = _size(frame)
            yield np.ascontiguousarray(frame)


def _told(receipt: Receipt) -> dict[str, Any]:
    """The one moment of a picture's receipt."""
    (record,) = receipt.keyframes
    shown: dict[int, float] | None = None
    if record.measured is not None:
        read = [(int(name.lstrip("AULR")), e) for name, e in record.measured.items()]
        shown = {au: max((e for other, e in read if other == au), default=0.0) for au in DISFA}
    return {"measured": shown, "unsure": record.unsure, "identity": record.identity}


def _spooled(pictures: Iterator[Pixels], spool: Path, count: int) -> npt.NDArray[np.uint8]:
    """The frames on disk, (T, h, w, 3), read as they are needed."""
    first = next(pictures)
    kept = np.lib.format.open_memmap(spool, "w+", np.uint8, (count, *first.shape))
    kept[0] = first
    for index, picture in enumerate(pictures, 1):
        kept[index] = picture
    return kept


def _size(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


def _timeline(asked: ActionUnits, options: AnimateOptions) -> Timeline:
    phases = {name: getattr(options, name) for name in ("onset", "apex", "offset")}
    own = asdict(DEFAULT_TIMING)
    return Timeline.onset_apex_offset(asked, **{name: own[name] if s is None else s for name, s in phases.items()})


def _side(asked: ActionUnits) -> str:
    if asked.is_symmetric:
        return "both"
    return "mixed" if asked.left and asked.right else "left" if asked.left else "right"
