"""Where the iris of an eye lies in a photo: the disc whose rim, where lids leave it free, turns from dark to light.

After Daugman (1993), "High confidence visual recognition of persons by a test of statistical independence". Against
MediaPipe's irises, 95 open eyes of 49 portraits: centre .08 radii off across and .13 down, radius .05 (medians).
"""

from typing import NamedTuple

import cv2
import numpy as np

from facsmith._types import Array, FloatImage
from facsmith.compose.eyelids import Lids, at_s

__all__ = ["Iris", "fit_iris"]


_RADIUS = 0.205  # of the eye's width: 5.9 mm of 29 mm
_RADII = 0.8, 1.25  # of it: what a fitted radius may be
_ANGLES = np.linspace(0, 2 * np.pi, 48, endpoint=False)
_RIM = 0.12  # of the radius, inside and outside of the rim


class Iris(NamedTuple):
    """The iris of one eye, a disc.

    Parameters
    ----------
    centre
        (2,) pixels.
    radius
        Pixels.
    contrast
        Contrast of its rim, in grey levels; below some 6 there is none to be seen.
    """

    centre: Array
    radius: float
    contrast: float


def fit_iris(grey: FloatImage, lids: Lids, start: Array | None = None) -> Iris:
    """The disc whose rim has the greatest contrast.

    Parameters
    ----------
    grey
        (H, W) float32.
    start
        (3,) x, y and radius where a landmarker saw it; else it is looked for in the whole opening.
    """
    eye = lids.width
    if start is None:
        middle = float(lids.upper[len(lids.upper) // 2] + 0.45 * lids.opening[len(lids.opening) // 2])
        at = np.array([0.5 * eye, middle])
        radius, reach = _RADIUS * eye, np.array([0.22 * eye, 0.08 * eye, 0.2])
    else:
        at, radius, reach = lids.local(start[:2]), float(start[2]), np.array([0.2, 0.2, 0.15]) * [start[2], start[2], 1]
    soft = np.asarray(cv2.GaussianBlur(grey, (0, 0), max(0.06 * radius, 0.5)), np.float32)
    low, high = _RADII[0] * _RADIUS * eye, _RADII[1] * _RADIUS * eye
    best = np.array([*at, np.clip(radius, low, high)])
    score = -np.inf
    for _ in range(4):
        steps = np.stack(np.meshgrid(*[np.linspace(-1, 1, 7)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        tried = best + steps * reach * [1, 1, best[2]]
        tried[:, 2] = np.clip(tried[:, 2], low, high)
        scores = _contrast(soft, lids, tried)
        scores -= 12 * ((tried - [*at, radius]) ** 2 / (np.array([0.35, 0.25, 0.35]) * eye * 0.6) ** 2).sum(axis=1)
        k = int(scores.argmax())
        if scores[k] <= score:
            reach = reach / 2.2
            continue
        best, score, reach = tried[k], float(scores[k]), reach / 2.2
    contrast = float(_contrast(soft, lids, best[None])[0])
    place = lids.corner + best[0] * lids.along + best[1] * lids.down
    return Iris(np.asarray(place, np.float64), float(best[2]), contrast)


def _contrast(grey: FloatImage, lids: Lids, discs: Array) -> Array:
    """(N,) mean rise of brightness across the rims of discs (N, 3) in the eye's axes, where the opening shows them."""
    around = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=-1)  # (A, 2)
    tables = np.stack([lids.upper, lids.opening], axis=-1)

    def seen(scale: float) -> tuple[Array, Array]:
        local = discs[:, None, :2] + scale * discs[:, None, 2:] * around
        x, y = (
            (lids.corner + local[..., :1] * lids.along + local[..., 1:] * lids.down)
            .astype(np.float32)
            .transpose(2, 0, 1)
        )
        s = (local[..., 0] / lids.width).astype(np.float32)
        upper, opening = cv2.split(at_s(tables, s))
        depth = local[..., 1]
        free = (
            (s > 0.03)
            & (s < 0.97)
            & (depth > upper + 0.02 * lids.iod)
            & (depth < upper + np.asarray(opening) - 0.01 * lids.iod)
        )
        values = cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(values, np.float64), free.astype(np.float64)

    (inner, free), (outer, beyond) = seen(1 - _RIM), seen(1 + _RIM)
    weight = free * beyond * (0.3 + np.abs(around[:, 0]))
    total = weight.sum(axis=1)
    rise = (np.clip(outer - inner, -40, 80) * weight).sum(axis=1)
    return np.asarray(rise / np.maximum(total, 4.0), np.float64)
