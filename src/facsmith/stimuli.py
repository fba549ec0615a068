"""Batteries of stimuli for experiments: photos x Action Units x levels as stills and films, with a manifest.

Names and bytes depend on the photos, the design and the seed alone: no time, no folder and no random name is in them.
"""

import csv
import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facsmith import image, video
from facsmith._files import atomic_path
from facsmith.animate import AnimateOptions, Animator, Progress, Subject
from facsmith.animate.film import provenance
from facsmith.animate.receipt import receipt_path
from facsmith.animate.timing import DEFAULT_TIMING
from facsmith.errors import ActionUnitError, InputError, PhotoError
from facsmith.facs import AUS, INTENSITY_LETTERS, UNSIDED, ActionUnits, playable
from facsmith.timeline import Timeline

__all__ = [
    "MANIFEST",
    "PHOTO_SUFFIXES",
    "Battery",
    "Condition",
    "Design",
    "find_photos",
    "parse_aus",
    "parse_levels",
    "render_battery",
]

MANIFEST = "manifest.csv"
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
MOST_CONDITIONS = 10_000


@dataclass(frozen=True)
class Condition:
    """What a face shows: (prefix, AU, intensity) of each AU, prefix AU, L or R. None of them is neutral."""

    shown: tuple[tuple[str, int, float], ...]

    @property
    def name(self) -> str:
        """``AU01-060_L12-100``: the intensity in hundredths; ``neutral`` for none."""
        return "_".join(f"{prefix}{au:02d}-{round(100 * e):03d}" for prefix, au, e in self.shown) or "neutral"

    @property
    def action_units(self) -> ActionUnits:
        """What the Animator is asked for."""
        parts = {prefix: {au: e for p, au, e in self.shown if p == prefix} for prefix in ("AU", "L", "R")}
        return ActionUnits(parts["AU"], left=parts["L"], right=parts["R"])


@dataclass(frozen=True)
class Design:
    """aus: as in ``("AU1", "L12")``. levels: intensities in (0, 1]. cross: every AU at every level, 0 too, with every
    other, instead of one AU at a time. stills, films: what is rendered. receipts: beside each of them. The neutral face
    is always a condition.
    """

    aus: tuple[tuple[str, int], ...]
    levels: tuple[float, ...]
    cross: bool = False
    stills: bool = True
    films: bool = True
    receipts: bool = False

    def __post_init__(self) -> None:
        for prefix, au in self.aus:
            try:
                playable(au)
            except ActionUnitError as error:
                raise InputError(str(error)) from error
            if prefix not in ("AU", "L", "R") or (au in UNSIDED and prefix != "AU"):
                raise InputError(f"{prefix}{au} is no Action Unit of a side; give AU{au}, or L or R of one with sides.")
        if not self.aus or len(set(self.aus)) < len(self.aus) or not self.levels:
            raise InputError("A battery needs AUs, each once, and levels; as in --aus 1,4,12 --levels A-E.")
        hundredths = {round(100 * level) for level in self.levels if 0.005 < level <= 1}
        if len(hundredths) < len(self.levels):
            raise InputError(
                "The levels of a battery lie from 0.01 to 1, each once, a hundredth or more apart; neutral is always "
                "rendered."
            )
        if not (self.stills or self.films):
            raise InputError("A battery of neither stills nor films is empty; leave one of them in.")
        count = (len(self.levels) + 1) ** len(self.aus) if self.cross else 1 + len(self.levels) * len(self.aus)
        if count > MOST_CONDITIONS:
            raise InputError(f"This design has {count} conditions a photo; at most {MOST_CONDITIONS} are rendered.")

    def conditions(self) -> Iterator[Condition]:
        """All of them, neutral first."""
        yield Condition(())
        if not self.cross:
            for (prefix, au), level in itertools.product(self.aus, self.levels):
                yield Condition(((prefix, au, level),))
            return
        for levels in itertools.islice(itertools.product((0.0, *self.levels), repeat=len(self.aus)), 1, None):
            shown = zip(self.aus, levels, strict=True)
            yield Condition(tuple((prefix, au, level) for (prefix, au), level in shown if level))


@dataclass
class Battery:
    """What was rendered. rows: of the manifest. skipped: photo -> why it could not be used."""

    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    skipped: dict[str, str] = field(default_factory=dict[str, str])


def parse_levels(text: str) -> tuple[float, ...]:
    """``A-E``, ``B,D`` or ``0.25,0.5,1`` as intensities."""
    levels: list[float] = []
    for part in re.split(r"[\s,]+", text.strip()):
        span = re.fullmatch(r"([A-Ea-e])(?:-([A-Ea-e]))?", part)
        if span:
            first, last = (ord(letter.upper()) for letter in (span[1], span[2] or span[1]))
            levels += [INTENSITY_LETTERS[chr(code)] for code in range(first, last + 1)]
            continue
        try:
            levels.append(float(part))
        except ValueError:
            raise InputError(f"{part[:20]!r} is no level; give letters (A-E, or B,D) or numbers from 0 to 1.") from None
    return tuple(levels)


