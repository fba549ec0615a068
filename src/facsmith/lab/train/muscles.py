"""Learn the muscle table from people: peaks that FACS coders annotated, each beside the same person's neutral.

Displacements: ridge regression of the sites' movements on the coded intensities, towards the displacements of
ICT-FaceKit's blendshapes, mirror-symmetric; an AU is corrected only near the sites that its blendshape moves, since AUs
that always come together (1, 2, 5, 25, 27 of surprise) cannot be told apart by regression alone. Shading: ridge
regression towards nothing of the logarithm of luminance at the peak over that at rest, on the skin's own points.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from facsmith._types import Array, Image
from facsmith.errors import InputError
from facsmith.face.muscle_table import MIDLINE_AUS, MuscleTable, ShadingGrid, mirrored_sites
from facsmith.face.points import JAW, eye_centers, interocular, to_ibug
from facsmith.lab.coded_pairs import UNLETTERED, CodedPair, read_pairs
from facsmith.lab.picture_archive import PictureArchive
from facsmith.measure.displacement import aligned_displacement

__all__ = ["BLENDSHAPES", "CodedPeak", "MusclesOptions", "fit_muscles", "read_coded_peaks"]


BLENDSHAPES: Final[Mapping[int, tuple[tuple[str, float], ...]]] = {
    1: (("browInnerUp", 1.0),),
    2: (("browOuterUp", 1.0),),
    4: (("browDown", 1.0),),
    5: (("eyeWide", 1.0),),
    6: (("cheekRaiser", 1.0),),
    7: (("eyeSquint", 1.0),),
    9: (("noseSneer", 1.0),),
    10: (("mouthUpperUp", 1.0),),
    12: (("mouthSmile", 1.0),),
    14: (("mouthDimple", 1.0),),
    15: (("mouthFrown", 1.0),),
    16: (("mouthLowerDown", 1.0),),
    17: (("mouthShrugLower", 1.0),),
    18: (("mouthPucker", 1.0),),
    20: (("mouthStretch", 1.0),),
    22: (("mouthFunnel", 1.0),),
    23: (("mouthPress", 0.6),),
    24: (("mouthPress", 1.0),),
    25: (("mouthUpperUp", 1 / 3), ("mouthLowerDown", 1 / 3)),
    26: (("jawOpen", 0.4),),
    27: (("jawOpen", 0.9),),
    28: (("mouthRollUpper", 1.0), ("mouthRollLower", 1.0)),
    43: (("eyeBlink", 1.0),),
}
"""The blendshapes, of both sides where they have any, that make FACS level E of an AU."""

_REACH: Final = 0.3  # IOD around the sites that a blendshape moves, in which an AU is corrected
_MOVED: Final = 0.01  # IOD: displacement of a blendshape from which its site is corrected freely
_JAW_AUS: Final = (26, 27)
"""Small crops end at the chin: where the jaw drops, what lies below the lips is not seen, and follows the lower lip as
far as the blendshape says."""
_JAW_SITES: Final = ("mentolabial", "chin", "marionette", "jaw")
_LIDS_OPEN: Final = 5
_UPPER_LIDS: Final = (37, 38, 43, 44)
"""Upper lids that open hide in the eye's fold: landmarkers report too little of it to correct a blendshape by."""
_GRID: Final = ShadingGrid(-1.2, -1.05, 0.03, 81, 94)
_LOWER_LIP: Final = (57, 66)
_SKIN_BLUR: Final = 0.025  # IOD
_DEEPEST: Final = 0.8  # natural logarithm of luminance


