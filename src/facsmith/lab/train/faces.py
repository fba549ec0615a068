"""Batches out of a data set of `lab.train.data`: photographs, and each beside another expression of the same person."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from facsmith.errors import InputError
from facsmith.lab.train.dataset import dataset_framing

__all__ = ["FaceBatch", "Faces"]

_COPIED = 256


@dataclass(frozen=True)
class FaceBatch:
    """N pictures of faces at R px.

    Neighbours 2k and 2k + 1 are a photograph and another expression of the same person; or all are photographs, where
    the data set has nothing else.

    Parameters
    ----------
    images
        (N, 3, R, R) in [-1, 1].
    inside
        (N, 1, R, R) in [0, 1], the part that lies inside the photo.
    moved
        (N, 1, R, R), where the pair differs.
    au
        (N, K) of `facs.AUS`.
    landmarks
        (N, 68, 2) in [0, 1].
    codes
        (N, C).
    photos
        (N,) rows of the training photos.
    photographed
        (N,) bool, False where the picture was warped, or is of a soft photo.
    """

    images: Tensor
    inside: Tensor
    moved: Tensor
    au: Tensor
    landmarks: Tensor
    codes: Tensor
    photos: Tensor
    photographed: Tensor


class Faces:
    """A data set on disk.

    Parameters
    ----------
    resident
        A device that keeps all pictures, as bytes, so that no batch waits for a disk. None: mapped from disk.
    share
        This process's number and how many there are; each draws batches from photos of its own.
    balance
        A group of n people is drawn n^(1 - balance) times as often: 0 as they are, 1 all groups alike.

    Attributes
    ----------
    photos
        Rows of the training photos; the others are held out.
    own
        Positions in ``photos`` of this process's share.
    framing
        Framing of the crops.
    """

    def __init__(
        self,
        root: Path,
        *,
        code_size: int,
        resident: torch.device | None = None,
        share: tuple[int, int] = (0, 1),
        balance: float = 0.0,
    ) -> None:
        missing = [n for n in ("images", "inside", "au", "landmarks", "codes") if not (root / f"{n}.npy").is_file()]
        if missing:
            raise InputError(
                f"{root} is no data set: {missing[0]}.npy is missing. Make one: facsmith train data PHOTOS -o {root}"
            )
        self.framing = dataset_framing(root)
        images = np.load(root / "images.npy", mmap_mode="r", allow_pickle=False)
        inside = np.load(root / "inside.npy", mmap_mode="r", allow_pickle=False)
        self._variants, self._side = images.shape[1], images.shape[2]
        self._pictures = _Mapped(images, inside) if resident is None else _Resident(images, inside, resident)
        self._au, self._landmarks = np.load(root / "au.npy"), np.load(root / "landmarks.npy")
        codes = np.load(root / "codes.npy")
        if codes.shape[1] < code_size:
            raise InputError(f"{root} has {codes.shape[1]} codes a photo; the generator needs {code_size}.")
        self._codes = codes[:, :code_size]
        with np.load(root / "attributes.npz", allow_pickle=False) as attributes:
            held_out, group = attributes["held_out"].astype(bool), attributes["group"]
            soft = attributes["soft"].astype(bool) if "soft" in attributes else np.zeros(len(held_out), bool)
        self.photos, self._held_out = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        self.own = np.arange(share[0], len(self.photos), share[1])
        if len(self.own) == 0:
            raise InputError(f"{root} has {len(self.photos)} photos to train on: too few for {share[1]} processes.")
        _, at, count = np.unique(group[self.photos[self.own]], return_inverse=True, return_counts=True)
        chance = count[at] ** -float(balance)
        self._chance = chance / chance.sum()
        self._soft = soft
        sharp = self._chance * ~soft[self.photos[self.own]]
        if not sharp.any():
            raise InputError(f"{root} has soft photos alone for a process to train on: nothing shows what to draw.")
        self._sharp_chance = sharp / sharp.sum()

    def batch(self, random: np.random.Generator, size: int, resolution: int, device: torch.device) -> FaceBatch:
        """Random people: a photograph and another expression of each, or photographs alone."""
        if self._variants == 1:
            people = self._people(random, size)
            return self._load(self.photos[people], np.zeros(size, int), people, resolution, device)
        people = self._people(random, size // 2)
        variants = np.stack([np.zeros(len(people), int), random.integers(1, self._variants, size=len(people))], axis=1)
        return self._load(self.photos[people].repeat(2), variants.ravel(), people.repeat(2), resolution, device)

    def photographs(
        self, random: np.random.Generator, size: int, resolution: int, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Random sharp photos: images (N, 3, R, R) in [-1, 1], inside (N, 1, R, R) in [0, 1]."""
        rows = self.photos[self._sharp_people(random, size)]
        images, inside = self._pictures.get(rows, np.zeros(size, int), device)
        return F.adaptive_avg_pool2d(images, resolution), F.adaptive_avg_pool2d(inside, resolution)

    def _people(self, random: np.random.Generator, size: int) -> NDArray[np.int_]:
        return self.own[random.choice(len(self.own), size=size, p=self._chance)]

    def _sharp_people(self, random: np.random.Generator, size: int) -> NDArray[np.int_]:
        return self.own[random.choice(len(self.own), size=size, p=self._sharp_chance)]

    def held_out(self, limit: int, resolution: int, device: torch.device) -> FaceBatch:
        """The first held-out people as photographed."""
        rows = self._held_out[:limit]
        return self._load(rows, np.zeros(len(rows), int), np.zeros(len(rows), int), resolution, device)

    def photographed(self, limit: int, *, held_out: bool) -> NDArray[np.int_]:
        """Rows of at most ``limit`` sharp photos, training or held out, spread over the data set, for `pictures`."""
        rows = self._held_out if held_out else self.photos[~self._soft[self.photos]]
        return rows[np.linspace(0, len(rows) - 1, min(limit, len(rows))).astype(int)]

    def pictures(self, rows: NDArray[np.int_], resolution: int, device: torch.device) -> Tensor:
        """(N, 3, R, R) in [-1, 1], as photographed."""
        return F.adaptive_avg_pool2d(self._pictures.get(rows, np.zeros(len(rows), int), device)[0], resolution)

    def expressions(self, random: np.random.Generator, count: int) -> Tensor:
        """AU vectors (count, K) that sharp photos show."""
        return _tensor(self._au[self.photos[self._sharp_people(random, count)], 0])

    def _load(
        self,
        rows: NDArray[np.int_],
        variants: NDArray[np.int_],
        photos: NDArray[np.int_],
        resolution: int,
        device: torch.device,
    ) -> FaceBatch:
        images, inside = self._pictures.get(rows, variants, device)
        images, inside = F.adaptive_avg_pool2d(images, resolution), F.adaptive_avg_pool2d(inside, resolution)
        paired = len(rows) % 2 == 0 and bool((rows[::2] == rows[1::2]).all())
        other = images.view(-1, 2, *images.shape[1:]).flip(1).reshape(images.shape) if paired else images
        return FaceBatch(
            images=images,
            inside=inside,
            moved=(images - other).abs().mean(dim=1, keepdim=True),
            au=_tensor(self._au[rows, variants]).to(device),
            landmarks=_tensor((self._landmarks[rows, variants] + 0.5) / self._side).to(device),
            codes=_tensor(self._codes[rows]).to(device),
            photos=_tensor(photos).to(device),
            photographed=_tensor((variants == 0) & ~self._soft[rows]).to(device),
        )


