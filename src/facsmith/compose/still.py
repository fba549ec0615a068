"""What stands before the face and does not move with it: the rims of glasses, a fringe, a brim.

Skin slides behind rims, and what comes out from behind them is filled. Beside hair and hats it bends instead: what
would come out is forehead in their shade, which no fill looks like.

Rims are found as paths: a closed one around each eye, or a bar from temple to temple, along which the picture is a
narrow ridge all the way. Lids, lashes and brows make ridges, too, but none that closes below an eye or crosses the
nose. Hair and hats are found by their colour, which is not that of nose and cheeks, where it reaches in from outside;
brows and eyes are left to the face.

Measured on 97 portraits, 11 of them with glasses: all of these and no other are found to wear some.

Conventions: a `Window` of PIXELS pixels per inter-ocular distance (IOD); places in the face frame of `face.muscles`.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Array, FloatImage, Pixels
from facsmith.compose.canvas import Band, Canvas, Window
from facsmith.face.muscles import FaceFrame
from facsmith.face.paths import best_path

__all__ = ["Still", "filled", "rims_moved", "still"]

_cv2: Any = cv2  # whose stubs do not know all outputs


_WIDELY: Final = 16.0  # pixels of a blur
PIXELS: Final = 120
_LEFT, _RIGHT, _TOP, _BOTTOM = -1.35, 1.35, -1.1, 0.95  # IOD, what is looked at
_RAYS: Final = 120
_RADII: Final = np.arange(0.10, 0.74, 0.008)
_EYE: Final = (0.30, 0.135)  # IOD around the eye that holds no rim
_LENS_BELOW: Final = 0.06  # IOD of a lens's middle below the eye's
_BAR: Final = (np.arange(-1.0, 1.0, 1 / 60), np.arange(-0.34, 0.26, 0.008))
_WIDTHS: Final = ((3, 4), (5, 7), (9, 11))  # samples of a ridge, and from its middle to what lies beside it
_FLAT: Final = 25.0  # grey levels added to the surroundings that contrast is measured by
_SMOOTHNESS: Final = 0.02  # contrast that a path gives up for a step aside
_LENS: Final = 0.105  # contrast that four fifths of both lenses' paths exceed, on average
_ONE_LENS: Final = 0.07  # and that of each
_CLEAR: Final = 0.3  # contrast of a rim that is as good as any
_CLEARER: Final = 0.2  # of the contrast beyond
_OTHER: Final = 6  # samples of a ray by which a lens's rim may lie elsewhere than the other's
_BRIDGE: Final = 0.18  # contrast that a bar has over the nose, and on four fifths of its way
_NOSE: Final = 0.32  # IOD to each side of the middle in which two lenses are joined
_SEEN: Final = 0.1  # contrast from which a part of a path is a rim
_RIM: Final = 0.045  # IOD to each side of a path that a rim may reach
_STEP, _FAR = 0.008, 12  # IOD of a step across a rim, and how many steps it may have moved
_UNLIKE: Final = 22.0  # CIE Lab from nose and cheeks
_HAIR_ENDS: Final = 0.25  # IOD below the eyes
_BROW, _ABOVE = 0.2, 0.24  # IOD: height of what counts as brow, and what must be hair above it where it is none
_THIN: Final = 0.03  # IOD from its path to which a thin rim is kept beside brows
_LOWER_HAIR: Final = 0.04  # IOD: of a brow's hair the middle lies below its landmarks
_DARKER: Final = 0.72  # of the brightness of skin that a brow's hair has at most
_SLIDES: Final = 0.18  # IOD: no skin above the cheeks goes farther
_NARROW: Final = 0.03  # IOD: half the width of the narrowest strand
_TOUCHED: Final = 0.05  # IOD beside hair in which skin stands still
_TURNS: Final = 0.2, 0.1  # IOD above and below a brow, in which skin turns with it: lids do not
_COVERED: Final = 0.7  # of a brow's end that hair holds, from which on more of the brow is
_ALONG: Final = 0.6  # of a brow's length, in which that fades
_BENDS: Final = 0.09  # IOD: blur of that
_GROWN, _SEAM, _SOFT = 0.02, 0.035, 0.012  # IOD


@dataclass(frozen=True, eq=False)
class Still:
    """window: where. share: (h, w) in [0, 1]. around: (h, w), of the rims with a seam around them, where skin that
    slides behind them would show their edge. brows: (h, w) 1 where brows' hair is, if there are rims. held: (h, w) in
    [0, 1], how far hair keeps skin beside it from moving: nothing comes out from behind it. glasses, hair: whether some
    were found."""

    window: Window
    share: FloatImage
    around: FloatImage
    brows: Pixels
    held: FloatImage
    glasses: bool
    hair: bool

    @property
    def hiding(self) -> FloatImage:
        """(h, w) in [0, 1], where no skin is to be seen, or skin beside an edge."""
        return np.maximum(self.share, self.around)

    @property
    def notes(self) -> tuple[str, ...]:
        """What stays still, for receipts."""
        return ("Glasses stay where they are: skin moves behind them.",) if self.glasses else ()

    def parts(self, photo_shape: tuple[int, ...]) -> list[Band]:
        """Parts of the photo, apart from each other, that hold all of it and where skin may slide to from behind it."""
        near = np.asarray(cv2.dilate((self.hiding > 0).astype(np.uint8), _disc(_SLIDES)), np.uint8)
        near = np.maximum(near, self.held > 0)
        while True:
            _, _, boxes, _ = _cv2.connectedComponentsWithStats(near)
            before = near.copy()
            for left, top, width, height, _ in np.asarray(boxes, np.intp)[1:].tolist():
                near[top : top + height, left : left + width] = 1
            if np.array_equal(before, near):
                break
        found: list[Band | None] = []
        for left, top, width, height, _ in np.asarray(boxes, np.intp)[1:].tolist():
            low = self.window.origin + np.array([left, top]) / self.window.finer
            high = self.window.origin + np.array([left + width, top + height]) / self.window.finer
            found.append(self.window.part(low, high).box(photo_shape))
        return _apart([part for part in found if part is not None])


def _apart(parts: list[Band]) -> list[Band]:
    """Parts that overlap, as those of a tilted face's may, as one."""
    for k, one in enumerate(parts):
        for other in parts[k + 1 :]:
            if one.common(other) is not None:
                rest = [part for part in parts if part is not one and part is not other]
                ends = np.array([[p.left, p.top, p.right, p.bottom] for p in (one, other)])
                left, top = ends[:, :2].min(axis=0).tolist()
                right, bottom = ends[:, 2:].max(axis=0).tolist()
                return _apart([*rest, Band(left, top, right, bottom)])
    return parts


