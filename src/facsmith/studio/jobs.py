"""Long work beside a page that stays alive: progress to look at, and a way to call it off."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

from facsmith.errors import FacsmithError
from facsmith.options import Progress

__all__ = ["Job", "JobCancelledError", "Step"]

T = TypeVar("T")

_LOOK = 0.1  # seconds between two looks at the work


class JobCancelledError(FacsmithError):
    """The work was called off."""


class Step(NamedTuple):
    """How far the work is. total: 0 while it is unknown."""

    stage: str
    done: int
    total: int
    seconds: float


class Job(Generic[T]):
    """One piece of work in a thread of its own.

    >>> job = Job(lambda progress: 6 * 7)
    >>> for step in job.steps(): pass
    >>> job.result()
    42
    """

    def __init__(self, work: Callable[[Progress], T]) -> None:
        """work: is given a ``progress`` to call between its steps; there it ends when the job was cancelled."""
        self._work = work
        self._cancelled = threading.Event()
        self._began = time.perf_counter()
        self._step = Step("", 0, 0, 0.0)
        self._outcome: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def steps(self) -> Iterator[Step]:
        """What there is to tell until the work is over; leaving early cancels it."""
        try:
            told: Step | None = None
            while self._thread.is_alive():
                self._thread.join(_LOOK)
                if self._step != told:
                    told = self._step
                    yield told
        finally:
            if self._thread.is_alive():
                self.cancel()

    @property
    def is_over(self) -> bool:
        """Whether the work has ended, one way or the other."""
        return not self._thread.is_alive()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def result(self) -> T:
        """What the work returned, once it is over; its error is raised here.

        Raises:
            JobCancelledError: it was called off.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._outcome[0]

    def cancel(self) -> None:
        """Ask the work to end at its next step."""
        self._cancelled.set()

    def _progress(self, stage: str, done: int, total: int) -> None:
        if self._cancelled.is_set():
            raise JobCancelledError("Cancelled.")
        self._step = Step(stage, done, total, time.perf_counter() - self._began)

    def _run(self) -> None:
        try:
            self._outcome.append(self._work(self._progress))
        except JobCancelledError:
            self._error = JobCancelledError("Cancelled.")  # a new one: the old one's traceback holds the work's memory
        except BaseException as error:
            self._error = error
