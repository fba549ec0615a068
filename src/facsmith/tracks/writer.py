"""A timeline as other programs read it: OpenFace-style CSV and Live Link Face CSV, one row a frame."""

import csv
import os
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from facsmith._files import atomic_path
from facsmith.facs import DISFA
from facsmith.timeline import BLINK, Timeline
from facsmith.tracks.layouts import ARKIT, WHOLE

__all__ = ["write_livelink", "write_openface"]

Array = npt.NDArray[np.float64]

_CHUNK = 4096
_SHOWS = 1.0
"""On OpenFace's scale, level A: from there on AU01_c says that the AU shows."""

_EYE = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")
_MOUTH_PAIRS = ("MouthSmile", "MouthFrown", "MouthDimple", "MouthStretch")
_LIVELINK = (
    *(f"Eye{what}{side}" for side in ("Left", "Right") for what in _EYE),
    *("JawForward", "JawRight", "JawLeft", "JawOpen"),
    *("MouthClose", "MouthFunnel", "MouthPucker", "MouthRight", "MouthLeft"),
    *(f"{what}{side}" for what in _MOUTH_PAIRS for side in ("Left", "Right")),
    *("MouthRollLower", "MouthRollUpper", "MouthShrugLower", "MouthShrugUpper"),
    *(f"{what}{side}" for what in ("MouthPress", "MouthLowerDown", "MouthUpperUp") for side in ("Left", "Right")),
    *("BrowDownLeft", "BrowDownRight", "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight"),
    *("CheekPuff", "CheekSquintLeft", "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight", "TongueOut"),
    *(f"{what}{turn}" for what in ("Head", "LeftEye", "RightEye") for turn in ("Yaw", "Pitch", "Roll")),
)
"""The 61 columns of Live Link Face, in its order."""


def write_openface(path: str | os.PathLike[str], timeline: Timeline, *, fps: float) -> None:
    """Write an OpenFace-style CSV: AU01_r to AU45_r from 0 to 5, AU01_c and so on. Of two sides the larger is written.

    Every row says success 1 and confidence 1: nothing was recorded, so nothing was missed.
    """
    names = [f"AU{au:02d}" for au in (*DISFA, BLINK)]
    head = ["frame", "timestamp", "confidence", "success", *(f"{n}_r" for n in names), *(f"{n}_c" for n in names)]

    def rows() -> Iterator[list[object]]:
        for first, times in _chunks(timeline, fps):
            scaled = 5 * np.column_stack([timeline.at(times), timeline.blinks(times).max(axis=1)])
            for index, (seconds, row) in enumerate(zip(times.tolist(), scaled, strict=True), first):
                numbers = [f"{value:.4f}" for value in row]
                shows = [int(value >= _SHOWS) for value in row]
                yield [index + 1, f"{seconds:.6f}", 1, 1, *numbers, *shows]

    _write(path, head, rows())


def write_livelink(path: str | os.PathLike[str], timeline: Timeline, *, fps: float) -> None:
    """Write a Live Link Face CSV, sides kept where ARKit has them; AU25 has no blendshape there and is left out."""
    columns = {name: index for index, name in enumerate(_LIVELINK)}

    def rows() -> Iterator[list[object]]:
        for _, times in _chunks(timeline, fps):
            faces = np.concatenate([timeline.sides(times), timeline.blinks(times)[:, :, None]], axis=2)  # (T, 2, 13)
            values = np.zeros((len(times), len(_LIVELINK)))
            for au, shape in ARKIT.items():
                sides = faces[:, :, (*DISFA, BLINK).index(au)]
                shape = shape[0].upper() + shape[1:]
                if au in WHOLE:
                    values[:, columns[shape]] = sides.max(axis=1)
                else:
                    values[:, [columns[f"{shape}Left"], columns[f"{shape}Right"]]] = sides
            for seconds, row in zip(times.tolist(), values, strict=True):
                yield [_timecode(seconds, fps), len(_LIVELINK), *(f"{value:.6f}" for value in row)]

    _write(path, ["Timecode", "BlendShapeCount", *_LIVELINK], rows())


def _timecode(seconds: float, fps: float) -> str:
    """``HH:MM:SS:FF.mmm``: frames of the second and thousandths of a frame."""
    thousandths = round((seconds % 1) * fps * 1000)
    whole = int(seconds)
    if thousandths >= fps * 1000:
        whole, thousandths = whole + 1, 0
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours:02d}:{minutes:02d}:{whole % 60:02d}:{thousandths // 1000:02d}.{thousandths % 1000:03d}"


def _chunks(timeline: Timeline, fps: float) -> Iterator[tuple[int, Array]]:
    times = timeline.frame_times(fps)
    for first in range(0, len(times), _CHUNK):
        yield first, times[first : first + _CHUNK]


def _write(path: str | os.PathLike[str], head: list[str], rows: Iterator[list[object]]) -> None:
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
