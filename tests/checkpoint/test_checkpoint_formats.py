"""Every format gives the generator that was put in."""

import argparse
import json
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from checkpoint_forge import (
    SHARED,
    ada_pickle,
    images,
    random_stylegan2,
    rosinality_state,
    stylegan2_variables,
    tensorflow_pickle,
    torch_bytes,
)
from safetensors.torch import load_file, save_file

from facsmith.checkpoint import convert, info, load_generator, read_checkpoint, read_state_dict, save_generator
from facsmith.checkpoint._shapes import expected_shapes
from facsmith.errors import CheckpointError, OutputError
from facsmith.generator import StyleGAN1, StyleGAN1Config, StyleGAN2, StyleGAN2Config, TinyGenerator

needs_vectors = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the reference vectors are not at {SHARED}")


def _same(loaded: object, network: StyleGAN2) -> None:
    assert isinstance(loaded, StyleGAN2)
    assert loaded.config == network.config
    torch.testing.assert_close(images(loaded), images(network), atol=1e-5, rtol=0)


VARIANTS = [{}, {"architecture": "resnet"}, {"conv_clamp": 0.5}, {"mapping_layers": 5, "resolution": 32}]


@pytest.mark.parametrize("settings", VARIANTS)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_stylegan2_ada_pickle_gives_its_averaged_generator(settings: dict, protocol: int, tmp_path: Path) -> None:
    network = random_stylegan2(**settings)
    file = tmp_path / "network.pkl"
    file.write_bytes(ada_pickle(network, protocol=protocol))
    loaded = load_generator(file)
    _same(loaded, network)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())


def test_a_conditional_stylegan2_ada_pickle_keeps_its_labels(tmp_path: Path) -> None:
    network = random_stylegan2(c_dim=3)
    (tmp_path / "network.pkl").write_bytes(ada_pickle(network))
    loaded = read_checkpoint(tmp_path / "network.pkl").build()
    z, c = torch.ones(1, 12), torch.eye(3)[:1]
    torch.testing.assert_close(loaded.mapping(z, c), network.mapping(z, c))


@pytest.mark.parametrize("settings", [{}, {"architecture": "resnet"}, {"conv_clamp": 256.0}])
def test_a_tensorflow_stylegan2_pickle_gives_gs(settings: dict, tmp_path: Path) -> None:
    network = random_stylegan2(**settings)
    clamp = {"conv_clamp": 256} if settings.get("conv_clamp") else {}
    (tmp_path / "network.pkl").write_bytes(tensorflow_pickle(*stylegan2_variables(network), **clamp))
    _same(load_generator(tmp_path / "network.pkl"), network)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_converted_rosinality_checkpoint_gives_g_ema_and_its_mean(legacy: bool, tmp_path: Path) -> None:
    network = random_stylegan2()
    file = tmp_path / "network.pt"
    file.write_bytes(
        torch_bytes({"g_ema": rosinality_state(network), "latent_avg": network.w_avg.clone()}, legacy=legacy)
    )
    _same(load_generator(file), network)


