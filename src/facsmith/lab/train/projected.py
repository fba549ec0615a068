"""Projected discriminators (Sauer et al. 2021): small heads that judge fixed random projections of a fixed network's
features.

What a photograph looks like is known to a network that was trained on a million of them; the heads only learn where
drawings differ. So they learn from some thousands of pictures, and need neither a gradient penalty nor, for 3,000
photographs, augmentation.
"""

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ProjectedDiscriminator", "feature_distance", "hinge"]

_MIXED = 64  # channels of the projections
_WIDTH = 96  # of the heads


class ProjectedDiscriminator(nn.Module):
    """Features of four strides -> verdicts of four heads.

    Eq. of the paper: L_l = D_l(CSM(CCM(F_l(x)))). CCM, a random 1 x 1 convolution, mixes channels; CSM, a random 3 x 3
    one after adding the coarser result, mixes scales. Both are drawn once and never trained. The heads have spectral
    norm.

    Parameters
    ----------
    channels
        Channels of the features, finest first, each of half the size of the one before.
    seed
        Seed of the projections.
    """

    def __init__(self, channels: Sequence[int], *, seed: int = 0) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.across_channels = nn.ModuleList(_fixed(count, _MIXED, 1, random) for count in channels)
        self.across_scales = nn.ModuleList(_fixed(_MIXED, _MIXED, 3, random) for _ in channels)
        halvings = [2, *[1] * (len(channels) - 2), 0]  # each head sees about as many places
        self.heads = nn.ModuleList(_head(count) for count in halvings)
        cast(Any, self).to(memory_format=torch.channels_last)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """How photographed each place looks: (N, places) per layer, above 0 where it does.

        Parameters
        ----------
        features
            (N, C, h, w) each, finest first.
        """
        verdicts: list[Tensor] = []
        mixed: Tensor | None = None
        levels = zip(features, self.across_channels, self.across_scales, self.heads, strict=True)
        for feature, channels, scales, head in reversed(list(levels)):
            x = cast(Tensor, channels(feature))
            if mixed is not None:
                x = x + F.interpolate(mixed, size=x.shape[-2:], mode="bilinear", align_corners=False)
            mixed = cast(Tensor, scales(x))
            verdicts.append(cast(Tensor, head(mixed)).flatten(1).float())
        return verdicts[::-1]

    def learn(self, wanted: bool) -> None:
        """Whether the heads get gradients; the projections never do."""
        self.heads.requires_grad_(wanted)


def hinge(verdicts: Sequence[Tensor], *, photographed: bool) -> Tensor:
    """The heads' loss: mean of max(0, 1 - verdict) over photographs, of max(0, 1 + verdict) over drawings."""
    sign = 1.0 if photographed else -1.0
    return torch.stack([F.relu(1 - sign * verdict).mean() for verdict in verdicts]).mean()


def feature_distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
    """(N,): mean L1 of features (N, C, h, w) whose every place has unit mean square, mean over the layers."""
    return torch.stack(
        [(_unit(a.float()) - _unit(b.float())).abs().mean(dim=(1, 2, 3)) for a, b in zip(one, other, strict=True)]
    ).mean(dim=0)


def _unit(feature: Tensor) -> Tensor:
    return feature / (feature.square().mean(dim=1, keepdim=True).sqrt() + 1e-3)


def _fixed(inputs: int, outputs: int, kernel: int, random: torch.Generator) -> nn.Conv2d:
    """A random convolution that keeps the spread of what passes through a ReLU (He et al. 2015)."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    with torch.no_grad():
        spread = math.sqrt(2 / (inputs * kernel * kernel))
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=random) * spread)
        layer.bias.zero_() if layer.bias is not None else None
    return layer.requires_grad_(False)


def _head(halvings: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    width = _MIXED
    for _ in range(halvings):
        layers += [_normed(nn.Conv2d(width, _WIDTH, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        width = _WIDTH
    layers += [_normed(nn.Conv2d(width, _WIDTH, 3, padding=1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, _normed(nn.Conv2d(_WIDTH, 1, 3, padding=1)))


def _normed(layer: nn.Conv2d) -> nn.Module:
    normed: Any = cast(Any, nn.utils.parametrizations).spectral_norm
    return cast(nn.Module, normed(layer))
