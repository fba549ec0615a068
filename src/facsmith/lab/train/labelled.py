"""Batches from the data set that `lab.train.data` writes: pairs of variants of one photo, with their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from facsmith.errors import InputError
from facsmith.face.points import EYE_CORNERS, MIRROR
from facsmith.facs import AUS, columns
from facsmith.framing import FACSMITH
from facsmith.lab.train.dataset import check_framing, reading

__all__ = ["Batch", "FaceData"]

_ROTATION = 0.06  # radians
_SCALE = 0.04
_SHIFT = 0.03  # of the crop's half side
_GAIN = 0.15
_OFFSET = 0.1


@dataclass(frozen=True, eq=False)
class Batch:
    """2P crops: P photos in one variant each, then the same P photos in another.

    Parameters
    ----------
    images
        (2P, 3, R, R) in [-1, 1].
    landmarks
        (2P, 68, 2) in half crop sides from the centre, x right, y down.
    au
        (2P, 12) in [0, 1], DISFA's.
    age, gender
        (2P,), years, and 0 or 1; -1 where unknown.
    """

    images: Tensor
    landmarks: Tensor
    au: Tensor
    age: Tensor
    gender: Tensor

    @property
    def iod(self) -> Tensor:
        """(2P,) inter-ocular distances, in the landmarks' unit."""
        corners = self.landmarks[:, list(EYE_CORNERS)]
        return (corners[:, :2].mean(1) - corners[:, 2:].mean(1)).square().sum(1).sqrt()


class FaceData:
    """The data set in a folder, memory-mapped.

    Attributes
    ----------
    training, held_out
        Rows of photos.
    """

    def __init__(self, folder: str | Path, *, resolution: int) -> None:
        root = Path(folder)
        check_framing(root, FACSMITH)  # the descriptor of faces sees crops cut so
        with reading(folder):
            self._images = np.load(root / "images.npy", mmap_mode="r", allow_pickle=False)
            au = np.load(root / "au.npy", allow_pickle=False)
            self._landmarks = np.load(root / "landmarks.npy", allow_pickle=False)
            with np.load(root / "attributes.npz", allow_pickle=False) as attributes:
                self._age, self._gender = attributes["age"], attributes["gender"]
                held_out = attributes["held_out"].astype(bool)
        n, v = self._images.shape[:2]
        shapes = (self._images.shape[2:], au.shape, self._landmarks.shape, self._age.shape, held_out.shape)
        if shapes != ((resolution, resolution, 3), (n, v, len(AUS)), (n, v, 68, 2), (n,), (n,)) or v < 2:
            raise InputError(
                f"The data set {folder} has arrays of shapes {self._images.shape}, {au.shape} and "
                f"{self._landmarks.shape}; wanted are (N, V, {resolution}, {resolution}, 3), (N, V, {len(AUS)}) and "
                "(N, V, 68, 2) with V >= 2."
            )
        self._au = columns(au)
        self.training = np.flatnonzero(~held_out)
        self.held_out = np.flatnonzero(held_out)
        if len(self.training) == 0 or len(self.held_out) == 0:
            raise InputError(f"The data set {folder} needs photos to train on and held-out ones; one of them is empty.")

    def sample(
        self,
        rows: npt.NDArray[np.intp],
        photos: int,
        *,
        seed: Sequence[int],
        device: torch.device,
        augment: bool = False,
    ) -> Batch:
        """Draw photos (with replacement) and two different variants of each. The same seed draws the same batch.

        Parameters
        ----------
        augment
            Mirror, shift, turn, scale, and change the light of every crop on its own.
        """
        random = np.random.default_rng(list(seed))
        chosen = random.choice(rows, photos)
        variants = np.stack([random.permutation(self._images.shape[1])[:2] for _ in range(photos)], axis=1).ravel()
        chosen = np.tile(chosen, 2)
        side = self._images.shape[2]
        images = torch.tensor(self._images[chosen, variants], device=device)
        images = images.permute(0, 3, 1, 2).float() / 127.5 - 1  # keeps the channels last in memory
        landmarks = _floats(self._landmarks[chosen, variants], device)
        batch = Batch(
            images=images,
            landmarks=(2 * landmarks + 1) / side - 1,
            au=_floats(self._au[chosen, variants], device),
            age=_floats(self._age[chosen], device),
            gender=_floats(self._gender[chosen], device),
        )
        return _augmented(batch, random) if augment else batch


def _augmented(batch: Batch, random: np.random.Generator) -> Batch:
    count, device = len(batch.images), batch.images.device
    angle = random.uniform(-_ROTATION, _ROTATION, count)
    scale = 1 + random.uniform(-_SCALE, _SCALE, count)
    mirror = random.choice([-1.0, 1.0], count)
    # Output coordinates -> input coordinates, as grid_sample asks for.
    linear = scale[:, None, None] * np.stack(
        [np.stack([np.cos(angle) * mirror, -np.sin(angle)], 1), np.stack([np.sin(angle) * mirror, np.cos(angle)], 1)], 1
    )
    to_input = _floats(linear, device)
    shift = _floats(random.uniform(-_SHIFT, _SHIFT, (count, 2)), device)
    grid = F.affine_grid(torch.cat([to_input, shift[:, :, None]], 2), list(batch.images.shape), align_corners=False)
    images = F.grid_sample(batch.images, grid, padding_mode="border", align_corners=False)
    gain = _floats(1 + random.uniform(-_GAIN, _GAIN, (count, 3, 1, 1)), device)
    offset = _floats(random.uniform(-_OFFSET, _OFFSET, (count, 1, 1, 1)), device)
    landmarks = (batch.landmarks - shift[:, None]) @ _floats(np.linalg.inv(linear), device).mT
    mirrored = torch.tensor(mirror < 0, device=device)[:, None, None]
    return Batch(
        images=(images * gain + offset).clamp(-1, 1),
        landmarks=torch.where(mirrored, landmarks[:, list(MIRROR)], landmarks),
        au=batch.au,
        age=batch.age,
        gender=batch.gender,
    )


def _floats(values: npt.NDArray[Any], device: torch.device) -> Tensor:
    return torch.tensor(np.asarray(values, dtype=np.float32), device=device)
