"""StyleGAN2: equal to the published definition and to NVIDIA's numbers, sample by sample, and trainable."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from facsmith.errors import CheckpointError, InputError, LatentError
from facsmith.generator import Generator, StyleGAN2, StyleGAN2Config, reference

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "stylegan2"
SMALL = StyleGAN2Config(resolution=32, z_dim=6, w_dim=5, mapping_layers=2, channel_base=128, channel_max=12)


def _random(config: StyleGAN2Config, seed: int = 0) -> StyleGAN2:
    torch.manual_seed(seed)
    model = StyleGAN2(config).eval()
    for name, parameter in model.named_parameters():
        if name.endswith(("bias", "noise_strength")):
            torch.nn.init.normal_(parameter, std=0.5)
    torch.nn.init.normal_(model.mapping.w_avg)
    return model


CONFIGS = {
    "skip": SMALL,
    "resnet": replace(SMALL, architecture="resnet"),
    "clamped": replace(SMALL, conv_clamp=0.8),
    "clamped-resnet": replace(SMALL, conv_clamp=0.8, architecture="resnet"),
    "conditional": replace(SMALL, c_dim=3, resolution=8),
    "smallest": replace(SMALL, resolution=4, mapping_layers=1),
    "gray": replace(SMALL, img_channels=1, resolution=16),
}


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest) -> StyleGAN2:
    return _random(CONFIGS[request.param])


def test_fast_synthesis_equals_the_reference(model: StyleGAN2) -> None:
    ws = torch.randn(3, model.num_ws, model.w_dim)
    for noise in ("const", "none"):
        want = reference.stylegan2_synthesis(model, ws, noise=noise)
        for gradient in (True, False):
            with torch.set_grad_enabled(gradient):
                torch.testing.assert_close(model.synthesis(ws, noise=noise), want, rtol=1e-4, atol=1e-4)
                torch.testing.assert_close(model.synthesis(ws[:1], noise=noise), want[:1], rtol=1e-4, atol=1e-4)


def test_a_sample_does_not_depend_on_its_batch(model: StyleGAN2) -> None:
    ws = torch.randn(4, model.num_ws, model.w_dim)
    with torch.no_grad():
        batch = model.synthesis(ws)
        for index in range(4):
            torch.testing.assert_close(model.synthesis(ws[index : index + 1])[0], batch[index], rtol=1e-4, atol=1e-4)


def test_gradients_equal_the_reference(model: StyleGAN2) -> None:
    ws = torch.randn(2, model.num_ws, model.w_dim, requires_grad=True)
    inputs = [ws, *(p for n, p in model.synthesis.named_parameters() if not n.endswith("noise_const"))]
    fast = torch.autograd.grad(model.synthesis(ws).square().mean(), inputs)
    slow = torch.autograd.grad(reference.stylegan2_synthesis(model, ws).square().mean(), inputs)
    for got, want in zip(fast, slow, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4 * float(want.abs().max()) + 1e-7)


def test_second_derivatives_equal_the_reference() -> None:
    """Path length and R1 penalties differentiate a gradient."""
    model = _random(replace(SMALL, resolution=16))
    ws = torch.randn(2, model.num_ws, model.w_dim, requires_grad=True)
    weights = [model.synthesis.get_parameter("b8.conv0.weight"), model.synthesis.get_parameter("b16.conv1.weight")]
    results: list[tuple[Tensor, ...]] = []
    for image in (model.synthesis(ws), reference.stylegan2_synthesis(model, ws)):
        (gradient,) = torch.autograd.grad(image.square().sum(), ws, create_graph=True)
        results.append(torch.autograd.grad(gradient.square().mean(), weights))
    for got, want in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4 * float(want.abs().max()))


def test_double_precision_weights_draw_the_same_image() -> None:
    model = _random(SMALL)
    ws = torch.randn(2, model.num_ws, model.w_dim)
    single = model.synthesis(ws)
    double = model.double().synthesis(ws)
    assert double.dtype == torch.float64
    torch.testing.assert_close(single, double.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("resolution", [4, 8, 64, 256, 1024])
def test_num_ws_follows_the_resolution(resolution: int) -> None:
    config = StyleGAN2Config(resolution=resolution)
    assert config.num_ws == {4: 2, 8: 4, 64: 10, 256: 14, 1024: 18}[resolution]


def test_protocol_and_shapes(model: StyleGAN2) -> None:
    assert isinstance(model, Generator)
    c = torch.eye(3)[:2] if model.config.c_dim else None
    ws = model.mapping(torch.randn(2, model.z_dim), c)
    assert ws.shape == (2, model.num_ws, model.w_dim)
    size = (2, model.config.img_channels, model.resolution, model.resolution)
    assert model.synthesis(ws).shape == size


def test_truncation_moves_the_first_layers_towards_the_mean() -> None:
    model = _random(SMALL)
    z = torch.randn(3, model.z_dim)
    full = model.mapping(z)
    half = model.mapping(z, psi=0.5, cutoff=4)
    torch.testing.assert_close(half[:, :4], model.w_avg + 0.5 * (full[:, :4] - model.w_avg))
    assert torch.equal(half[:, 4:], full[:, 4:])
    torch.testing.assert_close(model.mapping(z, psi=0.0), model.w_avg.expand_as(full))


def test_until_is_what_the_smaller_network_draws() -> None:
    large = _random(SMALL)
    small = StyleGAN2(replace(SMALL, resolution=16))
    state = {k: v for k, v in large.state_dict().items() if k in small.state_dict()}
    small.load_state_dict(state)
    ws = torch.randn(2, large.num_ws, large.w_dim)
    torch.testing.assert_close(large.synthesis(ws, until=16), small.synthesis(ws[:, : small.num_ws]))
    torch.testing.assert_close(large.synthesis(ws, until=32), large.synthesis(ws))


def test_growing_keeps_the_lower_blocks() -> None:
    small, large = _random(replace(SMALL, resolution=16), seed=1), _random(SMALL, seed=2)
    missing = large.load_state_dict(small.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert all(key.startswith("synthesis.b32.") for key in missing.missing_keys)
    ws = torch.randn(2, large.num_ws, large.w_dim)
    torch.testing.assert_close(large.synthesis(ws, until=16), small.synthesis(ws[:, : small.num_ws]))


def test_training_with_random_noise_under_bfloat16_reaches_every_weight() -> None:
    model = _random(SMALL).train()
    ws = torch.randn(2, model.num_ws, model.w_dim, requires_grad=True)
    generator = torch.Generator().manual_seed(3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        image = model.synthesis(ws, noise="random", generator=generator)
    assert image.dtype == torch.float32
    image.square().mean().backward()
    for parameter in (ws, *model.synthesis.parameters()):
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
    exact = model.synthesis(ws, noise="random", generator=torch.Generator().manual_seed(3))
    assert (image - exact).abs().mean() < 0.05 * exact.abs().mean()


def test_random_noise_is_drawn_per_sample_and_repeats_with_its_seed() -> None:
    model = _random(SMALL)
    ws = torch.randn(1, model.num_ws, model.w_dim).expand(2, -1, -1)
    first = model.synthesis(ws, noise="random", generator=torch.Generator().manual_seed(1))
    again = model.synthesis(ws, noise="random", generator=torch.Generator().manual_seed(1))
    assert torch.equal(first, again)
    assert not torch.allclose(first[0], first[1])


def test_a_weight_changed_in_eval_mode_shows_at_once() -> None:
    """The sum of squares for demodulation is kept between calls; it must follow the weight."""
    model = _random(SMALL).requires_grad_(False)
    ws = torch.randn(2, model.num_ws, model.w_dim)
    with torch.inference_mode():
        model.synthesis(ws)
    conv = model.synthesis.get_parameter("b8.conv1.weight")
    conv[:, 0] *= 3.0
    torch.testing.assert_close(model.synthesis(ws), reference.stylegan2_synthesis(model, ws), rtol=1e-4, atol=1e-4)
    ws.requires_grad_()  # what was kept under inference_mode must serve autograd too
    assert torch.autograd.grad(model.synthesis(ws).sum(), ws)[0].isfinite().all()


def test_generator_id_names_configuration_and_weights() -> None:
    model, twin, other = _random(SMALL), _random(SMALL), _random(SMALL, seed=1)
    assert model.generator_id == twin.generator_id
    assert model.generator_id.startswith("stylegan2-32-")
    assert model.generator_id != other.generator_id
    before = model.generator_id
    with torch.no_grad():
        model.synthesis.get_parameter("b4.const").add_(1e-3)
    assert model.generator_id != before
    assert StyleGAN2Config(resolution=8, conv_clamp=256) == StyleGAN2Config(resolution=8, conv_clamp=256.0)


def test_resample_filters_of_the_reference_load_strictly_and_others_are_refused() -> None:
    model = _random(SMALL)
    row = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(row, row) / 64.0
    names = ("synthesis.b4.resample_filter", "synthesis.b8.conv0.resample_filter")
    model.load_state_dict(model.state_dict() | dict.fromkeys(names, kernel))
    with pytest.raises(CheckpointError, match=r"b4\.resample_filter"):
        model.load_state_dict(model.state_dict() | {names[0]: kernel.flip(0) + 0.1})


@pytest.mark.parametrize(
    "change",
    [
        {"resolution": 48},
        {"resolution": 2},
        {"architecture": "orig"},
        {"channel_base": 16},
        {"mapping_layers": 0},
        {"w_dim": 0},
        {"c_dim": -1},
    ],
)
def test_a_configuration_that_describes_no_network_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        replace(SMALL, **change)


def test_wrong_inputs_are_told_what_is_accepted() -> None:
    model = _random(SMALL)
    with pytest.raises(LatentError, match=r"\(N, 8, 5\)"):
        model.synthesis(torch.zeros(1, 18, 5))
    with pytest.raises(InputError, match=r"\(N, 6\)"):
        model.mapping(torch.zeros(1, 7))
    with pytest.raises(InputError, match="4, 8, 16, 32"):
        model.synthesis(torch.zeros(1, 8, 5), until=64)
    with pytest.raises(InputError, match="const"):
        model.synthesis(torch.zeros(1, 8, 5), noise="fresh")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="conditional"):
        _random(CONFIGS["conditional"]).mapping(torch.zeros(1, 6))


# Against numbers of NVIDIA's PyTorch reference.


def _published(name: str) -> tuple[StyleGAN2, dict[str, Tensor]]:
    if not VECTORS.is_dir():
        pytest.skip(f"reference vectors are not at {VECTORS}")
    given = json.loads((VECTORS / f"{name}.json").read_text())["init_kwargs"]
    model = StyleGAN2(
        StyleGAN2Config(
            resolution=given["img_resolution"],
            z_dim=given["z_dim"],
            w_dim=given["w_dim"],
            c_dim=given["c_dim"],
            mapping_layers=given["mapping_kwargs"]["num_layers"],
            img_channels=given["img_channels"],
            **given["synthesis_kwargs"],
        )
    )
    model.load_state_dict(load_file(VECTORS / f"{name}.state.safetensors"), strict=True)
    return model.eval(), load_file(VECTORS / f"{name}.io.safetensors")


SETS = ["a_skip64", "b_resnet64", "c_cond32", "d_clamp32", "e_map2_128"]


@pytest.mark.parametrize("name", SETS)
def test_images_equal_the_published_ones(name: str) -> None:
    model, io = _published(name)
    with torch.no_grad():
        for key, want in io.items():
            if key.startswith("img."):
                _, noise, latent = key.split(".", 2)
                got = model.synthesis(io[f"ws.{latent}"][: len(want)], noise=noise)  # type: ignore[arg-type]
                got = got if got.shape == want.shape else got[:, :, ::2, ::2]
                torch.testing.assert_close(got, want, rtol=0, atol=1e-4, msg=key)
            if key.startswith("mid.b") and key.endswith(".img"):
                got = model.synthesis(io["ws.psi1"][: len(want)], until=want.shape[-1])
                torch.testing.assert_close(got, want, rtol=0, atol=1e-4, msg=key)


@pytest.mark.parametrize("name", SETS)
def test_latents_equal_the_published_ones(name: str) -> None:
    model, io = _published(name)
    z, c = io["in.z"], io.get("in.c")
    with torch.no_grad():
        torch.testing.assert_close(model.mapping(z, c), io["ws.psi1"], rtol=0, atol=1e-4)
        torch.testing.assert_close(model.mapping(z, c, psi=0.7), io["ws.psi0.7"], rtol=0, atol=1e-4)
        torch.testing.assert_close(model.mapping(z, c, psi=0.7, cutoff=4), io["ws.psi0.7_cut4"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", SETS)
def test_gradients_equal_the_published_ones(name: str) -> None:
    model, io = _published(name)
    planes = {key.removeprefix("grad_noise.meansq."): key for key in io if key.startswith("grad_noise.meansq.")}
    for latent, suffix in (("ws.psi1", "ws"), ("ws.wplus", "wplus")):
        ws = io[latent].clone().requires_grad_()
        noises = [model.synthesis.get_buffer(plane).requires_grad_() for plane in planes]
        image = model.synthesis(ws)
        gradients = torch.autograd.grad(image.square().mean(), [ws, *noises], retain_graph=True)
        wanted = {f"grad_{suffix}.meansq": gradients[0]}
        if suffix == "ws":
            wanted |= dict(zip(planes.values(), gradients[1:], strict=True))
            wanted["grad_ws.mean"] = torch.autograd.grad(image.mean(), ws)[0]
        for key, got in wanted.items():
            torch.testing.assert_close(got, io[key], rtol=0, atol=1e-4 * float(io[key].abs().max()), msg=key)
