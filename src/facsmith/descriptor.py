"""Feature(.): a face as 1000 numbers, the output of an image network's last fully connected layer (the paper's 3.2).

Three networks behind one protocol: VGG-16 with ImageNet weights, as in the paper, for machines that can fetch them;
EfficientNet-Lite0 with ImageNet weights from a Python package, nothing to download; and a small one of our own, trained
on faces by `facsmith train descriptor`, that travels inside the package. All take images at any resolution and resize
them to their own.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, cast

import torch
import torch.nn.functional as F
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn

from facsmith._files import atomic_path
from facsmith._weights import load_weights, read_metadata, save_weights
from facsmith.checkpoint import pull, read_state_dict
from facsmith.efficientnet import RESOLUTION, EfficientNetLite0, load_efficientnet
from facsmith.errors import CheckpointError, InputError

__all__ = [
    "FEATURES",
    "NAMED",
    "VGG16",
    "BundledDescriptor",
    "Descriptor",
    "DescriptorConfig",
    "EfficientNetDescriptor",
    "apart",
    "keep_descriptor",
    "load_descriptor",
    "perceptual_distance",
    "unit_length",
]

NAMED: Final = ("vgg16", "efficientnet-lite0")
"""Descriptors that are not kept in a model's folder, but found by name."""
FEATURES: Final = 1000
"""Length of Feature(.): the classes of ImageNet."""

_VGG16_CHANNELS: Final = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_VGG16_RESOLUTION: Final = 224
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)

_Net = TypeVar("_Net", bound=nn.Module)


