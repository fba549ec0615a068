"""The search of one face's moves as a unit of work, as this process or a worker opens it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from facsmith import __version__
from facsmith._arrays import read_tensors, write_tensors
from facsmith._types import Codes
from facsmith.batch import Plain, Unit, Work
from facsmith.batch.films import limit_threads, sha256_of
from facsmith.bundle import FILES
from facsmith.errors import BoundaryError, InputError
from facsmith.lab.build.faces import FaceMaker
from facsmith.lab.build.networks import BuildNetworks
from facsmith.lab.fit.search_known import SearchOptions, search_moves, w_spread

__all__ = ["SearchJob", "SearchWork", "read_moves", "search_unit"]


_MAX_BYTES: Final = 1 << 30


@dataclass(frozen=True)
class SearchJob:
    """The moves of a generator's own faces.

    Parameters
    ----------
    folder
        The model's, where every worker finds it.
    psi, provider, blind
        Of the faces, see `FaceMaker`.
    options
        Of the search; its steps are each unit's own.
    seed
        Of the draws that W's spread is measured on.
    threads
        Threads of a worker. None: as many as it would take.
    device
        Device of a worker.
    """

    folder: str
    psi: float
    provider: str
    blind: bool
    options: SearchOptions
    seed: int = 0
    threads: int | None = None
    device: str = "cpu"

    @property
    def identity(self) -> Plain:
        """See `units.Job`."""
        said = asdict(self)
        for name in ("folder", "threads", "device"):
            del said[name]
        hashes = {name: sha256_of(Path(self.folder) / name) for name in FILES[:2]}
        return {"work": "moves", "facsmith": __version__, "models": hashes, **said}

    def open(self) -> Work:
        """See `units.Job`."""
        limit_threads(self.threads)
        networks = BuildNetworks(Path(self.folder), self.device)
        faces = FaceMaker(networks.small, self.psi, self.provider, self.blind)
        return SearchWork(faces, networks, self.options, seed=self.seed)


class SearchWork:
    """Searches the moves of a unit's face, all AUs.

    Parameters
    ----------
    seed
        As in `SearchJob`.
    """

    def __init__(self, faces: FaceMaker, networks: BuildNetworks, options: SearchOptions, *, seed: int) -> None:
        self._faces, self._networks, self._options = faces, networks, options
        self._sigma = w_spread(networks.small, seed=seed)

    def __call__(self, unit: Unit, inputs: Sequence[Path], output: Path) -> Iterable[str]:
        """See `units.Work`; an input holds the moves to begin at."""
        seed, steps = int(unit.settings["seed"]), int(unit.settings["steps"])
        face = self._faces.face(seed)
        if face is None:
            raise InputError(f"No usable face is found in the picture of seed {seed}.")
        found = search_moves(
            face,
            self._networks.small,
            self._networks.descriptor,
            start=read_moves(inputs[0])[0]["moves"] if inputs else None,
            sigma=self._sigma,
            options=replace(self._options, steps=steps, later=steps),
        )
        notes = {"begun": found.begun.round(4).tolist(), "left": found.left.round(4).tolist()}
        write_tensors(output, {"ws": face.ws, "moves": found.moves}, {"search": json.dumps(notes)})
        return ()


def search_unit(seed: int, steps: int, start: Path | None) -> Unit:
    """The unit of one face.

    Parameters
    ----------
    start
        File with the moves to begin at. None: the face's known code.
    """
    files = () if start is None else (str(start.absolute()),)
    return Unit(seed, files, {"seed": seed, "steps": steps}, f"{seed:07d}.safetensors")


def read_moves(path: Path) -> tuple[dict[str, Codes], dict[str, Any]]:
    """The tensors of a face's file (``ws``, ``moves``), or of a round's start (``moves``), and the search's notes."""
    tensors, metadata = read_tensors(path, max_bytes=_MAX_BYTES, error=BoundaryError)
    codes = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    return codes, json.loads(metadata["search"]) if "search" in metadata else {}