def still(photo: Pixels, canvas: Canvas, frame: FaceFrame, face: Array, mask: FloatImage) -> Still | None:
    """What of a photo (H, W, 3) stands still before its face; None where there is nothing.

    Parameters
    ----------
    frame
        Of the face on the canvas.
    face
        (68, 2) landmarks in it.
    mask
        (h, w) on the canvas, where the face is.
    """
    window, places = _looked_at(canvas, frame)
    seen = window.sample(photo)
    inside = window.of_canvas(mask)
    rims = _rims(seen, places, face)
    hair = _hair(seen, places, face)
    hair &= inside > 0
    has_hair = float(hair.sum()) > 0.02 * PIXELS**2
    found = hair.astype(np.uint8) * has_hair
    if rims is not None:
        found |= rims
    if not (found.astype(bool) & (inside > 0)).any():
        return None
    nothing = np.zeros(window.shape, np.float32)
    brows = nothing.astype(np.uint8) if rims is None else _brows(seen, places, face)
    return Still(
        window,
        share=_softened(cv2.dilate(found, _disc(_GROWN))),
        around=nothing if rims is None else _seam(rims, brows, places, face),
        brows=brows,
        held=_held(hair, places, face) if has_hair else nothing,
        glasses=rims is not None,
        hair=has_hair,
    )


def _seam(rims: Pixels, brows: Pixels, places: Array, face: Array) -> FloatImage:
    """(h, w) in [0, 1] where rims are, and around them."""
    share, around = (_softened(cv2.dilate(rims, _disc(by))) for by in (_GROWN, _GROWN + _SEAM))
    # A brow beside a rim is narrower than the seam would be, and it is what is looked at.
    near = _softened(cv2.dilate(brows, _disc(_GROWN)))
    around += near * (share - around)
    eyes = np.zeros(rims.shape, np.uint8)
    for points in (face[36:42], face[42:48]):
        cv2.fillPoly(eyes, [_pixels(points, places)], (1,))
    # An eye that a rim comes near is no skin to be filled.
    around *= 1 - _softened(cv2.dilate(eyes, _disc(_SEAM)))
    return np.maximum(share, around)


