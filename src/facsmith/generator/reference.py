"""The definitions that the fast operations must equal: slow, written to be read beside the papers.

Each function has the arguments of its fast twin in ``ops`` or ``stylegan1`` / ``stylegan2``. Nothing here is used in
production; tests hold the twins equal, benchmarks/synthesis.py measures what the fast ones gain.
"""

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facsmith.generator.protocol import NoiseMode
from facsmith.generator.stylegan1 import StyleGAN1
from facsmith.generator.stylegan1 import SynthesisBlock as StyleGAN1Block
from facsmith.generator.stylegan2 import StyleGAN2, SynthesisBlock, SynthesisLayer, ToRGBLayer

__all__ = [
    "adaptive_instance_norm",
    "fir",
    "insert_zeros",
    "modulated_conv",
    "nearest_conv3x3_blur",
    "noise_bias_act",
    "stylegan1_synthesis",
    "stylegan2_synthesis",
    "to_rgb",
    "upsample2x",
]


def insert_zeros(x: Tensor) -> Tensor:
    """x: (N, C, H, W) -> (N, C, 2H, 2W), each pixel followed by a zero in both directions."""
    n, channels, height, width = x.shape
    spread = x.new_zeros(n, channels, height, 2, width, 2)
    spread[:, :, :, 0, :, 0] = x
    return spread.reshape(n, channels, 2 * height, 2 * width)


def fir(x: Tensor, taps: list[float], *, before: int, after: int) -> Tensor:
    """Filter each plane with the outer product of ``taps``, after zero padding above/left and below/right."""
    row = torch.tensor(taps, dtype=x.dtype, device=x.device)
    kernel = torch.outer(row, row).expand(x.shape[1], 1, -1, -1)
    return F.conv2d(F.pad(x, (before, after, before, after)), kernel, groups=x.shape[1])


def upsample2x(image: Tensor) -> Tensor:
    """image: (N, C, H, W) -> (N, C, 2H, 2W): insert zeros, then [1, 3, 3, 1] / 4 along both axes."""
    return fir(insert_zeros(image), [0.25, 0.75, 0.75, 0.25], before=2, after=1)


