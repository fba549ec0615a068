"""How the pictures of a set are made alike: eyes on fixed points, an oval around the face, grey, luminance, mirrored.

Conventions: sizes and points are (x, y) in pixels, pixel centres at whole numbers; left and right are the picture's.
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Array, Pixels
from facsmith.errors import InputError
from facsmith.face.points import BROWS, JAW, eye_centers, interocular
from facsmith.stimuli.luminance import Tone, grey_of, toned

__all__ = ["Frame", "Norms", "Oval", "parse_size"]


SMALLEST, LARGEST = 64, 8192
_EYES_APART, _EYES_DOWN = 0.25, 0.42  # of the width, of the height: the whole head is seen
_BELOW_CHIN = 0.06  # IOD
_EDGE = 2.0  # pixels over which the oval fades into the background
_MARGIN = 0.04  # of the oval's size, around it where the picture is cropped


@dataclass(frozen=True)
class Norms:
    """What all pictures of a set have in common.

    Parameters
    ----------
    align
        Put the eye centres on fixed points of a picture of ``size``.
    size
        (width, height) in pixels.
    eye_distance
        Between the two points, in pixels; by default a quarter of the width.
    eye_height
        Distance of both points from the top, in pixels; by default .42 of the height.
    oval
        Show only an ellipse around the face; aligned sets all share one.
    crop
        End the picture close around the ellipse.
    grey
        Luminance alone.
    luminance
        Make mean and contrast inside the ellipse the same over the set, in linear light.
    mirror
        Give each stimulus a mirrored twin.
    background
        Grey level, 0 to 255, around the oval and where the photo ends.
    """

    align: bool = False
    size: tuple[int, int] = (600, 600)
    eye_distance: float | None = None
    eye_height: float | None = None
    oval: bool = False
    crop: bool = False
    grey: bool = False
    luminance: bool = False
    mirror: bool = False
    background: int = 128

    def __post_init__(self) -> None:
        if not all(SMALLEST <= side <= LARGEST for side in self.size):
            raise InputError(f"A size of {self.size[0]}x{self.size[1]}; give {SMALLEST} to {LARGEST} pixels a side.")
        if not 0 <= self.background <= 255:
            raise InputError(f"A background of {self.background}; give a grey level from 0 to 255.")
        (left, top), (right, _) = self.eyes
        if not (0 <= left < right <= self.size[0] - 1 and 0 <= top <= self.size[1] - 1):
            raise InputError(
                f"Eyes {right - left:g} pixels apart at height {top:g} do not lie in a picture of "
                f"{self.size[0]}x{self.size[1]}; give a smaller distance, another height or a larger size."
            )

    @property
    def eyes(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The fixed points of the two eye centres, that of the picture's left first."""
        width, height = self.size
        apart = width * _EYES_APART if self.eye_distance is None else self.eye_distance
        down = height * _EYES_DOWN if self.eye_height is None else self.eye_height
        middle = (width - 1) / 2
        return (middle - apart / 2, down), (middle + apart / 2, down)

    @property
    def changes(self) -> bool:
        """Whether pictures are anything but the photo's own frames."""
        return self.align or self.oval or self.crop or self.grey or self.luminance


@dataclass(frozen=True)
class Oval:
    """An upright ellipse, in pixels.

    Parameters
    ----------
    x
        Horizontal place of its centre.
    half
        Half of its width.
    top, bottom
        Vertical places of its ends.
    """

    x: float
    half: float
    top: float
    bottom: float

    @classmethod
    def around(cls, landmarks: npt.ArrayLike) -> "Oval":
        """From the hairline, as far above the brows as they are above half of the way to the chin, to below the chin.

        Parameters
        ----------
        landmarks
            (68, 2) pixels.
        """
        points = np.asarray(landmarks, np.float64)
        jaw = points[list(JAW)]
        brow, chin = float(points[list(BROWS), 1].min()), float(jaw[:, 1].max())
        left, right = float(jaw[:, 0].min()), float(jaw[:, 0].max())
        below = _BELOW_CHIN * float(interocular(points))
        return cls((left + right) / 2, (right - left) / 2, brow - (chin - brow) / 2, chin + below)

    @classmethod
    def shared(cls, ovals: "list[Oval]") -> "Oval":
        """The median of each number."""
        return cls(*np.median([[o.x, o.half, o.top, o.bottom] for o in ovals], axis=0).tolist())

    def opacity(self, size: tuple[int, int]) -> npt.NDArray[np.float32]:
        """(H, W) of a picture of ``size``: 1 inside, 0 outside, in between at the edge."""
        x, y = np.arange(size[0]), np.arange(size[1])[:, None]
        across, down = (x - self.x) / self.half, (y - (self.top + self.bottom) / 2) * 2 / (self.bottom - self.top)
        radius = np.hypot(across, down)
        inside = (1 - radius) * min(self.half, (self.bottom - self.top) / 2)  # pixels from the edge, nearly
        return np.clip(inside / _EDGE + 0.5, 0.0, 1.0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Frame:
    """Where a photo's pictures lie in the set's.

    Parameters
    ----------
    matrix
        (2, 3), set_xy = matrix[:, :2] @ photo_xy + matrix[:, 2]; None where the photo stays as it is.
    size
        (width, height) before cropping.
    oval
        The oval of this photo, before cropping.
    """

    norms: Norms
    matrix: Array | None
    size: tuple[int, int]
    oval: Oval

    @classmethod
    def of(cls, norms: Norms, landmarks: npt.ArrayLike, shape: tuple[int, ...]) -> "Frame":
        """Where a photo's pictures lie in the set's.

        Parameters
        ----------
        landmarks
            (68, 2) photo pixels.
        shape
            Shape of the photo, (H, W, ...).
        """
        if not norms.align:
            return cls(norms, None, (shape[1], shape[0]), Oval.around(landmarks))
        matrix = _similarity(eye_centers(landmarks), np.asarray(norms.eyes))
        return cls(norms, matrix, norms.size, Oval.around(_apply(matrix, landmarks)))

    def corrected(self, eyes: npt.ArrayLike) -> "Frame":
        """So that eyes seen at (2, 2) pixels of a finished picture come to lie on their points."""
        if self.matrix is None:
            return self
        more = _similarity(np.asarray(eyes) + self.window_origin, np.asarray(self.norms.eyes))
        linear = more[:, :2] @ self.matrix[:, :2]
        offset = more[:, :2] @ self.matrix[:, 2] + more[:, 2]
        return replace(self, matrix=np.hstack([linear, offset[:, None]]))

    def sharing(self, oval: Oval) -> "Frame":
        """The same with the oval of the set, where that is aligned: in the middle, so that twins lie on each other."""
        return self if self.matrix is None else replace(self, oval=replace(oval, x=(self.size[0] - 1) / 2))

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns that are kept; of even number, which films need."""
        width, height = self.size
        if not self.norms.crop:
            return slice(0, height), slice(0, width)
        across, down = _MARGIN * 2 * self.oval.half, _MARGIN * (self.oval.bottom - self.oval.top)
        columns = _even(self.oval.x - self.oval.half - across, self.oval.x + self.oval.half + across, width)
        return _even(self.oval.top - down, self.oval.bottom + down, height), columns

    @property
    def window_origin(self) -> Array:
        """(2,) x and y of its first pixel."""
        rows, columns = self.window
        return np.array([columns.start, rows.start], np.float64)

    @property
    def shown_size(self) -> tuple[int, int]:
        """(width, height) of the finished pictures."""
        rows, columns = self.window
        return columns.stop - columns.start, rows.stop - rows.start

    @cached_property
    def opacity(self) -> npt.NDArray[np.float32]:
        """(h, w) of the oval in the finished pictures."""
        return np.ascontiguousarray(self.oval.opacity(self.size)[self.window])

    @property
    def eyes(self) -> Array:
        """(2, 2) where aligned eyes lie in the finished pictures."""
        return np.asarray(self.norms.eyes) - self.window_origin

    def points(self, landmarks: npt.ArrayLike) -> Array:
        """(..., 2) photo pixels -> pixels of the finished pictures."""
        placed = np.asarray(landmarks, np.float64) if self.matrix is None else _apply(self.matrix, landmarks)
        return placed - self.window_origin

    def whole(self, picture: Pixels) -> Pixels:
        """A frame of the photo (H, W, 3), aligned, not cropped."""
        if self.matrix is None:
            return picture
        return _warped(picture, self.matrix, self.size, self.norms.background)

    def place(self, picture: Pixels) -> Pixels:
        """A frame of the photo (H, W, 3), aligned and cropped: (h, w, 3) uint8."""
        return np.ascontiguousarray(self.whole(picture)[self.window])

    def beyond(self, shape: tuple[int, ...]) -> float:
        """Share of the finished picture, inside an oval that is shown, that the photo (H, W, ...) does not reach."""
        if self.matrix is None:
            return 0.0
        reached = cv2.warpAffine(np.ones(shape[:2], np.float32), self.matrix, self.size)[self.window]
        seen = self.opacity > 0.5 if self.norms.oval else np.ones_like(reached, bool)
        return float((reached[seen] < 0.5).mean())

    def finish(self, placed: Pixels, tone: Tone | None = None) -> Pixels:
        """What `place` gave, in grey, with the set's luminance, and in the oval, as the norms say."""
        picture = placed
        if self.norms.grey:
            picture = grey_of(picture)
        if tone is not None:
            picture = toned(picture, tone)
        if not self.norms.oval:
            return picture
        opacity, ground = self.opacity[..., None], float(self.norms.background)
        return np.rint(ground + opacity * (picture.astype(np.float32) - ground)).astype(np.uint8)


def parse_size(text: str) -> tuple[int, int]:
    """``600x800`` as (width, height); ``600`` is a square."""
    match = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", text.strip().lower())
    if match is None:
        raise InputError(f"{text[:20]!r} is no size; give width and height in pixels, as in 600x800.")
    return int(match[1]), int(match[2] or match[1])


def _similarity(eyes: npt.ArrayLike, onto: npt.ArrayLike) -> Array:
    """(2, 3): turn, scale and shift that bring two points onto two others."""
    (a, b), (c, d) = ((complex(*p) for p in np.asarray(points, np.float64).tolist()) for points in (eyes, onto))
    if a == b:
        raise InputError("The two eyes of a face lie on one spot; it cannot be aligned. Leave the photo out.")
    turn = (d - c) / (b - a)
    shift = c - turn * a
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _apply(matrix: Array, points: npt.ArrayLike) -> Array:
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def _even(low: float, high: float, limit: int) -> slice:
    """Symmetric about the middle where the ends are."""
    first, last = max(0, int(np.floor(low))), min(limit, int(np.ceil(high)) + 1)
    return slice(first, last - (last - first) % 2)


def _warped(picture: Pixels, matrix: Array, size: tuple[int, int], ground: int) -> Pixels:
    """Bicubic; what shrinks is sampled k times finer first and averaged, so that nothing aliases."""
    k = max(1, int(np.ceil(1 / np.hypot(matrix[0, 0], matrix[1, 0]) - 1e-9)))
    fine = matrix * k
    fine[:, 2] += (k - 1) / 2  # pixel centres: fine = k * set + (k - 1) / 2
    sampled = cv2.warpAffine(
        picture,
        fine,
        (size[0] * k, size[1] * k),
        flags=cv2.INTER_CUBIC if k == 1 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(ground, ground, ground),
    )
    return np.asarray(sampled if k == 1 else cv2.resize(sampled, size, interpolation=cv2.INTER_AREA), np.uint8)
