"""Where a run of the generator begins when it does not begin from nothing, and the small file it leaves for that.

A run's own ``state.safetensors`` goes on to the step. Its essence, `keep`, is what fits into a repository or through a
narrow door: every network in half precision, without optimiser; on request the photos' corrections, a byte a number.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn

from facsmith._files import atomic_path
from facsmith._weights import read_metadata
from facsmith.checkpoint._network import build, checked_state, config_from_json, config_to_json
from facsmith.encoder import Encoder, EncoderConfig
from facsmith.errors import CheckpointError, InputError
from facsmith.generator.stylegan2 import StyleGAN2
from facsmith.lab.train.options import GeneratorOptions

__all__ = ["DELTA", "NETWORKS", "begin_from", "keep", "kept_model", "read_networks"]

NETWORKS = ("average", "critic", "latents")
"""What a run begins from; its generator from the average."""

DELTA = "latents/delta.weight"
"""The photos' own corrections, in a state."""

_BYTES, _SCALE = "latents/delta.bytes", "latents/delta.scale"
_LEVELS = 127
_ENCODER = "encoder"  # in tensors' names, and its configuration in the metadata
_SIZES = ("resolution", "w_dim", "mapping_layers", "channel_base", "channel_max")
_NETWORK = "network"  # the generator's configuration in the metadata


def begin_from(path: str | Path, modules: dict[str, nn.Module]) -> int:
    """Copy a state of another run, or its essence, into networks of the same sizes; returns on how many images they
    were trained, as far as the file says.

    Optimisers stay fresh. The photos' corrections, where the file has some, are those of the first photos: what a data
    set adds (`train data --soft`) comes after them.

    Parameters
    ----------
    modules
        Modules of a run, by their names in the file: average, critic, latents; and generator, which begins where the
        average is.

    Raises
    ------
    CheckpointError
        No such file, damaged, or networks of other sizes.
    """
    tensors = read_networks(path)
    corrections = tensors.pop(DELTA, None)
    if corrections is None and _BYTES in tensors and _SCALE in tensors:
        corrections = tensors.pop(_BYTES).float() * tensors.pop(_SCALE).float()
    for name in NETWORKS:
        wanted = {f"{name}/{key}": value for key, value in modules[name].state_dict().items()}
        own = wanted.pop(DELTA, None)
        missing = [key for key in wanted if key not in tensors or tensors[key].shape != wanted[key].shape]
        if missing:
            found = tuple(tensors[missing[0]].shape) if missing[0] in tensors else "nothing"
            raise CheckpointError(
                f"{path} has other sizes than this run: {missing[0]} is {tuple(wanted[missing[0]].shape)} here and "
                f"{found} there. Give the resolution and channels it was trained with, or begin from nothing."
            )
        with torch.no_grad():
            for key, value in wanted.items():
                value.copy_(tensors[key])
            if own is not None and corrections is not None and len(corrections) <= len(own):
                own[: len(corrections)].copy_(corrections)
    modules["generator"].load_state_dict(modules["average"].state_dict())
    counters: dict[str, Any] = json.loads(read_metadata(path).get("counters", "{}"))
    return int(counters.get("images", 0))


def keep(state: str | Path, out: str | Path, *, corrections: bool = False, encoder: str | Path | None = None) -> Path:
    """Write the essence of a run's ``state.safetensors``; returns ``out``.

    Parameters
    ----------
    corrections
        Keep those of the single photos, too: as much as the rest of the file again.
    encoder
        The generator's encoder, by which other photos are adopted (`lab.train.adopt`).

    Raises
    ------
    InputError
        The file holds no run of the generator, or the encoder is another generator's.
    CheckpointError
        A damaged file.
    """
    tensors = read_networks(state)
    if DELTA not in tensors:
        raise InputError(f"{state} is no state of `facsmith train generator`; give RUN/state.safetensors.")
    delta = tensors.pop(DELTA)
    kept = {name: _half(value) for name, value in tensors.items() if name.split("/")[0] in NETWORKS}
    if corrections:
        scale = delta.abs().amax(dim=1, keepdim=True).clamp_min(1e-8) / _LEVELS
        kept |= {_BYTES: (delta / scale).round().to(torch.int8), _SCALE: scale}
    what = "networks to go on training from; names as in a run's state.safetensors; no optimiser"
    metadata = {"what": what, "counters": read_metadata(state).get("counters", "{}")}
    if encoder is not None:
        network = Encoder.load(encoder)
        kept |= {f"{_ENCODER}/{name}": _half(value) for name, value in network.state_dict().items()}
        metadata |= {_ENCODER: json.dumps(asdict(network.config)), _NETWORK: _configuration(metadata["counters"])}
        average = _average(metadata, kept)
        if network.config.generator_id != average.generator_id:
            raise InputError(
                f"{encoder} is the encoder of {network.config.generator_id}; this run's generator, in half precision, "
                f"is {average.generator_id}. Train one for it: facsmith models convert RUN/generator.safetensors "
                "--half -o FILE, then facsmith train encoder FILE."
            )
    with atomic_path(out) as temporary:
        save_file(kept, temporary, metadata=metadata)
    return Path(out)


def kept_model(path: str | Path) -> tuple[StyleGAN2, Encoder] | None:
    """The averaged generator and its encoder, frozen, of a file that `keep` wrote with one; None: it has none.

    Raises
    ------
    CheckpointError
        No such file, or damaged.
    """
    metadata = read_metadata(path)
    if _ENCODER not in metadata:
        return None
    tensors = read_networks(path)
    try:
        generator = _average(metadata, tensors)
        encoder = Encoder(EncoderConfig(**json.loads(metadata[_ENCODER])))
        encoder.load_state_dict(_named(tensors, _ENCODER))
    except (KeyError, TypeError, ValueError, RuntimeError, InputError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); fetch or make it again.") from error
    if encoder.config.generator_id != generator.generator_id:
        raise CheckpointError(f"The encoder in {path} is not that of its generator; make the file again.")
    return generator, encoder.eval().requires_grad_(False)


def _average(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> StyleGAN2:
    config = config_from_json(json.loads(metadata[_NETWORK]))
    generator = build(config, checked_state(config, _named(tensors, "average")))
    if not isinstance(generator, StyleGAN2):
        raise ValueError(f"a {type(generator).__name__}")
    return generator


def _named(tensors: Mapping[str, Tensor], network: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{network}/"): t.float() for name, t in tensors.items() if name.startswith(f"{network}/")
    }


def _configuration(counters: str) -> str:
    """Of a run's generator, as JSON."""
    options = json.loads(counters)["options"]
    config = GeneratorOptions(**{name: options[name] for name in _SIZES}).network
    return json.dumps(config_to_json(config))


def _half(value: Tensor) -> Tensor:
    """Matrices in half precision, vectors as they are."""
    return value.half().contiguous() if value.ndim > 1 and value.is_floating_point() else value.contiguous()


def read_networks(path: str | Path) -> dict[str, Tensor]:
    """The networks' tensors, without optimisers."""
    read_metadata(path)  # says what is wrong with a file that is none
    try:
        with safe_open(path, framework="pt") as file:  # pyright: ignore[reportUnknownVariableType]
            names: list[str] = [key for key in file.keys() if not key.startswith("optimizer/")]  # noqa: SIM118 # pyright: ignore
            return {name: file.get_tensor(name) for name in names}  # pyright: ignore[reportUnknownMemberType]
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); fetch or make it again.") from error
