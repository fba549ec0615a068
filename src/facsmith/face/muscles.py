"""Linear facial muscles: a photo's face moved by AU intensities, so that any photo yields AU-labelled faces.

After Waters (1987), "A muscle model for animating three-dimensional facial expression": an AU moves a few sites of
the face along fixed directions in proportion to its intensity, and the skin between them follows smoothly. The sites'
full-intensity displacements were measured on ICT-FaceKit's FACS blendshapes (MIT; Li et al. 2020).

Conventions: the face frame has its origin midway between the eye centres, x along the eye line to the viewer's
right, y down, unit = inter-ocular distance (IOD, eye centre to eye centre). Landmarks are the 68 iBUG points in
photo pixels.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facsmith.face.mouth import LipLine, paint_mouth
from facsmith.face.shading import fold_gain, unfold_gain
from facsmith.facs import DISFA

__all__ = ["ABOVE_LIPS", "BELOW_LIPS", "FULL_INTENSITY", "MuscleWarp", "basis", "displacement", "moved_points", "warp"]

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

# (x, y) per site for the viewer-left half: x negative = outwards, y positive = up, in IOD. AU25's and AU26's
# published rows are extremes (lips fully retracted, jaw fully open = AU27); level E of FACS is _EXTREME of them.
FULL_INTENSITY: dict[int, dict[str, tuple[float, float]]] = {
    1: {"inner_brow": (-0.01, 0.09), "mid_brow": (0, 0.04), "outer_brow": (0, 0.02), "nose_tip": (0, 0.02)},
    2: {"inner_brow": (-0.01, 0.04), "mid_brow": (-0.04, 0.12), "outer_brow": (-0.02, 0.09)},
    4: {"inner_brow": (0.03, -0.03), "mid_brow": (0.07, -0.06), "outer_brow": (0.03, -0.01), "glabella": (0, -0.02)},
    5: {"upper_lid": (0, 0.05)},
    6: {"lower_lid": (0.01, 0.04), "ala": (-0.01, 0.01), "corner": (-0.01, 0.02), "cheek": (0.01, 0.06)},
    9: {
        "inner_brow": (0.01, -0.05),
        "mid_brow": (0.01, -0.03),
        "lower_lid": (0, 0.02),
        "nose_tip": (0, 0.06),
        "ala": (-0.01, 0.11),
        "corner": (0.01, 0.10),
        "upper_lip": (0, 0.12),
        "cheek": (0.01, 0.08),
        "nasolabial": (0.01, 0.11),
        "glabella": (0, -0.05),
    },
    12: {
        "ala": (-0.04, 0.03),
        "corner": (-0.11, 0.16),
        "upper_lip": (0, 0.05),
        "lower_lip": (0, 0.06),
        "chin": (0, 0.05),
        "jaw_side": (-0.01, 0.07),
        "cheek": (-0.01, 0.03),
        "nasolabial": (-0.07, 0.08),
    },
    15: {"ala": (0, -0.02), "corner": (-0.03, -0.07), "upper_lip": (0, -0.02), "nasolabial": (-0.01, -0.04)},
    17: {"corner": (-0.01, 0.03), "lower_lip": (0, 0.12), "chin": (0, 0.13), "jaw_side": (0.02, 0.02)},
    20: {
        "ala": (-0.01, -0.01),
        "corner": (-0.10, -0.05),
        "upper_lip": (0, -0.01),
        "lower_lip": (0, 0.02),
        "jaw_side": (-0.04, 0.01),
        "nasolabial": (-0.07, -0.03),
    },
    25: {
        "ala": (-0.03, 0.09),
        "corner": (0, 0.05),
        "upper_lip": (0, 0.12),
        "lower_lip": (0, -0.10),
        "chin": (0, -0.05),
    },
    26: {
        "ala": (0, -0.04),
        "corner": (0.04, -0.20),
        "upper_lip": (0, -0.04),
        "lower_lip": (0, -0.54),
        "chin": (0, -0.43),
        "jaw_side": (0.01, -0.14),
    },
}
_EXTREME = {25: 0.5, 26: 0.45}

# How each viewer-left (or midline) landmark mixes the sites; the other half is its mirror image.
_MIX: dict[int, dict[str, float]] = {
    17: {"outer_brow": 1.0},
    18: {"outer_brow": 0.5, "mid_brow": 0.5},
    19: {"mid_brow": 1.0},
    20: {"mid_brow": 0.5, "inner_brow": 0.5},
    21: {"inner_brow": 1.0},
    28: {"nose_tip": 0.3},
    29: {"nose_tip": 0.65},
    30: {"nose_tip": 1.0},
    31: {"ala": 1.0},
    32: {"ala": 0.5, "nose_tip": 0.5},
    33: {"nose_tip": 1.0},
    37: {"upper_lid": 1.0},
    38: {"upper_lid": 1.0},
    40: {"lower_lid": 1.0},
    41: {"lower_lid": 1.0},
    48: {"corner": 1.0},
    49: {"corner": 0.4, "upper_lip": 0.6},
    50: {"corner": 0.1, "upper_lip": 0.9},
    51: {"upper_lip": 1.0},
    57: {"lower_lip": 1.0},
    58: {"corner": 0.08, "lower_lip": 0.92},
    59: {"corner": 0.35, "lower_lip": 0.65},
    60: {"corner": 1.0},
    61: {"corner": 0.2, "upper_lip": 0.8},
    62: {"upper_lip": 1.0},
    66: {"lower_lip": 1.0},
    67: {"corner": 0.15, "lower_lip": 0.85},
    8: {"chin": 1.0},
    7: {"chin": 0.85, "jaw_side": 0.15},
    6: {"chin": 0.5, "jaw_side": 0.5},
    5: {"jaw_side": 1.0},
    4: {"jaw_side": 0.8},
    3: {"jaw_side": 0.5},
    2: {"jaw_side": 0.2},
}
_MIRROR = np.array(
    [16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    + [26, 25, 24, 23, 22, 21, 20, 19, 18, 17]
    + [27, 28, 29, 30, 35, 34, 33, 32, 31]
    + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    + [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
)
_MIDLINE = {8, 27, 28, 29, 30, 33, 51, 57, 62, 66}
_UPPER_LIP = [49, 50, 51, 52, 53, 61, 62, 63]
_LOWER_LIP = [55, 56, 57, 58, 59, 65, 66, 67]
_LOWER_JAW = [4, 5, 6, 7, 8, 9, 10, 11, 12]
_LIP_PAIRS = [(61, 67), (62, 66), (63, 65)]
ABOVE_LIPS = [p for p in range(68) if p not in _LOWER_LIP and p not in _LOWER_JAW]
BELOW_LIPS = [p for p in range(68) if p not in _UPPER_LIP]
"""The points whose movement the skin above the mouth's line follows, and that below it: lips part."""
_PUSH = 0.2  # of a collision of the lips, the part that moves the upper lip


