"""Arrays inside checkpoints: described while the pickle is read, made only when somebody wants them.

A checkpoint holds several networks and an optimiser; one network is used. So a tensor stays a view into the file until
`numpy()` is called, and its header is checked against the bytes behind it before that.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from facsmith.checkpoint._pickle import Builder, Name
from facsmith.errors import CheckpointError

__all__ = [
    "STORAGE_TYPES",
    "Array",
    "LoadedArray",
    "Storage",
    "StoredArray",
    "StoredTensor",
    "as_numpy",
    "numpy_builders",
    "size_text",
]

MAX_DIMENSIONS: Final = 8
MAX_STATE: Final = 4 * 1024**3
MAX_SHARED: Final = 64 * 1024**2
"""Bytes by which tensors may exceed twice the numbers that lie in the file; networks share a few weights at most."""

STORAGE_TYPES: Final[dict[str, str]] = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
    "BFloat16Storage": "bfloat16",
}
"""torch's storage classes (of `torch` and `torch.cuda`) and what they hold."""


class Array(Protocol):
    """Something with a shape that becomes a numpy array on request."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def held(self) -> tuple[int, int]:
        """Which numbers of the file it shows (equal for two arrays that show the same), and how many these are."""
        ...

    def numpy(self) -> NDArray[Any]: ...


@dataclass(frozen=True)
class LoadedArray:
    """An array that is in memory already."""

    array: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def held(self) -> tuple[int, int]:
        return id(self.array), self.array.size

    def numpy(self) -> NDArray[Any]:
        return self.array


@dataclass
class Storage:
    """``count`` numbers of a torch storage; ``read`` gives their bytes, little-endian.

    Parameters
    ----------
    dtype
        Numpy's name, or ``bfloat16``, which numpy lacks: the upper half of a float32, read as that.
    """

    dtype: str
    count: int
    source: str
    read: Callable[[], memoryview] | None = field(default=None, repr=False)

    @property
    def nbytes(self) -> int:
        return self.count * self.stored.itemsize

    @property
    def stored(self) -> np.dtype[Any]:
        """The type of the numbers as they lie in the file."""
        return np.dtype("<u2" if self.dtype == "bfloat16" else self.dtype)

    def numpy(self) -> NDArray[Any]:
        """(count,) read-only view of the file."""
        if self.read is None:
            raise CheckpointError(f"{self.source} is cut off: a tensor's numbers are missing. Fetch it again.")
        return np.frombuffer(self.read(), self.stored, self.count)


@dataclass(frozen=True)
class StoredTensor:
    """A torch tensor: a window on a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def rebuild(cls, args: tuple[Any, ...]) -> "StoredTensor":
        """What `torch._utils._rebuild_tensor(_v2)` is called with: storage, offset, size, stride, ..."""
        storage, offset, shape, strides = args[0], args[1], _counts(args[2]), _counts(args[3])
        if not isinstance(storage, Storage) or len(shape) != len(strides) or not _is_count(offset):
            raise TypeError("a tensor without storage, size or stride")
        size = math.prod(shape)
        last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) if size else 0
        if size > storage.count or last >= max(storage.count, 1):
            raise CheckpointError(
                f"{storage.source} describes a tensor of shape {list(shape)} on {storage.count:,} stored numbers. "
                "The file is damaged or forged; get the model from its publisher."
            )
        return cls(storage, offset, shape, strides)

    @staticmethod
    def parameter(args: tuple[Any, ...]) -> Any:
        """What `torch._utils._rebuild_parameter` is called with: tensor, requires_grad, hooks. The tensor."""
        return args[0]

    @property
    def held(self) -> tuple[int, int]:
        return id(self.storage), self.storage.count

    def numpy(self) -> NDArray[Any]:
        """A copy, contiguous."""
        numbers = self.storage.numpy()[self.offset :]
        steps = tuple(s * numbers.itemsize for s in self.strides)
        if math.prod(self.shape):
            made = np.lib.stride_tricks.as_strided(numbers, self.shape, steps, writeable=False).copy()
        else:
            made = np.empty(self.shape, numbers.dtype)
        return (made.astype(np.uint32) << 16).view(np.float32) if self.storage.dtype == "bfloat16" else made


@dataclass
class NumpyType:
    """A numpy dtype of plain numbers, byte order given afterwards."""

    code: str
    order: str = "<"

    @classmethod
    def named(cls, args: tuple[Any, ...]) -> "NumpyType":
        """What `numpy.dtype` is called with: 'f4', False, True."""
        if not isinstance(args[0], str):
            raise TypeError("an array's type that is no text")
        code = args[0].lstrip("<>|=")
        if not re.fullmatch(r"f[248]|[iu][1248]|b1", code):
            raise CheckpointError(f"An array of type {code[:20]!r} is not read; model files hold plain numbers.")
        return cls(code)

    def build(self, state: Any) -> None:
        """State: (version, byte order, None, None, None, -1, -1, flags)."""
        self.order = {"<": "<", ">": ">", "|": "|", "=": "<"}[state[1]]

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


