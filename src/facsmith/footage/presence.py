"""How much of a change a frame takes: all where the face is well seen, none where it is lost, and no step between."""

from typing import Final

import numpy as np

from facsmith._types import Array
from facsmith.face.points import yaw_degrees
from facsmith.footage.smoothing import runs_of, smoothed
from facsmith.footage.survey import Survey
from facsmith.timeline import ease

__all__ = ["presence", "steady_landmarks"]


_FADE: Final = 0.25
"""Seconds in which a change goes before the face is lost, and comes after it is found: shorter is seen as a jump."""
_TURNING, _TURNED = 28.0, 40.0
"""Degrees between which a change fades as the head turns away."""
_WINDOW: Final = 0.05  # seconds
_WANDERING: Final = 0.012
"""IOD by which a landmark of a still face wanders; what moves faster than that from frame to frame is movement."""


def presence(survey: Survey) -> Array:
    """(T,) in [0, 1]. At a cut nothing fades: a new shot may begin as it is."""
    runs = runs_of(survey.seen, survey.cuts)
    weight = np.zeros(len(survey))
    for run in range(int(runs.max(initial=-1)) + 1):
        at = np.flatnonzero(runs == run)
        since, left = np.full(len(at), np.inf), np.full(len(at), np.inf)
        if at[0] > 0 and not survey.cuts[at[0]]:
            since = survey.seconds[at] - survey.seconds[at[0] - 1]
        if at[-1] + 1 < len(survey) and not survey.cuts[at[-1] + 1]:
            left = survey.seconds[at[-1] + 1] - survey.seconds[at]
        weight[at] = ease(np.minimum(since, left) / _FADE, "smooth")
    seen = np.flatnonzero(survey.seen)
    yaw = np.array([abs(yaw_degrees(survey.landmarks[t])) for t in seen])
    steady = smoothed(yaw[:, None], survey.seconds[seen], runs[seen], time=3 * _WINDOW, noise=10.0)[:, 0]
    weight[seen] *= ease((_TURNED - steady) / (_TURNED - _TURNING), "smooth")
    return weight


def steady_landmarks(survey: Survey) -> Array:
    """(T, 68, 2) pixels: landmarks without their wandering; NaN where the face is not seen."""
    runs = runs_of(survey.seen, survey.cuts)
    points = survey.landmarks.astype(np.float64)
    seen = np.flatnonzero(survey.seen)
    out = points.copy()
    if len(seen):
        apart = points[seen][:, [36, 39]].mean(axis=1) - points[seen][:, [42, 45]].mean(axis=1)
        noise = _WANDERING * float(np.median(np.linalg.norm(apart, axis=1)))
        out[seen] = smoothed(points[seen], survey.seconds[seen], runs[seen], time=_WINDOW, noise=noise)
    return out
