"""rosinality's StyleGAN1 (https://github.com/rosinality/style-based-gan-pytorch), and the configuration it implies."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facsmith.errors import CheckpointError
from facsmith.generator import StyleGAN1Config

__all__ = ["from_rosinality1"]

_BLUR: Final = np.outer([1, 2, 1], [1, 2, 1]) / 16.0
MAX_BLOCKS: Final = 11


def from_rosinality1(
    tensors: Mapping[str, NDArray[Any]],
) -> tuple[StyleGAN1Config, dict[str, NDArray[Any]], tuple[str, ...]]:
    """Configuration, state dict and what must be said of it.

    Weights there are of unit scale, times sqrt(2 / fan-in), the noise's included; styles multiply by gamma, here by 1 +
    gamma. The class has all blocks up to 1024 px whatever it was trained at: those that training never reached have
    noise weights and biases of exactly zero, and are left out. Noise planes are drawn anew for each picture there; here
    they are drawn once. The mean of W is not stored.

    Raises
    ------
    CheckpointError
        A tensor is missing or unknown.
    """
    values = dict(tensors)
    state: dict[str, NDArray[Any]] = {}
    layers = sum(bool(re.fullmatch(r"style\.\d+\.linear\.weight_orig", name)) for name in values)
    for index in range(layers):
        theirs = f"style.{2 * index + 1}.linear"
        _linear(state, f"mapping.fc{index}", values, theirs)
    present = [
        int(m[1]) for m in (re.fullmatch(r"generator\.progression\.(\d{1,2})\.conv2\..*", n) for n in values) if m
    ]
    blocks = max(present, default=-1) + 1
    if not 0 < blocks <= MAX_BLOCKS:
        raise CheckpointError(f"It announces {blocks} resolutions; a StyleGAN1 has 1 to {MAX_BLOCKS}.")
    reached = max((b for b in range(blocks) if _trained(values, b)), default=blocks - 1) + 1
    channels: dict[int, int] = {}
    rng = np.random.default_rng(0)
    for block in range(reached):
        resolution = 4 * 2**block
        theirs, ours = f"generator.progression.{block}", f"synthesis.b{resolution}"
        if block:
            _up(state, f"{ours}.layer0", values, f"{theirs}.conv1")
        else:
            state[f"{ours}.const"] = _take(values, f"{theirs}.conv1.input")[0]
            state[f"{ours}.layer0.bias"] = np.zeros(len(state[f"{ours}.const"]), np.float32)
        weight = _take(values, f"{theirs}.conv2.conv.weight_orig")
        state[f"{ours}.layer1.weight"] = weight * math.sqrt(2 / weight[0].size)
        state[f"{ours}.layer1.bias"] = _take(values, f"{theirs}.conv2.conv.bias")
        channels[resolution] = len(weight)
        for index in (0, 1):
            layer = f"{ours}.layer{index}"
            noise = _take(values, f"{theirs}.noise{index + 1}.weight_orig").reshape(-1)
            state[f"{layer}.noise_weight"] = noise * math.sqrt(2 / max(len(noise), 1))
            state[f"{layer}.noise_const"] = rng.standard_normal((resolution, resolution), np.float32)
            _linear(state, f"{layer}.style", values, f"{theirs}.adain{index + 1}.style.linear")
            state[f"{layer}.style.bias"][: len(noise)] -= 1
    rgb = f"generator.to_rgb.{reached - 1}.conv"
    weight = _take(values, f"{rgb}.weight_orig")
    state["synthesis.torgb.weight"] = weight * math.sqrt(2 / weight[0].size)
    state["synthesis.torgb.bias"] = _take(values, f"{rgb}.bias")
    _check_rest(values, reached)
    first = state["mapping.fc0.weight"]
    config = StyleGAN1Config(
        resolution=4 * 2 ** (reached - 1),
        z_dim=first.shape[1],
        mapping_dim=first.shape[0],
        w_dim=len(state[f"mapping.fc{layers - 1}.bias"]),
        mapping_layers=layers,
        c_dim=0,
        channels=channels,
        norm_eps=1e-5,
        blurred_bias=True,
    )
    state["mapping.w_avg"] = np.zeros(config.w_dim, np.float32)
    notes = ["it stores no noise planes, so one of each is drawn here"]
    if reached < blocks:
        notes.append(f"its blocks above {config.resolution} px were never trained and are left out")
    return config, state, tuple(notes)


def _trained(values: Mapping[str, NDArray[Any]], block: int) -> bool:
    names = [f"generator.progression.{block}.{part}" for part in ("noise1.weight_orig", "noise2.weight_orig")]
    names.append(f"generator.progression.{block}.conv2.conv.bias")
    return any(name in values and bool(values[name].any()) for name in names)


def _up(state: dict[str, NDArray[Any]], ours: str, values: dict[str, NDArray[Any]], theirs: str) -> None:
    """The convolution that doubles the side: of nearest up-sampled features, or fused (its kernel is a quarter)."""
    if f"{theirs}.0.weight" in values:  # fused: a transposed convolution, (in, out, kh, kw)
        kernel = _take(values, f"{theirs}.0.weight")
        scale = math.sqrt(2 / (len(kernel) * kernel[0, 0].size)) / 4
        state[f"{ours}.weight"] = kernel.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1] * scale
        state[f"{ours}.bias"] = _take(values, f"{theirs}.0.bias")
        return
    weight = _take(values, f"{theirs}.1.conv.weight_orig")
    state[f"{ours}.weight"] = weight * math.sqrt(2 / weight[0].size)
    state[f"{ours}.bias"] = _take(values, f"{theirs}.1.conv.bias")


def _linear(state: dict[str, NDArray[Any]], ours: str, values: dict[str, NDArray[Any]], theirs: str) -> None:
    weight = _take(values, f"{theirs}.weight_orig")
    if weight.ndim != 2:
        raise CheckpointError(f"Its tensor {theirs}.weight_orig is of another rank than a fully connected layer's.")
    state[f"{ours}.weight"] = weight * math.sqrt(2 / weight.shape[1])
    state[f"{ours}.bias"] = _take(values, f"{theirs}.bias").copy()


def _check_rest(values: Mapping[str, NDArray[Any]], reached: int) -> None:
    """What is left over: blur filters, and layers of resolutions that are not drawn."""
    for name, array in values.items():
        found = re.match(r"generator\.(progression|to_rgb)\.(\d+)\.", name)
        if found is not None and int(found[2]) >= reached:
            continue
        blur = re.fullmatch(r"generator\.progression\.\d+\.conv1\.\d\.weight(_flip)?", name)
        if blur and (array.shape[-2:] != _BLUR.shape or not np.allclose(array, _BLUR, atol=1e-6)):
            raise CheckpointError(
                f"Its {name} is not the [1, 2, 1] filter that StyleGAN1 is defined with; not run here."
            )
        if not blur and (found is None or found[1] == "progression"):
            raise CheckpointError(f"Its tensor {name} is none of rosinality's StyleGAN1; not run here.")


def _take(values: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in values:
        raise CheckpointError(f"It is no StyleGAN1 of rosinality's present code: its tensor {name} is missing.")
    return np.asarray(values.pop(name), np.float32)
