"""Peaks that human FACS coders annotated, as the muscles are fitted to them: how each face moved from its neutral."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from facsmith._types import Array, Image
from facsmith.errors import InputError
from facsmith.face.points import eye_centers, interocular, to_ibug
from facsmith.lab.coded_pairs import UNLETTERED, CodedPair, read_pairs
from facsmith.lab.picture_archive import PictureArchive
from facsmith.lab.train.blendshapes import BLENDSHAPES, GRID, Blendshapes, skin
from facsmith.measure.displacement import aligned_displacement

__all__ = ["CodedPeak", "read_coded_peaks"]


_SKIN_BLUR: Final = 0.025  # IOD
_DEEPEST: Final = 0.8  # natural logarithm of luminance


@dataclass(frozen=True, eq=False)
class CodedPeak:
    """One peak and the same person's neutral.

    Parameters
    ----------
    subject
        Who it is.
    intensities
        (2, K) of the person's own left and right side, in the order of `BLENDSHAPES`.
    unlettered
        (2, K) whether an AU was seen without a letter, its intensity a guess.
    moved
        (S, 2) displacement of the sites in IOD, face frame.
    at_rest
        (S, 2) the sites of the neutral face, face frame.
    shading
        (height, width) logarithm of the luminance's ratio on the grid; NaN where there is no skin.
    """

    subject: str
    intensities: Array
    unlettered: NDArray[np.bool_]
    moved: Array
    at_rest: Array
    shading: NDArray[np.float32]


def _intensities(pair: CodedPair, unlettered: float) -> Array:
    """(2, K) in the order of `BLENDSHAPES`: a blink closes the eyes."""
    found = pair.intensities([*BLENDSHAPES, 45], unlettered=unlettered)
    closed = list(BLENDSHAPES).index(43)
    found[:, closed] = np.maximum(found[:, closed], found[:, -1])
    return found[:, :-1]


def read_coded_peaks(
    pairs: str | Path,
    faces: str | Path,
    prior: str | Path,
    *,
    unlettered: float = UNLETTERED,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> list[CodedPeak]:
    """Read pairs of pictures and what coders saw.

    Parameters
    ----------
    pairs
        CSV as `lab.coded_pairs` reads it.
    faces
        Folder or tar with the pictures.
    prior
        The blendshapes (``ict_sites.npz``).

    Raises
    ------
    InputError
        A file is missing or not of this kind. ModelUnavailableError: MediaPipe's model is not at hand.
    """
    from facsmith.face import mediapipe_provider

    rows, known = read_pairs(pairs), Blendshapes(prior)
    landmarker = mediapipe_provider.load()
    seen: list[tuple[CodedPair, list[Image], list[_Mesh]]] = []
    with PictureArchive(faces) as pictures:
        for done, row in enumerate(rows, 1):
            pair = [_enlarged(pictures.read(name)) for name in (row.neutral, row.peak)]
            meshes = [_Mesh.read(landmarker, picture) for picture in pair]
            if all(mesh is not None for mesh in meshes):
                seen.append((row, pair, cast("list[_Mesh]", meshes)))
            progress("pairs", done, len(rows))
    if not seen:
        raise InputError(f"On no pair of {pairs} a face was found; give pictures of one face each.")
    twin = _twins([mesh.points for _, _, meshes in seen for mesh in meshes])
    peaks: list[CodedPeak] = []
    for row, pair, meshes in seen:
        codes, (rest, shown) = _intensities(row, unlettered), (mesh.symmetric(twin) for mesh in meshes)
        guessed = codes != _intensities(row, 0.0)
        neutral = _Neutral(rest, known)
        moved, similarity = neutral.moved(shown)
        shading = _ratio(pair, neutral, moved, similarity)
        peaks.append(CodedPeak(row.subject, codes, guessed, moved, neutral.sites, shading))
    return peaks


class _Neutral:
    """Where the sites of one neutral face lie, in its face frame, and how far another mesh of it moved them."""

    def __init__(self, mesh: Array, prior: Blendshapes) -> None:
        from scipy.interpolate import RBFInterpolator  # pyright: ignore[reportMissingTypeStubs]

        self.prior = prior
        self.landmarks = to_ibug(mesh)
        self.centre, self.axes, self.iod = _frame(self.landmarks)
        points = self._to_face(self.landmarks)
        skin_sites = cast(Any, RBFInterpolator)(prior.neutral[:68, :2], points, smoothing=1e-3)(prior.neutral[68:, :2])
        self.sites: Array = np.concatenate([points, skin_sites])
        self._mesh = self._to_face(mesh)
        spatial: Any = importlib.import_module("scipy.spatial")
        distance, self._nearest = spatial.KDTree(self._mesh).query(skin_sites, k=6)
        weight = 1 / (distance + 0.02) ** 2
        self._weight = weight / weight.sum(axis=1, keepdims=True)

    def _to_face(self, pixels: Array) -> Array:
        return (pixels - self.centre) @ self.axes.T / self.iod

    def moved(self, mesh: Array) -> tuple[Array, Array]:
        """(S, 2) displacement in IOD, and (3, 2) the similarity from the other mesh's pixels to this face's frame."""
        shown = to_ibug(mesh)
        moved = aligned_displacement(shown, self.landmarks)
        # The mesh moves as its 68 points were aligned: the same similarity, found again from the points themselves.
        solved: Any = cast(Any, np.linalg).lstsq(_with_one(shown), self.sites[:68] + moved, rcond=None)
        similarity = np.asarray(solved[0], np.float64)
        mesh_moved = _with_one(mesh) @ similarity - self._mesh
        return np.concatenate([moved, (mesh_moved[self._nearest] * self._weight[..., None]).sum(axis=1)]), similarity

    def grid(self, sites: Array) -> Array:
        """(height, width, 2) the shading grid's nodes on the face whose sites lie there."""
        from scipy.interpolate import RBFInterpolator  # pyright: ignore[reportMissingTypeStubs]

        nodes = GRID.nodes()
        found = cast(Any, RBFInterpolator)(self.prior.neutral[:, :2], sites, smoothing=1e-3)(nodes.reshape(-1, 2))
        return np.asarray(found).reshape(nodes.shape)


