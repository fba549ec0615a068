"""A network that draws by label, at one label: an unconditional network, exactly."""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from facsmith.checkpoint._network import Config, build, estimate_w_avg
from facsmith.errors import CheckpointError
from facsmith.generator import StyleGAN1Config, StyleGAN2Config

__all__ = ["at_label", "check_drawable"]


def check_drawable(config: Config) -> None:
    """Whether photos can be inverted with the network as it is.

    Raises
    ------
    CheckpointError
        It draws by label, or something else than RGB pictures; says what to do.
    """
    channels = config.img_channels if isinstance(config, StyleGAN2Config) else 3
    if channels != 3:
        kind = {1: "grey pictures", 4: "pictures with transparency (RGBA)"}.get(channels, f"{channels} channels")
        raise CheckpointError(f"It draws {kind}; faces are animated with networks of RGB pictures, of 3 channels.")
    if config.c_dim:
        raise CheckpointError(
            f"It draws by label, of {config.c_dim}; choose one and keep the network at it: "
            "`facsmith models convert FILE --label 0 -o network.safetensors`."
        )


def at_label(config: Config, state: Mapping[str, Tensor], label: int) -> tuple[StyleGAN2Config, dict[str, Tensor]]:
    """Configuration and state of the unconditional network that draws what this one draws at the label.

    The mapping's first layer sees (z, y), y the normalised embedding of the label: at one label, y is a constant, and
    what the layer makes of it belongs to its bias. The mean of W is that of the label, over 8,192 codes.

    Parameters
    ----------
    label
        Number of the label, from 0, below ``config.c_dim``.

    Raises
    ------
    CheckpointError
        The network takes no labels, or not this one, or mixes them otherwise (StyleGAN1).
    """
    if not config.c_dim:
        raise CheckpointError("It draws without labels; leave out --label.")
    if isinstance(config, StyleGAN1Config):
        raise CheckpointError("It is a StyleGAN1 that draws by label, which normalises z and label together; not run.")
    if not 0 <= label < config.c_dim:
        raise CheckpointError(f"It has the labels 0 to {config.c_dim - 1}; {label} was asked for.")
    folded = {name: tensor for name, tensor in state.items() if not name.startswith("mapping.embed.")}
    embedding = state["mapping.embed.weight"][:, label] / math.sqrt(config.c_dim) + state["mapping.embed.bias"]
    y = embedding * torch.rsqrt(embedding.square().mean() + 1e-8)
    weight, bias = state["mapping.fc0.weight"], state["mapping.fc0.bias"]
    whole = weight.shape[1]
    # y = x (0.01 / sqrt(inputs) W)^T + 0.01 b: fewer inputs scale less, and the label's share goes to b.
    folded["mapping.fc0.weight"] = weight[:, : config.z_dim] * math.sqrt(config.z_dim / whole)
    folded["mapping.fc0.bias"] = bias + weight[:, config.z_dim :] @ y / math.sqrt(whole)
    plain = replace(config, c_dim=0)
    folded["mapping.w_avg"] = estimate_w_avg(build(plain, folded))
    return plain, folded
