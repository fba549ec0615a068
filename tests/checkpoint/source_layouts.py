"""Random generators in the layouts of other projects, and what those projects would draw with them.

Each `draw` is written from the definitions of its project's forward pass, on the tensors as that project stores them:
nothing of facsmith is used, so that a tensor read wrongly shows as a picture drawn otherwise.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

State = OrderedDict[str, Tensor]


def _normal(*shape: int, seed: list[int]) -> Tensor:
    seed[0] += 1
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed[0]))


def _lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def _blur(x: Tensor, row: list[float], gain: float = 1.0, pad: tuple[int, int] = (1, 1)) -> Tensor:
    kernel = torch.outer(torch.tensor(row), torch.tensor(row))
    kernel = kernel / kernel.sum() * gain
    return F.conv2d(F.pad(x, (*pad, *pad)), kernel.expand(x.shape[1], 1, *kernel.shape), groups=x.shape[1])


def _pixel_norm(z: Tensor) -> Tensor:
    return z / torch.sqrt((z * z).mean(1, keepdim=True) + 1e-8)


def _instance_norm(x: Tensor, eps: float) -> Tensor:
    x = x - x.mean((2, 3), keepdim=True)
    return x / torch.sqrt((x * x).mean((2, 3), keepdim=True) + eps)


@dataclass(frozen=True)
class Sizes:
    """A network small enough for a test; 128 px where the other way of up-sampling must be met."""

    resolution: int = 16
    z: int = 12
    w: int = 10
    hidden: int = 10
    layers: int = 3

    @property
    def channels(self) -> list[int]:
        """From 4 px upwards; 3 and more, all falling as min(base // r, top)."""
        return [min(4 * self.resolution // (4 * 2**k), 8) for k in range(int(math.log2(self.resolution)) - 1)]


# genforce


def genforce_stylegan2(sizes: Sizes = Sizes()) -> State:
    """generator_smooth of genforce's StyleGAN2, architecture skip."""
    seed, state = [100], OrderedDict()
    widths = [sizes.z, *[sizes.w] * sizes.layers]
    for i, (a, b) in enumerate(pairwise(widths)):
        state[f"mapping.dense{i}.weight"] = 100 * _normal(b, a, seed=seed)
        state[f"mapping.dense{i}.bias"] = 30 * _normal(b, seed=seed)
    state["truncation.w_avg"] = _normal(sizes.w, seed=seed)
    channels = sizes.channels
    state["synthesis.early_layer.const"] = _normal(1, channels[0], 4, 4, seed=seed)
    fir = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 16
    for block, count in enumerate(channels):
        resolution = 4 * 2**block
        convs = {2 * block: count} | ({2 * block - 1: channels[block - 1]} if block else {})
        for index, below in sorted(convs.items()):
            layer = f"synthesis.layer{index}"
            state[f"{layer}.weight"] = _normal(count, below, 3, 3, seed=seed)
            state[f"{layer}.bias"] = _normal(count, seed=seed)
            state[f"{layer}.noise_strength"] = _normal(seed=seed) * 0.5
            state[f"{layer}.noise"] = _normal(1, 1, resolution, resolution, seed=seed)
            state[f"{layer}.style.weight"] = _normal(below, sizes.w, seed=seed)
            state[f"{layer}.style.bias"] = 0.3 * _normal(below, seed=seed)
            if index % 2:
                state[f"{layer}.filter.kernel"] = fir[None, None]
        layer = f"synthesis.output{block}"
        state[f"{layer}.weight"] = _normal(3, count, 1, 1, seed=seed)
        state[f"{layer}.bias"] = _normal(3, seed=seed)
        state[f"{layer}.style.weight"] = _normal(count, sizes.w, seed=seed)
        state[f"{layer}.style.bias"] = 0.3 * _normal(count, seed=seed)
    state["synthesis.upsample.kernel"] = fir[None, None]
    return state


def draw_genforce_stylegan2(state: State, z: Tensor) -> Tensor:
    """(N, 3, R, R), stored noise, no truncation."""
    w = _pixel_norm(z)
    for i in range(sum(".dense" in n and n.endswith("bias") for n in state)):
        weight = state[f"mapping.dense{i}.weight"]
        w = F.linear(w, weight * 0.01 / math.sqrt(weight.shape[1]), state[f"mapping.dense{i}.bias"] * 0.01)
        w = _lrelu(w) * math.sqrt(2)
    image = None
    x = state["synthesis.early_layer.const"].repeat(len(z), 1, 1, 1)
    layers = sum("layer" in n and n.endswith("noise") for n in state)
    for index in range(layers):
        x = _genforce_modulated(state, f"synthesis.layer{index}", x, w, up=index % 2 == 1, demodulate=True)
        x = x + state[f"synthesis.layer{index}.noise"] * state[f"synthesis.layer{index}.noise_strength"]
        x = _lrelu(x + state[f"synthesis.layer{index}.bias"].view(1, -1, 1, 1)) * math.sqrt(2)
        if index % 2 == 0:
            name = f"synthesis.output{index // 2}"
            rgb = _genforce_modulated(state, name, x, w, up=False, demodulate=False)
            rgb = rgb + state[f"{name}.bias"].view(1, -1, 1, 1)
            image = rgb if image is None else rgb + _up_fir(image)
    return image


def _up_fir(image: Tensor) -> Tensor:
    n, c, h, w = image.shape
    spread = torch.zeros(n, c, 2 * h, 2 * w)
    spread[:, :, ::2, ::2] = image
    return _blur(spread, [1.0, 3, 3, 1], 4.0, (2, 1))


def _genforce_modulated(state: State, name: str, x: Tensor, w: Tensor, *, up: bool, demodulate: bool) -> Tensor:
    weight, style = state[f"{name}.weight"], state[f"{name}.style.weight"]
    scales = F.linear(w, style / math.sqrt(style.shape[1]), state[f"{name}.style.bias"]) + 1.0
    out = []
    for picture, scale in zip(x, scales, strict=True):
        kernel = weight / math.sqrt(weight[0].numel()) * scale.view(1, -1, 1, 1)
        if demodulate:
            kernel = kernel / torch.sqrt(kernel.square().sum((1, 2, 3), keepdim=True) + 1e-8)
        if up:
            turned = kernel.transpose(0, 1).flip(2, 3)
            out.append(_blur(F.conv_transpose2d(picture[None], turned, stride=2), [1.0, 3, 3, 1], 4.0))
        else:
            out.append(F.conv2d(picture[None], kernel, padding=kernel.shape[-1] // 2))
    return torch.cat(out)


def genforce_stylegan1(sizes: Sizes = Sizes()) -> State:
    """generator_smooth of genforce's StyleGAN1."""
    seed, state = [300], OrderedDict()
    widths = [sizes.z, *[sizes.hidden] * (sizes.layers - 1), sizes.w]
    for i, (a, b) in enumerate(pairwise(widths)):
        state[f"mapping.dense{i}.weight"] = 100 * _normal(b, a, seed=seed)
        state[f"mapping.dense{i}.bias"] = 30 * _normal(b, seed=seed)
    state["truncation.w_avg"] = _normal(sizes.w, seed=seed)
    state["synthesis.lod"] = torch.zeros(())
    channels = sizes.channels
    for block, count in enumerate(channels):
        resolution = 4 * 2**block
        for half in (0, 1):
            layer = f"synthesis.layer{2 * block + half}"
            if block == 0 and half == 0:
                state[f"{layer}.const"] = _normal(1, count, 4, 4, seed=seed)
            else:
                below = count if half else channels[block - 1]
                state[f"{layer}.weight"] = _normal(count, below, 3, 3, seed=seed)
            state[f"{layer}.bias"] = 0.3 * _normal(count, seed=seed)
            state[f"{layer}.apply_noise.noise"] = _normal(1, 1, resolution, resolution, seed=seed)
            state[f"{layer}.apply_noise.weight"] = 0.3 * _normal(count, seed=seed)
            state[f"{layer}.style.weight"] = _normal(2 * count, sizes.w, seed=seed)
            state[f"{layer}.style.bias"] = 0.3 * _normal(2 * count, seed=seed)
            if block and not half:
                kernel = torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([1.0, 2, 1])) / 16
                state[f"{layer}.blur.kernel"] = kernel.expand(count, 1, 3, 3).clone()
        state[f"synthesis.output{block}.weight"] = _normal(3, count, 1, 1, seed=seed)
        state[f"synthesis.output{block}.bias"] = _normal(3, seed=seed)
    return state


def draw_genforce_stylegan1(state: State, z: Tensor) -> Tensor:
    """(N, 3, R, R), stored noise, no truncation; up-sampling is fused from 128 px on."""
    w = _pixel_norm(z)
    for i in range(sum(".dense" in n and n.endswith("bias") for n in state)):
        weight = state[f"mapping.dense{i}.weight"]
        gain = math.sqrt(2 / weight.shape[1]) * 0.01
        w = _lrelu(F.linear(w, weight * gain, state[f"mapping.dense{i}.bias"] * 0.01))
    x = state["synthesis.layer0.const"].repeat(len(z), 1, 1, 1)
    for index in range(sum(n.endswith("apply_noise.noise") for n in state)):
        name = f"synthesis.layer{index}"
        if index:
            kernel = state[f"{name}.weight"]
            kernel = kernel * math.sqrt(2 / kernel[0].numel())
            if index % 2:
                x = F.conv2d(x, kernel, padding=1)
            elif 2 * x.shape[-1] >= 128:
                x = _blur(_transposed_of_four(x, kernel.transpose(0, 1)), [1.0, 2, 1])
            else:
                x = _blur(F.conv2d(F.interpolate(x, scale_factor=2), kernel, padding=1), [1.0, 2, 1])
        x = x + state[f"{name}.apply_noise.noise"] * state[f"{name}.apply_noise.weight"].view(1, -1, 1, 1)
        x = _instance_norm(_lrelu(x + state[f"{name}.bias"].view(1, -1, 1, 1)), 1e-8)
        style = state[f"{name}.style.weight"]
        scale, shift = F.linear(w, style / math.sqrt(style.shape[1]), state[f"{name}.style.bias"]).chunk(2, 1)
        x = x * (scale[..., None, None] + 1) + shift[..., None, None]
    last = max(int(n.split(".")[1].removeprefix("output")) for n in state if ".output" in n)
    rgb = state[f"synthesis.output{last}.weight"]
    return F.conv2d(x, rgb / math.sqrt(rgb.shape[1]), state[f"synthesis.output{last}.bias"])


def _transposed_of_four(x: Tensor, kernel: Tensor) -> Tensor:
    """kernel: (in, out, 3, 3); the sum of its four shifts, as a transposed convolution of stride 2."""
    wide = F.pad(kernel, (1, 1, 1, 1))
    wide = wide[:, :, 1:, 1:] + wide[:, :, :-1, 1:] + wide[:, :, 1:, :-1] + wide[:, :, :-1, :-1]
    return F.conv_transpose2d(x, wide, stride=2, padding=1)


# rosinality's StyleGAN1


def rosinality_stylegan1(sizes: Sizes = Sizes(), *, fused: bool = False, untrained: int = 0) -> State:
    """g_running of style-based-gan-pytorch's StyledGenerator, ending in ``untrained`` blocks."""
    seed, state = [500], OrderedDict()
    channels = sizes.channels + [3] * untrained
    blur = (torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([1.0, 2, 1])) / 16)[None, None]
    for block, count in enumerate(channels):
        zero = 0.0 if block >= len(sizes.channels) else 1.0
        name = f"generator.progression.{block}"
        if not block:
            state[f"{name}.conv1.input"] = _normal(1, count, 4, 4, seed=seed)
        elif fused:
            state[f"{name}.conv1.0.weight"] = _normal(channels[block - 1], count, 3, 3, seed=seed)
            state[f"{name}.conv1.0.bias"] = zero * 0.3 * _normal(count, seed=seed)
            state[f"{name}.conv1.1.weight"] = state[f"{name}.conv1.1.weight_flip"] = blur
        else:
            state[f"{name}.conv1.1.conv.weight_orig"] = _normal(count, channels[block - 1], 3, 3, seed=seed)
            state[f"{name}.conv1.1.conv.bias"] = zero * 0.3 * _normal(count, seed=seed)
            state[f"{name}.conv1.2.weight"] = state[f"{name}.conv1.2.weight_flip"] = blur
        state[f"{name}.conv2.conv.weight_orig"] = _normal(count, count, 3, 3, seed=seed)
        state[f"{name}.conv2.conv.bias"] = zero * 0.3 * _normal(count, seed=seed)
        for i in (1, 2):
            state[f"{name}.noise{i}.weight_orig"] = zero * 0.3 * _normal(1, count, 1, 1, seed=seed)
            state[f"{name}.adain{i}.style.linear.weight_orig"] = _normal(2 * count, sizes.w, seed=seed)
            state[f"{name}.adain{i}.style.linear.bias"] = torch.cat(
                [torch.ones(count), torch.zeros(count)]
            ) + zero * 0.3 * _normal(2 * count, seed=seed)
        state[f"generator.to_rgb.{block}.conv.weight_orig"] = _normal(3, count, 1, 1, seed=seed)
        state[f"generator.to_rgb.{block}.conv.bias"] = _normal(3, seed=seed)
    widths = [sizes.z, *[sizes.w] * sizes.layers]
    for i, (a, b) in enumerate(pairwise(widths)):
        state[f"style.{2 * i + 1}.linear.weight_orig"] = _normal(b, a, seed=seed)
        state[f"style.{2 * i + 1}.linear.bias"] = 0.3 * _normal(b, seed=seed)
    return state


def draw_rosinality_stylegan1(state: State, z: Tensor, noises: list[Tensor], blocks: int) -> Tensor:
    """(N, 3, R, R) after ``blocks`` blocks. noises: (R, R) for each layer: this project draws new ones every time."""
    w = _pixel_norm(z)
    for i in range(sum(n.startswith("style.") and n.endswith("bias") for n in state)):
        weight = state[f"style.{2 * i + 1}.linear.weight_orig"]
        w = _lrelu(F.linear(w, weight * math.sqrt(2 / weight.shape[1]), state[f"style.{2 * i + 1}.linear.bias"]))
    x = state["generator.progression.0.conv1.input"].repeat(len(z), 1, 1, 1)
    for block in range(blocks):
        name = f"generator.progression.{block}"
        if f"{name}.conv1.0.weight" in state:
            kernel = state[f"{name}.conv1.0.weight"]
            kernel = kernel * math.sqrt(2 / (len(kernel) * 9)) / 4
            x = _transposed_of_four(x, kernel) + state[f"{name}.conv1.0.bias"].view(1, -1, 1, 1)
            x = _blur(x, [1.0, 2, 1])
        elif block:
            x = _equal(state, f"{name}.conv1.1.conv", F.interpolate(x, scale_factor=2))
            x = _blur(x, [1.0, 2, 1])
        x = _noise_and_style(state, name, 1, x, noises[2 * block], w)
        x = _equal(state, f"{name}.conv2.conv", x)
        x = _noise_and_style(state, name, 2, x, noises[2 * block + 1], w)
    return _equal(state, f"generator.to_rgb.{blocks - 1}.conv", x)


def _equal(state: State, name: str, x: Tensor) -> Tensor:
    kernel = state[f"{name}.weight_orig"]
    kernel = kernel * math.sqrt(2 / kernel[0].numel())
    return F.conv2d(x, kernel, state[f"{name}.bias"], padding=kernel.shape[-1] // 2)


def _noise_and_style(state: State, name: str, i: int, x: Tensor, noise: Tensor, w: Tensor) -> Tensor:
    weight = state[f"{name}.noise{i}.weight_orig"]
    x = _instance_norm(_lrelu(x + weight * math.sqrt(2 / weight.shape[1]) * noise), 1e-5)
    style = state[f"{name}.adain{i}.style.linear.weight_orig"]
    made = F.linear(w, style * math.sqrt(2 / style.shape[1]), state[f"{name}.adain{i}.style.linear.bias"])
    gamma, beta = made[..., None, None].chunk(2, 1)
    return gamma * x + beta