# Skin sites between the landmarks: weights that place them among the 68 points, and the table's site that moves them.
_SKIN: list[tuple[str, dict[int, float]]] = [
    ("cheek", {41: 0.55, 31: 0.2, 2: 0.25}),
    ("cheek", {36: 0.45, 48: 0.3, 1: 0.25}),
    ("nasolabial", {31: 0.5, 48: 0.4, 3: 0.1}),
    ("nasolabial", {31: 0.3, 48: 0.5, 4: 0.2}),
    ("glabella", {21: 0.45, 22: 0.45, 27: 0.1}),
]


@lru_cache(maxsize=1)
def basis() -> Array:
    """Displacement of the 68 points by each AU at intensity 1: (12, 68, 2) in IOD, face frame (x right, y down),
    read-only."""
    table = np.zeros((len(DISFA), 68, 2))
    for row, au in enumerate(DISFA):
        for point, mix in _MIX.items():
            table[row, point] = _mixed(au, mix, midline=point in _MIDLINE)
    rest = [p for p in range(68) if p not in _MIX and int(_MIRROR[p]) in _MIX]
    table[:, rest] = table[:, _MIRROR[rest]] * [-1.0, 1.0]
    table.setflags(write=False)
    return table


def moved_points(au: int) -> NDArray[np.bool_]:
    """Which of the 68 points the table moves for this AU, (68,) bool; the others are its empty cells."""
    return np.asarray(np.abs(basis()[DISFA.index(au)]).sum(axis=1) > 0)


