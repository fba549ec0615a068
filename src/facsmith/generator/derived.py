"""What generators made of another one share: everything but how they draw is the base's."""

from torch import Tensor

from facsmith.framing import Framing, framing_of
from facsmith.generator.protocol import Generator

__all__ = ["DerivedGenerator"]


class DerivedGenerator:
    """The ``Generator`` protocol without ``synthesis``: W+ means what it means for the base, under the same name."""

    def __init__(self, base: Generator) -> None:
        self._base = base

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
    def resolution(self) -> int:
        """R: images are R x R pixels."""
        return self._base.resolution

    @property
    def w_avg(self) -> Tensor:
        """(w_dim,) the mean of W."""
        return self._base.w_avg

    @property
    def generator_id(self) -> str:
        """The base's."""
        return self._base.generator_id

    @property
    def framing(self) -> Framing:
        """The base's."""
        return framing_of(self._base)

    def mapping(self, z: Tensor, c: Tensor | None = None, *, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """The base's: z (N, z_dim) -> ws (N, num_ws, w_dim)."""
        return self._base.mapping(z, c, psi=psi, cutoff=cutoff)
