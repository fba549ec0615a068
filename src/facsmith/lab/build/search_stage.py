"""The stage of a build that searches the moves of known codes: by this process, or by workers.

Faces are searched in rounds of 4, 4, 8, 16, ...: the first from their known codes, each later one from the mean of the
moves of all before it. Within a round nobody waits for anybody, and who searches a face does not change what is found.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from facsmith._arrays import write_tensors
from facsmith._types import Codes
from facsmith.batch import Ledger, Outcome, Place, Runner, Standing, Task, Unit, run_batch
from facsmith.errors import InputError
from facsmith.facs import DISFA
from facsmith.lab.build.bench import Bench
from facsmith.lab.build.options import FEWEST_FACES
from facsmith.lab.build.search_job import SearchJob, SearchWork, read_moves, search_unit
from facsmith.lab.fit.collect_codes import HeldJob
from facsmith.lab.fit.search_known import SearchOptions

__all__ = ["found_moves", "rounds", "search"]


def search(bench: Bench) -> dict[str, Any]:
    """Moves of known codes -> build/moves/SEED.safetensors, one a face."""
    folder, options = bench.work / "moves", SearchOptions(batch=bench.batch)
    folder.mkdir(exist_ok=True)
    # Where there is little time, a few faces of few steps: so many have time for all of theirs.
    most = bench.options.seconds("search") / (FEWEST_FACES * len(DISFA) * 1.6 * bench.speed.step)
    task = _task(bench, folder, options)
    clock = _Clock(bench, before=_seconds(task.place) / bench.runner.workers)
    faces = (face.seed for face in bench.faces.faces("search", bench.options.faces))
    found: list[_Found] = []
    for first, last in rounds(bench.options.faces, options.settled):
        wanted = [folder / f"{seed:07d}.safetensors" for seed in islice(faces, last - first)]
        start = None
        if first:
            start = bench.work / f"start-{first}.safetensors"
            mean = np.stack([one.moves for one in found]).mean(axis=0, dtype=np.float64)
            write_tensors(start, {"moves": mean.astype(np.float32)}, {})
        steps = int(np.clip(most, 2, options.later if first else options.steps))
        units = [search_unit(int(path.stem), steps, start) for path in wanted if not path.is_file()]
        clock.done = clock.handed_out = first + len(wanted) - len(units)
        if units:
            _run(task, units, bench.runner, clock)
        made = [path for path in wanted if path.is_file()]
        found += [_read(path, bench) for path in made]
        if len(made) < last - first:
            break
    if len(found) < FEWEST_FACES:
        raise InputError(
            f"The generator's random pictures show {len(found)} faces that can be used; {FEWEST_FACES} are needed to "
            "find how it moves them. Is it a generator of faces? Try a smaller psi."
        )
    begun, left = (np.mean([getattr(one, name) for one in found], axis=0) for name in ("begun", "left"))
    explained = 1 - left / np.maximum(begun, 1e-9)
    return {
        "faces": len(found),
        "explained": {f"AU{au}": round(float(x), 3) for au, x in zip(DISFA, explained, strict=True)},
    }


def rounds(count: int, first: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of each round: ``first`` faces, then as many as there are already.

    >>> [*rounds(20, 4)]
    [(0, 4), (4, 8), (8, 16), (16, 20)]
    """
    done = 0
    while done < count:
        end = min(max(2 * done, first), count)
        yield done, end
        done = end


def found_moves(bench: Bench) -> tuple[Codes, Codes]:
    """Of the search: the faces' codes (N, num_ws, w_dim), and their moves (N, K, num_ws, w_dim)."""
    found = [_read(file, bench) for file in sorted((bench.work / "moves").glob("*.safetensors"))]
    if not found:
        raise InputError(f"{bench.work / 'moves'} holds no moves; remove {bench.work} and build again.")
    return np.stack([one.ws for one in found]), np.stack([one.moves for one in found])


class _Found(NamedTuple):
    """ws: (num_ws, w_dim). moves: (K, num_ws, w_dim). begun, left: (K,), see `MovedCodes`."""

    ws: Codes
    moves: Codes
    begun: npt.NDArray[np.float64]
    left: npt.NDArray[np.float64]


def _read(path: Path, bench: Bench) -> _Found:
    codes, notes = read_moves(path)
    small = bench.networks.small
    if {*codes} != {"ws", "moves"} or codes["moves"].shape != (len(DISFA), small.num_ws, small.w_dim) or not notes:
        raise InputError(f"{path} holds no moves of this generator; remove it and build again.")
    return _Found(codes["ws"], codes["moves"], np.array(notes["begun"]), np.array(notes["left"]))


def _task(bench: Bench, folder: Path, options: SearchOptions) -> Task:
    chosen = bench.options
    job: Any = SearchJob(
        str(bench.folder.absolute()),
        chosen.psi,
        chosen.provider,
        bench.faces.blind,
        options,
        seed=chosen.seed,
        threads=torch.get_num_threads(),
        device=bench.worker_device,
    )
    identity = job.identity
    if not bench.has_workers:
        job = HeldJob(SearchWork(bench.faces, bench.networks, options, seed=chosen.seed), identity)
    return Task(job, Place(str(folder)), identity, pause=0.0)


def _seconds(place: Place) -> float:
    """Seconds that what lies there took."""
    done = {entry.output: entry.seconds for entry in Ledger(place).replay(keep=False) if entry.status == "done"}
    return sum(done.values())


@dataclass
class _Clock:
    """Whether there is time for another face.

    Parameters
    ----------
    before
        Seconds of earlier runs.
    done, handed_out
        Faces that are searched, and those and others that are being searched.
    """

    bench: Bench
    before: float
    done: int = 0
    handed_out: int = 0

    def hand_out(self, units: Iterator[Unit]) -> Iterator[Unit]:
        """The units that there is time for, as long as there is."""
        budget = self.bench.options.seconds("search")
        for unit in units:
            spent = self.before + self.bench.spent
            if self.handed_out >= FEWEST_FACES and spent + spent / max(self.done, 1) > budget:
                return
            self.handed_out += 1
            yield unit

    def tell(self) -> None:
        """Pass on how many faces are searched, of how many that there is time for."""
        options = self.bench.options
        reachable = int(options.seconds("search") * self.done / max(self.before + self.bench.spent, 1e-9))
        self.bench.tell("search", self.done, min(options.faces, max(self.done, reachable, FEWEST_FACES)))


@dataclass(frozen=True)
class _InTime:
    """A runner that is handed units only as long as there is time for them."""

    runner: Runner
    clock: _Clock

    @property
    def workers(self) -> int:
        return self.runner.workers

    def run(self, task: Task, units: Iterator[Unit], ledger: Ledger) -> Generator[Outcome]:
        yield from self.runner.run(task, self.clock.hand_out(units), ledger)


def _run(task: Task, units: list[Unit], runner: Runner, clock: _Clock) -> None:
    """Search what is in time; what fails fails the build."""
    before = clock.done

    def progress(standing: Standing) -> None:
        clock.done = before + standing.settled
        clock.tell()

    summary = run_batch(task, units, _InTime(runner, clock), retry=True, progress=progress)
    if summary.named:
        raise InputError(summary.named[0][2])
