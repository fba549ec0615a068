"""Files of torch.save, in both forms: a zip archive (since 1.6) and one stream of pickles and raw numbers (before).

The second form also lies nested in NVIDIA's pickles, one stream for each tensor. No file is handed to torch. Whole
modules in such a file are read as Records: the words that name their classes, and their attributes.
"""

import io
import struct
import zipfile
from collections.abc import Generator, Hashable
from contextlib import contextmanager
from typing import Any, Final, cast

from facsmith._json import is_list, is_record
from facsmith.checkpoint._arrays import STORAGE_TYPES, Storage, StoredTensor, numpy_builders, size_text
from facsmith.checkpoint._files import LEGACY_TORCH_MAGIC
from facsmith.checkpoint._pickle import Budget, Builder, Name, Record, plain_key, read_pickle
from facsmith.errors import CheckpointError

__all__ = ["container_builders", "read_legacy", "read_zip", "tensor_builders"]

MAX_DIRECTORY: Final = 8 * 1024**2
"""Bytes of a zip file's table of contents; a StyleGAN has some hundred entries of a hundred bytes."""


def container_builders() -> dict[Name, Builder]:
    """Builders for plain containers under their various names."""

    def mapping(args: tuple[Any, ...]) -> dict[Hashable, Any]:
        return {plain_key(key): value for key, value in (args[0] if args else ())}

    def collection(args: tuple[Any, ...]) -> list[Any]:
        return list(args[0]) if args else []

    def no_bytes(args: tuple[Any, ...]) -> memoryview:  # how protocol 2 writes b""
        if args:
            raise TypeError("bytes made of something")
        return memoryview(b"")

    def empty(args: tuple[Any, ...]) -> dict[Hashable, Any]:  # of a default that is not looked at
        return {}

    made: dict[Name, Builder] = {
        Name("collections", "OrderedDict"): mapping,
        Name("collections", "defaultdict"): empty,
    }
    for module in ("builtins", "__builtin__"):
        made[Name(module, "bytes")] = no_bytes
        made[Name(module, "set")] = collection
        made[Name(module, "frozenset")] = collection
    return made


def tensor_builders(source: str) -> dict[Name, Builder]:
    """Builders for everything a state dict may contain."""
    made = {**container_builders(), **numpy_builders(source)}
    made[Name("torch._utils", "_rebuild_tensor")] = StoredTensor.rebuild
    made[Name("torch._utils", "_rebuild_tensor_v2")] = StoredTensor.rebuild
    made[Name("torch._utils", "_rebuild_parameter")] = StoredTensor.parameter
    made[Name("torch", "Size")] = lambda args: tuple(args[0])
    words = [("argparse", "Namespace"), ("torch", "device")]
    words += [("pathlib", f"{pure}{system}Path") for pure in ("", "Pure") for system in ("", "Posix", "Windows")]
    for module, name in words:
        made[Name(module, name)] = _record(Name(module, name))
    for module in ("torch", "torch.cuda"):
        for name in STORAGE_TYPES:
            made[Name(module, name)] = _record(Name(module, name))
    return made


def read_legacy(data: memoryview, *, source: str, budget: Budget | None = None) -> Any:
    """Read a stream of torch.save before 1.6: header pickles, the object, the keys, then each storage's numbers.

    Parameters
    ----------
    budget
        The budget of the file in which the stream is nested.
    """
    names = tensor_builders(source)
    budget = budget or Budget(source)
    storages: dict[str, Storage] = {}

    def persistent(pid: Any) -> Storage | Name:
        if isinstance(pid, tuple) and len(cast(tuple[Any, ...], pid)) == 4 and pid[0] == "module":
            return cast(Name, pid[1])  # a class, followed by its source text, which is not looked at
        key, storage = _storage(pid, source)
        return storages.setdefault(key, storage)

    magic, at = read_pickle(data, source=source, names=names, budget=budget)
    version, at = read_pickle(data, at, source=source, names=names, budget=budget)
    system, at = read_pickle(data, at, source=source, names=names, budget=budget)
    if magic != LEGACY_TORCH_MAGIC or version != 1001 or not is_record(system):
        raise CheckpointError(f"{source} is damaged: it lacks the header of a torch file. Fetch it again.")
    if system.get("little_endian") is not True:
        raise CheckpointError(f"{source} was saved on a big-endian machine, which is not read. Save it elsewhere.")
    value, at = read_pickle(data, at, source=source, names=names, persistent=persistent, budget=budget, objects=True)
    keys, at = read_pickle(data, at, source=source, names=names, budget=budget)
    if not is_list(keys):
        raise CheckpointError(f"{source} is damaged: it does not say which tensors follow. Fetch it again.")
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        count = struct.unpack("<q", _slice(data, at, 8, source))[0]
        if storage is None or count != storage.count:
            raise CheckpointError(f"{source} is damaged: a tensor's numbers do not fit its header. Fetch it again.")
        numbers = _slice(data, at + 8, storage.nbytes, source)
        storage.read = lambda numbers=numbers: numbers
        at += 8 + storage.nbytes
    return value


