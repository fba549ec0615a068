"""From pictures to a generator's codes, by its encoder or by inversion."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from facsmith.inversion import InversionOptions, invert

if TYPE_CHECKING:
    from torch import Tensor

    from facsmith.descriptor import Descriptor
    from facsmith.encoder import Encoder
    from facsmith.generator import Generator

__all__ = ["Encode", "encoding"]

Encode = Callable[["Tensor"], "Tensor"]
"""Images (N, 3, R, R) in [-1, 1] -> ws (N, num_ws, w_dim)."""


def encoding(generator: "Generator", descriptor: "Descriptor", encoder: "Encoder", *, iterations: int = 0) -> Encode:
    """v(I), improved by so many steps of the inversion."""
    import torch

    def encode(images: "Tensor") -> "Tensor":
        if iterations == 0:
            with torch.inference_mode():
                return encoder(descriptor(images))
        options = InversionOptions(iterations=iterations, learning_rate=0.05, pixel=3.0, prior=1.0)  # close to v(I)
        found = invert(images, generator, descriptor=descriptor, encoder=encoder, options=options)
        return torch.tensor(found.latent.ws)

    return encode
