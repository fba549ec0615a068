"""One eye's ball as a photo shows it, in layers: the sclera without its iris, the whole iris, its catch-light.

What lids or the iris hide is completed: the sclera from its own colours beside the gap, the iris from its own rings.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Array, FloatImage
from facsmith.compose.eyelids import Lids, located, step
from facsmith.compose.iris import Iris

__all__ = ["Eyeball", "eyeball"]


_LIMBUS = 1.03, 1.2  # radii: up to the first all is iris, from the second on nothing
_SCLERA = 1.16, 1.26  # radii: up to the first the sclera is completed, from the second on it is the photo's
_GLINT = 30.0  # grey levels above the iris's own rings, and
_GLINT_WHITE = 0.9  # of the sclera's brightness: light that the cornea mirrors
_FINE = 7.0  # pixels: a smaller iris shows neither its rays nor a catch-light that could move by itself
_CORNEA = 0.75, 1.0  # radii between which that light ends
_GLINT_FOLLOWS = 0.5  # of the iris's way: the cornea's centre lies half as far from the eye's as the iris
_SQUEEZE = 0.08  # of its width that the iris loses to perspective where it has moved by one and a half radii
_BALL = 2.05  # radii of the iris: the eye's own, 12 mm


@dataclass(frozen=True, eq=False)
class Eyeball:
    """The ball of one eye as the photo shows it, under its lids.

    Parameters
    ----------
    box
        Left, top, right, bottom in photo pixels.
    sclera, disc, glint
        (h, w, 3) float32, the white, the iris and the highlight, the last one added to what lies below it; all as if no
        lid cast a shadow.
    remains
        (h, w), where the photo's own iris reaches over the lower lid's edge.
    """

    box: tuple[int, int, int, int]
    iris: Iris
    sclera: FloatImage
    disc: FloatImage
    glint: FloatImage
    remains: FloatImage

    def looking(self, move: Array) -> FloatImage:
        """(h, w, 3): the ball with its iris moved by ``move`` (2,) photo pixels."""
        left, top, right, bottom = self.box
        x = np.arange(left, right, dtype=np.float32)[None] - np.float32(self.iris.centre[0] + move[0])
        y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(self.iris.centre[1] + move[1])
        way = float(np.hypot(*move))
        turned = min(way / (_BALL * self.iris.radius), 0.95)
        wide = 1 / (1 - _SQUEEZE * min((turned * _BALL / 1.5) ** 2, 1.5))
        if way > 0:
            ex, ey = (np.float32(v) for v in move / way)
            more = (x * ex + y * ey) * np.float32(wide - 1)
            x, y = x + more * ex, y + more * ey
        else:
            x, y = np.broadcast_arrays(x, y)
        radius = np.sqrt(x * x + y * y) / np.float32(self.iris.radius)
        share = 1 - step((radius - _LIMBUS[0]) / (_LIMBUS[1] - _LIMBUS[0]))
        ix, iy = (np.float32(v) for v in self.iris.centre)
        disc = cv2.remap(self.disc, x + (ix - left), y + (iy - top), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        ball = self.sclera + share[..., None] * (disc - self.sclera)
        if self.glint.any():
            gx, gy = (_GLINT_FOLLOWS * v for v in move.tolist())
            way_of = np.array([[1, 0, gx], [0, 1, gy]], np.float64)
            light = np.asarray(cv2.warpAffine(self.glint, way_of, (right - left, bottom - top)), np.float32)
            if way > 0:
                light *= (1 - step((radius - _CORNEA[0]) / (_CORNEA[1] - _CORNEA[0])))[..., None]
            ball += light
        return np.asarray(ball, np.float32)


def eyeball(photo: npt.NDArray[np.uint8], lids: Lids, iris: Iris) -> Eyeball | None:
    """The ball of one eye; None where it lies outside the photo.

    Parameters
    ----------
    photo
        (H, W, 3) uint8 RGB.
    iris
        In pixels of the photo.
    """
    reach = np.array([0.75, 0.62]) * lids.width
    middle = lids.corner + 0.5 * lids.width * lids.along
    size = np.array(photo.shape[1::-1])
    left, top = np.clip(np.floor(middle - reach), 0, size).astype(int).tolist()
    right, bottom = np.clip(np.ceil(middle + reach) + 1, 0, size).astype(int).tolist()
    if right - left < 4 or bottom - top < 4:
        return None
    box = (left, top, right, bottom)
    at = located(lids, box)
    seen = photo[top:bottom, left:right].astype(np.float32) / lids.shade(at)[..., None]
    x = np.arange(left, right, dtype=np.float32)[None] - np.float32(iris.centre[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(iris.centre[1])
    r = iris.radius
    radius = np.asarray(np.sqrt(x * x + y * y) / np.float32(r), np.float32)
    under = (at.depth - at.upper) / np.float32(lids.iod)
    over = (at.upper + at.opening - at.depth) / np.float32(lids.iod)
    inside = (at.s > 0.03) & (at.s < 0.97)
    opening = inside & (under > 0) & (over > 0)
    clear = step((under - 0.012) / 0.02) * step((over - 0.004) / 0.012) * inside
    sclera, white = _sclera(seen, radius, inside & (under > 0.03) & (over > 0.02), clear, opening, r)
    centre = float(iris.centre[0] - left), float(iris.centre[1] - top)
    disc, glint = _iris(seen, radius, inside & (under > 0.035) & (over > 0.015), r, white, centre)
    dark = step((0.92 - seen.mean(axis=2) / np.maximum(sclera.mean(axis=2), 1)) / 0.15)
    remains = dark * step((1.25 - radius) / 0.1) * step((over + 0.004) / 0.006) * step((under - 0.03) / 0.02)
    remains = np.asarray(cv2.GaussianBlur(remains, (0, 0), max(0.06 * r, 0.5)), np.float32)
    return Eyeball(box, iris, sclera, disc, glint, remains)


def _sclera(
    seen: FloatImage,
    radius: FloatImage,
    sure: npt.NDArray[np.bool_],
    clear: FloatImage,
    opening: npt.NDArray[np.bool_],
    r: float,
) -> tuple[FloatImage, float]:
    """(h, w, 3) the sclera everywhere: the photo's where it shows, else smoothly completed; its brightness."""
    grey = seen.mean(axis=2)
    known = sure & (radius > _SCLERA[0])
    if known.any():
        # Lashes and their shadow are no sclera; lids seldom leave the same brightness on both sides.
        known &= grey > 0.7 * float(np.percentile(grey[known], 60))
    if known.sum() < 6:
        known = opening & (grey >= np.percentile(grey[opening], 80)) if opening.any() else grey >= grey.max()
    weight = known.astype(np.float32)
    filled = np.broadcast_to(np.median(seen[known], axis=0).astype(np.float32), seen.shape).copy()
    for sigma in (1.2, 0.6, 0.3, 0.12):
        total = cv2.GaussianBlur(weight, (0, 0), max(sigma * r, 0.5))
        mean = cv2.GaussianBlur(seen * weight[..., None], (0, 0), max(sigma * r, 0.5))
        trust = np.asarray(total / (total + np.float32(0.05)), np.float32)[..., None]
        filled += trust * (np.asarray(mean, np.float32) / np.maximum(total, 1e-6)[..., None] - filled)
    # Lashes over the sclera are the lid's: they do not stay where the lid goes.
    light = step((grey / np.maximum(filled.mean(axis=2), 1) - 0.6) / 0.2)
    own = step((radius - _SCLERA[0]) / (_SCLERA[1] - _SCLERA[0])) * clear
    own = own * cv2.GaussianBlur(np.asarray(light * own > 0.5, np.float32), (0, 0), max(0.05 * r, 0.5)) * light
    sclera = filled + np.asarray(own, np.float32)[..., None] * (seen - filled)
    return np.asarray(sclera, np.float32), float(filled[opening].mean()) if opening.any() else 255.0