@dataclass(frozen=True)
class MusclesOptions:
    """How to fit.

    Parameters
    ----------
    ridge
        Pull towards the blendshapes, in peaks at full intensity.
    shading_ridge
        Pull of the shading towards none, in peaks at full intensity.
    unlettered
        Intensity of a code without a letter, in [0, 1].
    folds
        Folds of the cross-validation over subjects.
    seed
        Seed of the folds.
    """

    ridge: float = 0.5
    shading_ridge: float = 4.0
    unlettered: float = UNLETTERED
    folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.ridge > 0 and self.shading_ridge > 0 and 0 < self.unlettered <= 1 and self.folds >= 2):
            raise InputError(
                f"The ridges are above 0, unlettered is in (0, 1], folds 2 or more; got {self.ridge:g}, "
                f"{self.shading_ridge:g}, {self.unlettered:g}, {self.folds}."
            )


@dataclass(frozen=True, eq=False)
class CodedPeak:
    """One peak and the same person's neutral.

    Parameters
    ----------
    subject
        Who it is.
    intensities
        (2, K) of the person's own left and right side, in the order of `BLENDSHAPES`.
    moved
        (S, 2) displacement of the sites in IOD, face frame.
    at_rest
        (S, 2) the sites of the neutral face, face frame.
    shading
        (height, width) logarithm of the luminance's ratio on the grid; NaN where there is no skin.
    """

    subject: str
    intensities: Array
    moved: Array
    at_rest: Array
    shading: NDArray[np.float32]


def _intensities(pair: CodedPair, unlettered: float) -> Array:
    """(2, K) in the order of `BLENDSHAPES`: a blink closes the eyes."""
    found = pair.intensities([*BLENDSHAPES, 45], unlettered=unlettered)
    closed = list(BLENDSHAPES).index(43)
    found[:, closed] = np.maximum(found[:, closed], found[:, -1])
    return found[:, :-1]


class _Prior:
    """ICT-FaceKit's blendshapes as AUs: (K, S, 3) of the left side, and the mean face."""

    def __init__(self, path: str | Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as file:
                shapes = [str(name) for name in file["shapes"]]
                flip = np.array([1.0, -1.0, 1.0])  # the file's y points up
                moves, self.neutral = file["displacement"] * flip, file["neutral"] * flip
                self.sites = tuple(str(name) for name in file["site_names"])
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path} holds no blendshapes at sites: {error}. Give the .npz of ICT-FaceKit.") from error
        self.mirror = mirrored_sites(self.sites)

        def side(name: str) -> Array:
            return moves[shapes.index(f"{name}_L")] if f"{name}_L" in shapes else moves[shapes.index(name)] / 2

        self.left = np.stack([sum(share * side(n) for n, share in parts) for parts in BLENDSHAPES.values()])  # pyright: ignore[reportArgumentType, reportCallIssue]

    @property
    def whole(self) -> Array:
        """(K, S, 3) both sides together."""
        return self.left + self.left[:, self.mirror] * [-1.0, 1.0, 1.0]

    def freedom(self) -> Array:
        """(K, S) in [0, 1]: how freely each AU may be corrected at each site."""
        length = np.linalg.norm(self.whole, axis=2)
        apart = np.linalg.norm(self.neutral[:, None] - self.neutral[None], axis=2)
        near = np.exp(-((apart / _REACH) ** 2))
        freedom = np.clip((length[:, None, :] * near).max(axis=2) / _MOVED, 0, 1)
        freedom[:, JAW] = 0
        freedom[list(BLENDSHAPES).index(_LIDS_OPEN), _UPPER_LIDS] = 0
        freedom[np.ix_([list(BLENDSHAPES).index(au) for au in _JAW_AUS], self.below_lips)] = 0
        return freedom

    @property
    def below_lips(self) -> list[int]:
        """The skin sites that lie on the lower jaw."""
        return [k for k, name in enumerate(self.sites) if k >= 68 and name.split("_")[0] in _JAW_SITES]


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

    rows, known = read_pairs(pairs), _Prior(prior)
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
    return [
        _peak(
            row.subject,
            _intensities(row, unlettered),
            pair,
            [(mesh.points + mesh.mirrored[twin]) / 2 for mesh in meshes],
            known,
        )
        for row, pair, meshes in seen
    ]


