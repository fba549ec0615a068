"""What the commands that take many inputs share: the engine's options, its progress, and its summary."""

import functools
import inspect
import os
import sys
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facsmith.cli._common import note
from facsmith.cli._options import Group, replacing

if TYPE_CHECKING:
    from facsmith.batch import Job, Place, Refusal, Runner, Standing, Summary, Unit
    from facsmith.batch.films import ModelOptions

__all__ = ["PARTIAL", "STOPPED", "Settings", "many", "run_many", "run_rows", "with_engine"]

PARTIAL, STOPPED = 3, 4
"""Exit codes: all was tried and some rows have no result; the run ended before all was tried."""
_LINE_EVERY = 30.0
"""Seconds between lines of progress where stderr is no terminal."""


class Engine(StrEnum):
    """Who does the work."""

    auto = "auto"
    ray = "ray"
    here = "here"


_EngineOption = Annotated[
    Engine, typer.Option("--engine", help="Ray's workers, or this very process; auto: Ray where it is installed.")
]
_RayOption = Annotated[
    str | None, typer.Option("--ray", metavar="ADDRESS", help="A Ray cluster, as in 10.0.0.1:6379 or auto.")
]
_WorkersOption = Annotated[
    int | None, typer.Option("--workers", help="Models at work side by side.", show_default="cores / threads, or GPUs")
]
_ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        help="Of each worker; 1 with many workers is fastest, and equals single runs with OMP_NUM_THREADS=1.",
        show_default="as a single run",
    ),
]
_GpusOption = Annotated[float, typer.Option("--gpus", help="Share of a GPU for each worker, as in 0.25; 0: CPUs only.")]
_ChunkOption = Annotated[
    int,
    typer.Option("--chunk", help="Rows handed to a worker at a time; neighbours of one photo share its search."),
]
_RetriesOption = Annotated[
    int, typer.Option("--retries", help="How often a row is tried again that failed, or whose worker died.")
]
_RetryOption = Annotated[
    bool, typer.Option("--retry", help="Try again what an earlier run refused, or found to kill its worker.")
]
_DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Check every row; say what is to be done, how long, how large. Write nothing."),
]


_OPTIONS: dict[str, tuple[Any, Any]] = {
    "dry_run": (_DryRunOption, False),
    "engine": (_EngineOption, Engine.auto),
    "ray": (_RayOption, None),
    "workers": (_WorkersOption, None),
    "threads": (_ThreadsOption, None),
    "gpus": (_GpusOption, 0.0),
    "chunk": (_ChunkOption, 1),
    "retries": (_RetriesOption, 2),
    "retry": (_RetryOption, False),
}


def with_engine(*, chunk: int, gpus: bool = True) -> "Callable[[Callable[..., None]], Callable[..., None]]":
    """Give a command the engine's options in place of its keyword parameter ``settings``, a `Settings`.

    Parameters
    ----------
    chunk
        Default of the option.
    gpus
        Whether the work can use GPUs.
    """
    defaults = {"chunk": chunk}
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=defaults.get(name, default))
        for name, (kind, default) in _OPTIONS.items()
        if gpus or name != "gpus"
    ]

    return replacing(settings=Group(tuple(options), lambda given: Settings(**given)))


class Settings:
    """The engine's options of one command, resolved."""

    def __init__(
        self,
        *,
        engine: Engine,
        ray: str | None,
        workers: int | None,
        threads: int | None,
        chunk: int,
        retries: int,
        retry: bool,
        dry_run: bool,
        gpus: float = 0.0,
    ) -> None:
        self.retries, self.retry, self.dry_run = retries, retry, dry_run
        self._threads = threads
        self.device = "cuda" if gpus > 0 else "cpu"
        self._engine, self._address, self._gpus, self._chunk = engine, ray, gpus, chunk
        self._workers = workers

    @functools.cached_property
    def threads(self) -> int:
        """Of each worker."""
        return self._threads or _own_threads()

    def model(self, model: str, boundaries: Any = None) -> "ModelOptions":
        """The model as every worker loads it."""
        from facsmith.batch.films import ModelOptions

        return ModelOptions(
            os.path.abspath(model) if os.path.isdir(model) else model,
            None if boundaries is None else os.path.abspath(boundaries),
            threads=self.threads,
            device=self.device,
        )

    def runner(self, place: "Place") -> "Runner":
        """Ray, or this process."""
        from facsmith.batch import Here, OnRay, RayOptions, has_ray
        from facsmith.errors import InputError

        wanted = self._engine is Engine.ray or self._address is not None
        if wanted and self._engine is Engine.here:
            raise InputError("--engine here and --ray name two engines; leave one out.")
        if wanted or (self._engine is Engine.auto and has_ray() and not place.is_private):
            workers = self._workers or _workers(self._address, self.threads, self._gpus)
            return OnRay(RayOptions(self._address, workers, self.threads, self._gpus, self._chunk))
        if (self._workers or 1) > 1:
            raise InputError(
                f"{self._workers} workers need Ray: pip install 'facsmith[ray]', and leave out --engine here."
            )
        return Here()


