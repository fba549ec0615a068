"""What is meant for a GPU, as far as a CPU can tell: half precision draws the same pictures and never overflows, and
where it would not, or where there is no GPU, everything stays as it was.
"""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from facsmith.bundle import load_bundle
from facsmith.errors import InputError
from facsmith.generator import StyleGAN2, StyleGAN2Config, gpu, graphed, lowered, read_device, use_half_precision


@pytest.mark.parametrize("architecture", ["skip", "resnet"])
@pytest.mark.parametrize("count", [1, 3])
def test_half_precision_draws_the_same_pictures(architecture: Any, count: int) -> None:
    torch.manual_seed(0)
    config = StyleGAN2Config(32, 8, 8, mapping_layers=1, channel_base=256, channel_max=16, architecture=architecture)
    model = StyleGAN2(config).eval()
    ws = torch.randn(count, model.num_ws, model.w_dim)
    with torch.inference_mode():
        full = model.synthesis(ws)
        model.synthesis.half_resolutions = 2
        half = model.synthesis(ws)
    assert half.dtype == torch.float32
    assert 0 < (half - full).abs().max() < 0.01 * full.abs().max()


def test_the_bundled_faces_keep_their_pixels() -> None:
    model: Any = load_bundle("face128").generator
    with torch.inference_mode():
        ws = model.mapping(torch.randn(2, model.z_dim, generator=torch.Generator().manual_seed(0)), psi=0.7)
        full, low = model.synthesis(ws), lowered(model, 64).synthesis(ws)
        assert gpu._halve(model)  # pyright: ignore[reportPrivateUsage]
        try:
            assert model.synthesis.half_resolutions == gpu.HALF_RESOLUTIONS
            assert 0 < (model.synthesis(ws) - full).abs().max() < 2 / 127.5
            assert 0 < (lowered(model, 64).synthesis(ws) - low).abs().max() < 2 / 127.5
        finally:
            model.synthesis.half_resolutions = 0


def test_half_precision_is_bounded_whatever_the_styles() -> None:
    torch.manual_seed(0)
    model = StyleGAN2(StyleGAN2Config(16, 8, 8, mapping_layers=1, channel_base=1024, channel_max=64)).eval()
    model.synthesis.half_resolutions = 2
    with torch.inference_mode():
        for size in (1e-6, 1e2):
            assert torch.isfinite(model.synthesis(size * torch.randn(2, model.num_ws, model.w_dim))).all()


def test_gradients_are_taken_in_full_precision() -> None:
    torch.manual_seed(0)
    model = StyleGAN2(StyleGAN2Config(16, 8, 8, mapping_layers=1, channel_base=128, channel_max=8)).eval()
    ws = torch.randn(2, model.num_ws, model.w_dim)
    full = model.synthesis(ws)
    model.synthesis.half_resolutions = 2
    assert torch.equal(model.synthesis(ws), full)


def test_a_network_that_half_precision_would_change_stays_in_full(caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(0)
    model = StyleGAN2(StyleGAN2Config(16, 8, 8, mapping_layers=1, channel_base=128, channel_max=8)).eval()
    with torch.no_grad():  # activations that the bound cuts off
        for layer in (model.synthesis.get_submodule("b8.conv1"), model.synthesis.get_submodule("b16.conv1")):
            layer.bias.fill_(1e4)  # pyright: ignore
    assert not gpu._halve(model)  # pyright: ignore[reportPrivateUsage]
    assert model.synthesis.half_resolutions == 0
    assert "full precision" in caplog.text


def test_without_a_gpu_nothing_changes() -> None:
    model = StyleGAN2(StyleGAN2Config(16, 8, 8, mapping_layers=1, channel_base=128, channel_max=8)).eval()
    assert not use_half_precision(model) and model.synthesis.half_resolutions == 0
    assert graphed(model, 8) is model


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU that can record")
def test_work_that_cannot_be_recorded_runs_as_it_did(caplog: pytest.LogCaptureFixture) -> None:
    w_avg = SimpleNamespace(device=torch.device("cuda"), expand=lambda *_: torch.zeros(8, 2, 3))
    stubborn: Any = SimpleNamespace(w_avg=w_avg, num_ws=2)
    assert graphed(stubborn, 8) is stubborn
    assert "no CUDA graph" in caplog.text


def test_a_device_is_read_by_torchs_name_or_refused_in_one_sentence() -> None:
    assert read_device("cpu") == read_device(torch.device("cpu")) == torch.device("cpu")
    for wrong in ("graphics", "cuda:77", "meta"):
        with pytest.raises(InputError, match=f"'{wrong}'.*torch has cpu"):
            read_device(wrong)
