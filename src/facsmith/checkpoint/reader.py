"""Reading generators (and plain state dicts) from any supported file, executing nothing.

| file | what is read |
|---|---|
| NVIDIA StyleGAN1, StyleGAN2 `.pkl` (TensorFlow) | Gs |
| NVIDIA StyleGAN2-ADA `.pkl`, StyleGAN2 networks of StyleGAN3's repository | G_ema |
| rosinality, genforce, BasicSR, pSp, e4e, ReStyle `.pt`, `.pth`, zip or legacy | the averaged generator |
| a state dict of these or of NVIDIA's names, or whole modules, `.pt` or `.safetensors` | the same |
| facsmith `.safetensors` | everything |
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

import torch
from torch import Tensor

from facsmith._weights import load_weights, read_metadata
from facsmith.checkpoint._arrays import Array, LoadedArray, StoredTensor, as_numpy, size_text
from facsmith.checkpoint._exchanged import read_exchanged
from facsmith.checkpoint._files import kind_of, map_file
from facsmith.checkpoint._network import Config, Network, build, checked_state, config_from_json
from facsmith.checkpoint._pickled import read_pickled
from facsmith.checkpoint._search import flattened
from facsmith.checkpoint._torch import read_legacy, read_zip
from facsmith.errors import CheckpointError, InputError
from facsmith.framing import Framing, parse_framing

__all__ = [
    "FRAMING",
    "GENERATOR",
    "Checkpoint",
    "name_file",
    "read_checkpoint",
    "read_state_dict",
    "read_stored_tensors",
]

GENERATOR: Final = "generator"
"""The kind written into our safetensors files."""
FRAMING: Final = "framing"
"""Of the metadata: what `framing.parse_framing` reads."""

MAX_HEADER: Final = 16 * 1024**2


@dataclass(frozen=True)
class Checkpoint:
    """A generator as data.

    Parameters
    ----------
    format
        What kind of file it was.
    state
        float32, under the names of the generator's state dict.
    metadata
        What our own file says about its origin.
    notes
        What the file leaves open, or draws otherwise than here.
    """

    format: str
    config: Config
    state: Mapping[str, Tensor] = field(repr=False)
    metadata: Mapping[str, str] = field(default_factory=lambda: {})
    notes: tuple[str, ...] = ()

    def build(self) -> Network:
        """The generator, in evaluation mode, without gradients; with its framing, where the file says it.

        Raises
        ------
        CheckpointError
            The framing that the file names is none.
        """
        network = build(self.config, self.state)
        network.framing = self.framing
        return network

    @property
    def framing(self) -> Framing | None:
        """How its pictures frame the face; None where the file does not say.

        Raises
        ------
        CheckpointError
            What it says is damaged.
        """
        if FRAMING not in self.metadata:
            return None
        try:
            return parse_framing(self.metadata[FRAMING])
        except InputError as error:
            raise CheckpointError(f"It names no framing that is known ({error})") from error


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a generator.

    Raises
    ------
    CheckpointError
        Missing, damaged, refused, or no generator that is run here; says which and what to do.
    """
    data = map_file(path)
    kind = kind_of(data, path)
    with name_file(path):
        if kind == "safetensors":
            return _safetensors_generator(path, data)
        if kind == "pickle":
            return _found(*read_pickled(data, source=str(path)))
        return _found(*read_exchanged(_torch_value(data, kind, str(path))))


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read a plain state dict, such as torchvision's VGG-16: torch zip, torch legacy or safetensors.

    Raises
    ------
    CheckpointError
        Missing, damaged, refused, or it holds something else.
    """
    data = map_file(path)
    kind = kind_of(data, path)
    with name_file(path):
        if kind == "safetensors":
            return _safetensors(path, data)
        if kind == "pickle":
            raise CheckpointError("It is a pickle of a whole network; a file of tensors alone (.pth, .pt) is needed.")
        value = _torch_value(data, kind, str(path))
        if not isinstance(value, dict) or not value or not all(isinstance(v, StoredTensor) for v in _values(value)):
            raise CheckpointError("It holds something else than tensors; a plain state dict is needed.")
        arrays = as_numpy(cast(dict[str, StoredTensor], value))
        return {str(name): torch.as_tensor(array) for name, array in arrays.items()}


def read_stored_tensors(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The tensors of a torch file, by dotted path, whatever they lie in: described, and made one by one on request.

    A tensor alone has the name ``tensor``.

    Raises
    ------
    CheckpointError
        Missing, damaged, refused, or no torch file.
    """
    data = map_file(path)
    kind = kind_of(data, path)
    with name_file(path):
        if kind not in ("torch-zip", "torch-legacy"):
            raise CheckpointError(f"It is a file of the kind {kind}; one of torch.save is needed.")
        return flattened({"tensor": _torch_value(data, kind, str(path))})[0]


@contextmanager
def name_file(path: str | os.PathLike[str]) -> Generator[None]:
    """Name the file in every error raised within; a file may violate any assumption that its kind suggests."""
    try:
        yield
    except CheckpointError as error:
        text = str(error)
        named = text if str(path) in text else f"{path} is refused. {text}"
        raise CheckpointError(_one_line(named)) from error
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        reason = _one_line(f"{type(error).__name__}: {error}")
        raise CheckpointError(f"{path} is not understood ({reason}); it is damaged.") from error


def _one_line(text: str) -> str:
    """Texts out of a file may be long, or hold line breaks and terminal commands."""
    printable = "".join(c if c.isprintable() else "?" for c in text[:5000])
    return printable if len(printable) <= 1000 else f"{printable[:700]} ... {printable[-250:]}"


def _values(value: Any) -> list[Any]:
    return list(cast(dict[str, Any], value).values())


def _torch_value(data: memoryview, kind: str, source: str) -> Any:
    return read_zip(data, source=source) if kind == "torch-zip" else read_legacy(data, source=source)


def _safetensors_generator(path: str | os.PathLike[str], data: memoryview) -> Checkpoint:
    _check_header(path, data)
    if "facsmith" not in read_metadata(path):
        tensors = _safetensors(path, data)
        arrays = {name: LoadedArray(tensor.float().numpy()) for name, tensor in tensors.items()}
        return _found(*read_exchanged(arrays))
    stored, tensors = load_weights(path, kind=GENERATOR)
    config = config_from_json(stored["network"])
    metadata = {str(key): str(value) for key, value in dict(stored.get("metadata", {})).items()}
    return Checkpoint("facsmith safetensors", config, checked_state(config, tensors), metadata)


def _safetensors(path: str | os.PathLike[str], data: memoryview) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]

    _check_header(path, data)
    try:
        return load_file(path)
    except (SafetensorError, ValueError, OSError) as error:
        raise CheckpointError(f"{path} is a damaged safetensors file ({error}). Fetch it again.") from error


def _check_header(path: str | os.PathLike[str], data: memoryview) -> None:
    header = int.from_bytes(data[:8], "little")
    if header > min(MAX_HEADER, len(data) - 8):
        raise CheckpointError(
            f"{path} announces a header of {size_text(header)} in a file of {size_text(len(data))}; damaged or forged."
        )


def _found(title: str, config: Config, state: Mapping[str, Tensor], notes: tuple[str, ...]) -> Checkpoint:
    return Checkpoint(title, config, state, notes=notes)
