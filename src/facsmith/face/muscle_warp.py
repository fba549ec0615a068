"""The skin between the sites: dense displacement of a face by AUs, and a photo moved and shaded by it.

Skin follows the sites by a smoothed thin-plate spline. Lips are two contours: what lies above the mouth's line follows
the one, what lies below it the other. Conventions as in `face.muscles`.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from facsmith._types import Array, Image
from facsmith.face.lip_edges import lip_edges
from facsmith.face.mouth import LipLine, OwnMouth, upper_row
from facsmith.face.muscle_table import MuscleTable
from facsmith.face.muscles import FaceMuscles, jaw_drop, two_sided
from facsmith.face.palette import Palette
from facsmith.face.paths import box_of
from facsmith.face.points import BROWS
from facsmith.face.shading import SKIN_SHADE, FaceShading, unfolded
from facsmith.face.teeth import Dentition, mouth_light
from facsmith.facs import AUS

__all__ = ["Motion", "Moves", "MuscleField", "MuscleWarp", "warp"]


_STEP: Final = 0.08  # grid of the displacement field, IOD
_X, _Y = (-2.4, 2.4), (-2.0, 3.2)
_FINE: Final = 0.04  # grid of its inverse, IOD
_NEWTON: Final = 7
_NEAR_ENOUGH: Final = 1e-4  # IOD, the last step before it ends: a fiftieth of a pixel of a face of 200 from eye to eye
_SMOOTHING: Final = 2e-3
_MIDDLE, _WIDE, _HIGH, _LOW, _WHOLE = 0.45, 1.75, 1.75, 2.2, 0.75
"""Height of the middle of what moves and its reach to the sides, upwards and downwards, IOD; the share of the reach in
which the skin moves wholly."""
_LOWER_LIP: Final = (55, 56, 57, 58, 59, 65, 66, 67)
_UPPER_LIP: Final = (49, 50, 51, 52, 53, 61, 62, 63)
_LOWER_JAW: Final = tuple(range(4, 13))
_BELOW: Final = ("mentolabial", "chin", "marionette", "jaw")
_ABOVE: Final = ("philtrum", "upper")
_ABOVE_BROW: Final = 0.04
_BELOW_BROW: Final = (0.05, 0.09)
_TO_LID: Final = (0.25, 0.45)
"""IOD above and below its landmarks in which a brow moves as one piece; at most these parts of the way to a lid."""
_LIDS_BELOW: Final = (36, 36, 37, 38, 39, 42, 43, 44, 45, 45)
"""The point of the eye under each of the brows'."""
_APART: Final = 0.03  # IOD of the lips' own movement from which what lies between them is new


class Motion(NamedTuple):
    """source: (..., 2) for each pixel the point of the face at rest that is seen there, face frame. parted: (...) in
    [0, 1], how much of the pixel lies between the lips and shows what the face at rest does not."""

    source: Array
    parted: Array


@dataclass(frozen=True, eq=False)
class Moves:
    """One expression of a face, ready to be looked at on any pixels.

    Parameters
    ----------
    sites
        (S, 2) displacement of the sites in IOD (`FaceMuscles.moved`).
    jaw
        By how much the lower jaw drops, IOD.
    inverse
        (rows, columns, 4) of the upper and of the lower lip's field, on a grid.
    lips
        The inner contours where they move to.
    ways
        By how much the points of the upper and of the lower one move, IOD.
    """

    sites: Array
    jaw: float
    inverse: NDArray[np.float32]
    lips: LipLine
    ways: tuple[Array, Array]


