"""StyleGAN1: equal to the TensorFlow definitions and to the published numbers."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from facsmith.errors import CheckpointError, InputError, LatentError
from facsmith.generator import Generator, StyleGAN1, StyleGAN1Config, reference, stylegan1

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "stylegan1"
SMALL = StyleGAN1Config(
    resolution=16, z_dim=6, mapping_dim=7, w_dim=5, mapping_layers=3, c_dim=0, channels={4: 8, 8: 6, 16: 4}
)


def _random(config: StyleGAN1Config) -> StyleGAN1:
    torch.manual_seed(0)
    model = StyleGAN1(config).eval()
    for name, parameter in model.named_parameters():
        if name.endswith(("bias", "noise_weight", "const")):
            torch.nn.init.normal_(parameter, std=0.5)
    torch.nn.init.normal_(model.mapping.w_avg)
    return model


@pytest.mark.parametrize("noise", ["const", "none"])
def test_fast_synthesis_equals_the_reference(noise: Any) -> None:
    model = _random(SMALL)
    ws = torch.randn(3, model.num_ws, model.w_dim)
    want = reference.stylegan1_synthesis(model, ws, noise=noise)
    torch.testing.assert_close(model.synthesis(ws, noise=noise), want, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(model.synthesis(ws[1:2], noise=noise)[0], want[1], rtol=1e-4, atol=1e-4)


def test_gradients_equal_the_reference() -> None:
    model = _random(SMALL)
    ws = torch.randn(2, model.num_ws, model.w_dim, requires_grad=True)
    inputs = [ws, *model.synthesis.parameters()]
    fast = torch.autograd.grad(model.synthesis(ws).square().mean(), inputs)
    slow = torch.autograd.grad(reference.stylegan1_synthesis(model, ws).square().mean(), inputs)
    for got, want in zip(fast, slow, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4 * float(want.abs().max()) + 1e-7)


def test_protocol_num_ws_and_conditional_mapping() -> None:
    model = _random(replace(SMALL, c_dim=2))
    assert isinstance(model, Generator)
    assert model.num_ws == 6
    z = torch.randn(2, 6)
    ws = model.mapping(z, torch.eye(2), psi=0.7, cutoff=2)
    assert model.synthesis(ws).shape == (2, 3, 16, 16)
    assert not torch.allclose(ws, model.mapping(z, torch.eye(2).flip(0), psi=0.7, cutoff=2))
    with pytest.raises(InputError, match="conditional"):
        model.mapping(z)
    with pytest.raises(LatentError):
        model.synthesis(ws[:, :5])


def test_random_noise_trains_under_bfloat16() -> None:
    model = _random(SMALL).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        image = model.synthesis(model.mapping(torch.randn(2, 6), psi=0.9), noise="random")
    image.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_configuration_without_a_resolution_is_refused() -> None:
    with pytest.raises(InputError, match="channels"):
        replace(SMALL, channels={4: 8, 16: 4})


def _tf_variables(resolution: int) -> tuple[dict[str, np.ndarray], ...]:
    """The arrays of a hand-built TF pickle, by an unpickler that knows arrays and one inert class only."""

    class Network:
        def __setstate__(self, state: dict[str, Any]) -> None:
            self.state = state

    class ArraysOnly(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) == ("dnnlib.tflib.network", "Network"):
                return Network
            if module.startswith("numpy") and name in ("_reconstruct", "ndarray", "dtype", "scalar"):
                return super().find_class(module.replace("numpy.core", "numpy._core"), name)
            raise pickle.UnpicklingError(f"{module}.{name}")

    path = VECTORS / f"stylegan1-res{resolution}-tf.pkl"
    if not path.is_file():
        pytest.skip(f"reference vectors are not at {VECTORS}")
    with path.open("rb") as file:
        gs = ArraysOnly(file).load()[2].state
    parts = (gs["components"]["synthesis"].state, gs["components"]["mapping"].state, gs)
    return tuple(dict(part["variables"]) for part in parts)


@pytest.mark.parametrize("resolution", [64, 128])
def test_latents_images_and_gradients_equal_the_published_ones(resolution: int) -> None:
    synthesis, mapping, gs = _tf_variables(resolution)
    model = StyleGAN1(stylegan1.config_from_tf(synthesis, mapping)).eval()
    model.load_state_dict(stylegan1.state_from_tf(synthesis, mapping, gs), strict=True)
    io = load_file(VECTORS / f"stylegan1-res{resolution}.expected.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(model.mapping(io["in.z"])[:, 0], io["w"], rtol=0, atol=1e-4)
        truncated = model.mapping(io["in.z"], psi=0.7, cutoff=8)
        torch.testing.assert_close(truncated, io["wp.psi0.7_cut8"], rtol=0, atol=1e-4)
        for key in [key for key in io if key.startswith(("img.const", "img.none"))]:
            _, noise, latent = key.split(".", 2)
            want = io[key]
            got = model.synthesis(io[f"wp.{latent}"][: len(want)], noise=noise)  # type: ignore[arg-type]
            got = got if got.shape == want.shape else got[:, :, ::2, ::2]
            torch.testing.assert_close(got, want, rtol=0, atol=1e-4, msg=key)
    ws = io["wp.psi0.7_cut8"].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.synthesis(ws).square().mean(), ws)
    want = io["grad_wp.meansq"]
    torch.testing.assert_close(gradient, want, rtol=0, atol=1e-4 * float(want.abs().max()))


def _invented(resolution: int) -> tuple[dict[str, np.ndarray], ...]:
    """TF variables of a conditional network, made up here: no shared data needed."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    synthesis: dict[str, np.ndarray] = {"lod": np.float32(0), "4x4/Const/const": draw(1, 4, 4, 4)}  # type: ignore[dict-item]
    resolutions = [2**k for k in range(2, resolution.bit_length())]
    for index, r in enumerate(resolutions):
        for offset, name in enumerate(("Const", "Conv") if r == 4 else ("Conv0_up", "Conv1")):
            scope = f"{r}x{r}/{name}"
            synthesis |= {f"noise{2 * index + offset}": draw(1, 1, r, r), f"{scope}/bias": draw(4)}
            synthesis |= {f"{scope}/Noise/weight": draw(4), f"{scope}/StyleMod/bias": draw(8)}
            synthesis[f"{scope}/StyleMod/weight"] = draw(5, 8)
            if name != "Const":
                synthesis[f"{scope}/weight"] = draw(3, 3, 4, 4)
    synthesis |= {"ToRGB_lod0/weight": draw(1, 1, 4, 3), "ToRGB_lod0/bias": draw(3)}
    mapping = {"LabelConcat/weight": draw(2, 6), "Dense0/weight": draw(12, 7), "Dense0/bias": draw(7)}
    mapping |= {"Dense1/weight": draw(7, 5), "Dense1/bias": draw(5)}
    return synthesis, mapping, {"dlatent_avg": draw(5)}