class _Mapped:
    """Pictures on disk."""

    def __init__(self, images: NDArray[np.uint8], inside: NDArray[np.uint8]) -> None:
        self._images, self._inside = images, inside

    def get(self, rows: NDArray[np.int_], variants: NDArray[np.int_], device: torch.device) -> tuple[Tensor, Tensor]:
        """images (N, 3, R, R) in [-1, 1], inside (N, 1, R, R) in [0, 1]."""
        pixels = np.stack([self._images[row, variant] for row, variant in zip(rows, variants, strict=True)])
        return _scaled(_tensor(pixels).to(device), _tensor(self._inside[rows]).to(device))


class _Resident:
    """Pictures in the device's memory."""

    def __init__(self, images: NDArray[np.uint8], inside: NDArray[np.uint8], device: torch.device) -> None:
        self._images = torch.empty(images.shape, dtype=torch.uint8, device=device)
        for first in range(0, len(images), _COPIED):  # in pieces: the whole may not fit beside itself
            part = np.array(images[first : first + _COPIED])
            self._images[first : first + _COPIED] = _tensor(part).to(device)
        self._inside = _tensor(np.array(inside)).to(device)

    def get(self, rows: NDArray[np.int_], variants: NDArray[np.int_], device: torch.device) -> tuple[Tensor, Tensor]:
        """As `_Mapped.get`."""
        at = _tensor(rows).to(device)
        return _scaled(self._images[at, _tensor(variants).to(device)], self._inside[at])


def _scaled(pixels: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1, inside[:, None].float() / 255


def _tensor(values: NDArray[Any]) -> Tensor:
    return cast(Any, torch).from_numpy(values)
