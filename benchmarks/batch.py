"""What the batch engine costs beside the work, and what a second worker brings.

    python benchmarks/batch.py                        # prints JSON
    python benchmarks/batch.py --items 2000 --rounds 5 --json batch.json

``overhead``: milliseconds an item on work that does nothing but write 12 bytes, from the first result to the last, in
this process and on Ray; ``new``: nothing is there yet; ``kept``: all of it is; ``cpu``: of this process alone, which
does not count what others do with the machine; ``scan``: a row's way into the index. ``scaling``: items a second of two
Ray workers over one, in turn, on work that keeps a core busy. The machine's load says how far to trust it.
"""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from _script import parser, report

from facsmith.batch import Here, OnRay, Place, RayOptions, Runner, Standing, Task, Unit, run_batch
from facsmith.batch.index import Index


@dataclass(frozen=True)
class Nothing:
    """seconds: of CPU time to burn for each item."""

    seconds: float = 0.0

    @property
    def identity(self) -> dict[str, object]:
        return {"work": "nothing", "seconds": self.seconds}

    def open(self) -> "Nothing":
        return self

    def __call__(self, unit: Unit, inputs: Sequence[Path], output: Path) -> tuple[str, ...]:
        until = time.process_time() + self.seconds
        while time.process_time() < until:
            sum(range(1000))
        output.write_bytes(b"hello world\n")
        return ()


def units(folder: Path, count: int) -> list[Unit]:
    folder.mkdir(exist_ok=True)
    source = folder / "in.txt"
    source.write_bytes(b"nothing")
    return [Unit(row, (str(source),), {}, f"{row % 100:02d}/{row}.txt") for row in range(1, count + 1)]


def timed(job: Nothing, rows: list[Unit], runner: Runner, out: Path) -> float:
    """Seconds from the first result to the last."""
    moments: list[float] = []

    def note(standing: Standing) -> None:
        if standing.settled:
            moments.append(time.perf_counter())

    summary = run_batch(Task(job, Place(str(out)), job.identity), rows, runner, progress=note)
    if not summary.complete:
        raise SystemExit(f"{summary}")
    return moments[-1] - moments[0]


def overhead(root: Path, items: int, ray: bool) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    rows = units(root / "in", items)
    for name, runner in [("here", Here()), *([("ray", OnRay(RayOptions(workers=1, chunk=16)))] if ray else [])]:
        out = root / name
        found[name] = {}
        for pass_ in ("new", "kept"):
            began = time.process_time()
            found[name][pass_] = 1000 * timed(Nothing(), rows, runner, out) / (items - 1)
            found[name][f"{pass_}_cpu"] = 1000 * (time.process_time() - began) / items
    return found


def scan(root: Path, items: int) -> float:
    """Milliseconds a row from its description to its place in the index, outputs compared."""
    rows = units(root / "in", items)
    began = time.perf_counter()
    with Index() as index:
        for row in rows:
            index.add(row, Nothing().identity)
        index.refuse_collisions()
        list(index.units())
    return 1000 * (time.perf_counter() - began) / items


def scaling(root: Path, rounds: int, seconds: float) -> dict[str, object]:
    """One and two workers in turn: items a second, without the seconds in which they start."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    items = 24
    for number in range(rounds):
        for workers in rates:
            runner = OnRay(RayOptions(workers=workers, chunk=1))
            out = root / f"scaling-{number}-{workers}"
            rates[workers].append((items - 1) / timed(Nothing(seconds), units(root / "in", items), runner, out))
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    return {
        "cpu_seconds_an_item": seconds,
        "one": statistics.median(rates[1]),
        "two": statistics.median(rates[2]),
        "ratio": {"median": statistics.median(ratios), "worst": min(ratios), "best": max(ratios)},
        "rounds": rounds,
    }


def main() -> None:
    """Parse the arguments, measure, print."""
    arguments = parser(__doc__)
    arguments.add_argument("--items", type=int, default=1000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument(
        "--busy", type=float, default=0.25, help="CPU seconds of an item where two workers are compared"
    )
    args = arguments.parse_args()
    ray = _started()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        result = {
            "cores": os.cpu_count(),
            "load_before": os.getloadavg()[0],
            "items": args.items,
            "overhead_ms": overhead(root, args.items, ray),
            "scan_ms": scan(root, 20 * args.items),
            "scaling": scaling(root, args.rounds, args.busy) if ray else None,
            "load_after": os.getloadavg()[0],
        }
    report(result, args.json)


def _started() -> bool:
    """Ray, once for all runs; False where it is not installed."""
    with contextlib.suppress(ImportError):
        import ray

        os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
        ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
        return True
    return False


if __name__ == "__main__":
    main()
