"""Each fast operation equals its readable definition, in value and in gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from facsmith.generator import ops, reference


def _draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


_sizes = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 7), st.integers(1, 7))


@settings(max_examples=20, deadline=None)
@given(size=_sizes, seed=st.integers(0, 2**31))
def test_upsample2x_is_zero_insertion_and_filter(size: tuple[int, int, int, int], seed: int) -> None:
    image = _draw(seed, *size)
    torch.testing.assert_close(ops.upsample2x(image), reference.upsample2x(image), rtol=1e-6, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(size=_sizes, out=st.integers(1, 4), up=st.booleans(), noisy=st.booleans(), seed=st.integers(0, 2**31))
def test_modulated_conv_equals_per_sample_filters(
    size: tuple[int, int, int, int], out: int, up: bool, noisy: bool, seed: int
) -> None:
    n, channels, height, width = size
    x, weight, styles = _draw(seed, *size), _draw(seed + 1, out, channels, 3, 3), _draw(seed + 2, n, channels)
    bias, scale = _draw(seed + 3, out), 2 if up else 1
    noise = _draw(seed + 4, 1, 1, scale * height, scale * width) if noisy else None
    want = reference.modulated_conv(x, weight, styles, bias=bias, noise=noise, up=up, gain=0.7, clamp=1.5)
    demod = ops.demodulation(styles, weight.square().sum(dim=(2, 3)))
    for gradient in (True, False):  # the two formulations: scaled activations, modulated weights
        with torch.set_grad_enabled(gradient):
            got = ops.modulated_conv(x, weight, styles, demod=demod, bias=bias, noise=noise, up=up, gain=0.7, clamp=1.5)
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("up", [False, True])
def test_modulated_conv_has_the_gradients_of_its_definition(up: bool) -> None:
    x, weight, styles, bias = _draw(0, 2, 3, 5, 5), _draw(1, 4, 3, 3, 3), _draw(2, 2, 3), _draw(3, 4)
    inputs = [tensor.requires_grad_() for tensor in (x, weight, styles, bias)]
    fast = ops.modulated_conv(
        x, weight, styles, demod=ops.demodulation(styles, weight.square().sum(dim=(2, 3))), bias=bias, up=up
    )
    slow = reference.modulated_conv(x, weight, styles, bias=bias, up=up)
    probe = _draw(4, *fast.shape)
    for got, want in zip(
        torch.autograd.grad((fast * probe).sum(), inputs),
        torch.autograd.grad((slow * probe).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(size=_sizes, out=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_nearest_conv3x3_blur_equals_its_definition_up_to_the_border(
    size: tuple[int, int, int, int], out: int, seed: int
) -> None:
    x, weight = _draw(seed, *size), _draw(seed + 1, out, size[1], 3, 3)
    got, want = ops.nearest_conv3x3_blur(x, weight), reference.nearest_conv3x3_blur(x, weight)
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


def test_to_rgb_equals_its_definition() -> None:
    x, weight, styles, bias = _draw(0, 2, 5, 4, 6), _draw(1, 3, 5), _draw(2, 2, 5), _draw(3, 3)
    want = reference.to_rgb(x, weight, styles, bias)
    for layout in (torch.contiguous_format, torch.channels_last):
        got = ops.to_rgb(x.contiguous(memory_format=layout), weight, styles, bias)
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


def test_adaptive_instance_norm_survives_flat_and_offset_planes() -> None:
    scale, shift = _draw(1, 2, 3), _draw(2, 2, 3)
    flat = torch.full((2, 3, 4, 4), 7.0, dtype=torch.float64)
    torch.testing.assert_close(
        ops.adaptive_instance_norm(flat, scale, shift), shift[:, :, None, None].expand_as(flat), rtol=1e-6, atol=1e-6
    )
    offset = (_draw(3, 2, 3, 8, 8) + 1000.0).float()
    want = reference.adaptive_instance_norm(offset.double(), scale, shift)
    got = ops.adaptive_instance_norm(offset, scale.float(), shift.float())
    torch.testing.assert_close(got.double(), want, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("kernel", "padding"), [(4, 1), (3, 1), (2, 0)])
def test_depthwise_fir_has_exact_first_and_second_derivatives(kernel: int, padding: int) -> None:
    row = torch.tensor([[1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 3.0, 3.0, 1.0]][kernel - 2])
    taps = torch.outer(row, row) / row.sum() ** 2
    x = _draw(0, 2, 2, 4, 5).requires_grad_()
    # Squared: a linear function's second derivative would be zero whatever the backward pass does.
    assert torch.autograd.gradcheck(lambda v: ops.depthwise_fir(v, taps, padding=padding) ** 2, (x,))
    assert torch.autograd.gradgradcheck(lambda v: ops.depthwise_fir(v, taps, padding=padding) ** 2, (x,))
