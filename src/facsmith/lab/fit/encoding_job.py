"""The job of `facsmith boundaries fit`: labelled faces of a source to labelled codes, a portion of them a unit."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from facsmith import __version__
from facsmith.batch import (
    Entry,
    Here,
    Ledger,
    Place,
    Plain,
    Standing,
    Task,
    Unit,
    Work,
    address_of,
    fetch,
    present,
    run_batch,
)
from facsmith.batch.films import limit_threads, sha256_of
from facsmith.errors import BoundaryError
from facsmith.face import find
from facsmith.lab.fit.encoded_shards import encode_portion, read_portions
from facsmith.lab.fit.folder import LabelledCodes
from facsmith.lab.fit.sources import Portion, Source, open_source

if TYPE_CHECKING:
    from facsmith.generator import Generator
    from facsmith.lab.fit.encoding import Encode

__all__ = ["CodesJob", "claim", "codes", "collect", "units"]

_SAYS: Final = "source.txt"


@dataclass(frozen=True)
class CodesJob:
    """The codes of labelled faces.

    Parameters
    ----------
    source
        ``KIND:WHERE``, see `open_source`; every worker finds it there.
    generator, descriptor
        Files or names.
    encoder
        A file.
    iterations
        Steps of the inversion; 0: the encoder alone.
    provider
        Library that finds landmarks.
    threads
        Threads of a worker.
    device
        Device of a worker.
    """

    source: str
    generator: str
    descriptor: str
    encoder: str
    iterations: int = 0
    provider: str = "auto"
    seed: int = 0
    threads: int | None = None
    device: str = "cpu"

    @property
    def identity(self) -> Plain:
        """See `units.Job`."""
        kind = self.source.partition(":")[0]
        said = asdict(self) | {"source": kind}
        for name in ("generator", "descriptor", "encoder"):
            path = Path(said[name])
            said[name] = sha256_of(path) if path.is_file() else said[name]
        for name in ("descriptor", "encoder", "iterations") if kind == "samples" else ():  # have their latents
            del said[name]
        if kind not in ("samples", "muscles"):  # nothing is drawn at random
            del said["seed"]
        return {"work": "codes", "facsmith": __version__, **said}

    def open(self) -> Work:
        """See `units.Job`."""
        from facsmith.checkpoint import load_generator

        limit_threads(self.threads)
        find(np.zeros((384, 384, 3), np.uint8), provider=self.provider)  # a model that is not at hand is named at once
        generator: Any = load_generator(self.generator).to(self.device)
        encode = None if self.source.startswith("samples:") else self.encode(generator)
        return _Portions(self.open_source(generator), generator, encode, self.provider)

    def open_source(self, generator: "Generator") -> Source:
        """The source of the faces.

        Parameters
        ----------
        generator
            The generator named here, loaded.
        """
        return open_source(self.source, generator, seed=self.seed, provider=self.provider)

    def encode(self, generator: "Generator") -> "Encode":
        """What turns pictures into the generator's codes."""
        from facsmith.lab.fit.encoding import load_encoding

        return load_encoding(generator, self.descriptor, self.encoder, iterations=self.iterations, device=self.device)


class _Portions:
    def __init__(self, source: Source, generator: "Generator", encode: "Encode | None", provider: str) -> None:
        self._source, self._generator, self._encode, self._provider = source, generator, encode, provider

    def __call__(self, unit: Unit, inputs: Sequence[Path], output: Path) -> Iterable[str]:
        portion = Portion(int(unit.settings["start"]), int(unit.settings["stop"]))
        return encode_portion(output, self._source, portion, self._generator, self._encode, provider=self._provider)


@dataclass(frozen=True, eq=False)
class _Held:
    """The same work with what this process has at hand."""

    work: _Portions
    identity: Plain

    def open(self) -> Work:
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
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> LabelledCodes:
    """Encode what the source yields in this process and keep it in ``folder``; what lies there is not done again.

    Parameters
    ----------
    encode
        Makes codes ws (N, num_ws, w_dim) of images (N, 3, R, R) in [-1, 1], for sources without latents.
    name
        Name of the source and its settings; a folder of another one is refused.
    provider
        Library that finds the landmarks by which faces are cut out.

    Raises
    ------
    BoundaryError
        The folder belongs to another source or generator, or nothing could be used.
    """
    place, total = Place(str(folder)), len(source)
    claim(place, f"{name} for {generator.generator_id}")
    identity = {"work": "codes", "source": name, "generator": generator.generator_id, "provider": provider}

    def told(standing: Standing) -> None:
        progress("encode", round(standing.settled_weight), total)

    task = Task(_Held(_Portions(source, generator, encode, provider), identity), place, identity, pause=0.0)
    summary = run_batch(task, units(source), Here(), retry=True, progress=told)
    if not summary.complete:
        raise BoundaryError(summary.stopped or summary.named[0][2])
    return codes(place, source, generator.num_ws, identity)


def _made(entry: Entry, address: str, place: Place) -> bool:
    return entry.status == "done" and entry.address == address and present(entry, place)


def _name(number: int) -> str:
    return f"{number:05d}.safetensors"


def _url(place: Place, name: str) -> str:
    return f"{place.url.rstrip('/')}/{name}"