def test_tf_variables_of_a_conditional_network_are_understood() -> None:
    variables = _invented(8)
    config = stylegan1.config_from_tf(*variables[:2])
    assert config == StyleGAN1Config(8, 6, 7, 5, 2, 2, {4: 4, 8: 4})
    model = StyleGAN1(config)
    model.load_state_dict(stylegan1.state_from_tf(*variables), strict=True)
    assert model.synthesis(model.mapping(torch.randn(1, 6), torch.eye(2)[:1])).shape == (1, 3, 8, 8)


def test_only_fused_up_sampling_kernels_are_rotated() -> None:
    variables = _invented(128)
    state = stylegan1.state_from_tf(*variables)
    for resolution in (8, 64, 128):
        stored = variables[0][f"{resolution}x{resolution}/Conv0_up/weight"].transpose(3, 2, 0, 1)
        stored = torch.tensor(np.ascontiguousarray(stored)) * np.sqrt(2 / 36)
        ours = state[f"synthesis.b{resolution}.layer0.weight"]
        torch.testing.assert_close(ours, stored.flip(2, 3) if resolution == 128 else stored)


def test_missing_variables_and_growing_networks_are_refused() -> None:
    synthesis, mapping, gs = _invented(8)
    with pytest.raises(CheckpointError, match="dlatent_avg"):
        stylegan1.state_from_tf(synthesis, mapping, {})
    with pytest.raises(CheckpointError, match=r"lod 1\.5"):
        stylegan1.state_from_tf(synthesis | {"lod": np.float32(1.5)}, mapping, gs)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="no StyleGAN1"):
        stylegan1.config_from_tf({}, mapping)
