"""How much memory a film takes: a long one beside a short one, and large photos.

    python benchmarks/memory.py                         # 2 s and 2 min of 384 px, photos of 1024, 4096 and 8000 px
    python benchmarks/memory.py --frames 50 15000 --sides --json memory.json

Every film is `facsmith animate` as a process of its own. The face moves in every frame: nothing is shown twice. Prints
JSON.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from _script import astronaut, parser, report, watched

FPS = 25


def film(folder: Path, side: int, frames: int) -> dict[str, float]:
    """Peak MB and wall seconds of a film of the astronaut at side x side pixels."""
    photo, timeline, output = folder / "photo.png", folder / "moving.yaml", folder / "film.mp4"
    astronaut(photo, side)
    keys = [[second, second % 2, "linear"] for second in range(max(2, -(-frames // FPS) + 1))]
    moves = {"timeline": 1, "duration": (frames - 1) / FPS, "keyframes": {"AU12": keys, "AU2": keys}}
    timeline.write_text(json.dumps(moves))  # JSON is YAML
    command = [sys.executable, "-m", "facsmith", "animate", str(photo), "--timeline", str(timeline), "-o", str(output)]
    wall, peak = watched(command)
    made = json.loads(output.with_name("film.mp4.json").read_text())["output"]["frames"]
    return {"side": side, "frames": made, "peak_rss_mb": peak, "wall": wall}


def main() -> None:
    """Parse the arguments, measure, print."""
    arguments = parser(__doc__)
    arguments.add_argument("--frames", type=int, nargs="*", default=[50, 3000], help="of the films at 384 px")
    arguments.add_argument("--sides", type=int, nargs="*", default=[1024, 4096, 8000], help="of photos; 50 frames each")
    args = arguments.parse_args()
    result: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        result["length"] = [film(Path(folder), 384, frames) for frames in args.frames]
        result["size"] = [film(Path(folder), side, 50) for side in args.sides]
    report({**result, "load_after": os.getloadavg()[0]}, args.json)


if __name__ == "__main__":
    main()
