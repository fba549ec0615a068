import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from facsmith.descriptor import (
    FEATURES,
    VGG16,
    BundledDescriptor,
    DescriptorConfig,
    load_descriptor,
    perceptual_distance,
)
from facsmith.errors import CheckpointError, InputError

SMALL = DescriptorConfig(resolution=16, widths=(4, 8), convs=(1, 2), squeeze=4)

# torchvision.models.vgg16().state_dict(): index of each convolution in `features`, and its channels.
TORCHVISION_CONVS = {
    0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256), 14: (256, 256),
    17: (512, 256), 19: (512, 512), 21: (512, 512), 24: (512, 512), 26: (512, 512), 28: (512, 512),
}  # fmt: skip
TORCHVISION_LINEARS = {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}


def images(count: int = 2, side: int = 16) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def torchvision_state() -> dict[str, torch.Tensor]:
    """Random weights of VGG-16's shapes that keep the activations at unit scale."""
    random = torch.Generator().manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    for index, (out, into) in TORCHVISION_CONVS.items():
        state[f"features.{index}.weight"] = torch.randn(out, into, 3, 3, generator=random) * (2 / (9 * into)) ** 0.5
        state[f"features.{index}.bias"] = torch.randn(out, generator=random) * 0.1
    for index, (out, into) in TORCHVISION_LINEARS.items():
        # One random row block, repeated: a hundred million random numbers would cost the test its seconds.
        block = torch.randn(1, into, generator=random) * (2 / into) ** 0.5
        state[f"classifier.{index}.weight"] = block * torch.linspace(-1, 1, out)[:, None]
        state[f"classifier.{index}.bias"] = torch.randn(out, generator=random) * 0.1
    return state


@pytest.fixture(scope="module")
def vgg_state() -> dict[str, torch.Tensor]:
    return torchvision_state()


def test_vgg16_takes_exactly_the_names_and_shapes_of_torchvision(vgg_state: dict[str, torch.Tensor]) -> None:
    with torch.device("meta"):
        net = VGG16()
    assert {n: t.shape for n, t in net.state_dict().items()} == {n: t.shape for n, t in vgg_state.items()}
    assert sum(t.numel() for t in vgg_state.values()) == 138_357_544


def test_vgg16_equals_the_network_written_out_in_functions(vgg_state: dict[str, torch.Tensor]) -> None:
    net = VGG16.from_state_dict(vgg_state)
    photo = images(1, 64)
    x = F.interpolate((photo + 1) / 2, (224, 224), mode="bilinear", align_corners=False, antialias=True)
    x = (x - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    ends = []
    for index in range(31):
        if f"features.{index}.weight" in vgg_state:
            x = F.conv2d(x, vgg_state[f"features.{index}.weight"], vgg_state[f"features.{index}.bias"], padding=1)
        elif index in (4, 9, 16, 23, 30):
            ends.append(x)
            x = F.max_pool2d(x, 2)
        else:
            x = F.relu(x)
    x = x.flatten(1)
    for index in (0, 3, 6):
        x = F.linear(x, vgg_state[f"classifier.{index}.weight"], vgg_state[f"classifier.{index}.bias"])
        x = x if index == 6 else F.relu(x)
    with torch.no_grad():
        features, layers = net.describe(photo)
    assert features.shape == (1, FEATURES)
    assert torch.allclose(features, x, rtol=1e-3, atol=1e-3 * float(x.abs().max()))
    assert [tuple(a.shape) for a in layers] == [
        (1, c, s, s) for c, s in ((64, 224), (128, 112), (256, 56), (512, 28), (512, 14))
    ]
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-3) for a, b in zip(layers, ends, strict=True))
    assert net.name == "vgg16"
    assert not any(p.requires_grad for p in net.parameters())


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_vgg16_refuses_any_other_state_dict(vgg_state: dict[str, torch.Tensor], change: str) -> None:
    state = dict(vgg_state)
    if change == "missing":
        del state["features.28.bias"]
    elif change == "unknown":
        state["features.28.running_mean"] = torch.zeros(512)
    else:
        state["features.28.bias"] = torch.zeros(511)
    with pytest.raises(CheckpointError, match=r"features\.28\."):
        VGG16.from_state_dict(state)


