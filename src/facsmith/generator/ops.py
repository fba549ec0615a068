"""The fast operations of synthesis on a CPU (and sound on a GPU): each has a readable twin in ``reference``.

What makes them fast (measured, see benchmarks/synthesis.py): channels_last; one strided ``conv_transpose2d`` and one
depthwise 4 x 4 filter instead of separable ones; modulation by scaling activations, never per-sample weights where a
gradient is wanted; demodulation as one matrix product; gain folded into demodulation, noise and bias.
"""

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["SQRT2", "bias_act", "binomial_kernel", "demodulation", "depthwise_fir", "scaled", "style_conv", "to_rgb", "upsample2x"]

SQRT2 = math.sqrt(2.0)

_BINOMIAL4 = torch.tensor([1.0, 3.0, 3.0, 1.0])
_BINOMIAL_KERNEL = torch.outer(_BINOMIAL4, _BINOMIAL4) / 16.0


class _DepthwiseFir(torch.autograd.Function):
    """Correlate each plane with one symmetric k x k kernel, zero outside.

    Closed form of the backward pass: the adjoint of padding p is the same filter with padding k - 1 - p, so the
    function is its own derivative's implementation and can be differentiated any number of times.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(kernel)
        ctx.padding = padding
        channels = x.shape[1]
        weight = kernel.to(x.dtype).expand(channels, 1, -1, -1)
        return F.conv2d(x, weight, padding=padding, groups=channels)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (kernel,) = ctx.saved_tensors
        return depthwise_fir(grads[0], kernel, padding=kernel.shape[-1] - 1 - ctx.padding), None, None


def depthwise_fir(x: Tensor, kernel: Tensor, *, padding: int) -> Tensor:
    """x: (N, C, H, W), kernel: (k, k) symmetric in both axes -> (N, C, H + 2 padding - k + 1, ...)."""
    return cast(Tensor, _DepthwiseFir.apply(x, kernel, padding))


def binomial_kernel(like: Tensor) -> Tensor:
    """(4, 4) [1, 3, 3, 1] x [1, 3, 3, 1] / 16 on like's device: StyleGAN2's filter with up-sampling gain 4."""
    return _BINOMIAL_KERNEL.to(like.device)


def upsample2x(image: Tensor) -> Tensor:
    """image: (N, C, H, W) -> (N, C, 2H, 2W) through the [1, 3, 3, 1] filter, zero outside the image.

    Bilinear interpolation is that filter, but repeats the border: one zero pixel of padding makes it exact.
    """
    doubled = F.interpolate(F.pad(image, (1, 1, 1, 1)), scale_factor=2.0, mode="bilinear", align_corners=False)
    return doubled[:, :, 2:-2, 2:-2]


def scaled(x: Tensor, styles: Tensor) -> Tensor:
    """x: (N, C, H, W) times styles: (N, C)."""
    return x * styles.to(x.dtype)[:, :, None, None]


def demodulation(styles: Tensor, weight_energy: Tensor) -> Tensor:
    """styles: (N, I), weight_energy: (O, I) sum of w^2 over the taps -> (N, O) one over each filter's length."""
    return torch.rsqrt(styles.square() @ weight_energy.t() + 1e-8)


def style_conv(x: Tensor, weight: Tensor, *, kernel: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """3 x 3 convolution of x: (N, I, H, W) with weight: (O, I, 3, 3) -> (N, O, H, W).

    With ``kernel`` (the 4 x 4 filter): up-sampling to (N, O, 2H, 2W); ``bias`` is for the plain form only.
    """
    if kernel is None:
        return F.conv2d(x, weight, bias, padding=1)
    return depthwise_fir(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), kernel, padding=1)


def bias_act(
    x: Tensor, scale: Tensor | None, bias: Tensor, noise: Tensor | None, *, clamp: float | None = None
) -> Tensor:
    """Leaky ReLU 0.2 of ``x * scale + bias + noise``, then clamped to [-clamp, clamp].

    x: (N, C, H, W); scale: (N, C) or None; bias: (C,); noise: (1 or N, 1, H, W) or None.
    The customary gain sqrt 2 is the caller's to fold into scale, bias and noise: leaky ReLU commutes with it.
    """
    offset = bias.to(x.dtype)[None, :, None, None]
    y = x + offset if scale is None else torch.addcmul(offset, x, scale.to(x.dtype)[:, :, None, None])
    if noise is not None:
        y.add_(noise.to(y.dtype))
    y = F.leaky_relu_(y, 0.2)
    return y if clamp is None else y.clamp(-clamp, clamp)


def to_rgb(x: Tensor, weight: Tensor, styles: Tensor, bias: Tensor) -> Tensor:
    """x: (N, C, H, W), weight: (K, C), styles: (N, C), bias: (K,) -> (N, K, H, W) float32, no demodulation.

    A product of per-sample K x C matrices: x is read once and never scaled.
    """
    n, _, height, width = x.shape
    mixed = weight.t() * styles[:, :, None]  # (N, C, K)
    pixels = x.permute(0, 2, 3, 1).reshape(n, height * width, -1)  # a view where x is channels_last
    rgb = torch.matmul(pixels, mixed.to(x.dtype)).float() + bias
    return rgb.view(n, height, width, -1).permute(0, 3, 1, 2)