class MuscleField:
    """The dense motion of one face. Everything that depends on the face alone is computed once."""

    def __init__(self, landmarks: ArrayLike, table: MuscleTable | None = None) -> None:
        """landmarks: (68, 2) iBUG points in photo pixels."""
        self.muscles = FaceMuscles(landmarks, table)
        self.frame = self.muscles.frame
        self.face = self.muscles.sites[:68]
        self.lips = LipLine(self.face)
        names = self.muscles.table.sites
        skin = [(k, names[k].split("_")[0]) for k in range(68, len(names))]
        above = [p for p in range(68) if p not in _LOWER_LIP and p not in _LOWER_JAW]
        below = [p for p in range(68) if p not in _UPPER_LIP]
        above += [k for k, name in skin if name not in _BELOW]
        below += [k for k, name in skin if name not in _ABOVE]
        self._anchors = _anchors(self.face)
        xs, ys = np.arange(*_X, _STEP), np.arange(*_Y, _STEP)
        self._shape = (len(ys), len(xs))
        grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
        near = _near_face(grid)[:, None]
        self._branches = [
            (kept, near * _spline(self._controls(self.muscles.sites, kept), grid))
            for kept in (np.array(above), np.array(below))
        ]

    def look(self, picture: NDArray[np.float32]) -> None:
        """Take the lips' edges from a picture (h, w, 3) in [0, 255], whose pixels the landmarks are of."""
        self.lips = LipLine(self.face, lip_edges(picture, self.frame, self.face, LipLine(self.face)))

    def moves(self, intensities: ArrayLike) -> Moves:
        """One expression, (28,) or (2, 28)."""
        sites = self.muscles.moved(intensities)
        fields = [
            (spline @ self._moved(sites, kept)).reshape(*self._shape, 2).astype(np.float32)
            for kept, spline in self._branches
        ]
        inverse = np.concatenate([self._inverse(field) for field in fields], axis=-1)
        above, below = (
            _remap(field, _nodes(points.astype(np.float32)[None], _STEP), cv2.INTER_LINEAR)[0].astype(np.float64)
            for field, points in zip(fields, self.lips.contours, strict=True)
        )
        return Moves(sites, jaw_drop(intensities), inverse, self.lips.moved(above, below), (above, below))

    def _controls(self, sites: Array, kept: NDArray[np.intp]) -> Array:
        """(M, 2) points whose displacement is known: sites, both edges of the brows, and what never moves."""
        brow = sites[list(BROWS)]
        to_lid = np.maximum(sites[list(_LIDS_BELOW), 1] - brow[:, 1], 0)
        lower = [np.minimum(most, part * to_lid) for most, part in zip(_BELOW_BROW, _TO_LID, strict=True)]
        edges = [brow + np.stack([np.zeros(len(brow)), y], axis=1) for y in (np.full(len(brow), -_ABOVE_BROW), *lower)]
        return np.concatenate([sites[kept], *edges, self._anchors])

    def _moved(self, moved: Array, kept: NDArray[np.intp]) -> Array:
        """(M, 2) their displacements, by those of the sites: a brow's edges follow its landmarks."""
        return np.concatenate([moved[kept], *[moved[list(BROWS)]] * (1 + len(_TO_LID)), np.zeros_like(self._anchors)])

    def motion(self, pixels: Array, moves: Moves, *, own: OwnMouth | None, pixel: float) -> Motion:
        """Where the pixels of the moved face come from.

        Parameters
        ----------
        pixels
            (h, w, 2) face coordinates.
        moves
            The expression.
        own
            What the photo shows between its lips; None where they do not matter.
        pixel
            Size of a pixel in IOD.
        """
        if not moves.sites.any():
            return Motion(pixels, np.zeros(pixels.shape[:2]))
        nodes = _nodes(pixels.astype(np.float32), _FINE)
        both = _remap(moves.inverse, nodes, cv2.INTER_LINEAR)
        upper, lower = pixels + both[..., :2], pixels + both[..., 2:]
        source, inside = self.lips.join(upper, lower, pixel=pixel)
        if own is None or not inside.any():
            return Motion(source, inside)
        box = box_of(inside)
        x = pixels[box][..., 0]
        risen, lowered = self.lips.upper(x) - moves.lips.upper(x), moves.lips.lower(x) - self.lips.lower(x)
        seen, trust = own.seen(pixels[box], risen, lowered, moves.jaw)
        source[box] += (inside[box] * trust)[..., None] * (seen - source[box])
        separated = np.clip((upper[box][..., 1] - lower[box][..., 1]) / _APART + self.lips.gap / _APART, 0, 1)
        inside[box] *= (1 - trust) * separated
        return Motion(source, inside)

    def between(self, pixels: Array, here: Array, there: Array) -> Array:
        """(h, w, 2) displacement in IOD that leads from the face whose sites (S, 2) moved by ``here`` to the one whose
        sites moved by ``there``; the mouth's inside goes with its lips."""
        every = np.arange(len(self.muscles.sites))
        controls, moves = self._controls(self.muscles.sites + here, every), self._moved(there - here, every)
        grid = np.stack(np.meshgrid(np.arange(*_X, 2 * _STEP), np.arange(*_Y, 2 * _STEP)), axis=-1)
        field = (_spline(controls, grid.reshape(-1, 2)) @ moves).reshape(grid.shape)
        at = _nodes(pixels.astype(np.float32), 2 * _STEP)
        return _remap(field.astype(np.float32), at, cv2.INTER_CUBIC).astype(np.float64)

    def _inverse(self, u: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows, columns, 2): from a point to the one that moved there: x + u(x) inverted by Newton's method on a grid,
        since skin that a jaw stretches to twice its length and more is no contraction."""
        along, down = np.gradient(u, _STEP, axis=1), np.gradient(u, _STEP, axis=0)
        tables = np.concatenate([u, along, down], axis=-1)
        target = _fine_grid()
        source = target - _remap(u, _nodes(target, _STEP), cv2.INTER_LINEAR)
        for _ in range(_NEWTON):
            ux, uy, xx, yx, xy, yy = np.moveaxis(_remap(tables, _nodes(source, _STEP), cv2.INTER_LINEAR), -1, 0)
            off_x, off_y = source[..., 0] + ux - target[..., 0], source[..., 1] + uy - target[..., 1]
            a, d = 1 + xx, 1 + yy
            det = np.maximum(a * d - xy * yx, np.float32(0.15))  # skin never folds over
            step = np.stack([d * off_x - xy * off_y, a * off_y - yx * off_x], axis=-1) / det[..., None]
            source = source - np.clip(step, -0.25, 0.25)
            if max(float(step.max()), -float(step.min())) < _NEAR_ENOUGH:
                break
        return np.asarray(source - target, np.float32)


class MuscleWarp:
    """`warp` for many expressions of one photo."""

    def __init__(
        self, landmarks: ArrayLike, shape: tuple[int, ...], *, seed: int = 0, table: MuscleTable | None = None
    ) -> None:
        self.field = MuscleField(landmarks, table)
        self._seed = seed
        frame = self.field.frame
        self._region = x0, y0, x1, y1 = self._affected(shape)
        xs, ys = np.meshgrid(np.arange(x0, x1, dtype=np.float64), np.arange(y0, y1, dtype=np.float64))
        self._pixels = frame.to_face(np.stack([xs, ys], axis=-1))  # (h, w, 2)
        stride = max(1, round(0.008 * frame.iod))  # wrinkles need no finer grid
        self._coarse = self._pixels[::stride, ::stride]
        self._shading = FaceShading(self.field.muscles)

    def __call__(self, image: Image, intensities: ArrayLike) -> Image:
        """Warp ``image``, whose face has the landmarks given at construction."""
        e = two_sided(intensities)
        out = image.copy()
        x0, y0, x1, y1 = self._region
        if not e.any() or x0 >= x1 or y0 >= y1:
            return out
        pixel = 1.0 / self.field.frame.iod
        own, inside = self._look(image)
        moves = self.field.moves(e)
        motion = self.field.motion(self._pixels, moves, own=own, pixel=pixel)
        photo = self.field.frame.to_photo(motion.source).astype(np.float32)
        result = _remap(image, photo, cv2.INTER_CUBIC).astype(np.float32)
        coarse = cv2.resize(motion.source.astype(np.float32), self._coarse.shape[1::-1], interpolation=cv2.INTER_AREA)
        gain = self._shading.gain(np.asarray(coarse, np.float64), e)
        size = (x1 - x0, y1 - y0)
        smile = float(e[:, AUS.index(12)].mean())
        if smile < 0:
            small = cv2.resize(result, gain.shape[::-1], interpolation=cv2.INTER_AREA)
            face = self.field.face + moves.sites[:68]
            added = unfolded(np.asarray(small, np.float32), self._coarse, face, -smile)
            result += np.asarray(cv2.resize(added, size, interpolation=cv2.INTER_LINEAR))
        shade = 1 + Palette.of(image[y0:y1:4, x0:x1:4]).skin * (SKIN_SHADE - 1)  # a grey photo stays grey
        result *= 1 + (np.asarray(cv2.resize(gain, size, interpolation=cv2.INTER_LINEAR))[..., None] - 1) * shade
        if motion.parted.any():
            box = box_of(motion.parted)
            filling = inside.paint(self._pixels[box], moves.lips, jaw=moves.jaw)
            filling = Palette.of(image[y0:y1:4, x0:x1:4]).toned(filling)
            result[box] += motion.parted[box][..., None] * (filling - result[box])
        out[y0:y1, x0:x1] = np.clip(result + 0.5, 0, 255).astype(np.uint8)
        return out

    def _look(self, image: Image) -> tuple[OwnMouth, Dentition]:
        """What the image shows of a mouth's inside, and in which light."""
        x0, y0, x1, y1 = self._region
        lips, frame = self.field.lips, self.field.frame
        seen = image[y0:y1, x0:x1].astype(np.float32)
        part, enamel = upper_row(seen, self._pixels, lips)
        light = mouth_light(seen[::4, ::4], self._pixels[::4, ::4], self.field.face)
        return OwnMouth(lips, part), Dentition(
            lips, yaw=frame.yaw, light=light, enamel=enamel, upper=part, seed=self._seed
        )

    def _affected(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        corners = np.array([[x, y] for x in (-1.9, 1.9) for y in (-1.4, 2.9)])
        photo = self.field.frame.to_photo(corners)
        x0, y0 = np.maximum(np.floor(photo.min(axis=0)), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(photo.max(axis=0)), [shape[1], shape[0]]).astype(int)
        return int(x0), int(y0), int(x1), int(y1)


def warp(image: Image, landmarks: ArrayLike, intensities: ArrayLike, *, seed: int = 0) -> Image:
    """Move a photo's face by AU intensities: skin follows the muscles, lips part, the mouth's inside is filled, folds
    get their shading.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    landmarks
        (68, 2) iBUG points in photo pixels.
    intensities
        (28,) in the order of `facs.AUS`, or (2, 28) of the left and the right side; usually in [0, 1]; negative values
        undo an expression the face already shows.
    seed
        Chooses the look of teeth where the photo shows none.

    Returns
    -------
    (H, W, 3) uint8 RGB; the input itself, copied, when nothing moves.
    """
    return MuscleWarp(landmarks, image.shape[:2], seed=seed)(image, intensities)


@lru_cache(maxsize=1)
def _fine_grid() -> NDArray[np.float32]:
    """(rows, columns, 2) face coordinates of the nodes of the inverse."""
    grid = np.stack(np.meshgrid(np.arange(*_X, _FINE), np.arange(*_Y, _FINE)), axis=-1).astype(np.float32)
    grid.setflags(write=False)
    return grid


def _nodes(points: NDArray[np.float32], step: float) -> NDArray[np.float32]:
    """Face coordinates -> places on a grid that begins at (_X[0], _Y[0])."""
    return (points - np.array([_X[0], _Y[0]], np.float32)) / np.float32(step)


def _remap(values: NDArray[Any], at: NDArray[np.float32], how: int) -> NDArray[Any]:
    """values: (H, W, C) read at (h, w, 2) pixel positions; the border is repeated outside."""
    return np.asarray(cv2.remap(values, at[..., 0], at[..., 1], how, borderMode=cv2.BORDER_REPLICATE))


def _spline(controls: Array, at: Array) -> Array:
    """(len(at), controls): the linear map from control displacements to displacements at points (smoothed thin-plate
    spline)."""
    n = len(controls)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _thin_plate(controls, controls) + _SMOOTHING * np.eye(n)
    system[:n, n:] = np.concatenate([np.ones((n, 1)), controls], axis=1)
    system[n:, :n] = system[:n, n:].T
    rows = np.concatenate([_thin_plate(at, controls), np.ones((len(at), 1)), at], axis=1)
    return np.asarray(rows @ np.linalg.lstsq(system, np.eye(n + 3, n), rcond=None)[0])


def _thin_plate(a: Array, b: Array) -> Array:
    x, y = a[:, :1] - b[:, 0], a[:, 1:] - b[:, 1]
    squared = x * x + y * y
    return 0.5 * squared * np.log(squared + 1e-12)


def _near_face(points: Array) -> Array:
    """(N,) 1 on a face, 0 from where on nothing of it moves: a spline alone never quite ends."""
    x, y = points[:, 0] / _WIDE, points[:, 1] - _MIDDLE
    far = np.hypot(x, y / np.where(y < 0, _HIGH, _LOW))
    t = np.clip((1 - far) / (1 - _WHOLE), 0, 1)
    return t * t * (3 - 2 * t)


def _anchors(face: Array) -> Array:
    """Points that never move: the forehead's upper part and a far ring."""
    brow_top = float(face[17:27, 1].min())
    forehead = [[x, brow_top - rise] for rise in (0.6, 0.9) for x in (-1.1, -0.55, 0.0, 0.55, 1.1)]
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([1.95 * np.cos(angles), 0.55 + 2.2 * np.sin(angles)], axis=1)
    return np.concatenate([np.array(forehead), ring])
