"""A timeline as other programs read it: OpenFace-style CSV and Live Link Face CSV, one row a frame."""

import csv
import os
from collections.abc import Iterator

import numpy as np

from facsmith._files import atomic_path
from facsmith._types import Array
from facsmith.facs import AUS
from facsmith.timeline import Timeline
from facsmith.tracks.arkit import blendshapes
from facsmith.tracks.layouts import FULL_GAZE, GAZE, GAZE_AUS

__all__ = ["write_livelink", "write_openface"]


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
    """Write an OpenFace-style CSV: AU01_r to AU45_r from 0 to 5, AU01_c and so on, and where the eyes look in radians
    (gaze_angle_x, gaze_angle_y). Of two sides the larger is written.

    Every row says success 1 and confidence 1: nothing was recorded, so nothing was missed.
    """
    columns = [column for column, au in enumerate(AUS) if au not in GAZE_AUS]
    names = [f"AU{AUS[column]:02d}" for column in columns]
    aus = (*(f"{n}_r" for n in names), *(f"{n}_c" for n in names))
    head = ["frame", "timestamp", "confidence", "success", *GAZE, *aus]

    def rows() -> Iterator[list[object]]:
        for first, times in _chunks(timeline, fps):
            faces = timeline.at(times)
            gaze = [faces[:, AUS.index(ahead)] - faces[:, AUS.index(back)] for ahead, back in GAZE.values()]
            looks = FULL_GAZE * np.column_stack(gaze)
            rows = zip(times.tolist(), looks, 5 * faces[:, columns], strict=True)
            for index, (seconds, look, row) in enumerate(rows, first):
                numbers = [f"{value:.4f}" for value in (*look, *row)]
                shows = [int(value >= _SHOWS) for value in row]
                yield [index + 1, f"{seconds:.6f}", 1, 1, *numbers, *shows]

    _write(path, head, rows())


def write_livelink(path: str | os.PathLike[str], timeline: Timeline, *, fps: float) -> None:
    """Write a Live Link Face CSV, sides kept where ARKit has them (`tracks.arkit`). The head has no angles."""
    columns = {name: index for index, name in enumerate(_LIVELINK)}

    def rows() -> Iterator[list[object]]:
        for _, times in _chunks(timeline, fps):
            values = np.zeros((len(times), len(_LIVELINK)))
            for shape, curve in blendshapes(timeline.sides(times)).items():
                values[:, columns[shape[0].upper() + shape[1:]]] = curve
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