@dataclass
class StoredArray:
    """A numpy array: its bytes in the file, and how to read them."""

    source: str
    shape: tuple[int, ...] = ()
    type: NumpyType | None = None
    fortran: bool = False
    data: memoryview | None = field(default=None, repr=False)

    def build(self, state: Any) -> None:
        """State: (version, shape, dtype, is_fortran, bytes)."""
        _, shape, kind, fortran, data = state
        self.describe(_counts(shape), kind, bool(fortran), data)

    def describe(self, shape: tuple[int, ...], kind: Any, fortran: bool, data: Any) -> None:
        if isinstance(data, str):
            data = memoryview(data.encode("latin-1"))  # Python 2 had one type for both
        if not isinstance(kind, NumpyType) or not isinstance(data, memoryview):
            raise TypeError("an array without type or data")
        announced = math.prod(shape) * kind.dtype.itemsize
        if announced != data.nbytes:
            raise CheckpointError(
                f"{self.source} announces an array of {size_text(announced)} (shape {list(shape)}) and holds "
                f"{size_text(data.nbytes)} of it. The file is damaged or forged; get the model from its publisher."
            )
        self.shape, self.type, self.fortran, self.data = shape, kind, fortran, data

    @property
    def held(self) -> tuple[int, int]:
        return id(self.data), math.prod(self.shape)

    def numpy(self) -> NDArray[Any]:
        """A copy, contiguous, in the machine's byte order."""
        if self.data is None or self.type is None:
            raise CheckpointError(f"{self.source} is damaged: an array without data. Fetch it again.")
        flat = np.frombuffer(self.data, self.type.dtype)
        array = flat.reshape(self.shape, order="F" if self.fortran else "C")
        return np.array(array, self.type.dtype.newbyteorder("="), order="C")


def numpy_builders(source: str) -> dict[Name, Builder]:
    """Builders for the names under which numpy 1 and 2 write arrays, types and scalars."""

    def from_buffer(args: tuple[Any, ...]) -> StoredArray:  # pickle protocol 5
        array = StoredArray(source)
        array.describe(_counts(args[2]), args[1], args[3] == "F", args[0])
        return array

    def scalar(args: tuple[Any, ...]) -> Any:
        array = StoredArray(source)
        array.describe((), args[0], False, args[1])
        return array.numpy().item()

    def encode(args: tuple[Any, ...]) -> memoryview:  # how protocol 2 writes bytes
        return memoryview(cast(str, args[0]).encode("latin-1"))

    def empty(args: tuple[Any, ...]) -> StoredArray:
        return StoredArray(source)

    made: dict[Name, Builder] = {
        Name("numpy", "dtype"): NumpyType.named,
        Name("numpy", "ndarray"): empty,
        Name("_codecs", "encode"): encode,
    }
    for package in ("numpy.core", "numpy._core"):
        made[Name(f"{package}.multiarray", "_reconstruct")] = empty
        made[Name(f"{package}.multiarray", "scalar")] = scalar
        made[Name(f"{package}.numeric", "_frombuffer")] = from_buffer
    return made


def as_numpy(arrays: Mapping[str, Array]) -> dict[str, NDArray[Any]]:
    """Make the arrays, unless they are together too large: a small file may show one tensor under a thousand names."""
    total = sum(math.prod(array.shape) for array in arrays.values()) * 4
    if total > MAX_STATE:
        raise CheckpointError(
            f"Its tensors would take {size_text(total)}; models here need less than {size_text(MAX_STATE)}."
        )
    held = sum(dict(array.held for array in arrays.values()).values()) * 4
    if total > 2 * held + MAX_SHARED:
        raise CheckpointError(
            f"Its tensors would take {size_text(total)}, made of {size_text(held)} that are shown many times; "
            "no model does so. The file is damaged or forged."
        )
    return {name: array.numpy() for name, array in arrays.items()}


def size_text(count: int) -> str:
    """1536 -> '1.5 KB'."""
    size = float(count)
    for unit in ("bytes", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            break
        size /= 1024
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def _counts(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or len(cast(list[Any], value)) > MAX_DIMENSIONS:
        raise TypeError("a shape that is no short list of numbers")
    items = cast(list[Any], value)
    if not all(_is_count(item) for item in items):
        raise TypeError("a shape that is no list of counts")
    return tuple(cast(list[int], items))
