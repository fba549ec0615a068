"""What the benchmarks share: the photo, a process watched from outside, and the result as JSON."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facsmith import _alloc

_alloc.tune()  # as the command line does; FACSMITH_MALLOC=0 leaves it


def parser(description: str | None) -> argparse.ArgumentParser:
    """With the option that all have, ``--json``."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", type=Path, help="also write the result here")
    return made


def report(result: Mapping[str, Any], path: Path | None) -> None:
    """Print the result, and write it where it was asked for."""
    text = json.dumps(result, indent=1)
    sys.stdout.write(text + "\n")
    if path:
        path.write_text(text + "\n")


def astronaut(path: Path, side: int) -> None:
    """Write NASA's portrait at side x side pixels."""
    import skimage.data

    from facsmith import image

    data: Any = skimage.data
    image.write(path, image.resize(data.astronaut(), (side, side)))


def watched(command: Sequence[str]) -> tuple[float, float]:
    """Run a program: its wall seconds, and its peak memory as the kernel counts it (ru_maxrss), in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024