def modulated_conv(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    bias: Tensor,
    noise: Tensor | None = None,
    up: bool = False,
    gain: float = 1.0,
    clamp: float | None = None,
) -> Tensor:
    """StyleGAN2's layer by its definition: every sample has its own modulated, normalised filters.

    Parameters
    ----------
    x
        (N, I, H, H).
    weight
        (O, I, 3, 3).
    styles
        (N, I).
    bias
        (O,).
    noise
        (1 or N, 1, R, R).

    Returns
    -------
    Tensor
        (N, O, R, R).
    """
    outputs: list[Tensor] = []
    for sample, style in zip(x, styles, strict=True):
        filters = weight * style[:, None, None]
        filters = filters * torch.rsqrt(filters.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
        if up:
            # A transposed convolution: insert zeros, convolve (the kernel rotated: conv2d correlates), then smooth.
            y = F.conv2d(F.pad(insert_zeros(sample[None]), (2, 1, 2, 1)), filters.flip(2, 3))
            outputs.append(fir(y, [0.25, 0.75, 0.75, 0.25], before=1, after=1))
        else:
            outputs.append(F.conv2d(sample[None], filters, padding=1))
    y = torch.cat(outputs)
    if noise is not None:
        y = y + noise
    y = F.leaky_relu(y + bias[:, None, None], 0.2) * (math.sqrt(2.0) * gain)
    return y if clamp is None else y.clamp(-clamp, clamp)


def to_rgb(x: Tensor, weight: Tensor, styles: Tensor, bias: Tensor) -> Tensor:
    """x: (N, C, H, W), weight: (K, C), styles: (N, C), bias: (K,) -> (N, K, H, W)."""
    return F.conv2d(x * styles[:, :, None, None], weight[:, :, None, None], bias)


def nearest_conv3x3_blur(x: Tensor, weight: Tensor) -> Tensor:
    """StyleGAN1's up-sampling: repeat pixels, 3 x 3 convolution, [1, 2, 1] / 4 blur.

    Parameters
    ----------
    x
        (N, I, H, W).
    weight
        (O, I, 3, 3).
    """
    repeated = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    return fir(F.conv2d(repeated, weight, padding=1), [0.25, 0.5, 0.25], before=1, after=1)


def noise_bias_act(x: Tensor, bias: Tensor, noise: Tensor | None, noise_weight: Tensor) -> Tensor:
    """Leaky ReLU 0.2 of ``x + noise * noise_weight + bias``.

    Parameters
    ----------
    x
        (N, C, H, W).
    bias, noise_weight
        (C,).
    noise
        (1 or N, 1, H, W) or None.
    """
    if noise is not None:
        x = x + noise * noise_weight[:, None, None]
    return F.leaky_relu(x + bias[:, None, None], 0.2)


def adaptive_instance_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Each plane to mean 0 and variance 1, then times scale plus shift.

    Parameters
    ----------
    x
        (N, C, H, W).
    scale, shift
        (N, C).
    """
    variance, mean = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-8) * scale[:, :, None, None] + shift[:, :, None, None]


def stylegan2_synthesis(model: StyleGAN2, ws: Tensor, *, noise: NoiseMode = "const") -> Tensor:
    """What ``model.synthesis(ws, noise=noise)`` must return; noise "random" is left to the fast path."""
    cfg = model.config
    clamp = cfg.conv_clamp

    def layer(module: SynthesisLayer, x: Tensor, w: Tensor, gain: float = 1.0) -> Tensor:
        styles = linear(module.affine, w)
        plane = module.noise_const * module.noise_strength if noise == "const" else None
        bound = None if clamp is None else clamp * gain
        return modulated_conv(
            x, module.weight, styles, bias=module.bias, noise=plane, up=module.up, gain=gain, clamp=bound
        )

    def rgb(module: ToRGBLayer, x: Tensor, w: Tensor) -> Tensor:
        styles = linear(module.affine, w) / math.sqrt(x.shape[1])
        y = to_rgb(x, module.weight[:, :, 0, 0], styles, module.bias)
        return y if clamp is None else y.clamp(-clamp, clamp)

    def linear(module: nn.Module, w: Tensor) -> Tensor:
        weight, bias = cast(Tensor, module.weight), cast(Tensor, module.bias)
        return w @ (weight / math.sqrt(weight.shape[1])).t() + bias

    rows = list(ws.unbind(dim=1))
    block = cast(SynthesisBlock, model.synthesis.get_submodule("b4"))
    x = layer(block.conv1, block.const.expand(len(ws), -1, -1, -1), rows[0])
    image = None if block.torgb is None else rgb(block.torgb, x, rows[1])
    for index, resolution in enumerate(cfg.block_resolutions[1:], start=1):
        block = cast(SynthesisBlock, model.synthesis.get_submodule(f"b{resolution}"))
        w0, w1, w_rgb = rows[2 * index - 1 : 2 * index + 2]
        if cfg.architecture == "resnet":
            skip = block.skip.weight / math.sqrt(x.shape[1])
            branch = upsample2x(F.conv2d(x, skip)) * math.sqrt(0.5)
            x = branch + layer(block.conv1, layer(block.conv0, x, w0), w1, math.sqrt(0.5))
        else:
            x = layer(block.conv1, layer(block.conv0, x, w0), w1)
        if block.torgb is not None:
            new = rgb(block.torgb, x, w_rgb)
            image = new if image is None else upsample2x(image) + new
    assert image is not None
    return image


def stylegan1_synthesis(model: StyleGAN1, ws: Tensor, *, noise: NoiseMode = "const") -> Tensor:
    """What ``model.synthesis(ws, noise=noise)`` must return; noise "random" is left to the fast path."""
    rows = iter(ws.unbind(dim=1))
    first = cast(StyleGAN1Block, model.synthesis.get_submodule("b4"))
    x = first.const.expand(len(ws), -1, -1, -1)
    for resolution in model.config.block_resolutions:
        block = cast(StyleGAN1Block, model.synthesis.get_submodule(f"b{resolution}"))
        for layer in (block.layer0, block.layer1):
            if layer.up:
                x = nearest_conv3x3_blur(x, layer.weight)
            elif layer is not first.layer0:
                x = F.conv2d(x, layer.weight, padding=1)
            plane = layer.noise_const if noise == "const" else None
            x = noise_bias_act(x, layer.bias, plane, layer.noise_weight)
            scale, shift = layer.style(next(rows)).chunk(2, dim=1)
            x = adaptive_instance_norm(x, scale + 1.0, shift)
    return F.conv2d(x, model.synthesis.torgb.weight, model.synthesis.torgb.bias)
