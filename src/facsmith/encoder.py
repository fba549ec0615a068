"""v(I): from a photo's descriptor features straight to W+, the start of the inversion (the paper's 3.2)."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facsmith._weights import load_weights, save_weights
from facsmith.descriptor import FEATURES
from facsmith.errors import CheckpointError, InputError

__all__ = ["Encoder", "EncoderConfig"]


_LARGEST = 1 << 16


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of an encoder.

    Parameters
    ----------
    num_ws, w_dim
        The generator's number of layers and dimensions of W.
    generator_id, descriptor
        The pair it was trained for; with another it is of no use.
    width, blocks
        Width and number of blocks of the residual perceptron.
    rank
        Dimensions in which the layers' codes may differ from one another.
    """

    num_ws: int
    w_dim: int
    generator_id: str
    descriptor: str
    features: int = FEATURES
    width: int = 384
    blocks: int = 2
    rank: int = 192

    def __post_init__(self) -> None:
        if min(self.num_ws, self.w_dim, self.features, self.width, self.rank) < 1 or self.blocks < 0:
            raise InputError("An encoder's sizes are positive numbers.")
        if max(self.num_ws, self.w_dim, self.features, self.width, self.rank, self.blocks) > _LARGEST:
            raise InputError(f"An encoder's sizes are {_LARGEST} at most.")


class Encoder(nn.Module):
    """ws = w_start + w_scale * (shared(h) + up(down(h))), h a residual perceptron of the whitened features.

    ``shared`` writes one code for all layers, ``up(down(.))`` the low-rank rest in which the layers differ, so the
    output costs (w_dim + rank) * width + rank * num_ws * w_dim numbers instead of width * num_ws * w_dim. Both begin at
    zero: an untrained encoder answers w_start.
    """

    feature_mean: Tensor
    feature_scale: Tensor
    w_start: Tensor
    w_scale: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("feature_mean", torch.zeros(config.features))
        self.register_buffer("feature_scale", torch.ones(config.features))
        self.register_buffer("w_start", torch.zeros(config.num_ws, config.w_dim))
        self.register_buffer("w_scale", torch.ones(()))
        self.stem = nn.Linear(config.features, config.width)
        self.blocks = nn.ModuleList(_Block(config.width) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.shared = nn.Linear(config.width, config.w_dim)
        self.down = nn.Linear(config.width, config.rank)
        self.up = nn.Linear(config.rank, config.num_ws * config.w_dim, bias=False)
        for layer in (self.shared, self.up):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.shared.bias)

    def calibrate(self, features: Tensor, ws: Tensor) -> None:
        """Set the buffers and whiten the stem from examples, before training.

        The stem begins as the ``width`` leading principal components of the standardised features, each of unit
        variance: an ill-conditioned input would slow the optimiser down.

        Parameters
        ----------
        features
            (M, features).
        ws
            (M, num_ws, w_dim).
        """
        with torch.no_grad():
            self.feature_mean.copy_(features.mean(0))
            self.feature_scale.copy_(features.std(0, correction=0).clamp_min(1e-6))
            self.w_start.copy_(ws.mean(0))
            self.w_scale.copy_((ws - ws.mean(0)).std(correction=0).clamp_min(1e-6))
            x = (features - self.feature_mean) / self.feature_scale
            variances, directions = _eigh((x.T @ x / len(x)).double())
            count = min(self.config.width, len(variances))
            variances, directions = variances.flip(0)[:count], directions.flip(1)[:, :count]
            # Directions the sample does not reach keep a floor, or noise in them would be blown up without bound.
            floor = variances[0] * 1e-4 + 1e-12
            self.stem.weight[:count].copy_((directions / (variances.clamp_min(0) + floor).sqrt()).T)
            self.stem.bias.zero_()

    def forward(self, features: Tensor) -> Tensor:
        """The codes of photos.

        Parameters
        ----------
        features
            (N, features), the descriptor's description of the photos.

        Returns
        -------
        Tensor
            ws (N, num_ws, w_dim).
        """
        if features.ndim != 2 or features.shape[1] != self.config.features:
            raise InputError(
                f"This encoder takes (N, {self.config.features}) descriptor features; got {tuple(features.shape)}."
            )
        h = self.stem((features - self.feature_mean) / self.feature_scale)
        for block in self.blocks:
            h = block(h)
        h = self.norm(h)
        rest = self.up(self.down(h)).unflatten(1, (self.config.num_ws, self.config.w_dim))
        return self.w_start + self.w_scale * (self.shared(h).unsqueeze(1) + rest)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one safetensors file, matrices as float16, configuration in its metadata."""
        save_weights(path, self.state_dict(), kind="encoder", config=asdict(self.config))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Encoder":
        """Read what `save` wrote, ready to encode: frozen, in evaluation mode.

        Raises
        ------
        CheckpointError
            The file is missing, damaged, or holds no encoder.
        """
        config, state = load_weights(path, kind="encoder")
        net = cls(_config(config))
        try:
            net.load_state_dict(state)
        except RuntimeError as error:
            raise CheckpointError(f"{path} does not fit its own configuration; fetch or make it again.") from error
        return net.eval().requires_grad_(False)


class _Block(nn.Module):
    """x + linear(silu(linear(norm(x))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.outer(F.silu(self.inner(self.norm(x))))


def _eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """(eigenvalues ascending, eigenvectors as columns) of a symmetric matrix."""
    values, vectors = np.linalg.eigh(matrix.cpu().numpy())
    return torch.tensor(values).to(matrix), torch.tensor(vectors).to(matrix)


def _config(values: Mapping[str, Any]) -> EncoderConfig:
    try:
        return EncoderConfig(**cast(dict[str, Any], values))
    except (TypeError, InputError) as error:
        raise CheckpointError(f"This encoder's configuration is not understood ({error}).") from error
