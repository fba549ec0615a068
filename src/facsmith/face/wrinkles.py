"""Wrinkles that AUs draw into skin, finer than the muscle table's shading: where FACS describes them.

Ekman, Friesen & Hager 2002, the appearance changes of each AU. People's wrinkles lie a little differently on everybody,
so that an average over coded peaks shows folds but no line; lines are therefore drawn, on the mean face, and move with
the skin. Face frame of `face.muscles`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facsmith.face.paths import beside_line

__all__ = ["EXTENT", "STEP", "wrinkle_maps"]

Points = tuple[tuple[float, float], ...]

STEP: Final = 0.0075
"""IOD between the nodes of a map."""
EXTENT: Final = (-1.15, 1.15, -1.0, 1.75)
"""Left, right, top and bottom of the maps, on the mean face."""
_RIDGE: Final = 0.25  # of a crease's depth, by which the skin beside it is lighter
_REACH: Final = 6.0  # widths from its middle, to which a crease is drawn


@dataclass(frozen=True)
class _Crease:
    """A line on the left half of the picture, its mirror image on the right one.

    depth: natural logarithm of the gain in its middle at intensity 1. width: standard deviation across it, IOD. line:
    points of the mean face.
    """

    au: int
    depth: float
    width: float
    line: Points

    def drawn(self, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """Logarithm (h, w) of the gain at points (h, w, 2): a dark line between lighter ridges, which fades to its
        ends, but not to the midline, where it meets its mirror image."""
        line = np.array(self.line)
        squared, position = beside_line(at, line)
        fade = np.sin(np.pi * (position / 2 if line[-1, 0] == 0 else position)) ** 0.6
        across = np.sqrt(squared) / self.width
        log = _RIDGE * np.exp(-((across - 2.6) ** 2) / 2) - np.exp(-(across**2) / 2)
        return np.asarray(self.depth * fade * log, np.float32)


_CREASES: Final = (
    # Between the brows that are drawn together.
    _Crease(4, 0.16, 0.015, ((-0.08, -0.43), (-0.085, -0.32), (-0.075, -0.22), (-0.09, -0.10))),
    # Crow's feet, and below the lower lid.
    _Crease(6, 0.09, 0.012, ((-0.80, -0.03), (-0.90, -0.08), (-1.02, -0.11))),
    _Crease(6, 0.09, 0.012, ((-0.80, 0.03), (-0.92, 0.04), (-1.04, 0.05))),
    _Crease(6, 0.07, 0.012, ((-0.79, 0.09), (-0.90, 0.13), (-1.00, 0.19))),
    _Crease(6, 0.08, 0.018, ((-0.70, 0.12), (-0.52, 0.17), (-0.32, 0.16))),
    _Crease(7, 0.08, 0.016, ((-0.66, 0.10), (-0.50, 0.13), (-0.34, 0.12))),
    # Across the root of the nose, and down its sides.
    _Crease(9, 0.10, 0.015, ((-0.12, -0.03), (-0.05, 0.0), (0.0, 0.005))),
    _Crease(9, 0.07, 0.015, ((-0.13, 0.05), (-0.05, 0.08), (0.0, 0.085))),
    _Crease(9, 0.07, 0.015, ((-0.07, 0.15), (-0.15, 0.20), (-0.22, 0.28))),
    # From the wings of the nose to the corners of the mouth, and beside these.
    _Crease(10, 0.12, 0.024, ((-0.24, 0.58), (-0.34, 0.71), (-0.43, 0.87), (-0.46, 0.98))),
    _Crease(12, 0.16, 0.024, ((-0.26, 0.62), (-0.37, 0.74), (-0.47, 0.88), (-0.52, 1.02))),
    _Crease(14, 0.20, 0.020, ((-0.46, 0.99), (-0.49, 1.07), (-0.47, 1.15))),
    _Crease(20, 0.12, 0.020, ((-0.47, 1.00), (-0.52, 1.10), (-0.50, 1.22))),
)


@lru_cache(maxsize=1)
def wrinkle_maps() -> dict[int, NDArray[np.float32]]:
    """AU -> (2, height, width) natural logarithms of the gain at intensity 1 of the person's left and right side, on a
    grid of `STEP` over `EXTENT` of the mean face."""
    left, right, top, bottom = EXTENT
    x, y = np.arange(left, right, STEP), np.arange(top, bottom, STEP)
    maps: dict[int, NDArray[np.float32]] = {}
    for crease in _CREASES:
        columns, rows = (
            _around(nodes, [point[axis] for point in crease.line], _REACH * crease.width)
            for axis, nodes in enumerate((x, y))
        )
        log = maps.setdefault(crease.au, np.zeros((2, len(y), len(x)), np.float32))
        log[1, rows, columns] += crease.drawn(np.stack(np.meshgrid(x[columns], y[rows]), axis=-1))
    of_right = (0.5 - 0.5 * np.tanh(x / 0.02)).astype(np.float32)  # the person's right side is on the picture's left
    for log in maps.values():
        log[1] *= of_right
        log[0] = log[1][:, ::-1]
    return maps


def _around(nodes: NDArray[np.float64], values: Sequence[float], reach: float) -> slice:
    """The ascending nodes that are no farther than ``reach`` from the range of values."""
    near = np.flatnonzero((nodes > min(values) - reach) & (nodes < max(values) + reach))
    return slice(int(near[0]), int(near[-1]) + 1)
