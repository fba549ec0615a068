"""Labelled codes of a source, encoded a portion at a time, by this process or by workers, and kept in a folder."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from facsmith.batch import (
    Entry,
    Here,
    Job,
    Ledger,
    Place,
    Plain,
    Runner,
    Standing,
    Task,
    Unit,
    Work,
    address_of,
    fetch,
    present,
    run_batch,
)
from facsmith.errors import BoundaryError
from facsmith.lab.fit.encoded_shards import encode_portion, read_portions
from facsmith.lab.fit.folder import LabelledCodes
from facsmith.lab.fit.sources import Portion, Source

if TYPE_CHECKING:
    from facsmith.generator import Generator
    from facsmith.lab.fit.encoding import Encode

__all__ = ["HeldJob", "PortionWork", "claim", "codes", "collect", "units"]

_SAYS: Final = "source.txt"


class PortionWork:
    """The work of encoding a source: a portion of it is a unit."""

    def __init__(self, source: Source, generator: "Generator", encode: "Encode | None", provider: str) -> None:
        self._source, self._generator, self._encode, self._provider = source, generator, encode, provider

    def __call__(self, unit: Unit, inputs: Sequence[Path], output: Path) -> Iterable[str]:
        """See `units.Work`."""
        portion = Portion(int(unit.settings["start"]), int(unit.settings["stop"]))
        return encode_portion(output, self._source, portion, self._generator, self._encode, provider=self._provider)


@dataclass(frozen=True, eq=False)
class HeldJob:
    """A job of this process alone, whose networks are loaded."""

    work: Work
    identity: Plain

    def open(self) -> Work:
        """See `units.Job`."""
        return self.work


def units(source: Source) -> Iterator[Unit]:
    """One for each portion."""
    for number, portion in enumerate(source.portions()):
        settings = {"start": portion.start, "stop": portion.stop}
        files = tuple(str(path.absolute()) for path in portion.files)
        yield Unit(number + 1, files, settings, _name(number), weight=portion.stop - portion.start)


def claim(place: Place, name: str) -> None:
    """Say in a folder whose codes it holds.

    Raises
    ------
    BoundaryError
        It holds those of another source or generator.
    """
    if place.size(_SAYS) is None:
        place.write(_SAYS, name.encode())
        return
    said = place.read(_SAYS).decode(errors="replace")
    if said != name:
        raise BoundaryError(
            f"{place.url} holds faces of {said}, not of {name}. Remove that folder, or write elsewhere."
        )


def codes(place: Place, source: Source, num_ws: int, identity: Plain) -> LabelledCodes:
    """What a job of this identity has made there of the source's portions: those it could not encode are missing.

    Raises
    ------
    BoundaryError
        There is nothing, or a file is damaged.
    """
    entries = {entry.output: entry for entry in Ledger(place).replay(keep=False)}  # the last one counts
    wanted = ((unit.output, address_of(identity, unit)) for unit in units(source))
    made = [name for name, at in wanted if name in entries and _made(entries[name], at, place)]
    with place.scratch() as folder:
        try:
            return read_portions((fetch(_url(place, name), folder).path for name in made), source, num_ws)
        except BoundaryError as error:
            raise BoundaryError(str(error).replace(f"{folder}", place.url)) from error


def collect(
    source: Source,
    folder: str | Path,
    generator: "Generator",
    encode: "Encode | None",
    *,
    name: str,
    provider: str = "auto",
    job: Job | None = None,
    runner: Runner | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> LabelledCodes:
    """Encode what the source yields and keep it in ``folder``; what lies there is not done again.

    Parameters
    ----------
    encode
        Makes codes ws (N, num_ws, w_dim) of images (N, 3, R, R) in [-1, 1], for sources without latents.
    name
        Name of the source and its settings; a folder of another one is refused.
    provider
        Library that finds the landmarks by which faces are cut out.
    job
        The same work for processes that load the networks themselves.
    runner
        Does the job in such processes. None: this process does it, with the networks given here.

    Raises
    ------
    BoundaryError
        The folder belongs to another source or generator, or nothing could be used.
    """
    place, total = Place(str(folder)), len(source)
    claim(place, f"{name} for {generator.generator_id}")
    identity: Plain = {"work": "codes", "source": name, "generator": generator.generator_id, "provider": provider}
    if job is not None:
        identity = job.identity
    if job is None or runner is None:
        job, runner = HeldJob(PortionWork(source, generator, encode, provider), identity), Here()

    def told(standing: Standing) -> None:
        progress("encode", round(standing.settled_weight), total)

    task = Task(job, place, identity, pause=0.0)
    summary = run_batch(task, units(source), runner, retry=True, progress=told)
    if not summary.complete:
        raise BoundaryError(summary.stopped or summary.named[0][2])
    return codes(place, source, generator.num_ws, identity)


def _made(entry: Entry, address: str, place: Place) -> bool:
    return entry.status == "done" and entry.address == address and present(entry, place)


def _name(number: int) -> str:
    return f"{number:05d}.safetensors"


def _url(place: Place, name: str) -> str:
    return f"{place.url.rstrip('/')}/{name}"
