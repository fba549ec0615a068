"""Action Units from what a face looks like: a linear head on the descriptor's numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Array, Image
from facsmith.face import Face, crop_transform
from facsmith.measure.population import Population

if TYPE_CHECKING:
    from facsmith.descriptor import Descriptor

__all__ = ["APPEARANCE_RESOLUTION", "appearance_features", "even_grey", "even_light", "from_appearance"]


APPEARANCE_RESOLUTION: Final = 128
"""Side of the crops that are described."""
_BATCH: Final = 64
_LEVEL, _CONTRAST = 112.0, 57.0  # of a crop in even light: mean and deviation, 0 to 255


def from_appearance(image: Image, face: Face, population: Population, descriptor: "Descriptor") -> Array:
    """(12,) as the head reads them, unclipped; the mean of the face and its mirror image.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    face
        The face found in the image.
    """
    crop = crop_transform(face.landmarks, APPEARANCE_RESOLUTION).crop(image)
    features = appearance_features([crop, np.ascontiguousarray(crop[:, ::-1])], descriptor)
    return np.asarray(features.mean(axis=0) @ population.weight.T + population.bias, dtype=np.float64)


def appearance_features(crops: Sequence[Image] | Image, descriptor: "Descriptor") -> Array:
    """Features (N, F) of crops in even light.

    Parameters
    ----------
    crops
        N of (R, R, 3) uint8 RGB.
    """
    import torch

    features: list[Array] = []
    for first in range(0, len(crops), _BATCH):
        part = np.stack([even_light(crop) for crop in crops[first : first + _BATCH]])
        tensor = torch.tensor(part).permute(0, 3, 1, 2) / 127.5 - 1
        with torch.inference_mode():
            features.append(descriptor(tensor).double().numpy())
    return np.concatenate(features)


def even_light(crop: Image) -> npt.NDArray[np.float32]:
    """Grey, with the same mean and contrast for every face: colour and exposure are no expression.

    Parameters
    ----------
    crop
        (R, R, 3) uint8.

    Returns
    -------
    ndarray
        (R, R, 3) float32 in [0, 255].
    """
    return np.repeat(np.clip(even_grey(crop), 0, 255)[..., None], 3, axis=2).astype(np.float32)


def even_grey(crop: Image) -> npt.NDArray[np.float32]:
    """(R, R) of `even_light`, not yet clipped."""
    grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.float32)
    return np.asarray((grey - grey.mean()) / max(float(grey.std()), 1.0) * _CONTRAST + _LEVEL, np.float32)
