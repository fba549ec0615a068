"""A batch from beginning to end: rows in, results and a report of every row out."""

import contextlib
import csv
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from facsmith.batch.index import Index
from facsmith.batch.ledger import Ledger
from facsmith.batch.places import Place
from facsmith.batch.runner import Runner, Task
from facsmith.batch.units import Outcome, Refusal, Unit
from facsmith.errors import OutputError

__all__ = ["REPORT", "Standing", "Summary", "run_batch"]

REPORT: Final = "status.csv"
COLUMNS: Final = ("row", "output", "status", "reason", "seconds", "sha256", "notes")
_NAMED: Final = 20
"""Rows that a summary names; the report has them all."""


@dataclass
class Standing:
    """How far a run has got. Counted in rows; weights are work, as in `Unit`.

    Parameters
    ----------
    total
        Number of rows.
    settled_weight
        Weight of all rows that are settled.
    made_weight
        Weight of the rows made in this run.
    size
        Bytes of the results made.
    seconds
        Time since the work began.
    """

    total: int = 0
    total_weight: float = 0.0
    counts: dict[str, int] = field(default_factory=dict[str, int])
    settled_weight: float = 0.0
    made_weight: float = 0.0
    size: int = 0
    seconds: float = 0.0

    @property
    def settled(self) -> int:
        """Rows of which is known what became of them."""
        return sum(self.counts.values())

    @property
    def failures(self) -> int:
        """Rows without a result."""
        return sum(self.counts.get(status, 0) for status in ("refused", "failed", "crashed"))

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.settled / self.seconds if self.seconds > 0 else 0.0

    @property
    def eta(self) -> float | None:
        """Seconds to come, from the work done so far; None before any is."""
        if self.made_weight <= 0 or self.seconds <= 0:
            return None
        return (self.total_weight - self.settled_weight) * self.seconds / self.made_weight


@dataclass(frozen=True)
class Summary:
    """What became of a run.

    Parameters
    ----------
    counts
        Status -> number of rows, ``waiting`` for those not reached.
    size
        Bytes of the results made.
    named
        (row, output, reason) of the first rows without a result.
    stopped
        Why it ended early, "" where it did not.
    """

    counts: dict[str, int]
    seconds: float
    size: int
    named: tuple[tuple[int, str, str], ...]
    stopped: str = ""

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.counts.values())

    @property
    def complete(self) -> bool:
        """Whether every row has its result."""
        return self.total == self.counts.get("done", 0) + self.counts.get("kept", 0)


def run_batch(
    task: Task,
    rows: Iterable[Unit | Refusal],
    runner: Runner,
    *,
    retry: bool = False,
    progress: Callable[[Standing], None] = lambda standing: None,
) -> Summary:
    """Make what is not there yet. Whatever stops it, the same call goes on where it was.

    Parameters
    ----------
    rows
        The units to make; read once, and not kept in memory.
    retry
        Try again what was refused, or crashed, in an earlier run.

    Raises
    ------
    OutputError
        The place cannot be written, or another batch is writing there.
    InputError
        The runner cannot run.
    """
    began = time.perf_counter()
    with Index() as index:
        standing = _scan(task, rows, index)  # what cannot be used is refused before anything is written
        with Ledger(task.place) as ledger:
            for entry in ledger.replay():
                index.remember(entry)
            progress(standing)
            run = _Run(task, ledger, index, standing, progress)
            try:
                run.do(runner, retry=retry)
            finally:
                run.close()
            counts = {status: tally.rows for status, tally in index.tallies().items()}
            summary = Summary(
                counts, time.perf_counter() - began, standing.size, tuple(index.failures(_NAMED)), run.stopped
            )
            if summary.complete:
                task.place.remove_parts()
            return summary


class _Run:
    def __init__(
        self, task: Task, ledger: Ledger, index: Index, standing: Standing, progress: Callable[[Standing], None]
    ) -> None:
        self._task, self._ledger, self._index = task, ledger, index
        self._standing, self._progress = standing, progress
        self._weights: dict[int, float] = {}
        self.stopped = ""

    def do(self, runner: Runner, *, retry: bool) -> None:
        began = time.perf_counter()
        with contextlib.closing(runner.run(self._task, self._units(retry), self._ledger)) as outcomes:
            for outcome in outcomes:
                self._standing.seconds = time.perf_counter() - began
                self._settle(outcome)
                self._progress(self._standing)
                if outcome.full and not self.stopped:
                    self.stopped = f"{self._task.place.url} is full. Free some space and run the same command again."

    def close(self) -> None:
        """Bring the books up to date. A disk too full for them loses nothing: what was made is noted beside it."""
        try:
            self._ledger.flush()
            write_report(self._index, self._task.place)
        except (OutputError, OSError) as error:
            self.stopped = self.stopped or str(error)

    def _units(self, retry: bool) -> Iterator[Unit]:
        """Taken by the runner as it can; no more of them once the disk is full."""
        deaths = self._ledger.deaths()
        for unit in self._index.units(retry=retry):
            if self.stopped:
                return
            self._weights[unit.row] = unit.weight
            yield replace(unit, deaths=deaths[unit.address]) if unit.address in deaths else unit

    def _settle(self, outcome: Outcome) -> None:
        standing, weight = self._standing, self._weights.pop(outcome.row)
        self._index.settle(outcome.row, outcome.status, outcome.reason, outcome.seconds, outcome.entry)
        standing.counts[outcome.status] = standing.counts.get(outcome.status, 0) + 1
        standing.settled_weight += weight
        if outcome.entry is not None and outcome.news:
            self._ledger.add(outcome.entry)
        if outcome.status == "done":
            standing.made_weight += weight
            standing.size += 0 if outcome.entry is None else sum(outcome.entry.files.values())


def _scan(task: Task, rows: Iterable[Unit | Refusal], index: Index) -> Standing:
    for row in rows:
        index.add(row, task.identity)
    index.refuse_collisions()
    index.refuse_overwriting(task.place)
    tallies = index.tallies()
    refused = tallies["refused"].rows if "refused" in tallies else 0
    return Standing(
        total=sum(tally.rows for tally in tallies.values()),
        total_weight=tallies["waiting"].weight if "waiting" in tallies else 0.0,
        counts={"refused": refused} if refused else {},
    )


def write_report(index: Index, place: Place) -> None:
    """status.csv: a line for every row, in order."""
    with place.scratch() as folder:
        path = folder / REPORT
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for row, output, status, reason, seconds, sha256, notes in index.report():
                table.writerow((row, output, status, reason, f"{seconds:.3f}" if seconds else "", sha256, notes))
        place.publish(path, REPORT)
