"""A job that leaves a line for every piece of work it does, and can be made to go wrong in every way.

Imported by Ray's workers and by processes that are killed, so it stands in a module of its own.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facsmith.batch.units import Unit
from facsmith.errors import InputError

VERSION = 1
PATIENCE = 300
"""Seconds after which something that is waited for will not come, on a machine that is busy with other things."""


@dataclass(frozen=True)
class Shout:
    """The input in capitals. log: a file that gains a line for each piece of work, before it is done.

    What the input says decides: poison kills the process, refuse and fault are errors, nap takes a while, and full
    is what a full disk says.
    """

    log: str
    flavour: str = "plain"

    @property
    def identity(self) -> dict[str, object]:
        return {"work": "shout", "version": VERSION, "flavour": self.flavour}

    def open(self) -> "Shout":
        _append(self.log, f"open {os.getpid()}")
        return self

    def __call__(self, unit: Unit, inputs: Sequence[Path], output: Path) -> list[str]:
        text = inputs[0].read_text()
        _append(self.log, f"work {Path(inputs[0]).name} {os.getpid()}")
        if "poison" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if "refuse" in text:
            raise InputError("No face.")
        if "fault" in text:
            raise RuntimeError("A cosmic ray.")
        if "nap" in text:
            time.sleep(float(text.split()[1]))
        said = str(unit.settings.get("suffix", ""))
        if output.suffix:
            output.write_text(text.upper() + said)
        else:
            output.mkdir()
            for number in range(3):
                (output / f"frame_{number:05d}.png").write_text(f"{text.upper()} {number}{said}")
        output.with_name(f"{output.name}.json").write_text("a receipt")
        return ["noted"] if "note" in text else []


def _append(path: str, line: str) -> None:
    """One write of one line: whole, whoever else appends."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def worked(log: str | Path) -> Counter[str]:
    """Input -> how often it was worked on."""
    lines = Path(log).read_text().splitlines() if Path(log).exists() else []
    return Counter(line.split()[1] for line in lines if line.startswith("work"))


def workers(log: str | Path) -> list[int]:
    """Processes that opened the job."""
    return [int(line.split()[1]) for line in Path(log).read_text().splitlines() if line.startswith("open")]


def rows(folder: Path, names: Sequence[str] | int, **settings: object) -> list[Unit]:
    """A unit for every input file."""
    inputs = [f"{number:02d}.txt" for number in range(names)] if isinstance(names, int) else list(names)
    return [
        Unit(row, (str(folder / name),), dict(settings), f"{Path(name).stem}.out") for row, name in enumerate(inputs, 1)
    ]


def write_inputs(folder: Path, texts: Sequence[str]) -> list[Unit]:
    """A folder of inputs, and their units."""
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (folder / f"{number:02d}.txt").write_text(text)
    return rows(folder, len(texts))
