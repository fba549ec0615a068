"""A public fake for tests of everything that needs a generator: tiny, smooth, deterministic, the same everywhere."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from facsmith.generator.layers import GeneratorModule, checked_ws, checked_z, truncate
from facsmith.generator.protocol import NoiseMode, checked_noise

__all__ = ["TinyConfig", "TinyGenerator"]

_WAVES = 4  # per axis


@dataclass(frozen=True)
class TinyConfig:
    """Shape of a TinyGenerator."""

    family: ClassVar[str] = "tiny"

    num_ws: int
    w_dim: int
    resolution: int

    @property
    def z_dim(self) -> int:
        """Z and W have one width."""
        return self.w_dim


class TinyGenerator(GeneratorModule):
    """tanh of a few cosine waves whose amplitudes are linear in W+: later layers move finer waves.

    No randomness: weights are sines of their index, so its latents may be written into a test. Noise has no effect.
    """

    w_avg: Tensor
    _mixing: Tensor
    _amplitudes: Tensor
    _planes: Tensor

    def __init__(self, num_ws: int = 4, w_dim: int = 8, resolution: int = 16) -> None:
        config = TinyConfig(num_ws, w_dim, resolution)
        super().__init__(config)
        self.config = config
        self.register_buffer("w_avg", _spread(w_dim) * 0.1)
        self.register_buffer("_mixing", _spread(w_dim, w_dim) * math.sqrt(2.0 / w_dim))
        waves = _WAVES * _WAVES
        amplitudes = _spread(num_ws, w_dim, 3, waves) * math.sqrt(2.0 / (num_ws * w_dim))
        layer = torch.linspace(0.0, 1.0, num_ws)[:, None]
        wave = torch.linspace(0.0, 1.0, waves)[None]
        amplitudes = amplitudes * torch.exp(-4.0 * (layer - wave) ** 2)[:, None, None]
        self.register_buffer("_amplitudes", amplitudes)
        centres = (torch.arange(resolution) + 0.5) / resolution
        axis = torch.cos(math.pi * torch.arange(_WAVES)[:, None] * centres)  # (waves, R)
        self.register_buffer("_planes", torch.einsum("ay,bx->abyx", axis, axis).reshape(waves, resolution, resolution))

    def mapping(self, z: Tensor, c: Tensor | None = None, *, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """z: (N, w_dim) -> ws (N, num_ws, w_dim); labels have no effect."""
        w = self.w_avg + torch.tanh(checked_z(z, self.z_dim, dtype=self.w_avg.dtype) @ self._mixing)
        return truncate(w[:, None].expand(-1, self.num_ws, -1), self.w_avg, psi=psi, cutoff=cutoff)

    def synthesis(self, ws: Tensor, *, noise: NoiseMode = "const") -> Tensor:
        """ws: (N, num_ws, w_dim) -> images (N, 3, R, R) in (-1, 1)."""
        checked_noise(noise)
        ws = checked_ws(ws, self.num_ws, self.w_dim, dtype=self.w_avg.dtype)
        amplitudes = torch.einsum("nld,ldck->nck", ws, self._amplitudes)
        return torch.tanh(torch.einsum("nck,kyx->ncyx", amplitudes, self._planes))


def _spread(*shape: int) -> Tensor:
    """Numbers in [-1, 1] without visible order: sines at an irrational step, in float64 for every machine alike."""
    count = math.prod(shape)
    return torch.sin(torch.arange(1, count + 1, dtype=torch.float64) * 7.3819).float().reshape(shape)
