"""How far a set of pictures lies from another: the Fréchet distance of their features (Heusel et al. 2017).

FID is this distance with the features of an Inception network. Here the network is a descriptor, which has to be named
beside every number: numbers of different networks, or of different counts of pictures, cannot be compared.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from facsmith._types import Array
from facsmith.descriptor import Descriptor
from facsmith.errors import InputError
from facsmith.generator import Generator

__all__ = ["described", "frechet_distance", "random_faces"]


_CHUNK = 32


def frechet_distance(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """The Fréchet distance of two sets of features.

    It is |mean difference|^2 + tr(A + B - 2 (A B)^(1/2)), A and B the covariances.

    Parameters
    ----------
    a, b
        (N, D) and (M, D).
    """
    one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or min(len(one), len(other)) < 2:
        raise InputError(f"Features of shapes {one.shape} and {other.shape}; give (N, D) and (M, D), N and M from 2.")
    first, second = one - one.mean(axis=0), other - other.mean(axis=0)
    # With X^T X = A and Y^T Y = B, the eigenvalues of A B are the squared singular values of X Y^T.
    x, y = first / np.sqrt(len(one) - 1), second / np.sqrt(len(other) - 1)
    if len(one) * len(other) > one.shape[1] ** 2:  # D x D is smaller
        x, y = _root(x), _root(y)
    shared = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    spread = float(np.square(first).sum() / (len(one) - 1) + np.square(second).sum() / (len(other) - 1))
    apart = float(np.square(one.mean(axis=0) - other.mean(axis=0)).sum())
    return max(0.0, apart + spread - 2 * float(shared))


def described(descriptor: Descriptor, images: Tensor) -> npt.NDArray[np.float32]:
    """The descriptor's features of images, (N, 1000).

    Parameters
    ----------
    images
        (N, 3, R, R) in [-1, 1].
    """
    with torch.inference_mode():
        return torch.cat([descriptor(part).float().cpu() for part in torch.split(images, _CHUNK)]).numpy()


def random_faces(generator: Generator, count: int, *, psi: float = 1.0, seed: int = 0) -> Tensor:
    """count pictures (N, 3, R, R), clipped to [-1, 1], of codes drawn from ``seed``, truncated by psi."""
    z = torch.randn(count, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        drawn = [
            generator.synthesis(generator.mapping(part.to(generator.w_avg), psi=psi)).float().clamp(-1, 1)
            for part in torch.split(z, _CHUNK)
        ]
    return torch.cat(drawn)


def _root(x: Array) -> Array:
    """(D, D) symmetric square root of x^T x."""
    values, vectors = np.linalg.eigh(x.T @ x)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
