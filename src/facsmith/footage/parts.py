"""The frames of a film edited, measured and written part by part, and the parts joined.

In memory there are a few frames at a time. Of several faces each is edited on the film's own frame, as if it were
alone, and what they changed is laid into one picture.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facsmith import image, video
from facsmith._types import Image
from facsmith.compose.several import composed
from facsmith.footage.account import FrameAccounts, FrameObserver
from facsmith.footage.film_face import FilmFace
from facsmith.footage.work_folder import WorkFolder
from facsmith.options import Progress
from facsmith.synthetic import provenance
from facsmith.video import FilmFrame, Footage

__all__ = ["write_edited"]

_AHEAD: Final = 4  # frames that wait to be measured


def write_edited(
    output: str | os.PathLike[str],
    footage: Footage,
    faces: Sequence[FilmFace],
    work: WorkFolder,
    *,
    part_seconds: float,
    model: Mapping[str, Any],
    tell: Progress,
) -> list[FrameAccounts]:
    """Write the film with its faces edited, and return what is measured on each of them.

    Parameters
    ----------
    work
        Where the parts wait; those that are there are not made again.
    part_seconds
        Of film that are one part.
    model
        Of the receipt, for the film's metadata (`synthetic.provenance`).
    tell
        Told (``frames`` or ``joining``, done, total).

    Raises
    ------
    OutputError
        A place that cannot be written.
    """
    seconds = faces[0].plan.survey.seconds
    bounds = _bounds(seconds, part_seconds)
    _edit_parts(footage, bounds, faces, work, lambda done: tell("frames", done, len(seconds)))
    tell("joining", 0, 1)
    parts = range(len(bounds))
    video.join_parts(output, footage, [work.part(part) for part in parts], metadata=image.provenance(provenance(model)))
    tell("joining", 1, 1)
    kept = [work.face(face.plan.number) for face in faces]
    return [FrameAccounts.joined([each.accounts(part) for part in parts]) for each in kept]


def _edit_parts(
    footage: Footage,
    bounds: Sequence[tuple[int, int]],
    faces: Sequence[FilmFace],
    work: WorkFolder,
    on_frame: Callable[[int], None],
) -> None:
    """Make the parts that are not there yet."""
    numbers = [face.plan.number for face in faces]
    pending = [part for part in range(len(bounds)) if not work.has(part, numbers)]
    if not pending:
        return
    frames = footage.read(bounds[pending[0]][0])
    for number in range(pending[0], len(bounds)):
        first, last = bounds[number]
        part = _taken(frames, last - first)
        if number not in pending:
            for _ in part:
                pass
            continue
        observers = [face.observer() for face in faces]
        edited = _edited(part, faces, observers)
        video.write_part(work.part(number), footage, _told(edited, on_frame))
        for face, observer in zip(faces, observers, strict=True):
            work.face(face.plan.number).keep(number, observer.accounts())


def _edited(
    frames: Iterable[FilmFrame], faces: Sequence[FilmFace], observers: Sequence[FrameObserver]
) -> Iterator[tuple[FilmFrame, Image]]:
    """Frames with what they become; each is measured while the next ones are made."""
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as worker:
        for frame in frames:
            shown = [face.edited(frame) for face in faces]
            for face, observer, edited in zip(faces, observers, shown, strict=True):
                waiting.append(worker.submit(face.observe, observer, frame, edited))
            while len(waiting) > _AHEAD * len(faces):
                waiting.popleft().result()
            yield frame, composed(frame.pixels, shown)
        for measured in waiting:
            measured.result()


def _told(
    frames: Iterator[tuple[FilmFrame, Image]], on_frame: Callable[[int], None]
) -> Iterator[tuple[FilmFrame, Image]]:
    for frame, edited in frames:
        yield frame, edited
        on_frame(frame.index + 1)


def _taken(frames: Iterator[FilmFrame], count: int) -> Iterator[FilmFrame]:
    for _ in range(count):
        yield next(frames)


def _bounds(seconds: npt.NDArray[np.float64], part_seconds: float) -> list[tuple[int, int]]:
    """First and last (excluded) frame of each part; every part begins where ``part_seconds`` went by."""
    numbers = (seconds // part_seconds).astype(int)
    begins = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(seconds)]
    return [(a, b) for a, b in pairwise(begins) if b > a]
