import json
from pathlib import Path

import numpy as np
import pytest
import torch

from facsmith.descriptor import BundledDescriptor, DescriptorConfig
from facsmith.errors import InputError
from facsmith.facs import spread
from facsmith.lab.train.descriptor import DescriptorTraining, train_descriptor
from facsmith.lab.train.loop import Budget

OPTIONS = DescriptorTraining(
    config=DescriptorConfig(resolution=16, widths=(8, 16), convs=(1, 1), squeeze=16),
    photos=16,
    codes=8,
    thumbnail=8,
    log_every=20,
    evaluate_every=1000,
    learning_rate=3e-3,
)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A blob per photo; AU12 moves it sideways in the variants, AU25 makes it larger, landmarks say where it is."""
    random = np.random.default_rng(0)
    photos, variants, side = 40, 3, 16
    au = np.zeros((photos, variants, 12), np.float32)
    au[:, 1:, [6, 10]] = random.random((photos, variants - 1, 2))
    centre = random.uniform(6, 9, (photos, 1, 2)) + 3 * au[:, :, 6:7] * np.array([1.0, 0.0])
    size = 2 + 2 * au[:, :, 10]
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1)
    distance = np.square(grid - centre[:, :, None, None]).sum(-1) / np.square(size)[:, :, None, None]
    images = np.uint8(40 + 180 * np.exp(-distance))[..., None].repeat(3, -1)
    folder = tmp_path / "data"
    folder.mkdir()
    np.save(folder / "images.npy", images)
    np.save(folder / "au.npy", spread(au))
    offsets = random.uniform(-3, 3, (68, 2))
    np.save(folder / "landmarks.npy", np.float32(centre[:, :, None] + offsets))
    held_out = np.arange(photos) < 8
    np.savez(folder / "attributes.npz", age=np.full(photos, -1), gender=np.full(photos, -1), held_out=held_out)
    return folder


def test_training_teaches_held_out_expressions_and_scales_the_features(faces: Path, tmp_path: Path) -> None:
    told: list[object] = []
    net = train_descriptor(faces, tmp_path / "out", budget=Budget(steps=150), options=OPTIONS, report=told.append)
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert told == lines
    found = lines[-1]["held_out"]
    assert found["au_r2"]["AU25"] > 0.3
    assert found["codes_r2"] > 0.5
    assert found["age_years"] == 0.0  # nobody's age is known
    saved = BundledDescriptor.load(tmp_path / "out" / "descriptor.safetensors")
    assert saved.name == net.name == lines[-1]["descriptor"]
    images = torch.tensor(np.load(faces / "images.npy")[8:].reshape(-1, 16, 16, 3)).permute(0, 3, 1, 2) / 127.5 - 1
    features = net(images)
    assert features.mean(0).abs().mean() < 0.2
    assert 0.7 < float(features.std(0).mean()) < 1.3


def test_two_runs_of_a_seed_make_the_same_file(faces: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train_descriptor(faces, tmp_path / name, budget=Budget(steps=3), options=OPTIONS)
    files = [(tmp_path / name / "descriptor.safetensors").read_bytes() for name in ("a", "b")]
    assert files[0] == files[1]


def test_options_that_fit_no_resolution_are_refused() -> None:
    with pytest.raises(InputError, match="divide"):
        DescriptorTraining(thumbnail=48)
    with pytest.raises(InputError, match="positive"):
        DescriptorTraining(photos=0)
