"""Which column of a track means what: OpenFace, py-feat, ARKit (Live Link Face), told apart by their headers."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from facsmith.errors import TimelineError
from facsmith.facs import AUS, DISFA, OCCURRENCE, au_list
from facsmith.timeline import BLINK
from facsmith.tracks import arkit
from facsmith.tracks.arkit import Curves

__all__ = ["GAZE", "GAZE_AUS", "Clock", "Column", "Layout", "layout"]

Array = npt.NDArray[np.float64]
Clock = Literal["seconds", "timecode", "frames"]

GAZE = {"gaze_angle_x": (61, 62), "gaze_angle_y": (64, 63)}
"""OpenFace's gaze, in radians from the camera -> AUs of its positive and negative half: x grows to the person's left, y
downwards."""
GAZE_AUS = (61, 62, 63, 64)
FULL_GAZE = np.pi / 6
"""Radians of a gaze of intensity 1."""
_PYFEAT_BLINK = 43  # eyes closed
_AU = re.compile(r"au(\d\d)(_r|_c)?")


@dataclass(frozen=True)
class Column:
    """One column of numbers, each times ``scale``. name: of what it holds, which ``Layout.decode`` knows."""

    name: str
    index: int
    scale: float = 1.0


@dataclass(frozen=True)
class Layout:
    """One file's columns. clock, time: how the time is given, and in which column. decode: the columns' numbers by
    name, (N,) each, as AU curves. face: which face a row is of, where the file tells. flags: (column, smallest number)
    that a usable row has. notes: what the user should know of it.
    """

    kind: str
    clock: Clock
    time: int
    columns: tuple[Column, ...]
    decode: Callable[[Mapping[str, Array]], Curves]
    face: int | None = None
    flags: tuple[tuple[int, float], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Columns that a usable row has at least."""
        return 1 + max(self.time, *(c.index for c in self.columns), *(column for column, _ in self.flags))


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
    shapes = _shapes(columns)
    if shapes:
        return _livelink(columns, shapes)
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
    return Layout(
        "OpenFace", clock, time, tuple(known), _decode_numbered, columns.get("face_id"), tuple(flags), tuple(notes)
    )


def _pyfeat(columns: Mapping[str, int]) -> Layout:
    known = _numbered(columns, "au{:02d}", 1.0, _PYFEAT_BLINK)
    notes = [
        "py-feat writes how probable an AU is, not how intense: its numbers are taken as intensities.",
        *_missing(known),
    ]
    clock, time = _clock(columns)
    return Layout("py-feat", clock, time, tuple(known), _decode_numbered, None, (), tuple(notes))


def _livelink(columns: Mapping[str, int], shapes: Mapping[str, int]) -> Layout:
    known = tuple(Column(name, index) for name, index in shapes.items())
    flags = ((columns["blendshapecount"], 0.5),) if "blendshapecount" in columns else ()
    shown = {au for au, _ in arkit.action_units({name: np.zeros(0) for name in shapes})}
    missing = [au for au in DISFA if au not in shown]
    notes = [f"The track has no {au_list(missing)}: there nothing moves."] if missing else []
    unread = arkit.unread(shapes)
    if unread:
        notes.append(f"No AU that can be played shows ARKit's {', '.join(unread)}: left out.")
    clock, time = _clock(columns)
    return Layout("ARKit", clock, time, known, arkit.action_units, None, flags, tuple(notes))


def _numbered(columns: Mapping[str, int], pattern: str, scale: float, blink: int) -> list[Column]:
    """Columns of the AUs that can be played and have one of their own, named by the AU's number."""
    wanted = {au: pattern.format(au) for au in AUS if au not in (*GAZE_AUS, blink)} | {BLINK: pattern.format(blink)}
    known = [Column(str(au), columns[name], scale) for au, name in wanted.items() if name in columns]
    if not known:
        raise TimelineError(f"none of its AUs can be played here: {au_list(AUS)}.")
    return known


def _decode_numbered(values: Mapping[str, Array]) -> Curves:
    curves: Curves = {}
    for name, numbers in values.items():
        if name in GAZE:
            ahead, back = GAZE[name]
            curves[ahead, None], curves[back, None] = (np.clip(way * numbers, 0.0, 1.0) for way in (1, -1))
        else:
            curves[int(name), None] = numbers
    return curves


def _clock(columns: Mapping[str, int]) -> tuple[Clock, int]:
    for name in ("timestamp", "time", "seconds"):
        if name in columns:
            return "seconds", columns[name]
    if "timecode" in columns:
        return "timecode", columns["timecode"]
    if "frame" in columns:
        return "frames", columns["frame"]
    raise TimelineError("it has no time; give a column timestamp (seconds), Timecode, or frame.")


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
    missing = [au for au in DISFA if str(au) not in {column.name for column in known}]
    return [f"The track has no {au_list(missing)}: there nothing moves."] if missing else []
