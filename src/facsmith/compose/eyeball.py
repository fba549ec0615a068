"""An eye of a photo taken apart into what lies behind the lids: white, iris, catch-light; and laid again elsewhere.

Conventions: layers are float32 RGB in 0 to 255, the upper lid's shadow divided out, in a patch of the photo's pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facsmith.compose.eyelids import Eyelids
from facsmith.compose.iris import Iris

__all__ = ["Box", "Eyeball", "lid_shadow"]

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]
Layer = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""

_SHADOW, _SHADOW_REACH = 0.35, 0.07  # how much light the upper lid takes, and how far down, in widths of the eye
_RIM = (1.02, 1.16)  # of the radius: the disc is carried along whole up to the first, fading out to the second
_MIRRORED = 0.5  # of the mirrored texture: more shows lashes twice, less is a flat ring
_CATCH_LIGHT = 40.0  # brighter than the disc is at this radius: a reflection


def lid_shadow(below: Array, width: float) -> Layer:
    """The light left under the upper lid, 1 far from it. below: pixels below its edge."""
    return (1 - _SHADOW * np.exp(-((np.maximum(below, 0) / (_SHADOW_REACH * width)) ** 2))).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Eyeball:
    """origin: (2,) the patch's first pixel in the photo. whole: (h, w, 3) the eye at rest, completed behind the lids;
    white, disc, light: (h, w, 3) its layers. bare, bare_white: without what the photo shows close to the lids, as
    lashes. rim: (h, w) the disc's coverage.
    """

    origin: Array
    whole: Layer
    bare: Layer
    white: Layer
    bare_white: Layer
    disc: Layer
    rim: Layer
    light: Layer

    @classmethod
    def of(cls, photo: Pixels, lids: Eyelids, iris: Iris | None) -> "Eyeball | None":
        """None where no pixel of the eye is in the photo, or there is too little of it to go by."""
        height, width = photo.shape[:2]
        reach = 0.75 * lids.width
        left, top = np.clip(np.floor(lids.centre - reach), 0, (width, height)).astype(int).tolist()
        right, bottom = np.clip(np.ceil(lids.centre + reach) + 1, 0, (width, height)).astype(int).tolist()
        if iris is None or right - left < 8 or bottom - top < 8:
            return None
        y, x = np.mgrid[top:bottom, left:right].astype(np.float64)
        below, above = lids.distances(x, y)
        patch = photo[top:bottom, left:right].astype(np.float32) / lid_shadow(below, lids.width)[..., None]
        radius = np.hypot(x - iris.centre[0], y - iris.centre[1]) / iris.radius
        seen = (below > 0.5) & (above > 0.5)
        clear = (below > 0.045 * lids.width) & (above > 0.02 * lids.width)  # of lashes and the lids' wet edges
        beside, sure = seen & (radius > _RIM[1]), clear & (radius > 1.22)
        white = _white(patch, beside, sure, lids.place(x, y))
        bare_white = _white(patch, beside & clear, sure, lids.place(x, y))
        disc, light = _disc(patch, clear & (radius < 1.3), radius, (x, y), iris)
        rim = (1 - _smoothstep((radius - _RIM[0]) / (_RIM[1] - _RIM[0]))).astype(np.float32)

        def shown(ground: Layer, upper: float, lower: float) -> Layer:
            """The photo from so far, in widths, within the lids on; beyond, its layers with this white."""
            laid = ground + rim[..., None] * (disc - ground) + light
            own = _smoothstep(below / (0.03 * lids.width) - upper / 0.03)
            own = own * _smoothstep(above / (0.02 * lids.width) - lower / 0.02)
            return (laid + own[..., None] * (patch - laid)).astype(np.float32)

        origin = np.array([left, top], np.float64)
        return cls(origin, shown(white, 0.0, 0.0), shown(bare_white, 0.06, 0.03), white, bare_white, disc, rim, light)

    def laid(self, box: Box, shift: Array, turn: Array, *, bared: float) -> Layer:
        """The eye in a box of the frame.

        shift: (2,) pixels the whole eye goes. turn: (2,) the iris goes besides. bared: 0 with the lids where they were,
        1 where they are so far from there that nothing of them may be left on the eye.
        """
        far = float(np.hypot(*turn))
        whole = self._at(self.whole, box, shift)
        if bared > 0:
            whole += bared * (self._at(self.bare, box, shift) - whole)
        if far == 0:
            return whole
        white = self._at(self.white, box, shift)
        if bared > 0:
            white += bared * (self._at(self.bare_white, box, shift) - white)
        rim = self._at(self.rim, box, shift + turn, outside=0.0)[..., None]
        turned = white + rim * (self._at(self.disc, box, shift + turn) - white)
        turned += self._at(self.light, box, shift + 0.5 * turn, outside=0.0)
        return np.asarray(whole + min(far, 1.0) * (turned - whole), np.float32)

    def _at(self, layer: Layer, box: Box, shift: Array, *, outside: float | None = None) -> Layer:
        offset = self.origin + shift - box[:2]
        matrix = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float64)
        size = (box[2] - box[0], box[3] - box[1])
        mode = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
        moved = cv2.warpAffine(layer, matrix, size, flags=cv2.INTER_CUBIC, borderMode=mode, borderValue=0)
        return np.asarray(moved, np.float32)


def _white(
    patch: Layer, seen: npt.NDArray[np.bool_], clear: npt.NDArray[np.bool_], place: tuple[Array, Array]
) -> Layer:
    """The white as the photo shows it, and where it does not, its own colours' smooth continuation."""
    grey = np.asarray(patch.mean(axis=2), np.float64)
    if clear.sum() < 12:
        clear = seen
    if clear.sum() < 12:
        clear = np.ones(seen.shape, np.bool_)
    bright = float(np.percentile(grey[clear], 85))
    sure = clear & (grey > 0.6 * bright)
    s, depth = place
    s = np.clip(s, 0.12, 0.88) - 0.5
    across = depth / max(float(np.ptp(depth[seen])) if seen.any() else 1.0, 1.0)
    terms = np.stack([np.ones_like(s), s, s**2, np.clip(across, -1, 1)], axis=-1)
    a, b = terms[sure], patch[sure]
    penalty = np.diag([0.0, 0.02, 0.05, 0.05]) * len(a)
    base = terms @ np.linalg.solve(a.T @ a + penalty + 1e-6 * np.eye(4), a.T @ b)
    # What the fit leaves is carried on too, ever more smoothly the farther it is from what was seen.
    rest = np.asarray(np.where(sure[..., None], patch - base, 0), np.float32)
    weight = sure.astype(np.float32)
    spread = np.zeros_like(rest)
    total = np.full(weight.shape, 1e-3, np.float32)
    for sigma, part in ((1.5, 1.0), (3.0, 0.2), (6.0, 0.05)):
        spread += np.asarray(part * cv2.GaussianBlur(rest, (0, 0), sigma), np.float32)
        total += np.asarray(part * cv2.GaussianBlur(weight, (0, 0), sigma), np.float32)
    filled = base + spread / total[..., None]
    share = cv2.GaussianBlur((seen & ((grey > 0.6 * bright) | ~clear)).astype(np.float32), (0, 0), 0.8)
    share = np.asarray(np.where(seen, share, 0), np.float32)[..., None]
    return np.asarray(np.clip(filled + share * (patch - filled), 0, 255), np.float32)


