import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from facsmith.encoder import Encoder, EncoderConfig
from facsmith.errors import CheckpointError, InputError

CONFIG = EncoderConfig(
    num_ws=4, w_dim=8, generator_id="tiny-16-a", descriptor="face-16-b", features=20, width=16, blocks=1, rank=6
)


def sample(count: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    """Features with a spectrum of four decades, and codes that depend on them linearly."""
    random = torch.Generator().manual_seed(0)
    features = torch.randn(count, 20, generator=random) * torch.logspace(1, -3, 20) + 5
    ws = torch.randn(count, 4, 8, generator=random) * 0.3 + 1
    return features, ws


def test_an_untrained_encoder_answers_the_mean_code() -> None:
    features, ws = sample()
    encoder = Encoder(CONFIG)
    encoder.calibrate(features, ws)
    answer = encoder(features[:3])
    assert answer.shape == (3, 4, 8)
    assert torch.allclose(answer, ws.mean(0).expand(3, -1, -1))


def test_calibration_whitens_what_the_first_layer_gives_on() -> None:
    features, ws = sample()
    encoder = Encoder(CONFIG)
    encoder.calibrate(features, ws)
    stem = encoder.stem((features - encoder.feature_mean) / encoder.feature_scale)
    covariance = stem.T @ stem / len(stem)
    assert torch.allclose(covariance, torch.eye(16), atol=0.02)


def test_calibration_survives_a_single_example_and_constant_features() -> None:
    encoder = Encoder(CONFIG)
    encoder.calibrate(torch.ones(1, 20), torch.ones(1, 4, 8))
    assert torch.isfinite(encoder(torch.ones(2, 20))).all()


def test_layers_may_differ_and_photos_do_not_disturb_one_another() -> None:
    encoder = Encoder(CONFIG)
    torch.nn.init.normal_(encoder.up.weight, generator=torch.Generator().manual_seed(0))
    features, _ = sample(3)
    ws = encoder(features)
    assert not torch.allclose(ws[:, 0], ws[:, 1])
    assert torch.allclose(encoder(features[1:2]), ws[1:2], atol=1e-5)


def test_an_encoder_answers_the_same_after_a_trip_to_disk(tmp_path: Path) -> None:
    features, ws = sample()
    encoder = Encoder(CONFIG)
    encoder.calibrate(features, ws)
    torch.nn.init.normal_(encoder.up.weight, std=0.3, generator=torch.Generator().manual_seed(0))
    encoder.save(tmp_path / "encoder.safetensors")
    again = Encoder.load(tmp_path / "encoder.safetensors")
    assert again.config == CONFIG
    assert torch.allclose(again(features), encoder(features), atol=5e-3)
    assert not any(p.requires_grad for p in again.parameters())


def test_the_bundles_encoder_fits_its_share_of_the_package(tmp_path: Path) -> None:
    encoder = Encoder(EncoderConfig(num_ws=12, w_dim=512, generator_id="g", descriptor="d"))
    encoder.save(tmp_path / "encoder.safetensors")
    assert (tmp_path / "encoder.safetensors").stat().st_size < 6_000_000


def test_features_of_another_length_are_refused() -> None:
    with pytest.raises(InputError, match="20"):
        Encoder(CONFIG)(torch.zeros(1, 1000))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    state = {n: t.contiguous() for n, t in Encoder(CONFIG).state_dict().items()}
    good = {**vars(CONFIG)}
    for config in (good | {"num_ws": 5}, good | {"depth": 3}, {"num_ws": 4}, good | {"w_dim": 0}):
        save_file(state, path, metadata={"facsmith": "encoder", "config": json.dumps(config)})
        with pytest.raises(CheckpointError):
            Encoder.load(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CheckpointError):
        Encoder.load(path)
