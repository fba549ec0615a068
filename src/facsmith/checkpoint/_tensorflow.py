"""NVIDIA's TensorFlow pickles: the tuple (G, D, Gs) of networks, of which Gs, the averaged generator, is used."""

import reprlib
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facsmith._json import is_record
from facsmith.checkpoint._arrays import StoredArray, as_numpy
from facsmith.checkpoint._nvidia import NETWORK
from facsmith.checkpoint._pickle import Record
from facsmith.errors import CheckpointError
from facsmith.generator import StyleGAN1Config
from facsmith.generator.stylegan1 import config_from_tf, state_from_tf

__all__ = ["AverageGenerator", "average_generator", "stylegan1_from"]

_SUPPORTED: Final[dict[str, Any]] = {
    "use_noise": True,
    "use_styles": True,
    "use_wscale": True,
    "use_instance_norm": True,
    "use_pixel_norm": False,
    "const_input_latent": True,
    "normalize_latents": True,
    "nonlinearity": "lrelu",
    "mapping_nonlinearity": "lrelu",
    "mapping_lrmul": 0.01,
    "blur_filter": [1, 2, 1],
    "resample_kernel": [1, 3, 3, 1],
    "fused_scale": "auto",
}
"""Arguments of NVIDIA's TensorFlow networks that change their arithmetic without showing in their tensors."""


@dataclass(frozen=True)
class AverageGenerator:
    """Gs: its own variables (``dlatent_avg``), those of its two halves, and the arguments it was built with."""

    own: dict[str, NDArray[Any]]
    mapping: dict[str, NDArray[Any]]
    synthesis: dict[str, NDArray[Any]]
    arguments: dict[str, Any]

    @property
    def family(self) -> str:
        """'stylegan1' or 'stylegan2', by the layers' names.

        Raises
        ------
        CheckpointError
            The layers are neither's.
        """
        for family, mark in (("stylegan1", "/StyleMod/weight"), ("stylegan2", "/mod_weight")):
            if any(name.endswith(mark) for name in self.synthesis):
                return family
        raise CheckpointError("It is a TensorFlow network, but neither StyleGAN1 nor StyleGAN2.")


def average_generator(value: Any) -> AverageGenerator:
    """Gs of a pickle that was read.

    Raises
    ------
    CheckpointError
        The pickle holds something else, for instance a ProGAN; or a variant that is not run here.
    """
    networks = cast(tuple[Any, ...], value) if isinstance(value, tuple) else ()
    if len(networks) != 3:
        raise CheckpointError("It is no StyleGAN pickle: it must hold the three networks G, D and Gs.")
    state = _state(networks[2])
    parts: dict[str, Any] = state.get("components") or {}
    if "mapping" not in parts or "synthesis" not in parts:
        raise CheckpointError(
            f"It is a TensorFlow network {reprlib.repr(state.get('build_func_name'))} without mapping and synthesis; "
            "give a StyleGAN1 or StyleGAN2."
        )
    mapping, synthesis = _state(parts["mapping"]), _state(parts["synthesis"])
    arguments: dict[str, Any] = {}
    for part in (mapping, synthesis, state):  # the halves are built with the whole's arguments, and may have more
        arguments |= cast(dict[str, Any], part.get("static_kwargs") or {})
        _check_arguments(part)
    return AverageGenerator(_variables(state), _variables(mapping), _variables(synthesis), arguments)


def _check_arguments(network: dict[str, Any]) -> None:
    arguments: dict[str, Any] = network.get("static_kwargs") or {}
    for name, wanted in _SUPPORTED.items():
        given = arguments.get(name, wanted)
        if given != wanted:
            raise CheckpointError(f"It was built with {name} = {reprlib.repr(given)}; only {wanted!r} is run here.")


def stylegan1_from(network: AverageGenerator) -> tuple[StyleGAN1Config, dict[str, Tensor]]:
    """Configuration and state dict of a StyleGAN1.

    Raises
    ------
    CheckpointError
        Incomplete, or saved while it was still growing.
    """
    config = config_from_tf(network.synthesis, network.mapping)
    config = replace(config, channels=dict(sorted(config.channels.items())))
    return config, state_from_tf(network.synthesis, network.mapping, network.own)


def _variables(state: dict[str, Any]) -> dict[str, NDArray[Any]]:
    pairs: list[tuple[Any, Any]] = state.get("variables") or []
    found = {name: item for name, item in pairs if isinstance(name, str)}
    arrays = {name: item for name, item in found.items() if isinstance(item, StoredArray)}
    scalars = {name: np.asarray(item, np.float32) for name, item in found.items() if isinstance(item, int | float)}
    return {**as_numpy(arrays), **scalars}


def _state(network: Any) -> dict[str, Any]:
    state: Any = network.state if isinstance(network, Record) and network.name == NETWORK else None
    if not is_record(state):
        raise CheckpointError("It is no StyleGAN pickle: a network without state.")
    return state