def fit_muscles(peaks: Sequence[CodedPeak], prior: str | Path, options: MusclesOptions | None = None) -> MuscleTable:
    """Fit the table to coded peaks; the report holds the cross-validated residuals.

    The residual of a peak is the mean error of the predicted displacement over brows, eyes and mouth, relative to the
    mean displacement itself: 1 says that nothing was predicted.
    """
    options = options or MusclesOptions()
    known = _Prior(prior)
    people = sorted({peak.subject for peak in peaks})
    if len(people) < options.folds:
        raise InputError(f"{options.folds} folds need as many people with a coded peak; there are {len(people)}.")
    order = np.random.default_rng(options.seed).permutation(len(people))
    fold: dict[str, int] = {people[int(who)]: place % options.folds for place, who in enumerate(order.tolist())}
    residuals: dict[str, list[float]] = {"blendshapes": [], "people": []}
    explained: list[tuple[float, float]] = []
    for part in range(options.folds):
        train = [peak for peak in peaks if fold[peak.subject] != part]
        left = _displacements(train, known, options)
        shading = _shading(train, known, options)
        for peak in (peak for peak in peaks if fold[peak.subject] == part):
            residuals["blendshapes"].append(_residual(peak, known.left, known.mirror))
            residuals["people"].append(_residual(peak, left, known.mirror))
            explained.append(_unexplained(peak, shading))
    before, after = (float(np.sum(part)) for part in zip(*explained, strict=True))
    report: dict[str, Any] = {
        "peaks": len(peaks),
        "people": len(people),
        "ridge": options.ridge,
        "shading_ridge": options.shading_ridge,
        "unlettered": options.unlettered,
        "folds": options.folds,
        "residual": {name: round(float(np.median(values)), 4) for name, values in residuals.items()},
        "shading_explained": round(1 - after / max(before, 1e-9), 4),
    }
    return MuscleTable(
        tuple(BLENDSHAPES),
        known.sites,
        known.neutral,
        _displacements(peaks, known, options),
        _shading(peaks, known, options),
        _GRID,
        report,
    )


def _displacements(peaks: Sequence[CodedPeak], prior: _Prior, options: MusclesOptions) -> Array:
    """(K, S, 3) of the left side. Depth is the blendshapes': frontal pictures do not tell it."""
    design = np.stack([peak.intensities for peak in peaks])  # (N, 2, K)
    seen = np.stack([peak.moved for peak in peaks])  # (N, S, 2)
    right = prior.left[:, prior.mirror] * [-1.0, 1.0, 1.0]
    remaining = seen - np.einsum("nk,ksc->nsc", design[:, 0], prior.left[..., :2])
    remaining -= np.einsum("nk,ksc->nsc", design[:, 1], right[..., :2])
    both = design.mean(axis=1)
    gram, freedom = both.T @ both, prior.freedom()
    correction = np.zeros((len(prior.left), len(prior.sites), 2))
    for site in range(len(prior.sites)):
        free = freedom[:, site] > 0.02
        pull = np.diag(options.ridge / freedom[free, site] ** 2)
        wanted = both[:, free].T @ remaining[:, site]
        correction[free, site] = np.linalg.solve(gram[np.ix_(free, free)] + pull, wanted)
    correction = (correction + correction[:, prior.mirror] * [-1.0, 1.0]) / 2
    jaw = [*JAW, *prior.below_lips]
    for row in (list(BLENDSHAPES).index(au) for au in _JAW_AUS):
        drop = prior.whole[row, _LOWER_LIP, 1].mean()
        correction[row, jaw] = prior.whole[row, jaw, :2] * correction[row, _LOWER_LIP, 1].mean() / drop
    of_left = 0.5 + 0.5 * np.tanh(prior.neutral[:, 0] / 0.12)
    left = prior.left.copy()
    left[..., :2] += correction * of_left[:, None]
    for row, au in enumerate(BLENDSHAPES):
        if au in MIDLINE_AUS:
            whole = left[row] + left[row][prior.mirror] * [-1.0, 1.0, 1.0]
            left[row] = whole / 2
    return left


