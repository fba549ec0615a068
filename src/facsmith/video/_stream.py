"""Frames of any film that PyAV opens, one at a time, with their times; nothing is extracted to disk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facsmith._types import Pixels
from facsmith.errors import InputError
from facsmith.image import MAX_PIXELS

__all__ = ["TimedFrame", "stream"]


@dataclass(frozen=True, eq=False)
class TimedFrame:
    """One frame of a film.

    Parameters
    ----------
    index
        Its number, from 0.
    seconds
        Since the film's start.
    pixels
        (H, W, 3) uint8 RGB, upright.
    """

    index: int
    seconds: float
    pixels: Pixels


def stream(path: str | Path, *, wanted: Callable[[int], bool] | None = None) -> Iterator[TimedFrame]:
    """Yield the frames of a film, of which no more than one is held.

    Parameters
    ----------
    wanted
        Told a frame's index; only frames for which it says yes are converted and yielded.

    Raises
    ------
    InputError
        No such film, damaged, or of frames too large.
    """
    import av
    from av.error import FFmpegError

    if not Path(path).is_file():
        raise InputError(f"There is no film {path}. Check the path.")
    try:
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            video.thread_type = "AUTO"
            start: float | None = None
            for index, frame in enumerate(container.decode(video)):
                seconds = float(frame.time or 0.0)
                start = seconds if start is None else start
                if frame.width * frame.height > MAX_PIXELS:
                    raise InputError(f"{path} has frames of {frame.width} x {frame.height}; scale it down first.")
                if wanted is None or wanted(index):
                    yield TimedFrame(index, seconds - start, _upright(frame))
    except (FFmpegError, IndexError) as error:
        raise InputError(f"{path} is no film that can be read here ({error}). Give an intact one.") from error


def _upright(frame: Any) -> Pixels:
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    turns = round(getattr(frame, "rotation", 0) / 90) % 4  # a phone's note of how it was held, counterclockwise
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels
