"""Adaptive discriminator augmentation (Karras et al. 2020, "Training GANs with limited data"), in plain torch.

The discriminator never sees a picture as it is: photos and generated ones pass through the same random transformations,
each with the chance p, so that a small data set is not learned by heart. As long as p stays below 1 the generator does
not learn them. Left out of the paper's set: turns by 90 degrees and upside-down pictures, which no face shows, and its
filters and noise, which did not help there.

All transformations of the plane are one matrix and one resampling; all of colour, one matrix.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Augmentation", "Augmenter", "draw_augmentation"]

_SHIFT = 0.125  # of the side: whole pixels, and the spread of the fractional move
_SCALE = 0.2  # log2
_TURN = math.radians(10)
_BRIGHTNESS = 0.2
_CONTRAST = 0.5  # log2
_HUE = math.pi / 6  # no face is green
_SATURATION = 1.0  # log2

_Draw = Callable[..., Tensor]


@dataclass(frozen=True, eq=False)
class Augmentation:
    """What happens to each of N pictures. plane: (N, 2, 3), output to input coordinates in [-1, 1]. colour: (N, 3, 4),
    RGB in [-1, 1] and 1 to RGB."""

    plane: Tensor
    colour: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        """images: (N, 3, R, R). Beyond its border a picture is mirrored."""
        images = images.float()
        grid = F.affine_grid(self.plane, list(images.shape), align_corners=False)
        moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        return torch.einsum("nij,njhw->nihw", self.colour[:, :, :3], moved) + self.colour[:, :, 3, None, None]


def draw_augmentation(count: int, chance: Tensor, *, resolution: int, random: torch.Generator) -> Augmentation:
    """chance: scalar p in [0, 1]. resolution: of the pictures, for moves by whole pixels."""
    device = chance.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, device=device, generator=random)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(count, *shape, device=device, generator=random) * 2 - 1

    def sometimes(value: Tensor, rest: float = 0.0) -> Tensor:
        happens = torch.rand(count, device=device, generator=random) < chance
        return torch.where(happens.view(-1, *[1] * (value.ndim - 1)), value, torch.full_like(value, rest))

    mirror = 1 - 2 * sometimes((uniform() > 0).float())
    whole = sometimes((uniform(2) * _SHIFT * resolution).round() * 2 / resolution)
    size = sometimes(torch.exp2(normal() * _SCALE), 1.0)
    turn = sometimes(uniform() * _TURN)
    stretch = sometimes(torch.exp2(normal() * _SCALE), 1.0)
    free = sometimes(normal(2) * 2 * _SHIFT)
    cos, sin = torch.cos(turn), torch.sin(turn)
    across, down = size * stretch, size / stretch
    rows = [torch.stack([across * cos * mirror, -across * sin], 1), torch.stack([down * sin * mirror, down * cos], 1)]
    plane = torch.cat([torch.stack(rows, 1), (whole + free)[:, :, None]], 2)
    return Augmentation(plane, _colour(sometimes, normal, uniform))


def _colour(sometimes: _Draw, normal: _Draw, uniform: _Draw) -> Tensor:
    brightness = sometimes(normal() * _BRIGHTNESS)
    contrast = sometimes(torch.exp2(normal() * _CONTRAST), 1.0)
    hue = sometimes(uniform() * _HUE)
    saturation = sometimes(torch.exp2(normal() * _SATURATION), 1.0)
    grey, cross = _grey_axis(hue.device)
    identity = torch.eye(3, device=hue.device)

    def planes(value: Tensor) -> Tensor:
        return value[:, None, None]

    # Rodrigues: a turn about the grey axis; then what is not grey is stretched.
    turned = planes(torch.cos(hue)) * (identity - grey) + planes(torch.sin(hue)) * cross
    linear = planes(contrast) * (grey + planes(saturation) * turned)
    return torch.cat([linear, brightness[:, None, None].expand(-1, 3, 1)], 2)


@functools.cache
def _grey_axis(device: torch.device) -> tuple[Tensor, Tensor]:
    """(3, 3) projection on the axis of greys, and the cross product with it; kept, as making them waits for a GPU."""
    k = 1 / math.sqrt(3)
    cross = torch.tensor([[0, -k, k], [k, 0, -k], [-k, k, 0]], device=device)
    return torch.full((3, 3), 1 / 3, device=device), cross


class Augmenter(nn.Module):
    """The chance p, and how it follows the discriminator's overfitting r_t = E[sign D(photo)]."""

    chance: Tensor
    signs: Tensor
    count: Tensor

    def __init__(self, *, target: float, every: int, images: int, most: float) -> None:
        """target: of r_t. every: steps between changes. images: that take p from 0 to 1. most: p ends here."""
        super().__init__()
        self.target, self.every, self.images, self.most = target, every, images, most
        self.register_buffer("chance", torch.zeros(()))
        self.register_buffer("signs", torch.zeros(()))
        self.register_buffer("count", torch.zeros(()))

    def draw(self, images: Tensor, random: torch.Generator) -> Augmentation:
        """For pictures of the shape of ``images``."""
        return draw_augmentation(len(images), self.chance, resolution=images.shape[-1], random=random)

    @torch.no_grad()
    def note(self, scores: Tensor) -> None:
        """scores: (N, ...), the verdict on photos; patches of one photo count as one."""
        self.signs += scores.float().mean(dim=list(range(1, scores.ndim))).sign().sum()
        self.count += len(scores)

    @torch.no_grad()
    def adjust(self, signs: Tensor, count: Tensor) -> None:
        """signs, count: summed over all processes since the last change; begins to sum anew."""
        up = (signs / count.clamp_min(1) - self.target).sign()
        self.chance += up * count / self.images
        self.chance.clamp_(0, self.most)
        self.signs.zero_()
        self.count.zero_()
