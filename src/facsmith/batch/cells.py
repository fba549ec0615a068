"""What a manifest's cells name, read alike for rows of photos and rows of films."""

import functools
from pathlib import Path
from tempfile import TemporaryDirectory

from facsmith.batch.places import fetch, stamp
from facsmith.errors import InputError
from facsmith.timeline import Timeline

__all__ = ["input_file", "read_expressions", "read_timeline"]


def input_file(url: str, what: str) -> str:
    """The same path or URL; whether it is there is only asked of this machine, where that costs nothing.

    Raises
    ------
    InputError
        There is no such file here; ``what`` says what it should have been.
    """
    if "://" not in url and stamp(url) is None:
        raise InputError(f"There is no {what} {url}. Check the path; it is relative to the manifest.")
    return url


def read_expressions(cell: str) -> list[str]:
    """The expressions that play in turn, ``;`` between them.

    Raises
    ------
    InputError
        There is none.
    """
    expressions = [part.strip() for part in cell.split(";") if part.strip()]
    if not expressions:
        raise InputError("The expression is empty; give happiness, or AU6=C AU12=D.")
    return expressions


@functools.lru_cache(maxsize=256)
def read_timeline(url: str) -> Timeline:
    """A timeline's file, from wherever it lies, read once for all rows that name it.

    Raises
    ------
    InputError
        No such file, or no timeline.
    """
    with TemporaryDirectory(prefix="facsmith-timeline-") as folder:
        return Timeline.from_yaml(fetch(url, Path(folder)).path)