def _held(hair: npt.NDArray[np.bool_], places: Array, face: Array) -> FloatImage:
    """(h, w) in [0, 1], 1 on hair, less the farther from it.

    A brow whose end hair covers turns about that end, most of its length, rather than being bent beside it.
    """
    near = cv2.dilate(hair.astype(np.uint8), _disc(_TOUCHED)).astype(np.float32)
    held = np.clip(1.7 * _spread(near, _BENDS * PIXELS) - 0.06, 0, 1)
    turned = held
    for brow in (face[17:22], face[22:27]):
        for fixed, free in ((brow[0], brow[-1]), (brow[-1], brow[0])):
            x, y = _pixels(fixed[None], places)[0]
            rows, columns = held.shape
            at_end = float(held[np.clip(y, 0, rows - 1), np.clip(x, 0, columns - 1)])
            covered = min(max((at_end - _COVERED) / (1 - _COVERED), 0.0), 1.0)  # hair merely near holds less
            along = np.clip((places[..., 0] - fixed[0]) / (_ALONG * (free[0] - fixed[0])), 0, 1)
            above = np.interp(places[..., 0], brow[:, 0], brow[:, 1]) - places[..., 1]
            beside = np.exp(-((above / np.where(above > 0, *_TURNS)) ** 2) / 2)
            turned = np.maximum(turned, 1.02 * covered * (1 - along) * beside - 0.02)
    return turned.astype(np.float32)


def _brows(seen: FloatImage, places: Array, face: Array) -> Pixels:
    """(h, w) 1 where brows' hair is, darker than the skin about it."""
    zone = _brow_zone(places, face)
    bright = seen.mean(axis=2)
    around = cv2.dilate(zone, _disc(_BROW)) > 0
    skin = float(np.percentile(bright[around], 75)) if around.any() else 255.0
    return zone * (bright < _DARKER * skin).astype(np.uint8)


def _brow_zone(places: Array, face: Array, *, below: float = _LOWER_HAIR) -> Pixels:
    """(h, w) 1 where brows may be, about a line so far (IOD) below their landmarks."""
    zone = np.zeros(places.shape[:2], np.uint8)
    for brow in (face[17:22], face[22:27]):
        cv2.polylines(zone, [_pixels(brow + [0, below], places)], False, (1,), thickness=round(_BROW * PIXELS))
    return zone


def _looked_at(canvas: Canvas, frame: FaceFrame) -> tuple[Window, Array]:
    """The part of the canvas in which something may stand before the face, and where (h, w, 2) its pixels lie."""
    corners = frame.to_photo(np.array([[_LEFT, _TOP], [_RIGHT, _BOTTOM]]))
    window = canvas.window(corners[0], corners[1], PIXELS / frame.iod)
    return window, frame.to_face(window.grid)


def _softened(mask: npt.NDArray[Any]) -> FloatImage:
    soft = np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _SOFT * PIXELS), np.float32)
    return np.asarray(np.clip(1.25 * soft - 0.1, 0, 1), np.float32)


def rims_moved(photo: Pixels, picture: Pixels, canvas: Canvas, landmarks: Array) -> float | None:
    """By how much the rims of glasses lie elsewhere in a picture of the photo's size, IOD: the ninth decile along them.

    Returns None where the photo shows no glasses.

    Parameters
    ----------
    landmarks
        (68, 2) photo pixels.
    """
    frame = FaceFrame.of(canvas.points(landmarks))
    face = frame.to_face(canvas.points(landmarks))
    window, places = _looked_at(canvas, frame)
    before, after = window.sample(photo), window.sample(picture)
    if _rims(before, places, face) is None:
        return None
    ways: list[Array] = []
    for eye in (slice(36, 42), slice(42, 48)):
        middle = face[eye].mean(axis=0) + [0, _LENS_BELOW]
        ring, contrast = _lens(before, places, middle)
        out = (ring - middle) / np.linalg.norm(ring - middle, axis=1, keepdims=True)
        at = ring[:, None] + out[:, None] * (_STEP * np.arange(-_FAR - 4, _FAR + 5))[:, None]
        old, new = (_read(seen, places, at).astype(np.float64) for seen in (before, after))
        own = old[:, _FAR : _FAR + 9]
        off = [((new[:, k : k + 9] - own) ** 2).sum(axis=(1, 2)) for k in range(2 * _FAR + 1)]
        # Where nothing tells two places apart the nearer one is meant.
        nearer = 1 + 0.1 * np.abs(np.arange(-_FAR, _FAR + 1))
        best = np.argmin((np.array(off) + 1) * nearer[:, None], axis=0) - _FAR
        ways.append(_STEP * np.abs(best[contrast > 2 * _SEEN]).astype(np.float64))
    found = np.concatenate(ways)
    return float(np.percentile(found, 90)) if len(found) else 0.0


