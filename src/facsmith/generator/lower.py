"""A generator that stops early: the RGB of an earlier block, for whoever needs no more pixels than that."""

from torch import Tensor

from facsmith.generator.protocol import Generator, NoiseMode
from facsmith.generator.stylegan2 import StyleGAN2

__all__ = ["LowerGenerator", "lowered"]


class LowerGenerator:
    """Satisfies the ``Generator`` protocol at a lower resolution. Latents and ``generator_id`` are the base's: the rows
    of W+ beyond the last block drawn change nothing.
    """

    def __init__(self, base: StyleGAN2, resolution: int) -> None:
        """resolution: of one of the base's blocks; the base has the skip architecture."""
        self._base = base
        self.resolution = resolution

    @property
    def num_ws(self) -> int:
        """Rows of a W+ latent, of the whole generator."""
        return self._base.num_ws

    @property
    def z_dim(self) -> int:
        """Width of Z."""
        return self._base.z_dim

    @property
    def w_dim(self) -> int:
        """Width of W."""
        return self._base.w_dim

    @property
    def w_avg(self) -> Tensor:
        """(w_dim,) the mean of W."""
        return self._base.w_avg

    @property
    def generator_id(self) -> str:
        """The base's."""
        return self._base.generator_id

    def mapping(self, z: Tensor, c: Tensor | None = None, *, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """The base's: z (N, z_dim) -> ws (N, num_ws, w_dim)."""
        return self._base.mapping(z, c, psi=psi, cutoff=cutoff)

    def synthesis(self, ws: Tensor, *, noise: NoiseMode = "const") -> Tensor:
        """ws: (N, num_ws, w_dim) -> images (N, 3, R, R), the RGB accumulated so far."""
        return self._base.synthesis(ws, noise=noise, until=self.resolution)


def lowered(generator: Generator, resolution: int) -> Generator:
    """The generator at ``resolution``, where it draws more than that and can stop there; else itself.

    Only StyleGAN2's skip architecture draws RGB at every resolution.
    """
    if not isinstance(generator, StyleGAN2) or generator.config.architecture != "skip":
        return generator
    if resolution >= generator.resolution or resolution not in generator.config.block_resolutions:
        return generator
    return LowerGenerator(generator, resolution)
