"""A generator's own random faces, with their codes and landmarks: people of whom everything is known.

Work goes on at 256 px at most, whatever the generator draws: nothing that boundaries or an encoder look at is finer,
and a step at 1024 px needs sixteen times the memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from facsmith import face, image
from facsmith._types import Array, Codes, Image
from facsmith.errors import NoFaceError
from facsmith.face import Face
from facsmith.generator import Generator, lowered
from facsmith.generator.derived import DerivedGenerator
from facsmith.generator.protocol import NoiseMode

__all__ = ["WORKING_SIDE", "OwnFace", "drawn", "own_face", "own_faces", "usable_face", "working"]


WORKING_SIDE: Final = 256


@dataclass(frozen=True, eq=False)
class OwnFace:
    """A face that the generator drew itself.

    Parameters
    ----------
    seed
        The seed of its z.
    ws
        (num_ws, w_dim).
    picture
        (R, R, 3) uint8.
    landmarks
        (68, 2) pixels of the picture.
    """

    seed: int
    ws: Codes
    picture: Image
    landmarks: Array


class _Reduced(DerivedGenerator):
    """A generator that cannot stop early: its pictures, averaged down."""

    @property
    def resolution(self) -> int:
        return WORKING_SIDE

    def synthesis(self, ws: Tensor, *, noise: NoiseMode = "const") -> Tensor:
        return F.adaptive_avg_pool2d(self._base.synthesis(ws, noise=noise), WORKING_SIDE)


def working(generator: Generator) -> Generator:
    """The generator at `WORKING_SIDE` at most; W+ means the same."""
    low = lowered(generator, WORKING_SIDE)
    return low if low.resolution <= WORKING_SIDE else _Reduced(low)


def drawn(generator: Generator, seed: int, *, psi: float) -> tuple[Codes, Image]:
    """The code (num_ws, w_dim) and picture (R, R, 3) of this seed's z."""
    z = torch.randn(generator.z_dim, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        ws = generator.mapping(z[None].to(generator.w_avg), psi=psi)
        return ws[0].float().cpu().numpy(), image.to_uint8(generator.synthesis(ws))[0]


def own_face(generator: Generator, seed: int, *, psi: float, provider: str = "auto") -> OwnFace | None:
    """The face of this seed; None where no usable face is found in it."""
    ws, picture = drawn(generator, seed, psi=psi)
    found = usable_face(picture, provider=provider)
    return None if found is None else OwnFace(seed, ws, picture, found.landmarks)


def own_faces(
    generator: Generator,
    count: int,
    *,
    first: int = 0,
    psi: float = 0.7,
    provider: str = "auto",
    tries: int | None = None,
    progress: Callable[[int], None] = lambda found: None,
) -> Iterator[OwnFace]:
    """So many faces of seeds ``first``, ``first + 1``, ...; fewer where ``tries`` of them (4 a face) do not suffice."""
    found = 0
    for seed in range(first, first + (tries or 4 * count)):
        if found == count:
            return
        made = own_face(generator, seed, psi=psi, provider=provider)
        if made is not None:
            found += 1
            progress(found)
            yield made


def usable_face(picture: Image, *, provider: str = "auto") -> Face | None:
    """The largest usable face of a picture, which may be too small for a landmarker; None where there is none."""
    large, factor = image.enlarged(picture, face.READABLE_SIDE)
    try:
        found = face.choose(face.find(large, provider=provider)).face  # chosen here: how many pixels it has counts not
    except NoFaceError:
        return None
    return found.at((found.landmarks - (factor - 1) / 2) / factor)
