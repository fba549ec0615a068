"""Units on Ray: local processes, or a cluster. One model in each actor; a few chunks of units wait at each, no more.

An actor that dies takes nothing with it: results it had finished are found in ``pending``; every other unit it held is
tried again, each alone on an actor of its own, so that the one that kills is told from those beside it.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any, Final

from facsmith import _alloc, _optional
from facsmith.batch.ledger import Ledger
from facsmith.batch.places import Place
from facsmith.batch.runner import Task, crashed
from facsmith.batch.units import Job, Outcome, Plain, Unit
from facsmith.batch.worker import Worker
from facsmith.errors import FacsmithError, InputError

__all__ = ["OnRay", "RayOptions", "has_ray"]

_Chunk = tuple[Unit, ...]
_QUEUED: Final = 2
"""Chunks at an actor, at most: a second one only behind units whose results are there. Behind work it would wait, maybe
for minutes, while other actors are idle."""
_WATCH: Final = 0.5
"""Seconds between looks at whether Ray is still there."""
_STARTS: Final = 3
"""Actors that may die in a row while they load their model."""
_OBJECTS: Final = 128 << 20
"""Bytes of Ray's object store on this machine: only descriptions of units pass through it."""


@dataclass(frozen=True)
class RayOptions:
    """How a batch is spread over a Ray cluster.

    Parameters
    ----------
    address
        The cluster's address, as ``ray.init`` takes it. None: processes of this machine, for this batch alone.
    workers
        Number of actors, each with a model of its own.
    threads
        Threads of each worker, its share of the CPUs.
    gpus
        Each worker's share of a GPU, as in 0.25; 0: CPUs only.
    chunk
        Units handed over at a time; units of one photo side by side share its inversion.
    """

    address: str | None = None
    workers: int = 1
    threads: int = 1
    gpus: float = 0.0
    chunk: int = 4

    def __post_init__(self) -> None:
        if self.workers < 1 or self.threads < 1 or self.chunk < 1 or not 0 <= self.gpus <= 64:
            raise InputError(
                f"{self.workers} workers of {self.threads} threads and {self.gpus:g} GPUs, {self.chunk} units at a "
                "time: give 1 or more of each, and GPUs from 0."
            )
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise InputError(f"{self.gpus:g} GPUs a worker: Ray shares one (0.25, 0.5) or gives whole ones (1, 2).")


@dataclass
class _Slot:
    """An actor and what it holds. alone: its one unit is a suspect."""

    actor: Any
    ready: Any
    held: dict[Any, _Chunk] = field(default_factory=dict[Any, _Chunk])
    started: bool = False
    alone: bool = False

    @property
    def takes_more(self) -> bool:
        """Whether it may be handed another chunk."""
        if not self.started or self.alone or len(self.held) >= _QUEUED:
            return False
        return all(unit.known is not None for units in self.held.values() for unit in units)


class OnRay:
    """A runner (`runner.Runner`) of Ray actors. An already running Ray is used, and left running."""

    def __init__(self, options: RayOptions) -> None:
        self._options = options
        self.workers = options.workers

    def run(self, task: Task, units: Iterator[Unit], ledger: Ledger) -> Generator[Outcome]:
        """See `runner.Runner.run`."""
        if task.place.is_private:
            raise InputError(f"{task.place.url} lives in one process; Ray's workers need a place that all of them see.")
        chunks = _chunks(units, self._options.chunk)
        first = list(islice(chunks, self.workers))
        if not first:
            return
        ray = _ray()
        ours = not ray.is_initialized()
        if ours:
            _start(ray, self._options)
        try:
            self._check_resources(ray)
            yield from _Run(ray, self._options, task, chain(first, chunks), ledger, actors=len(first)).outcomes()
        finally:
            if ours:
                ray.shutdown()

    def _check_resources(self, ray: Any) -> None:
        """A cluster may grow; this machine does not."""
        if self._options.address is not None:
            return
        there: dict[str, float] = ray.cluster_resources()
        for name, wanted in (("GPU", self._options.gpus), ("CPU", float(self._options.threads))):
            if self._options.workers * wanted > there.get(name, 0) + 1e-9:
                raise InputError(
                    f"{self._options.workers} workers need {self._options.workers * wanted:g} {name}s; Ray has "
                    f"{there.get(name, 0):g}. Ask for fewer workers, or a smaller share."
                )