@lru_cache(maxsize=1)
def _skin_basis() -> Array:
    """(12, 2 * len(_SKIN), 2): displacement of the skin sites, viewer-left ones first, then their mirror images."""
    left = np.array([[_mixed(au, {site: 1.0}, midline=site == "glabella") for site, _ in _SKIN] for au in DISFA])
    return np.concatenate([left, left * [-1.0, 1.0]], axis=1)


def _mixed(au: int, mix: dict[str, float], *, midline: bool) -> Array:
    moves = FULL_INTENSITY[au]
    total = sum((weight * np.array(moves.get(site, (0.0, 0.0))) for site, weight in mix.items()), np.zeros(2))
    return total * _EXTREME.get(au, 1.0) * [0.0 if midline else 1.0, -1.0]


@dataclass(frozen=True)
class _Frame:
    """The similarity between photo pixels and the face frame."""

    origin: Array
    axes: Array  # rows: unit x (along the eye line), unit y (down the face), in photo pixels
    iod: float

    @classmethod
    def of(cls, landmarks: Array) -> "_Frame":
        left, right = landmarks[[36, 39]].mean(axis=0), landmarks[[42, 45]].mean(axis=0)
        along = right - left
        iod = float(np.hypot(*along))
        x = along / iod
        return cls(origin=(left + right) / 2, axes=np.stack([x, [-x[1], x[0]]]), iod=iod)

    def to_face(self, points: Array) -> Array:
        return (points - self.origin) @ self.axes.T / self.iod

    def to_photo(self, points: Array) -> Array:
        return points @ self.axes * self.iod + self.origin


def displacement(landmarks: NDArray[np.floating], intensities: NDArray[np.floating]) -> Array:
    """How AU intensities move the 68 points of this face.

    Args:
        landmarks: (68, 2) iBUG points in photo pixels.
        intensities: (12,) in AU order; negative values undo an expression the face already shows.

    Returns:
        (68, 2) in photo pixels. Lips that would pass through each other meet instead.
    """
    frame = _Frame.of(np.asarray(landmarks, dtype=np.float64))
    face = frame.to_face(np.asarray(landmarks, dtype=np.float64))
    return _face_displacement(face, np.asarray(intensities, dtype=np.float64)) @ frame.axes * frame.iod


def _face_displacement(face: Array, intensities: Array) -> Array:
    moved = np.tensordot(intensities, basis(), axes=1)
    _close_lips(face, intensities, moved)
    for upper, lower in _LIP_PAIRS:
        # Lips that already overlap by the landmarker's error are no collision.
        gap = (face[lower, 1] + moved[lower, 1]) - (face[upper, 1] + moved[upper, 1])
        crossing = min(0.0, face[lower, 1] - face[upper, 1]) - gap
        if crossing > 0:
            moved[upper, 1] -= _PUSH * crossing
            moved[lower, 1] += (1 - _PUSH) * crossing
    return moved


def _close_lips(face: Array, intensities: Array, moved: Array) -> None:
    """Undoing AU25 and AU26 closes this mouth in proportion to its own gap, whatever the gap's outline."""
    rows = basis()[[DISFA.index(25), DISFA.index(26)]]
    closing = -np.minimum([intensities[DISFA.index(25)], intensities[DISFA.index(26)]], 0.0)
    gaps = np.array([face[lower, 1] - face[upper, 1] for upper, lower in _LIP_PAIRS])
    by = float(closing @ (rows[:, 66, 1] - rows[:, 62, 1]))
    if by <= 0 or gaps.mean() <= 0.015:
        return
    left = max(0.0, 1 - 1.15 * by / float(gaps.mean()))
    for (upper, lower), gap in zip(_LIP_PAIRS, gaps, strict=True):
        by_table = float(closing @ (rows[:, lower, 1] - rows[:, upper, 1]))
        missing = by_table - gap * (1 - left)  # > 0: the table closes more than there is
        moved[upper, 1] -= missing / 2
        moved[lower, 1] += missing / 2


