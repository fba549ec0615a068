"""Which column of a track means what: OpenFace, py-feat, ARKit (Live Link Face), told apart by their headers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from facsmith.errors import TimelineError
from facsmith.facs import DISFA
from facsmith.timeline import BLINK, Sides

__all__ = ["ARKIT", "WHOLE", "Channel", "Clock", "Layout", "layout"]

Clock = Literal["seconds", "timecode", "frames"]

ARKIT: Mapping[int, str] = {
    1: "browInnerUp",
    2: "browOuterUp",
    4: "browDown",
    5: "eyeWide",
    6: "cheekSquint",
    9: "noseSneer",
    12: "mouthSmile",
    15: "mouthFrown",
    17: "mouthShrugLower",
    20: "mouthStretch",
    26: "jawOpen",
    BLINK: "eyeBlink",
}
"""AU -> ARKit blendshape, without Left or Right where it has sides. AU25 has none: an open jaw parts the lips."""

WHOLE = (1, 17, 26)
"""AUs whose blendshape has no sides."""
_PYFEAT_BLINK = 43  # eyes closed
_AU = re.compile(r"au(\d\d)(_r|_c)?")


@dataclass(frozen=True)
class Channel:
    """One column: ``scale`` times its number is the AU's intensity, of one side or of both."""

    au: int
    side: Sides | None
    column: int
    scale: float

    @property
    def target(self) -> tuple[int, Sides | None]:
        """The curve that it feeds."""
        return self.au, self.side


@dataclass(frozen=True)
class Layout:
    """One file's columns. clock, time: how the time is given, and in which column. face: which face a row is of, where
    the file tells. flags: (column, smallest number) that a usable row has. notes: what the user should know of it.
    """

    kind: str
    clock: Clock
    time: int
    channels: tuple[Channel, ...]
    face: int | None = None
    flags: tuple[tuple[int, float], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Columns that a usable row has at least."""
        return 1 + max(self.time, *(c.column for c in self.channels), *(column for column, _ in self.flags))


def layout(header: Sequence[str], *, min_confidence: float) -> Layout:
    """Tell a file's kind from its header.

    Raises:
        TimelineError: columns of no kind that is known, or without a time.
    """
    names = [name.strip().lower() for name in header]
    columns: dict[str, int] = {}
    for index, name in enumerate(names):
        columns.setdefault(name, index)
    aus = {match[0]: match for match in (_AU.fullmatch(name) for name in columns) if match}
    if any(match[2] == "_r" for match in aus.values()):
        return _openface(columns, min_confidence)
    if any(match[2] is None for match in aus.values()):
        return _pyfeat(columns)
    if aus:
        raise TimelineError(
            "it holds only AU01_c and the like: whether an AU shows, not how much. "
            "Run OpenFace with -aus, which writes AU01_r too."
        )
    arkit = {_arkit_name(name): column for name, column in columns.items()}
    if any(shape.lower() in arkit or f"{shape.lower()}left" in arkit for shape in ARKIT.values()):
        return _livelink(columns, arkit)
    shown = ", ".join(name.strip()[:20] for name in header[:6]) or "nothing"
    raise TimelineError(
        f"its columns ({shown}{', ...' if len(header) > 6 else ''}) are of no known kind; give OpenFace's AU01_r, "
        "py-feat's AU01, or ARKit's EyeBlinkLeft columns, with a header."
    )


def _openface(columns: Mapping[str, int], min_confidence: float) -> Layout:
    channels, missing = _numbered(columns, "au{:02d}_r", 0.2, BLINK)
    flags = [
        (columns[name], least) for name, least in (("success", 0.5), ("confidence", min_confidence)) if name in columns
    ]
    notes = _missing(missing)
    if "success" not in columns:
        notes.append("The track has no column `success`: every row is taken as a face that was seen.")
    clock, time = _clock(columns)
    return Layout("OpenFace", clock, time, channels, columns.get("face_id"), tuple(flags), tuple(notes))


def _pyfeat(columns: Mapping[str, int]) -> Layout:
    channels, missing = _numbered(columns, "au{:02d}", 1.0, _PYFEAT_BLINK)
    notes = [
        "py-feat writes how probable an AU is, not how intense: its numbers are taken as intensities.",
        *_missing(missing),
    ]
    clock, time = _clock(columns)
    return Layout("py-feat", clock, time, channels, None, (), tuple(notes))


def _livelink(columns: Mapping[str, int], arkit: Mapping[str, int]) -> Layout:
    channels: list[Channel] = []
    missing: list[int] = []
    for au, shape in ARKIT.items():
        names: tuple[tuple[Sides | None, str], ...] = (
            (None, shape.lower()),
            ("left", f"{shape.lower()}left"),
            ("right", f"{shape.lower()}right"),
        )
        found = [Channel(au, side, arkit[name], 1.0) for side, name in names if name in arkit]
        channels += found
        missing += [au] if not found and au != BLINK else []
    flags = ((columns["blendshapecount"], 0.5),) if "blendshapecount" in columns else ()
    notes = ["ARKit has no blendshape for AU25: lips part as the jaw opens (AU26).", *_missing(missing)]
    clock, time = _clock(columns)
    return Layout("ARKit", clock, time, tuple(channels), None, flags, tuple(notes))


def _numbered(
    columns: Mapping[str, int], pattern: str, scale: float, blink: int
) -> tuple[tuple[Channel, ...], list[int]]:
    """Channels of the twelve AUs and the blink, and the AUs of the twelve that have no column."""
    wanted = {**{au: pattern.format(au) for au in DISFA}, BLINK: pattern.format(blink)}
    channels = tuple(Channel(au, None, columns[name], scale) for au, name in wanted.items() if name in columns)
    if not channels:
        raise TimelineError(f"none of its AUs is one of the twelve here: {', '.join(f'AU{au}' for au in DISFA)}.")
    return channels, [au for au in DISFA if wanted[au] not in columns]


def _clock(columns: Mapping[str, int]) -> tuple[Clock, int]:
    for name in ("timestamp", "time", "seconds"):
        if name in columns:
            return "seconds", columns[name]
    if "timecode" in columns:
        return "timecode", columns["timecode"]
    if "frame" in columns:
        return "frames", columns["frame"]
    raise TimelineError("it has no time; give a column timestamp (seconds), Timecode, or frame.")


def _arkit_name(name: str) -> str:
    """``eyeBlink_L`` and ``EyeBlinkLeft`` alike, in small letters."""
    for short, side in (("_l", "left"), ("_r", "right")):
        if name.endswith(short):
            return name.removesuffix(short) + side
    return name.replace("_", "")


def _missing(aus: Sequence[int]) -> list[str]:
    return [f"The track has no {', '.join(f'AU{au}' for au in aus)}: there nothing moves."] if aus else []