def test_a_rosinality_training_checkpoint_gets_its_mean_estimated(tmp_path: Path) -> None:
    network = random_stylegan2()
    ours = OrderedDict((name, torch.nn.Parameter(t)) for name, t in rosinality_state(network).items())
    (tmp_path / "network.pt").write_bytes(
        torch_bytes(
            {
                "g_ema": ours,
                "g": {},
                "g_optim": {
                    "state": {0: {"step": 3, "exp_avg": torch.ones(2)}},
                    "param_groups": [{"betas": (0, 0.99)}],
                },
                "args": argparse.Namespace(size=16, channel_multiplier=2),
                "ada_aug_p": 0.25,
            }
        )
    )
    loaded = load_generator(tmp_path / "network.pt")
    z = torch.randn(20_000, 12, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(loaded.w_avg, network.mapping(z)[:, 0].mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(loaded.mapping(z[:4]), network.mapping(z[:4]))


def test_the_oldest_rosinality_checkpoints_lack_noise_planes_and_get_the_same_ones_each_time(tmp_path: Path) -> None:
    network = random_stylegan2()
    state = {name: t for name, t in rosinality_state(network).items() if not name.startswith("noises.")}
    (tmp_path / "network.pt").write_bytes(torch_bytes({"g_ema": state, "latent_avg": network.w_avg}))
    first, second = load_generator(tmp_path / "network.pt"), load_generator(tmp_path / "network.pt")
    assert first.generator_id == second.generator_id
    ws = network.mapping(torch.ones(1, 12))
    torch.testing.assert_close(first.synthesis(ws, noise="none"), network.synthesis(ws, noise="none"))


def test_our_own_file_gives_back_the_same_generator(tmp_path: Path) -> None:
    network = random_stylegan2(conv_clamp=256.0)
    save_generator(network, tmp_path / "network.safetensors", metadata={"licence": "none"})
    checkpoint = read_checkpoint(tmp_path / "network.safetensors")
    assert checkpoint.metadata == {"licence": "none"}
    loaded = checkpoint.build()
    _same(loaded, network)
    assert loaded.generator_id == network.generator_id


def test_half_precision_halves_the_file_and_names_another_generator(tmp_path: Path) -> None:
    network = random_stylegan2(channel_base=1024, channel_max=64)
    save_generator(network, tmp_path / "whole.safetensors", metadata={})
    save_generator(network, tmp_path / "half.safetensors", metadata={}, half=True)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * (tmp_path / "whole.safetensors").stat().st_size
    half = load_generator(tmp_path / "half.safetensors")
    assert half.generator_id != network.generator_id
    assert all(tensor.dtype == torch.float32 for tensor in half.state_dict().values())


def test_converting_keeps_the_generator_and_says_where_it_came_from(tmp_path: Path) -> None:
    network = random_stylegan2()
    (tmp_path / "network.pkl").write_bytes(ada_pickle(network))
    target = convert(tmp_path / "network.pkl", tmp_path / "new" / "network.safetensors")
    assert load_generator(target).generator_id == load_generator(tmp_path / "network.pkl").generator_id
    told = info(target)
    assert told["metadata"]["source"] == "network.pkl"
    assert told["metadata"]["format"] == "NVIDIA StyleGAN2-ADA pickle"
    assert told["num_ws"] == network.num_ws
    assert told["parameters"] == sum(p.numel() for p in network.parameters())


def test_converting_asks_for_the_right_suffix_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "network.pkl").write_bytes(ada_pickle(random_stylegan2()))
    with pytest.raises(CheckpointError, match="suffix"):
        convert(tmp_path / "network.pkl", tmp_path / "network.pt")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        convert(tmp_path / "network.pkl", tmp_path / "file" / "network.safetensors")
    assert {p.name for p in tmp_path.iterdir()} == {"network.pkl", "file"}


def test_only_generators_of_this_package_are_saved(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="TinyGenerator"):
        save_generator(TinyGenerator(), tmp_path / "tiny.safetensors", metadata={})


@pytest.mark.parametrize("legacy", [False, True])
def test_a_plain_state_dict_keeps_names_values_and_types(legacy: bool, tmp_path: Path) -> None:
    state = OrderedDict(
        a=torch.arange(6.0).reshape(2, 3).t(),
        b=torch.tensor([1, 2], dtype=torch.int64),
        c=torch.nn.Parameter(torch.ones(2, 3, 4).to(torch.float16)[:, 1:]),
        d=torch.zeros(0, 3),
        e=torch.tensor(2.5),
    )
    (tmp_path / "state.pth").write_bytes(torch_bytes(state, legacy=legacy))
    read = read_state_dict(tmp_path / "state.pth")
    assert list(read) == list(state)
    for name, tensor in state.items():
        assert torch.equal(read[name], tensor.detach())
        assert read[name].dtype == tensor.dtype


def test_a_plain_state_dict_of_safetensors_is_read_too(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "state.safetensors")
    assert torch.equal(read_state_dict(tmp_path / "state.safetensors")["a"], torch.ones(2))


def test_a_file_that_is_no_state_dict_is_declined(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(torch_bytes({"state": {"a": torch.ones(1)}}))
    (tmp_path / "b.pkl").write_bytes(ada_pickle(random_stylegan2()))
    for name in ("a.pth", "b.pkl"):
        with pytest.raises(CheckpointError, match="tensors"):
            read_state_dict(tmp_path / name)


@pytest.mark.parametrize(
    "config",
    [
        StyleGAN2Config(4, 5, 6, 0, 1, 64, 8),
        StyleGAN2Config(32, 5, 6, 3, 4, 128, 8, "resnet", 256.0, 1),
        StyleGAN2Config(16, 5, 5, 0, 2, 64, 8, "skip"),
        StyleGAN1Config(16, 5, 6, 7, 1, 0, {4: 8, 8: 6, 16: 4}),
        StyleGAN1Config(8, 5, 6, 7, 3, 2, {4: 8, 8: 6}),
    ],
)
def test_the_shapes_expected_of_a_file_are_those_of_the_network(config: StyleGAN1Config | StyleGAN2Config) -> None:
    network = StyleGAN1(config) if isinstance(config, StyleGAN1Config) else StyleGAN2(config)
    assert expected_shapes(config) == {name: tuple(t.shape) for name, t in network.state_dict().items()}


@pytest.mark.slow
def test_loading_a_generator_imports_no_compiler(tmp_path: Path) -> None:
    save_generator(random_stylegan2(), tmp_path / "network.safetensors", metadata={})
    program = (
        "import sys; from facsmith.checkpoint import load_generator; load_generator(sys.argv[1]); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "network.safetensors")], check=True)


# Against the reference implementations


@needs_vectors
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("stylegan2-ada-tiny.pkl", "stylegan2-ada-tiny"),
        ("stylegan2-ada-tiny.proto4.pkl", "stylegan2-ada-tiny"),
        ("stylegan2-from-sg3repo-tiny.pkl", "stylegan2-from-sg3repo-tiny"),
    ],
)
def test_nvidias_pytorch_pickles_draw_nvidias_images(file: str, expected: str) -> None:
    generator = load_generator(SHARED / "pickles" / file)
    truth = load_file(SHARED / "pickles" / f"{expected}.expected.safetensors")
    with torch.no_grad():
        for psi, cutoff, name in ((1.0, None, "psi1"), (0.7, 4, "psi0.7_cut4")):
            ws = generator.mapping(truth["in.z"], psi=psi, cutoff=cutoff)
            torch.testing.assert_close(ws, truth[f"ws.{name}"], atol=1e-4, rtol=0)
            torch.testing.assert_close(generator.synthesis(ws), truth[f"img.const.{name}"], atol=1e-4, rtol=0)
        drawn = generator.synthesis(truth["ws.psi1"], noise="none")
    torch.testing.assert_close(drawn, truth["img.none.psi1"], atol=1e-4, rtol=0)
    state = generator.state_dict()
    for name, tensor in truth.items():
        if name.startswith("state.") and not name.endswith("resample_filter"):
            assert torch.equal(state[name.removeprefix("state.")], tensor)


@needs_vectors
@pytest.mark.parametrize("name", ["stylegan1-res64", "stylegan1-res128"])
def test_nvidias_stylegan1_pickles_draw_the_reference_images(name: str, tmp_path: Path) -> None:
    generator = load_generator(SHARED / "stylegan1" / f"{name}-tf.pkl")
    assert isinstance(generator, StyleGAN1)
    truth = load_file(SHARED / "stylegan1" / f"{name}.expected.safetensors")
    with torch.no_grad():
        ws = generator.mapping(truth["in.z"], psi=0.7, cutoff=8)
        torch.testing.assert_close(ws, truth["wp.psi0.7_cut8"], atol=1e-4, rtol=0)
        for key in [key for key in truth if key.startswith(("img.const.", "img.none."))]:
            _, noise, which = key.split(".", 2)
            drawn = generator.synthesis(truth[f"wp.{which}"][: len(truth[key])], noise=noise)  # type: ignore[arg-type]
            step = drawn.shape[-1] // truth[key].shape[-1]
            torch.testing.assert_close(drawn[:, :, ::step, ::step], truth[key], atol=1e-4, rtol=0)
    converted = convert(SHARED / "stylegan1" / f"{name}-tf.pkl", tmp_path / "converted.safetensors")
    assert load_generator(converted).generator_id == generator.generator_id


@needs_vectors
@pytest.mark.parametrize("legacy", [False, True])
def test_a_rosinality_checkpoint_named_by_the_published_table_draws_nvidias_images(
    legacy: bool, tmp_path: Path
) -> None:
    table = json.loads((SHARED / "naming" / "rosinality_stylegan2.json").read_text())
    nvidia = load_file(SHARED / "stylegan2" / "a_skip64.state.safetensors")
    state: dict[str, torch.Tensor] = {}
    for row in table["map_res64"]:
        tensor, transform = nvidia[row["nvidia"]], row["transform"]
        if "[1,1,r,r]" in transform or "[1,3,1,1]" in transform:
            tensor = tensor.reshape((1, 1, *tensor.shape) if tensor.ndim == 2 else (1, 3, 1, 1))
        elif "leading axis" in transform or "-> [1]" in transform:
            tensor = tensor[None]
        state[row["rosinality"]] = tensor
    average = state.pop("<checkpoint top level> latent_avg")
    (tmp_path / "a.pt").write_bytes(torch_bytes({"g_ema": state, "latent_avg": average}, legacy=legacy))
    truth = load_file(SHARED / "stylegan2" / "a_skip64.io.safetensors")
    generator = load_generator(tmp_path / "a.pt")
    with torch.no_grad():
        drawn = generator.synthesis(generator.mapping(truth["in.z"]))
    torch.testing.assert_close(drawn, truth["img.const.psi1"], atol=1e-4, rtol=0)


@needs_vectors
@pytest.mark.parametrize("name", ["stylegan3-t-tiny", "stylegan3-r-tiny"])
def test_a_stylegan3_network_is_named_and_declined(name: str) -> None:
    with pytest.raises(CheckpointError, match="StyleGAN3"):
        load_generator(SHARED / "pickles" / f"{name}.pkl")
