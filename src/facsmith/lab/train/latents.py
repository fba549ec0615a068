"""The latents of training photos: identity and expression as separate coordinates of W+.

Every training photo has a known latent from the start,

    ws(photo, e) = mapping(code) + H code + delta(photo) + A e,

with ``code`` its whitened PCA code (Gaussian like z, so the mapping network is trained on the way), H and ``delta``
small per-layer corrections, common and its own, and A the directions of the AUs of `facs.AUS`, shared by everyone. A is
kept orthogonal to the span of mapping's output and to the corrections.
"""

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from facsmith.facs import AUS

__all__ = ["LabelledLatents"]


class LabelledLatents(nn.Module):
    """The latents of the training photos: what is not in the generator itself.

    ``directions()`` gives A.

    Attributes
    ----------
    delta
        (photos, num_ws * w_dim) corrections.
    spread
        H, from codes to corrections.
    """

    def __init__(self, photos: int, num_ws: int, w_dim: int) -> None:
        super().__init__()
        self.num_ws, self.w_dim = num_ws, w_dim
        self.delta = nn.Embedding(photos, num_ws * w_dim, sparse=True)
        self.spread = nn.Linear(w_dim, num_ws * w_dim, bias=False)
        nn.init.zeros_(self.delta.weight)
        nn.init.zeros_(self.spread.weight)
        self.raw = nn.Parameter(0.2 * torch.randn(len(AUS), num_ws, w_dim))

    def directions(self) -> Tensor:
        """(K, num_ws, w_dim), orthogonal to anything that is the same in every layer, as mapping's output is."""
        return self.raw - self.raw.mean(dim=1, keepdim=True)

    def forward(
        self, base: Tensor, codes: Tensor, delta: Tensor | None, au: Tensor, *, keep: Tensor | None = None
    ) -> Tensor:
        """The latents of people.

        Parameters
        ----------
        base
            (N, num_ws, w_dim) from mapping.
        codes
            (N, w_dim) that base was mapped from.
        delta
            (N, num_ws * w_dim), people's own corrections. None: of strangers.
        au
            (N, K) intensities in [0, 1].
        keep
            (N, 1), 0 where mapping alone shall draw the person. None: all 1.
        """
        directions = self.directions()
        with torch.no_grad():
            basis: Tensor = cast(Any, torch.linalg).qr(directions.flatten(1).t()).Q
        correction = self.spread(codes) / math.sqrt(self.w_dim)
        if delta is not None:
            correction = correction + delta
        correction = correction - (correction @ basis) @ basis.t()
        if keep is not None:
            correction = correction * keep
        return base + correction.view_as(base) + torch.einsum("nk,kld->nld", au, directions)
