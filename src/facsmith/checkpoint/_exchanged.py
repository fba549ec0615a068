"""Generators as people exchange them: the layouts of rosinality, genforce, BasicSR, pSp and their like."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from facsmith.checkpoint._arrays import Array, as_numpy
from facsmith.checkpoint._genforce import tensorflow_of
from facsmith.checkpoint._network import Config, build, checked_state, estimate_w_avg
from facsmith.checkpoint._rosinality1 import from_rosinality1
from facsmith.checkpoint._search import Found, find_generator
from facsmith.checkpoint._stylegan2 import (
    check_square,
    from_basicsr,
    from_rosinality,
    from_state,
    from_tensorflow,
)
from facsmith.checkpoint._tensorflow import stylegan1_from
from facsmith.checkpoint._variants import check_modules

__all__ = ["read_exchanged"]

Read = tuple[Config, Mapping[str, Any], tuple[str, ...]]


def read_exchanged(value: Any) -> tuple[str, Config, dict[str, Tensor], tuple[str, ...]]:
    """(format, configuration, state, notes) of a generator in one of the layouts that people exchange.

    Parameters
    ----------
    value
        What the file holds: dictionaries of tensors, or modules, however they are wrapped.

    Raises
    ------
    CheckpointError
        It holds no generator, or one that is not run here; says which.
    """
    found = find_generator(value)
    check_square(found.tensors.get(_STARTS[found.layout]))
    config, arrays, notes = _TITLES[found.layout][1](found)
    state = checked_state(config, arrays)
    if not bool(state["mapping.w_avg"].any()):
        given, differs = _common_row(found.latent_avg, config.w_dim)
        state["mapping.w_avg"] = estimate_w_avg(build(config, state)) if given is None else given
        if differs:
            notes += ("its latent_avg differs from layer to layer, so the mean of W is estimated from 8,192 codes",)
        elif given is None:
            notes += ("it stores no mean of W, which is estimated from 8,192 codes",)
    if found.where:
        notes = (f"the generator is its {found.where.rstrip('.')}", *notes)
    if found.others:
        left = ", ".join(prefix.rstrip(".") or "the rest" for prefix in found.others)
        notes += (f"of the generators that it holds, {left} was left",)
    return _TITLES[found.layout][0], config, state, notes


def _common_row(latent_avg: Array | None, w_dim: int) -> tuple[Tensor | None, bool]:
    """(w_dim,) of a mean of W, stored once or once a layer; None where there is none, or layers differ (then True)."""
    if latent_avg is None or not latent_avg.shape or latent_avg.shape[-1] != w_dim or len(latent_avg.shape) > 3:
        return None, False
    rows = as_numpy({"latent_avg": latent_avg})["latent_avg"].reshape(-1, w_dim)
    if not len(rows) or not np.isfinite(rows).all():
        return None, False
    if not np.allclose(rows, rows[:1], atol=1e-5):
        return None, True
    return torch.as_tensor(np.array(rows[0], np.float32)), False


def _read_genforce2(found: Found) -> Read:
    return (*from_tensorflow(tensorflow_of(as_numpy(found.tensors), family="stylegan2")), ())


def _read_genforce1(found: Found) -> Read:
    config, state = stylegan1_from(tensorflow_of(as_numpy(found.tensors), family="stylegan1"))
    return config, state, ()


def _read_rosinality(found: Found) -> Read:
    check_modules(found.attributes)
    return from_rosinality(found.tensors)


_TITLES: Final[dict[str, tuple[str, Callable[[Found], Read]]]] = {
    "nvidia": ("state dict of NVIDIA's names", lambda found: from_state(found.tensors)),
    "rosinality": ("rosinality StyleGAN2 checkpoint", _read_rosinality),
    "basicsr": ("BasicSR StyleGAN2 checkpoint", lambda found: from_basicsr(found.tensors)),
    "genforce-stylegan2": ("genforce StyleGAN2 checkpoint", _read_genforce2),
    "genforce-stylegan1": ("genforce StyleGAN1 checkpoint", _read_genforce1),
    "rosinality-stylegan1": (
        "rosinality StyleGAN1 checkpoint",
        lambda found: from_rosinality1(as_numpy(found.tensors)),
    ),
}
"""Of each layout: what its files are called, and how it is read."""

_STARTS: Final = {
    "nvidia": "synthesis.b4.const",
    "rosinality": "input.input",
    "basicsr": "constant_input.weight",
    "genforce-stylegan2": "synthesis.early_layer.const",
    "genforce-stylegan1": "synthesis.layer0.const",
    "rosinality-stylegan1": "generator.progression.0.conv1.input",
}
"""Of each layout, the tensor from which drawing begins: (..., H, W)."""
