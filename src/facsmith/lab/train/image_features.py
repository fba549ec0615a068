"""What the generator's training looks at pictures with: EfficientNet-Lite0, frozen, as one module on one device."""

from copy import deepcopy
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facsmith.efficientnet import FEATURE_CHANNELS, RESOLUTION, EfficientNetLite0, load_efficientnet
from facsmith.lab.train.state import mixed_precision

__all__ = ["FrozenEfficientNet", "ImageFeatures"]


class ImageFeatures(Protocol):
    """Features of pictures (N, 3, H, W) in [-1, 1].

    Attributes
    ----------
    channels
        Channels of each layer, finest first.
    """

    channels: tuple[int, ...]

    def __call__(self, images: Tensor) -> list[Tensor]:
        """(N, C, h, w) of each layer, each of half the size of the one before; differentiable."""
        ...

    def pooled(self, images: Tensor) -> Tensor:
        """(N, D): one vector a picture, for Fréchet distances."""
        ...


class FrozenEfficientNet(nn.Module):
    """`ImageFeatures` of EfficientNet-Lite0, after the last block of each stride from 4 to 32.

    Parameters
    ----------
    network
        Copied, as what is loaded is shared within the process. None: the one with its ImageNet weights.
    """

    channels: tuple[int, ...] = FEATURE_CHANNELS

    def __init__(self, device: torch.device, network: EfficientNetLite0 | None = None) -> None:
        super().__init__()
        self.network = deepcopy(network or load_efficientnet()).to(device)

    def forward(self, images: Tensor) -> list[Tensor]:
        """See `ImageFeatures`. In bfloat16 on a GPU."""
        with mixed_precision(images.device):
            return self.network.features(images)

    @torch.no_grad()
    def pooled(self, images: Tensor) -> Tensor:
        """(N, 1280) of the pictures at 224 px, float32."""
        side = (RESOLUTION, RESOLUTION)
        resized = F.interpolate(images, size=side, mode="bilinear", align_corners=False, antialias=True)
        return self.network.pooled(resized)
