"""A pickle reader that can run nothing.

`pickle.Unpickler` imports what a stream names and calls it; an allow-list in front of it still leaves its C code to
allocate whatever a header asks for. This is a small interpreter of the stream instead: it knows plain values and
containers, and for every other name asks a table of our own builders. Nothing is imported, no class of the stream
instantiated, and every length is compared with the bytes that are really there before anything is made of it.
"""

import struct
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, cast

from facsmith.errors import CheckpointError

__all__ = ["Budget", "Builder", "Name", "Record", "plain_key", "read_pickle"]

_RUNS_CODE: Final = frozenset(
    {
        "asyncio",
        "bdb",
        "builtins",
        "__builtin__",
        "code",
        "commands",
        "ctypes",
        "dill",
        "functools",
        "importlib",
        "joblib",
        "marshal",
        "multiprocessing",
        "nt",
        "operator",
        "os",
        "pdb",
        "pickle",
        "pip",
        "platform",
        "posix",
        "pty",
        "runpy",
        "shutil",
        "signal",
        "socket",
        "subprocess",
        "sys",
        "tempfile",
        "timeit",
        "types",
        "webbrowser",
    }
)
"""Modules of the standard library through which a pickle can run something; whatever else it names may be harmless."""

MAX_OPERATIONS: Final = 2_000_000
"""Instructions in one stream; NVIDIA's largest published pickle has about fifty thousand."""
MAX_TEXT: Final = 64 * 1024 * 1024
MAX_INTEGER_BYTES: Final = 64

Builder = Callable[[tuple[Any, ...]], Any]
"""Makes one value from the arguments the stream gives to an allowed name."""


