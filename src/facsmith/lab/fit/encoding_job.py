"""The job of `facsmith boundaries fit`, as workers open it: labelled faces of a source to labelled codes."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facsmith import __version__
from facsmith.batch import Plain, Work
from facsmith.batch.films import limit_threads, sha256_of
from facsmith.face import find
from facsmith.lab.fit.collect_codes import PortionWork
from facsmith.lab.fit.own_faces import working
from facsmith.lab.fit.sources import Source, open_source

if TYPE_CHECKING:
    from facsmith.generator import Generator
    from facsmith.lab.fit.encoding import Encode

__all__ = ["CodesJob"]


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
    reduced
        The generator draws at `own_faces.WORKING_SIDE` at most, as in `facsmith models build`.
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
    reduced: bool = False

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
        if not self.reduced:
            del said["reduced"]
        return {"work": "codes", "facsmith": __version__, **said}

    def open(self) -> Work:
        """See `units.Job`."""
        from facsmith.checkpoint import load_generator

        limit_threads(self.threads)
        find(np.zeros((384, 384, 3), np.uint8), provider=self.provider)  # a model that is not at hand is named at once
        whole: Any = load_generator(self.generator).to(self.device)
        generator: Any = working(whole) if self.reduced else whole
        encode = None if self.source.startswith("samples:") else self.encode(generator)
        return PortionWork(self.open_source(generator), generator, encode, self.provider)

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
