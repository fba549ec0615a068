"""Opening a checkpoint: bytes of a bounded file, and what kind of file they are."""

import mmap
import os
from pathlib import Path
from typing import Final

from facsmith.checkpoint._arrays import size_text
from facsmith.errors import CheckpointError

__all__ = ["LEGACY_TORCH_MAGIC", "kind_of", "map_file"]

MAX_FILE: Final = 8 * 1024**3
LEGACY_TORCH_MAGIC: Final = 0x1950A86A20F9469CFC6C
"""First value of a file of torch.save before version 1.6, and of the streams nested in NVIDIA's pickles."""

_LEGACY_TORCH_START: Final = b"\x8a\x0a" + LEGACY_TORCH_MAGIC.to_bytes(10, "little")


def map_file(path: str | os.PathLike[str]) -> memoryview:
    """The file's bytes, read from disk only where they are looked at.

    Raises
    ------
    CheckpointError
        No file, empty, or larger than any model we know.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise CheckpointError(f"There is no file {path}. Give a model file, or a name of `facsmith models list`.")
        size = path.stat().st_size
        if not 0 < size <= MAX_FILE:
            raise CheckpointError(f"{path} has {size_text(size)}; a model file has 1 byte to {size_text(MAX_FILE)}.")
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error


def kind_of(data: memoryview, path: str | os.PathLike[str]) -> str:
    """'pickle', 'torch-legacy', 'torch-zip' or 'safetensors', from the file's first bytes.

    Raises
    ------
    CheckpointError
        Something else, named where it is a common mistake.
    """
    start = bytes(data[:64])
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= len(data) - 8:
        return "safetensors"  # first: a header's length may begin as a pickle does
    if start.startswith(b"PK\x03\x04"):
        return "torch-zip"
    if start[:1] == b"\x80":
        return "torch-legacy" if _LEGACY_TORCH_START in start[2:24] else "pickle"  # protocol 4 puts a frame before
    if start[8:9] == b"{" and len(start) > 9:
        return "safetensors"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise CheckpointError(
            f"{path} is a web page, not a model: its server asked for a confirmation. Download it in a browser instead."
        )
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path} is a Git LFS pointer, not the model itself. Fetch it with `git lfs pull`.")
    raise CheckpointError(
        f"{path} is no model file we know. Accepted: NVIDIA's StyleGAN .pkl, rosinality's .pt, facsmith's .safetensors."
    )
