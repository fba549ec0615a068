"""Films in and out: MP4, GIF, animated WebP and folders of PNGs, written as the frames arrive.

Conventions: a frame is (H, W, 3) uint8 RGB, all frames of a film have one size; fps is frames per second. Every file
says inside that it is synthetic and made by facsmith (`facsmith.image.provenance`).
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from facsmith._files import atomic_path
from facsmith._types import Pixels
from facsmith.errors import InputError, OutputError
from facsmith.image import provenance
from facsmith.video import _gif, _mp4, _png, _webp
from facsmith.video._footage import FilmFrame, Footage, open_footage, planes_with
from facsmith.video._footage_writer import FOOTAGE_SUFFIXES, check_holds, join_parts, write_part
from facsmith.video._sound import Sound
from facsmith.video._stream import TimedFrame, stream

__all__ = [
    "FILM_SUFFIXES",
    "FOOTAGE_SUFFIXES",
    "SUFFIXES",
    "FilmFrame",
    "Footage",
    "Sound",
    "TimedFrame",
    "check_holds",
    "holds_alpha",
    "join_parts",
    "metadata",
    "open_footage",
    "planes_with",
    "read",
    "stream",
    "timed",
    "write",
    "write_part",
]

Writer = Callable[[Path, Iterator[Pixels], Fraction, Mapping[str, str]], int]

_WRITERS: Final[dict[str, Writer]] = {".mp4": _mp4.write, ".gif": _gif.write, ".webp": _webp.write}
SUFFIXES: Final = tuple(_WRITERS)
"""Endings of film files; a path without ending, or one that ends in a slash, is a folder of PNGs."""
FILM_SUFFIXES: Final = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".mpg", ".mpeg")
"""Endings by which a film that is to be edited is told from a photo; read is whatever PyAV reads."""


def write(
    path: str | os.PathLike[str],
    frames: Iterable[Pixels],
    *,
    fps: float,
    metadata: Mapping[str, str] | None = None,
    sound: Sound | None = None,
) -> int:
    """Write a film, whole or not at all; no more than a few frames are held. Returns the number of frames.

    .mp4: H.264, yuv420p, which knows even sizes only: an odd width or height gains one pixel that repeats the edge.
    .gif: one palette for all frames, still where the film is still; at most 50 fps. .webp: animated. Else: a folder of
    ``frame_00000.png`` and so on, lossless. The last two hold (H, W, 4) frames, with alpha, as well.

    Parameters
    ----------
    metadata
        Text to store inside, beside `facsmith.image.provenance`.
    sound
        Of another film, for .mp4 only; the pictures decide how long it is heard.

    Raises
    ------
    InputError
        No frames, frames of different sizes, an unusable fps, or a sound that cannot be read or held.
    OutputError
        An ending that is none of these, or a place that cannot be written.
    """
    rate = _rate(fps)
    text = provenance(metadata)
    checked = _checked(frames, alpha=holds_alpha(path))
    if sound is not None:
        if Path(path).suffix.lower() != ".mp4":
            raise InputError(f"Only an .mp4 holds sound; given: {path}. Take that ending, or leave the sound out.")
        with atomic_path(path) as temporary:
            return _mp4.write(temporary, checked, rate, text, sound)
    if _is_folder(path):
        return _png.write(Path(path), checked, rate, text)
    writer = _WRITERS.get(Path(path).suffix.lower())
    if writer is None:
        raise OutputError(
            f"Films are written as {', '.join(SUFFIXES)} or as a folder; given: {path}. Take one of these."
        )
    with atomic_path(path) as temporary:
        return writer(temporary, checked, rate, text)


def read(path: str | os.PathLike[str]) -> Iterator[Pixels]:
    """Yield the frames of a film that `write` can write, (H, W, 3) uint8."""
    if Path(path).is_dir():
        return _png.read(Path(path))
    if not Path(path).is_file():
        raise InputError(f"There is no film {path}. Check the path.")
    return _mp4.read(Path(path)) if Path(path).suffix.lower() == ".mp4" else _png.read_animation(Path(path))


def timed(path: str | os.PathLike[str]) -> Iterator[tuple[float, Pixels]]:
    """Yield (seconds, frame (H, W, 3) uint8) of a film from anywhere that PyAV reads, upright; seconds grow from 0."""
    if not Path(path).is_file():
        raise InputError(f"There is no film {path}. Check the path.")
    return _mp4.timed(Path(path))


def metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The text that `write` stored in a film."""
    if Path(path).is_dir():
        return _png.metadata(Path(path))
    if not Path(path).is_file():
        raise InputError(f"There is no film {path}. Check the path.")
    return _mp4.metadata(Path(path)) if Path(path).suffix.lower() == ".mp4" else _png.animation_metadata(Path(path))


def holds_alpha(path: str | os.PathLike[str]) -> bool:
    """Whether a film of that name holds transparency: animated WebP, and folders of PNGs."""
    return _is_folder(path) or Path(path).suffix.lower() == ".webp"


def _is_folder(path: str | os.PathLike[str]) -> bool:
    return os.fspath(path).endswith(("/", os.sep)) or Path(path).is_dir() or not Path(path).suffix


def _rate(fps: float) -> Fraction:
    if not (math.isfinite(fps) and 0 < fps <= 240):
        raise InputError(f"A film cannot run at {fps:g} frames a second. Give an fps above 0 and up to 240.")
    return Fraction(fps).limit_denominator(1001)  # 29.97 is 30000/1001


def _checked(frames: Iterable[Pixels], *, alpha: bool) -> Iterator[Pixels]:
    channels = (3, 4) if alpha else (3,)
    shape: tuple[int, ...] | None = None
    for index, frame in enumerate(frames):
        shape = shape or frame.shape
        if frame.dtype != np.uint8 or frame.shape != shape or len(shape) != 3 or shape[2] not in channels or 0 in shape:
            raise InputError(
                f"Frame {index} is {frame.dtype} of shape {frame.shape}; all frames of a film are (H, W, 3) uint8 RGB "
                "of one size."
            )
        yield np.ascontiguousarray(frame)
    if shape is None:
        raise InputError("A film needs at least one frame; none were given.")
