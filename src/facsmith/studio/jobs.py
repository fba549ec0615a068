"""Long work beside a page that stays alive: progress to look at, and a way to call it off."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import NamedTuple, TypeVar

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


class Job(Future[T]):
    """One piece of work in a thread of its own: a future that tells how far it is.

    >>> job = Job(lambda progress: 6 * 7)
    >>> for step in job.steps(): pass
    >>> job.result()
    42

    Parameters
    ----------
    work
        Is given a ``progress`` to call between its steps; there it ends with a `JobCancelledError` when the job was
        cancelled.
    """

    def __init__(self, work: Callable[[Progress], T]) -> None:
        super().__init__()
        self._work = work
        self._called_off = threading.Event()
        self._began = time.perf_counter()
        self._step = Step("", 0, 0, 0.0)
        threading.Thread(target=self._run, daemon=True).start()

    def steps(self) -> Iterator[Step]:
        """What there is to tell until the work is over. It goes on when nobody listens: a page may come back."""
        told: Step | None = None
        while not self.done():
            wait([self], _LOOK)
            if self._step != told:
                told = self._step
                yield told

    def cancel(self) -> bool:
        """Ask the work to end at its next step. Returns whether it was going on."""
        self._called_off.set()
        return not self.done()

    def _progress(self, stage: str, done: int, total: int) -> None:
        if self._called_off.is_set():
            raise JobCancelledError("Cancelled.")
        self._step = Step(stage, done, total, time.perf_counter() - self._began)

    def _run(self) -> None:
        try:
            self.set_result(self._work(self._progress))
        except JobCancelledError:  # a new one: the old one's traceback holds the work's memory
            self.set_exception(JobCancelledError("Cancelled."))
        except BaseException as error:
            self.set_exception(error)


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
                progress("beginning", 0, 0)  # called off while it woke up: nothing is begun
                began = time.perf_counter()
                outcome = work(progress)
                self._usual += 0.3 * (time.perf_counter() - began - self._usual)
                return outcome
            finally:
                with self._moved:
                    self._waiting.remove(ticket)
                    self._moved.notify_all()

        return turn
