"""What a run of the generator shows of itself on a schedule: sample sheets, errors on strangers, the distance of random
faces from real ones."""

from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from facsmith.bundle import DEFAULT_BUNDLE, FILES, WEIGHTS
from facsmith.descriptor import Descriptor, load_descriptor
from facsmith.evaluate.frechet import described, frechet_distance, random_faces
from facsmith.generator.stylegan2 import StyleGAN2
from facsmith.train.faces import Faces
from facsmith.train.latents import LabelledLatents

__all__ = ["Looks"]

Image = npt.NDArray[np.uint8]

_SAMPLES = 8  # a side of the sheet of random faces
_PSI = 0.7


class Looks:
    """generator: the averaged one. device: where it is."""

    def __init__(self, generator: StyleGAN2, latents: LabelledLatents, faces: Faces, *, device: torch.device) -> None:
        self._generator, self._latents, self._faces, self._device = generator, latents, faces, device
        self._real: npt.NDArray[np.float32] | None = None

    @torch.no_grad()
    def held_out_l1(self, resolution: int, limit: int = 128) -> float:
        """Mean absolute error on people never trained on, from their PCA codes alone (a floor for inversion)."""
        batch = self._faces.held_out(limit, resolution, self._device)
        ws = self._latents(self._generator.mapping(batch.codes), batch.codes, None, batch.au)
        images = torch.cat([self._draw(part, resolution) for part in torch.split(ws, 16)])
        return float(((images.clamp(-1, 1) - batch.images).abs() * batch.inside).sum() / batch.inside.sum() / 3)

    def frechet(self, count: int) -> tuple[float, str]:
        """Of ``count`` random faces from as many photos, by the bundled descriptor's features; and its name."""
        drawn = described(self._descriptor, random_faces(self._generator, count))
        if self._real is None or len(self._real) != count:
            batch = self._faces.photographed(count, self._generator.resolution, self._device)
            self._real = described(self._descriptor, batch)
        return frechet_distance(self._real, drawn), self._descriptor.name

    @torch.no_grad()
    def sheet(self, resolution: int) -> Image:
        """Rows: photos, their reconstructions, two people through the 12 AUs, held-out people from codes, new
        people."""
        batch = self._faces.batch(np.random.default_rng(1), 26, resolution, self._device)
        base, delta = self._generator.mapping(batch.codes), self._latents.delta(batch.photos)
        full = self._latents(base, batch.codes, delta, batch.au)
        rest = self._latents(base, batch.codes, delta, torch.zeros_like(batch.au))
        directions = self._latents.directions()
        rows = [batch.images[:13], self._draw(full[:13], resolution)]
        rows += [self._draw(torch.cat([rest[p : p + 1], rest[p : p + 1] + directions]), resolution) for p in (0, 4)]
        held = self._faces.held_out(13, resolution, self._device)
        strangers = self._latents(self._generator.mapping(held.codes), held.codes, None, held.au)
        rows += [held.images, self._draw(strangers, resolution)]
        z = torch.randn(13, self._generator.z_dim, generator=torch.Generator().manual_seed(1)).to(self._device)
        rows.append(self._draw(self._generator.mapping(z), resolution))
        return _tiled(rows)

    def samples(self) -> Image:
        """8 x 8 random faces, truncated: (8 R, 8 R, 3)."""
        return _tiled(list(torch.split(random_faces(self._generator, _SAMPLES**2, psi=_PSI), _SAMPLES)))

    def _draw(self, ws: Tensor, resolution: int) -> Tensor:
        return self._generator.synthesis(ws, until=resolution)

    @cached_property
    def _descriptor(self) -> Descriptor:
        return cast(Any, load_descriptor(WEIGHTS / DEFAULT_BUNDLE / FILES[1])).to(self._device)


def _tiled(rows: list[Tensor]) -> Image:
    """rows of pictures (N, 3, R, R) in [-1, 1] -> one picture."""
    strips = [torch.cat(list(row), dim=2) for row in rows]
    widest = max(strip.shape[2] for strip in strips)
    grid = torch.cat([F.pad(strip, (0, widest - strip.shape[2])) for strip in strips], dim=1)
    return ((grid.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).cpu().numpy()
