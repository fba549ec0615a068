"""ICT-FaceKit's blendshapes as Action Units: what coded peaks correct, and where on the mean face they may."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from facsmith._types import Array, Image
from facsmith.errors import InputError
from facsmith.face.muscle_table import ShadingGrid, mirrored_sites
from facsmith.face.points import JAW

__all__ = ["BLENDSHAPES", "GRID", "JAW_AUS", "Blendshapes", "grid_freedom", "skin"]


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
JAW_AUS: Final = (26, 27)
"""Small crops end at the chin: where the jaw drops, what lies below the lips is not seen, and follows the lower lip as
far as the blendshape says."""
_JAW_SITES: Final = ("mentolabial", "chin", "marionette", "jaw")
_LIDS_OPEN: Final = 5
_UPPER_LIDS: Final = (37, 38, 43, 44)
"""Upper lids that open hide in the eye's fold: landmarkers report too little of it to correct a blendshape by."""
GRID: Final = ShadingGrid(-1.2, -1.05, 0.03, 81, 94)
"""Of the shading, on the mean face."""


class Blendshapes:
    """ICT-FaceKit's blendshapes as AUs.

    Attributes
    ----------
    left
        (K, S, 3) displacement by the person's own left side, IOD.
    neutral
        (S, 3) the mean face at rest.
    sites, mirror
        The S sites' names, and for each the one on the other side.
    """

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
        freedom[np.ix_([list(BLENDSHAPES).index(au) for au in JAW_AUS], self.below_lips)] = 0
        return freedom

    @property
    def below_lips(self) -> list[int]:
        """The skin sites that lie on the lower jaw."""
        return [k for k, name in enumerate(self.sites) if k >= 68 and name.split("_")[0] in _JAW_SITES]


def grid_freedom(prior: Blendshapes) -> Array:
    """(K, height, width) in [0, 1]: how near each node is to what an AU moves."""
    length = np.linalg.norm(prior.whole, axis=2)
    apart = np.linalg.norm(GRID.nodes()[:, :, None] - prior.neutral[:, :2], axis=3)  # (h, w, S)
    near = np.exp(-((apart / _REACH) ** 2))
    freedom = np.clip((length[:, None, None, :] * near).max(axis=3) / (4 * _MOVED), 0, 1)
    below = GRID.nodes()[..., 1] > prior.neutral[57, 1] - 0.05
    for row in (list(BLENDSHAPES).index(au) for au in JAW_AUS):
        freedom[row][below] = 0
    return freedom * _skin_edge(prior)


def _fill(mask: Image, points: Array, value: int) -> None:
    """A polygon of face coordinates on the grid."""
    at = np.rint((points - [GRID.left, GRID.top]) / GRID.step).astype(np.int32)
    cv2.fillPoly(mask, [at], (value,))


def _whole_face(prior: Blendshapes) -> Image:
    """(height, width): 1 from the forehead to the jaw of the mean face."""
    mask = np.zeros((GRID.height, GRID.width), np.uint8)
    face = prior.neutral[:, :2]
    _fill(mask, np.concatenate([face[:17] * 0.97, face[26:16:-1] - [0.0, 0.45]]), 1)
    return mask


def skin(prior: Blendshapes) -> NDArray[np.bool_]:
    """(height, width): nodes on the skin of the mean face, without eyes, lips and what lies beyond the jaw."""
    mask, face = _whole_face(prior), prior.neutral[:, :2]
    nose = face[31:36]  # nostrils that move a little are dark and light spots, not shading
    for hole in (face[36:42], face[42:48], face[48:60], np.concatenate([nose - [0, 0.10], nose[::-1] + [0, 0.04]])):
        _fill(mask, hole, 0)
    return mask > 0


def _skin_edge(prior: Blendshapes) -> Array:
    """(height, width) in [0, 1]: 0 at the hairline, the temples and the jaw, where hair and background move past."""
    inside = cv2.distanceTransform(_whole_face(prior), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * GRID.step
    return np.clip((np.asarray(inside) - 0.05) / 0.2, 0, 1)
