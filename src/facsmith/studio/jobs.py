"""Long work beside a page that stays alive: progress to look at, and a way to call it off."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

from facsmith.errors import FacsmithError
from facsmith.options import Progress

__all__ = ["Job", "JobCancelledError", "Line", "Step"]

T = TypeVar("T")

_LOOK = 0.1  # seconds between two looks at the work


class JobCancelledError(FacsmithError):
    """The work was called off."""


class Step(NamedTuple):
    """How far the work is.

    Of stage ``waiting``, done is how many are before it, and total about how many seconds they take.

    Attributes
    ----------
    total
        0 while it is unknown.
    """

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

    Parameters
    ----------
    work
        Is given a ``progress`` to call between its steps; there it ends when the job was cancelled.
    """

    def __init__(self, work: Callable[[Progress], T]) -> None:
        self._work = work
        self._cancelled = threading.Event()
        self._began = time.perf_counter()
        self._step = Step("", 0, 0, 0.0)
        self._outcome: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def steps(self) -> Iterator[Step]:
        """What there is to tell until the work is over. It goes on when nobody listens: a page may come back."""
        told: Step | None = None
        while self._thread.is_alive():
            self._thread.join(_LOOK)
            if self._step != told:
                told = self._step
                yield told

    @property
    def is_over(self) -> bool:
        """Whether the work has ended, one way or the other."""
        return not self._thread.is_alive()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def result(self) -> T:
        """What the work returned, once it is over; its error is raised here.

        Raises
        ------
        JobCancelledError
            It was called off.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._outcome[0]

    @property
    def was_cancelled(self) -> bool:
        """Whether it ended because it was called off."""
        return isinstance(self._error, JobCancelledError)

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


class Line:
    """The work of all visitors that takes turns, in the order it came.

    Gradio's queue tells nobody who is before them in our words, and leaves *queue: 2/3* on the page when what waits is
    called off (6.31), so waiting is a stage of the work itself.

    Parameters
    ----------
    usual
        Seconds that one piece takes at first; learned from then on.
    """

    def __init__(self, usual: float) -> None:
        self._usual = usual
        self._waiting: list[object] = []
        self._moved = threading.Condition()

    def wait(self, work: Callable[[Progress], T]) -> Callable[[Progress], T]:
        """The same work, once it is its turn; ``progress`` is told the place meanwhile, and may end it."""

        def turn(progress: Progress) -> T:
            ticket = object()
            with self._moved:
                self._waiting.append(ticket)
            try:
                while place := self._waiting.index(ticket):
                    progress("waiting", place, max(1, round(place * self._usual)))
                    with self._moved:
                        self._moved.wait(_LOOK)
                progress("waiting", 0, 1)  # called off while it woke up: nothing is begun
                began = time.perf_counter()
                outcome = work(progress)
                self._usual += 0.3 * (time.perf_counter() - began - self._usual)
                return outcome
            finally:
                with self._moved:
                    self._waiting.remove(ticket)
                    self._moved.notify_all()

        return turn
