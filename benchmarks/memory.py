"""How much memory a film takes: a long one beside a short one, and large photos.

    python benchmarks/memory.py                         # 2 s and 2 min of 384 px, photos of 1024, 4096 and 8000 px
    python benchmarks/memory.py --frames 50 15000 --sides --json memory.json

Every film is `facsmith animate` as a process of its own; its peak is what the kernel counts (ru_maxrss), in MB. The
face moves in every frame: nothing is shown twice. Prints JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import skimage.data

from facsmith import image

FPS = 25


def film(folder: Path, side: int, frames: int) -> dict[str, float]:
    """Peak MB and wall seconds of a film of the astronaut at side x side pixels."""
    photo, timeline, output = folder / "photo.png", folder / "moving.yaml", folder / "film.mp4"
    data: Any = skimage.data
    image.write(photo, image.resize(data.astronaut(), (side, side)))
    keys = [[second, second % 2, "linear"] for second in range(max(2, -(-frames // FPS) + 1))]
    moves = {"timeline": 1, "duration": (frames - 1) / FPS, "keyframes": {"AU12": keys, "AU2": keys}}
    timeline.write_text(json.dumps(moves))  # JSON is YAML
    command = [sys.executable, "-m", "facsmith", "animate", str(photo), "--timeline", str(timeline), "-o", str(output)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    made = json.loads(output.with_name("film.mp4.json").read_text())["output"]["frames"]
    return {"side": side, "frames": made, "peak_rss_mb": usage.ru_maxrss / 1024, "wall": time.perf_counter() - began}


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="*", default=[50, 3000], help="of the films at 384 px")
    parser.add_argument("--sides", type=int, nargs="*", default=[1024, 4096, 8000], help="of photos; 50 frames each")
    parser.add_argument("--json", type=Path, help="also write the result here")
    args = parser.parse_args()
    result: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        result["length"] = [film(Path(folder), 384, frames) for frames in args.frames]
        result["size"] = [film(Path(folder), side, 50) for side in args.sides]
    text = json.dumps({**result, "load_after": os.getloadavg()[0]}, indent=1)
    sys.stdout.write(text + "\n")
    if args.json:
        args.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
