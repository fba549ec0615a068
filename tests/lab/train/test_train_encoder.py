import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facsmith.descriptor import BundledDescriptor, DescriptorConfig
from facsmith.encoder import Encoder
from facsmith.errors import InputError
from facsmith.generator import TinyGenerator
from facsmith.inversion import InversionOptions, Start, invert
from facsmith.lab.train.encoder import EncoderTraining, train_encoder
from facsmith.lab.train.loop import Budget, seeded

pytestmark = pytest.mark.slow

GENERATOR = TinyGenerator(num_ws=4, w_dim=8, resolution=16)
OPTIONS = EncoderTraining(
    width=64, blocks=1, rank=16, survey=256, log_every=20, evaluate_every=1000, learning_rate=3e-3
)

with seeded(0):
    DESCRIPTOR = BundledDescriptor(DescriptorConfig(resolution=16, widths=(8, 16), convs=(1, 1), squeeze=8))
DESCRIPTOR.eval().requires_grad_(False)


def own_faces(count: int, seed: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """ws whose layers differ, and their pictures."""
    random = torch.Generator().manual_seed(seed)
    ws = torch.stack([GENERATOR.mapping(torch.randn(count, 8, generator=random))[:, 0] for _ in range(4)], 1)
    return ws, GENERATOR.synthesis(ws)


def folder(root: Path, *, held_out: bool = True) -> Path:
    ws, images = own_faces(40)
    root.mkdir()
    pixels = ((images.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
    np.save(root / "images.npy", pixels.reshape(20, 2, 16, 16, 3))
    np.save(root / "ws.npy", ws.numpy().reshape(20, 2, 4, 8).astype(np.float16))
    if held_out:
        np.savez(root / "attributes.npz", held_out=np.arange(20) < 4)
    return root


def start_loss(encoder: Encoder | None, images: torch.Tensor, start: Start) -> float:
    options = InversionOptions(start=start, iterations=0)
    return float(np.mean(invert(images, GENERATOR, descriptor=DESCRIPTOR, encoder=encoder, options=options).loss))


def test_a_trained_encoder_is_a_better_start_than_the_mean_face(tmp_path: Path) -> None:
    encoder = train_encoder(GENERATOR, DESCRIPTOR, tmp_path / "out", budget=Budget(steps=150), options=OPTIONS)
    images = GENERATOR.synthesis(GENERATOR.mapping(torch.randn(16, 8, generator=torch.Generator().manual_seed(9))))
    assert start_loss(encoder, images, "encoder") < 0.5 * start_loss(None, images, "mean")
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["held_out"]["random"]["latent"] < 0.8  # 1: knows no more than the mean
    assert encoder.config.generator_id == GENERATOR.generator_id
    assert encoder.config.descriptor == DESCRIPTOR.name
    again = Encoder.load(tmp_path / "out" / "encoder.safetensors")
    assert torch.equal(again(DESCRIPTOR(images)), encoder(DESCRIPTOR(images)))


def test_known_pairs_and_faces_without_a_latent_teach_too(tmp_path: Path) -> None:
    data = folder(tmp_path / "data")
    options = EncoderTraining(
        random=0, width=64, blocks=1, rank=16, survey=128, log_every=20, learning_rate=3e-3, pictures_after=0.5
    )
    train_encoder(
        GENERATOR, DESCRIPTOR, tmp_path / "out", budget=Budget(steps=120), pairs=data, faces=data, options=options
    )
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert "pixel" not in lines[0]
    assert lines[-2]["pixel"] < 0.25
    assert set(lines[-1]["held_out"]) == {"pairs", "faces"}
    assert "latent" not in lines[-1]["held_out"]["faces"]


def test_faces_alone_are_enough(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", held_out=False)
    options = EncoderTraining(random=0, width=32, blocks=0, rank=8, survey=64, log_every=10)
    encoder = train_encoder(
        GENERATOR, DESCRIPTOR, tmp_path / "out", budget=Budget(steps=60), faces=data, options=options
    )
    _, images = own_faces(16)
    assert start_loss(encoder, images, "encoder") < start_loss(None, images, "mean")


def test_directions_widen_what_the_encoder_knows(tmp_path: Path) -> None:
    directions = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(2)) * 2
    images = GENERATOR.synthesis(GENERATOR.mapping(torch.zeros(3, 8)) + directions)
    plain, wide = (
        train_encoder(
            GENERATOR, DESCRIPTOR, tmp_path / name, budget=Budget(steps=80), options=OPTIONS, directions=given
        )
        for name, given in (("plain", None), ("wide", directions))
    )
    assert start_loss(wide, images, "encoder") < 0.8 * start_loss(plain, images, "encoder")


def test_a_finished_run_answers_the_same_when_called_again(tmp_path: Path) -> None:
    first = train_encoder(GENERATOR, DESCRIPTOR, tmp_path, budget=Budget(steps=3), options=OPTIONS)
    second = train_encoder(GENERATOR, DESCRIPTOR, tmp_path, budget=Budget(steps=3), options=OPTIONS)
    features = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(first(features), second(features))


def test_what_cannot_teach_is_refused(tmp_path: Path) -> None:
    budget = Budget(steps=1)
    with pytest.raises(InputError, match="nothing to train on"):
        train_encoder(GENERATOR, DESCRIPTOR, tmp_path / "o", budget=budget, options=EncoderTraining(random=0))
    with pytest.raises(InputError, match=r"ws\.npy"):
        train_encoder(GENERATOR, DESCRIPTOR, tmp_path / "o", budget=budget, pairs=tmp_path)
    data = folder(tmp_path / "data")
    with pytest.raises(InputError, match="32, 32"):
        train_encoder(TinyGenerator(4, 8, 32), DESCRIPTOR, tmp_path / "o", budget=budget, faces=data)
    with pytest.raises(InputError, match=r"ws\.npy"):
        train_encoder(TinyGenerator(5, 8, 16), DESCRIPTOR, tmp_path / "o", budget=budget, pairs=data)
    with pytest.raises(InputError, match="K, 4, 8"):
        train_encoder(GENERATOR, DESCRIPTOR, tmp_path / "o", budget=budget, directions=torch.zeros(12, 8))
    with pytest.raises(InputError, match="psi"):
        EncoderTraining(psi=2.0)


def test_an_encoder_can_begin_where_another_ended(tmp_path: Path) -> None:
    first = train_encoder(GENERATOR, DESCRIPTOR, tmp_path / "a", budget=Budget(steps=40), options=OPTIONS)
    images = GENERATOR.synthesis(GENERATOR.mapping(torch.randn(16, 8, generator=torch.Generator().manual_seed(9))))
    options = replace(OPTIONS, learning_rate=1e-5)
    second = train_encoder(GENERATOR, DESCRIPTOR, tmp_path / "b", budget=Budget(steps=1), options=options, start=first)
    assert abs(start_loss(second, images, "encoder") - start_loss(first, images, "encoder")) < 0.01
    other = replace(OPTIONS, width=32)
    with pytest.raises(InputError, match="other sizes"):
        train_encoder(GENERATOR, DESCRIPTOR, tmp_path / "c", budget=Budget(steps=1), options=other, start=first)