def warp(image: Image, landmarks: NDArray[np.floating], intensities: NDArray[np.floating], *, seed: int = 0) -> Image:
    """Move a photo's face by AU intensities: skin follows the muscles, lips part, the mouth's inside is filled,
    folds get shading.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (68, 2) iBUG points in photo pixels.
        intensities: (12,) in AU order, usually in [0, 1]; negative values undo an expression the face already shows.
        seed: chooses the look of teeth where the photo shows none.

    Returns:
        (H, W, 3) uint8 RGB; the input itself, copied, when nothing moves.
    """
    return MuscleWarp(landmarks, image.shape[:2], seed=seed)(image, intensities)


class MuscleWarp:
    """`warp` with everything that depends on the face alone computed once: for many expressions of one photo."""

    _STEP = 0.08  # grid of the displacement field, IOD
    _X, _Y = (-2.4, 2.4), (-2.0, 3.0)

    def __init__(self, landmarks: NDArray[np.floating], shape: tuple[int, ...], *, seed: int = 0) -> None:
        points = np.asarray(landmarks, dtype=np.float64)
        self._frame = _Frame.of(points)
        self._face = self._frame.to_face(points)
        self._seed = seed
        self._lips = LipLine(self._face)
        self._region = self._affected(shape)
        x0, y0, x1, y1 = self._region
        xs, ys = np.meshgrid(np.arange(x0, x1, dtype=np.float64), np.arange(y0, y1, dtype=np.float64))
        self._pixels = self._frame.to_face(np.stack([xs, ys], axis=-1))  # (h, w, 2) face coordinates
        stride = max(1, round(0.03 * self._frame.iod))  # folds are wide: their gain needs no finer grid
        self._coarse = self._pixels[::stride, ::stride]
        skin = self._skin_points()
        anchors = _anchors(self._face)
        self._branches = [
            (keep, self._interpolator(np.concatenate([self._face[keep], skin, anchors])))
            for keep in (ABOVE_LIPS, BELOW_LIPS)
        ]
        self._anchor_count = len(anchors)

    def __call__(self, image: Image, intensities: NDArray[np.floating]) -> Image:
        """Warp `image`, whose face has the landmarks given at construction, by (12,) intensities."""
        e = np.asarray(intensities, dtype=np.float64)
        out = image.copy()
        if not e.any():
            return out
        moved = _face_displacement(self._face, e)
        skin = np.tensordot(e, _skin_basis(), axes=1)
        upper, lower = (
            self._source(op @ np.concatenate([moved[keep], skin, np.zeros((self._anchor_count, 2))]))
            for keep, op in self._branches
        )
        x0, y0, x1, y1 = self._region
        source, inside = self._lips.join(upper, lower, pixel=1.0 / self._frame.iod)
        photo = self._frame.to_photo(source).astype(np.float32)
        result = _remap(image, photo, cv2.INTER_CUBIC).astype(np.float32)
        gain = fold_gain(self._coarse, self._face + moved, e)
        smile = e[DISFA.index(12)]
        if smile < 0:
            coarse = cv2.resize(result, gain.shape[::-1], interpolation=cv2.INTER_AREA)
            gain *= unfold_gain(np.asarray(coarse, np.float32), self._coarse, self._face + moved, -float(smile))
        result *= cv2.resize(gain, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)[..., None]
        if inside.any():
            self._fill_mouth(result, image, inside, jaw=float(moved[8, 1]))
        out[y0:y1, x0:x1] = np.clip(result + 0.5, 0, 255).astype(np.uint8)
        return out

    def _fill_mouth(self, result: NDArray[np.float32], image: Image, inside: Array, *, jaw: float) -> None:
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        pixels = self._pixels[box]
        level = _skin_level(image, self._region)
        filling = paint_mouth(pixels, self._lips, jaw=jaw, level=level, seed=self._seed)
        teeth, share = self._lips.own_interior(pixels)
        if share.any():
            at = self._frame.to_photo(teeth).astype(np.float32)
            own = _remap(image, at, cv2.INTER_LINEAR)
            filling += share[..., None] * (own - filling)
        result[box] += inside[box][..., None] * (filling - result[box])

    def _affected(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        corners = np.array([[x, y] for x in (-1.9, 1.9) for y in (-1.4, 2.7)])
        photo = self._frame.to_photo(corners)
        x0, y0 = np.maximum(np.floor(photo.min(axis=0)), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(photo.max(axis=0)), [shape[1], shape[0]]).astype(int)
        return int(x0), int(y0), int(x1), int(y1)

    def _skin_points(self) -> Array:
        left = [sum(w * self._face[p] for p, w in weights.items()) for _, weights in _SKIN]
        right = [sum(w * self._face[_MIRROR[p]] for p, w in weights.items()) for _, weights in _SKIN]
        return np.array(left + right)

    def _interpolator(self, controls: Array) -> Array:
        """(grid points, controls): the linear map from control displacements to the field on the grid (smoothed
        thin-plate spline)."""
        xs, ys = np.arange(*self._X, self._STEP), np.arange(*self._Y, self._STEP)
        grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
        n = len(controls)
        system = np.zeros((n + 3, n + 3))
        system[:n, :n] = _thin_plate(controls, controls) + 2e-3 * np.eye(n)
        system[:n, n:] = np.concatenate([np.ones((n, 1)), controls], axis=1)
        system[n:, :n] = system[:n, n:].T
        rows = np.concatenate([_thin_plate(grid, controls), np.ones((len(grid), 1)), grid], axis=1)
        return np.asarray(rows @ np.linalg.lstsq(system, np.eye(n + 3, n), rcond=None)[0])

    def _source(self, field: Array) -> Array:
        """(h, w, 2): for each output pixel the face-frame point it comes from, by fixed-point inversion of x + u(x)."""
        shape = (len(np.arange(*self._Y, self._STEP)), len(np.arange(*self._X, self._STEP)))
        u = field.reshape(*shape, 2).astype(np.float32)
        target = self._pixels.astype(np.float32)
        source = target
        low = np.array([self._X[0], self._Y[0]], np.float32)
        for _ in range(5):
            at = (source - low) / np.float32(self._STEP)
            source = target - _remap(u, at, cv2.INTER_LINEAR)
        return source.astype(np.float64)


def _remap(values: NDArray[Any], at: NDArray[np.float32], how: int) -> NDArray[Any]:
    """values: (H, W, C) read at (h, w, 2) pixel positions; the border is repeated outside."""
    return np.asarray(cv2.remap(values, at[..., 0], at[..., 1], how, borderMode=cv2.BORDER_REPLICATE))


def _thin_plate(a: Array, b: Array) -> Array:
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    return 0.5 * squared * np.log(squared + 1e-12)


def _anchors(face: Array) -> Array:
    """Points that never move: the skull's outline above the jaw, the forehead's upper part and a far ring."""
    brow_top = float(face[17:27, 1].min())
    forehead = [[x, brow_top - rise] for rise in (0.45, 0.8) for x in (-1.1, -0.55, 0.0, 0.55, 1.1)]
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([1.95 * np.cos(angles), 0.55 + 2.1 * np.sin(angles)], axis=1)
    return np.concatenate([np.array(forehead), ring])


def _skin_level(image: Image, region: tuple[int, int, int, int]) -> float:
    """The photo's exposure, 1.0 for a well-lit face: teeth in a dark photo are dark."""
    x0, y0, x1, y1 = region
    return float(np.percentile(image[y0:y1:4, x0:x1:4].mean(axis=-1), 75)) / 170.0
