"""Averages of faces: shapes by their landmarks, colours in linear light, as in Rowland and Perrett (1995)."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay  # pyright: ignore[reportMissingTypeStubs]

from facsmith._types import Array, Pixels
from facsmith.errors import InputError
from facsmith.face.points import BROWS, JAW
from facsmith.stimuli.luminance import decode, encode
from facsmith.stimuli.norms import Frame, Norms

__all__ = ["average_faces", "draw_groups"]


_FOREHEAD: Final = 7  # points of the hairline's arc, which the 68 landmarks lack
_BORDER: Final = 4  # points a side of the picture, which stay


def average_faces(faces: Sequence[tuple[Pixels, npt.ArrayLike]], norms: Norms) -> Pixels:
    """One face whose shape and colours are the mean of several.

    Each is warped by triangles to the mean shape.

    Parameters
    ----------
    faces
        (picture (H, W, 3) uint8, landmarks (68, 2)) each, two or more.
    norms
        Size and eye points to which all are aligned.

    Returns
    -------
    ndarray
        (h, w, 3) uint8 of ``norms.size``.
    """
    if len(faces) < 2:
        raise InputError(f"An average of {len(faces)} face(s); give 2 or more.")
    aligned = Norms(align=True, size=norms.size, eye_distance=norms.eye_distance, eye_height=norms.eye_height,
                    background=norms.background)  # fmt: skip
    frames = [Frame.of(aligned, landmarks, picture.shape) for picture, landmarks in faces]
    shapes = [_with_forehead(frame.points(points)) for frame, (_, points) in zip(frames, faces, strict=True)]
    border = _border(norms.size)
    mean = np.vstack([np.mean(shapes, axis=0), border])
    where = _Triangles(mean, norms.size)
    total = np.zeros((norms.size[1], norms.size[0], 3))
    for (picture, _), frame, shape in zip(faces, frames, shapes, strict=True):
        x, y = where.source(np.vstack([shape, border]))
        warped = cv2.remap(frame.place(picture), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        total += decode(np.asarray(warped, np.uint8))
    return encode(total / len(faces))


def draw_groups(count: int, *, of: int, groups: int, seed: int) -> list[tuple[int, ...]]:
    """``groups`` different groups of ``of`` faces out of ``count``, as sorted indices, drawn by ``seed``.

    Raises
    ------
    InputError
        There are not so many groups, or of fewer than two faces.
    """
    if not 2 <= of <= count:
        raise InputError(f"An average of {of} out of {count} faces; give 2 to {count}.")
    random = np.random.default_rng(seed)
    found: dict[tuple[int, ...], None] = {}
    every = list(itertools.islice(itertools.combinations(range(count), of), 20_001))
    if groups > len(every):
        raise InputError(f"{count} faces have {len(every)} groups of {of}; ask for {len(every)} averages or fewer.")
    if len(every) <= 20_000:  # all are known: none is drawn in vain
        return [every[index] for index in random.permutation(len(every))[:groups].tolist()]
    while len(found) < groups:
        found[tuple(np.sort(random.choice(count, of, replace=False)).tolist())] = None
    return [*found]


class _Triangles:
    """The triangles of a shape, and in which each pixel lies."""

    def __init__(self, shape: Array, size: tuple[int, int]) -> None:
        self._mesh = Delaunay(shape)
        y, x = np.mgrid[: size[1], : size[0]].astype(np.float64)
        self._pixels = np.stack([x.ravel(), y.ravel()], axis=1)
        self._inside = self._mesh.find_simplex(self._pixels)
        self._size = size

    def source(self, points: Array) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Where in a picture with the same points elsewhere each pixel is taken from: x and y, (H, W) each."""
        corners = self._mesh.transform[self._inside]  # barycentric coordinates, after scipy's documentation
        weights = np.einsum("nij,nj->ni", corners[:, :2], self._pixels - corners[:, 2])
        weights = np.concatenate([weights, 1 - weights.sum(axis=1, keepdims=True)], axis=1)
        places = np.einsum("nk,nkd->nd", weights, points[self._mesh.simplices[self._inside]])
        x, y = (np.ascontiguousarray(places[:, d].reshape(self._size[::-1]), np.float32) for d in (0, 1))
        return x, y


def _with_forehead(points: Array) -> Array:
    """(68, 2) -> (75, 2): an arc from temple to temple, as high above the brows as half of the way to the chin."""
    jaw = points[list(JAW)]
    brow, chin = points[list(BROWS), 1].min(), jaw[:, 1].max()
    left, right = jaw[0], jaw[-1]
    angle = np.linspace(np.pi, 0, _FOREHEAD + 2)[1:-1]
    middle, half = (left + right) / 2, (right[0] - left[0]) / 2
    height = middle[1] - (brow - (chin - brow) / 2)
    return np.vstack([points, np.stack([middle[0] + half * np.cos(angle), middle[1] - height * np.sin(angle)], axis=1)])


def _border(size: tuple[int, int]) -> Array:
    """Points around the picture, just outside, that no face moves."""
    width, height = size

    def around() -> Iterator[tuple[float, float]]:
        for share in np.linspace(0, 1, _BORDER, endpoint=False).tolist():
            x, y = share * (width + 1) - 1, share * (height + 1) - 1
            yield from ((x, -1.0), (float(width), y), (width - 1 - x, float(height)), (-1.0, height - 1 - y))

    return np.array([*around()])