def test_a_bundled_descriptor_tells_the_same_after_a_trip_to_disk(tmp_path: Path) -> None:
    net = BundledDescriptor(SMALL)
    net.save(tmp_path / "descriptor.safetensors")
    again = BundledDescriptor.load(tmp_path / "descriptor.safetensors")
    assert again.config == net.config
    assert again.name == net.name
    assert again.name != BundledDescriptor(SMALL).name
    assert torch.allclose(again(images()), net(images()), atol=5e-3)
    assert not any(p.requires_grad for p in again.parameters())
    assert isinstance(load_descriptor(tmp_path / "descriptor.safetensors"), BundledDescriptor)


def test_the_default_bundled_descriptor_fits_its_share_of_the_package(tmp_path: Path) -> None:
    net = BundledDescriptor()
    net.save(tmp_path / "descriptor.safetensors")
    assert (tmp_path / "descriptor.safetensors").stat().st_size < 4_500_000
    assert net(images(1, 128)).shape == (1, FEATURES)
    assert [a.shape[-1] for a in net.layers(images(1, 128))] == [128, 64, 32, 16, 8]


def test_images_of_any_resolution_are_described_alike() -> None:
    net = BundledDescriptor(SMALL).requires_grad_(False)
    smooth = F.interpolate(images(2, 4), (16, 16), mode="bicubic", align_corners=False)
    larger = F.interpolate(smooth, (64, 64), mode="bicubic", align_corners=False)
    near = (net(larger) - net(smooth)).abs().mean()
    far = (net(smooth[:1]) - net(smooth[1:])).abs().mean()
    assert near < 0.2 * far


def test_description_is_differentiable_and_independent_of_the_batch() -> None:
    net = BundledDescriptor(SMALL).requires_grad_(False)
    photos = images(3).requires_grad_()
    net(photos).abs().sum().backward()
    assert photos.grad is not None
    assert photos.grad.abs().sum() > 0
    assert torch.allclose(net(photos)[1:2], net(photos[1:2]), atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 1, 16, 16)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="N, 3, H, W"):
        BundledDescriptor(SMALL)(torch.zeros(shape))


@pytest.mark.parametrize(
    "values",
    [{"resolution": 100}, {"widths": (8,)}, {"widths": (), "convs": ()}, {"squeeze": 0}, {"convs": (1, 2, 0, 2, 2)}],
)
def test_impossible_configurations_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(InputError):
        DescriptorConfig(**values)  # pyright: ignore[reportArgumentType]


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    missing, junk, foreign = (tmp_path / f"{n}.safetensors" for n in ("missing", "junk", "foreign"))
    junk.write_bytes(b"\xff" * 100)
    save_file({"x": torch.zeros(1)}, foreign, metadata={"facsmith": "encoder", "config": "{}"})
    for path in (missing, junk, foreign):
        with pytest.raises(CheckpointError):
            BundledDescriptor.load(path)
    net = BundledDescriptor(SMALL)
    for config in (asdict(SMALL) | {"colour": 1}, asdict(SMALL) | {"squeeze": 5}, [1]):
        path = tmp_path / "other.safetensors"
        state = {n: t.contiguous() for n, t in net.state_dict().items()}
        save_file(state, path, metadata={"facsmith": "descriptor", "config": json.dumps(config)})
        with pytest.raises(CheckpointError):
            BundledDescriptor.load(path)


def test_torchvisions_file_is_read_through_the_safe_reader(
    tmp_path: Path, vgg_state: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {n: torch.zeros(1) for n in vgg_state}
    torch.save(wrong, tmp_path / "vgg16-397923af.pth")
    with pytest.raises(CheckpointError, match="VGG-16"):
        load_descriptor(tmp_path / "vgg16-397923af.pth")
    monkeypatch.setattr("facsmith.descriptor.read_state_dict", lambda _path: vgg_state)
    assert load_descriptor(tmp_path / "vgg16-397923af.pth").name == "vgg16"


def test_efficientnet_is_a_descriptor_that_needs_no_download() -> None:
    net = load_descriptor("efficientnet-lite0")
    x = images(2, 64)
    features, layers = net.describe(x)
    assert net.name == "efficientnet-lite0" and features.shape == (2, FEATURES)
    assert [tuple(layer.shape[1:]) for layer in layers] == [(24, 56, 56), (40, 28, 28), (112, 14, 14), (320, 7, 7)]
    torch.testing.assert_close(net(x), features)
    assert float(perceptual_distance(net, x, x).max()) < 1e-6 < float(perceptual_distance(net, x, x.flip(0)).min())