def _with_one(points: Array) -> Array:
    return np.hstack([points, np.ones((len(points), 1))])


def _ratio(pictures: Sequence[Image], neutral: _Neutral, moved: Array, similarity: Array) -> NDArray[np.float32]:
    """(height, width) logarithm of the luminance at the peak over that at rest, NaN where there is no skin."""
    at_neutral = neutral.grid(neutral.sites) @ neutral.axes * neutral.iod + neutral.centre
    # Back through the alignment.
    at_peak = (neutral.grid(neutral.sites + moved) - similarity[2]) @ np.linalg.inv(similarity[:2])
    ratio = _log_luminance(pictures[1], at_peak, neutral.iod) - _log_luminance(pictures[0], at_neutral, neutral.iod)
    on_skin = skin(neutral.prior)
    ratio -= np.median(ratio[on_skin])
    ratio = np.clip(ratio, -_DEEPEST, _DEEPEST)
    ratio[~on_skin] = np.nan
    return ratio


def _log_luminance(picture: Image, pixels: Array, iod: float) -> NDArray[np.float32]:
    """(h, w): of a picture at (h, w, 2) places, blurred as skin is."""
    blurred = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), _SKIN_BLUR * iod)
    x, y = np.moveaxis(pixels.astype(np.float32), -1, 0)
    level = cv2.remap(blurred, x, y, cv2.INTER_LINEAR)
    return np.log(np.asarray(level, np.float32) + 8)


def _frame(points: Array) -> tuple[Array, Array, float]:
    left, right = eye_centers(points)
    iod = float(interocular(points))
    x = (right - left) / iod
    return (left + right) / 2, np.array([x, [-x[1], x[0]]]), iod


def _enlarged(picture: Image) -> Image:
    """At least 384 px, with a border a quarter wide: small crops leave a landmarker no room."""
    scale = max(1.0, 384 / max(picture.shape[:2]))
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    room = round(max(large.shape[:2]) / 4)
    return np.asarray(cv2.copyMakeBorder(large, room, room, room, room, cv2.BORDER_REPLICATE), np.uint8)


@dataclass(frozen=True, eq=False)
class _Mesh:
    """MediaPipe's 478 points of a picture, and of its mirror image in the picture's pixels (the other side's first)."""

    points: Array
    mirrored: Array

    @classmethod
    def read(cls, landmarker: Any, picture: Image) -> "_Mesh | None":
        """None where no face is found in one of the two."""
        seen, other = (landmarker.mesh(p) for p in (picture, np.ascontiguousarray(picture[:, ::-1])))
        if seen is None or other is None:
            return None
        return cls(seen, np.stack([picture.shape[1] - 1 - other[:, 0], other[:, 1]], axis=1))

    def symmetric(self, twin: NDArray[np.intp]) -> Array:
        """(478, 2): the mean of both readings, free of what the landmarker does to one side."""
        return (self.points + self.mirrored[twin]) / 2


def _twins(meshes: Sequence[Array]) -> NDArray[np.intp]:
    """(478,) the point on the other side of each, by their mean over many faces."""
    optimize: Any = importlib.import_module("scipy.optimize")
    faces: list[Array] = []
    for mesh in meshes:
        centre, axes, iod = _frame(to_ibug(mesh))
        faces.append((mesh - centre) @ axes.T / iod)
    mean = np.mean(faces, axis=0)
    apart = np.linalg.norm(mean[:, None] * [-1.0, 1.0] - mean[None], axis=2)
    return np.asarray(optimize.linear_sum_assignment(apart)[1], np.intp)
