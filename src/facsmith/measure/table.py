"""Measured AUs as OpenFace 2 writes them, so that what reads OpenFace reads us.

Columns: ``frame`` (from 1), ``face_id``, ``timestamp`` (seconds), ``confidence``, ``success``, ``x_0`` ... ``y_67``
(the 68 points in pixels), ``AU01_r`` ... (0 to 5) and ``AU01_c`` ... (0 or 1, from FACS level A). Beyond OpenFace's:
``AU01_reliable`` ..., whether the AU can be told at all.
"""

import csv
import os
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from facsmith._files import atomic_path
from facsmith.facs import DISFA, INTENSITY_LETTERS
from facsmith.measure.measured import Measured, confidence

__all__ = ["COLUMNS", "Row", "write_table"]

_POINTS: Final = range(68)
COLUMNS: Final = (
    "frame",
    "face_id",
    "timestamp",
    "confidence",
    "success",
    *(f"{axis}_{point}" for axis in "xy" for point in _POINTS),
    *(f"AU{au:02d}_r" for au in DISFA),
    *(f"AU{au:02d}_c" for au in DISFA),
    *(f"AU{au:02d}_reliable" for au in DISFA),
)
_LEVELS: Final = 5.0  # OpenFace's intensity E


class Row(NamedTuple):
    """What was measured in one frame.

    Parameters
    ----------
    frame
        Its number, from 0.
    seconds
        Since the start.
    measured
        None where no face could be seen.
    """

    frame: int
    seconds: float
    measured: Measured | None


def write_table(path: str | os.PathLike[str], rows: Iterable[Row]) -> int:
    """Write the rows as they come, whole or not at all; returns how many there were."""
    count = 0
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for row in rows:
            table.writerow(_cells(row))
            count += 1
    return count


def _cells(row: Row) -> list[str]:
    head = [str(row.frame + 1), "0", f"{row.seconds:.3f}"]
    if row.measured is None:
        return [*head, *("0" for _ in COLUMNS[len(head) :])]
    found = row.measured
    e = np.nan_to_num(found.intensities)
    return [
        *head,
        f"{confidence(found.face):.3f}",
        "1",
        *(f"{value:.1f}" for value in found.face.landmarks.T.ravel()),
        *(f"{_LEVELS * value:.2f}" for value in e),
        *(str(int(value >= INTENSITY_LETTERS["A"])) for value in e),
        *(str(int(flag)) for flag in found.reliable),
    ]
