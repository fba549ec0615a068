"""An eye's lids: where their edges lie, and the upper one drawn lower or higher (AU43, AU45, and with the gaze).

The skin between brow and upper lid is stretched downwards until the lid's edge lies on the lower lid; what the lid has
not reached yet stays as it is, as the eye behind a real one does.

Conventions: in an eye's own axes s runs along the line between its corners, 0 to 1 from image left to right, and depth
down across it, in pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Eyelids", "close", "eyelids"]

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]

_LASHES = 0.025  # IOD: the moving edge lies this far above the landmarks, which sit on the eyeball's own edge
_BELOW = 0.012  # IOD: a closed lid ends this far below the lower lid's landmarks
_SKIN = 0.45  # of the way from the lid to the middle of the brow: there the brow's own hair begins
_LEAST_SKIN = 0.07  # IOD
_RIGID = 0.05  # IOD above the moving edge: lashes and their line, which do not stretch
_CORNER = 0.06  # of the eye's width: how softly the lid ends at its corners
_S = np.linspace(-0.3, 1.3, 161)


@dataclass(frozen=True, eq=False)
class Eyelids:
    """corner: (2,) pixels, the image-left one. along: (2,) unit. width, iod: pixels. Tables over ``_S``, in pixels:
    edges: (2, S) upper and lower lid at the landmarks; upper: height of the moving lid's edge; opening: way from there
    down to the lower lid; skin: height above that stretches.
    """

    corner: Array
    along: Array
    width: float
    iod: float
    edges: Array
    upper: Array
    opening: Array
    skin: Array

    @property
    def centre(self) -> Array:
        """(2,) pixels: the middle between both corners."""
        return np.asarray(self.corner + 0.5 * self.width * self.along, np.float64)

    @property
    def aspect(self) -> float:
        """The opening's largest height in widths of the eye."""
        return float((self.edges[1] - self.edges[0]).max() / self.width)

    def bounds(self) -> tuple[Array, Array]:
        """(2,) and (2,) pixels: the box of the opening, with the room that a raised lid takes."""
        depths = (float(min(self.edges[0].min(), self.upper.min())) - 0.1 * self.width, float(self.edges[1].max()) + 1)
        down = np.array([-self.along[1], self.along[0]])
        corners = np.array([self.corner + a * self.along + d * down for a in (0, self.width) for d in depths])
        return corners.min(axis=0), corners.max(axis=0)

    def place(self, x: Array, y: Array) -> tuple[Array, Array]:
        """s and depth of pixels."""
        dx, dy = x - self.corner[0], y - self.corner[1]
        return (dx * self.along[0] + dy * self.along[1]) / self.width, dy * self.along[0] - dx * self.along[1]

    def distances(self, x: Array, y: Array, *, closure: float = 0.0) -> tuple[Array, Array]:
        """Pixels below the upper lid's edge and above the lower one's; inside the opening both are positive."""
        s, depth = self.place(x, y)
        upper, lower = (np.asarray(np.interp(s, _S, table), np.float64) for table in self.edges)
        upper = upper + closure * np.interp(s, _S, self.opening)
        inside = (s > 0) & (s < 1)
        return np.where(inside, depth - upper, -1.0), np.where(inside, lower - depth, -1.0)


def eyelids(points: Array, brow: Array, iod: float) -> Eyelids:
    """points: (6, 2) corner, two upper, corner, two lower, from image left to right and back. brow: (5, 2)."""
    across = points[3] - points[0]
    width = max(float(np.hypot(*across)), 1e-6)
    along = across / width
    axes = np.stack([along, [-along[1], along[0]]], axis=1)
    local = (points - points[0]) @ axes
    edges = np.stack([_bow(local[list(index)], width) for index in ((1, 2), (5, 4))])
    shape = np.clip(4 * _S * (1 - _S), 0, None)
    upper = _smooth(edges[0]) - _LASHES * iod * np.clip(shape, 0.3, None)
    opening = _smooth(np.maximum(edges[1] + _BELOW * iod * shape - upper, 0) * (shape > 0))
    above = (brow - points[0]) @ axes
    order = np.argsort(above[:, 0])
    ceiling = np.asarray(np.interp(_S * width, above[order, 0], above[order, 1]), np.float64)
    skin = _smooth(np.maximum(_SKIN * (upper - ceiling), _LEAST_SKIN * iod))
    return Eyelids(points[0], along, width, iod, edges, upper, opening, skin)


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


def close(out: Pixels, frame: Pixels, eye: Eyelids, closure: float) -> None:
    """Draw the upper lid of ``frame`` over ``out``, lowered by ``closure`` of the opening; below 0 it is raised."""
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
    s, depth = eye.place(x, y)
    upper, opening, skin = (np.interp(s, _S, table) for table in (eye.upper, eye.opening, eye.skin))
    ceiling = upper - skin
    # The lashes move as they are; the skin above them is stretched evenly, from 0 at the ceiling on.
    stretched = np.maximum(skin - _RIGID * eye.iod, 0.3 * skin)
    moves = np.maximum(closure * opening, -0.5 * stretched)  # a raised lid folds its skin to half at most
    edge = upper + moves
    shift = -moves * np.clip((depth - ceiling) / (stretched + moves), 0, 1)
    moved = cv2.remap(
        frame,
        (x + shift * down[0]).astype(np.float32),
        (y + shift * down[1]).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    share = (np.clip(edge - depth + 0.5, 0, 1) * (np.abs(moves) > 0.05))[..., None]
    region = out[top:bottom, left:right].astype(np.float32)
    mixed = region + share * (moved.astype(np.float32) - region)
    out[top:bottom, left:right] = np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)
