"""The iris found in a photo: a dark disc between the lids, by the jump in brightness around it.

After Daugman (1993), "High confidence visual recognition of persons by a test of statistical independence": over
circles, the largest mean derivative across the circle; here on what the lids leave free, both eyes sharing the radius.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facsmith.compose.eyelids import Eyelids

__all__ = ["Iris", "find_irises"]

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]

_SIDE = 64  # samples across an eye
_RADII = np.linspace(0.15, 0.25, 11)  # of the eye's width: 11.7 mm across in an eye of 24 to 32 mm
_ACROSS = np.linspace(0.24, 0.76, 40)
_ANGLES = np.linspace(0, 2 * np.pi, 48, endpoint=False)
_STEP = 0.16  # of the radius: the jump is measured from so far inside to so far outside
_ROWS = 2  # of 0.015 of the width: how much higher or lower than the mean of both an iris may lie
_LEAST_OPEN = 0.13  # of the width: less is a closed eye
_LEAST_JUMP = 0.10  # of the brightest in the eye: less is sunglasses, or a face too dark or too small


@dataclass(frozen=True, eq=False)
class Iris:
    """centre: (2,) and radius, in the photo's pixels."""

    centre: Array
    radius: float


def find_irises(photo: Pixels, eyes: Sequence[Eyelids]) -> tuple[Iris | None, ...]:
    """photo: (H, W, 3) RGB. None for an eye that is closed or shows no disc."""
    scores = [_scores(photo, eye) if eye.aspect >= _LEAST_OPEN else None for eye in eyes]
    # Both eyes are of one size and look the same way: the circles of both lie about as high between the lids.
    best = [_highest_near(np.asarray(score[0].max(axis=2), np.float64)) for score in scores if score is not None]
    if not best:
        return (None,) * len(eyes)
    size, middle = np.unravel_index(int(np.argmax(np.sum(best, axis=0))), best[0].shape)
    near = slice(max(int(middle) - _ROWS, 0), int(middle) + _ROWS + 1)
    radius = float(_RADII[size] * np.mean([eye.width for eye, s in zip(eyes, scores, strict=True) if s is not None]))
    found: list[Iris | None] = []
    for eye, score in zip(eyes, scores, strict=True):
        if score is None:
            found.append(None)
            continue
        table, depths = score
        row, column = (int(i) for i in np.unravel_index(np.argmax(table[size, near]), table[size, near].shape))
        row += near.start
        if not table[size, row, column] >= _LEAST_JUMP:
            found.append(None)
            continue
        down = np.array([-eye.along[1], eye.along[0]])
        across = _peak(table[size, row], _ACROSS, column)
        centre = eye.corner + across * eye.width * eye.along + depths[row] * eye.width * down
        found.append(Iris(centre, radius))
    return tuple(found)


def _scores(photo: Pixels, eye: Eyelids) -> tuple[Array, Array]:
    """(R, Y, X) of every circle, and the depths (Y,) of the rows in widths."""
    s, depth = np.meshgrid(np.arange(-16, _SIDE + 17) / _SIDE, np.arange(-32, 33) / _SIDE)
    down = np.array([-eye.along[1], eye.along[0]])
    at = eye.corner + eye.width * (s[..., None] * eye.along + depth[..., None] * down)
    # Red tells brown irises from the white best and hardly sees veins; green helps blue ones.
    colour = cv2.remap(photo, at[..., 0].astype(np.float32), at[..., 1].astype(np.float32), cv2.INTER_LINEAR)
    below, above = eye.distances(at[..., 0], at[..., 1])
    free = (below > 0.03 * eye.width) & (above > 0.015 * eye.width)
    grey = colour[..., :2].mean(axis=2, dtype=np.float64)
    bright = max(float(np.percentile(grey[free], 95)), 1.0) if free.any() else 1.0
    # A catch-light is no part of the disc's brightness: what is brightest is cut.
    grey = np.minimum(np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.float64) / bright, 1.0)

    middle = eye.edges.mean(axis=0)[len(eye.edges[0]) // 2] / eye.width
    depths = middle + np.linspace(-0.10, 0.08, 13)
    radius, y, x, angle = (
        _RADII[:, None, None, None],
        np.asarray(depths, np.float64)[None, :, None, None],
        _ACROSS[None, None, :, None],
        _ANGLES,
    )
    values: list[Array] = []
    seen: list[npt.NDArray[np.bool_]] = []
    for far in (1.0 - _STEP, 1 + _STEP, 0.5):
        column = np.clip(np.rint((x + far * radius * np.cos(angle)) * _SIDE + 16), 0, grey.shape[1] - 1).astype(int)
        row = np.clip(np.rint((y + far * radius * np.sin(angle)) * _SIDE + 32), 0, grey.shape[0] - 1).astype(int)
        values.append(grey[row, column])
        seen.append(free[row, column])
    usable = seen[0] & seen[1]
    jump = np.where(usable, np.clip(values[1] - values[0], -0.5, 0.5), 0.0)
    sides = [np.cos(_ANGLES) > 0.3, np.cos(_ANGLES) < -0.3]
    # Both flanks count alike, however much of each is free: otherwise the darkness of one corner wins.
    flanks = [jump[..., side].sum(-1) / np.maximum(usable[..., side].sum(-1), 4) for side in sides]
    whole = jump.sum(-1) / np.maximum(usable.sum(-1), 12)
    inner = np.where(seen[2], values[2], 0).sum(-1) / np.maximum(seen[2].sum(-1), 1)
    table = np.minimum(*flanks) + 0.5 * np.maximum(*flanks) + whole - 0.4 * inner
    return np.asarray(table), depths


def _highest_near(table: Array) -> Array:
    """(R, Y): the largest value within ``_ROWS`` rows."""
    return np.asarray(cv2.dilate(table, np.ones((1, 2 * _ROWS + 1), np.uint8)), np.float64)


def _peak(row: Array, places: Array, index: int) -> float:
    """The place of a maximum between samples, by a parabola."""
    if not 0 < index < len(row) - 1:
        return float(places[index])
    a, b, c = (float(value) for value in row[index - 1 : index + 2])
    bend = a - 2 * b + c
    return float(places[index] + (0.5 * (a - c) / bend if bend < -1e-9 else 0.0) * (places[1] - places[0]))
