from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from facsmith.checkpoint import save_generator
from facsmith.errors import InputError
from facsmith.facs import AUS
from facsmith.generator import StyleGAN2, StyleGAN2Config
from facsmith.lab.train.latents import LabelledLatents
from facsmith.lab.train.loop import seeded
from facsmith.lab.train.pairs import known_pairs

PHOTOS, VARIANTS, W_DIM = 5, 2, 16


def trained(root: Path) -> tuple[Path, Path, StyleGAN2, LabelledLatents]:
    """A data set and the folder of a generator that could have been trained on it; photos 1 and 3 are held out."""
    with seeded(0):
        config = StyleGAN2Config(16, z_dim=W_DIM, w_dim=W_DIM, mapping_layers=2, channel_base=64, channel_max=8)
        generator = StyleGAN2(config).eval().requires_grad_(False)
        latents = LabelledLatents(PHOTOS - 2, generator.num_ws, W_DIM).requires_grad_(False)
        latents.delta.weight.normal_()
        latents.spread.weight.normal_()
    data, run = root / "data", root / "run"
    data.mkdir()
    run.mkdir()
    random = np.random.default_rng(0)
    np.save(data / "codes.npy", random.standard_normal((PHOTOS, W_DIM + 4), dtype=np.float32))
    np.save(data / "au.npy", random.random((PHOTOS, VARIANTS, len(AUS)), dtype=np.float32))
    np.save(data / "images.npy", np.zeros((PHOTOS, VARIANTS, 16, 16, 3), np.uint8))
    np.savez(data / "attributes.npz", held_out=np.array([False, True, False, True, False]))
    save_generator(generator, run / "generator.safetensors", metadata={})
    stored = {"delta": latents.delta.weight, "spread": latents.spread.weight, "directions": latents.directions()}
    save_file({name: tensor.detach().contiguous() for name, tensor in stored.items()}, run / "latents.safetensors")
    return data, run, generator, latents


def test_each_photo_gets_the_latent_it_was_drawn_from(tmp_path: Path) -> None:
    data, run, generator, latents = trained(tmp_path)
    folder, directions = known_pairs(data, run, tmp_path / "pairs")
    ws = torch.tensor(np.load(folder / "ws.npy").astype(np.float32))
    assert ws.shape == (PHOTOS, VARIANTS, generator.num_ws, W_DIM)
    assert torch.allclose(directions, latents.directions(), atol=1e-6)
    codes = torch.tensor(np.load(data / "codes.npy"))[:, :W_DIM]
    au = torch.tensor(np.load(data / "au.npy"))
    base = generator.mapping(codes)
    own = latents(base[[0, 2, 4]], codes[[0, 2, 4]], latents.delta.weight, au[[0, 2, 4], 1])
    strangers = latents(base[[1, 3]], codes[[1, 3]], None, au[[1, 3], 1])
    assert torch.allclose(ws[[0, 2, 4], 1], own, atol=5e-3)
    assert torch.allclose(ws[[1, 3], 1], strangers, atol=5e-3)
    # Two variants of one photo differ by their expressions alone.
    moved = torch.einsum("nk,kld->nld", au[:, 1] - au[:, 0], directions)
    assert torch.allclose(ws[:, 1] - ws[:, 0], moved, atol=1e-2)


def test_a_second_call_replaces_the_first_and_images_are_only_linked(tmp_path: Path) -> None:
    data, run, _, _ = trained(tmp_path)
    known_pairs(data, run, tmp_path / "pairs")
    first = (tmp_path / "pairs" / "ws.npy").read_bytes()
    known_pairs(data, run, tmp_path / "pairs")
    assert (tmp_path / "pairs" / "ws.npy").read_bytes() == first
    assert (tmp_path / "pairs" / "images.npy").resolve() == (data / "images.npy").resolve()


def test_another_data_set_is_refused(tmp_path: Path) -> None:
    data, run, _, _ = trained(tmp_path)
    np.savez(data / "attributes.npz", held_out=np.zeros(PHOTOS, bool))
    with pytest.raises(InputError, match="not trained on"):
        known_pairs(data, run, tmp_path / "pairs")
    assert not (tmp_path / "pairs").exists()