def parse_aus(text: str) -> tuple[tuple[str, int], ...]:
    """``1,4,L12`` as (prefix, AU)."""
    found: list[tuple[str, int]] = []
    for part in re.split(r"[\s,]+", text.strip()):
        match = re.fullmatch(r"(AU|L|R)?(\d{1,3})", part, re.IGNORECASE)
        if match is None:
            raise InputError(f"{part[:20]!r} is no Action Unit; give numbers as in 1,4,12, or L12 for one side.")
        found.append(((match[1] or "AU").upper(), int(match[2])))
    return tuple(found)


def find_photos(place: Path) -> list[Path]:
    """The photos of a folder in the order of their names, or the one photo given."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise PhotoError(f"There is no folder {place}. Check the path.")
    photos = sorted(p for p in place.iterdir() if p.is_file() and p.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        raise PhotoError(f"No photo lies in {place}; photos end in {', '.join(PHOTO_SUFFIXES)}.")
    return photos


def render_battery(
    animator: Animator,
    photos: Sequence[Path],
    folder: Path,
    *,
    design: Design,
    options: AnimateOptions | None = None,
    progress: Progress | None = None,
) -> Battery:
    """Render every condition of every photo into ``folder`` and write its manifest.

    A film goes from the neutral face to the condition and back. A photo without a usable face is left out and named in
    ``skipped``.
    """
    options = options or AnimateOptions()
    names = _names(photos)
    conditions = [*design.conditions()]
    battery = Battery()
    done, total = 0, len(photos) * len(conditions)
    for photo in photos:
        try:
            subject = animator.prepare(photo, options=options)
        except PhotoError as error:
            battery.skipped[photo.name] = str(error)
            continue
        for condition in conditions:
            battery.rows += _render(animator, subject, condition, folder / names[photo], design, options)
            done += 1
            if progress is not None:
                progress("stimuli", done, total)
    if not battery.rows:
        raise PhotoError(f"No photo could be used. {next(iter(battery.skipped.values()))}")
    _write_manifest(folder / MANIFEST, battery.rows)
    return battery


def _render(
    animator: Animator, subject: Subject, condition: Condition, stem: Path, design: Design, options: AnimateOptions
) -> Iterator[dict[str, Any]]:
    """Write one condition's files; yields their rows of the manifest."""
    asked = condition.action_units
    if design.stills:
        path = stem.with_name(f"{stem.name}_{condition.name}.png")
        still = animator.edit(subject, asked, options=options)
        image.write(path, still.image, metadata=provenance(still.model))
        if design.receipts:
            still.receipt.write(receipt_path(path))
        yield _row(path, "still", subject, condition, options, frames=1, seconds=0.0)
    if design.films:
        path = stem.with_name(f"{stem.name}_{condition.name}.mp4")
        film = animator.animate(subject, _timeline(asked, options), options=options)
        video.write(path, film.frames(), fps=options.fps, metadata=provenance(film.model))
        if design.receipts:
            film.receipt.write(receipt_path(path))
        yield _row(path, "film", subject, condition, options, frames=len(film), seconds=film.timeline.duration)


def _timeline(asked: ActionUnits, options: AnimateOptions) -> Timeline:
    phases = {name: getattr(options, name) for name in ("onset", "apex", "offset")}
    own = asdict(DEFAULT_TIMING)
    return Timeline.onset_apex_offset(asked, **{name: own[name] if s is None else s for name, s in phases.items()})


def _row(
    path: Path,
    kind: str,
    subject: Subject,
    condition: Condition,
    options: AnimateOptions,
    *,
    frames: int,
    seconds: float,
) -> dict[str, Any]:
    asked = condition.action_units
    left, right = (asked.vector(side).tolist() for side in ("left", "right"))
    height, width = subject.photo.shape[:2]
    return {
        "stimulus": path.name,
        "kind": kind,
        "photo": subject.name,
        "condition": condition.name,
        **{f"AU{au:02d}": max(a, b) for au, a, b in zip(AUS, left, right, strict=True)},
        "side": _side(asked),
        "frames": frames,
        "seconds": round(seconds, 6),
        "fps": options.fps if kind == "film" else "",
        "width": width,
        "height": height,
        "seed": options.inversion.seed,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def _side(asked: ActionUnits) -> str:
    if asked.is_symmetric:
        return "both"
    return "mixed" if asked.left and asked.right else "left" if asked.left else "right"


def _names(photos: Sequence[Path]) -> dict[Path, str]:
    """Photo -> the part of its stimuli's names: letters, digits, dots and dashes of its own name."""
    names = {photo: re.sub(r"[^\w.-]+", "-", photo.stem, flags=re.ASCII) for photo in photos}
    for name in names.values():
        same = [photo.name for photo, other in names.items() if other.lower() == name.lower()]
        if len(same) > 1:
            raise InputError(f"The stimuli of {' and '.join(same)} would have the same names; rename one photo.")
    return names


def _write_manifest(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