def many(url: str) -> bool:
    """Whether it names many inputs: a manifest, or a folder."""
    from facsmith.batch.folders import is_folder

    return url.lower().endswith(".csv") or is_folder(url)


def run_many(job: "Job", rows: "Iterable[Unit | Refusal]", place: "Place", settings: Settings, *, what: str) -> None:
    """Run, or say what a run would do; ends with an exit code other than 0 where not every row has its result.

    Parameters
    ----------
    what
        What rows are called, in the plural.
    """
    if not run_rows(job, rows, place, settings, what=what).complete:
        raise typer.Exit(PARTIAL)


def run_rows(
    job: "Job", rows: "Iterable[Unit | Refusal]", place: "Place", settings: Settings, *, what: str
) -> "Summary":
    """The same for who goes on with what there is: exits only after a dry run, or where the run had to stop."""
    from facsmith.batch import Task, run_batch
    from facsmith.batch.estimate import estimate

    task = Task(job, place, job.identity, retries=settings.retries)
    runner = settings.runner(place)
    if settings.dry_run:
        found = estimate(task, rows, workers=runner.workers, retry=settings.retry)
        for line in found.lines(what):
            typer.echo(line)
        raise typer.Exit(0 if found.refused == 0 else PARTIAL)
    with _progress(what) as progress:
        summary = run_batch(task, rows, runner, retry=settings.retry, progress=progress)
    _tell(summary, place, what)
    if summary.stopped:
        raise typer.Exit(STOPPED)
    return summary


def _tell(summary: "Summary", place: "Place", what: str) -> None:
    from facsmith.batch import REPORT

    for row, output, reason in summary.named:
        note(f"row {row}{f' ({output})' if output else ''}: {reason}")
    unnamed = sum(summary.counts.get(s, 0) for s in ("refused", "failed", "crashed")) - len(summary.named)
    if unnamed > 0:
        note(f"and {unnamed} more; {REPORT} names them all.")
    if summary.stopped:
        note(f"stopped: {summary.stopped}")
    counts = ", ".join(f"{summary.counts[status]} {status}" for status in _ORDER if summary.counts.get(status))
    typer.echo(
        f"{place.url.rstrip('/')}/{REPORT}  {summary.total} {what}: {counts or 'none'}; {_clock(summary.seconds)}"
    )


_ORDER = ("done", "kept", "refused", "failed", "crashed", "waiting")


@contextmanager
def _progress(what: str) -> "Generator[Callable[[Standing], None]]":
    """A bar on a terminal's stderr; elsewhere a line now and then, for logs."""
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, said="")

        def update(standing: "Standing") -> None:
            bar.update(task, completed=standing.settled, total=standing.total, said=_said(standing))

        yield update


class _Lines:
    """Progress as lines of text."""

    def __init__(self, what: str) -> None:
        self._what, self._last = what, time.monotonic()

    def __call__(self, standing: "Standing") -> None:
        if time.monotonic() - self._last >= _LINE_EVERY:
            self._last = time.monotonic()
            typer.echo(f"{standing.settled} of {standing.total} {self._what}, {_said(standing)}", err=True)


def _said(standing: "Standing") -> str:
    rate = f"{standing.rate:.1f}/s" if standing.rate >= 1 else f"{60 * standing.rate:.1f}/min"
    eta = "" if standing.eta is None else f", {_clock(standing.eta)} to go"
    failures = f", {standing.failures} failed" if standing.failures else ""
    return f"{rate}{eta}{failures}"


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86400
    return f"{minutes:.0f} min" if minutes < 90 else f"{hours:.1f} h" if hours < 48 else f"{days:.1f} days"


def _own_threads() -> int:
    import torch

    return torch.get_num_threads()


def _workers(address: str | None, threads: int, gpus: float) -> int:
    """As many as fit on this machine; a cluster's size is for its user to say."""
    from facsmith.errors import InputError

    if address is not None:
        raise InputError("Say how many workers the cluster shall run: --workers N.")
    if gpus > 0:
        import torch

        return max(1, int(torch.cuda.device_count() / gpus))
    return max(1, (os.cpu_count() or 1) // threads)
