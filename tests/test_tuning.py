"""Pivotal tuning: the photo comes nearer, what edits do stays, and the generator given is never touched."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from facsmith.errors import CheckpointError, InputError, LatentError
from facsmith.generator import StyleGAN2, StyleGAN2Config, TunedGenerator, generator_id
from facsmith.latent import Latent
from facsmith.tuning import TunedLatent, TuningOptions, read_latent, tune

OPTIONS = TuningOptions(steps=30, learning_rate=0.01)


class Thumbnails:
    """A descriptor of averages."""

    name = "thumbnails"

    def __call__(self, images: Tensor) -> Tensor:
        return self.layers(images)[0].flatten(1)

    def layers(self, images: Tensor) -> list[Tensor]:
        return [torch.nn.functional.avg_pool2d(images, 4)]

    def describe(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self(images), self.layers(images)


@pytest.fixture(scope="module")
def generator() -> StyleGAN2:
    torch.manual_seed(0)
    config = StyleGAN2Config(resolution=16, z_dim=8, w_dim=8, mapping_layers=1, channel_base=128, channel_max=8)
    return StyleGAN2(config).eval()


@pytest.fixture(scope="module")
def latent(generator: StyleGAN2) -> Latent:
    ws = np.random.default_rng(0).standard_normal((generator.num_ws, 8)).astype(np.float32)
    return Latent(ws, generator.generator_id)


@pytest.fixture(scope="module")
def edits(latent: Latent) -> Tensor:
    moves = np.random.default_rng(1).standard_normal((3, *latent.ws.shape)).astype(np.float32)
    return torch.as_tensor(latent.ws + 0.5 * moves)


@pytest.fixture(scope="module")
def photo(generator: StyleGAN2) -> Tensor:
    """What a neighbouring generator draws."""
    torch.manual_seed(1)
    return torch.tanh(torch.nn.functional.interpolate(torch.randn(1, 3, 4, 4), 16, mode="bilinear"))


def drawn(generator: StyleGAN2 | TunedGenerator, ws: Tensor | np.ndarray) -> Tensor:
    with torch.inference_mode():
        return generator.synthesis(torch.as_tensor(ws).reshape(-1, generator.num_ws, generator.w_dim))


def moves(generator: StyleGAN2 | TunedGenerator, latent: Latent, edits: Tensor) -> Tensor:
    return drawn(generator, edits) - drawn(generator, latent.ws)


def test_the_photo_comes_nearer_and_the_base_stays(generator: StyleGAN2, latent: Latent, edits: Tensor, photo: Tensor):
    before, known = drawn(generator, latent.ws), generator.generator_id
    steps: list[int] = []
    found = tune(photo, latent, generator, descriptor=Thumbnails(), edits=edits, options=OPTIONS, on_step=steps.append)
    tuned = found.generator(generator)
    assert (drawn(tuned, latent.ws) - photo).abs().mean() < 0.6 * (before - photo).abs().mean()
    assert torch.equal(drawn(generator, latent.ws), before)
    assert generator.generator_id == known == tuned.generator_id
    assert generator_id(generator.config, generator.state_dict()) == known
    assert steps == list(range(1, 31))
    assert len(found.trace) == 30 and found.trace[-1] < found.trace[0]
    assert all(p.requires_grad for p in generator.parameters())


def test_edits_go_on_doing_what_they_did(generator: StyleGAN2, latent: Latent, edits: Tensor, photo: Tensor):
    wanted = moves(generator, latent, edits)
    off = [
        float((moves(found.generator(generator), latent, edits) - wanted).abs().mean())
        for weight in (0.0, 20.0)
        for found in [
            tune(
                photo,
                latent,
                generator,
                descriptor=Thumbnails(),
                edits=edits,
                options=replace(OPTIONS, motion=weight),
            )
        ]
    ]
    assert off[1] < 0.7 * off[0]


def test_no_parameter_goes_farther_than_allowed(generator: StyleGAN2, latent: Latent, photo: Tensor):
    found = tune(photo, latent, generator, descriptor=Thumbnails(), options=replace(OPTIONS, farthest=0.01))
    weights = dict(generator.synthesis.named_parameters())
    for name, change in found.delta.items():
        length = max(float(weights[name].detach().norm()), 1e-3 * weights[name].numel() ** 0.5)
        assert float(change.norm()) <= 0.0101 * length
    assert max(float(change.norm()) for change in found.delta.values()) > 0


def test_the_same_seed_gives_the_same_change(generator: StyleGAN2, latent: Latent, edits: Tensor, photo: Tensor):
    one, again = (
        tune(photo, latent, generator, descriptor=Thumbnails(), edits=edits, options=replace(OPTIONS, steps=3))
        for _ in range(2)
    )
    assert all(torch.equal(one.delta[name], again.delta[name]) for name in one.delta)


def test_a_tuned_latent_survives_saving(generator: StyleGAN2, latent: Latent, photo: Tensor, tmp_path: Path):
    found = tune(photo, latent, generator, descriptor=Thumbnails(), options=replace(OPTIONS, steps=5))
    path = tmp_path / "tuned.safetensors"
    found.save(path)
    loaded = read_latent(path)
    assert isinstance(loaded, TunedLatent)
    assert np.array_equal(loaded.latent.ws, latent.ws)
    assert loaded.report == {**found.report}
    there, back = (drawn(f.generator(generator), latent.ws) for f in (found, loaded))
    assert (there - back).abs().max() < 1e-2
    weights = sum(change.numel() for change in found.delta.values())
    assert path.stat().st_size < 2 * weights + 20_000


def test_a_plain_latent_is_read_as_one(latent: Latent, tmp_path: Path):
    latent.save(tmp_path / "plain.safetensors")
    read = read_latent(tmp_path / "plain.safetensors")
    assert isinstance(read, Latent) and np.array_equal(read.ws, latent.ws)
    (tmp_path / "no.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(LatentError):
        read_latent(tmp_path / "no.safetensors")


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("form", ["npy", "zip", "legacy", "named", "float16"])
def test_w_plus_of_others_is_read(
    form: str, shape: tuple[int, ...], generator: StyleGAN2, latent: Latent, tmp_path: Path
) -> None:
    """e4e and pivotal tuning save a tensor, others a dictionary with more in it."""
    ws = latent.ws.reshape(*shape, *latent.ws.shape[-2:])
    file = tmp_path / ("w.npy" if form == "npy" else "w.pt")
    if form == "npy":
        np.save(file, ws)
    else:
        tensor = torch.tensor(ws, dtype=torch.float16 if form == "float16" else torch.float32)
        value = {"her.jpg": {"latent": tensor, "noise": [], "img": torch.ones(3, 8, 8)}} if form == "named" else tensor
        torch.save(value, file, _use_new_zipfile_serialization=form != "legacy")
    read = read_latent(file, generator)
    assert isinstance(read, Latent)
    assert read.claimed
    assert read.generator_id == generator.generator_id
    np.testing.assert_allclose(read.ws, latent.ws.reshape(read.ws.shape), atol=2e-3 if form == "float16" else 0)


def test_w_plus_of_another_shape_or_of_several_faces_is_refused(
    generator: StyleGAN2, latent: Latent, tmp_path: Path
) -> None:
    ws = torch.tensor(latent.ws.reshape(latent.ws.shape[-2:]))
    for name, value, match in (
        ("rows.pt", ws[:-1], "this generator takes"),
        ("two.pt", torch.stack([ws, ws]), "this generator takes"),
        ("names.pt", {"a": ws, "b": ws}, "2 codes"),
        ("none.pt", {"a": 1}, "no tensor"),
        ("row.pt", ws[0], "of shape"),
    ):
        torch.save(value, tmp_path / name)
        with pytest.raises(LatentError, match=match):
            read_latent(tmp_path / name, generator)
    np.save(tmp_path / "a.npy", ws[:, :-1].numpy())
    with pytest.raises(LatentError, match="this generator takes"):
        read_latent(tmp_path / "a.npy", generator)
    with pytest.raises(LatentError, match="does not name its generator"):
        read_latent(tmp_path / "a.npy")
    (tmp_path / "evil.pt").write_bytes(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.")
    with pytest.raises(CheckpointError, match=r"evil\.pt"):
        read_latent(tmp_path / "evil.pt", generator)


def test_damaged_and_foreign_files_are_refused(generator: StyleGAN2, latent: Latent, photo: Tensor, tmp_path: Path):
    found = tune(photo, latent, generator, descriptor=Thumbnails(), options=replace(OPTIONS, steps=1))
    path = tmp_path / "t.safetensors"
    found.save(path)
    tensors = load_file(path)
    save_file({k: v for k, v in tensors.items() if k != "pivot"}, path, {"facsmith": "tuned latent", "config": "{}"})
    with pytest.raises(CheckpointError, match="damaged"):
        TunedLatent.load(path)

    stranger = replace(found, latent=Latent(latent.ws, "stylegan2-16-another"))
    with pytest.raises(LatentError):
        stranger.generator(generator)
    name = next(iter(found.delta))
    for change in (torch.zeros(1), torch.full_like(found.delta[name], torch.nan)):
        with pytest.raises(CheckpointError, match="does not belong"):
            replace(found, delta={name: change}).generator(generator)
    with pytest.raises(InputError, match="cannot be tuned"):
        found.generator(found.generator(generator))


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"motion": -1.0},
        {"pixel": 0.0, "perceptual": 0.0, "descriptor": 0.0},
        {"learning_rate": float("nan")},
        {"farthest": 0.0},
    ],
)
def test_options_are_validated(wrong: dict[str, float]):
    with pytest.raises(InputError):
        TuningOptions(**wrong)  # pyright: ignore[reportArgumentType]


def test_shapes_are_checked(generator: StyleGAN2, latent: Latent, photo: Tensor):
    with pytest.raises(InputError, match="one photo"):
        tune(photo[:, :, :8], latent, generator, descriptor=Thumbnails())
    with pytest.raises(InputError, match="Edits"):
        tune(photo, latent, generator, descriptor=Thumbnails(), edits=torch.zeros(2, 3))
