"""The upright canvas on which a face is compared, and its way into the photo.

Conventions: canvas pixels (x, y), pixel centres at integers; the canvas is the square `FACSMITH` around the face,
whatever square the generator draws, finer where its crop is coarse, with a strip below it, since a jaw that drops can
leave the square. IOD is the inter-ocular distance in canvas pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import FloatImage, Pixels
from facsmith.compose.flow import FLOW_SIZE
from facsmith.compose.masks import border
from facsmith.face.align import CropTransform, crop_transform
from facsmith.framing import FACSMITH

__all__ = ["Band", "Canvas", "Window", "canvas"]


_STRIP = 0.35  # IOD, below the crop
_BAND = 1 << 19  # photo pixels composed at a time: the working set stays in the cache and small


@dataclass(frozen=True)
class Band:
    """A horizontal strip of the photo: rows ``top`` to ``bottom``, columns ``left`` to ``right``, ends excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """For indexing (H, W, ...) arrays."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def common(self, other: "Band") -> "Band | None":
        """What two of them share."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Band(left, top, right, bottom) if left < right and top < bottom else None

    def within(self, other: "Band") -> tuple[slice, slice]:
        """For indexing arrays (h, w, ...) of one that contains this one."""
        rows = slice(self.top - other.top, self.bottom - other.top)
        return rows, slice(self.left - other.left, self.right - other.left)


@dataclass(frozen=True, eq=False)
class Canvas:
    """matrix: (2, 3) float64, photo -> canvas. side: pixels of the square's side; strip: rows below it. drawn: (2, 3)
    float64, generator's crop -> canvas; None where the generator draws this very square. crop: side of the generator's
    crop in its own pixels."""

    matrix: npt.NDArray[np.float64]
    side: int
    strip: int
    crop: int
    drawn: npt.NDArray[np.float64] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.side + self.strip, self.side

    @property
    def iod(self) -> float:
        """Inter-ocular distance in canvas pixels."""
        return self.side / FACSMITH.side

    @property
    def scale(self) -> float:
        """Canvas pixels per photo pixel."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    def points(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """(..., 2) photo pixels -> (..., 2) canvas pixels."""
        return np.asarray(points, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]

    def vectors_to_photo(self, vectors: FloatImage) -> FloatImage:
        """Displacements (H, W, 2) in canvas pixels -> in photo pixels, still on the canvas."""
        return vectors @ np.linalg.inv(self.matrix[:, :2]).T.astype(np.float32)

    def enlarge(self, crop: Pixels) -> FloatImage:
        """(R, R, 3) crop -> (height, width, 3) float32 in [0, 255]; the strip, and what the crop has not, repeats its
        border."""
        picture = crop.astype(np.float32)
        return self.extend(_scaled(picture, self.side)) if self.drawn is None else self._placed(picture)

    def within(self, margin: float) -> FloatImage:
        """(height, width) in [0, 1]: where the generator's crop has something to say, fading over ``margin`` canvas
        pixels inside its border."""
        if self.drawn is None:
            return self.extend(border((self.side, self.side), margin))
        scale = float(np.hypot(self.drawn[0, 0], self.drawn[1, 0]))
        return self._placed(border((self.crop, self.crop), margin / scale), outside=cv2.BORDER_CONSTANT)

    def _placed(self, picture: FloatImage, *, outside: int = cv2.BORDER_REPLICATE) -> FloatImage:
        """A picture in the crop's pixels -> on the canvas."""
        assert self.drawn is not None
        height, width = self.shape
        how = cv2.INTER_CUBIC if picture.ndim == 3 else cv2.INTER_LINEAR
        placed = cv2.warpAffine(picture, self.drawn, (width, height), flags=how, borderMode=outside)
        return np.asarray(placed, np.float32)

    def extend(self, square: FloatImage) -> FloatImage:
        """(side, side, C) -> (height, width, C): the strip repeats the last row."""
        return np.asarray(cv2.copyMakeBorder(square, 0, self.strip, 0, 0, cv2.BORDER_REPLICATE), np.float32)

    def sample(self, photo: Pixels) -> FloatImage:
        """The photo seen on the canvas, (height, width, 3) float32, each pixel the mean of the area it covers."""
        return _sampled(photo, self.matrix, self.shape)

    def bands(self, mask: FloatImage, photo_shape: tuple[int, ...]) -> Iterator[Band]:
        """The strips of the photo that cover the canvas's pixels where ``mask`` (height, width) is above 0."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows) == 0:
            return
        ends = [(x, y) for x in (columns[0] - 1, columns[-1] + 1) for y in (rows[0] - 1, rows[-1] + 1)]
        corners = (np.array(ends) - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T
        size = np.array(photo_shape[1::-1])
        left, top = np.clip(np.floor(corners.min(axis=0)), 0, size).astype(int).tolist()
        right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, size).astype(int).tolist()
        if left >= right:
            return
        step = max(16, _BAND // (right - left))
        for first in range(top, bottom, step):
            yield Band(left, first, right, min(first + step, bottom))

    def lift(self, field: FloatImage, band: Band, *, smooth: bool = False) -> FloatImage:
        """A field on the canvas (height, width[, C]) -> on the photo's pixels of a band; 0 outside the canvas.

        Parameters
        ----------
        smooth
            Bicubic, for pictures that are enlarged; else bilinear.
        """
        return _lifted(self.matrix, field, band, smooth=smooth)

    def window(self, low: npt.ArrayLike, high: npt.ArrayLike, finer: float) -> "Window":
        """A part of the canvas, from one of its points (x, y) to another, ``finer`` times as many pixels a side."""
        origin = np.floor(np.asarray(low, np.float64))
        width, height = np.ceil((np.asarray(high, np.float64) - origin) * finer).astype(int).tolist()
        matrix = self.matrix * finer
        matrix[:, 2] += (finer - 1) / 2 - finer * origin
        return Window(matrix, origin, finer, (height, width))


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a canvas at a finer scale.

    Parameters
    ----------
    matrix
        (2, 3) photo -> window.
    origin
        (2,) canvas pixels.
    finer
        Window pixels per canvas pixel.
    shape
        (height, width).
    """

    matrix: npt.NDArray[np.float64]
    origin: npt.NDArray[np.float64]
    finer: float
    shape: tuple[int, int]

    @property
    def grid(self) -> npt.NDArray[np.float64]:
        """(height, width, 2) the canvas points of its pixels."""
        y, x = np.mgrid[: self.shape[0], : self.shape[1]].astype(np.float64)
        return (np.stack([x, y], axis=-1) + 0.5) / self.finer - 0.5 + self.origin

    def part(self, low: npt.ArrayLike, high: npt.ArrayLike) -> "Window":
        """What lies between two canvas points (x, y), within its own bounds."""
        size = np.array(self.shape[::-1])
        first = np.clip(np.floor((np.asarray(low) - self.origin) * self.finer), 0, size - 1).astype(int)
        last = np.clip(np.ceil((np.asarray(high) - self.origin) * self.finer), first + 1, size).astype(int)
        matrix = self.matrix.copy()
        matrix[:, 2] -= first
        width, height = (last - first).tolist()
        return Window(matrix, self.origin + first / self.finer, self.finer, (height, width))

    def of_canvas(self, field: FloatImage) -> FloatImage:
        """A field on the canvas, (H, W[, C]), seen here."""
        height, width = self.shape
        shift = (0.5 / self.finer - 0.5 + self.origin)[:, None]
        way = np.hstack([np.eye(2) / self.finer, shift])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(field, way, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
        )

    def sample(self, photo: Pixels) -> FloatImage:
        """As `Canvas.sample`."""
        return _sampled(photo, self.matrix, self.shape)

    def box(self, photo_shape: tuple[int, ...]) -> Band | None:
        """The photo's pixels that it covers."""
        ends = np.array([(x, y) for x in (0, self.shape[1] - 1) for y in (0, self.shape[0] - 1)], np.float64)
        corners = (ends - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T
        size = np.array(photo_shape[1::-1])
        left, top = np.clip(np.floor(corners.min(axis=0)), 0, size).astype(int).tolist()
        right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, size).astype(int).tolist()
        return Band(left, top, right, bottom) if left < right and top < bottom else None

    def lift(self, field: FloatImage, band: Band, *, smooth: bool = False) -> FloatImage:
        """As `Canvas.lift`."""
        return _lifted(self.matrix, field, band, smooth=smooth)