def read_zip(data: memoryview, *, source: str) -> Any:
    """Read a file of torch.save since 1.6.

    torch stores its records uncompressed; so does every file we accept, and no record can unfold to more than the file.
    """
    with _zip_errors(source):
        file = _Window(data, source)
        archive = zipfile.ZipFile(file)
        file.limit = len(data)
        return _read_archive(archive, source, len(data))


@contextmanager
def _zip_errors(source: str) -> Generator[None]:
    try:
        yield
    except CheckpointError:
        raise
    except (
        zipfile.BadZipFile,
        RuntimeError,
        NotImplementedError,
        EOFError,
        ValueError,
        OSError,
        struct.error,
    ) as error:
        raise CheckpointError(f"{source} is a damaged or cut off zip file ({error}). Fetch it again.") from error


def _read_archive(archive: zipfile.ZipFile, source: str, length: int) -> Any:
    members = {member.filename: member for member in archive.infolist()}
    if any(name.endswith("/constants.pkl") for name in members):
        raise CheckpointError("It is a TorchScript program, which is not run here; give the network's state_dict.")
    packed = next((m for m in members.values() if m.compress_type or m.compress_size != m.file_size), None)
    if packed is not None:
        raise CheckpointError(
            f"{source} holds {packed.filename} compressed, to unfold into {size_text(packed.file_size)}; "
            "torch never compresses. The file is no model, or forged."
        )
    if sum(member.file_size for member in archive.infolist()) > length:
        raise CheckpointError(f"{source} holds records that lie upon one another; it is damaged or forged.")
    roots = [name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise CheckpointError(f"{source} is a zip file but no torch model: it holds {len(roots)} data.pkl, not 1.")
    root = roots[0]
    order = members.get(f"{root}byteorder")
    if order is not None and archive.read(order).strip() != b"little":
        raise CheckpointError(f"{source} was saved on a big-endian machine, which is not read. Save it elsewhere.")
    storages: dict[str, Storage] = {}

    def persistent(pid: Any) -> Storage:
        key, storage = _storage(pid, source)
        if key not in storages:
            member = members.get(f"{root}data/{key}")
            if member is None or member.file_size != storage.nbytes:
                held = "nothing" if member is None else size_text(member.file_size)
                raise CheckpointError(
                    f"{source} announces a tensor of {size_text(storage.nbytes)} and holds {held} of it. "
                    "The file is damaged or forged; get the model from its publisher."
                )
            storage.read = lambda: _record_bytes(archive, member, source)
            storages[key] = storage
        return storages[key]

    program = memoryview(archive.read(f"{root}data.pkl"))
    names = tensor_builders(source)
    value, _ = read_pickle(program, source=source, names=names, persistent=persistent, objects=True)
    return value


def _record_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: str) -> memoryview:
    with _zip_errors(source):
        return memoryview(archive.read(member))


class _Window(io.RawIOBase):
    """Bytes as a file, of which nobody reads more at once than ``limit``: a table of contents may claim any size."""

    def __init__(self, data: memoryview, source: str) -> None:
        self.data = data
        self.source = source
        self.limit = MAX_DIRECTORY
        self.position = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: len(self.data)}[whence]
        if origin + offset < 0:
            raise OSError("a position before the file's start")
        self.position = origin + offset
        return self.position

    def tell(self) -> int:
        return self.position

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(len(self.data) - self.position, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > self.limit:
            raise CheckpointError(f"{self.source} has a table of contents of {size_text(wanted)}; no model file does.")
        start, self.position = self.position, self.position + wanted
        return bytes(self.data[start : start + wanted])


def _storage(pid: Any, source: str) -> tuple[str, Storage]:
    """('storage', class, key, device, count[, view]) -> key and storage, its numbers not yet found."""
    if not isinstance(pid, tuple) or len(cast(tuple[Any, ...], pid)) < 5:
        raise TypeError("a persistent id that is no storage")
    tag, kind, key, _, count, *view = cast(tuple[Any, ...], pid)
    if tag != "storage" or not isinstance(kind, Name) or not isinstance(key, str) or not isinstance(count, int):
        raise TypeError("a persistent id that is no storage")
    if kind.name not in STORAGE_TYPES or count < 0:
        raise TypeError(f"a storage of {kind}")
    if any(v is not None for v in view):
        raise CheckpointError(f"{source} was saved by a torch older than 0.4, with shared storages; save it again.")
    return key, Storage(STORAGE_TYPES[kind.name], count, source)


def _record(name: Name) -> Builder:
    return lambda args: Record(name, args)


def _slice(data: memoryview, start: int, count: int, source: str) -> memoryview:
    left = len(data) - start
    if count > left:
        raise CheckpointError(
            f"{source} announces a tensor of {size_text(count)} and holds {size_text(max(left, 0))} of it. "
            "The file is cut off or forged; get the model from its publisher."
        )
    return data[start : start + count]
