"""Which column of a track means what: OpenFace, py-feat, ARKit (Live Link Face), told apart by their headers."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from facsmith._types import Array
from facsmith.errors import TimelineError
from facsmith.facs import AUS, DISFA, OCCURRENCE, au_list
from facsmith.timeline import BLINK, Sides
from facsmith.tracks import arkit
from facsmith.tracks.arkit import Curves

__all__ = ["GAZE", "GAZE_AUS", "Clock", "Column", "Layout", "layout"]

Clock = Literal["seconds", "milliseconds", "timecode", "frames"]

GAZE = {"gaze_angle_x": (61, 62), "gaze_angle_y": (64, 63)}
"""OpenFace's gaze, in radians from the camera -> AUs of its positive and negative half: x grows to the person's left, y
downwards."""
GAZE_AUS = (61, 62, 63, 64)
FULL_GAZE = np.pi / 6
"""Radians of a gaze of intensity 1."""
_PYFEAT_BLINK = 43  # eyes closed
_OPENFACE3 = {1, 2, 4, 6, 9, 12, 25, 26}
"""The AUs that OpenFace 3 writes, all of them and no other."""
_AU = re.compile(r"au(_?)0*(\d{1,2})(_r|_c|_l|_left|_right|_intensity)?")
_SIDES: Mapping[str, Sides] = {"L": "left", "R": "right"}


@dataclass(frozen=True)
class Column:
    """One column of numbers, each times ``scale``.

    Parameters
    ----------
    name
        Name of what it holds, as ``Layout.decode`` knows it.
    """

    name: str
    index: int
    scale: float = 1.0


@dataclass(frozen=True)
class Layout:
    """One file's columns.

    Parameters
    ----------
    clock, time
        How the time is given, and in which column.
    decode
        Turns the columns' numbers by name, (N,) each, into AU curves.
    face
        Column that tells which face a row is of, where the file has one.
    size
        Columns whose product is how large a row's face is.
    flags
        (column, smallest number) that a usable row has.
    probabilities
        The numbers say how surely an AU shows.
    notes
        What the user should know of it.
    """

    kind: str
    clock: Clock
    time: int
    columns: tuple[Column, ...]
    decode: Callable[[Mapping[str, Array]], Curves]
    face: int | None = None
    size: tuple[int, ...] = ()
    flags: tuple[tuple[int, float], ...] = ()
    probabilities: bool = False
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Columns that a usable row has at least."""
        return 1 + max(self.time, *(c.index for c in self.columns), *(column for column, _ in self.flags))


def layout(header: Sequence[str], *, min_confidence: float) -> Layout:
    """Tell a file's kind from its header.

    Raises
    ------
    TimelineError
        Columns of no kind that is known, or without a time.
    """
    names = [name.strip().lower() for name in header]
    columns: dict[str, int] = {}
    for index, name in enumerate(names):
        columns.setdefault(_padded(name), index)
    aus = {match[0]: match for match in (_AU.fullmatch(name) for name in columns) if match}
    shapes = _shapes(columns)
    sided = any(match[3] in ("_l", "_left") for match in aus.values())
    if any(match[3] == "_r" for match in aus.values()) and not sided:
        return _with_unplayed(_openface(columns, min_confidence), aus)
    if shapes:
        return _livelink(columns, shapes, also_aus=bool(aus))
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
    known = _numbered(columns, "au{:02d}_r", 0.2, BLINK)
    notes = _missing(known)
    if "au28_c" in columns and "28" not in {column.name for column in known}:  # OpenFace tells only that it occurs
        known.append(Column("28", columns["au28_c"], OCCURRENCE))
        notes.append(f"OpenFace tells of AU28 only that it occurs: played at {OCCURRENCE:g}.")
    known += [Column(name, columns[name], 1 / FULL_GAZE) for name in GAZE if name in columns]
    flags = [
        (columns[name], least) for name, least in (("success", 0.5), ("confidence", min_confidence)) if name in columns
    ]
    if "success" not in columns:
        notes.append("The track has no column `success`: every row is taken as a face that was seen.")
    clock, time = _clock(columns)
    face = columns.get("face_id")
    return Layout("OpenFace", clock, time, tuple(known), _decode_numbered, face, flags=tuple(flags), notes=tuple(notes))


def _pyfeat(columns: Mapping[str, int], aus: set[int]) -> Layout:
    known = tuple(_numbered(columns, "au{:02d}", 1.0, _PYFEAT_BLINK))
    clock, time = _clock(columns)
    size, missing = _size(columns), _missing(known)
    if aus == _OPENFACE3:
        said = ("These are the eight AUs of OpenFace 3; its numbers are taken as 0 to 1.", *missing)
        return Layout("OpenFace 3", clock, time, known, _decode_numbered, columns.get("face_id"), size, notes=said)
    said = ("py-feat writes how probable an AU is, not how intense: its numbers are taken as intensities.", *missing)
    face = columns.get("identity")
    return Layout("py-feat", clock, time, known, _decode_numbered, face, size, probabilities=True, notes=said)


