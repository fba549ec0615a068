from pathlib import Path

import numpy as np
import pytest
import torch

from facsmith.errors import InputError
from facsmith.facs import spread
from facsmith.lab.train.labelled import FaceData

SIDE = 64


def write(root: Path, *, photos: int = 4, variants: int = 3, side: int = SIDE, held_out: int = 1) -> Path:
    """Grey photos with one white dot on landmark 36; AU and age count up."""
    root.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    images = np.full((photos, variants, side, side, 3), 60, np.uint8)
    landmarks = random.uniform(side / 3, 2 * side / 3, (photos, variants, 68, 2)).astype(np.float32)
    for photo, variant in np.ndindex(photos, variants):
        x, y = np.round(landmarks[photo, variant, 36]).astype(int)
        landmarks[photo, variant, 36] = x, y
        images[photo, variant, y - 2 : y + 3, x - 2 : x + 3] = 255
    au = np.arange(photos * variants, dtype=np.float32)[:, None].repeat(12, 1).reshape(photos, variants, 12)
    np.save(root / "images.npy", images)
    np.save(root / "landmarks.npy", landmarks)
    np.save(root / "au.npy", spread(au))
    held = np.arange(photos) < held_out
    np.savez(root / "attributes.npz", age=10 + np.arange(photos), gender=np.arange(photos) % 2, held_out=held)
    return root


def test_a_batch_pairs_two_variants_of_each_photo(tmp_path: Path) -> None:
    data = FaceData(write(tmp_path), resolution=SIDE)
    batch = data.sample(data.training, 8, seed=(0,), device=torch.device("cpu"))
    assert batch.images.shape == (16, 3, SIDE, SIDE)
    assert float(batch.images.max()) == 1.0
    assert torch.equal(batch.age[:8], batch.age[8:])
    a, b = batch.au[:, 0].chunk(2)
    assert (a != b).all()
    assert torch.equal(a.div(3, rounding_mode="floor") + 10, batch.age[:8])
    assert (batch.age > 10).all()  # photo 0 is held out


def test_the_same_seed_draws_the_same_batch(tmp_path: Path) -> None:
    data = FaceData(write(tmp_path), resolution=SIDE)
    draws = [data.sample(data.training, 4, seed=(s,), device=torch.device("cpu"), augment=True) for s in (1, 1, 2)]
    assert torch.equal(draws[0].images, draws[1].images)
    assert not torch.equal(draws[0].images, draws[2].images)


def test_landmarks_follow_the_picture_through_augmentation(tmp_path: Path) -> None:
    data = FaceData(write(tmp_path), resolution=SIDE)
    batch = data.sample(data.training, 20, seed=(3,), device=torch.device("cpu"), augment=True)
    grey = batch.images.mean(1)
    light = (grey - grey.flatten(1).median(1).values[:, None, None]).clamp_min(0.2) - 0.2
    centres = (2 * torch.arange(SIDE) + 1) / SIDE - 1
    x, y = ((light * c).sum((1, 2)) / light.sum((1, 2)) for c in (centres[None, None], centres[None, :, None]))
    dots = torch.stack([x, y], 1)
    # In a mirrored picture the dot on point 36 is point 45.
    apart = torch.stack([(batch.landmarks[:, i] - dots).norm(dim=1) for i in (36, 45)])
    assert apart.min(0).values.max() < 0.03
    assert set(apart.argmin(0).tolist()) == {0, 1}


def test_folders_that_are_no_data_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train data"):
        FaceData(tmp_path, resolution=SIDE)
    with pytest.raises(InputError, match="32, 32"):
        FaceData(write(tmp_path / "a"), resolution=32)
    with pytest.raises(InputError, match="V >= 2"):
        FaceData(write(tmp_path / "b", variants=1), resolution=SIDE)
    with pytest.raises(InputError, match="held-out"):
        FaceData(write(tmp_path / "c", held_out=0), resolution=SIDE)
