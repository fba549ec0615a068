"""From a configuration and arrays to a generator, whatever file they came from."""

import reprlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facsmith.checkpoint._arrays import Array, as_numpy
from facsmith.checkpoint._shapes import expected_shapes
from facsmith.errors import CheckpointError
from facsmith.generator import StyleGAN1, StyleGAN1Config, StyleGAN2, StyleGAN2Config

__all__ = ["Config", "Network", "build", "checked_state", "config_from_json", "config_to_json", "estimate_w_avg"]

Config = StyleGAN1Config | StyleGAN2Config
Network = StyleGAN1 | StyleGAN2

_CONFIGS: Final[dict[str, type[Config]]] = {c.family: c for c in (StyleGAN1Config, StyleGAN2Config)}

MAX_SETTING: Final = 2**20
MAX_LAYERS: Final = 64
AVERAGED_CODES: Final = 16 * 512


def config_to_json(config: Config) -> dict[str, Any]:
    """The configuration as plain values, with its family."""
    return {"family": config.family, **asdict(config)}


def config_from_json(values: Mapping[str, Any]) -> Config:
    """Inverse of `config_to_json`; unknown, missing and impossible settings are refused.

    Raises
    ------
    CheckpointError
        A setting is unknown, missing or impossible; says which.
    """
    settings = dict(values)
    family = settings.pop("family", None)
    if not isinstance(family, str) or family not in _CONFIGS:
        raise CheckpointError(f"It is a generator of the family {reprlib.repr(family)}; known: {', '.join(_CONFIGS)}.")
    try:
        if "channels" in settings:  # JSON has no integer keys
            settings["channels"] = dict(sorted((int(r), n) for r, n in settings["channels"].items()))
        numbers = [*settings.values(), *settings.get("channels", {}).values()]
        large = [n for n in numbers if isinstance(n, int | float) and not 0 <= n <= MAX_SETTING]
        if large or settings["mapping_layers"] > MAX_LAYERS:
            raise CheckpointError("Its configuration is out of proportion; it is damaged or forged.")
        return _CONFIGS[family](**settings)
    except CheckpointError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f"Its configuration is not understood ({error}).") from error


def checked_state(config: Config, arrays: Mapping[str, NDArray[Any] | Array | Tensor]) -> dict[str, Tensor]:
    """The arrays as float32 tensors: exactly those of the configuration's network, each of its shape.

    Shapes are compared before any array is made.

    Raises
    ------
    CheckpointError
        Names the tensors that are missing, unknown, of another shape, or not finite.
    """
    expected = expected_shapes(config)
    given = {name: tuple(array.shape) for name, array in arrays.items()}
    if expected != given:
        wrong = sorted(name for name in expected.keys() | given.keys() if expected.get(name) != given.get(name))
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise CheckpointError(
            f"Its tensors are not those of a {config.family} of {config.resolution} px: {', '.join(wrong[:3])}{more} "
            "missing, unknown or of another shape."
        )
    stored = {name: array for name, array in arrays.items() if not isinstance(array, np.ndarray | Tensor)}
    made: Mapping[str, Any] = {**arrays, **as_numpy(cast(Mapping[str, Array], stored))}
    state = {name: _tensor(value) for name, value in made.items()}
    for name, tensor in state.items():
        if not bool(tensor.isfinite().all()):
            raise CheckpointError(f"Its {name} holds NaN or infinite numbers; its training failed, or it is damaged.")
    return state


def build(config: Config, state: Mapping[str, Tensor]) -> Network:
    """The generator, in evaluation mode, without gradients; it takes the tensors of ``state`` as they are, uncopied."""
    network = StyleGAN1(config) if isinstance(config, StyleGAN1Config) else StyleGAN2(config)
    network.load_state_dict(dict(state), assign=True)
    return network.eval().requires_grad_(False)


def estimate_w_avg(network: Network, *, seed: int = 0) -> Tensor:
    """(w_dim,) the mean of W over 8,192 codes, for checkpoints that do not store it."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(network.w_dim, dtype=torch.float64)
    with torch.inference_mode():
        for _ in range(AVERAGED_CODES // 512):
            ws = network.mapping(torch.randn(512, network.z_dim, generator=generator))
            total += ws[:, 0].sum(0)
    return (total / AVERAGED_CODES).float()


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.float()
    return torch.as_tensor(np.require(value, np.float32, ("C", "W")))
