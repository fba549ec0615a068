"""What every generator of faces offers, and the name by which latents and boundaries know it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from torch import Tensor

from facsmith.errors import InputError

__all__ = ["Generator", "GeneratorConfig", "NoiseMode", "checked_noise", "generator_id"]

NoiseMode = Literal["const", "none", "random"]
"""Per-pixel noise: the stored planes (the same in every frame), off, or drawn anew for every sample (for training)."""


def checked_noise(noise: str) -> NoiseMode:
    """Return the mode, or say which there are."""
    if noise not in ("const", "none", "random"):
        raise InputError(f"noise is {noise!r}; it must be 'const', 'none' or 'random'.")
    return noise


@runtime_checkable
class Generator(Protocol):
    """A trained StyleGAN, or anything that looks like one.

    Z is the prior space, W the mapped space, W+ one w per synthesis layer; ``num_ws`` depends on the resolution.
    """

    @property
    def num_ws(self) -> int:
        """Rows of a W+ latent; never assume 18."""
        ...

    @property
    def z_dim(self) -> int:
        """Width of Z."""
        ...

    @property
    def w_dim(self) -> int:
        """Width of W."""
        ...

    @property
    def resolution(self) -> int:
        """R: images are R x R pixels."""
        ...

    @property
    def w_avg(self) -> Tensor:
        """(w_dim,) the mean of W, the centre of truncation."""
        ...

    @property
    def generator_id(self) -> str:
        """Family, resolution and a hash of configuration and weights, for instance ``stylegan2-128-3f2a9c41d0b7``."""
        ...

    def mapping(self, z: Tensor, c: Tensor | None = None, *, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """Codes in W+ of codes in Z.

        Truncation: the first ``cutoff`` layers (all where None) become ``w_avg + psi * (w - w_avg)``.

        Parameters
        ----------
        z
            (N, z_dim).
        c
            (N, c_dim) labels, or None.
        psi
            1 leaves codes as they are, 0 makes all of them the mean.
        cutoff
            Number of layers that are truncated. None: all.

        Returns
        -------
        Tensor
            ws (N, num_ws, w_dim).
        """
        ...

    def synthesis(self, ws: Tensor, *, noise: NoiseMode = "const") -> Tensor:
        """Draw images.

        Parameters
        ----------
        ws
            (N, num_ws, w_dim).

        Returns
        -------
        Tensor
            (N, 3, R, R), RGB, nominally in [-1, 1], not clipped.
        """
        ...


class GeneratorConfig(Protocol):
    """What the configuration dataclass of every generator tells."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    family: ClassVar[str]

    @property
    def num_ws(self) -> int:
        """Rows of a W+ latent."""
        ...

    @property
    def z_dim(self) -> int:
        """Width of Z."""
        ...

    @property
    def w_dim(self) -> int:
        """Width of W."""
        ...

    @property
    def resolution(self) -> int:
        """R: images are R x R pixels."""
        ...


def generator_id(config: GeneratorConfig, state: Mapping[str, Tensor]) -> str:
    """Name a generator by family, resolution and content: equal weights give equal names on every machine.

    Parameters
    ----------
    config
        The generator's frozen configuration dataclass.
    state
        Its state dict; hashed as float32, in the order of the names.
    """
    said = asdict(config)
    for field in fields(config):
        if field.metadata.get("unnamed") and said[field.name] == field.default:
            del said[field.name]  # came later: generators without it keep their name
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name in sorted(state):
        tensor = state[name].detach().float().cpu().contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().astype("<f4", copy=False).tobytes())
    return f"{config.family}-{config.resolution}-{digest.hexdigest()[:12]}"