def _sided(columns: Mapping[str, int]) -> Layout:
    """py-feat's AUs with a column for each side: AU12_L and AU12_R, or AU12_left and AU12_right, 0 to 1."""
    known: list[Column] = []
    for au in AUS:
        if au == _PYFEAT_BLINK or au in GAZE_AUS:
            continue
        stem = f"au{_PYFEAT_BLINK if au == BLINK else au:02d}"
        both = (("L", (f"{stem}_l", f"{stem}_left")), ("R", (f"{stem}_r", f"{stem}_right")))
        found = [Column(f"{side}{au}", columns[name]) for side, names in both for name in names if name in columns]
        known += found or ([Column(str(au), columns[stem])] if stem in columns else [])
    if not known:
        raise TimelineError(f"none of its AUs can be played here: {au_list(AUS)}.")
    said = ("AUs of two sides are probabilities, taken as intensities.", *_missing(known))
    clock, time = _clock(columns)
    face, size = columns.get("identity"), _size(columns)
    return Layout("py-feat", clock, time, tuple(known), _decode_numbered, face, size, probabilities=True, notes=said)


def _livelink(columns: Mapping[str, int], shapes: Mapping[str, int], *, also_aus: bool) -> Layout:
    known = tuple(Column(name, index) for name, index in shapes.items())
    flags = ((columns["blendshapecount"], 0.5),) if "blendshapecount" in columns else ()
    shown = {au for au, _ in arkit.action_units({name: np.zeros(0) for name in shapes})}
    missing = [au for au in DISFA if au not in shown]
    notes = [f"The track has no {au_list(missing)}: there nothing moves."] if missing else []
    unread = arkit.unread(shapes)
    if unread:
        notes.append(f"No AU that can be played shows ARKit's {', '.join(unread)}: left out.")
    if also_aus:
        notes.append("The track has AUs and blendshapes: the blendshapes, which say how intense, are played.")
    clock, time = _clock(columns)
    face, size = columns.get("identity"), _size(columns)
    return Layout("ARKit", clock, time, known, arkit.action_units, face, size, flags, notes=tuple(notes))


def _size(columns: Mapping[str, int]) -> tuple[int, ...]:
    """The columns of the box around a face: width and height."""
    return tuple(columns[name] for name in ("facerectwidth", "facerectheight") if name in columns)


def _with_unplayed(plan: Layout, aus: Mapping[str, re.Match[str]]) -> Layout:
    """Its notes name the AUs that have a column and are not played."""
    played = {int(column.name.lstrip("LR")) for column in plan.columns if column.name not in GAZE}
    unplayed = sorted({int(match[2]) for match in aus.values()} - played - {_PYFEAT_BLINK, BLINK})
    if not unplayed:
        return plan
    return replace(plan, notes=(*plan.notes, f"The track's {au_list(unplayed)} cannot be played here: left out."))


def _padded(name: str) -> str:
    """``au1_r``, ``au01_r`` and LibreFace's ``au_1_intensity`` alike: au01_r. LibreFace's ``au_1`` is an occurrence."""
    match = _AU.fullmatch(name)
    if match is None:
        return name
    suffix = "_r" if match[3] == "_intensity" else match[3] or ("_c" if match[1] else "")
    return f"au{int(match[2]):02d}{suffix}"


def _numbered(columns: Mapping[str, int], pattern: str, scale: float, blink: int) -> list[Column]:
    """Columns of the AUs that can be played and have one of their own, named by the AU's number."""
    wanted = {au: pattern.format(au) for au in AUS if au not in (*GAZE_AUS, blink)} | {BLINK: pattern.format(blink)}
    known = [Column(str(au), columns[name], scale) for au, name in wanted.items() if name in columns]
    if not known:
        raise TimelineError(f"none of its AUs can be played here: {au_list(AUS)}.")
    return known


def _decode_numbered(values: Mapping[str, Array]) -> Curves:
    """Columns named ``12``, one side of it ``L12`` or ``R12``, or as OpenFace's gaze."""
    curves: Curves = {}
    for name, numbers in values.items():
        if name in GAZE:
            ahead, back = GAZE[name]
            curves[ahead, None], curves[back, None] = (np.clip(way * numbers, 0.0, 1.0) for way in (1, -1))
        else:
            curves[int(name.lstrip("LR")), _SIDES.get(name[0])] = numbers
    return curves


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


def _shapes(columns: Mapping[str, int]) -> dict[str, int]:
    """ARKit's shapes among the columns, as Apple spells them -> column. ``eyeBlink_L`` and ``EyeBlinkLeft`` are alike,
    and ``eyeBlink`` is both."""
    plain: dict[str, int] = {}
    for name, column in columns.items():
        for short, side in (("_l", "left"), ("_r", "right")):
            name = name.removesuffix(short) + side if name.endswith(short) else name
        plain.setdefault(name.replace("_", ""), column)
    both = {
        shape.removesuffix("Left") for shape in arkit.SHAPES if f"{shape.removesuffix('Left')}Right" in arkit.SHAPES
    }
    return {shape: plain[shape.lower()] for shape in (*arkit.SHAPES, *sorted(both)) if shape.lower() in plain}


def _missing(known: Sequence[Column]) -> list[str]:
    missing = [au for au in DISFA if au not in {int(c.name.lstrip("LR")) for c in known}]
    return [f"The track has no {au_list(missing)}: there nothing moves."] if missing else []