def filled(seen: FloatImage, share: FloatImage, brows: Pixels) -> FloatImage:
    """(h, w, 3) a picture with what stands before the face, (h, w), replaced by the skin around it, which brows' hair,
    (h, w), is not."""
    weight = (share < 0.02).astype(np.float32) * (1 - cv2.dilate(brows, _disc(_GROWN)))
    out = np.broadcast_to(seen[weight > 0].mean(axis=0), seen.shape).astype(np.float32) if weight.any() else seen.copy()
    for reach in (0.4, 0.16, 0.06, 0.025):
        total = _spread(weight, reach * PIXELS)[..., None]
        mean = _spread(seen * weight[..., None], reach * PIXELS)
        out += total / (total + np.float32(0.05)) * (mean / np.maximum(total, 1e-6) - out)
    return np.asarray(seen + (share > 0)[..., None] * (out - seen), np.float32)


def _spread(values: FloatImage, sigma: float) -> FloatImage:
    """Values (h, w, ...) blurred; widely at a quarter of their size: the same within half a grey level, sooner."""
    if sigma < _WIDELY:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)
    height, width = values.shape[:2]
    small = cv2.resize(values, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / 4), (width, height)), np.float32)


def _rims(seen: FloatImage, places: Array, face: Array) -> Pixels | None:
    """(h, w) 1 where the rim of glasses is."""
    lenses = [_lens(seen, places, face[eye].mean(axis=0) + [0, _LENS_BELOW]) for eye in (slice(36, 42), slice(42, 48))]
    marks = [float(np.percentile(contrast, 20)) for _, contrast in lenses]
    path, contrast = _bar(seen, places)
    bridge = float(np.percentile(contrast[np.abs(path[:, 0]) < 0.22], 15))
    along = float(np.percentile(contrast[np.abs(path[:, 0]) < 0.75], 20))
    has_lenses = np.mean(marks) > _LENS and min(marks) > _ONE_LENS
    has_bar = min(bridge, along) > _BRIDGE
    if not (has_lenses or has_bar):
        return None
    found = np.zeros(seen.shape[:2], np.uint8)
    brows = _brow_zone(places, face)
    if has_lenses:
        for ring, along in _alike(seen, places, face):
            _draw(found, seen, places, np.vstack([ring, ring[:1]]), np.append(along, along[0]), brows)
    part = np.ones(len(path), bool) if has_bar else np.abs(path[:, 0]) < _NOSE
    _draw(found, seen, places, path[part], contrast[part], brows)
    return found


def _lens(seen: FloatImage, places: Array, middle: Array) -> tuple[Array, Array]:
    """(N, 2) the closed path of most contrast around an eye, and its contrast (N,)."""
    at, contrast = _around(seen, places, middle)
    return _closed(at, contrast, contrast)


