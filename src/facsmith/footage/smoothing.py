"""Curves over the frames of a film, smoothed without lag: noise goes, movement stays.

Every moment is a weighted mean of its neighbours in time; those that differ from it by more than noise does weigh
little (a bilateral filter, Tomasi & Manduchi 1998, over time). Nothing is smoothed across a cut or a frame without the
face: ``runs`` says which frames belong together.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith._types import Array

__all__ = ["runs_of", "smoothed"]


_REACH: Final = 3.0  # standard deviations in time


def runs_of(present: npt.NDArray[np.bool_], cuts: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(T,) the number of each frame's run of unbroken frames, -1 where the face is not present.

    Parameters
    ----------
    present
        (T,) whether the face is seen.
    cuts
        (T,) whether a shot begins at the frame.
    """
    begins = present & (cuts | ~np.concatenate([[False], present[:-1]]))
    return np.where(present, np.cumsum(begins) - 1, -1)


def smoothed(values: Array, seconds: Array, runs: npt.NDArray[np.int64], *, time: float, noise: float | Array) -> Array:
    """Curves smoothed in time, each quantity as much as it trembles.

    Parameters
    ----------
    values
        (T, C) or (T, P, C), one row a frame; the last axis is one quantity, judged by its length.
    seconds
        (T,) of each frame, growing.
    runs
        (T,) of `runs_of`; frames of run -1 stay as they are.
    time
        Standard deviation of the window in seconds.
    noise
        Difference up to which two moments are taken for one, in units of ``values``; broadcast against their lengths.
    """
    out = np.asarray(values, np.float64).copy()
    reach = _REACH * time
    first = np.searchsorted(seconds, seconds - reach)
    last = np.searchsorted(seconds, seconds + reach, side="right")
    for t in np.flatnonzero(runs >= 0):
        around = np.arange(int(first[t]), int(last[t]))
        near = around[runs[around] == runs[t]]
        apart = np.linalg.norm(values[near] - values[t], axis=-1, keepdims=True)
        weight = np.exp(-0.5 * ((seconds[near] - seconds[t]) / time) ** 2).reshape(-1, *[1] * (values.ndim - 1))
        weight = weight * np.exp(-0.5 * (apart / np.expand_dims(np.asarray(noise, np.float64), -1)) ** 2)
        out[t] = (weight * values[near]).sum(axis=0) / weight.sum(axis=0)
    return out
