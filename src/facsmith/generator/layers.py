"""What all generators share: the attributes of the protocol, fully connected layers, truncation."""

import math

import torch
from torch import Tensor, nn

from facsmith.errors import InputError, LatentError
from facsmith.framing import Framing
from facsmith.generator.protocol import GeneratorConfig, generator_id

__all__ = [
    "FullyConnected",
    "GeneratorModule",
    "checked_labels",
    "checked_ws",
    "checked_z",
    "normalize_second_moment",
    "truncate",
]


class GeneratorModule(nn.Module):
    """The attributes of the ``Generator`` protocol, read from the configuration and the weights.

    Subclasses hold ``mapping`` (with ``w_avg``) and ``synthesis``.

    Attributes
    ----------
    framing
        How the faces it draws are framed, where that is known (`framing.framing_of`); no part of ``generator_id``.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self._config = config
        self._identity: tuple[object, str] | None = None
        self.framing: Framing | None = None

    @property
    def num_ws(self) -> int:
        """Rows of a W+ latent."""
        return self._config.num_ws

    @property
    def z_dim(self) -> int:
        """Width of Z."""
        return self._config.z_dim

    @property
    def w_dim(self) -> int:
        """Width of W."""
        return self._config.w_dim

    @property
    def resolution(self) -> int:
        """R: images are R x R pixels."""
        return self._config.resolution

    @property
    def generator_id(self) -> str:
        """Family, resolution and content hash; computed anew only when a weight has changed."""
        state = self.state_dict()
        if any(tensor.is_inference() for tensor in state.values()):
            return generator_id(self._config, state)
        version = tuple((tensor.data_ptr(), tensor._version) for tensor in state.values())
        if self._identity is None or self._identity[0] != version:
            self._identity = (version, generator_id(self._config, state))
        return self._identity[1]


class FullyConnected(nn.Module):
    """``y = x (gain W)^T + lr b`` with an equalised learning rate: stored weights are of unit scale.

    Attributes
    ----------
    weight
        (out, in), drawn from N(0, 1 / lr^2); gain = lr / sqrt(in).
    bias
        (out,).
    """

    def __init__(self, in_features: int, out_features: int, *, lr: float = 1.0, bias_init: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init))
        self.lr = lr

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, in) -> (N, out)."""
        gain = self.lr / math.sqrt(self.weight.shape[1])
        return torch.addmm(self.bias, x, self.weight.t(), beta=self.lr, alpha=gain)


def normalize_second_moment(x: Tensor) -> Tensor:
    """Scale each row so that its mean square is 1.

    Parameters
    ----------
    x
        (N, D).
    """
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def truncate(ws: Tensor, w_avg: Tensor, *, psi: float, cutoff: int | None) -> Tensor:
    """Pull codes towards the mean of W: ``w_avg + psi * (w - w_avg)``.

    Parameters
    ----------
    ws
        (N, L, D).
    w_avg
        (D,).
    cutoff
        Only the first so many layers. None: all.
    """
    if psi == 1.0 or cutoff == 0:
        return ws
    moved = torch.lerp(w_avg, ws[:, :cutoff], psi)
    return moved if cutoff is None else torch.cat([moved, ws[:, cutoff:]], dim=1)


def checked_z(z: Tensor, z_dim: int, *, dtype: torch.dtype) -> Tensor:
    """Return z in the weights' dtype, or say what shape it should have."""
    if z.ndim != 2 or z.shape[1] != z_dim:
        raise InputError(f"z has shape {tuple(z.shape)}; this generator takes (N, {z_dim}).")
    return z.to(dtype)


def checked_labels(c: Tensor | None, batch: int, c_dim: int, *, dtype: torch.dtype) -> Tensor:
    """Return labels c in the weights' dtype, or say what shape they should have."""
    if c is None or c.shape != (batch, c_dim):
        given = "none were given" if c is None else f"they have shape {tuple(c.shape)}"
        raise InputError(f"This generator is conditional and takes labels c of shape ({batch}, {c_dim}); {given}.")
    return c.to(dtype)


def checked_ws(ws: Tensor, num_ws: int, w_dim: int, *, dtype: torch.dtype) -> Tensor:
    """Return ws in the weights' dtype, or say what shape it should have."""
    if ws.ndim != 3 or ws.shape[1:] != (num_ws, w_dim):
        raise LatentError(
            f"ws has shape {tuple(ws.shape)}; this generator takes (N, {num_ws}, {w_dim}), one w for each layer."
        )
    return ws.to(dtype)
