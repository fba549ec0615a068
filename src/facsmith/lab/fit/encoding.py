"""Pictures to codes: the encoder, and the inversion that goes on from it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from facsmith.descriptor import Descriptor, load_descriptor
from facsmith.encoder import Encoder
from facsmith.generator import Generator
from facsmith.inversion import invert
from facsmith.options import InversionOptions

__all__ = ["Encode", "encoding", "load_encoding"]

Encode = Callable[[Tensor], Tensor]
"""Images (N, 3, R, R) in [-1, 1] -> ws (N, num_ws, w_dim)."""


def encoding(generator: Generator, descriptor: Descriptor, encoder: Encoder, *, iterations: int = 0) -> Encode:
    """v(I), improved by so many steps of the inversion."""

    def encode(images: Tensor) -> Tensor:
        if iterations == 0:
            with torch.inference_mode():
                return encoder(descriptor(images))
        options = InversionOptions(iterations=iterations, learning_rate=0.05, pixel=3.0, prior=1.0)  # close to v(I)
        found = invert(images, generator, descriptor=descriptor, encoder=encoder, options=options)
        return torch.tensor(found.latent.ws)

    return encode


def load_encoding(
    generator: Generator, descriptor: str, encoder: str, *, iterations: int = 0, device: str = "cpu"
) -> Encode:
    """As `encoding`, the descriptor by its name or file, the encoder by its file."""
    known: Any = load_descriptor(descriptor)
    return encoding(generator, known.to(device), Encoder.load(encoder).to(device), iterations=iterations)
