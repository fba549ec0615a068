"""Lines in pictures: the best path through a table, where points lie beside a polyline, which box holds a mask."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facsmith._types import Array

__all__ = ["beside_line", "best_path", "box_of"]


def best_path(worth: Array, price: Array) -> NDArray[np.intp]:
    """The path through a table that is worth most (dynamic programming).

    Parameters
    ----------
    worth
        (n, m).
    price
        (2 k + 1,) what a step of -k to k columns from row to row costs; no step is wider.

    Returns
    -------
    (n,) the path's columns.
    """
    n, m = worth.shape
    widest = len(price) // 2
    back = np.zeros((n, m), np.intp)
    steps, columns = np.arange(-widest, widest + 1), np.arange(int(m))
    padded = np.full(m + 2 * widest, -np.inf)
    total = padded[widest : widest + m]
    total[:] = worth[0]
    beside = np.lib.stride_tricks.sliding_window_view(padded, m)[::-1]  # a row for each step
    for row in range(1, n):
        ways = beside - price[:, None]
        chosen = ways.argmax(axis=0)
        back[row] = columns - steps[chosen]
        total[:] = worth[row] + ways[chosen, columns]
    path = np.zeros(n, np.intp)
    path[-1] = total.argmax()
    for row in range(n - 1, 0, -1):
        path[row - 1] = back[row, path[row]]
    return path


def beside_line(at: Array, line: Array) -> tuple[Array, Array]:
    """Of points (..., 2) the squared distance (...) from a polyline (n, 2), and how far along it they lie, 0 to 1."""
    closest, position = np.full(at.shape[:-1], np.inf), np.zeros(at.shape[:-1])
    for index, (start, end) in enumerate(pairwise(line)):
        along = end - start
        t = np.clip(((at - start) @ along) / max(float(along @ along), 1e-12), 0.0, 1.0)
        squared = ((at - start - t[..., None] * along) ** 2).sum(axis=-1)
        position = np.where(squared < closest, (index + t) / (len(line) - 1), position)
        closest = np.minimum(closest, squared)
    return closest, position


def box_of(mask: NDArray[Any]) -> tuple[slice, slice]:
    """The rows and columns that hold all of a mask (h, w) that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