@dataclass(frozen=True)
class Name:
    """A class or function the stream refers to: two words, not the thing."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass
class Record:
    """An inert stand-in for an object: what its class is called, its arguments and its state."""

    name: Name
    args: tuple[Any, ...] = ()
    state: Any = None

    def build(self, state: Any) -> None:
        """Keep the state the stream gives the object."""
        self.state = state


class Budget:
    """Work a file may ask for, over all its streams: memory grows with work, and a stream can repeat itself."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.left = MAX_OPERATIONS

    def spend(self, work: int) -> None:
        """Take ``work`` instructions, or items, off the budget."""
        self.left -= work
        if self.left < 0:
            raise CheckpointError(
                f"{self.source} has more than {MAX_OPERATIONS:,} pickle instructions; no model has. It was refused."
            )

    def spend_on(self, values: Any) -> None:
        """Take off what copying these arguments may cost."""
        for value in cast(tuple[Any, ...], values) if isinstance(values, tuple) else ():
            if isinstance(value, list | tuple | dict):
                self.spend(len(cast(list[Any], value)))
            elif isinstance(value, str):
                self.spend(len(value) // 64)


class _Mark:
    """Where a container's items begin on the stack."""


def read_pickle(
    data: memoryview,
    start: int = 0,
    *,
    source: str,
    names: Mapping[Name, Builder],
    persistent: Callable[[Any], Any] | None = None,
    budget: Budget | None = None,
    objects: bool = False,
) -> tuple[Any, int]:
    """Read one pickle from ``data[start:]``; return its value and the position after it.

    Parameters
    ----------
    source
        The file, for messages.
    names
        What the stream may refer to, and how each is made of its arguments.
    persistent
        Resolves persistent ids (torch's storages); None where the format has none.
    budget
        Shared by the streams of one file.
    objects
        Read instances of classes outside ``names`` as inert Records, as long as the stream makes them of nothing and
        then hangs attributes on them, as it does with torch's modules. A call is refused all the same.

    Raises
    ------
    CheckpointError
        The stream names anything else, is cut off or damaged, or is out of proportion.
    """
    reader = _Reader(data, start, names, persistent, budget or Budget(source), objects=objects)
    try:
        return reader.run(), reader.position
    except CheckpointError:
        raise
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
        raise CheckpointError(
            f"{source} is damaged: its pickle makes no sense at byte {reader.position} ({error}). Fetch it again."
        ) from error


class _Reader:
    def __init__(
        self,
        data: memoryview,
        start: int,
        names: Mapping[Name, Builder],
        persistent: Callable[[Any], Any] | None,
        budget: Budget,
        *,
        objects: bool,
    ) -> None:
        self.data = data
        self.position = start
        self.source = budget.source
        self.names = names
        self.persistent = persistent
        self.budget = budget
        self.objects = objects
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        while True:
            self.budget.spend(1)
            code = self.take(1)[0]
            if code == 0x2E:  # STOP
                return self.stack.pop()
            operation = _OPERATIONS.get(code)
            if operation is None:
                raise CheckpointError(
                    f"{self.source} uses pickle instruction 0x{code:02x}, which no supported model file needs. "
                    "Give a file saved with pickle protocol 2 or newer."
                )
            operation(self)

    def take(self, count: int) -> memoryview:
        """The next ``count`` bytes, as a view."""
        left = len(self.data) - self.position
        if count > left:
            raise CheckpointError(
                f"{self.source} is cut off: {count:,} bytes are announced at byte {self.position:,}, "
                f"{left:,} are left. Fetch it again."
            )
        view = self.data[self.position : self.position + count]
        self.position += count
        return view

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self, count: int, encoding: str = "utf-8") -> str:
        if count > MAX_TEXT:
            raise CheckpointError(f"{self.source} holds a text of {count:,} bytes; no model file does.")
        return str(self.take(count), encoding, "surrogatepass" if encoding == "utf-8" else "strict")

    def line(self) -> str:
        end = self.position
        while self.data[end] != 0x0A:
            end += 1
            if end - self.position > 1024:
                raise CheckpointError(f"{self.source} is damaged: an endless name at byte {self.position:,}.")
        value = self.text(end - self.position)
        self.position = end + 1
        return value

    def integer(self, count: int) -> int:
        if count > MAX_INTEGER_BYTES:
            raise CheckpointError(f"{self.source} holds an integer of {count:,} bytes; no model file does.")
        return int.from_bytes(self.take(count), "little", signed=True)

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        value = self.stack.pop()
        if isinstance(value, _Mark):
            raise IndexError("a mark where a value should be")
        return value

    def pop_mark(self) -> list[Any]:
        for index in range(len(self.stack) - 1, -1, -1):
            if isinstance(self.stack[index], _Mark):
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise IndexError("no mark on the stack")

    def name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("a name that is no text")
        found = Name(module, name)
        if found not in self.names and not self.objects:
            self.refuse(found)
        self.push(found)

    def refuse(self, name: Name) -> NoReturn:
        known = name.module.partition(".")[0] in _RUNS_CODE
        advice = (
            "That can run code: get the model from its publisher."
            if known
            else "It may be harmless, but is not read; save the network's state_dict alone, and give that file."
        )
        raise CheckpointError(
            f"{self.source} asks for {name}, which is not on the list of what a model file may contain. "
            f"It was refused and nothing in the file was run. {advice}"
        )

    def construct(self, name: Any, args: Any) -> None:
        if not isinstance(name, Name) or not isinstance(args, tuple):
            raise TypeError("a call of something that is no name")
        if name not in self.names:
            self.refuse(name)
        self.budget.spend_on(args)
        self.push(self.names[name](cast(tuple[Any, ...], args)))

    def new_object(self, name: Any, args: Any) -> None:
        """An instance of a class: of the table's where it has one, else an inert Record, made of nothing."""
        if self.objects and isinstance(name, Name) and name not in self.names and args == ():
            self.push(Record(name))
        else:
            self.construct(name, args)

    def build(self) -> None:
        state = self.pop()
        self.budget.spend_on(state)
        target = self.stack[-1]
        if isinstance(target, dict | set):
            return  # attributes hung on a container, such as a state dict's `_metadata`
        target.build(state)

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Record):
            return  # of a class derived from dict, such as the options of a training run
        if not isinstance(target, dict) or len(pairs) % 2:
            raise TypeError("items for something that is no dictionary")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            cast(dict[Hashable, Any], target)[plain_key(key)] = value

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Record):
            return
        if not isinstance(target, list):
            raise TypeError("items for something that is no list")
        cast(list[Any], target).extend(items)

    def add_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, set):
            raise TypeError("items for something that is no set")
        cast(set[Hashable], target).update(map(plain_key, items))

    def remember(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def resolve(self) -> None:
        if self.persistent is None:
            raise TypeError("a persistent id in a format that has none")
        self.push(self.persistent(self.pop()))


def plain_key(value: Any) -> Hashable:
    """Only plain keys: hashing a tower of nested tuples would overflow the C stack."""
    if isinstance(value, str | int | float | bytes | None):
        return value
    raise TypeError(f"a {type(value).__name__} as a dictionary key")


def _pair(reader: _Reader) -> list[Any]:
    value = reader.pop()
    return [reader.pop(), value]


def _tuple(reader: _Reader, count: int) -> None:
    items = [reader.pop() for _ in range(count)]
    reader.push(tuple(reversed(items)))


def _reduce(reader: _Reader) -> None:
    args = reader.pop()
    reader.construct(reader.pop(), args)


def _new_object(reader: _Reader) -> None:
    args = reader.pop()
    reader.new_object(reader.pop(), args)


def _stack_global(reader: _Reader) -> None:
    name = reader.pop()
    reader.name(reader.pop(), name)


def _frame(reader: _Reader) -> None:
    length = reader.number("<Q")
    reader.take(length)
    reader.position -= length


_OPERATIONS: Final[dict[int, Callable[[_Reader], None]]] = {
    # framing
    0x80: lambda r: r.number("<B"),  # PROTO
    0x95: _frame,  # FRAME
    # plain values
    0x4E: lambda r: r.push(None),  # NONE
    0x88: lambda r: r.push(True),  # NEWTRUE
    0x89: lambda r: r.push(False),  # NEWFALSE
    0x4B: lambda r: r.push(r.number("<B")),  # BININT1
    0x4D: lambda r: r.push(r.number("<H")),  # BININT2
    0x4A: lambda r: r.push(r.number("<i")),  # BININT
    0x8A: lambda r: r.push(r.integer(r.number("<B"))),  # LONG1
    0x8B: lambda r: r.push(r.integer(r.number("<I"))),  # LONG4
    0x47: lambda r: r.push(r.number(">d")),  # BINFLOAT
    0x8C: lambda r: r.push(r.text(r.number("<B"))),  # SHORT_BINUNICODE
    0x58: lambda r: r.push(r.text(r.number("<I"))),  # BINUNICODE
    0x8D: lambda r: r.push(r.text(r.number("<Q"))),  # BINUNICODE8
    0x55: lambda r: r.push(r.text(r.number("<B"), "latin-1")),  # SHORT_BINSTRING, Python 2's str
    0x54: lambda r: r.push(r.text(r.number("<I"), "latin-1")),  # BINSTRING
    0x43: lambda r: r.push(r.take(r.number("<B"))),  # SHORT_BINBYTES
    0x42: lambda r: r.push(r.take(r.number("<I"))),  # BINBYTES
    0x8E: lambda r: r.push(r.take(r.number("<Q"))),  # BINBYTES8
    0x96: lambda r: r.push(r.take(r.number("<Q"))),  # BYTEARRAY8
    # containers
    0x28: lambda r: r.push(_Mark()),  # MARK
    0x29: lambda r: r.push(()),  # EMPTY_TUPLE
    0x85: lambda r: _tuple(r, 1),  # TUPLE1
    0x86: lambda r: _tuple(r, 2),  # TUPLE2
    0x87: lambda r: _tuple(r, 3),  # TUPLE3
    0x74: lambda r: r.push(tuple(r.pop_mark())),  # TUPLE
    0x5D: lambda r: r.push([]),  # EMPTY_LIST
    0x61: lambda r: r.append([r.pop()]),  # APPEND
    0x65: lambda r: r.append(r.pop_mark()),  # APPENDS
    0x7D: lambda r: r.push({}),  # EMPTY_DICT
    0x73: lambda r: r.set_items(_pair(r)),  # SETITEM
    0x75: lambda r: r.set_items(r.pop_mark()),  # SETITEMS
    0x8F: lambda r: r.push(set()),  # EMPTY_SET
    0x90: lambda r: r.add_items(r.pop_mark()),  # ADDITEMS
    # the stack and the memo
    0x30: lambda r: _drop(r.stack),  # POP
    0x31: lambda r: _drop([r.pop_mark()]),  # POP_MARK
    0x32: lambda r: r.push(r.stack[-1]),  # DUP
    0x71: lambda r: r.remember(r.number("<B")),  # BINPUT
    0x72: lambda r: r.remember(r.number("<I")),  # LONG_BINPUT
    0x94: lambda r: r.remember(len(r.memo)),  # MEMOIZE
    0x68: lambda r: r.push(r.memo[r.number("<B")]),  # BINGET
    0x6A: lambda r: r.push(r.memo[r.number("<I")]),  # LONG_BINGET
    # names and what is made of them
    0x63: lambda r: r.name(r.line(), r.line()),  # GLOBAL
    0x93: _stack_global,  # STACK_GLOBAL
    0x52: _reduce,  # REDUCE
    0x81: _new_object,  # NEWOBJ
    0x62: lambda r: r.build(),  # BUILD
    0x51: lambda r: r.resolve(),  # BINPERSID
}


def _drop(values: list[Any]) -> None:
    values.pop()
