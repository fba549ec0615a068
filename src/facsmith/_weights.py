"""Our own networks on disk: one safetensors file, its configuration as JSON in the metadata. Weights are data."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from facsmith._files import atomic_path
from facsmith._json import is_record, parse_json
from facsmith.errors import CheckpointError

__all__ = ["load_weights", "read_metadata", "save_weights"]

_HALF_MAX = 65504.0
_HEADER_MAX = 100_000_000  # the format's own limit


def save_weights(
    path: str | os.PathLike[str],
    tensors: Mapping[str, Tensor],
    *,
    kind: str,
    config: Mapping[str, Any],
    half: bool = True,
) -> None:
    """Write tensors and their network's configuration.

    Equal content makes equal bytes.

    Parameters
    ----------
    kind
        What the file holds, e.g. ``descriptor``; a reader asks for it.
    half
        Store matrices as float16 (rounded by at most a part in 2000); vectors stay float32.
    """
    stored = {name: _compact(tensor) if half else tensor.detach().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        metadata = {"facsmith": kind, "config": json.dumps(dict(config), sort_keys=True)}
        temporary.write_bytes(_ordered(save(stored, metadata=metadata)))


def load_weights(path: str | os.PathLike[str], *, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read (configuration, tensors as float32; integers as stored) of a file written by `save_weights`.

    Raises
    ------
    CheckpointError
        No such file, damaged, or of another kind.
    """
    metadata = read_metadata(path)
    found = metadata.get("facsmith", "no facsmith model")
    if found != kind:
        raise CheckpointError(f"{path} holds {found}, not a facsmith {kind}; give the file that was saved as one.")
    try:
        config: Any = parse_json(metadata["config"])
        tensors = load_file(path)
    except (KeyError, ValueError, SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is a damaged {kind} file ({error}); fetch or make it again.") from error
    if not is_record(config):
        raise CheckpointError(f"{path} is a damaged {kind} file (no configuration inside); fetch or make it again.")
    return config, {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata of a safetensors file; only its header is read.

    Raises
    ------
    CheckpointError
        No such file, or not safetensors.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"There is no file {path}; give the path of a safetensors file.")
    try:
        with Path(path).open("rb") as file:  # eight bytes of length, then that much JSON
            length = int.from_bytes(file.read(8), "little")
            header: Any = parse_json(file.read(length)) if length <= _HEADER_MAX else None
        metadata: Any = header.get("__metadata__", {})
        return {str(k): str(v) for k, v in metadata.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is no readable safetensors file ({error}); fetch or make it again.") from error


def _ordered(data: bytes) -> bytes:
    """The same safetensors file with its header sorted: the library writes metadata in random order."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(parse_json(data[8:end]), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def _compact(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().contiguous()
    if tensor.ndim < 2 or not tensor.is_floating_point() or float(tensor.abs().max()) > _HALF_MAX:
        return tensor
    return tensor.to(torch.float16)
