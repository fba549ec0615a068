"""Where the time of a film goes: seconds and shares of every stage of `facsmith animate`, for photos of some sizes.

    python benchmarks/stages.py                        # NASA's astronaut enlarged to 1024 and 4000 px, happiness
    python benchmarks/stages.py --sides 1024 --threads 1 --json stages.json

Every size is a process of its own. A stage's seconds are its own: what it calls of another stage counts there. Stages
that run beside one another add up to more than the wall clock says, so shares are of the sum; ``wall`` is the clock,
from the process's start to the last byte of the receipt. Prints JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _script import astronaut, parser, report


class Clock:
    """Seconds per stage, own time only, in every thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._local = threading.local()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        stack: list[list[Any]] = self._local.__dict__.setdefault("stack", [])
        now = time.perf_counter()
        if stack:
            self.seconds[stack[-1][0]] += now - stack[-1][1]
        stack.append([name, now])
        try:
            yield
        finally:
            now = time.perf_counter()
            self.seconds[name] += now - stack.pop()[1]
            if stack:
                stack[-1][1] = now

    def watch(self, owner: Any, attribute: str, name: str) -> None:
        """Count every call of ``owner.attribute`` as a stage."""
        call: Callable[..., Any] = getattr(owner, attribute)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return call(*args, **kwargs)

        setattr(owner, attribute, timed)


def profile(photo: Path) -> dict[str, Any]:
    """One film of happiness, in this process, which has just begun."""
    clock = Clock()
    clock.seconds["start of the process"] = _age()
    with clock.stage("imports"):
        from facsmith import animator, encode, face, film, measure, render, video
        from facsmith.animator import Animator
        from facsmith.compose import compositor, transfer
        from facsmith.options import AnimateOptions
        from facsmith.receipt import FrameStats
    clock.watch(animator, "read_photo", "decoding")
    clock.watch(face, "find", "face finding")
    clock.watch(encode, "invert", "inversion")
    clock.watch(encode, "refine_source_smile", "reading the smile")
    clock.watch(measure, "alone", "the photo's AUs")
    clock.watch(render.Renderer, "__init__", "the photo's constants")
    clock.watch(render.Renderer, "_synthesise", "synthesis")
    clock.watch(transfer.Transfer, "change", "flow and transfer")
    clock.watch(compositor.Compositor, "frame", "compositing")
    clock.watch(FrameStats, "see", "measuring every frame")
    clock.watch(film.Animation, "_receipt", "measuring")
    clock.watch(video, "write", "video encoding")
    with clock.stage("model"):
        made = Animator.from_pretrained()
    with clock.stage("rest"):
        asked = made.animate(photo, "happiness", options=AnimateOptions())
        asked.save(photo.with_name("film.mp4"))
    wall = _age()
    total = sum(clock.seconds.values())
    stages = sorted(clock.seconds.items(), key=lambda item: -item[1])
    return {
        "frames": len(asked),
        "wall": wall,
        "stages": {name: {"seconds": round(s, 3), "share": round(s / total, 3)} for name, s in stages},
    }


def _age() -> float:
    """Seconds since this process began."""
    began = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began


def main() -> None:
    """Parse the arguments, measure, print."""
    arguments = parser(__doc__)
    arguments.add_argument("--sides", type=int, nargs="+", default=[1024, 4000], help="of the square photos in pixels")
    arguments.add_argument("--threads", type=int, help="of the networks; default: one a core")
    arguments.add_argument("--photo", type=Path, help=argparse.SUPPRESS)
    args = arguments.parse_args()
    if args.photo is not None:
        sys.stdout.write(json.dumps(profile(args.photo)))
        return
    result: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    environment = {**os.environ, **({"OMP_NUM_THREADS": str(args.threads)} if args.threads else {})}
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        for side in args.sides:
            astronaut(photo, side)
            command = [sys.executable, __file__, "--photo", str(photo)]
            made = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
            result[str(side)] = json.loads(made.stdout)
    report({**result, "load_after": os.getloadavg()[0]}, args.json)


if __name__ == "__main__":
    main()
