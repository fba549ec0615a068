"""Which column of a track means what: OpenFace, py-feat, ARKit (Live Link Face), told apart by their headers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from facsmith.errors import TimelineError
from facsmith.facs import DISFA
from facsmith.timeline import BLINK, Sides

__all__ = ["ARKIT", "WHOLE", "Channel", "Clock", "Layout", "layout"]

Clock = Literal["seconds", "milliseconds", "timecode", "frames"]

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
_OPENFACE3 = {1, 2, 4, 6, 9, 12, 25, 26}
"""The AUs that OpenFace 3 writes, all of them and no other."""
_AU = re.compile(r"au(_?)0*(\d{1,2})(_r|_c|_l|_left|_right|_intensity)?")


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
    the file tells. size: columns whose product is how large a row's face is. flags: (column, smallest number) that a
    usable row has. probabilities: the numbers say how surely an AU shows. notes: what the user should know of it.
    """

    kind: str
    clock: Clock
    time: int
    channels: tuple[Channel, ...]
    face: int | None = None
    size: tuple[int, ...] = ()
    flags: tuple[tuple[int, float], ...] = ()
    probabilities: bool = False
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
        columns.setdefault(_padded(name), index)
    aus = {match[0]: match for match in (_AU.fullmatch(name) for name in columns) if match}
    arkit = {_arkit_name(name): column for name, column in columns.items()}
    shapes = any(shape.lower() in arkit or f"{shape.lower()}left" in arkit for shape in ARKIT.values())
    sided = any(match[3] in ("_l", "_left") for match in aus.values())
    if any(match[3] == "_r" for match in aus.values()) and not sided:
        return _with_unplayed(_openface(columns, min_confidence), aus)
    if shapes:
        return _livelink(columns, arkit, also_aus=bool(aus))
    if sided:
        return _with_unplayed(_sided(columns), aus)
    if any(match[3] is None for match in aus.values()):
        return _with_unplayed(_pyfeat(columns, {int(match[2]) for match in aus.values()}), aus)
    if aus:
        raise TimelineError(
            "it holds only AU01_c and the like: whether an AU shows, not how much. "
            "Run OpenFace with -aus, which writes AU01_r too."
        )
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
    return Layout("OpenFace", clock, time, channels, columns.get("face_id"), flags=tuple(flags), notes=tuple(notes))


def _pyfeat(columns: Mapping[str, int], aus: set[int]) -> Layout:
    channels, missing = _numbered(columns, "au{:02d}", 1.0, _PYFEAT_BLINK)
    clock, time = _clock(columns)
    if aus == _OPENFACE3:
        notes = ["These are the eight AUs of OpenFace 3; its numbers are taken as 0 to 1.", *_missing(missing)]
        return Layout("OpenFace 3", clock, time, channels, columns.get("face_id"), _size(columns), notes=tuple(notes))
    notes = [
        "py-feat writes how probable an AU is, not how intense: its numbers are taken as intensities.",
        *_missing(missing),
    ]
    face = columns.get("identity")
    return Layout("py-feat", clock, time, channels, face, _size(columns), probabilities=True, notes=tuple(notes))


def _sided(columns: Mapping[str, int]) -> Layout:
    """py-feat's AUs with a column for each side: AU12_L and AU12_R, or AU12_left and AU12_right, 0 to 1."""
    channels: list[Channel] = []
    for au in (*DISFA, BLINK):
        stem = f"au{_PYFEAT_BLINK if au == BLINK else au:02d}"
        both: tuple[tuple[Sides | None, tuple[str, ...]], ...] = (
            ("left", (f"{stem}_l", f"{stem}_left")),
            ("right", (f"{stem}_r", f"{stem}_right")),
        )
        found = [Channel(au, side, columns[n], 1.0) for side, names in both for n in names if n in columns]
        channels += found or ([Channel(au, None, columns[stem], 1.0)] if stem in columns else [])
    if not channels:
        raise TimelineError(f"none of its AUs is one of the twelve here: {', '.join(f'AU{au}' for au in DISFA)}.")
    missing = [au for au in DISFA if au not in {channel.au for channel in channels}]
    notes = ["AUs of two sides are probabilities, taken as intensities.", *_missing(missing)]
    clock, time = _clock(columns)
    face, size = columns.get("identity"), _size(columns)
    return Layout("py-feat", clock, time, tuple(channels), face, size, probabilities=True, notes=tuple(notes))


def _size(columns: Mapping[str, int]) -> tuple[int, ...]:
    """The columns of the box around a face: width and height."""
    return tuple(columns[name] for name in ("facerectwidth", "facerectheight") if name in columns)


def _with_unplayed(plan: Layout, aus: Mapping[str, re.Match[str]]) -> Layout:
    """Its notes name the AUs that have a column and are not played."""
    played = {channel.au for channel in plan.channels} | {_PYFEAT_BLINK, 45}
    unplayed = sorted({int(match[2]) for match in aus.values()} - played)
    if not unplayed:
        return plan
    said = f"The track's {', '.join(f'AU{au}' for au in unplayed)} cannot be played here: left out."
    return replace(plan, notes=(*plan.notes, said))


def _padded(name: str) -> str:
    """``au1_r``, ``au01_r`` and LibreFace's ``au_1_intensity`` alike: au01_r. LibreFace's ``au_1`` is an occurrence."""
    match = _AU.fullmatch(name)
    if match is None:
        return name
    suffix = "_r" if match[3] == "_intensity" else match[3] or ("_c" if match[1] else "")
    return f"au{int(match[2]):02d}{suffix}"


def _livelink(columns: Mapping[str, int], arkit: Mapping[str, int], *, also_aus: bool) -> Layout:
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
    if also_aus:
        notes.append("The track has AUs and blendshapes: the blendshapes, which say how intense, are played.")
    clock, time = _clock(columns)
    face, size = columns.get("identity"), _size(columns)
    return Layout("ARKit", clock, time, tuple(channels), face, size, flags, notes=tuple(notes))


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
    for name in ("timestamp_ms", "timestampms", "frame_time_in_ms", "time_ms"):
        if name in columns:
            return "milliseconds", columns[name]
    if "timecode" in columns:
        return "timecode", columns["timecode"]
    for name in ("frame", "frame_idx", "frame_number"):
        if name in columns:
            return "frames", columns[name]
    raise TimelineError("it has no time; give a column timestamp (seconds), timestamp_ms, Timecode, or frame.")


def _arkit_name(name: str) -> str:
    """``eyeBlink_L`` and ``EyeBlinkLeft`` alike, in small letters."""
    for short, side in (("_l", "left"), ("_r", "right")):
        if name.endswith(short):
            return name.removesuffix(short) + side
    return name.replace("_", "")


def _missing(aus: Sequence[int]) -> list[str]:
    return [f"The track has no {', '.join(f'AU{au}' for au in aus)}: there nothing moves."] if aus else []
