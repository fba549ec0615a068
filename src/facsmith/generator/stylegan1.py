"""StyleGAN1 (Karras et al. 2019) in plain PyTorch, after the definitions of its TensorFlow code.

Weights are kept ready for use: the equalised-learning-rate factors of the TF variables are multiplied in by
``state_from_tf``, and every up-sampling kernel is in the orientation of "nearest up-sampling, then 3 x 3 convolution".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facsmith.errors import CheckpointError, InputError
from facsmith.generator import ops
from facsmith.generator.layers import (
    GeneratorModule,
    checked_labels,
    checked_ws,
    checked_z,
    normalize_second_moment,
    truncate,
)
from facsmith.generator.protocol import NoiseMode, checked_noise

__all__ = ["StyleGAN1", "StyleGAN1Config", "config_from_tf", "state_from_tf"]

_FUSED_FROM = 128  # the TF code up-samples by a fused transposed convolution from this resolution on


@dataclass(frozen=True)
class StyleGAN1Config:
    """Shape of a StyleGAN1; ``channels[r]`` are the features leaving resolution r, for r = 4, 8, ... resolution.

    mapping_dim is the width between the mapping's layers; c_dim 0 means unconditional. Of rosinality's: norm_eps, added
    to variances, is 1e-5, and blurred_bias says that up-sampling layers add their bias before they blur, which differs
    at the borders.
    """

    family: ClassVar[str] = "stylegan1"

    resolution: int
    z_dim: int
    mapping_dim: int
    w_dim: int
    mapping_layers: int
    c_dim: int
    channels: dict[int, int]
    norm_eps: float = field(default=1e-8, metadata={"unnamed": True})
    blurred_bias: bool = field(default=False, metadata={"unnamed": True})

    def __post_init__(self) -> None:
        if self.resolution < 4 or self.resolution & (self.resolution - 1):
            raise InputError(f"resolution is {self.resolution}; it must be a power of two, 4 or more.")
        if tuple(sorted(self.channels)) != self.block_resolutions:
            raise InputError(
                f"channels has {sorted(self.channels)}; it needs one entry for each of 4, 8, ... resolution."
            )
        sizes = (self.z_dim, self.mapping_dim, self.w_dim, self.mapping_layers, *self.channels.values())
        if min(sizes) < 1 or self.c_dim < 0 or not 0 <= self.norm_eps < 1:
            raise InputError(f"{self} has an empty layer; dimensions and channels must be 1 or more, c_dim 0 or more.")

    @property
    def num_ws(self) -> int:
        """Two styles for each resolution."""
        return 2 * len(self.block_resolutions)

    @property
    def block_resolutions(self) -> tuple[int, ...]:
        """4, 8, ... resolution."""
        return tuple(2**k for k in range(2, self.resolution.bit_length()))


class MappingNetwork(nn.Module):
    """z and label -> w; holds the mean of W."""

    w_avg: Tensor

    def __init__(self, config: StyleGAN1Config) -> None:
        super().__init__()
        self.config = config
        self.label = nn.Linear(config.c_dim, config.z_dim, bias=False) if config.c_dim else None
        width = config.z_dim * (2 if config.c_dim else 1)
        for index in range(config.mapping_layers):
            out = config.w_dim if index == config.mapping_layers - 1 else config.mapping_dim
            self.add_module(f"fc{index}", nn.Linear(width, out))
            width = out
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: Tensor, c: Tensor | None = None, *, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """z: (N, z_dim), c: (N, c_dim) where conditional -> ws (N, num_ws, w_dim), truncated towards w_avg.

        The TF code's own defaults are psi 0.7, cutoff 8; they are no part of its files.
        """
        cfg = self.config
        x = checked_z(z, cfg.z_dim, dtype=self.w_avg.dtype)
        if self.label is not None:
            x = torch.cat([x, self.label(checked_labels(c, len(x), cfg.c_dim, dtype=x.dtype))], dim=1)
        x = normalize_second_moment(x)
        with torch.autocast(x.device.type, enabled=False):
            for index in range(cfg.mapping_layers):
                x = F.leaky_relu(self.get_submodule(f"fc{index}")(x), 0.2)
        ws = x[:, None].expand(-1, cfg.num_ws, -1)
        return truncate(ws, self.w_avg, psi=psi, cutoff=cutoff)


class SynthesisLayer(nn.Module):
    """Convolution (none for the learned constant), noise, bias, leaky ReLU, instance norm, style."""

    noise_const: Tensor

    def __init__(self, config: StyleGAN1Config, in_channels: int | None, resolution: int, *, up: bool = False) -> None:
        super().__init__()
        channels = config.channels[resolution]
        self.up = up
        self.norm_eps = config.norm_eps
        self.blurred_bias = up and config.blurred_bias
        self.resolution = resolution
        if in_channels is not None:
            std = math.sqrt(2.0 / (9 * in_channels))
            self.weight = nn.Parameter(torch.randn(channels, in_channels, 3, 3) * std)
        self.has_conv = in_channels is not None
        self.bias = nn.Parameter(torch.zeros(channels))
        self.noise_weight = nn.Parameter(torch.zeros(channels))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.style = nn.Linear(config.w_dim, 2 * channels)

    def noise(self, batch: int, mode: NoiseMode, generator: torch.Generator | None) -> Tensor | None:
        """(1 or N, 1, R, R) noise before its per-channel weight, or None."""
        if mode == "none":
            return None
        if mode == "const":
            return self.noise_const[None, None]
        shape = (batch, 1, self.resolution, self.resolution)
        return torch.randn(shape, generator=generator, device=self.bias.device, dtype=self.bias.dtype)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """x: (N, I, H, H), w: (N, w_dim), noise from ``noise`` -> (N, C, R, R)."""
        if self.has_conv:
            x = ops.nearest_conv3x3_blur(x, self.weight) if self.up else ops.conv3x3(x, self.weight)
        with torch.autocast(x.device.type, enabled=False):
            scale, shift = self.style(w).chunk(2, dim=1)
        bias = self.bias
        if self.blurred_bias:
            edge = torch.ones(self.resolution, device=x.device, dtype=x.dtype)
            edge[[0, -1]] = 0.75  # of [1, 2, 1] / 4, a quarter lies outside
            x = x + bias.view(1, -1, 1, 1) * torch.outer(edge, edge)
            bias = torch.zeros_like(bias)
        x = ops.noise_bias_act(x, bias, noise, self.noise_weight)
        return ops.adaptive_instance_norm(x, scale + 1.0, shift, eps=self.norm_eps)


class SynthesisBlock(nn.Module):
    """One resolution: two layers."""

    def __init__(self, config: StyleGAN1Config, resolution: int) -> None:
        super().__init__()
        channels = config.channels[resolution]
        if resolution == 4:
            self.const = nn.Parameter(torch.ones(channels, 4, 4))
            self.layer0 = SynthesisLayer(config, None, resolution)
        else:
            self.layer0 = SynthesisLayer(config, config.channels[resolution // 2], resolution, up=True)
        self.layer1 = SynthesisLayer(config, channels, resolution)


class SynthesisNetwork(nn.Module):
    """W+ -> image."""

    def __init__(self, config: StyleGAN1Config) -> None:
        super().__init__()
        self.config = config
        for resolution in config.block_resolutions:
            self.add_module(f"b{resolution}", SynthesisBlock(config, resolution))
        self.torgb = nn.Conv2d(config.channels[config.resolution], 3, kernel_size=1)

    def forward(self, ws: Tensor, *, noise: NoiseMode = "const", generator: torch.Generator | None = None) -> Tensor:
        """Images (N, 3, R, R) float32, nominally in [-1, 1], not clipped.

        Parameters
        ----------
        ws
            (N, num_ws, w_dim).
        noise
            Stored planes, none, or drawn anew from ``generator`` for every sample (the TF code's default).
        """
        cfg = self.config
        first = cast(SynthesisBlock, self.get_submodule("b4"))
        ws = checked_ws(ws, cfg.num_ws, cfg.w_dim, dtype=first.const.dtype)
        checked_noise(noise)
        x = first.const[None].expand(len(ws), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        for index, resolution in enumerate(cfg.block_resolutions):
            block = cast(SynthesisBlock, self.get_submodule(f"b{resolution}"))
            for offset, layer in enumerate((block.layer0, block.layer1)):
                x = layer(x, ws[:, 2 * index + offset], layer.noise(len(ws), noise, generator))
        with torch.autocast(x.device.type, enabled=False):
            return self.torgb(x.to(self.torgb.weight.dtype))


class StyleGAN1(GeneratorModule):
    """A StyleGAN1 generator; satisfies the ``Generator`` protocol. Random weights until a state dict is loaded.

    ``generator.mapping(z, c, psi=, cutoff=)`` and ``generator.synthesis(ws, noise=)`` are its two halves.
    """

    def __init__(self, config: StyleGAN1Config) -> None:
        super().__init__(config)
        self.config = config
        self.mapping = MappingNetwork(config)
        self.synthesis = SynthesisNetwork(config)

    @property
    def w_avg(self) -> Tensor:
        """(w_dim,) the mean of W."""
        return self.mapping.w_avg


_Arrays = Mapping[str, np.ndarray]


def config_from_tf(synthesis_vars: _Arrays, mapping_vars: _Arrays) -> StyleGAN1Config:
    """Read a StyleGAN1's shape off its TF variables (names as in the network's own scope, arrays in TF layout)."""
    layers = sum(name.startswith("Dense") and name.endswith("/weight") for name in mapping_vars)
    channels: dict[int, int] = {}
    for name, array in synthesis_vars.items():
        scope, _, rest = name.partition("/")
        if rest in ("Conv/bias", "Conv1/bias") and scope.split("x")[0].isdigit():
            channels[int(scope.split("x")[0])] = len(array)
    if layers == 0 or not channels:
        raise CheckpointError("This is no StyleGAN1: it has no mapping layer Dense0 or no convolution 4x4/Conv.")
    label = mapping_vars.get("LabelConcat/weight")
    first = _variable(mapping_vars, "Dense0/weight")
    return StyleGAN1Config(
        resolution=max(channels),
        z_dim=first.shape[0] if label is None else label.shape[1],
        mapping_dim=first.shape[1],
        w_dim=_variable(mapping_vars, f"Dense{layers - 1}/weight").shape[1],
        mapping_layers=layers,
        c_dim=0 if label is None else label.shape[0],
        channels=channels,
    )


def state_from_tf(synthesis_vars: _Arrays, mapping_vars: _Arrays, gs_vars: _Arrays) -> dict[str, Tensor]:
    """Turn the TF variables of a StyleGAN1 into the state dict of ``StyleGAN1(config_from_tf(...))``.

    Parameters
    ----------
    synthesis_vars, mapping_vars, gs_vars
        {name: array} of the two sub-networks and of Gs itself, TF layout (convolutions [kh, kw, in, out], dense [in,
        out]). RGB layers of lower resolutions are left out.

    Raises
    ------
    CheckpointError
        A variable is missing, or the network was still growing (lod above 0).
    """
    config = config_from_tf(synthesis_vars, mapping_vars)
    lod = float(synthesis_vars.get("lod", np.float32(0.0)))
    if lod != 0.0:
        raise CheckpointError(
            f"This StyleGAN1 was still growing (lod {lod:g}); only a fully grown one (lod 0) is read."
        )
    state = {"mapping.w_avg": _variable(gs_vars, "dlatent_avg")}
    if config.c_dim:
        state["mapping.label.weight"] = _variable(mapping_vars, "LabelConcat/weight").T
    for index in range(config.mapping_layers):
        weight = _variable(mapping_vars, f"Dense{index}/weight")
        # Equalised learning rate: gain sqrt 2 over sqrt fan-in, and the mapping's learning rate multiplier 0.01.
        state[f"mapping.fc{index}.weight"] = weight.T * (0.01 * math.sqrt(2.0 / weight.shape[0]))
        state[f"mapping.fc{index}.bias"] = _variable(mapping_vars, f"Dense{index}/bias") * 0.01
    state["synthesis.b4.const"] = _variable(synthesis_vars, "4x4/Const/const")[0]
    for index, resolution in enumerate(config.block_resolutions):
        names = ("Const", "Conv") if resolution == 4 else ("Conv0_up", "Conv1")
        for offset, name in enumerate(names):
            scope, ours = f"{resolution}x{resolution}/{name}", f"synthesis.b{resolution}.layer{offset}"
            state[f"{ours}.bias"] = _variable(synthesis_vars, f"{scope}/bias")
            state[f"{ours}.noise_weight"] = _variable(synthesis_vars, f"{scope}/Noise/weight")
            state[f"{ours}.noise_const"] = _variable(synthesis_vars, f"noise{2 * index + offset}")[0, 0]
            style = _variable(synthesis_vars, f"{scope}/StyleMod/weight")
            state[f"{ours}.style.weight"] = style.T / math.sqrt(style.shape[0])
            state[f"{ours}.style.bias"] = _variable(synthesis_vars, f"{scope}/StyleMod/bias")
            if name == "Const":
                continue
            kernel = _variable(synthesis_vars, f"{scope}/weight").transpose(3, 2, 0, 1)  # (out, in, kh, kw)
            if name == "Conv0_up" and resolution >= _FUSED_FROM:
                kernel = kernel[:, :, ::-1, ::-1]
            state[f"{ours}.weight"] = kernel * math.sqrt(2.0 / (9 * kernel.shape[1]))
    rgb = _variable(synthesis_vars, "ToRGB_lod0/weight").transpose(3, 2, 0, 1)
    state["synthesis.torgb.weight"] = rgb / math.sqrt(rgb.shape[1])
    state["synthesis.torgb.bias"] = _variable(synthesis_vars, "ToRGB_lod0/bias")
    return {name: torch.tensor(np.ascontiguousarray(array), dtype=torch.float32) for name, array in state.items()}


def _variable(variables: _Arrays, name: str) -> np.ndarray:
    if name not in variables:
        raise CheckpointError(f"This StyleGAN1 file has no variable {name}; it is damaged, or of another architecture.")
    return variables[name]
