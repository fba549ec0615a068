"""Layers that both StyleGANs share."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facsmith.errors import LatentError

__all__ = ["FullyConnected", "checked_ws", "normalize_second_moment", "truncate"]


class FullyConnected(nn.Module):
    """``y = x (gain W)^T + lr b`` with an equalised learning rate: stored weights are of unit scale.

    weight: (out, in) drawn from N(0, 1 / lr^2), gain = lr / sqrt(in); bias: (out,).
    """

    def __init__(self, in_features: int, out_features: int, *, lr: float = 1.0, bias_init: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init))
        self.lr = lr

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, in) -> (N, out)."""
        return F.linear(x, self.weight * (self.lr / math.sqrt(self.weight.shape[1])), self.bias * self.lr)


def normalize_second_moment(x: Tensor) -> Tensor:
    """x: (N, D) scaled so that each row's mean square is 1."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def truncate(ws: Tensor, w_avg: Tensor, *, psi: float, cutoff: int | None) -> Tensor:
    """ws: (N, L, D) -> the first ``cutoff`` layers (all where None) pulled towards w_avg: (D,)."""
    if psi == 1.0 or cutoff == 0:
        return ws
    moved = torch.lerp(w_avg, ws[:, :cutoff], psi)
    return moved if cutoff is None else torch.cat([moved, ws[:, cutoff:]], dim=1)


def checked_ws(ws: Tensor, num_ws: int, w_dim: int) -> Tensor:
    """Return ws, or say what shape it should have."""
    if ws.ndim != 3 or ws.shape[1:] != (num_ws, w_dim):
        raise LatentError(
            f"ws has shape {tuple(ws.shape)}; this generator takes (N, {num_ws}, {w_dim}), one w for each layer."
        )
    return ws
