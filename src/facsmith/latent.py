"""A face in W+: one style vector per synthesis layer, tied to the generator that understands it."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facsmith._arrays import Array, read_npy, read_tensors, write_tensors
from facsmith.errors import LatentError

__all__ = ["MAX_NUM_WS", "MAX_W_DIM", "Latent"]

MAX_NUM_WS = 64
MAX_W_DIM = 4096
_MAX_FILE_BYTES = 1 << 30
_FORMAT = "facsmith-latent-1"


@dataclass(frozen=True, eq=False)
class Latent:
    """W+ codes of one face or of many.

    Parameters
    ----------
    ws
        (..., num_ws, w_dim) float32, finite.
    generator_id
        The generator that they belong to; another one refuses them.
    claimed
        The file they come from names no generator, so that this one is only taken to be theirs.
    """

    ws: npt.NDArray[np.float32]
    generator_id: str
    claimed: bool = False

    def __post_init__(self) -> None:
        ws = np.asarray(self.ws)
        if ws.dtype.kind not in "fiu" or ws.ndim < 2 or ws.size == 0:
            raise LatentError(
                f"A latent is (..., num_ws, w_dim) numbers, one w per layer; given: {ws.dtype} of shape {ws.shape}."
            )
        if ws.shape[-2] > MAX_NUM_WS or ws.shape[-1] > MAX_W_DIM:
            raise LatentError(
                f"A latent of shape {ws.shape}; at most {MAX_NUM_WS} layers of {MAX_W_DIM} numbers are accepted as W+."
            )
        with np.errstate(over="ignore"):
            ws = np.ascontiguousarray(ws, dtype=np.float32)
        if not np.isfinite(ws).all():
            raise LatentError("The latent holds NaN or infinite numbers. Invert the photo again, or check the file.")
        if not self.generator_id or len(self.generator_id) > 200:
            raise LatentError("A latent needs the id of its generator (1 to 200 characters).")
        object.__setattr__(self, "ws", ws)

    @property
    def num_ws(self) -> int:
        """Number of style inputs of the generator."""
        return self.ws.shape[-2]

    @property
    def w_dim(self) -> int:
        """Length of one style vector."""
        return self.ws.shape[-1]

    def check(self, generator_id: str) -> None:
        """Raise LatentError unless this latent belongs to the given generator."""
        if self.generator_id != generator_id:
            raise LatentError(
                f"This latent belongs to the generator {self.generator_id}, not to {generator_id}. "
                "Use its own generator, or invert the photo again with this one."
            )

    def single(self) -> "Latent":
        """Its one face, (num_ws, w_dim).

        Raises
        ------
        LatentError
            It holds several.
        """
        ws = self.ws.reshape(-1, self.num_ws, self.w_dim)
        if len(ws) != 1:
            raise LatentError(f"This latent holds {len(ws)} faces; give one face, of shape (num_ws, w_dim).")
        return Latent(ws[0], self.generator_id, self.claimed)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file: tensor ``ws``, metadata ``generator_id``."""
        write_tensors(path, {"ws": self.ws}, {"format": _FORMAT, "generator_id": self.generator_id})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Latent":
        """Read a file that ``save`` wrote. A .npy file names no generator: ``from_array`` reads it."""
        tensors, metadata = read_tensors(path, max_bytes=_MAX_FILE_BYTES, error=LatentError)
        if metadata.get("format") != _FORMAT or set(tensors) != {"ws"}:
            raise LatentError(
                f"{path} is a safetensors file but no latent of facsmith. Give a file of `facsmith invert`."
            )
        return cls(tensors["ws"], metadata.get("generator_id", ""))

    @classmethod
    def from_array(cls, source: Array | str | os.PathLike[str], *, generator_id: str) -> "Latent":
        """W+ codes as others exchange them: an array or a .npy file, (num_ws, w_dim) or (N, num_ws, w_dim)."""
        if isinstance(source, np.ndarray):
            return cls(source, generator_id, claimed=True)
        return cls(read_npy(Path(source), max_bytes=_MAX_FILE_BYTES, error=LatentError), generator_id, claimed=True)