def _shading(peaks: Sequence[CodedPeak], prior: _Prior, options: MusclesOptions) -> NDArray[np.float32]:
    """(K, height, width) of the left side."""
    design = np.stack([peak.intensities for peak in peaks]).mean(axis=1)
    seen = np.stack([peak.shading for peak in peaks]).reshape(len(peaks), -1)
    weight = np.isfinite(seen).astype(np.float64)
    near = _grid_freedom(prior).reshape(len(BLENDSHAPES), -1)
    found = np.zeros((len(BLENDSHAPES), seen.shape[1]))
    values = np.nan_to_num(seen)
    for node in np.flatnonzero(weight.sum(axis=0) > len(peaks) / 2):
        free = near[:, node] > 0.05
        if free.any():
            seen_here = design[:, free] * weight[:, node, None]
            pull = np.diag(options.shading_ridge / near[free, node] ** 2)
            found[free, node] = np.linalg.solve(seen_here.T @ design[:, free] + pull, seen_here.T @ values[:, node])
    maps = found.reshape(len(BLENDSHAPES), _GRID.height, _GRID.width)
    maps = (maps + maps[..., ::-1]) / 2
    of_left = 0.5 + 0.5 * np.tanh(_GRID.nodes()[..., 0] / 0.12)
    maps = np.stack([np.asarray(cv2.GaussianBlur(one, (0, 0), 0.7), np.float64) for one in maps]) * of_left
    for row, au in enumerate(BLENDSHAPES):
        if au in MIDLINE_AUS:
            maps[row] = (maps[row] + maps[row][:, ::-1]) / 2
    return maps.astype(np.float32)


def _grid_freedom(prior: _Prior) -> Array:
    """(K, height, width) in [0, 1]: how near each node is to what an AU moves."""
    length = np.linalg.norm(prior.whole, axis=2)
    apart = np.linalg.norm(_GRID.nodes()[:, :, None] - prior.neutral[:, :2], axis=3)  # (h, w, S)
    near = np.exp(-((apart / _REACH) ** 2))
    freedom = np.clip((length[:, None, None, :] * near).max(axis=3) / (4 * _MOVED), 0, 1)
    below = _GRID.nodes()[..., 1] > prior.neutral[57, 1] - 0.05
    for row in (list(BLENDSHAPES).index(au) for au in _JAW_AUS):
        freedom[row][below] = 0
    return freedom * _skin_edge(prior)


def _residual(peak: CodedPeak, left: Array, mirror: NDArray[np.intp]) -> float:
    right = left[:, mirror] * [-1.0, 1.0, 1.0]
    predicted = np.tensordot(peak.intensities[0], left, 1) + np.tensordot(peak.intensities[1], right, 1)
    shown = [*range(17, 27), *range(36, 68)]
    error = np.linalg.norm(predicted[shown, :2] - peak.moved[shown], axis=1).mean()
    return float(error / np.linalg.norm(peak.moved[shown], axis=1).mean())


def _unexplained(peak: CodedPeak, left: NDArray[np.float32]) -> tuple[float, float]:
    """The sum of squares of a peak's shading, before and after the prediction."""
    predicted = np.tensordot(peak.intensities[0], left, 1) + np.tensordot(peak.intensities[1], left[..., ::-1], 1)
    return float(np.nansum(peak.shading**2)), float(np.nansum((peak.shading - predicted) ** 2))


