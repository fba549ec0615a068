"""Batches out of a data set of `train.data`: pairs of expressions of the same person, memory-mapped."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from facsmith.errors import InputError
from facsmith.train.data import random_expression

__all__ = ["FaceBatch", "Faces"]


@dataclass(frozen=True)
class FaceBatch:
    """N samples at R px, neighbours 2k and 2k + 1 being two expressions of one person.

    images: (N, 3, R, R) in [-1, 1]; inside: (N, 1, R, R) in [0, 1]; moved: (N, 1, R, R), where the pair differs; au:
        (N, 12); landmarks: (N, 68, 2) in [0, 1]; codes: (N, K); photos: (N,) rows of the training photos.
    """

    images: Tensor
    inside: Tensor
    moved: Tensor
    au: Tensor
    landmarks: Tensor
    codes: Tensor
    photos: Tensor


class Faces:
    """A data set on disk. photos: rows of the training photos; the others are held out."""

    def __init__(self, root: Path, *, code_size: int) -> None:
        missing = [n for n in ("images", "inside", "au", "landmarks", "codes") if not (root / f"{n}.npy").is_file()]
        if missing:
            raise InputError(
                f"{root} is no data set: {missing[0]}.npy is missing. Make one: facsmith train data PHOTOS -o {root}"
            )
        self._images = np.load(root / "images.npy", mmap_mode="r")
        self._inside = np.load(root / "inside.npy", mmap_mode="r")
        self._au, self._landmarks = np.load(root / "au.npy"), np.load(root / "landmarks.npy")
        codes = np.load(root / "codes.npy")
        if codes.shape[1] < code_size:
            raise InputError(f"{root} has {codes.shape[1]} codes a photo; the generator needs {code_size}.")
        self._codes = codes[:, :code_size]
        held_out = np.load(root / "attributes.npz")["held_out"]
        self.photos, self._held_out = np.flatnonzero(~held_out), np.flatnonzero(held_out)

    def batch(self, random: np.random.Generator, size: int, resolution: int, device: torch.device) -> FaceBatch:
        """Random people, two expressions each."""
        people = random.integers(len(self.photos), size=size // 2)
        variants = np.stack([random.permutation(self._images.shape[1])[:2] for _ in people])
        return self._load(self.photos[people].repeat(2), variants.ravel(), people.repeat(2), resolution, device)

    def held_out(self, limit: int, resolution: int, device: torch.device) -> FaceBatch:
        """The first held-out people as photographed."""
        rows = self._held_out[:limit]
        return self._load(rows, np.zeros(len(rows), int), np.zeros(len(rows), int), resolution, device)

    def expressions(self, random: np.random.Generator, count: int) -> Tensor:
        """Random AU vectors (count, 12)."""
        return _tensor(np.stack([random_expression(random) for _ in range(count)]).astype(np.float32))

    def _load(
        self,
        rows: NDArray[np.int_],
        variants: NDArray[np.int_],
        photos: NDArray[np.int_],
        resolution: int,
        device: torch.device,
    ) -> FaceBatch:
        side = self._images.shape[2]
        pixels = np.stack([self._images[row, variant] for row, variant in zip(rows, variants, strict=True)])
        images = _tensor(pixels).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
        inside = _tensor(self._inside[rows]).to(device)[:, None].float() / 255
        images, inside = F.adaptive_avg_pool2d(images, resolution), F.adaptive_avg_pool2d(inside, resolution)
        other = images.view(-1, 2, *images.shape[1:]).flip(1).reshape(images.shape) if len(rows) % 2 == 0 else images
        return FaceBatch(
            images=images,
            inside=inside,
            moved=(images - other).abs().mean(dim=1, keepdim=True),
            au=_tensor(self._au[rows, variants]).to(device),
            landmarks=_tensor((self._landmarks[rows, variants] + 0.5) / side).to(device),
            codes=_tensor(self._codes[rows]).to(device),
            photos=_tensor(photos).to(device),
        )


def _tensor(values: NDArray[Any]) -> Tensor:
    return cast(Any, torch).from_numpy(values)
