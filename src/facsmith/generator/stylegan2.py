"""StyleGAN2 (Karras et al. 2020) in plain PyTorch: skip and resnet, conditional, clamped, any depth and resolution.

Names and shapes of the state dict are those of NVIDIA's PyTorch reference, so its weights load with strict=True. A
generator of 16 px has the blocks b4, b8, b16: they load into a larger one with strict=False.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from facsmith.errors import CheckpointError, InputError
from facsmith.generator import ops
from facsmith.generator.layers import (
    FullyConnected,
    GeneratorModule,
    checked_labels,
    checked_ws,
    checked_z,
    normalize_second_moment,
    truncate,
)
from facsmith.generator.protocol import NoiseMode, checked_noise

__all__ = ["HALF_CLAMP", "StyleGAN2", "StyleGAN2Config"]

HALF_CLAMP = 256.0
"""Bound of activations in half precision, where the network brings none: StyleGAN2-ADA's."""


@dataclass(frozen=True)
class StyleGAN2Config:
    """Shape of a StyleGAN2; channels at resolution r are ``min(channel_base // r, channel_max)``.

    resolution is a power of two, 4 or more; c_dim 0 means unconditional; conv_clamp bounds activations (256 in
    networks trained with mixed precision, None elsewhere).
    """

    family: ClassVar[str] = "stylegan2"

    resolution: int
    z_dim: int = 512
    w_dim: int = 512
    c_dim: int = 0
    mapping_layers: int = 8
    channel_base: int = 32768
    channel_max: int = 512
    architecture: Literal["skip", "resnet"] = "skip"
    conv_clamp: float | None = None
    img_channels: int = 3

    def __post_init__(self) -> None:
        if self.resolution < 4 or self.resolution & (self.resolution - 1):
            raise InputError(f"resolution is {self.resolution}; it must be a power of two, 4 or more.")
        if self.architecture not in ("skip", "resnet"):
            raise InputError(f"architecture is {self.architecture!r}; it must be 'skip' or 'resnet'.")
        sizes = (self.z_dim, self.w_dim, self.channel_max, self.img_channels, self.channel_base // self.resolution)
        if min(sizes) < 1 or self.c_dim < 0 or self.mapping_layers < 1:
            raise InputError(f"{self} has an empty layer; dimensions and channels must be 1 or more, c_dim 0 or more.")
        if self.conv_clamp is not None:
            object.__setattr__(self, "conv_clamp", float(self.conv_clamp))  # 256 and 256.0 are one generator

    @property
    def num_ws(self) -> int:
        """One w for each convolution, and one for the last RGB layer."""
        return 2 * int(math.log2(self.resolution)) - 2

    @property
    def block_resolutions(self) -> tuple[int, ...]:
        """4, 8, ... resolution."""
        return tuple(2**k for k in range(2, int(math.log2(self.resolution)) + 1))

    def channels(self, resolution: int) -> int:
        """Channels of the features that leave the block of this resolution."""
        return min(self.channel_base // resolution, self.channel_max)


class MappingNetwork(nn.Module):
    """z and label -> w, by ``mapping_layers`` fully connected layers; holds the mean of W."""

    w_avg: Tensor

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.config = config
        self.embed = FullyConnected(config.c_dim, config.w_dim) if config.c_dim else None
        width = config.z_dim + (config.w_dim if config.c_dim else 0)
        for index in range(config.mapping_layers):
            self.add_module(f"fc{index}", FullyConnected(width, config.w_dim, lr=0.01))
            width = config.w_dim
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: Tensor, c: Tensor | None = None, *, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """z: (N, z_dim), c: (N, c_dim) where conditional -> ws (N, num_ws, w_dim), truncated towards w_avg."""
        with torch.autocast(self.w_avg.device.type, enabled=False):
            ws = self.w(z, c)[:, None].expand(-1, self.config.num_ws, -1)
        return truncate(ws, self.w_avg, psi=psi, cutoff=cutoff)

    def w(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z: (N, z_dim), c: (N, c_dim) -> w (N, w_dim), one for all layers, before truncation."""
        cfg = self.config
        x = normalize_second_moment(checked_z(z, cfg.z_dim, dtype=self.w_avg.dtype))
        if self.embed is not None:
            label = self.embed(checked_labels(c, len(x), cfg.c_dim, dtype=x.dtype))
            x = torch.cat([x, normalize_second_moment(label)], dim=1)
        for index in range(cfg.mapping_layers):
            layer = cast(FullyConnected, self.get_submodule(f"fc{index}"))
            x = torch.nn.functional.leaky_relu(layer(x), 0.2) * ops.SQRT2
        return x


class SynthesisLayer(nn.Module):
    """Modulated 3 x 3 convolution (after up-sampling where ``up``), noise, bias, leaky ReLU."""

    noise_const: Tensor

    def __init__(self, config: StyleGAN2Config, in_channels: int, resolution: int, *, up: bool) -> None:
        super().__init__()
        out_channels = config.channels(resolution)
        self.resolution = resolution
        self.up = up
        self.conv_clamp = config.conv_clamp
        self.affine = FullyConnected(config.w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self._kept: dict[Callable[[Tensor], tuple[Tensor, ...]], tuple[tuple[int, int], tuple[Tensor, ...]]] = {}

    def noise(self, batch: int, mode: NoiseMode, generator: torch.Generator | None) -> Tensor | None:
        """(1 or N, 1, R, R) noise times its strength, or None."""
        if mode == "none":
            return None
        if mode == "const":
            return (self.noise_const * self.noise_strength)[None, None]
        shape = (batch, 1, self.resolution, self.resolution)
        plane = torch.randn(shape, generator=generator, device=self.weight.device, dtype=self.weight.dtype)
        return plane * self.noise_strength

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None, *, gain: float = 1.0) -> Tensor:
        """x: (N, I, H, H), w: (N, w_dim), noise from ``noise`` -> (N, O, R, R)."""
        with torch.autocast(x.device.type, enabled=False):
            styles = self.affine(w)
            weight, limit = self.weight, self.conv_clamp
            if x.dtype == torch.float16:
                # Demodulation undoes any scale: these keep every sum within half precision's range.
                weight, energy = self._of_weight(_halved)
                styles = styles / styles.abs().amax(dim=1, keepdim=True).clamp_min(1e-8)
                limit = HALF_CLAMP if limit is None else limit
            else:
                (energy,) = self._of_weight(_energy)
            demod = ops.demodulation(styles, energy)
        clamp = None if limit is None else limit * gain
        return ops.modulated_conv(
            x, weight, styles, demod=demod, bias=self.bias, noise=noise, up=self.up, gain=gain, clamp=clamp
        )

    def _of_weight(self, make: Callable[[Tensor], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        """What ``make`` makes of the weight; kept between calls in eval mode until the weight changes."""
        weight = self.weight
        if self.training or weight.is_inference() or (weight.requires_grad and torch.is_grad_enabled()):
            return make(weight)
        version = (weight.data_ptr(), weight._version)
        if make not in self._kept or self._kept[make][0] != version:
            with torch.inference_mode(False), torch.no_grad():  # normal tensors: autograd may save them later
                self._kept[make] = (version, make(weight))
        return self._kept[make][1]


def _energy(weight: Tensor) -> tuple[Tensor]:
    """(O, I) sum of w^2 over the taps."""
    return (weight.square().sum(dim=(2, 3)),)


def _halved(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The weight in half precision, each filter scaled to at most 1 / sqrt(9 I); and the scaled one's energy."""
    largest = weight.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-8)
    scaled = weight / (largest * math.sqrt(weight[0].numel()))
    return scaled.to(torch.float16, memory_format=torch.channels_last), *_energy(scaled)


class ToRGBLayer(nn.Module):
    """Modulated 1 x 1 convolution to RGB, without demodulation."""

    def __init__(self, config: StyleGAN2Config, in_channels: int) -> None:
        super().__init__()
        self.conv_clamp = config.conv_clamp
        self.affine = FullyConnected(config.w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(config.img_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(config.img_channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x: (N, C, R, R), w: (N, w_dim) -> (N, 3, R, R) float32."""
        with torch.autocast(x.device.type, enabled=False):
            styles = self.affine(w) / math.sqrt(self.weight.shape[1])
        rgb = ops.to_rgb(x, self.weight[:, :, 0, 0], styles, self.bias)
        return rgb if self.conv_clamp is None else rgb.clamp(-self.conv_clamp, self.conv_clamp)


class SkipConv(nn.Module):
    """The resnet branch: 1 x 1 convolution, then up-sampling."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))

    def forward(self, x: Tensor, *, gain: float) -> Tensor:
        """x: (N, I, H, H) -> (N, O, 2H, 2H)."""
        weight = self.weight * (gain / math.sqrt(self.weight.shape[1]))
        return ops.upsample2x(torch.nn.functional.conv2d(x, weight.to(x.dtype)))


class SynthesisBlock(nn.Module):
    """One resolution: up-sampling convolution, convolution, RGB."""

    def __init__(self, config: StyleGAN2Config, resolution: int) -> None:
        super().__init__()
        channels = config.channels(resolution)
        self.resnet = config.architecture == "resnet" and resolution > 4
        if resolution == 4:
            self.const = nn.Parameter(torch.randn(channels, 4, 4))
        else:
            below = config.channels(resolution // 2)
            self.conv0 = SynthesisLayer(config, below, resolution, up=True)
            if self.resnet:
                self.skip = SkipConv(below, channels)
        self.conv1 = SynthesisLayer(config, channels, resolution, up=False)
        last = resolution == config.resolution
        self.torgb = ToRGBLayer(config, channels) if last or config.architecture == "skip" else None

    def forward(self, x: Tensor | None, w: Iterator[Tensor], noise: "_Noise") -> Tensor:
        """x: (N, I, H, H), or None in the first block -> features (N, C, R, R); takes its ws from the iterator."""
        if x is None:
            first = next(w)
            start = self.const[None].expand(first.shape[0], -1, -1, -1).contiguous(memory_format=torch.channels_last)
            return self.conv1(start, first, noise(self.conv1, first))
        w0, w1 = next(w), next(w)
        if not self.resnet:
            x = self.conv0(x, w0, noise(self.conv0, w0))
            return self.conv1(x, w1, noise(self.conv1, w1))
        half = math.sqrt(0.5)
        branch = self.skip(x, gain=half)
        x = self.conv0(x, w0, noise(self.conv0, w0))
        return branch + self.conv1(x, w1, noise(self.conv1, w1), gain=half)


@dataclass(frozen=True)
class _Noise:
    mode: NoiseMode
    generator: torch.Generator | None

    def __call__(self, layer: SynthesisLayer, w: Tensor) -> Tensor | None:
        return layer.noise(w.shape[0], self.mode, self.generator)


class SynthesisNetwork(nn.Module):
    """W+ -> image.

    Attributes
    ----------
    half_resolutions
        Number of resolutions, the highest ones, whose features are computed in half precision (float16, bounded as
        StyleGAN2-ADA bounds them, Karras et al. 2020; images stay float32) where no gradient is wanted. 0 by default:
        it pays on a GPU only. The 4 px block never is.
    """

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.config = config
        self.half_resolutions = 0
        for resolution in config.block_resolutions:
            self.add_module(f"b{resolution}", SynthesisBlock(config, resolution))
        self.register_load_state_dict_pre_hook(  # pyright: ignore[reportUnknownMemberType]
            _drop_resample_filters
        )

    def forward(
        self,
        ws: Tensor,
        *,
        noise: NoiseMode = "const",
        generator: torch.Generator | None = None,
        until: int | None = None,
    ) -> Tensor:
        """Images (N, 3, R, R) float32, nominally in [-1, 1], not clipped.

        Parameters
        ----------
        ws
            (N, num_ws, w_dim).
        noise
            Stored planes, none, or drawn anew from ``generator`` for every sample.
        until
            Stop after the block of this resolution and return the RGB accumulated so far (N, 3, until, until): a
            preview, or what a network grown to that size would draw. Skip architecture only.
        """
        cfg = self.config
        ws = checked_ws(ws, cfg.num_ws, cfg.w_dim, dtype=self.get_parameter("b4.const").dtype)
        stop = cfg.resolution if until is None else until
        if stop != cfg.resolution and (stop not in cfg.block_resolutions or cfg.architecture != "skip"):
            allowed = cfg.block_resolutions if cfg.architecture == "skip" else (cfg.resolution,)
            raise InputError(f"until is {until}; this generator has RGB at {', '.join(map(str, allowed))}.")
        source = _Noise(checked_noise(noise), generator)
        rows = iter(ws.unbind(dim=1))
        # A gradient would need its own scale: each pixel's share of a loss is below what half precision can tell.
        half = 0 if torch.is_grad_enabled() else self.half_resolutions
        halved = cfg.block_resolutions[-half:] if half else ()
        x: Tensor | None = None
        image: Tensor | None = None
        for index, resolution in enumerate(r for r in cfg.block_resolutions if r <= stop):
            block = cast(SynthesisBlock, self.get_submodule(f"b{resolution}"))
            if x is not None and resolution in halved:
                x = x.half()
            x = block(x, rows, source)
            if block.torgb is not None:
                # The RGB layer shares its row with the next block's first convolution.
                rgb = block.torgb(x, ws[:, 2 * index + 1])
                image = rgb if image is None else ops.upsample2x(image) + rgb
        assert image is not None
        return image


def _drop_resample_filters(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Accept the reference's constant filters without keeping them; another filter would need another network."""
    for name in [name for name in state if name.startswith(prefix) and name.endswith("resample_filter")]:
        kernel = cast(Tensor, state.pop(name))
        row = torch.tensor([1.0, 3.0, 3.0, 1.0], device=kernel.device) / 8.0
        expected = torch.outer(row, row)
        if kernel.shape != expected.shape or not torch.allclose(kernel.float(), expected, atol=1e-6):
            raise CheckpointError(f"{name} is not the [1, 3, 3, 1] filter that StyleGAN2 is defined with.")


class StyleGAN2(GeneratorModule):
    """A StyleGAN2 generator; satisfies the ``Generator`` protocol. Random weights until a state dict is loaded.

    ``generator.mapping(z, c, psi=, cutoff=)`` and ``generator.synthesis(ws, noise=)`` are its two halves.
    """

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__(config)
        self.config = config
        self.mapping = MappingNetwork(config)
        self.synthesis = SynthesisNetwork(config)

    @property
    def w_avg(self) -> Tensor:
        """(w_dim,) the mean of W."""
        return self.mapping.w_avg
