"""An eye's lids: the contours of its opening, and the upper lid's skin that slides over the eyeball.

Conventions: in an eye's own axes s runs along the line between its corners, from 0 at the image-left one to 1, and the
depth across it downwards, in pixels. Tables are taken over `S`.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Array, FloatImage

__all__ = ["BROW_OF", "POINTS_OF", "Lids", "Pixel", "at_s", "closing", "lids", "located", "step"]


POINTS_OF = (slice(42, 48), slice(36, 42))
"""Landmarks of the person's own left eye (on the image's right) and of the right one."""
BROW_OF = (slice(22, 27), slice(17, 22))

_CLOSED = 0.02  # IOD: a closed lid ends this far below the lower lid's landmarks
_SKIN = 0.6  # of the way from the lid to the middle of the brow: there the brow's own hair begins
_LEAST_SKIN = 0.07  # IOD
_FROM_BELOW = 1.35  # power by which a lid's stretch falls towards the brow; 1 is even
_RIGID = 0.04  # IOD above the moving edge: lashes and their line, which do not stretch
_SHADE, _SHADED = 0.3, 0.03  # share of the light that a lid keeps from the ball at its edge; IOD over which that falls
_COVER = 0.004, 0.014  # IOD above and below its edge: between them the lid ends, with its lashes' dark line
_UNFOLDED, _GONE = 0.04, 0.8  # IOD: scale of creases and lashes; the part of them that a shut lid loses
_ROOTS = 0.018  # IOD above the edge: the lashes' roots stay dark
_CORNER = 0.05  # of the eye's width: how softly the lid ends at its corners
_UPPER_EDGE, _LOWER_EDGE = 0.022, 0.016  # IOD over which the eyeball appears from under a lid: the lashes' roots
_OPENED_EDGE = 0.012  # IOD, under an upper lid that has opened wide: an iris stretched with it leaves nothing
_GREY = np.full((1, 3), 1 / 3, np.float32)
S = np.linspace(-0.3, 1.3, 161)
_BULGE = np.clip(4 * S * (1 - S), 0, None)


@dataclass(frozen=True, eq=False)
class Pixel:
    """Where the pixels of a box lie, seen from the lids.

    Parameters
    ----------
    box
        Left, top, right, bottom, ends excluded.
    s, depth, upper, opening, skin
        (h, w) float32, the tables of `Lids` at each pixel.
    """

    box: tuple[int, int, int, int]
    s: FloatImage
    depth: FloatImage
    upper: FloatImage
    opening: FloatImage
    skin: FloatImage

    @property
    def slices(self) -> tuple[slice, slice]:
        """For indexing (H, W, ...) arrays."""
        left, top, right, bottom = self.box
        return slice(top, bottom), slice(left, right)


@dataclass(frozen=True, eq=False)
class Lids:
    """The lids of one eye, as tables along the line between its corners.

    Parameters
    ----------
    corner
        (2,) pixels, the corner on the image's left.
    along
        (2,) unit vector from there to the other corner.
    width, iod
        Width of the eye and distance between the eyes, in pixels.
    upper
        Depth of the upper lid's edge, in pixels.
    opening
        Way from there down to the lower lid, in pixels.
    skin
        Height of the skin above that stretches, in pixels.
    """

    corner: Array
    along: Array
    width: float
    iod: float
    upper: Array
    opening: Array
    skin: Array
    _pixels: dict[tuple[int, ...], Pixel | None] = field(default_factory=dict[tuple[int, ...], "Pixel | None"])

    @property
    def down(self) -> Array:
        """(2,) unit, across the eye."""
        return np.array([-self.along[1], self.along[0]])

    @property
    def aperture(self) -> float:
        """The opening's greatest height, relative to the eye's width."""
        return float((self.opening * (_BULGE > 0)).max()) / self.width

    def local(self, points: npt.ArrayLike) -> Array:
        """(..., 2) pixels -> (..., 2) along and across the eye from its image-left corner, in pixels."""
        return (np.asarray(points, np.float64) - self.corner) @ np.stack([self.along, self.down], axis=1)

    def pixels(self, shape: tuple[int, ...]) -> Pixel | None:
        """The pixels that the lids can reach in a picture (H, W, ...); None where the eye lies outside of it."""
        size = tuple(shape[:2])
        if size not in self._pixels:
            self._pixels[size] = self._located(size[0], size[1])
        return self._pixels[size]

    def _located(self, height: int, width: int) -> Pixel | None:
        ends = (S[0] * self.width, S[-1] * self.width)
        rim = 0.1 * self.iod
        depths = (float((self.upper - self.skin).min()) - 1, float((self.upper + self.opening).max()) + rim)
        corners = np.array([self.corner + a * self.along + d * self.down for a in ends for d in depths])
        left, top = np.clip(np.floor(corners.min(axis=0)), 0, (width, height)).astype(int).tolist()
        right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, (width, height)).astype(int).tolist()
        if left >= right or top >= bottom:
            return None
        return located(self, (left, top, right, bottom))

    def showing(self, at: Pixel, moves: FloatImage | float = 0.0, opened: float = 0.0) -> FloatImage:
        """(h, w) in [0, 1]: how much of the eyeball shows, with the upper lid's edge lower by ``moves`` pixels.

        The eyeball appears softly from under the lashes' roots, and ends at the corners.

        Parameters
        ----------
        opened
            0 for lids as in the photo, 1 where muscles have opened them wide.
        """
        edge = _UPPER_EDGE + opened * (_OPENED_EDGE - _UPPER_EDGE)
        under = at.depth - at.upper - moves
        over = at.upper + at.opening - at.depth
        inside = np.minimum(at.s, 1 - at.s) * np.float32(self.width / (0.04 * self.iod))
        return (
            step(under / np.float32(edge * self.iod)) * step(over / np.float32(_LOWER_EDGE * self.iod)) * step(inside)
        )

    def shade(self, at: Pixel, moves: FloatImage | float = 0.0) -> FloatImage:
        """(h, w): the part of the light that the upper lid, its edge lower by ``moves`` pixels, lets onto the ball."""
        under = np.clip(at.depth - at.upper - moves, 0, None)
        return np.asarray(1 - np.float32(_SHADE) * np.exp(-under / np.float32(_SHADED * self.iod)), np.float32)

    def lowered(self, skin: FloatImage, at: Pixel, moves: FloatImage) -> tuple[FloatImage, FloatImage]:
        """(h, w, 3) the upper lid's skin, and (h, w), where it lies.

        Lashes move as they are, the skin above is stretched, none where the brow begins.

        Parameters
        ----------
        skin
            (h, w, 3), the frame at those pixels.
        moves
            (h, w) pixels by which the lid's edge is lower, or higher where they are negative.
        """
        ceiling = at.upper - at.skin
        stretched = np.maximum(at.skin - np.float32(_RIGID * self.iod), 0.3 * at.skin)
        moves = np.asarray(np.maximum(moves, -0.6 * stretched), np.float32)
        # Most of the skin comes from right above the lashes, as far as that does not fold it.
        room = stretched + moves
        power = np.clip(0.95 * room / np.maximum(moves, 1e-3), 1, _FROM_BELOW)
        shift = -moves * np.clip((at.depth - ceiling) / room, 0, 1) ** power
        left, top, right, bottom = at.box
        down = self.down.astype(np.float32)
        x = np.arange(right - left, dtype=np.float32)[None] + shift * down[0]
        y = np.arange(bottom - top, dtype=np.float32)[:, None] + shift * down[1]
        sheet = np.asarray(cv2.remap(skin, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32)
        above = at.upper + moves - at.depth
        # A crease is skin in reserve: unfolded, it is gone, and so are lashes that stood before it: light skin counts.
        weight = np.square(np.square(cv2.transform(sheet, _GREY) / np.float32(255))) + np.float32(1e-4)
        total = np.asarray(cv2.GaussianBlur(weight, (0, 0), _UNFOLDED * self.iod), np.float32)
        soft = np.asarray(cv2.GaussianBlur(sheet * weight[..., None], (0, 0), _UNFOLDED * self.iod), np.float32)
        soft /= total[..., None]
        share = np.clip(moves / np.maximum(at.opening.max(), 1e-3), 0, 1)
        share *= np.clip(2 * (at.depth - ceiling) / np.maximum(at.skin, 1e-3), 0, 1)
        # Nor does a lid take white along from below an edge that was read too low.
        mean = np.asarray(cv2.GaussianBlur(sheet, (0, 0), _UNFOLDED * self.iod), np.float32)
        near = step(1.5 - np.abs(above) / np.float32(_ROOTS * self.iod))
        sheet -= (share * near)[..., None] * np.maximum(sheet - 0.9 * mean, 0)
        share *= np.float32(_GONE) * step(above / np.float32(_ROOTS * self.iod) - 0.5)
        sheet += share[..., None] * (soft - sheet)
        under = at.depth - at.upper - moves
        cover = 1 - step((under + np.float32(_COVER[0] * self.iod)) / np.float32((_COVER[1] + _COVER[0]) * self.iod))
        cover = cover * (at.depth > ceiling)
        return sheet, np.asarray(cover * np.clip(np.abs(moves) / 0.3, 0, 1), np.float32)


def lids(landmarks: Array, side: int) -> Lids:
    """The lids of one eye.

    Parameters
    ----------
    landmarks
        (68, 2) pixels.
    side
        0 for the person's own left eye, 1 for the right one.
    """
    points, brow = landmarks[POINTS_OF[side]], landmarks[BROW_OF[side]]
    iod = max(float(np.linalg.norm(landmarks[[42, 45]].mean(axis=0) - landmarks[[36, 39]].mean(axis=0))), 1e-6)
    across = points[3] - points[0]
    width = max(float(np.hypot(*across)), 1e-6)
    along = across / width
    axes = np.stack([along, [-along[1], along[0]]], axis=1)
    local = (points - points[0]) @ axes
    upper, lower = (_bow(local[list(index)], width) for index in ((1, 2), (5, 4)))
    upper = _smooth(upper)
    opening = np.asarray(np.maximum(_smooth(lower) - upper, 0) * (_BULGE > 0), np.float64)
    above = (brow - points[0]) @ axes
    order = np.argsort(above[:, 0])
    ceiling = np.asarray(np.interp(S * width, above[order, 0], above[order, 1]), np.float64)
    skin = _smooth(np.maximum(_SKIN * (upper - ceiling), _LEAST_SKIN * iod))
    return Lids(points[0], along, width, iod, upper, opening, skin)


def located(eye: Lids, box: tuple[int, int, int, int]) -> Pixel:
    """The pixels of a box in an eye's own axes."""
    left, top, right, bottom = box
    x = np.arange(left, right, dtype=np.float32)[None] - np.float32(eye.corner[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(eye.corner[1])
    a, b = (np.float32(v) for v in eye.along)
    s, depth = np.asarray((x * a + y * b) / np.float32(eye.width), np.float32), y * a - x * b
    upper, opening, skin = cv2.split(at_s(np.stack([eye.upper, eye.opening, eye.skin], axis=-1), s))
    s, depth, upper, opening, skin = (np.asarray(plane, np.float32) for plane in (s, depth, upper, opening, skin))
    return Pixel(box, s, depth, upper, opening, skin)


def closing(at: Pixel, iod: float) -> FloatImage:
    """(h, w) pixels by which the upper lid's edge sinks until the eye is shut."""
    bulge = np.clip(4 * at.s * (1 - at.s), 0, None)
    return np.asarray(at.opening + np.float32(_CLOSED * iod) * bulge, np.float32)


def at_s(table: Array, s: FloatImage) -> FloatImage:
    """A table (161,) or (161, C) over `S` at (h, w): (h, w) or (h, w, C)."""
    place = (s - np.float32(S[0])) / np.float32(S[1] - S[0])
    rows = np.ascontiguousarray(table[None], np.float32)
    return np.asarray(
        cv2.remap(rows, place, np.zeros_like(place), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _bow(pair: Array, width: float) -> Array:
    """Over ``S``: the bow through both corners, where it is 0, and a lid's two points (2, 2)."""

    def basis(s: Array) -> Array:
        return np.clip(4 * s * (1 - s), 0, None)[:, None] * np.stack([np.ones(len(s)), 2 * s - 1], axis=1)

    fitted = np.linalg.lstsq(basis(pair[:, 0] / width), pair[:, 1], rcond=None)[0]
    return np.asarray(basis(S) @ fitted, np.float64)


def _smooth(table: Array) -> Array:
    """The corners rounded: skin beyond them comes along a little."""
    sigma = _CORNER / (S[1] - S[0])
    rounded = cv2.GaussianBlur(table[:, None], (1, 0), 1e-6, sigmaY=sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(rounded, np.float64)[:, 0]


def step(x: npt.NDArray[np.floating]) -> FloatImage:
    """From 0 to 1 smoothly while x does."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float32)