def _sampled(photo: Pixels, matrix: npt.NDArray[np.float64], shape: tuple[int, int]) -> FloatImage:
    k = max(1, int(np.ceil(1 / float(np.hypot(matrix[0, 0], matrix[1, 0])) - 1e-9)))
    fine = matrix * k
    fine[:, 2] += (k - 1) / 2
    height, width = shape
    seen = cv2.warpAffine(photo, fine, (k * width, k * height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _lifted(matrix: npt.NDArray[np.float64], field: FloatImage, band: Band, *, smooth: bool) -> FloatImage:
    matrix = matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ (band.left, band.top)
    lifted = cv2.warpAffine(
        field,
        matrix,
        (band.right - band.left, band.bottom - band.top),
        flags=(cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return np.asarray(lifted, np.float32)


def canvas(transform: CropTransform, landmarks: npt.ArrayLike) -> Canvas:
    """The canvas of a face: at least FLOW_SIZE pixels a side, and about as fine as the crop.

    Parameters
    ----------
    transform
        Photo -> the generator's crop.
    landmarks
        (68, 2) photo pixels.
    """
    own = crop_transform(landmarks, transform.resolution)
    same = np.allclose(own.matrix, transform.matrix, rtol=1e-6, atol=1e-3)
    side = max(FLOW_SIZE, transform.resolution if same else round(transform.resolution * transform.scale / own.scale))
    if not same:
        own = crop_transform(landmarks, side)
        linear = own.matrix[:, :2] @ transform.inverse[:, :2]
        drawn = np.hstack([linear, (own.matrix[:, :2] @ transform.inverse[:, 2] + own.matrix[:, 2])[:, None]])
        return Canvas(own.matrix, side, round(_STRIP * side / FACSMITH.side), transform.resolution, drawn)
    scale = side / transform.resolution
    matrix = transform.matrix * scale
    matrix[:, 2] += (scale - 1) / 2
    return Canvas(matrix, side, round(_STRIP * side / FACSMITH.side), transform.resolution)


def _scaled(image: FloatImage, side: int) -> FloatImage:
    if image.shape[0] == side:
        return image
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
