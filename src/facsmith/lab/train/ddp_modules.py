"""Generator and discriminators as DistributedDataParallel wants them: everything of a pass behind one ``forward``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from facsmith.generator.stylegan2 import StyleGAN2
from facsmith.lab.train.latents import LabelledLatents
from facsmith.lab.train.projected import ProjectedDiscriminator, hinge
from facsmith.lab.train.state import mixed_precision

__all__ = ["Judge", "Painter", "Request", "Seen"]

_CODE_NOISE = 0.05
_MAPPING_ALONE = 0.33
"""How often mapping has to draw the person without its corrections."""


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be drawn in one pass.

    Parameters
    ----------
    codes
        (N, C), of photos.
    delta
        (N, num_ws * w_dim), their corrections.
    au
        (N, K), AUs of photos, neighbours 2k and 2k + 1 being one person.
    z, z_au
        (M, C) and (M, K), of new people. None: none are drawn.
    until
        Resolution to draw at, in pixels.
    """

    codes: Tensor
    delta: Tensor
    au: Tensor
    z: Tensor | None
    z_au: Tensor | None
    until: int
    random: torch.Generator


class Painter(nn.Module):
    """Everything that the generator's optimiser moves but the photos' own corrections, which come as an input."""

    def __init__(self, generator: StyleGAN2, latents: LabelledLatents, *, half: bool | None = None) -> None:
        super().__init__()
        self.generator = generator
        self.raw, self.spread = latents.raw, latents.spread
        self._latents = (latents,)  # in a tuple: its corrections are not this module's to share
        self._half = half

    def forward(self, request: Request) -> tuple[Tensor, Tensor | None]:
        """Reconstructions (N, 3, R, R) and new people (M, 3, R, R), float32."""
        until, ws = request.until, self._ws(request)
        if request.z is not None and request.z_au is not None:
            ws = torch.cat([ws, self.strangers(request.z, request.z_au)])
        with mixed_precision(ws.device, half=self._half):
            drawn = self.generator.synthesis(ws, noise="const", until=until).float()
        count = len(request.codes)
        return drawn[:count], None if request.z is None else drawn[count:]

    def strangers(self, z: Tensor, au: Tensor) -> Tensor:
        """z: (M, C), au: (M, K) -> ws of new people."""
        return self.generator.mapping(z) + torch.einsum("nk,kld->nld", au, self._latents[0].directions())

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


@dataclass(frozen=True, eq=False)
class Seen:
    """Features, finest first, of what a discriminator was shown: photographs, reconstructions, new people."""

    photographs: list[Tensor]
    drawn: list[Tensor]
    new: list[Tensor]


class Judge(nn.Module):
    """The discriminators' loss, by the name of the view that each has."""

    def __init__(self, discriminators: nn.ModuleDict) -> None:
        super().__init__()
        self.discriminators = discriminators

    def forward(self, seen: dict[str, Seen]) -> tuple[Tensor, Tensor]:
        """The sum over views of their hinge loss, and the mean verdict on photographs."""
        losses: list[Tensor] = []
        real: list[Tensor] = []
        for name, shown in seen.items():
            network = cast(ProjectedDiscriminator, self.discriminators[name])
            verdicts = network(shown.photographs)
            real += [verdict.detach().mean() for verdict in verdicts]
            losses.append(hinge(verdicts, photographed=True))
            losses += [0.5 * hinge(network(fake), photographed=False) for fake in (shown.drawn, shown.new)]
        return torch.stack(losses).sum(), torch.stack(real).mean()

    def fooled(self, name: str, features: Sequence[Tensor]) -> Tensor:
        """How much the drawings with these features displease the discriminator of this name: to be minimised."""
        verdicts = cast(ProjectedDiscriminator, self.discriminators[name])(features)
        return -torch.stack([verdict.mean() for verdict in verdicts]).mean()
