"""A generator that stops early: the RGB of an earlier block, for whoever needs no more pixels than that."""

from torch import Tensor

from facsmith.generator.derived import DerivedGenerator
from facsmith.generator.protocol import Generator, NoiseMode
from facsmith.generator.stylegan2 import StyleGAN2

__all__ = ["LowerGenerator", "lowered"]


class LowerGenerator(DerivedGenerator):
    """Satisfies the ``Generator`` protocol at a lower resolution: the rows of W+ beyond the last block drawn change
    nothing.

    Parameters
    ----------
    base
        Has the skip architecture.
    resolution
        Resolution of one of the base's blocks, in pixels.
    """

    def __init__(self, base: StyleGAN2, resolution: int) -> None:
        super().__init__(base)
        self._synthesis = base.synthesis
        self._resolution = resolution

    @property
    def resolution(self) -> int:
        """R: images are R x R pixels."""
        return self._resolution

    def synthesis(self, ws: Tensor, *, noise: NoiseMode = "const") -> Tensor:
        """ws: (N, num_ws, w_dim) -> images (N, 3, R, R), the RGB accumulated so far."""
        return self._synthesis(ws, noise=noise, until=self._resolution)


def lowered(generator: Generator, resolution: int) -> Generator:
    """The generator at ``resolution``, where it draws more than that and can stop there; else itself.

    Only StyleGAN2's skip architecture draws RGB at every resolution.
    """
    if not isinstance(generator, StyleGAN2) or generator.config.architecture != "skip":
        return generator
    if resolution >= generator.resolution or resolution not in generator.config.block_resolutions:
        return generator
    return LowerGenerator(generator, resolution)
