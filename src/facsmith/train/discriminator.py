"""StyleGAN2's residual discriminator (Karras et al. 2020), scored per patch and with its features at hand."""

import math
from itertools import pairwise
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Discriminator", "gradient_penalty"]


class _Conv(nn.Module):
    """Convolution with an equalised learning rate; ``down`` halves the picture."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, down: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.gain = 1 / math.sqrt(in_channels * kernel * kernel)
        self.down = down

    def forward(self, x: Tensor) -> Tensor:
        stride = 2 if self.down else 1
        return F.conv2d(x, self.weight * self.gain, self.bias, padding=self.weight.shape[-1] // 2, stride=stride)


class _Block(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv0 = _Conv(in_channels, in_channels, 3)
        self.conv1 = _Conv(in_channels, out_channels, 3, down=True)
        self.skip = _Conv(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.conv0(x), 0.2) * math.sqrt(2)
        y = F.leaky_relu(self.conv1(y), 0.2) * math.sqrt(2)
        return (y + self.skip(F.avg_pool2d(x, 2))) * math.sqrt(0.5)


class Discriminator(nn.Module):
    """Images (N, 3, R, R) in [-1, 1] -> scores (N, 1, 8, 8), one for each patch; its blocks' outputs are the
    features."""

    def __init__(self, resolution: int, *, channel_base: int = 2048, channel_max: int = 128) -> None:
        super().__init__()
        # 2 x 2 pixels enter as one: half of a discriminator's time goes to its first resolution.
        width = [min(channel_base // r, channel_max) for r in _halves(resolution // 2)]
        self.rgb = _Conv(12, width[0], 1)
        self.blocks = nn.ModuleList(_Block(a, b) for a, b in pairwise(width))
        self.head0 = _Conv(width[-1] + 1, width[-1], 3)
        self.head1 = _Conv(width[-1], 1, 1)
        cast(Any, self).to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Scores, and each block's output, finest first."""
        x = F.leaky_relu(
            self.rgb(F.pixel_unshuffle(images, 2).contiguous(memory_format=torch.channels_last)), 0.2
        ) * math.sqrt(2)
        features: list[Tensor] = []
        for block in self.blocks:
            x = cast(Tensor, block(x))
            features.append(x)
        # Minibatch standard deviation, one map: variety is visible to the critic (Karras et al. 2018).
        # The small number keeps the second derivative (R1) finite where all pictures agree, as outside the photos.
        spread = (x.float().var(dim=0, unbiased=False) + 1e-8).sqrt().mean()
        x = torch.cat([x, spread.to(x.dtype).expand(len(x), 1, *x.shape[2:])], dim=1)
        return self.head1(F.leaky_relu(self.head0(x), 0.2) * math.sqrt(2)).float(), features


def _halves(resolution: int) -> list[int]:
    sizes = [resolution]
    while sizes[-1] > 8:
        sizes.append(sizes[-1] // 2)
    return sizes


def gradient_penalty(discriminator: Discriminator, real: Tensor) -> Tensor:
    """R1 (Mescheder et al. 2018): squared norm of the score's gradient at real images, mean over the batch."""
    real = real.detach().requires_grad_()
    score, _ = discriminator(real)
    (gradient,) = torch.autograd.grad(score.mean(dim=(1, 2, 3)).sum(), real, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
