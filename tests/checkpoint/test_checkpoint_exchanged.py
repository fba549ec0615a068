"""Files that people exchange draw here what their own project draws with them; what cannot be read is named."""

import argparse
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_forge import ada_pickle, images, random_stylegan2, rosinality_state, torch_bytes
from safetensors.torch import save_file
from source_layouts import (
    Sizes,
    draw_genforce_stylegan1,
    draw_genforce_stylegan2,
    draw_rosinality_stylegan1,
    genforce_stylegan1,
    genforce_stylegan2,
    rosinality_stylegan1,
)
from torch import Tensor, nn

from facsmith.checkpoint import convert, info, load_generator, read_checkpoint
from facsmith.errors import CheckpointError

CLOSE = {"atol": 1e-3, "rtol": 0.0}


def _z(width: int = 12) -> Tensor:
    return torch.randn(2, width, generator=torch.Generator().manual_seed(1))


def _read(value: Any, tmp_path: Path, *, legacy: bool = False):
    (tmp_path / "network.pt").write_bytes(torch_bytes(value, legacy=legacy))
    return read_checkpoint(tmp_path / "network.pt")


def _drawn(checkpoint: Any, z: Tensor) -> Tensor:
    generator = checkpoint.build()
    with torch.no_grad():
        return generator.synthesis(generator.mapping(z))


# Layouts of other projects


@pytest.mark.parametrize("legacy", [False, True])
def test_genforces_stylegan2_draws_what_genforce_draws(legacy: bool, tmp_path: Path) -> None:
    state = genforce_stylegan2()
    checkpoint = _read({"generator": {}, "generator_smooth": state}, tmp_path, legacy=legacy)
    torch.testing.assert_close(_drawn(checkpoint, _z()), draw_genforce_stylegan2(state, _z()), **CLOSE)
    assert torch.equal(checkpoint.state["mapping.w_avg"], state["truncation.w_avg"])
    assert checkpoint.format == "genforce StyleGAN2 checkpoint"


@pytest.mark.parametrize("sizes", [Sizes(), Sizes(resolution=128, hidden=7)])
def test_genforces_stylegan1_draws_what_genforce_draws(sizes: Sizes, tmp_path: Path) -> None:
    """128 px: from there on up-sampling is fused into a transposed convolution, whose kernel lies the other way."""
    state = genforce_stylegan1(sizes)
    checkpoint = _read({"generator_smooth": state}, tmp_path)
    torch.testing.assert_close(_drawn(checkpoint, _z()), draw_genforce_stylegan1(state, _z()), **CLOSE)
    assert torch.equal(checkpoint.state["mapping.w_avg"], state["truncation.w_avg"])


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("untrained", [0, 2])
def test_rosinalitys_stylegan1_draws_what_rosinality_draws(fused: bool, untrained: int, tmp_path: Path) -> None:
    """Its class has every block up to 1024 px: those that training never reached are not drawn."""
    state = rosinality_stylegan1(fused=fused, untrained=untrained)
    checkpoint = _read({"generator": {}, "g_running": state}, tmp_path)
    noises = [checkpoint.state[f"synthesis.b{r}.layer{i}.noise_const"] for r in (4, 8, 16) for i in (0, 1)]
    torch.testing.assert_close(_drawn(checkpoint, _z()), draw_rosinality_stylegan1(state, _z(), noises, 3), **CLOSE)
    assert checkpoint.config.resolution == 16
    assert any("noise planes" in note for note in checkpoint.notes)
    assert any("never trained" in note for note in checkpoint.notes) == bool(untrained)
    assert any("mean of W" in note for note in checkpoint.notes)


