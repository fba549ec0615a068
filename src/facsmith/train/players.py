"""Generator and discriminator as DistributedDataParallel wants them: everything of a pass behind one ``forward``."""

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facsmith.generator.stylegan2 import StyleGAN2
from facsmith.train.discriminator import Discriminator, gradient_penalty
from facsmith.train.latents import LabelledLatents
from facsmith.train.state import mixed_precision

__all__ = ["Critic", "Painter", "PathRequest", "Request"]

_CODE_NOISE = 0.05
_MAPPING_ALONE = 0.33
"""How often mapping has to draw the person without its corrections."""


@dataclass(frozen=True, eq=False)
class Request:
    """What to draw. codes: (N, K), delta: (N, num_ws * w_dim), au: (N, 12) of photos, neighbours 2k and 2k + 1 being
    one person. z: (M, K), z_au: (M, 12) of new people; None: none are drawn. until: side in pixels."""

    codes: Tensor
    delta: Tensor
    au: Tensor
    z: Tensor | None
    z_au: Tensor | None
    until: int
    random: torch.Generator


@dataclass(frozen=True, eq=False)
class PathRequest:
    """New people whose pictures' gradients are wanted. z: (M, K), au: (M, 12)."""

    z: Tensor
    au: Tensor
    random: torch.Generator


class Painter(nn.Module):
    """Everything that the generator's optimiser moves but the photos' own corrections, which come as an input."""

    def __init__(self, generator: StyleGAN2, latents: LabelledLatents) -> None:
        super().__init__()
        self.generator = generator
        self.raw, self.spread = latents.raw, latents.spread
        self._latents = (latents,)  # in a tuple: its corrections are not this module's to share

    def forward(self, request: Request | PathRequest) -> tuple[Tensor, Tensor | None]:
        """Reconstructions (N, 3, R, R) and new people (M, 3, R, R); or (M,) lengths of paths and None."""
        return self.draw(request) if isinstance(request, Request) else (self.paths(request), None)

    def draw(self, request: Request) -> tuple[Tensor, Tensor | None]:
        """Photos and new people."""
        generator = self.generator
        with mixed_precision(request.codes.device):
            photos = generator.synthesis(self._ws(request), noise="const", until=request.until)
            if request.z is None or request.z_au is None:
                return photos.float(), None
            sampled = generator.synthesis(self.strangers(request.z, request.z_au), noise="const")
        return photos.float(), sampled.float()

    def strangers(self, z: Tensor, au: Tensor) -> Tensor:
        """z: (M, K), au: (M, 12) -> ws of new people."""
        return self.generator.mapping(z) + torch.einsum("nk,kld->nld", au, self._latents[0].directions())

    def paths(self, request: PathRequest) -> Tensor:
        """(M,) lengths of the picture's gradient in W+ along random directions (Karras et al. 2020), float32."""
        ws = self.strangers(request.z, request.au)
        images = self.generator.synthesis(ws, noise="const")
        noise = torch.randn(images.shape, device=images.device, generator=request.random)
        direction = noise / math.sqrt(images.shape[2] * images.shape[3])
        (gradient,) = torch.autograd.grad((images * direction).sum(), ws, create_graph=True)
        return gradient.square().sum(dim=2).mean(dim=1).sqrt()

    def _ws(self, request: Request) -> Tensor:
        shape, device = request.codes.shape, request.codes.device
        noise = torch.randn(shape, device=device, generator=request.random)
        codes = request.codes + _CODE_NOISE * noise
        base = self.generator.mapping(codes)
        with torch.no_grad():
            self.generator.mapping.w_avg.lerp_(base[:, 0].mean(dim=0), 0.005)
        people = torch.rand(len(codes) // 2, 1, device=device, generator=request.random)
        keep = (people > _MAPPING_ALONE).float().repeat_interleave(2, dim=0)
        return self._latents[0](base, codes, request.delta, request.au, keep=keep)


class Critic(nn.Module):
    """The discriminator's loss: non-saturating, with R1 at photos where asked for."""

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, real: Tensor, fake: Tensor, new: Tensor, *, penalised: int) -> tuple[Tensor, Tensor, Tensor]:
        """real, fake, new: pictures as the discriminator sees them. penalised: of how many real ones the gradient.

        Returns the loss without R1, R1's squared gradient (0 where penalised is 0), and the scores of real.
        """
        with mixed_precision(real.device):
            scores = [self.discriminator(images)[0] for images in (real, fake, new)]
        loss = F.softplus(-scores[0]).mean() + 0.5 * F.softplus(scores[1]).mean() + 0.5 * F.softplus(scores[2]).mean()
        penalty = real.new_zeros(())
        if penalised:
            penalty = gradient_penalty(self.discriminator, real[::2][:penalised])  # every other: each of another person
        return loss, penalty, cast(Tensor, scores[0].detach())
