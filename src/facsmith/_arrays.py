"""Array files from strangers: safetensors and .npy, read with bounded sizes and nothing executed."""

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from facsmith._files import atomic_path
from facsmith.errors import InputError

Array = npt.NDArray[Any]

_MAX_HEADER = 1 << 20
_NPY_HEADER = 4096


def write_tensors(path: str | os.PathLike[str], tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write one safetensors file atomically; the same tensors and metadata give the same bytes."""
    from safetensors import numpy as safetensors_numpy

    with atomic_path(path) as temporary:
        save_file = cast(Any, safetensors_numpy).save_file
        save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, temporary, metadata=dict(metadata))
        _sort_metadata(temporary)


def _sort_metadata(path: Path) -> None:
    """In the header, in place: safetensors writes its keys in an order that differs from one call to the next."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header = {"__metadata__": dict(sorted(header.pop("__metadata__", {}).items())), **header}
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= length:
            file.seek(8)
            file.write(text.ljust(length))


def read_tensors(
    path: str | os.PathLike[str], *, max_bytes: int, error: type[InputError]
) -> tuple[dict[str, Array], dict[str, str]]:
    """Tensors and metadata of a safetensors file of at most ``max_bytes``; anything else raises ``error``."""
    from safetensors import SafetensorError, safe_open

    size = _size(path, max_bytes, error)
    try:
        with open(path, "rb") as file:
            header = int.from_bytes(file.read(8), "little")
        if header > min(size, _MAX_HEADER):
            raise error(f"{path} is no safetensors file, or its header is damaged. Give a file that facsmith saved.")
        opened = cast(Any, safe_open)(os.fspath(path), framework="numpy")
        with opened as tensors:
            metadata: dict[str, str] | None = tensors.metadata()
            return {name: cast(Array, tensors.get_tensor(name)) for name in tensors.keys()}, metadata or {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as cause:
        if isinstance(cause, InputError):
            raise
        raise error(f"{path} is no readable safetensors file: {cause}. Give a file that facsmith saved.") from cause


def read_npy(path: str | os.PathLike[str], *, max_bytes: int, error: type[InputError]) -> Array:
    """A numeric array from a .npy file of at most ``max_bytes``; the header is checked before anything is allocated."""
    size = _size(path, max_bytes, error)
    try:
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers that Python 2 wrote are fine
            version = np.lib.format.read_magic(file)
            read_header = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read_header(file, max_header_size=_NPY_HEADER)
            count = 1
            for length in shape:
                count *= length
            if dtype.kind not in "fiu" or min(shape, default=1) < 1 or count * dtype.itemsize > size:
                raise error(
                    f"{path} announces an array of {dtype}, shape {shape}: no numbers, or more than {size} bytes. "
                    "Give a plain numeric .npy file."
                )
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False, max_header_size=_NPY_HEADER)
    except Exception as cause:  # numpy reads a header as Python source: a damaged one fails in a dozen ways
        if isinstance(cause, InputError):
            raise
        raise error(f"{path} is no readable .npy file: {cause}. Give a plain numeric .npy file.") from cause


def _size(path: str | os.PathLike[str], max_bytes: int, error: type[InputError]) -> int:
    file = Path(path)
    if not file.is_file():
        raise error(f"There is no file {path}. Check the path.")
    size = file.stat().st_size
    if size > max_bytes:
        raise error(f"{path} has {size} bytes; at most {max_bytes} are read here. Is it the file that you meant?")
    return size