def _disc(
    patch: Layer, clear: npt.NDArray[np.bool_], radius: Array, at: tuple[Array, Array], iris: Iris
) -> tuple[Layer, Layer]:
    """The iris without its catch-light, completed where lids hide it; and the catch-light."""
    rings = np.linspace(0, 1.3, 14)
    middles = 0.5 * (rings[1:] + rings[:-1])
    index = np.clip(np.digitize(radius, rings) - 1, 0, len(middles) - 1)
    grey = patch.mean(axis=2)
    known: list[float] = []
    colours: list[Array] = []
    for ring, middle in enumerate(middles):
        of = clear & (index == ring)
        if of.any():
            inner = of & (grey <= np.percentile(grey[of], 60)) if middle < 1 else of
            known.append(float(middle))
            colours.append(np.asarray(np.median(patch[inner], axis=0), np.float64))
    if not known:
        known, colours = [0.0], [np.full(3, 40.0)]
    table = np.array(colours)
    typical = np.stack([np.interp(radius, known, table[:, c]) for c in range(3)], axis=-1).astype(np.float32)

    excess = grey - typical.mean(axis=2)
    spot = (clear & (excess > _CATCH_LIGHT) & (radius < 0.85)).astype(np.uint8)
    grown = cv2.GaussianBlur(cv2.dilate(spot, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 0.7)[..., None]
    clean = patch + grown * (typical - patch)
    light = np.where(clear[..., None], np.maximum(patch - clean, 0) * grown, 0).astype(np.float32)

    # Hidden parts: the same place mirrored in the iris's middle line, else turned by half, else the ring's colour.
    disc, have = clean.copy(), clear.astype(np.float32)
    x, y = at
    left, top = x[0, 0], y[0, 0]
    soft = max(0.08 * iris.radius, 0.8)
    result = typical.copy()
    for sign_x, sign_y in ((-1, 1), (-1, -1), (1, -1), (1, 1)):
        map_x = (iris.centre[0] + sign_x * (x - iris.centre[0]) - left).astype(np.float32)
        map_y = (iris.centre[1] + sign_y * (y - iris.centre[1]) - top).astype(np.float32)
        share = cv2.remap(have, map_x, map_y, cv2.INTER_LINEAR)
        share = np.where(share > 0.999, 1, 0).astype(np.float32)
        share = np.minimum(cv2.GaussianBlur(share, (0, 0), soft), share)[..., None]
        if (sign_x, sign_y) != (1, 1):
            share = _MIRRORED * share
        result += share * (cv2.remap(disc, map_x, map_y, cv2.INTER_LINEAR) - result)
    return result, light


def _smoothstep(t: Array) -> Array:
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float64)