def _peak(subject: str, codes: Array, pictures: Sequence[Image], meshes: Sequence[Array], prior: _Prior) -> CodedPeak:
    from scipy.interpolate import RBFInterpolator  # pyright: ignore[reportMissingTypeStubs]

    rest, shown = (to_ibug(mesh) for mesh in meshes)
    centre, axes, iod = _frame(rest)
    at_rest = (rest - centre) @ axes.T / iod
    moved = aligned_displacement(shown, rest)
    # The mesh moves as its 68 points were aligned: the same similarity, found again from the points themselves.
    solved: Any = cast(Any, np.linalg).lstsq(np.hstack([shown, np.ones((68, 1))]), at_rest + moved, rcond=None)
    similarity = np.asarray(solved[0], np.float64)
    mesh_rest = (meshes[0] - centre) @ axes.T / iod
    mesh_moved = np.hstack([meshes[1], np.ones((len(meshes[1]), 1))]) @ similarity - mesh_rest
    place = cast(Any, RBFInterpolator)(prior.neutral[:68, :2], at_rest, smoothing=1e-3)
    skin = place(prior.neutral[68:, :2])
    spatial: Any = importlib.import_module("scipy.spatial")
    distance, nearest = spatial.KDTree(mesh_rest).query(skin, k=6)
    weight = 1 / (distance + 0.02) ** 2
    weight /= weight.sum(axis=1, keepdims=True)
    moved = np.concatenate([moved, (mesh_moved[nearest] * weight[..., None]).sum(axis=1)])
    at_rest = np.concatenate([at_rest, skin])

    nodes = _GRID.nodes()

    def spread(points: Array) -> Array:
        """(height, width, 2): the grid's nodes on the face whose sites lie at points (S, 2)."""
        found = cast(Any, RBFInterpolator)(prior.neutral[:, :2], points, smoothing=1e-3)(nodes.reshape(-1, 2))
        return np.asarray(found).reshape(nodes.shape)

    at_neutral = spread(at_rest) @ axes * iod + centre
    at_peak = (spread(at_rest + moved) - similarity[2]) @ np.linalg.inv(similarity[:2])  # back through the alignment
    ratio = _log_luminance(pictures[1], at_peak, iod) - _log_luminance(pictures[0], at_neutral, iod)
    skin_mask = _skin(prior)
    ratio -= np.median(ratio[skin_mask])
    ratio = np.clip(ratio, -_DEEPEST, _DEEPEST)
    ratio[~skin_mask] = np.nan
    return CodedPeak(subject, codes, moved, at_rest, ratio)


def _log_luminance(picture: Image, pixels: Array, iod: float) -> NDArray[np.float32]:
    """(h, w): of a picture at (h, w, 2) places, blurred as skin is."""
    blurred = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), _SKIN_BLUR * iod)
    x, y = np.moveaxis(pixels.astype(np.float32), -1, 0)
    level = cv2.remap(blurred, x, y, cv2.INTER_LINEAR)
    return np.log(np.asarray(level, np.float32) + 8)


def _fill(mask: Image, points: Array, value: int) -> None:
    """A polygon of face coordinates on the grid."""
    at = np.rint((points - [_GRID.left, _GRID.top]) / _GRID.step).astype(np.int32)
    cv2.fillPoly(mask, [at], (value,))


def _whole_face(prior: _Prior) -> Image:
    """(height, width): 1 from the forehead to the jaw of the mean face."""
    mask = np.zeros((_GRID.height, _GRID.width), np.uint8)
    face = prior.neutral[:, :2]
    _fill(mask, np.concatenate([face[:17] * 0.97, face[26:16:-1] - [0.0, 0.45]]), 1)
    return mask


def _skin(prior: _Prior) -> NDArray[np.bool_]:
    """(height, width): nodes on the skin of the mean face, without eyes, lips and what lies beyond the jaw."""
    mask, face = _whole_face(prior), prior.neutral[:, :2]
    nose = face[31:36]  # nostrils that move a little are dark and light spots, not shading
    for hole in (face[36:42], face[42:48], face[48:60], np.concatenate([nose - [0, 0.10], nose[::-1] + [0, 0.04]])):
        _fill(mask, hole, 0)
    return mask > 0


def _skin_edge(prior: _Prior) -> Array:
    """(height, width) in [0, 1]: 0 at the hairline, the temples and the jaw, where hair and background move past."""
    inside = cv2.distanceTransform(_whole_face(prior), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * _GRID.step
    return np.clip((np.asarray(inside) - 0.05) / 0.2, 0, 1)


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
