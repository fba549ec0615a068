"""Who does the work: the seam between the engine and the processes, and the runner that needs none."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from facsmith.batch.ledger import Ledger
from facsmith.batch.places import Place
from facsmith.batch.units import Entry, Job, Outcome, Plain, Unit
from facsmith.batch.worker import Worker, stamps_of
from facsmith.errors import InputError

__all__ = ["Here", "Runner", "Task", "crashed"]


@dataclass(frozen=True)
class Task:
    """A job, where its results go, and how often a unit is tried again.

    Parameters
    ----------
    retries
        How often a unit is tried again, after a failure of the machine's and after the death of a worker.
    pause
        Seconds before the first new try.
    """

    job: Job
    place: Place
    identity: Plain
    retries: int = 2
    pause: float = 1.0

    def __post_init__(self) -> None:
        if self.retries < 0 or self.pause < 0:
            raise InputError(f"{self.retries} retries after {self.pause:g} seconds; give 0 or more.")

    def worker(self) -> Worker:
        """A worker in this process."""
        return Worker(self.job, self.place, self.identity, retries=self.retries, pause=self.pause)


class Runner(Protocol):
    """Does units; never holds more than a bounded number of them."""

    @property
    def workers(self) -> int:
        """How many units are done at a time."""
        ...

    def run(self, task: Task, units: Iterator[Unit], ledger: Ledger) -> Generator[Outcome]:
        """Yield an outcome for every unit, in any order. Units are taken as they can be done, and no sooner."""
        ...


class Here:
    """One worker, in this very process.

    A unit that takes the process down is found out by the next run: after ``retries`` more such deaths it counts as
    crashed, and the rest goes on.
    """

    workers = 1

    def run(self, task: Task, units: Iterator[Unit], ledger: Ledger) -> Generator[Outcome]:
        """See `Runner.run`."""
        worker = task.worker()
        for unit in units:
            if unit.deaths > task.retries:
                yield crashed(unit, unit.deaths)
                ledger.end(unit.address)
                continue
            try:
                outcome = worker.run(unit, partial(ledger.begin, unit.address, unit.deaths + 1))
            finally:  # an interruption is not the unit's fault
                ledger.end(unit.address)
            yield outcome


def crashed(unit: Unit, times: int) -> Outcome:
    """A unit that is given up."""
    reason = (
        f"The worker died {times} times at it (killed, out of memory, or a fault in a library). Look at the file; "
        "--retry tries again."
    )
    entry = Entry(unit.address, unit.output, "crashed", reason=reason, stamps=stamps_of(unit))
    return Outcome(unit.row, "crashed", reason, entry)
