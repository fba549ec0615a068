"""A face at rest over several frames: where its landmarks lie on average, and by how much they wander."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.errors import InputError
from facsmith.measure.displacement import NOISE, POINT_WEIGHTS, aligned_displacement

__all__ = ["Rest", "rest_of", "resting_frames"]


_MOST: Final = 25
_WINDOW: Final = 1.0
"""Seconds to each side of the moment of rest in which further resting frames are looked for."""
_ALIKE: Final = 1.5, 0.04, 0.25
"""Frames that differ from the middle one by more than so many times what the nearest five do (`_FEWEST`) show
something; the least and the most that this may be, IOD over all points. A landmarker's wandering on a still face is .05
to .12, brows raised by AU1 and AU2 of .6 are .17 away."""
_SURE: Final = 3.0
"""Standard deviations of its wandering from which on an AU counts."""
_FEWEST: Final = 5
"""Frames from which a spread can be told."""


class Rest(NamedTuple):
    """A face at rest, seen in several frames.

    Attributes
    ----------
    landmarks
        (68, 2), the mean of the resting frames in the pixels of the first of them.
    wandering
        (N, 68, 2) IOD, how each of them differs from that mean.
    """

    landmarks: Array
    wandering: Array

    def noise(self, responses: Array) -> Array:
        """(K,) the length of movement along each AU's own (K, 68, 2) that the resting face shows by chance, at least
        the landmarker's: for `from_displacement`."""
        if len(self.wandering) < _FEWEST:
            return np.full(len(responses), NOISE)
        rows = (responses * POINT_WEIGHTS).reshape(len(responses), -1)
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        along = (self.wandering * POINT_WEIGHTS).reshape(len(self.wandering), -1) @ rows.T
        return np.maximum(NOISE, _SURE * np.sqrt((along**2).mean(axis=0)))


def rest_of(faces: Sequence[Array]) -> Rest:
    """The mean of resting frames, and by how much they wander.

    Parameters
    ----------
    faces
        (68, 2) landmarks of the resting frames, in pixels; the first gives the place of the mean.

    Raises
    ------
    InputError
        There is none.
    """
    if len(faces) == 0:
        raise InputError("No frame shows the face at rest.")
    first = np.asarray(faces[0], np.float64)
    moved = np.stack([aligned_displacement(points, first) for points in faces])
    left, right = first[[36, 39]].mean(axis=0), first[[42, 45]].mean(axis=0)
    across = right - left
    x = across / np.hypot(*across)
    to_pixels = np.stack([x, [-x[1], x[0]]]) * np.hypot(*across)
    return Rest(first + moved.mean(axis=0) @ to_pixels, moved - moved.mean(axis=0))


def resting_frames(seconds: Array, landmarks: Array, at: float) -> npt.NDArray[np.int64]:
    """Which frames show what the one at second ``at`` shows, and rest as it does: it first, then the most alike.

    Parameters
    ----------
    seconds
        (T,).
    landmarks
        (T, 68, 2) pixels. Returns indices, up to 25.
    """
    middle = int(np.argmin(np.abs(seconds - at)))
    near = np.flatnonzero(np.abs(seconds - seconds[middle]) <= _WINDOW)
    apart = np.array([np.linalg.norm(aligned_displacement(landmarks[k], landmarks[middle])) for k in near])
    order, apart = near[np.argsort(apart, kind="stable")], np.sort(apart)
    times, least, most = _ALIKE
    alike = order[apart <= np.clip(times * apart[min(_FEWEST, len(apart) - 1)], least, most)]
    return np.concatenate([[middle], alike[alike != middle]])[:_MOST].astype(np.int64)