def _basicsr(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """rosinality's names as BasicSR's own converter (scripts/model_conversion/convert_stylegan.py) turns them."""
    out = {}
    for name, tensor in state.items():
        if name.endswith(".kernel"):
            continue  # no buffers there
        name = name.replace("input.input", "constant_input.weight").replace("noises.noise_", "noises.noise")
        name = name.replace("to_rgb1.conv", "to_rgb1.modulated_conv")
        for old in ("conv1", "convs"):
            if name.startswith(old):
                name = "style_" + name.replace(".conv.", ".modulated_conv.").replace(".noise.weight", ".weight")
        if name.startswith("to_rgbs"):
            name = name.replace(".conv.", ".modulated_conv.")
        out["style_mlp" + name.removeprefix("style") if name.startswith("style.") else name] = tensor
    return out


def test_basicsrs_stylegan2_is_rosinalitys_under_other_names(tmp_path: Path) -> None:
    network = random_stylegan2()
    value = {"params_ema": _basicsr(rosinality_state(network)), "latent_avg": network.w_avg.clone()}
    torch.testing.assert_close(images(_read(value, tmp_path).build()), images(network), atol=1e-5, rtol=0)


# What generators are wrapped in


def _psp(network: Any, average: Tensor) -> dict[str, Any]:
    decoder = {f"decoder.{name}": tensor for name, tensor in rosinality_state(network).items()}
    encoder = {
        "encoder.input_layer.0.weight": torch.ones(4, 3, 3, 3),
        "encoder.styles.0.linear.weight": torch.ones(2, 2),
    }
    options = {
        "exp_dir": Path("/somewhere"),
        "device": "cuda",
        "args": argparse.Namespace(checkpoint_path=Path("x.pt")),
    }
    return {"state_dict": encoder | decoder, "latent_avg": average, "opts": options}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("rows", [0, 1, 6])
def test_psp_e4e_and_restyle_give_the_decoder_inside(rows: int, legacy: bool, tmp_path: Path) -> None:
    network = random_stylegan2()
    average = network.w_avg.repeat(rows, 1) if rows else network.w_avg.clone()
    checkpoint = _read(_psp(network, average), tmp_path, legacy=legacy)
    torch.testing.assert_close(images(checkpoint.build()), images(network), atol=1e-5, rtol=0)
    assert "the generator is its state_dict.decoder" in checkpoint.notes


def test_a_mean_of_w_that_differs_from_layer_to_layer_is_no_mean_of_w(tmp_path: Path) -> None:
    network = random_stylegan2()
    average = torch.arange(60.0).reshape(6, 10)
    checkpoint = _read(_psp(network, average), tmp_path)
    z = torch.randn(20_000, 12, generator=torch.Generator().manual_seed(3))
    mean = network.mapping(z)[:, 0].mean(0)
    torch.testing.assert_close(checkpoint.state["mapping.w_avg"], mean, atol=0.05, rtol=0)
    assert any("layer to layer" in note for note in checkpoint.notes)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: state,
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"state_dict": {f"module.generator_ema.{name}": tensor for name, tensor in state.items()}},
        lambda state: {"params_ema": state, "params": {name: tensor * 0 for name, tensor in state.items()}},
        lambda state: {
            "g": {name: tensor * 0 for name, tensor in state.items()},
            "g_ema": state,
            "d": {"a": torch.ones(1)},
        },
        lambda state: {"model": {"g_ema": {f"module.{name}": tensor for name, tensor in state.items()}}},
    ],
)
@pytest.mark.parametrize("layout", ["nvidia", "rosinality"])
def test_a_generator_is_found_whatever_its_names_stand_behind(layout: str, wrapped: Any, tmp_path: Path) -> None:
    network = random_stylegan2()
    state = dict(network.state_dict()) if layout == "nvidia" else rosinality_state(network)
    checkpoint = _read(wrapped(state), tmp_path)
    assert layout != "nvidia" or torch.equal(checkpoint.state["mapping.w_avg"], network.w_avg)
    generator = checkpoint.build()
    z = _z()
    torch.testing.assert_close(generator.mapping(z), network.mapping(z), atol=1e-5, rtol=0)
    ws = network.mapping(z)
    torch.testing.assert_close(generator.synthesis(ws), network.synthesis(ws), atol=1e-5, rtol=0)