class Descriptor(Protocol):
    """Feature(.), differentiable with respect to the images."""

    @property
    def name(self) -> str:
        """Names the network and its weights; an encoder remembers which one it was trained on."""
        ...

    def __call__(self, images: Tensor) -> Tensor:
        """images: (N, 3, H, W) in [-1, 1]. Returns (N, 1000)."""
        ...

    def layers(self, images: Tensor) -> list[Tensor]:
        """Features of several depths, for a perceptual distance.

        Parameters
        ----------
        images
            (N, 3, H, W) in [-1, 1].

        Returns
        -------
        list of Tensor
            (N, C, h, w) each, finest first.
        """
        ...

    def describe(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Both of the above for the price of one pass."""
        ...


class VGG16(nn.Module):
    """VGG-16 (Simonyan & Zisserman 2015) under torchvision's parameter names.

    `layers` are relu1_2, relu2_2, relu3_3, relu4_3, relu5_3. Input is normalised from [-1, 1] to ImageNet's statistics.
    The dropout of the original's training is left out: a descriptor gives the same numbers twice.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        width = 3
        for stage in _VGG16_CHANNELS:
            for out in stage:
                modules += [nn.Conv2d(width, out, 3, padding=1), nn.ReLU(inplace=True)]
                width = out
            modules.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*modules)
        self.classifier = nn.Sequential(  # the Identities keep torchvision's numbering: 0, 3, 6
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Identity(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Identity(),
            nn.Linear(4096, FEATURES),
        )
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "VGG16":
        """Build from torchvision's state dict, strictly: every tensor present, of its shape, and none besides.

        Raises
        ------
        CheckpointError
            The state dict is not VGG-16's.
        """
        with torch.device("meta"):  # half a gigabyte: take the given tensors instead of initialising our own
            net = cls()
        _load_strictly(net, state, "torchvision's VGG-16", assign=True)
        net.mean, net.std = (torch.tensor(v).view(1, 3, 1, 1) for v in (_IMAGENET_MEAN, _IMAGENET_STD))
        return _frozen(net)

    @property
    def name(self) -> str:
        """``vgg16``."""
        return "vgg16"

    def forward(self, images: Tensor) -> Tensor:
        """The output of classifier.6.

        Parameters
        ----------
        images
            (N, 3, H, W) in [-1, 1].

        Returns
        -------
        Tensor
            (N, 1000).
        """
        return self.describe(images)[0]

    def layers(self, images: Tensor) -> list[Tensor]:
        """The outputs of relu1_2 to relu5_3.

        Parameters
        ----------
        images
            (N, 3, H, W) in [-1, 1].

        Returns
        -------
        list of Tensor
            (N, 64, 224, 224) to (N, 512, 14, 14).
        """
        return self._convolve(images)[1]

    def describe(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(Feature(images), layers(images))."""
        x, layers = self._convolve(images)
        return self.classifier(x.contiguous().flatten(1)), layers

    def _convolve(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = _resized(images, _VGG16_RESOLUTION)
        x = ((x + 1) / 2 - self.mean) / self.std
        layers: list[Tensor] = []
        for module in self.features:
            if isinstance(module, nn.MaxPool2d):
                layers.append(x)
            x = module(x)
        return x, layers


class EfficientNetDescriptor:
    """EfficientNet-Lite0's logits of ImageNet's 1000 classes.

    `layers` are the features after its last block at each stride: 24, 40, 112 and 320 channels, 56 to 7 pixels.

    Parameters
    ----------
    network
        By default the one with the package's weights.

    Raises
    ------
    ModelUnavailableError
        The package of the weights is not installed.
    """

    def __init__(self, network: EfficientNetLite0 | None = None) -> None:
        self.network = network or load_efficientnet()

    @property
    def name(self) -> str:
        """``efficientnet-lite0``."""
        return "efficientnet-lite0"

    def __call__(self, images: Tensor) -> Tensor:
        """images: (N, 3, H, W) in [-1, 1]. Returns (N, 1000)."""
        return self.network(_resized(images, RESOLUTION))

    def layers(self, images: Tensor) -> list[Tensor]:
        """Features of several depths, for a perceptual distance.

        Parameters
        ----------
        images
            (N, 3, H, W) in [-1, 1].

        Returns
        -------
        list of Tensor
            (N, 24, 56, 56) to (N, 320, 7, 7).
        """
        return self.network.features(_resized(images, RESOLUTION))

    def describe(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(Feature(images), layers(images))."""
        return self.network.describe(_resized(images, RESOLUTION))


@dataclass(frozen=True)
class DescriptorConfig:
    """Shape of a bundled descriptor.

    Parameters
    ----------
    resolution
        Side the images are resized to.
    widths, convs
        Channels and 3 x 3 convolutions of each stage, halved in resolution after it.
    squeeze
        Channels left for the fully connected layer.
    """

    resolution: int = 128
    widths: tuple[int, ...] = (16, 32, 64, 128, 192)
    convs: tuple[int, ...] = (1, 2, 2, 2, 2)
    squeeze: int = 64

    def __post_init__(self) -> None:
        if len(self.convs) != len(self.widths) or not self.widths:
            raise InputError(
                f"A descriptor needs one count of convolutions per width; got {self.convs}, {self.widths}."
            )
        if min(*self.widths, *self.convs, self.squeeze) < 1:
            raise InputError("A descriptor's widths, convs and squeeze are positive numbers.")
        if self.resolution % 2 ** len(self.widths):
            raise InputError(
                f"Resolution {self.resolution} cannot be halved {len(self.widths)} times; "
                f"give a multiple of {2 ** len(self.widths)}."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DescriptorConfig":
        """Inverse of `dataclasses.asdict` after a trip through JSON.

        Raises
        ------
        CheckpointError
            Unknown, missing or impossible values.
        """
        try:
            listed: dict[str, Any] = {
                k: tuple(cast(list[int], v)) if isinstance(v, list) else v for k, v in values.items()
            }
            return cls(**listed)
        except (TypeError, InputError) as error:
            raise CheckpointError(f"This descriptor's configuration is not understood ({error}).") from error


class BundledDescriptor(nn.Module):
    """A small VGG: stages of 3 x 3 convolution + ReLU, and one fully connected layer to 1000.

    Average pooling joins the stages: its gradients to the pixels are smooth. `layers` are the outputs before it.
    """

    def __init__(self, config: DescriptorConfig | None = None) -> None:
        super().__init__()
        self.config = config or DescriptorConfig()
        stages: list[nn.Module] = []
        width = 3
        for out, convs in zip(self.config.widths, self.config.convs, strict=True):
            modules: list[nn.Module] = []
            for _ in range(convs):
                modules += [nn.Conv2d(width, out, 3, padding=1), nn.ReLU(inplace=True)]
                width = out
            stages.append(nn.Sequential(*modules))
        self.stages = nn.ModuleList(stages)
        self.squeeze = nn.Conv2d(width, self.config.squeeze, 1)
        side = self.config.resolution // 2 ** len(stages)
        self.fc = nn.Linear(self.config.squeeze * side**2, FEATURES)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # He et al. 2015: unit variance through the ReLUs
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(cast(Tensor, module.bias))
        _channels_last(self)

    @property
    def name(self) -> str:
        """``face-128-`` and a hash of configuration and weights, the same before saving and after loading."""
        digest = hashlib.sha256(json.dumps(asdict(self.config), sort_keys=True).encode())
        for key, tensor in sorted(self.state_dict().items()):
            digest.update(key.encode() + tensor.detach().cpu().half().contiguous().numpy().tobytes())
        return f"face-{self.config.resolution}-{digest.hexdigest()[:12]}"

    def forward(self, images: Tensor) -> Tensor:
        """The description of pictures.

        Parameters
        ----------
        images
            (N, 3, H, W) in [-1, 1].

        Returns
        -------
        Tensor
            (N, 1000).
        """
        return self.describe(images)[0]

    def layers(self, images: Tensor) -> list[Tensor]:
        """Features of each stage, for a perceptual distance.

        Parameters
        ----------
        images
            (N, 3, H, W) in [-1, 1].

        Returns
        -------
        list of Tensor
            (N, width, resolution / 2^i, same) of stage i.
        """
        return self.describe(images)[1]

    def describe(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(Feature(images), layers(images))."""
        x = _resized(images, self.config.resolution)
        layers: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            layers.append(x)
            x = F.avg_pool2d(x, 2)
        x = torch.relu(self.squeeze(x))
        return self.fc(x.contiguous().flatten(1)), layers

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one safetensors file, matrices as float16, configuration in its metadata."""
        save_weights(path, self.state_dict(), kind="descriptor", config=asdict(self.config))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "BundledDescriptor":
        """Read what `save` wrote, ready to describe: frozen, in evaluation mode.

        Raises
        ------
        CheckpointError
            The file is missing, damaged, or holds no descriptor.
        """
        config, state = load_weights(path, kind="descriptor")
        net = cls(DescriptorConfig.from_dict(config))
        _load_strictly(net, state, "a bundled descriptor of this configuration")
        return _frozen(net)


def load_descriptor(source: str | os.PathLike[str]) -> Descriptor:
    """A descriptor by its name, or from a file: one of ours, or torchvision's VGG-16.

    The names are ``"vgg16"`` (from the model cache, downloaded where possible) and ``"efficientnet-lite0"`` (from its
    package).

    Raises
    ------
    CheckpointError
        The file holds neither, or names a descriptor that is not known.
    ModelUnavailableError
        ``"vgg16"`` is not in the cache and cannot be downloaded, or the package of ``"efficientnet-lite0"`` is not
        installed.
    """
    if source == "efficientnet-lite0":
        return EfficientNetDescriptor()
    path = pull("vgg16") if source == "vgg16" else Path(source)
    if path.suffix == ".safetensors" and "facsmith" in read_metadata(path):
        config, _ = load_weights(path, kind="descriptor")
        named = config.get("named")
        if named is None:
            return BundledDescriptor.load(path)
        if named not in NAMED:
            raise CheckpointError(f"{path} names a descriptor that is not known; known are {', '.join(NAMED)}.")
        return load_descriptor(str(named))
    return VGG16.from_state_dict(read_state_dict(path))


def keep_descriptor(source: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Write what `load_descriptor` reads from ``source`` to one safetensors file of a model.

    Of one that has a name only the name is kept: its weights come with a package, or by `facsmith models pull`.

    Raises
    ------
    CheckpointError
        As in `load_descriptor`.
    ModelUnavailableError
        As in `load_descriptor`.
    """
    loaded = load_descriptor(source)
    if source in NAMED:
        save_weights(path, {"named": torch.zeros(1)}, kind="descriptor", config={"named": source})
    elif isinstance(loaded, BundledDescriptor):
        loaded.save(path)
    elif isinstance(loaded, VGG16):
        with atomic_path(path) as temporary:
            save_file({name: t.half().contiguous() for name, t in loaded.state_dict().items()}, temporary)
    else:
        raise CheckpointError(f"{source} is no descriptor that a model keeps; give {', '.join(NAMED)}, or a file.")


def unit_length(features: Tensor) -> Tensor:
    """(N, C, h, w) scaled to unit length over the channels: what LPIPS compares (Zhang et al. 2018)."""
    return features / (features.square().sum(1, keepdim=True) + 1e-8).sqrt()


def apart(layers: Iterable[Tensor], others: Iterable[Tensor]) -> Tensor:
    """(N,): LPIPS without its learned weights (Zhang et al. 2018, "baseline").

    Parameters
    ----------
    layers
        Features of some pictures.
    others
        Features of as many others, of `unit_length` already.
    """
    pairs = zip(layers, others, strict=True)
    return torch.stack([(unit_length(a) - b).square().sum(1).mean((1, 2)) for a, b in pairs]).mean(0)


def perceptual_distance(seen_by: Descriptor, a: Tensor, b: Tensor) -> Tensor:
    """How different two pictures look to a descriptor.

    Parameters
    ----------
    seen_by
        The descriptor whose features are compared.
    a, b
        (N, 3, R, R) in [-1, 1].

    Returns
    -------
    Tensor
        (N,), 0 for the same picture.
    """
    with torch.inference_mode():
        return apart(seen_by.layers(a), map(unit_length, seen_by.layers(b)))


def _resized(images: Tensor, resolution: int) -> Tensor:
    """Resize with a low-pass filter where it shrinks: (N, 3, resolution, resolution), channels last."""
    if images.ndim != 4 or images.shape[1] != 3:
        raise InputError(f"A descriptor takes images of shape (N, 3, H, W); got {tuple(images.shape)}.")
    if images.shape[2:] != (resolution, resolution):
        images = F.interpolate(images, (resolution, resolution), mode="bilinear", align_corners=False, antialias=True)
    return images.contiguous(memory_format=torch.channels_last)


def _load_strictly(net: nn.Module, state: Mapping[str, Tensor], what: str, *, assign: bool = False) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if expected != given:
        names = sorted(n for n in expected.keys() | given.keys() if expected.get(n) != given.get(n))
        raise CheckpointError(f"These weights are not {what}: {_few(names)} missing, unknown or of another shape.")
    net.load_state_dict({n: t.float() for n, t in state.items()}, assign=assign)


def _few(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")


def _frozen(net: _Net) -> _Net:
    net.eval().requires_grad_(False)
    _channels_last(net)
    return net


def _channels_last(net: nn.Module) -> None:
    """Weights in the layout in which CPU convolutions are fastest."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