def _alike(seen: FloatImage, places: Array, face: Array) -> list[tuple[Array, Array]]:
    """`_lens` of both eyes, each path drawn to where the other lens has its rim: glasses are two lenses of one shape,
    and what is no rim, a lid's fold or a gleam, is seldom found on both sides."""
    fields = [
        _around(seen, places, face[eye].mean(axis=0) + [0, _LENS_BELOW]) for eye in (slice(36, 42), slice(42, 48))
    ]
    mirror = (_RAYS // 2 - np.arange(_RAYS)) % _RAYS
    found: list[tuple[Array, Array]] = []
    for (at, contrast), (_, other) in zip(fields, reversed(fields), strict=True):
        near = np.asarray(cv2.dilate(other[mirror], np.ones((5, 2 * _OTHER + 1), np.uint8)))
        near = np.asarray(cv2.GaussianBlur(near, (0, 0), _OTHER / 2))
        found.append(_closed(at, contrast, _worth(contrast) + np.minimum(near, _CLEAR)))
    return found


def _worth(contrast: Array) -> Array:
    """What a ridge is worth to a path: beyond a clear one there is hardly more, or a lid's fold would outdo a rim."""
    return np.minimum(contrast, _CLEAR) + _CLEARER * np.maximum(contrast - _CLEAR, 0)


def _price(widest: int) -> Array:
    """What steps of a path to either side cost, the widest allowed one last."""
    return _SMOOTHNESS * np.abs(np.arange(-widest, widest + 1)).astype(np.float64)


def _closed(at: Array, contrast: Array, worth: Array) -> tuple[Array, Array]:
    best = best_path(np.vstack([worth] * 3), _price(3))[_RAYS : 2 * _RAYS]
    rows = np.arange(_RAYS)
    return at[rows, best], contrast[rows, best]


def _around(seen: FloatImage, places: Array, middle: Array) -> tuple[Array, Array]:
    """(N, M, 2) places on rays from the middle of an eye, and the contrast (N, M) of a ridge there."""
    angles = np.arange(_RAYS) * 2 * np.pi / _RAYS
    way = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    at = middle + way[:, None] * _RADII[:, None]
    least = 1 / np.hypot(way[:, 0] / _EYE[0], way[:, 1] / _EYE[1])
    allowed = np.clip((_RADII - least[:, None]) / 0.04, 0, 1) * np.clip((0.70 - _RADII) / 0.06, 0, 1)
    return at, _ridges(_read(seen, places, at)) * allowed


def _bar(seen: FloatImage, places: Array) -> tuple[Array, Array]:
    """(N, 2) the path of most contrast from temple to temple, and its contrast (N,)."""
    at = np.stack(np.meshgrid(*_BAR, indexing="ij"), axis=-1)
    contrast = _ridges(_read(np.asarray(cv2.GaussianBlur(seen, (0, 0), 0.8), np.float32), places, at))
    best = best_path(_worth(contrast), _price(2))
    rows = np.arange(len(contrast))
    return at[rows, best], contrast[rows, best]


def _read(seen: FloatImage, places: Array, at: Array) -> FloatImage:
    """The picture (h, w, 3) at places (n, m, 2) of the face."""
    x, y = np.moveaxis((at - places[0, 0]) * PIXELS, -1, 0).astype(np.float32)
    return np.asarray(cv2.remap(seen, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _ridges(lines: FloatImage) -> Array:
    """(n, m) how far each sample of n lines (n, m, 3) is darker or brighter than both its sides, in [0, .6]."""
    best = np.zeros(lines.shape[:2], np.float32)
    sides = np.asarray(cv2.blur(lines, (5, 1), borderType=cv2.BORDER_REPLICATE), np.float32)
    for width, off in _WIDTHS:
        middle = np.asarray(cv2.blur(lines, (width, 1), borderType=cv2.BORDER_REPLICATE), np.float32)
        before, after = np.roll(sides, off, axis=1), np.roll(sides, -off, axis=1)
        before[:, :off], after[:, -off:] = middle[:, :off], middle[:, -off:]
        darker, brighter = np.minimum(before, after) - middle, middle - np.maximum(before, after)
        ratio: FloatImage = np.asarray(np.maximum(darker, 0.8 * brighter) / ((before + after) / 2 + _FLAT), np.float32)
        best = np.maximum(best, ratio.max(axis=2))
    return np.minimum(best, 0.6).astype(np.float64)


def _draw(found: Pixels, seen: FloatImage, places: Array, path: Array, contrast: Array, brows: Pixels) -> None:
    """Mark the rim (h, w) along a path (N, 2) where it is seen: as wide as it differs from both sides, but beside
    brows, (h, w) 1, which are as dark, no wider than elsewhere."""
    at = np.rint((path - places[0, 0]) * PIXELS).astype(np.int32)
    line, near = np.zeros_like(found), np.zeros_like(found)
    clear = np.convolve(np.pad(contrast, 2, mode="edge"), np.full(5, 0.2), "valid") > _SEEN
    for (a, b), shown in zip(pairwise(at), clear[:-1] & clear[1:], strict=True):
        if shown:
            cv2.line(line, a.tolist(), b.tolist(), (1,), thickness=2)
            cv2.line(near, a.tolist(), b.tolist(), (1,), thickness=round(2 * _RIM * PIXELS))
    beside = cv2.dilate(near, _disc(0.05)) - near
    weight = beside.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), 0.1 * PIXELS)[..., None] + 1e-3
    skin = cv2.GaussianBlur(seen * weight[..., None], (0, 0), 0.1 * PIXELS) / total
    off = np.abs(seen - np.asarray(skin, np.float32)).max(axis=2)
    weight = line.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), 0.06 * PIXELS) + 1e-3
    typical = np.asarray(cv2.GaussianBlur(off * weight, (0, 0), 0.06 * PIXELS) / total, np.float32)
    rim = ((off > 0.45 * typical) & (near > 0)).astype(np.uint8) | cv2.dilate(line, _disc(0.008))
    away = np.asarray(cv2.distanceTransform(1 - line, cv2.DIST_L2, 5), np.float32)
    elsewhere = away[(rim > 0) & (brows == 0) & (away > 0)]
    if len(elsewhere):
        widest = max(float(np.percentile(elsewhere, 60)), _THIN * PIXELS)
        rim &= ((brows == 0) | (away <= widest)).astype(np.uint8)
    parts = np.asarray(_cv2.connectedComponents(rim)[1], np.intp)
    kept = np.unique(parts[line > 0])
    found |= np.isin(parts, kept[kept > 0]).astype(np.uint8)