@pytest.mark.parametrize("layout", ["nvidia", "rosinality"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_plain_safetensors_file_of_either_names_is_read(layout: str, dtype: torch.dtype, tmp_path: Path) -> None:
    network = random_stylegan2()
    state = dict(network.state_dict()) if layout == "nvidia" else rosinality_state(network)
    halved = {n: t.to(dtype).contiguous() for n, t in state.items() if not n.endswith("kernel")}
    save_file(halved, tmp_path / "network.safetensors")
    read = load_generator(tmp_path / "network.safetensors").state_dict()
    for name, tensor in network.state_dict().items():
        if name != "mapping.w_avg":
            assert torch.equal(read[name], tensor.to(dtype).float())


@pytest.mark.parametrize("legacy", [False, True])
def test_bfloat16_is_read_exactly(legacy: bool, tmp_path: Path) -> None:
    network = random_stylegan2()
    state = {name: t.to(torch.bfloat16) for name, t in network.state_dict().items()}
    read = _read(state, tmp_path, legacy=legacy).state
    assert all(torch.equal(read[name], tensor.float()) for name, tensor in state.items())


@contextmanager
def _module_classes() -> Iterator[types.ModuleType]:
    """Classes of a module that is gone when the file is read."""
    made = types.ModuleType("their_model")

    class Part(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.function = torch.nn.functional.leaky_relu

    Part.__module__, Part.__qualname__ = "their_model", "Part"
    made.Part = Part  # type: ignore[attr-defined]
    sys.modules["their_model"] = made
    try:
        yield made
    finally:
        del sys.modules["their_model"]


def _as_modules(state: dict[str, Tensor], part: Any) -> nn.Module:
    root = part()
    for name, tensor in state.items():
        *folders, last = name.split(".")
        at = root
        for folder in folders:
            if folder not in at._modules:
                at.add_module(folder, part())
            at = at._modules[folder]
        at.register_buffer(last, tensor)
    return root


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("inside", ["alone", "g_ema"])
def test_a_whole_module_is_read_without_its_classes(inside: str, legacy: bool, tmp_path: Path) -> None:
    network = random_stylegan2()
    with _module_classes() as made:
        module = _as_modules(rosinality_state(network), made.Part)
        value: Any = module if inside == "alone" else {"g_ema": module, "args": argparse.Namespace(size=16)}
        data = torch_bytes(value, legacy=legacy)
    (tmp_path / "network.pt").write_bytes(data)
    generator = load_generator(tmp_path / "network.pt")
    assert "their_model" not in sys.modules
    ws = network.mapping(_z())
    torch.testing.assert_close(generator.synthesis(ws), network.synthesis(ws), atol=1e-5, rtol=0)


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_an_attribute_of_a_whole_module_that_changes_its_pictures_is_refused(tmp_path: Path) -> None:
    network = random_stylegan2()
    for path, name, value in (("style.1", "lr_mul", 1.0), ("convs.0.activate", "negative_slope", 0.1)):
        with _module_classes() as made:
            module = _as_modules(rosinality_state(network), made.Part)
            setattr(module.get_submodule(path), name, value)
            data = torch_bytes(module)
        (tmp_path / "network.pt").write_bytes(data)
        with pytest.raises(CheckpointError, match=f"says {name} = {value}"):
            load_generator(tmp_path / "network.pt")


# What is said and what is refused


def test_what_a_file_leaves_open_is_told_and_kept(tmp_path: Path) -> None:
    state = {n: t for n, t in rosinality_state(random_stylegan2()).items() if not n.startswith("noises.")}
    (tmp_path / "network.pt").write_bytes(torch_bytes({"g_ema": state, "g": state}))
    said = info(tmp_path / "network.pt")["notes"]
    for word in ("g_ema", "no noise planes", "no mean of W", "g was left"):
        assert any(word in note for note in said), word
    target = convert(tmp_path / "network.pt", tmp_path / "out.safetensors")
    assert "no noise planes" in info(target)["metadata"]["notes"]


ELSEWHERE = {
    "lucidrains": {
        "GAN": {"S.net.0.weight": 1, "GE.initial_conv.weight": 1, "G.initial_conv.weight": 1},
        "version": "1",
    },
    "HyperStyle": {"state_dict": {"hypernet.refinement_blocks.0.weight": 1, "decoder.input.input": 1}},
    "StyleGAN-XL": {"G_ema": {"mapping.embed_proj.weight": 1, "synthesis.b4.const": 1}},
    "StyleGAN3": {"G_ema": {"synthesis.input.freqs": 1, "mapping.fc0.weight": 1}},
    "EG3D": {"G_ema": {"backbone.synthesis.b4.const": 1, "backbone.mapping.fc0.weight": 1}},
    "InterFaceGAN": {"mapping.dense0.linear.weight": 1, "synthesis.layer0.epilogue.apply_noise.weight": 1},
    "lernapparat": {"g_mapping.dense0.weight": 1},
    "MMGeneration": {"state_dict": {"generator_ema.style_mapping.1.weight": 1}},
    "encoder without the generator": {"state_dict": {"encoder.body.0.weight": 1}},
    "such as fc.weight": {"fc.weight": 1},
    "style.1.weight is missing": {"g_ema": {"input.input": 1}},
}


@pytest.mark.parametrize("family", ELSEWHERE)
def test_a_family_that_is_not_run_is_named(family: str, tmp_path: Path) -> None:
    def tensors(value: Any) -> Any:
        return {k: tensors(v) for k, v in value.items()} if isinstance(value, dict) else torch.ones(2, 2)

    with pytest.raises(CheckpointError, match=family):
        _read(tensors(ELSEWHERE[family]), tmp_path)


def test_pictures_that_are_not_square_are_refused_as_that(tmp_path: Path) -> None:
    state = rosinality_state(random_stylegan2())
    state["input.input"] = state["input.input"][..., :2]
    with pytest.raises(CheckpointError, match="not square"):
        _read({"g_ema": state}, tmp_path)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_torchscript_program_is_refused_as_that(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "network.pt")
    with pytest.raises(CheckpointError, match="TorchScript"):
        load_generator(tmp_path / "network.pt")


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    state = dict(random_stylegan2().state_dict())
    state["mapping.fc0.bias"] = torch.full_like(state["mapping.fc0.bias"], float("nan"))
    with pytest.raises(CheckpointError, match="NaN"):
        _read(state, tmp_path)


# Attributes of NVIDIA's classes


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("mapping.fc0", "activation", "relu"),
        ("mapping.fc1", "activation", "linear"),
        ("mapping.fc0", "weight_gain", 1.0),
        ("mapping.fc0", "bias_gain", 1),
        ("synthesis.b8.conv0.affine", "activation", "lrelu"),
        ("synthesis.b8.conv0.affine", "weight_gain", 0.5),
        ("synthesis.b8.conv1", "activation", "sigmoid"),
        ("synthesis.b8.conv1", "act_gain", 1.0),
        ("synthesis.b8.conv1", "padding", 0),
        ("synthesis.b8.conv0", "up", 1),
        ("synthesis.b16.conv1", "conv_clamp", 1),
        ("synthesis.b16.torgb", "weight_gain", 1),
        ("synthesis.b8", "architecture", "orig"),
        ("synthesis.b8", "num_torgb", 0),
        ("synthesis", "num_ws", 3),
        ("", "img_channels", 4),
    ],
)
def test_an_attribute_that_changes_the_pictures_is_refused(path: str, name: str, value: Any, tmp_path: Path) -> None:
    (tmp_path / "network.pkl").write_bytes(ada_pickle(random_stylegan2(), attributes={path: {name: value}}))
    with pytest.raises(CheckpointError, match=f"says {name} = "):
        load_generator(tmp_path / "network.pkl")


def test_an_attribute_that_nvidias_classes_have_not_is_told(tmp_path: Path) -> None:
    (tmp_path / "network.pkl").write_bytes(ada_pickle(random_stylegan2(), attributes={"": {"epochs": 3.0}}))
    assert any("Generator.epochs" in note for note in read_checkpoint(tmp_path / "network.pkl").notes)
    (tmp_path / "network.pkl").write_bytes(ada_pickle(random_stylegan2()))
    assert read_checkpoint(tmp_path / "network.pkl").notes == ()


@pytest.mark.parametrize("kept", [True, False])
def test_a_layer_without_noise_draws_without_noise(kept: bool, tmp_path: Path) -> None:
    """Whether its unused tensors lie in the file or not."""
    network = random_stylegan2()
    data = ada_pickle(
        network,
        attributes={"synthesis.b8.conv0": {"use_noise": False}},
        without=() if kept else ("synthesis.b8.conv0.noise_const", "synthesis.b8.conv0.noise_strength"),
    )
    (tmp_path / "network.pkl").write_bytes(data)
    layer = network.synthesis.b8.conv0
    layer.noise_strength.zero_()
    torch.testing.assert_close(images(load_generator(tmp_path / "network.pkl")), images(network), atol=1e-5, rtol=0)


def test_a_class_outside_stylegan2s_is_refused(tmp_path: Path) -> None:
    data = ada_pickle(random_stylegan2()).replace(b"ToRGBLayer", b"ToLABLayer")
    (tmp_path / "network.pkl").write_bytes(data)
    with pytest.raises(CheckpointError, match="ToLABLayer"):
        load_generator(tmp_path / "network.pkl")


# Labels and channels


@pytest.mark.parametrize("label", [0, 2])
def test_a_conditional_network_at_one_label_is_an_unconditional_one(label: int, tmp_path: Path) -> None:
    network = random_stylegan2(c_dim=3)
    (tmp_path / "network.pkl").write_bytes(ada_pickle(network))
    with pytest.raises(CheckpointError, match="--label"):
        load_generator(tmp_path / "network.pkl")
    with pytest.raises(CheckpointError, match="labels 0 to 2"):
        convert(tmp_path / "network.pkl", tmp_path / "out.safetensors", label=3)
    generator = load_generator(convert(tmp_path / "network.pkl", tmp_path / "out.safetensors", label=label))
    z = torch.randn(500, 12, generator=torch.Generator().manual_seed(1))
    w = network.mapping(z, torch.eye(3)[[label] * 500])
    torch.testing.assert_close(generator.mapping(z), w, atol=1e-5, rtol=1e-5)
    many = torch.randn(20_000, 12, generator=torch.Generator().manual_seed(2))
    mean = network.mapping(many, torch.eye(3)[[label] * 20_000])[:, 0].mean(0)
    torch.testing.assert_close(generator.w_avg, mean, atol=0.05, rtol=0)
    torch.testing.assert_close(generator.synthesis(w[:2]), network.synthesis(w[:2]), atol=1e-5, rtol=1e-5)


def test_a_label_for_a_network_without_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "network.pkl").write_bytes(ada_pickle(random_stylegan2()))
    with pytest.raises(CheckpointError, match="leave out --label"):
        convert(tmp_path / "network.pkl", tmp_path / "out.safetensors", label=0)


