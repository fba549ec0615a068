"""What a run of the generator shows of itself on a schedule: sample sheets, errors on strangers, the distance of random
faces from real ones."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from facsmith._types import Image
from facsmith.facs import AUS
from facsmith.generator.stylegan2 import StyleGAN2
from facsmith.lab.frechet import frechet_distance
from facsmith.lab.train.faces import Faces
from facsmith.lab.train.image_features import ImageFeatures
from facsmith.lab.train.latents import LabelledLatents
from facsmith.lab.train.projected import feature_distance
from facsmith.lab.train.views import whole_face

__all__ = ["Monitor"]


_SAMPLES = 8  # a side of the sheet of random faces
_PSI = 0.7
_CHUNK = 16
_SHEET_AUS = (1, 2, 4, 6, 9, 10, 12, 15, 17, 20, 25, 26)


class Monitor:
    """What watches a training run.

    Parameters
    ----------
    generator
        The averaged one.
    features
        The features that Fréchet distances are of.
    device
        Where they are.
    """

    def __init__(
        self,
        generator: StyleGAN2,
        latents: LabelledLatents,
        faces: Faces,
        features: ImageFeatures,
        *,
        device: torch.device,
    ) -> None:
        self._generator, self._latents, self._faces, self._device = generator, latents, faces, device
        self._features = features
        self._real: dict[tuple[bool, int, int], npt.NDArray[np.float32]] = {}

    @torch.no_grad()
    def held_out(self, resolution: int, limit: int = 64) -> dict[str, float]:
        """How far drawings of people never trained on, from their PCA codes alone, are from their photographs: a floor
        for inversion. L1 at 64 px at most, and, from there on, the distance of features."""
        batch = self._faces.held_out(limit, resolution, self._device)
        ws = self._latents(self._generator.mapping(batch.codes), batch.codes, None, batch.au)
        images = torch.cat([self._draw(part, resolution) for part in torch.split(ws, _CHUNK)]).clamp(-1, 1)
        side = min(64, resolution)
        small = [F.adaptive_avg_pool2d(x, side) for x in (images, batch.images, batch.inside)]
        report = {"held_out_l1_64": float(((small[0] - small[1]).abs() * small[2]).sum() / small[2].sum() / 3)}
        if resolution >= 64:
            parts = [torch.split(whole_face(x), _CHUNK) for x in (images, batch.images)]
            apart = [feature_distance(self._features(a), self._features(b)) for a, b in zip(*parts, strict=True)]
            report["held_out_features"] = float(torch.cat(apart).mean())
        return report

    def frechet(self, count: int, resolution: int) -> dict[str, float]:
        """Of ``count`` random faces (psi 1) from as many training photographs, and from the held-out ones, at this
        resolution; and how many those are."""
        drawn = self._described(self._random(count, resolution))
        report: dict[str, float] = {"frechet_samples": count}
        for name, held_out in (("training", False), ("held_out", True)):
            key = (held_out, count, resolution)
            if key not in self._real:
                rows = self._faces.photographed(count, held_out=held_out)
                chunks = (rows[k : k + _CHUNK] for k in range(0, len(rows), _CHUNK))
                pictures = (self._faces.pictures(chunk, resolution, self._device) for chunk in chunks)
                self._real = {k: v for k, v in self._real.items() if k[2] == resolution}
                self._real[key] = self._described(pictures)
            real = self._real[key]
            report |= {f"frechet_{name}": frechet_distance(real, drawn), f"frechet_{name}_photos": len(real)}
        return report

    def _described(self, pictures: Iterable[Tensor]) -> npt.NDArray[np.float32]:
        return np.concatenate([self._features.pooled(part).float().cpu().numpy() for part in pictures])

    @torch.no_grad()
    def _random(self, count: int, resolution: int, psi: float = 1.0) -> Iterator[Tensor]:
        """Random faces (n, 3, R, R) in [-1, 1], ``count`` in all, always the same codes."""
        codes = torch.randn(count, self._generator.z_dim, generator=torch.Generator().manual_seed(0))
        for z in torch.split(codes, _CHUNK):
            yield self._draw(self._generator.mapping(z.to(self._device), psi=psi), resolution).clamp(-1, 1)

    @torch.no_grad()
    def sheet(self, resolution: int) -> Image:
        """Rows: training pictures, their reconstructions, two people at rest and through AUs, held-out people, their
        drawings from codes, new people."""
        batch = self._faces.batch(np.random.default_rng(1), 26, resolution, self._device)
        base, delta = self._generator.mapping(batch.codes), self._latents.delta(batch.photos)
        full = self._latents(base, batch.codes, delta, batch.au)
        rest = self._latents(base, batch.codes, delta, torch.zeros_like(batch.au))
        directions = self._latents.directions()[[AUS.index(au) for au in _SHEET_AUS]]
        rows = [batch.images[:13], self._draw(full[:13], resolution)]
        rows += [self._draw(torch.cat([rest[p : p + 1], rest[p : p + 1] + directions]), resolution) for p in (0, 4)]
        held = self._faces.held_out(13, resolution, self._device)
        strangers = self._latents(self._generator.mapping(held.codes), held.codes, None, held.au)
        rows += [held.images, self._draw(strangers, resolution)]
        z = torch.randn(13, self._generator.z_dim, generator=torch.Generator().manual_seed(1)).to(self._device)
        rows.append(self._draw(self._generator.mapping(z), resolution))
        return _tiled(rows)

    def samples(self, resolution: int) -> Image:
        """8 x 8 random faces, truncated: (8 R, 8 R, 3)."""
        faces = torch.cat(list(self._random(_SAMPLES**2, resolution, _PSI)))
        return _tiled(list(torch.split(faces, _SAMPLES)))

    def _draw(self, ws: Tensor, resolution: int) -> Tensor:
        return self._generator.synthesis(ws, until=resolution)


def _tiled(rows: list[Tensor]) -> Image:
    """rows of pictures (N, 3, R, R) in [-1, 1] -> one picture."""
    strips = [torch.cat(list(row), dim=2) for row in rows]
    widest = max(strip.shape[2] for strip in strips)
    grid = torch.cat([F.pad(strip, (0, widest - strip.shape[2])) for strip in strips], dim=1)
    return ((grid.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).cpu().numpy()
