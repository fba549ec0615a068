"""The fast operations of synthesis on a CPU (and sound on a GPU): each has a readable twin in ``reference``.

What makes them fast (measured, see benchmarks/synthesis.py): channels_last; one strided ``conv_transpose2d`` and one
depthwise 4 x 4 filter instead of separable ones; modulation by scaling activations, never per-sample weights where a
gradient is wanted; demodulation as one matrix product; gain folded into demodulation, noise and bias.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "SQRT2",
    "adaptive_instance_norm",
    "conv3x3",
    "demodulation",
    "depthwise_fir",
    "modulated_conv",
    "nearest_conv3x3_blur",
    "noise_bias_act",
    "to_rgb",
    "upsample2x",
]

SQRT2 = math.sqrt(2.0)

_BOX = (1.0, 1.0)
_BLUR = (0.25, 0.5, 0.25)
_BINOMIAL = (0.25, 0.75, 0.75, 0.25)  # [1, 3, 3, 1] / 8 with gain 2, along one axis


@functools.cache
def _kernel(taps: tuple[float, ...], device: torch.device) -> Tensor:
    """(k, k) outer product of taps, kept for each device: on a GPU, making it anew would wait for a copy."""
    with torch.inference_mode(False):  # autograd saves it, whoever asked first
        row = torch.tensor(taps, device=device)
        return torch.outer(row, row)


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
    apply = cast(Callable[..., Tensor], _DepthwiseFir.apply)  # pyright: ignore[reportUnknownMemberType]
    return apply(x, kernel, padding)


def upsample2x(image: Tensor) -> Tensor:
    """image: (N, C, H, W) -> (N, C, 2H, 2W) through the [1, 3, 3, 1] filter, zero outside the image.

    Bilinear interpolation is that filter, but repeats the border: one zero pixel of padding makes it exact.
    """
    doubled = F.interpolate(F.pad(image, (1, 1, 1, 1)), scale_factor=2.0, mode="bilinear", align_corners=False)
    return doubled[:, :, 2:-2, 2:-2]


def demodulation(styles: Tensor, weight_energy: Tensor) -> Tensor:
    """styles: (N, I), weight_energy: (O, I) sum of w^2 over the taps -> (N, O) one over each filter's length."""
    return torch.rsqrt(styles.square() @ weight_energy.t() + 1e-8)


def conv3x3(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, up: bool = False) -> Tensor:
    """x: (N, I, H, W), weight: (O, I, 3, 3), bias: (O,) -> (N, O, H, W), or (N, O, 2H, 2W) where ``up``.

    Up-sampling: strided transposed convolution with the kernel as stored, then the [1, 3, 3, 1] filter.
    """
    if not up:
        return F.conv2d(x, weight, bias, padding=1)
    y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    y = depthwise_fir(y, _kernel(_BINOMIAL, x.device), padding=1)
    return y if bias is None else y.add_(bias.to(y.dtype)[:, None, None])


def modulated_conv(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    demod: Tensor,
    bias: Tensor,
    noise: Tensor | None = None,
    up: bool = False,
    gain: float = 1.0,
    clamp: float | None = None,
) -> Tensor:
    """Modulated and demodulated 3 x 3 convolution, noise, bias, leaky ReLU 0.2 with gain, clamp.

    ``gain`` is folded into demod, bias and noise, as is the customary sqrt 2, which leaky ReLU allows.

    Parameters
    ----------
    x
        (N, I, H, H), channels_last for speed.
    weight
        (O, I, 3, 3).
    styles
        (N, I).
    demod
        (N, O), from `demodulation`.
    bias
        (O,).
    noise
        (1 or N, 1, R, R).
    gain
        Comes on top of the customary sqrt 2.

    Returns
    -------
    Tensor
        (N, O, R, R), R = 2H where ``up``, else H.
    """
    full_gain = SQRT2 * gain
    demod, bias = demod * full_gain, bias * full_gain
    if x.shape[0] == 1 and not torch.is_grad_enabled() and weight.numel() < x.numel() + x.numel() // x.shape[1]:
        # One sample, no gradient, and the weights are smaller than what passes through them: modulate the weights.
        filters = weight * (demod[0, :, None] * styles[0])[:, :, None, None]
        y = conv3x3(x, filters.to(x.dtype), bias.to(x.dtype), up=up)
    else:
        y = conv3x3(x * _planes(styles, x), weight, up=up)
        # Not addcmul: one pass less here, but two more in its backward.
        y = y * _planes(demod, y) if torch.is_grad_enabled() else y.mul_(_planes(demod, y))
        y.add_(bias.to(y.dtype)[:, None, None])
    if noise is not None:
        y.add_((noise * full_gain).to(y.dtype))
    y = F.leaky_relu_(y, 0.2)
    return y if clamp is None else y.clamp(-clamp, clamp)


def _planes(scales: Tensor, x: Tensor) -> Tensor:
    """scales: (N, C) -> (N, C, 1, 1) of x's dtype."""
    return scales.to(x.dtype)[:, :, None, None]


def to_rgb(x: Tensor, weight: Tensor, styles: Tensor, bias: Tensor) -> Tensor:
    """x: (N, C, H, W), weight: (K, C), styles: (N, C), bias: (K,) -> (N, K, H, W), float32 or better.

    No demodulation. A product of per-sample K x C matrices: x is read once and never scaled.
    """
    n, _, height, width = x.shape
    mixed = weight.t() * styles[:, :, None]  # (N, C, K)
    pixels = x.permute(0, 2, 3, 1).reshape(n, height * width, -1)  # a view where x is channels_last
    rgb = torch.matmul(pixels, mixed.to(x.dtype)) + bias  # the bias lifts half precision to float32
    return rgb.view(n, height, width, -1).permute(0, 3, 1, 2)


def nearest_conv3x3_blur(x: Tensor, weight: Tensor) -> Tensor:
    """Nearest up-sampling x2, 3 x 3 convolution, then the [1, 2, 1] blur, zero outside: StyleGAN1's up-sampling.

    Repeating pixels is a 2 x 2 box after inserting zeros; the box commutes with the convolution, so that a strided
    transposed one (of the rotated kernel) does a quarter of the work, and cropping the box to its valid part is what
    the zero border of the convolution does.

    Parameters
    ----------
    x
        (N, I, H, W).
    weight
        (O, I, 3, 3).

    Returns
    -------
    Tensor
        (N, O, 2H, 2W).
    """
    y = F.conv_transpose2d(x, weight.flip(2, 3).transpose(0, 1), stride=2)  # (N, O, 2H + 1, 2W + 1)
    y = depthwise_fir(y, _kernel(_BOX, x.device), padding=0)
    return depthwise_fir(y, _kernel(_BLUR, x.device), padding=1)


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
    y = x + bias.to(x.dtype)[:, None, None]
    if noise is not None:
        y.addcmul_(noise.to(y.dtype), noise_weight.to(y.dtype)[:, None, None])
    return F.leaky_relu_(y, 0.2)


def adaptive_instance_norm(x: Tensor, scale: Tensor, shift: Tensor, *, eps: float = 1e-8) -> Tensor:
    """Each plane to mean 0 and variance 1, then times scale plus shift.

    Mean, then mean square: ``torch.var_mean`` takes 10 to 60 times as long over channels_last planes.

    Parameters
    ----------
    x
        (N, C, H, W).
    scale, shift
        (N, C).
    """
    x = x - x.mean(dim=(2, 3), keepdim=True)
    factor = _planes(scale, x) * torch.rsqrt(x.square().mean(dim=(2, 3), keepdim=True) + eps)
    return torch.addcmul(_planes(shift, x), x, factor)
