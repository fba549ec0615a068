"""What the parts of a face look like, as numbers of an ImageNet network: brows and eyes, and the mouth.

EfficientNet-Lite0's features after block 10 (stride 16), averaged over a grid of four by four cells and with the mirror
image. Each crop is placed by the eye corners alone, which no AU moves, so that a mouth that moves is seen to move.
"""

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Array, Image
from facsmith.face import CropTransform
from facsmith.face.points import eye_centers
from facsmith.measure.appearance import even_grey

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["APPEARANCE_LENGTH", "PARTS", "part_crops", "part_features"]


PARTS: Final = {"eyes": (0.15, 48.0), "mouth": (1.15, 50.0)}
"""Crop -> its centre below the eyes in IOD, and pixels an IOD."""
APPEARANCE_LENGTH: Final = 2 * 112 * 4 * 2

_SIDE: Final = 112  # pixels of a crop: fine enough for a small photo, so that large ones look no sharper
_ENLARGED: Final = 2
_BLOCK: Final = 10
_GRID: Final = 4


def part_features(image: Image, landmarks: npt.ArrayLike) -> Array:
    """(1792,): both parts' features, the left half of each grid (the right one is its mirror image).

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    landmarks
        (68, 2) pixels of the image.

    Raises
    ------
    ModelUnavailableError
        The package of the network's weights is not installed.
    """
    import torch

    from facsmith.efficientnet import load_efficientnet

    crops = part_crops(image, landmarks)
    both = np.concatenate([crops, crops[:, :, ::-1]])
    pixels = torch.tensor(both[:, None].repeat(3, axis=1)) / 127.5 - 1
    with torch.inference_mode():
        # One by one: four pictures' maps do not fit into a processor's cache.
        maps = torch.cat([load_efficientnet().features(one[None], blocks=(_BLOCK,))[0] for one in pixels])
        cells = _symmetric(torch.nn.functional.adaptive_avg_pool2d(maps, _GRID), len(crops))
    return cells.flatten().double().numpy()


def part_crops(image: Image, landmarks: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """(2, 224, 224) float32 grey in [0, 255], of the same mean and contrast for every face."""
    left, right = eye_centers(landmarks)
    across = right - left
    iod = float(np.hypot(*across))
    x = across / iod
    crops: list[npt.NDArray[np.float32]] = []
    for below, pixels in PARTS.values():
        turn = np.array([x, [-x[1], x[0]]]) * pixels / iod
        centre = (left + right) / 2 + np.array([-x[1], x[0]]) * below * iod
        shift = (_SIDE - 1) / 2 - turn @ centre
        crop = CropTransform(np.hstack([turn, shift[:, None]]), _SIDE).crop(image)
        large = cv2.resize(even_grey(crop), (_ENLARGED * _SIDE,) * 2, interpolation=cv2.INTER_CUBIC)
        crops.append(np.clip(np.asarray(large, np.float32), 0, 255))
    return np.stack(crops)


def _symmetric(cells: "Tensor", parts: int) -> "Tensor":
    """cells: (2 parts, C, 4, 4), of the crops and of their mirror images. Returns (parts, C, 4, 2)."""
    return ((cells[:parts] + cells[parts:]) / 2)[..., : _GRID // 2]
