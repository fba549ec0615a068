"""A generator that stops early draws what the whole one has drawn by then, under the same name."""

import numpy as np
import pytest
import torch

from facsmith.generator import Generator, LowerGenerator, StyleGAN2, StyleGAN2Config, TinyGenerator, lowered


def stylegan2(architecture: str = "skip") -> StyleGAN2:
    torch.manual_seed(0)
    config = StyleGAN2Config(
        resolution=32,
        z_dim=8,
        w_dim=8,
        mapping_layers=1,
        channel_base=128,
        channel_max=8,
        architecture=architecture,  # pyright: ignore[reportArgumentType]
    )
    return StyleGAN2(config).eval()


def test_it_is_the_same_generator_at_a_lower_resolution():
    whole = stylegan2()
    low = lowered(whole, 16)
    assert isinstance(low, LowerGenerator) and isinstance(low, Generator)
    assert (low.resolution, low.num_ws, low.w_dim, low.z_dim) == (16, whole.num_ws, 8, 8)
    assert low.generator_id == whole.generator_id
    with torch.inference_mode():
        ws = low.mapping(torch.randn(2, 8), psi=0.7)
        assert torch.equal(low.synthesis(ws), whole.synthesis(ws, until=16))
        beyond = ws.clone()
        beyond[:, -2:] += 1  # rows of the last block and its RGB
        assert torch.equal(low.synthesis(beyond), low.synthesis(ws))


def test_the_lower_picture_is_about_the_whole_one_made_smaller():
    from facsmith.bundle import load_bundle

    whole = load_bundle("face128").generator
    with torch.inference_mode():
        ws = whole.mapping(torch.randn(4, whole.z_dim, generator=torch.Generator().manual_seed(1)), psi=0.7)
        small = torch.nn.functional.avg_pool2d(whole.synthesis(ws), 2)
        low = lowered(whole, 64).synthesis(ws)
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(small.numpy(), low.numpy(), strict=True)]
    assert min(alike) > 0.95


@pytest.mark.parametrize(
    ("generator", "resolution"),
    [(stylegan2("resnet"), 16), (stylegan2(), 32), (stylegan2(), 64), (stylegan2(), 12), (TinyGenerator(), 8)],
)
def test_what_cannot_stop_there_is_left_whole(generator: Generator, resolution: int):
    assert lowered(generator, resolution) is generator
