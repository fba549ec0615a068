"""The public fake is a Generator like any other."""

import pytest
import torch

from facsmith.errors import InputError, LatentError
from facsmith.generator import Generator, TinyGenerator


def test_it_satisfies_the_protocol_with_any_shape() -> None:
    for shape in ((4, 8, 16), (1, 1, 4), (7, 3, 33)):
        generator = TinyGenerator(*shape)
        assert isinstance(generator, Generator)
        assert (generator.num_ws, generator.w_dim, generator.resolution) == shape
        ws = generator.mapping(torch.randn(2, generator.z_dim))
        image = generator.synthesis(ws)
        assert image.shape == (2, 3, shape[2], shape[2])
        assert image.abs().max() <= 1.0


def test_it_is_deterministic_and_smooth() -> None:
    one, two = TinyGenerator(), TinyGenerator()
    assert one.generator_id == two.generator_id != TinyGenerator(num_ws=5).generator_id
    ws = torch.randn(1, 4, 8)
    assert torch.equal(one.synthesis(ws), two.synthesis(ws, noise="none"))
    assert (one.synthesis(ws + 1e-3) - one.synthesis(ws)).abs().max() < 1e-2


def test_every_layer_moves_the_image() -> None:
    generator = TinyGenerator()
    ws = torch.zeros(1, 4, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(generator.synthesis(ws).square().mean() + generator.synthesis(ws).sum(), ws)
    assert (gradient.abs().sum(dim=2) > 0).all()


def test_truncation_and_wrong_shapes() -> None:
    generator = TinyGenerator()
    torch.testing.assert_close(generator.mapping(torch.randn(2, 8), psi=0.0), generator.w_avg.expand(2, 4, 8))
    with pytest.raises(LatentError):
        generator.synthesis(torch.zeros(1, 18, 512))
    with pytest.raises(InputError):
        generator.mapping(torch.zeros(1, 9))
