"""Blinks: the lids of a finished frame drawn over its eyes (AU45, which no boundary moves).

The skin between brow and upper lid is stretched downwards until the lid's edge lies on the lower lid; what the lid has
not reached yet stays as it is, as the eye behind a real one does.

Conventions: in an eye's own axes s runs along the line between its corners, 0 to 1, and y down across it, in pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facsmith.face.points import interocular

__all__ = ["Lids"]

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]

_LASHES = 0.025  # IOD: the moving edge lies this far above the landmarks, which sit on the eyeball's own edge
_BELOW = 0.012  # IOD: a closed lid ends this far below the lower lid's landmarks
_SKIN = 0.6  # of the way from the lid to the middle of the brow: there the brow's own hair begins
_LEAST_SKIN = 0.07  # IOD
_RIGID = 0.05  # IOD above the moving edge: lashes and their line, which do not stretch
_CORNER = 0.06  # of the eye's width: how softly the lid ends at its corners
_S = np.linspace(-0.3, 1.3, 161)


class Lids:
    """Closes the eyes of frames of one face."""

    def __init__(self, landmarks: npt.ArrayLike) -> None:
        """landmarks: (68, 2) in the frames' pixels."""
        points = np.asarray(landmarks, np.float64)
        iod = float(interocular(points))
        left = _eye(points[42:48], points[22:27], iod)  # the person's own left eye: on the image's right
        self._eyes = (left, _eye(points[36:42], points[17:22], iod))

    def closed(self, frame: Pixels, left: float, right: float) -> Pixels:
        """The frame (H, W, 3) with the person's left and right eye closed by so much, 0 to 1; 0 leaves it as it is."""
        if max(left, right) <= 0:
            return frame
        out = frame.copy()
        for eye, closure in zip(self._eyes, (left, right), strict=True):
            if closure > 0:
                _close(out, frame, eye, min(closure, 1.0))
        return out


@dataclass(frozen=True, eq=False)
class _Eye:
    """corner: (2,) pixels, the image-left one. along: (2,) unit. width, iod: pixels. upper, opening, skin: tables over
    ``_S``, in pixels: height of the upper lid's edge, way from there down to the lower lid, skin above that stretches.
    """

    corner: Array
    along: Array
    width: float
    iod: float
    upper: Array
    opening: Array
    skin: Array


def _eye(points: Array, brow: Array, iod: float) -> _Eye:
    """points: (6, 2) corner, two upper, corner, two lower, from image left to right and back. brow: (5, 2)."""
    across = points[3] - points[0]
    width = max(float(np.hypot(*across)), 1e-6)
    along = across / width
    axes = np.stack([along, [-along[1], along[0]]], axis=1)
    local = (points - points[0]) @ axes
    upper, lower = (_bow(local[list(index)], width) for index in ((1, 2), (5, 4)))
    shape = np.clip(4 * _S * (1 - _S), 0, None)
    upper = _smooth(upper) - _LASHES * iod * np.clip(shape, 0.3, None)
    opening = _smooth(np.maximum(lower + _BELOW * iod * shape - upper, 0) * (shape > 0))
    above = (brow - points[0]) @ axes
    order = np.argsort(above[:, 0])
    ceiling = np.asarray(np.interp(_S * width, above[order, 0], above[order, 1]), np.float64)
    skin = _smooth(np.maximum(_SKIN * (upper - ceiling), _LEAST_SKIN * iod))
    return _Eye(points[0], along, width, iod, upper, opening, skin)


def _bow(pair: Array, width: float) -> Array:
    """Over ``_S``: the bow through both corners, where it is 0, and a lid's two points (2, 2)."""

    def basis(s: Array) -> Array:
        return np.clip(4 * s * (1 - s), 0, None)[:, None] * np.stack([np.ones(len(s)), 2 * s - 1], axis=1)

    fitted = np.linalg.lstsq(basis(pair[:, 0] / width), pair[:, 1], rcond=None)[0]
    return np.asarray(basis(_S) @ fitted, np.float64)


def _smooth(table: Array) -> Array:
    """The corners rounded: skin beyond them comes along a little."""
    sigma = _CORNER / (_S[1] - _S[0])
    rounded = cv2.GaussianBlur(table[:, None], (1, 0), 1e-6, sigmaY=sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(rounded, np.float64)[:, 0]


def _close(out: Pixels, frame: Pixels, eye: _Eye, closure: float) -> None:
    """Write one closed eye into ``out``."""
    down = np.array([-eye.along[1], eye.along[0]])
    height, width = frame.shape[:2]
    ends = (_S[0] * eye.width, _S[-1] * eye.width)
    depths = (float((eye.upper - eye.skin).min()) - 1, float((eye.upper + eye.opening).max()) + 1)
    corners = np.array([eye.corner + a * eye.along + d * down for a in ends for d in depths])
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, (width, height)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, (width, height)).astype(int).tolist()
    if left >= right or top >= bottom:
        return
    y, x = np.mgrid[top:bottom, left:right].astype(np.float64)
    relative = np.stack([x, y], axis=-1) - eye.corner
    s, depth = relative @ eye.along / eye.width, relative @ down
    upper, opening, skin = (np.interp(s, _S, table) for table in (eye.upper, eye.opening, eye.skin))
    edge = upper + closure * opening
    ceiling = upper - skin
    # The lashes move as they are; the skin above them is stretched evenly, from 0 at the ceiling on.
    moves = closure * opening
    stretched = np.maximum(skin - _RIGID * eye.iod, 0.3 * skin)
    shift = -moves * np.clip((depth - ceiling) / (stretched + moves), 0, 1)
    moved = cv2.remap(
        frame,
        (x + shift * down[0]).astype(np.float32),
        (y + shift * down[1]).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    share = (np.clip(edge - depth + 0.5, 0, 1) * (moves > 0.05))[..., None]
    region = frame[top:bottom, left:right].astype(np.float32)
    mixed = region + share * (moved.astype(np.float32) - region)
    out[top:bottom, left:right] = np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)