def _hair(seen: FloatImage, places: Array, face: Array) -> npt.NDArray[np.bool_]:
    """(h, w) where hair or a hat reaches in from outside, above the cheeks."""
    x, y = places[..., 0], places[..., 1]
    smooth = np.asarray(cv2.GaussianBlur(seen, (0, 0), 1.0), np.float32)
    lab = np.asarray(cv2.cvtColor(np.clip(smooth / 255, 0, 1), cv2.COLOR_RGB2Lab), np.float32)
    skin = (np.abs(np.abs(x) - 0.45) < 0.15) & (y > 0.35) & (y < 0.6) | (np.abs(x) < 0.12) & (y > 0.1) & (y < 0.5)
    middle = np.median(lab[skin], axis=0)
    low, high = np.percentile(lab[skin][:, 0], [10, 90])
    lightness = np.maximum(np.maximum(lab[..., 0] - high, low - lab[..., 0]), 0)
    off = np.sqrt(lightness**2 + ((lab[..., 1:] - middle[1:]) ** 2).sum(axis=2))
    unlike = ((off > _UNLIKE) & (y < _HAIR_ENDS)).astype(np.uint8)
    brows, eyes = _brow_zone(places, face, below=0.0), np.zeros_like(unlike)
    for brow, eye in ((face[17:22], face[36:42]), (face[22:27], face[42:48])):
        cv2.fillConvexPoly(brows, cv2.convexHull(_pixels(np.concatenate([brow, eye]), places)), (1,))
    # A brow has skin above it; hair and brims that hang over a brow have not.
    tall = round(_ABOVE * PIXELS)
    above = cv2.filter2D(unlike.astype(np.float32), -1, np.full((tall, 1), 1 / tall), anchor=(0, tall - 1))
    brows &= (np.asarray(above) < 0.85).astype(np.uint8)
    for points in (face[36:42], face[42:48]):
        cv2.fillPoly(eyes, [_pixels(points, places)], (1,))
    eyes = cv2.dilate(eyes, _disc(0.13))
    unlike &= (1 - brows) & (1 - eyes)
    _, parts, boxes, _ = _cv2.connectedComponentsWithStats(unlike)
    parts, boxes = np.asarray(parts, np.intp), np.asarray(boxes, np.intp)
    left, top, width = boxes[:, cv2.CC_STAT_LEFT], boxes[:, cv2.CC_STAT_TOP], boxes[:, cv2.CC_STAT_WIDTH]
    kept = (top <= 1) | (left <= 1) | (left + width >= unlike.shape[1] - 1)
    kept[0] = False
    # Brows' and lids' shadows reach in from the sides as narrow tongues.
    return cv2.morphologyEx(kept[parts].astype(np.uint8), cv2.MORPH_OPEN, _disc(_NARROW)) > 0


def _pixels(points: Array, places: Array) -> npt.NDArray[np.int32]:
    return np.rint((points - places[0, 0]) * PIXELS).astype(np.int32)


def _disc(radius: float) -> Pixels:
    side = 2 * max(1, round(radius * PIXELS)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
