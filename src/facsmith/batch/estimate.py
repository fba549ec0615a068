"""What a run would do: rows checked, and time and disk foreseen from the ledger or from a few rows tried."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from facsmith.batch.index import Index
from facsmith.batch.ledger import Ledger
from facsmith.batch.places import Place
from facsmith.batch.runner import Task
from facsmith.batch.units import Entry, Refusal, Unit
from facsmith.batch.worker import present

__all__ = ["Estimate", "estimate"]

_TRIED: Final = 3
"""Rows made for an estimate, into a folder that is thrown away."""
_REMEMBERED: Final = 1000
"""Rows of the ledger that an estimate is made from, at most."""


@dataclass(frozen=True)
class Estimate:
    """What a batch will make, and about how long that takes.

    Parameters
    ----------
    rows
        All rows.
    refused
        Rows that cannot be done; the first of them are named.
    there
        Rows whose result exists already.
    todo
        Rows to be made.
    seconds, size
        Time and bytes that the rest will take in all, with that many workers. None where no speed is known.
    source
        The measurement that the estimate rests on.
    """

    rows: int
    refused: int
    there: int
    todo: int
    workers: int
    seconds: float | None
    size: float | None
    source: str
    named: tuple[tuple[int, str, str], ...] = ()

    def lines(self, what: str) -> Iterator[str]:
        """For people."""
        for row, output, reason in self.named:
            yield f"row {row}{f' ({output})' if output else ''}: {reason}"
        yield f"{self.rows} {what}: {self.todo} to do, {self.there} there already, {self.refused} refused"
        if self.todo and (self.seconds is None or self.size is None):
            yield f"time and disk: unknown; {self.source}"
        elif self.todo and self.seconds is not None and self.size is not None:
            yield f"time: {_clock(self.seconds)} with {self.workers} worker{'s' * (self.workers != 1)} ({self.source})"
            yield f"disk: {_bytes(self.size)}"


def estimate(task: Task, rows: Iterable[Unit | Refusal], *, workers: int, retry: bool = False) -> Estimate:
    """Read and check every row, and foresee. Nothing is written into the place."""
    ledger = Ledger(task.place)
    with Index() as index:
        known = _Rates()
        for entry in ledger.replay(keep=False):
            index.remember(entry)
        for row in rows:
            index.add(row, task.identity)
        index.refuse_collisions()
        index.refuse_overwriting(task.place)
        there = todo = 0
        weight = 0.0
        wanted: list[Unit] = []
        for unit in index.units(retry=retry):
            entry = unit.known
            if entry is not None and entry.address != unit.address:
                entry = None
            if entry is not None and entry.status != "done":
                index.settle(unit.row, entry.status, entry.reason, 0.0, None)
            elif entry is not None and present(entry, task.place):
                there += 1
                known.add(unit, entry)
            else:
                todo, weight = todo + 1, weight + unit.weight
                if len(wanted) < _TRIED:
                    wanted.append(unit)
        tallies = index.tallies()
        total = sum(tally.rows for tally in tallies.values())
        named = tuple(index.failures(20))
        source = f"as {known.count} rows there took"
        if todo and not known.count:
            source = known.tried(task, wanted)
        return Estimate(
            rows=total,
            refused=total - there - todo,
            there=there,
            todo=todo,
            workers=workers,
            seconds=known.seconds * weight / workers if known.count else None,
            size=known.size * weight if known.count else None,
            source=source,
            named=named,
        )


class _Rates:
    """Seconds and bytes for a unit of weight."""

    def __init__(self) -> None:
        self.count = 0
        self._weight = self._seconds = 0.0
        self._bytes = 0

    @property
    def seconds(self) -> float:
        return self._seconds / self._weight

    @property
    def size(self) -> float:
        return self._bytes / self._weight

    def add(self, unit: Unit, entry: Entry) -> None:
        if self.count < _REMEMBERED:
            self.count += 1
            self._weight += unit.weight
            self._seconds += entry.seconds
            self._bytes += sum(entry.files.values())

    def tried(self, task: Task, units: list[Unit]) -> str:
        """Make a few into a folder of their own; returns what to say of it."""
        reason = ""
        with TemporaryDirectory(prefix="facsmith-trial-") as folder:
            worker = replace(task, place=Place(str(Path(folder))), retries=0).worker()
            for unit in units:
                outcome = worker.run(unit)
                reason = outcome.reason
                if outcome.entry is not None and outcome.status == "done":
                    self.add(unit, outcome.entry)
        return f"as {self.count} of them took in a trial" if self.count else f"the rows tried gave no result: {reason}"


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
