"""How long a user waits: a photo to a film from a cold start, and to a first preview where the model is warm.

    python benchmarks/film.py                    # NASA's astronaut at 512 x 512, 60 frames
    python benchmarks/film.py --side 1024 --json film.json

Prints JSON. ``film``: `facsmith animate` as a process of its own, wall seconds and peak memory, the best of the runs;
``preview``: in one process, from pixels to the first edited picture with the encoder's start and no search.
"""

import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from _script import astronaut, parser, report, watched

from facsmith import AnimateOptions, Animator, image
from facsmith.inversion import InversionOptions


def film(photo: Path, frames: int, runs: int) -> dict[str, float]:
    """Wall seconds and peak MB of a film of so many frames, the process's start included."""
    output = photo.with_name("film.mp4")
    seconds = (frames - 1) / 25
    times = ("--onset", f"{0.3 * seconds}", "--apex", f"{0.4 * seconds}", "--offset", f"{0.3 * seconds}")
    command = [sys.executable, "-m", "facsmith", "animate", str(photo), "-e", "happiness", *times, "-o", str(output)]
    wall: list[float] = []
    peak = 0.0
    for _ in range(runs):
        seconds_taken, megabytes = watched(command)
        wall.append(seconds_taken)
        peak = max(peak, megabytes)
    made = json.loads(output.with_name("film.mp4.json").read_text())["output"]["frames"]
    return {"frames": made, "best": min(wall), "worst": max(wall), "peak_rss_mb": peak, "runs": runs}


def preview(photo: Path, runs: int) -> dict[str, float]:
    """Wall seconds from pixels to the first edited picture, the model loaded and warm."""
    animator = Animator.from_pretrained()
    options = AnimateOptions(inversion=InversionOptions(iterations=0))
    pixels = image.read(photo)
    wall: list[float] = []
    for run in range(runs + 1):
        shifted = pixels.copy()
        shifted[0, 0] = run  # another photo: the animator remembers those it has seen
        began = time.perf_counter()
        animator.edit(shifted, "happiness", options=options)
        wall.append(time.perf_counter() - began)
    return {"first": wall[0], "best": min(wall[1:]), "worst": max(wall[1:]), "runs": runs}


def main() -> None:
    """Parse the arguments, measure, print."""
    arguments = parser(__doc__)
    arguments.add_argument("--side", type=int, default=512, help="of the square photo in pixels; default 512")
    arguments.add_argument("--frames", type=int, default=60)
    arguments.add_argument("--runs", type=int, default=3)
    args = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        astronaut(photo, args.side)
        result = {
            "side": args.side,
            "cores": os.cpu_count(),
            "load_before": os.getloadavg()[0],
            "processor": platform.processor() or platform.machine(),
            "film": film(photo, args.frames, args.runs),
            "preview": preview(photo, args.runs),
        }
    report(result, args.json)


if __name__ == "__main__":
    main()