@pytest.mark.parametrize(("channels", "named"), [(1, "grey"), (4, "RGBA"), (96, "96 channels")])
def test_pictures_that_are_not_rgb_are_refused_at_once(channels: int, named: str, tmp_path: Path) -> None:
    (tmp_path / "network.pkl").write_bytes(ada_pickle(random_stylegan2(img_channels=channels)))
    for run in (load_generator, lambda path: convert(path, tmp_path / "out.safetensors")):
        with pytest.raises(CheckpointError, match=named):
            run(tmp_path / "network.pkl")


@pytest.mark.parametrize("layout", ["nvidia", "rosinality"])
def test_state_dicts_of_other_channels_or_with_labels_are_refused_too(layout: str, tmp_path: Path) -> None:
    network = random_stylegan2(img_channels=4)
    state = dict(network.state_dict()) if layout == "nvidia" else rosinality_state(network)
    (tmp_path / "network.pt").write_bytes(torch_bytes({"g_ema": state}))
    with pytest.raises(CheckpointError, match="RGBA"):
        load_generator(tmp_path / "network.pt")
    (tmp_path / "network.pt").write_bytes(torch_bytes(dict(random_stylegan2(c_dim=3).state_dict())))
    with pytest.raises(CheckpointError, match="--label"):
        load_generator(tmp_path / "network.pt")


@pytest.mark.parametrize("resolution", [8, 16])
def test_a_state_dict_is_wrapped_in_ordered_dictionaries_too(resolution: int, tmp_path: Path) -> None:
    network = random_stylegan2(resolution=resolution)
    checkpoint = _read(OrderedDict(g_ema=OrderedDict(network.state_dict())), tmp_path)
    assert checkpoint.config.resolution == resolution
