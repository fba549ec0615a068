"""What stands before an eye's lid and does not move with it: the rim of glasses, the brow's hair."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import FloatImage
from facsmith.compose.eyelids import Lids, Pixel, step

__all__ = ["Rim", "rim"]


_LONG = 0.8  # of the width looked at, 1.6 eyes: lashes and their paint are shorter
_BESIDE = 0.04  # IOD along the eye: lashes are narrower, rims and brows longer
_THICK = 0.13  # IOD: the thickest rim
_DARK = 0.3, 0.45  # of the skin's brightness around it: from the first on it may be one, from the second on it is
_FILL = 0.08  # IOD


@dataclass(frozen=True, eq=False)
class Rim:
    """What stands before an eye's lid, such as the rim of glasses or the brow's hair.

    Parameters
    ----------
    box
        Left, top, right, bottom in photo pixels.
    share
        (h, w) in [0, 1], how much of each pixel it is.
    skin
        (h, w, 3), the skin that it hides.
    """

    box: tuple[int, int, int, int]
    share: FloatImage
    skin: FloatImage


def rim(photo: npt.NDArray[np.uint8], eye: Lids, at: Pixel) -> Rim | None:
    """The long dark bands above the lid of a photo (H, W, 3); None where there is none."""
    seen = photo[at.slices].astype(np.float32)
    grey = seen.mean(axis=2)
    iod = eye.iod
    along = np.asarray(cv2.GaussianBlur(grey, (0, 0), sigmaX=_BESIDE * iod, sigmaY=max(0.006 * iod, 0.5)), np.float32)
    tall = max(3, 2 * round(_THICK * iod / 2) + 1)
    around = np.asarray(cv2.morphologyEx(along, cv2.MORPH_CLOSE, np.ones((tall, 1), np.uint8)), np.float32)
    missing = np.asarray((around - along) / np.maximum(around, 1), np.float32)
    share = np.asarray(step((missing - _DARK[0]) / (_DARK[1] - _DARK[0])) * (at.depth < at.upper), np.float32)
    share *= _long(share > 0.3)
    if float(share.max()) < 0.5:
        return None
    wide = max(3, 2 * round(0.012 * iod) + 1)
    share = np.asarray(cv2.GaussianBlur(cv2.dilate(share, np.ones((wide, wide), np.uint8)), (0, 0), 0.01 * iod))
    weight = np.clip(1 - 1.5 * share, 0, 1) * (at.depth < at.upper - 0.02 * iod) + np.float32(1e-4)
    total = cv2.GaussianBlur(weight, (0, 0), _FILL * iod)
    skin = cv2.GaussianBlur(seen * weight[..., None], (0, 0), _FILL * iod) / np.asarray(total)[..., None]
    return Rim(at.box, np.asarray(share, np.float32), np.asarray(skin, np.float32))


def _long(dark: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The parts (h, w) that reach from one side of the picture to the other, or nearly."""
    count, parts, sizes, _ = cv2.connectedComponentsWithStats(dark.astype(np.uint8))
    long = [k for k in range(1, count) if sizes[k, cv2.CC_STAT_WIDTH] > _LONG * dark.shape[1]]
    return np.isin(parts, long)
