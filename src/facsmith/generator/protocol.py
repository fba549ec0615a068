"""What every generator of faces offers, and the name by which latents and boundaries know it."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from torch import Tensor

__all__ = ["Generator", "NoiseMode", "generator_id"]

NoiseMode = Literal["const", "none", "random"]
"""Per-pixel noise: the stored planes (the same in every frame), off, or drawn anew for every sample (for training)."""


@runtime_checkable
class Generator(Protocol):
    """A trained StyleGAN, or anything that looks like one.

    Z is the prior space, W the mapped space, W+ one w per synthesis layer; ``num_ws`` depends on the resolution.
    """

    @property
    def num_ws(self) -> int: ...

    @property
    def z_dim(self) -> int: ...

    @property
    def w_dim(self) -> int: ...

    @property
    def resolution(self) -> int: ...

    @property
    def w_avg(self) -> Tensor:
        """(w_dim,) the mean of W, the centre of truncation."""
        ...

    @property
    def generator_id(self) -> str:
        """Family, resolution and a hash of configuration and weights, for instance ``stylegan2-128-3f2a9c41d0b7``."""
        ...

    def mapping(self, z: Tensor, c: Tensor | None = None, *, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """z: (N, z_dim), c: (N, c_dim) or None -> ws (N, num_ws, w_dim).

        Truncation: the first ``cutoff`` layers (all where None) become ``w_avg + psi * (w - w_avg)``.
        """
        ...

    def synthesis(self, ws: Tensor, *, noise: NoiseMode = "const") -> Tensor:
        """ws: (N, num_ws, w_dim) -> images (N, 3, R, R), RGB, nominally in [-1, 1], not clipped."""
        ...


def generator_id(config: Any, state: Mapping[str, Tensor]) -> str:
    """Name a generator by family, resolution and content: equal weights give equal names on every machine.

    Args:
        config: the generator's frozen configuration dataclass, with ``family`` and ``resolution``.
        state: its state dict; hashed as float32, in the order of the names.
    """
    if not is_dataclass(config) or isinstance(config, type):
        raise TypeError(f"config is a {type(config).__name__}; give the generator's configuration dataclass.")
    fields = asdict(config)
    digest = hashlib.sha256(repr(sorted(fields.items())).encode())
    for name in sorted(state):
        tensor = state[name].detach().float().cpu().contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    family: str = getattr(config, "family")
    return f"{family}-{fields['resolution']}-{digest.hexdigest()[:12]}"
