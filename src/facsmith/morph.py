"""From one latent to another in a straight line: a continuum of faces, or of one face's expressions."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from facsmith import image
from facsmith._types import Image
from facsmith.errors import InputError, LatentError
from facsmith.latent import Latent
from facsmith.networks import Networks

__all__ = ["morph"]

_BATCH = 8


def morph(networks: Networks, a: Latent, b: Latent, shares: npt.ArrayLike) -> Iterator[Image]:
    """Yields the generator's picture (R, R, 3) uint8 at each share of the way, 0 being ``a`` and 1 ``b``.

    Parameters
    ----------
    a, b
        One face each, of the networks' generator.
    shares
        (T,), in [0, 1].
    """
    at = np.atleast_1d(np.asarray(shares, np.float32))
    if at.ndim != 1 or not np.all((at >= 0) & (at <= 1)):
        raise InputError("The shares of a morph are numbers from 0 (the first face) to 1 (the second).")
    ends = [_one(latent, networks) for latent in (a, b)]
    return _drawn(networks, ends[0], ends[1], at)


def _drawn(
    networks: Networks, a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], shares: npt.NDArray[np.float32]
) -> Iterator[Image]:
    generator = networks.generator
    for first in range(0, len(shares), _BATCH):
        share = shares[first : first + _BATCH, None, None]
        ws = torch.as_tensor((1 - share) * a + share * b, device=generator.w_avg.device)
        with torch.inference_mode():
            yield from image.to_uint8(generator.synthesis(ws))


def _one(latent: Latent, networks: Networks) -> npt.NDArray[np.float32]:
    latent.check(networks.generator.generator_id)
    faces = latent.ws.reshape(-1, latent.num_ws, latent.w_dim)
    wanted = (networks.generator.num_ws, networks.generator.w_dim)
    if len(faces) != 1 or faces.shape[1:] != wanted:
        raise LatentError(f"A morph takes one face of shape {wanted} at each end; given: {latent.ws.shape}.")
    return faces[0]
