"""A generator goes on with other photos: their codes are turned to its axes, and their corrections kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sketches import TinyFeatures, sketch
from torch import Tensor

from facsmith._weights import read_metadata
from facsmith.checkpoint import convert, load_generator
from facsmith.encoder import Encoder, EncoderConfig
from facsmith.errors import CheckpointError, InputError
from facsmith.facs import AUS
from facsmith.generator.stylegan2 import StyleGAN2, StyleGAN2Config
from facsmith.lab.train.adopt import adopt
from facsmith.lab.train.data import DataOptions, build_dataset
from facsmith.lab.train.generator import GeneratorOptions, train_generator
from facsmith.lab.train.latents import LabelledLatents
from facsmith.lab.train.start import DELTA, keep, kept_model

pytestmark = pytest.mark.slow

PEOPLE, CODES, W = 400, 10, 8


@pytest.fixture
def known(tmp_path: Path) -> dict[str, Any]:
    """A generator with AU directions, and photos it has never seen: whose codes lie along other axes than its own,
    who have corrections, and who show AUs."""
    torch.manual_seed(0)
    generator = StyleGAN2(StyleGAN2Config(32, z_dim=W, w_dim=W, mapping_layers=2, channel_base=256, channel_max=8))
    generator.requires_grad_(False).mapping.w_avg.copy_(torch.randn(W))
    latents = LabelledLatents(1, generator.num_ws, W).requires_grad_(False)
    latents.spread.weight.normal_(std=0.1)
    networks = {f"average/{name}": value.contiguous() for name, value in generator.state_dict().items()}
    networks |= {"latents/raw": latents.raw.detach(), "latents/spread.weight": latents.spread.weight.detach()}
    save_file(networks, tmp_path / "state.safetensors")

    own = torch.randn(PEOPLE, CODES)
    au = torch.rand(PEOPLE, 2, len(AUS)).round()
    correction = 0.05 * torch.randn(PEOPLE, generator.num_ws * W)
    base = generator.mapping(own[:, :W])
    ws = torch.stack([latents(base, own[:, :W], correction, au[:, v]) for v in range(2)], dim=1)
    other_axes = torch.linalg.qr(torch.randn(CODES, CODES)).Q
    root = tmp_path / "data"
    root.mkdir()
    numbers = np.arange(2 * PEOPLE).reshape(PEOPLE, 2)
    images = np.zeros((PEOPLE, 2, 8, 8, 3), np.uint8)
    images[..., 0], images[..., 1] = (numbers // 256)[..., None, None], (numbers % 256)[..., None, None]
    np.save(root / "images.npy", images)
    np.save(root / "au.npy", au.numpy())
    np.save(root / "codes.npy", (own @ other_axes).numpy())
    np.savez(root / "attributes.npz", held_out=np.arange(PEOPLE) % 10 == 0)

    def see(pictures: Tensor) -> Tensor:
        """The encoder: knows each picture by its colour."""
        red, green = ((pictures[:, k, 0, 0] + 1) * 127.5 for k in (0, 1))
        return ws.flatten(0, 1)[(256 * red + green).round().long()]

    return {
        "generator": generator,
        "see": see,
        "data": root,
        "state": tmp_path / "state.safetensors",
        "ws": ws,
        "au": au,
    }


def test_photos_get_the_codes_and_corrections_that_draw_them(known: dict[str, Any], tmp_path: Path) -> None:
    before = np.load(known["data"] / "codes.npy")
    out = tmp_path / "start.safetensors"
    explained = adopt(known["data"], known["state"], out, generator=known["generator"], see=known["see"], steps=1500)
    assert explained > 0.9
    codes = np.load(known["data"] / "codes.npy")
    assert codes.dtype == np.float32
    (kept,) = known["data"].glob("codes-*.npy")
    np.testing.assert_array_equal(np.load(kept), before)
    np.testing.assert_allclose(codes @ codes.T, before @ before.T, atol=1e-3)  # a rotation: nothing is lost
    tensors = load_file(out)
    latents = LabelledLatents(360, known["generator"].num_ws, W).requires_grad_(False)
    latents.raw.copy_(tensors["latents/raw"])
    latents.spread.weight.copy_(tensors["latents/spread.weight"])
    training = np.arange(PEOPLE) % 10 != 0
    mine = torch.tensor(codes[training, :W])
    drawn = latents(known["generator"].mapping(mine), mine, tensors[DELTA], known["au"][training][:, 0])
    torch.testing.assert_close(drawn, known["ws"][training][:, 0], atol=0.02, rtol=0.02)


def test_a_state_of_another_generator_is_refused(known: dict[str, Any], tmp_path: Path) -> None:
    codes = (known["data"] / "codes.npy").read_bytes()
    known["generator"].mapping.w_avg.add_(1)
    with pytest.raises(InputError, match="another generator"):
        adopt(
            known["data"], known["state"], tmp_path / "out.safetensors", generator=known["generator"], see=known["see"]
        )
    assert codes == (known["data"] / "codes.npy").read_bytes()
    known["generator"].mapping.w_avg.sub_(1)
    np.save(known["data"] / "codes.npy", np.zeros((PEOPLE, 3), np.float32))
    with pytest.raises(InputError, match="3 codes a photo; this generator needs 8"):
        adopt(
            known["data"], known["state"], tmp_path / "out.safetensors", generator=known["generator"], see=known["see"]
        )
    assert not (tmp_path / "out.safetensors").exists()
    np.save(known["data"] / "au.npy", np.zeros((3, 2, 12), np.float32))
    with pytest.raises(InputError, match="do not fit one another"):
        adopt(
            known["data"], known["state"], tmp_path / "out.safetensors", generator=known["generator"], see=known["see"]
        )


def test_what_is_kept_with_its_encoder_can_adopt_by_itself(tmp_path: Path) -> None:
    options = GeneratorOptions(resolution=16, w_dim=8, channel_base=256, channel_max=16, steps=1, batch=8, samples=0)
    data = DataOptions(resolution=32, variants=2, held_out=0.2, codes=8, workers=1)
    faces = build_dataset([sketch(seed) for seed in range(12)], tmp_path / "data", data)
    train_generator(faces, tmp_path / "run", options, features=TinyFeatures())
    other = load_generator(tmp_path / "run" / "generator.safetensors")
    generator = load_generator(
        convert(tmp_path / "run" / "generator.safetensors", tmp_path / "g.safetensors", half=True)
    )
    config = EncoderConfig(generator.num_ws, 8, generator.generator_id, "face-128", features=20, width=16, rank=4)
    encoder = Encoder(config).requires_grad_(False)
    encoder.save(tmp_path / "encoder.safetensors")
    state, kept = tmp_path / "run" / "state.safetensors", tmp_path / "kept.safetensors"
    assert kept_model(keep(state, kept)) is None
    Encoder(replace(config, generator_id=other.generator_id)).save(tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="is the encoder of"):
        keep(state, kept, encoder=tmp_path / "other.safetensors")
    model = kept_model(keep(state, kept, encoder=tmp_path / "encoder.safetensors"))
    assert model is not None
    features, z = torch.randn(3, 20), torch.randn(2, 8)
    torch.testing.assert_close(model[1](features), encoder(features), atol=5e-3, rtol=5e-3)
    torch.testing.assert_close(model[0].mapping(z), generator.mapping(z))
    tensors = load_file(kept)
    save_file(
        {name: value for name, value in tensors.items() if "mapping" not in name},
        tmp_path / "bad.safetensors",
        metadata=read_metadata(kept),
    )
    with pytest.raises(CheckpointError, match="is damaged"):
        kept_model(tmp_path / "bad.safetensors")
    forged = read_metadata(kept)
    forged["network"] = forged["network"].replace('"resolution": 16', f'"resolution": {2**70}')
    save_file(tensors, tmp_path / "forged.safetensors", metadata=forged)
    with pytest.raises(CheckpointError, match="out of proportion"):
        kept_model(tmp_path / "forged.safetensors")


@pytest.mark.parametrize("corrections", [False, True])
def test_training_starts_from_what_was_adopted(tmp_path: Path, corrections: bool) -> None:
    def faces(name: str, first: int) -> Path:
        options = DataOptions(resolution=32, variants=2, held_out=0.2, codes=8, workers=1)
        return build_dataset([sketch(seed) for seed in range(first, first + 12)], tmp_path / name, options)

    options = GeneratorOptions(
        resolution=16,
        w_dim=8,
        channel_base=256,
        channel_max=16,
        steps=1,
        grow=(),
        batch=8,
        samples=0,
    )
    train_generator(faces("old", 0), tmp_path / "run", options, features=TinyFeatures())
    kept, start = (
        keep(tmp_path / "run" / "state.safetensors", tmp_path / "kept.safetensors", corrections=corrections),
        tmp_path / "start.safetensors",
    )
    generator = load_generator(tmp_path / "run" / "generator.safetensors")
    new = faces("new", 20)
    where = generator.w_avg + torch.randn(generator.num_ws, 8, generator=torch.Generator().manual_seed(0))
    adopt(new, kept, start, generator=generator, see=lambda images: where.expand(len(images), -1, -1), steps=5)
    train_generator(new, tmp_path / "more", options, start=start, features=TinyFeatures())
    begun = load_file(tmp_path / "more" / "state.safetensors")
    assert load_file(start)[DELTA].abs().max() > 0.1
    torch.testing.assert_close(begun[DELTA], load_file(start)[DELTA], atol=0.05, rtol=0)
