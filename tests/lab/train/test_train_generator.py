"""Training the generator: a data set from photos, a loss that falls, a run that resumes, latents whose AUs are their
own axis."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sketches import TinyFeatures, sketch

from facsmith.errors import CheckpointError, InputError
from facsmith.face.muscles import basis
from facsmith.face.own import own_expression
from facsmith.facs import AUS, DISFA
from facsmith.lab.train.data import DataOptions, build_dataset
from facsmith.lab.train.faces import Faces
from facsmith.lab.train.generator import GeneratorOptions, train_generator
from facsmith.lab.train.latents import LabelledLatents
from facsmith.lab.train.losses import face_weights, reconstruction_loss

pytestmark = pytest.mark.slow

OPTIONS = GeneratorOptions(
    resolution=16,
    w_dim=8,
    channel_base=256,
    channel_max=16,
    steps=12,
    grow=((8, 64),),
    batch=8,
    samples=8,
)

FEATURES = TinyFeatures()
SHARP = torch.tensor([True])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = DataOptions(resolution=32, variants=4, held_out=0.2, codes=8, workers=1)
    return build_dataset([sketch(seed) for seed in range(12)], tmp_path_factory.mktemp("faces"), options)


def test_the_data_set_labels_every_variant(dataset: Path) -> None:
    au, images = np.load(dataset / "au.npy"), np.load(dataset / "images.npy")
    assert images.shape == (12, 4, 32, 32, 3)
    assert au.shape == (12, 4, len(AUS))
    assert np.abs(au[:, 1]).max() < 1e-6  # at rest
    assert au.min() > -1e-6
    assert au.max() <= 1 + 1e-6
    assert all(np.abs(images[n, v].astype(int) - images[n, 1]).max() > 8 for n in range(12) for v in (2, 3))
    codes = np.load(dataset / "codes.npy")
    held_out = np.load(dataset / "attributes.npz")["held_out"]
    assert held_out.sum() == 2
    assert np.isfinite(codes).all()


def test_own_expression_reads_an_open_smile_and_nothing_at_rest() -> None:
    points = sketch(0).landmarks
    assert own_expression(points)[DISFA.index(12)] < 0.3
    assert own_expression(points)[DISFA.index(25)] < 0.15
    iod = 40.0
    smile = points + iod * (basis()[AUS.index(12)] + basis()[AUS.index(25)])
    read = own_expression(smile)
    assert read[DISFA.index(12)] > own_expression(points)[DISFA.index(12)] + 0.4
    assert read[DISFA.index(25)] == pytest.approx(1.0, abs=0.15)


def test_a_run_learns_resumes_and_refuses_other_options(dataset: Path, tmp_path: Path) -> None:
    def last_row() -> dict[str, float]:
        return json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])

    train_generator(dataset, tmp_path, OPTIONS, features=FEATURES)
    first, early = load_file(tmp_path / "state.safetensors"), last_row()
    train_generator(dataset, tmp_path, replace(OPTIONS, steps=40), features=FEATURES)
    second, late = load_file(tmp_path / "state.safetensors"), last_row()
    assert (early["step"], late["step"]) == (12, 40)
    assert late["held_out_l1_64"] < early["held_out_l1_64"] - 0.005
    name = "generator/synthesis.b4.conv1.weight"
    assert not torch.equal(first[name], second[name])
    assert {p.name for p in tmp_path.iterdir()} >= {"generator.safetensors", "latents.safetensors", "state.safetensors"}
    with pytest.raises(CheckpointError, match="other options"):
        train_generator(dataset, tmp_path, replace(OPTIONS, channel_max=8), features=FEATURES)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"minutes": 0.0}, {"batch": 5}, {"balance": 2.0}])
def test_a_budget_that_trains_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"must be|balance is 2"):
        GeneratorOptions(**wrong)


def test_a_missing_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"images\.npy is missing"):
        Faces(tmp_path, code_size=8)


def test_expression_and_identity_are_separate_coordinates() -> None:
    torch.manual_seed(0)
    latents = LabelledLatents(5, num_ws=6, w_dim=8)
    torch.nn.init.normal_(latents.spread.weight)
    directions = latents.directions()
    same_in_every_layer = torch.randn(8).expand(6, 8)
    torch.testing.assert_close(
        torch.einsum("kld,ld->k", directions, same_in_every_layer), torch.zeros(len(AUS)), atol=1e-4, rtol=0
    )
    codes, delta, base = torch.randn(5, 8), torch.randn(5, 48), torch.randn(5, 6, 8)
    person = latents(base, codes, delta, torch.zeros(5, len(AUS))) - base
    assert person.abs().max() > 0.1
    torch.testing.assert_close(
        torch.einsum("kld,nld->kn", directions, person), torch.zeros(len(AUS), 5), atol=1e-3, rtol=0
    )
    moved = latents(base, codes, delta, torch.eye(len(AUS))[:5]) - base - person
    torch.testing.assert_close(moved, directions[:5])


def test_the_loss_weighs_the_moving_face_and_hardly_what_lies_outside_the_photo() -> None:
    landmarks = torch.full((1, 68, 2), 0.5)
    inside = torch.ones(1, 1, 32, 32)
    inside[..., :8] = 0
    weights = face_weights(landmarks, inside, torch.zeros(1, 1, 32, 32), resolution=32)
    assert weights[0, 0, 16, 16] > 2 * weights[0, 0, 2, 20] > 10 * weights[0, 0, 16, 2]
    real = torch.rand(1, 3, 32, 32)
    assert float(reconstruction_loss(real, real, weights, sharp=SHARP)) == 0
    centre, border = real.clone(), real.clone()
    centre[..., 14:18, 14:18] += 0.5
    border[..., 14:18, 2:6] += 0.5
    assert reconstruction_loss(centre, real, weights, sharp=SHARP) > 5 * reconstruction_loss(
        border, real, weights, sharp=SHARP
    )


def test_a_warped_picture_s_finest_detail_teaches_nothing() -> None:
    real, weights = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    checker = 0.2 * (-1.0) ** (torch.arange(32)[:, None] + torch.arange(32))
    assert reconstruction_loss(real + checker, real, weights, sharp=~SHARP) < 1e-6
    assert reconstruction_loss(real + checker, real, weights, sharp=SHARP) > 0.2
    assert reconstruction_loss(real + 0.2, real, weights, sharp=~SHARP) > 0.1
