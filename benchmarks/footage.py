"""How fast a film's expressions are edited, and in how much memory.

    python benchmarks/footage.py                 # NASA's astronaut moving about, 512 x 512, 60 and 240 frames
    python benchmarks/footage.py --frames 120

Prints JSON. `facsmith edit FILM --relative AU1=+0.4,AU4=+0.3` as a process of its own, its start and the film's
first look included; ``frames_a_second`` is of the longer film less the shorter one, which is what an hour of film runs
at; ``cpu_seconds_a_frame`` is that of all threads together.
"""

import os
import resource
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from _script import parser, report, watched

from facsmith import video


def moving(picture: npt.NDArray[np.uint8], index: int) -> npt.NDArray[np.uint8]:
    """A frame of a head that sways and nods a little."""
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 3 * np.sin(index / 11), 1 + 0.04 * np.sin(index / 17))
    turn[:, 2] += 6 * np.sin(index / 7), 4 * np.sin(index / 5)
    return np.asarray(cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def edit(film: Path) -> dict[str, float]:
    """Wall and processor seconds, and peak MB."""
    output = film.with_name(f"edited-{film.name}")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall, peak = watched(
        [sys.executable, "-m", "facsmith", "edit", str(film), "--relative", "AU1=+0.4,AU4=+0.3", "-o", str(output)]
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": used, "peak_rss_mb": peak}


def main() -> None:
    """Parse the arguments, measure, print."""
    import skimage.data

    arguments = parser(__doc__)
    arguments.add_argument("--side", type=int, default=512, help="of the square film in pixels; default 512")
    arguments.add_argument(
        "--frames", type=int, default=60, help="of the shorter film; the longer has four times as many"
    )
    args = arguments.parse_args()
    picture = cv2.resize(skimage.data.astronaut(), (args.side, args.side))
    result: dict[str, object] = {"side": args.side, "cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        told: list[dict[str, float]] = []
        for frames in (args.frames, 4 * args.frames):
            film = Path(folder) / f"{frames}.mp4"
            video.write(film, (moving(picture, k) for k in range(frames)), fps=30)
            told.append(edit(film))
            result[f"{frames} frames"] = told[-1]
    more = 3 * args.frames
    result["frames_a_second"] = more / (told[1]["wall"] - told[0]["wall"])
    result["cpu_seconds_a_frame"] = (told[1]["cpu"] - told[0]["cpu"]) / more
    report(result, args.json)


if __name__ == "__main__":
    main()