def _iris(
    seen: FloatImage,
    radius: FloatImage,
    free: npt.NDArray[np.bool_],
    r: float,
    white: float,
    centre: tuple[float, float],
) -> tuple[FloatImage, FloatImage]:
    """(h, w, 3) the whole iris, completed by its own rings, and the light that the cornea mirrors."""
    edges = np.linspace(0, 1.4, 29)
    middles = (edges[1:] + edges[:-1]) / 2
    ring = np.digitize(radius, edges) - 1
    known: list[float] = []
    colours: list[Array] = []
    for k, middle in enumerate(middles):
        here = free & (ring == k)
        if here.sum() >= 4:
            known.append(float(middle))
            colours.append(np.median(seen[here], axis=0).astype(np.float64))
    if not known:
        return seen.copy(), np.zeros_like(seen)
    fine = r > _FINE
    rings = np.stack([np.interp(radius, known, [c[i] for c in colours]) for i in range(3)], axis=-1).astype(np.float32)
    rings = np.asarray(cv2.GaussianBlur(rings, (0, 0), max(0.04 * r, 0.4)), np.float32)
    excess = (seen - rings).mean(axis=2)
    bright = ((excess > _GLINT) & (seen.mean(axis=2) > _GLINT_WHITE * white) & free & (radius < 0.95) & fine).astype(
        np.uint8
    )
    grown = cv2.dilate(bright, np.ones((3, 3), np.uint8), iterations=round(0.06 * r))
    mirrored = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), max(0.03 * r, 0.4))
    mirrored = np.asarray(np.minimum(mirrored * 1.2, 1), np.float32)[..., None] * free[..., None]
    glint = np.maximum(seen - rings, 0) * mirrored
    own = cv2.GaussianBlur(
        cv2.erode(free.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=round(0.06 * r)).astype(np.float32),
        (0, 0),
        max(0.05 * r, 0.5),
    )
    own_share, glinted = np.asarray(own, np.float32), np.ascontiguousarray(mirrored[..., 0])
    own = own_share[..., None] * (1 - mirrored)
    # What a lid hides looks as the part that lies opposite, below the pupil.
    detail = np.asarray(own * (seen - rings), np.float32)
    rows = 2 * centre[1] - np.arange(len(seen), dtype=np.float32)[:, None] + np.zeros_like(radius)
    columns = np.arange(seen.shape[1], dtype=np.float32)[None] + np.zeros_like(radius)
    opposite = cv2.remap(detail, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    disc = rings + detail
    if fine:
        disc += (1 - cv2.max(own_share, glinted)[..., None]) * opposite
    return np.asarray(disc, np.float32), np.asarray(glint, np.float32)
