"""What the frame-by-frame formats share: whole delays that do not drift, and the rectangle that changed."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

__all__ = ["changed", "durations"]


def durations(fps: Fraction, per_second: int) -> Iterator[int]:
    """Delays of frame 0, 1, ... in whole units of 1/per_second s; their running sum never drifts from the true time."""
    index, shown = 0, 0
    while True:
        index += 1
        until = round(index * per_second / fps)
        yield until - shown
        shown = until


def changed(frame: npt.NDArray[np.uint8], before: npt.NDArray[np.uint8] | None) -> tuple[int, int, int, int]:
    """The smallest rectangle (top, left, bottom, right) outside which (H, W, ...) arrays agree; one pixel if all do."""
    height, width = frame.shape[:2]
    if before is None:
        return 0, 0, height, width
    differs = (frame != before).reshape(height, width, -1).any(axis=-1)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if len(rows) == 0:
        return 0, 0, 1, 1
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
