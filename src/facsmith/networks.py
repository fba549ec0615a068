"""What turns pixels into a latent and back: a model's parts, as one thing to be handed about."""

from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import torch

from facsmith import image
from facsmith._types import Pixels
from facsmith.boundary import BoundarySet
from facsmith.compose.flow import FLOW_SIZE
from facsmith.descriptor import Descriptor
from facsmith.encoder import Encoder
from facsmith.face import FaceReader
from facsmith.facs import ActionUnits
from facsmith.generator import Generator, lowered, read_device, use_half_precision
from facsmith.latent import Latent

__all__ = ["Networks", "picture_of"]

_STRONG: Final = 0.5  # intensity from which an AU of a face that nobody finds is believed


@dataclass(frozen=True)
class Networks:
    """What turns pixels into a latent and back.

    Parameters
    ----------
    name
        Name of the model they come from.
    """

    generator: Generator
    descriptor: Descriptor
    encoder: Encoder | None
    boundaries: BoundarySet
    faces: FaceReader
    name: str

    def to(self, device: str | torch.device) -> None:
        """Move generator, descriptor and encoder, in place. A GPU draws high resolutions in half precision.

        Raises
        ------
        InputError
            There is no such device here.
        """
        place = read_device(device)
        for part in (self.generator, self.descriptor, self.encoder):
            if part is not None:
                cast(Any, part).to(place)
        use_half_precision(self.generator)

    def lowered(self) -> Generator:
        """The generator, drawing no more pixels than motion is sought on: more would not be looked at."""
        return lowered(self.generator, FLOW_SIZE)

    def aus_of(self, latent: Latent) -> ActionUnits:
        """The AUs that a latent (num_ws, w_dim) shows, as the boundaries read them: of a face that nobody finds."""
        read = dict(zip(self.boundaries.aus, self.boundaries.intensities(latent).tolist(), strict=True))
        return ActionUnits({au: e for au, e in read.items() if e >= _STRONG})

    def edits(self, ws: torch.Tensor) -> torch.Tensor:
        """Of codes (N, num_ws, w_dim), each face at rest and with every AU alone: (M, N, num_ws, w_dim).

        What a face shows is read from its code: of a face that is still searched for, no picture can be measured.
        """
        codes = ws.detach().cpu().numpy()
        each = [self.boundaries.singles(Latent(code, self.generator.generator_id)).ws for code in codes]
        return torch.as_tensor(np.stack(each, axis=1), device=ws.device)


def picture_of(generator: Generator, latent: Latent) -> Pixels:
    """(R, R, 3) uint8 of one face's latent (num_ws, w_dim)."""
    with torch.inference_mode():
        ws = torch.as_tensor(latent.ws[None], device=generator.w_avg.device)
        return image.to_uint8(generator.synthesis(ws))[0]
