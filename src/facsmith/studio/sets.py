"""Sets of stimuli for the page and for scripts: photos x expressions x levels, as one archive with its manifest."""

import itertools
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from facsmith import image
from facsmith.errors import InputError, PhotoError
from facsmith.facs import AU_NAMES, AUS, EMOTIONS
from facsmith.options import Progress
from facsmith.receipt.receipt import named
from facsmith.stimuli import Condition, Design, parse_aus, parse_levels, render_battery
from facsmith.studio.session import StudioSession, readable

__all__ = ["EXPRESSIONS", "MOST_FILES", "SetDesign", "add_photo", "read_design", "render_set"]

MOST_FILES, MOST_PHOTOS, MOST_MEGABYTES = 600, 60, 240
EXPRESSIONS = {
    **{name.capitalize(): name for name in EMOTIONS if name != "neutral"},
    **{f"AU{au} {AU_NAMES[au]}": f"AU{au}" for au in AUS},
}
"""What the page offers -> what `read_design` reads."""


@dataclass(frozen=True)
class SetDesign(Design):
    """A battery whose conditions may be whole emotions, each at every level.

    Parameters
    ----------
    emotions
        Names of `facs.EMOTIONS`.
    """

    emotions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.aus:
            super().__post_init__()

    def conditions(self) -> Iterator[Condition]:
        """Neutral, the emotions, the AUs."""
        alone = super().conditions() if self.aus else iter([Condition(())])
        yield next(alone)
        for name, level in itertools.product(self.emotions, self.levels):
            whole = named(EMOTIONS[name].action_units)
            yield Condition(
                tuple(
                    (prefix, au, level * e)
                    for (prefix, au), e in zip(parse_aus(",".join(whole)), whole.values(), strict=True)
                    if e
                )
            )
        yield from alone


def read_design(expressions: list[str], levels: str, *, films: bool) -> SetDesign:
    """The design of a set, from what the page sent.

    Parameters
    ----------
    expressions
        Emotions and AUs, as in ``["happiness", "AU4", "L12"]``.
    levels
        ``A-E``, ``B,D`` or numbers.

    Raises
    ------
    InputError
        An unknown expression or level, or none.
    """
    wanted = [name.strip() for name in expressions if name.strip()]
    emotions = tuple(name.lower() for name in wanted if name.lower() in EMOTIONS and name.lower() != "neutral")
    others = [name for name in wanted if name.lower() not in EMOTIONS]
    read = parse_levels(levels)
    if not wanted:
        raise InputError("Choose at least one expression: an emotion, or an Action Unit.")
    if not all(0.005 < level <= 1 for level in read):
        raise InputError("Levels lie from 0.01 to 1, or are letters from A to E; the neutral face is always there.")
    aus = parse_aus(",".join(others)) if others else ()
    return SetDesign(aus=aus, levels=read, films=films, receipts=True, emotions=emotions)


def add_photo(session: StudioSession, data: bytes, name: str) -> None:
    """Lay a photo aside for the set, in memory.

    Raises
    ------
    PhotoError
        No picture, or too many or too large together.
    """
    image.decode(data, name=readable(name), max_pixels=session.options.max_pixels)
    known = {**session.set_photos, _stem(name, session.set_photos): data}
    if len(known) > MOST_PHOTOS or sum(map(len, known.values())) > MOST_MEGABYTES << 20:
        raise PhotoError(
            f"A set takes {MOST_PHOTOS} photos and {MOST_MEGABYTES} MB together at most here; more go with "
            "facsmith's commands in a terminal."
        )
    session.set_photos = known


def render_set(session: StudioSession, design: SetDesign, progress: Progress) -> Path:
    """Render everything into one zip file: pictures, films, a receipt beside each, ``manifest.csv``.

    Without photos laid aside, the face that is open is taken. ``skipped.txt`` names photos without a usable face.

    Raises
    ------
    InputError
        The set has more than ``MOST_FILES`` files.
    PhotoError
        No photo, or none of use.
    """
    photos = dict(session.set_photos)
    if not photos:
        session.scene_or_raise()
        photos = {session.stem: session.origin.get("photo", b"")}
    count = len(photos) * sum(1 for _ in design.conditions()) * (1 + design.films)
    if count > MOST_FILES:
        raise InputError(
            f"This set has {count} files; at most {MOST_FILES} are made here. Take fewer photos or levels."
        )
    path = session.keep(f"{'set' if len(photos) > 1 else next(iter(photos))}_stimuli.zip")
    with TemporaryDirectory(dir=path.parent) as scratch:
        source, folder = Path(scratch, "photos"), Path(scratch, "made")
        source.mkdir()
        for name, data in photos.items():
            if data:
                (source / f"{name}.jpg").write_bytes(data)  # read by what it is, whatever its ending
            elif session.photo is not None:
                image.write(source / f"{name}.png", session.photo)
        battery = render_battery(
            session.animator, sorted(source.iterdir()), folder, design=design, options=session.options.animate,
            progress=progress,
        )  # fmt: skip
        if battery.skipped:
            told = "".join(f"{name}: {why}\n" for name, why in battery.skipped.items())
            (folder / "skipped.txt").write_text(told, encoding="utf-8")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(folder.rglob("*")):
                archive.write(file, file.relative_to(folder))
    return path


def _stem(name: str, taken: Mapping[str, bytes]) -> str:
    """The photo's name for files, told from those that are there."""
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in Path(readable(name)).stem)[:60]
    stem = stem.strip("-") or "photo"
    known = {name.lower() for name in taken}
    numbered = (f"{stem}-{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain([stem], numbered) if name.lower() not in known)
