"""Units of work, what decides their results, and what became of them.

A unit's *address* tells what was asked for, before anything is read: the job, the settings, the inputs' names and the
output's. Its *key* is the hash of everything that decides the result: the job (versions and model hashes in it), the
settings, and the inputs' bytes. Both are plain JSON underneath, so they mean the same on every machine.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

__all__ = ["Entry", "Job", "Outcome", "Plain", "Refusal", "Status", "Unit", "Work", "address_of", "digest"]

Plain = Mapping[str, Any]
"""What JSON holds."""

Status = Literal["done", "kept", "refused", "failed", "crashed"]
"""done: made now. kept: it was there already. refused: what was given cannot be used. failed: by the fault of the
machine, the disk or the network; another run tries again. crashed: it took the worker down, every time."""


@dataclass(frozen=True)
class Entry:
    """What the ledger remembers of a unit.

    Parameters
    ----------
    stamps
        Stamps of the inputs, "" for one that is not there.
    files
        Name -> bytes of each file of the result.
    sha256
        Hash of the file named as output; of a folder, the hash of its files' hashes.
    notes
        What the user should know of it.
    """

    address: str
    output: str
    status: Status
    key: str = ""
    reason: str = ""
    stamps: tuple[str, ...] = ()
    files: Mapping[str, int] = field(default_factory=dict[str, int])
    sha256: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """One line."""
        return json.dumps({name: value for name, value in vars(self).items() if value}, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str | bytes) -> "Entry | None":
        """Read a line again; None where it is damaged, as after a power cut: that unit is then simply done again."""
        try:
            value: dict[str, Any] = json.loads(line)
            if value["status"] not in get_args(Status) or not value["address"]:
                return None
            return cls(
                str(value["address"]),
                str(value["output"]),
                value["status"],
                str(value.get("key", "")),
                str(value.get("reason", "")),
                tuple(map(str, value.get("stamps", ()))),
                {str(name): int(size) for name, size in value.get("files", {}).items()},
                str(value.get("sha256", "")),
                float(value.get("seconds", 0)),
                tuple(map(str, value.get("notes", ()))),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


@dataclass(frozen=True)
class Unit:
    """One result to be made.

    Parameters
    ----------
    row
        Its place in what was given, from 1.
    inputs
        Paths or URLs whose bytes decide the result.
    settings
        Everything else that decides the result, as plain JSON.
    output
        The result's name within the output folder.
    weight
        How much work it is, beside others of its job.
    address
        Name of inputs and settings, see the module.
    known
        What the ledger has of the output.
    deaths
        How often the unit took its worker down before.
    parts
        A local folder that stays until the unit is done, for work that can go on where it was stopped; "" where there
        is none.
    """

    row: int
    inputs: tuple[str, ...]
    settings: Plain
    output: str
    weight: float = 1.0
    address: str = ""
    known: Entry | None = None
    deaths: int = 0
    parts: str = ""


@dataclass(frozen=True)
class Refusal:
    """A row of which no unit could be made.

    Parameters
    ----------
    output
        The result's name as it was given, for the report.
    """

    row: int
    reason: str
    output: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a unit.

    Parameters
    ----------
    entry
        What is known of the unit.
    news
        The ledger does not know that yet.
    full
        The disk is full.
    """

    row: int
    status: Status
    reason: str = ""
    entry: Entry | None = None
    news: bool = True
    seconds: float = 0.0
    full: bool = False


class Work(Protocol):
    """A job with its model loaded, in the process that does it."""

    def __call__(self, unit: Unit, inputs: Sequence[Path], output: Path) -> Iterable[str]:
        """Make a unit's result: write ``output``, and what belongs to it into the same folder.

        The folder is empty and of this unit alone; all that lies in it is published, ``output`` last. Returns notes
        for the user. Raises InputError for what cannot be used.
        """
        ...


class Job(Protocol):
    """What is done with every unit. It travels to other processes: plain data only, the model is loaded by ``open``."""

    @property
    def identity(self) -> Plain:
        """What decides results beside a unit's inputs and settings: kind of work, version, hashes of the models."""
        ...

    def open(self) -> Work:
        """Load what is needed, once a process."""
        ...


def address_of(identity: Plain, unit: Unit) -> str:
    """Where a unit of a job is found in the books."""
    return digest(identity, {"inputs": unit.inputs, "settings": unit.settings}, unit.output)


def digest(*parts: Any) -> str:
    """sha256 of plain JSON values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