class _Run:
    """One run's state: actors, what each holds, and the units under suspicion."""

    def __init__(
        self, ray: Any, options: RayOptions, task: Task, chunks: "Iterator[_Chunk]", ledger: Ledger, *, actors: int
    ) -> None:
        self._ray, self._task, self._chunks, self._ledger = ray, task, chunks, ledger
        self._suspects: deque[Unit] = deque()
        self._exhausted = False
        self._failed_starts = 0
        actor: Any = ray.remote(_Actor)
        self._actor = actor.options(num_cpus=options.threads, num_gpus=options.gpus or None, max_restarts=0)
        self._slots = [self._new() for _ in range(actors)]

    def outcomes(self) -> Generator[Outcome]:
        try:
            while True:
                self._fill()
                waited = self._waited()
                if not waited:
                    return
                (reference, *_), _ = self._ray.wait(list(waited), num_returns=1)
                yield from self._come(waited[reference], reference)
        finally:
            for slot in self._slots:
                self._ray.kill(slot.actor)

    def _new(self) -> _Slot:
        task = self._task
        actor = self._actor.remote(task.job, task.place, task.identity, retries=task.retries, pause=task.pause)
        return _Slot(actor, actor.run_all.remote(()))

    def _fill(self) -> None:
        """Hand out units: suspects first, each to an actor that holds nothing; else chunks, in turn."""
        for _ in range(_QUEUED):
            for slot in self._slots:
                if not slot.takes_more:
                    continue
                if self._suspects and not slot.held:
                    slot.alone = True
                    self._hand(slot, (self._suspects.popleft(),))
                elif not self._suspects and not self._exhausted:
                    chunk = next(self._chunks, None)
                    self._exhausted = chunk is None
                    if chunk is not None:
                        self._hand(slot, chunk)

    def _hand(self, slot: _Slot, units: _Chunk) -> None:
        slot.held[slot.actor.run_all.remote(units)] = units

    def _waited(self) -> dict[Any, _Slot]:
        """What is under way: reference -> its slot. Actors still loading count only while there is work for them."""
        waited = {reference: slot for slot in self._slots for reference in slot.held}
        if self._suspects or not self._exhausted:
            waited |= {slot.ready: slot for slot in self._slots if not slot.started}
        return waited

    def _come(self, slot: _Slot, reference: Any) -> Iterator[Outcome]:
        exceptions = self._ray.exceptions
        try:
            found: list[Outcome] = self._ray.get(reference)
        except (exceptions.RayActorError, exceptions.OutOfMemoryError) as error:
            yield from self._bury(slot, error)
            return
        if reference is slot.ready:
            slot.started, self._failed_starts = True, 0
            return
        del slot.held[reference]
        slot.alone = False
        yield from found

    def _bury(self, slot: _Slot, error: Exception) -> Iterator[Outcome]:
        """Put a new actor in a dead one's place, and see to the units that it held."""
        if not slot.started:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS or "InputError" in str(error) or "ModelUnavailableError" in str(error):
                raise FacsmithError(f"The workers do not start: {_cause(error)}") from error
        self._ray.kill(slot.actor)
        self._slots[self._slots.index(slot)] = self._new()
        for unit in (unit for units in slot.held.values() for unit in units):
            entry = self._ledger.recovered(unit.address)
            if entry is not None:
                yield Outcome(unit.row, "done", entry=entry, seconds=entry.seconds)
            elif slot.alone and unit.deaths >= self._task.retries:
                yield crashed(unit, unit.deaths + 1)
            else:
                self._suspects.append(_once_more(unit) if slot.alone else unit)


class _Actor(Worker):
    """A worker that does not outlive Ray: when the driver is killed, its work would go on for nobody."""

    def __init__(self, job: Job, place: Place, identity: Plain, *, retries: int, pause: float) -> None:
        _alloc.tune()
        threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()
        super().__init__(job, place, identity, retries=retries, pause=pause)


def has_ray() -> bool:
    """Whether the extra is installed."""
    import importlib.util

    return importlib.util.find_spec("ray") is not None


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH)
    os._exit(1)


def _chunks(units: Iterator[Unit], size: int) -> Iterator[_Chunk]:
    while chunk := tuple(islice(units, size)):
        yield chunk


def _once_more(unit: Unit) -> Unit:
    return replace(unit, deaths=unit.deaths + 1)


def _cause(error: Exception) -> str:
    """Of what Ray says of an actor that died in its constructor, the last line: the error itself."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _ray() -> Any:
    return _optional.load("ray")


def _start(ray: Any, options: RayOptions) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if options.address is not None:
        try:
            ray.init(address=options.address, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(f"There is no Ray cluster at {options.address}: {error}. Check the address.") from error
        return
    cpus = max(os.cpu_count() or 1, options.workers * options.threads)
    ray.init(
        num_cpus=cpus, include_dashboard=False, _node_ip_address="127.0.0.1", object_store_memory=_OBJECTS, **quiet
    )
