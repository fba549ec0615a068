"""Codes of moved faces, searched from the known codes of the faces they were moved from.

A generator's own random faces have known codes. Each is drawn, its picture is moved by the face's muscles
(`face.muscle_warp`), one AU at full intensity at a time, and W+ is searched from the known code for the move whose
picture is the moved one:

    delta = argmin  sum_x m(x) |g(w + delta) - M|  +  a |F(g(w + delta)) - F(M)|  +  b |delta|^2 / sigma^2

M being the moved picture, F the descriptor's layers, m larger where the muscles moved something, sigma W's spread. At
delta = 0 the picture is the unmoved one: whatever the search changes, it changes for the movement's sake. An encoder's
answer to M would differ from w by the encoder's errors, which are larger than most AUs.

What a single search finds is the AU and much that happens to look alike on that one face. So a search begins where the
mean of those before it stands: what faces have in common grows, what is each one's own averages out, and later faces
need few steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from facsmith import image
from facsmith._types import Codes, Image
from facsmith.descriptor import Descriptor, EfficientNetDescriptor, unit_length
from facsmith.errors import InputError
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA, spread
from facsmith.generator import Generator
from facsmith.lab.fit.own_faces import OwnFace

__all__ = ["MovedCodes", "SearchOptions", "looks_of", "moved_pictures", "search_moves", "w_spread"]


_WARP_SIDE: Final = 256  # pictures are moved at this size at least: a lid is two pixels of a small one
_BETAS: Final = (0.8, 0.95)
_LOOK_SIDE: Final = 160


@dataclass(frozen=True)
class SearchOptions:
    """How the codes of moved pictures are searched.

    Parameters
    ----------
    steps, later
        Steps for each of the first ``settled`` faces, and for later ones, whose search begins at the mean of those
        before.
    rate
        Size of a step, in standard deviations of W.
    pixel, features, prior
        Weights of the terms.
    batch
        Pictures at a time.
    """

    steps: int = 24
    later: int = 10
    settled: int = 4
    rate: float = 0.12
    pixel: float = 8.0
    features: float = 4.0
    prior: float = 0.05
    batch: int = 12

    def __post_init__(self) -> None:
        if min(self.steps, self.later, self.settled, self.batch) < 1 or not self.rate > 0:
            raise InputError("steps, later, settled and batch are counts from 1, and the rate is above 0.")


@dataclass(frozen=True, eq=False)
class MovedCodes:
    """The codes of one face's moved pictures.

    Parameters
    ----------
    moves
        (K, num_ws, w_dim) from its code to those of its moved pictures.
    begun, left
        (K,) the mean distance (L1 on [-1, 1], weighted) to the moved picture before and after the search.
    """

    moves: Codes
    begun: npt.NDArray[np.float64]
    left: npt.NDArray[np.float64]


def search_moves(
    face: OwnFace,
    generator: Generator,
    descriptor: Descriptor,
    *,
    aus: Sequence[int] = DISFA,
    start: Codes | None = None,
    sigma: float,
    options: SearchOptions | None = None,
) -> MovedCodes:
    """Search the codes of one face's moved pictures.

    Parameters
    ----------
    generator
        The generator that drew the face.
    start
        (K, num_ws, w_dim) moves to begin at. None: at the known code.
    sigma
        The spread of W, see `w_spread`.
    """
    options = options or SearchOptions()
    device = generator.w_avg.device
    look = looks_of(descriptor)
    moved = moved_pictures(face, generator.resolution, aus)
    base = torch.tensor(face.ws, device=device)
    moves = np.zeros((len(aus), *face.ws.shape), np.float32)
    begun, left = np.zeros(len(aus)), np.zeros(len(aus))
    for first in range(0, len(aus), options.batch):
        part = slice(first, first + options.batch)
        wanted = image_tensor(moved[part], device)
        own = image_tensor(face.picture[None], device)
        weights = _weights(wanted - own)
        with torch.no_grad():
            layers = [unit_length(layer) for layer in look(wanted)]
        delta = torch.zeros(len(wanted), *face.ws.shape, device=device)
        if start is not None:
            delta += torch.tensor(start[part], device=device)
        steps = options.steps if start is None else options.later
        begun[part] = _apart(own.expand_as(wanted), wanted, weights).cpu().numpy()
        best, least = delta.clone(), torch.full((len(wanted),), torch.inf, device=device)
        first_moment, second_moment = torch.zeros_like(delta), torch.zeros_like(delta)
        for step in range(steps + 1):
            delta.requires_grad_(step < steps)
            with torch.set_grad_enabled(step < steps):
                pictures = generator.synthesis(base + delta)
                pixel = _apart(pictures, wanted, weights)
                seen = _features_apart(look(pictures), layers)
                lengths = (delta / sigma).square().mean(dim=(1, 2))
                losses = options.pixel * pixel + options.features * seen + options.prior * lengths
            value = losses.detach()
            # No move at all is no answer: one that overshoots still says where to, and its length is found later.
            better = (value < least) & (step > 0 or start is not None)
            least = torch.where(better, value, least)
            best = torch.where(better[:, None, None], delta.detach(), best)
            left[part] = np.where(better.cpu().numpy(), pixel.detach().cpu().numpy(), left[part])
            if step == steps:
                break
            (gradient,) = torch.autograd.grad(losses.sum(), delta)
            fast, slow = _BETAS
            first_moment.lerp_(gradient, 1 - fast)
            second_moment.lerp_(gradient.square(), 1 - slow)
            mean = first_moment / (1 - fast ** (step + 1))
            root = (second_moment / (1 - slow ** (step + 1))).sqrt()
            # One size of step for all of a move's numbers: Adam's own would shift those that do not matter as far.
            root = root.square().mean(dim=(1, 2), keepdim=True).sqrt() + 1e-12
            rate = options.rate * sigma * (1 - 0.7 * step / steps)
            delta = delta.detach() - rate * mean / root
        moves[part] = best.cpu().numpy()
    return MovedCodes(moves, begun, left)


def looks_of(descriptor: Descriptor) -> Callable[[Tensor], list[Tensor]]:
    """What compares pictures (N, 3, R, R): the descriptor's layers.

    EfficientNet-Lite0, which takes pictures of any size, looks at them as they are up to 160 px: enlarged to its own
    224 they would show nothing more, at twice the price.
    """
    if not isinstance(descriptor, EfficientNetDescriptor):
        return descriptor.layers

    def look(images: Tensor) -> list[Tensor]:
        side = min(_LOOK_SIDE, 32 * max(2, round(images.shape[-1] / 32)))
        if images.shape[-1] != side:
            images = F.interpolate(images, (side, side), mode="bilinear", align_corners=False, antialias=True)
        return descriptor.network.features(images)

    return look


def moved_pictures(face: OwnFace, resolution: int, aus: Sequence[int]) -> Image:
    """(K, R, R, 3): the face with each AU at intensity 1, by its muscles."""
    factor = max(1, -(-_WARP_SIDE // resolution))
    side = factor * resolution
    large = np.asarray(cv2.resize(face.picture, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    muscles = MuscleWarp((face.landmarks + 0.5) * factor - 0.5, large.shape, seed=face.seed)
    size = (resolution, resolution)
    return np.stack(
        [
            np.asarray(cv2.resize(muscles(large, spread([1.0], (au,))), size, interpolation=cv2.INTER_AREA), np.uint8)
            for au in aus
        ]
    )


def w_spread(generator: Generator, *, seed: int = 0) -> float:
    """Standard deviation of W around its mean, over its numbers."""
    z = torch.randn(1024, generator.z_dim, generator=torch.Generator().manual_seed(seed)).to(generator.w_avg)
    with torch.inference_mode():
        w = generator.mapping(z)[:, 0]
    return max(float((w - w.mean(dim=0)).square().mean().sqrt()), 1e-8)


def image_tensor(pictures: Image, device: torch.device) -> Tensor:
    """(N, R, R, 3) uint8 -> (N, 3, R, R) in [-1, 1]."""
    return torch.cat([image.to_tensor(picture) for picture in pictures]).to(device)


def _weights(change: Tensor) -> Tensor:
    """(N, 1, R, R), mean 1: where the muscles changed something, up to nine times as much as elsewhere."""
    side = change.shape[-1]
    kernel = max(3, side // 24) | 1
    moved = F.avg_pool2d(change.abs().mean(dim=1, keepdim=True), kernel, stride=1, padding=kernel // 2)
    weights = 1 + 8 * moved / moved.amax(dim=(2, 3), keepdim=True).clamp_min(1e-6)
    return weights / weights.mean(dim=(2, 3), keepdim=True)


def _apart(pictures: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """(N,)"""
    return ((pictures - wanted).abs().mean(dim=1, keepdim=True) * weights).mean(dim=(1, 2, 3))


def _features_apart(layers: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """(N,): mean over the layers of the squared distance of features of unit length."""
    parts = [(unit_length(a) - b).square().sum(dim=1).mean(dim=(1, 2)) for a, b in zip(layers, wanted, strict=True)]
    return torch.stack(parts).mean(dim=0)
