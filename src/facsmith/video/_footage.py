"""Films from anywhere, read frame by frame and written again with only their pictures changed.

A frame keeps its own planes (luma and chroma as decoded): what is edited is RGB, and only pixels that differ from the
decoded ones go back into the planes. So a frame that nothing changed reaches the encoder as it came out of the
decoder, 10-bit and HDR ones, too; HDR ones are edited as an ordinary screen shows them (`video._tone`). Time stamps,
frame durations, colour tags, sound and subtitles are the film's own.

Conventions: ``seconds`` count from the film's first picture. Pixels are (H, W, 3) uint8 RGB, upright as players show
them; the written film is upright, with no note of a rotation.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from facsmith._types import Pixels
from facsmith.errors import InputError
from facsmith.image import MAX_PIXELS
from facsmith.video._av import open_film
from facsmith.video._tone import hdr_codes, shown

__all__ = ["FilmFrame", "Footage", "open_footage", "planes_with"]


_HDR: Final = {16: "PQ", 18: "HLG"}
"""Transfer characteristics (ITU-T H.273) of high dynamic range."""
_WRITTEN: Final = ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuvj420p")
"""Pixel formats that libx264 takes as they are."""
_TURNABLE: Final = ("yuv420p", "yuv444p", "yuv420p10le", "yuv444p10le", "yuvj420p")
"""Those whose planes can be turned by a right angle: chroma as coarse across as down."""


@dataclass(frozen=True, eq=False)
class FilmFrame:
    """One frame of a film as it was decoded, with its time.

    Parameters
    ----------
    index
        From 0.
    pts
        Time stamp in the footage's ``time_base``, growing.
    seconds
        Since the first picture.
    pixels
        (H, W, 3) uint8 RGB, upright; of HDR films tone-mapped.
    picture
        The decoded planes, upright, PyAV's.
    hdr
        As of `Footage`.
    """

    index: int
    pts: int
    seconds: float
    pixels: Pixels
    picture: Any
    hdr: str | None = None


@dataclass(frozen=True)
class Footage:
    """What is known of a film before its frames are read.

    Parameters
    ----------
    path
        The file.
    width, height
        Upright, in pixels.
    rate
        Frames a second on average.
    frames
        About how many there are, 0 where the file does not say.
    time_base
        Seconds of one time stamp.
    pixel_format
        Of the planes that are written.
    turns
        Quarter turns counterclockwise that make it upright.
    hdr
        "PQ" or "HLG", None of ordinary films.
    colours
        H.273's primaries, transfer, matrix, and the range (1 limited, 2 full), as the file tags them; 0 or 2 untagged.
    tracks
        Sound and subtitle streams, (kind, codec).
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    frames: int
    time_base: Fraction
    pixel_format: str
    turns: int
    hdr: str | None
    colours: tuple[int, int, int, int]
    tracks: tuple[tuple[str, str], ...]
    aspect: Fraction = Fraction(1)

    def read(self, first: int = 0, last: int | None = None) -> Iterator[FilmFrame]:
        """Yield the frames numbered ``first`` to ``last`` (excluded); no more than one is held.

        Raises
        ------
        InputError
            The film is damaged, or its frames change their size.
        """
        from av.error import FFmpegError

        begin: int | None = None
        before: int | None = None
        step = max(1, round(1 / (self.rate * self.time_base)))
        try:
            with open_film(self.path) as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                for index, decoded in enumerate(container.decode(stream)):
                    if last is not None and index >= last:
                        return
                    pts: int | None = decoded.pts
                    if pts is None or (before is not None and pts <= before):  # broken time stamps: the frame stays
                        pts = 0 if before is None else before + step
                    before = pts
                    begin = int(pts) if begin is None else begin
                    if index < first:
                        continue
                    picture = self._upright(decoded)
                    if (picture.width, picture.height) != (self.width, self.height):
                        raise InputError(f"{self.path} changes its size at frame {index}; cut it there first.")
                    seconds = float((pts - begin) * self.time_base)
                    yield FilmFrame(index, pts, seconds, _rgb(picture, self.hdr), picture, self.hdr)
        except (FFmpegError, IndexError) as error:
            raise InputError(f"{self.path} is no film that can be read here ({error}). Give an intact one.") from error

    def _upright(self, decoded: Any) -> Any:
        """The decoded frame in the format that is written, upright."""
        picture = decoded
        if picture.format.name != self.pixel_format:
            picture = picture.reformat(format=self.pixel_format)
        return picture if self.turns == 0 else _turned(picture, self.turns)


def open_footage(path: str | os.PathLike[str]) -> Footage:
    """Look at a film.

    Raises
    ------
    InputError
        No such film, damaged, or of frames too large.
    """
    from av.error import FFmpegError

    if not Path(path).is_file():
        raise InputError(f"There is no film {path}. Check the path.")
    try:
        with open_film(path) as container:
            video = container.streams.video[0]
            first = next(container.decode(video))
            if first.width * first.height > MAX_PIXELS:
                raise InputError(f"{path} has frames of {first.width} x {first.height}; scale it down first.")
            turns = round(first.rotation / 90) % 4
            width, height = (first.width, first.height) if turns % 2 == 0 else (first.height, first.width)
            context = video.codec_context
            rate = Fraction(video.average_rate or video.guessed_rate or 25)
            seconds = float(video.duration * video.time_base) if video.duration else (container.duration or 0) / 1e6
            tracks = tuple(
                (str(stream.type), str(stream.codec_context.name))
                for stream in container.streams
                if stream.type in ("audio", "subtitle") and stream.codec_context is not None
            )
            transfer = int(context.color_trc or 0)
            aspect = Fraction(video.sample_aspect_ratio or 1) or Fraction(1)
            return Footage(
                path=Path(path),
                width=width,
                height=height,
                rate=rate,
                frames=int(video.frames or round(seconds * rate)),
                time_base=Fraction(video.time_base),
                pixel_format=_format(first.format.name, turns),
                turns=turns,
                hdr=_HDR.get(transfer),
                colours=(
                    int(context.color_primaries or 0),
                    transfer,
                    int(context.colorspace or 0),
                    int(context.color_range or 0),
                ),
                tracks=tracks,
                aspect=1 / aspect if turns % 2 else aspect,
            )
    except (FFmpegError, IndexError, StopIteration) as error:
        raise InputError(f"{path} is no film that can be read here ({error}). Give an intact one.") from error


def planes_with(frame: FilmFrame, pixels: Pixels) -> Any:
    """The frame's planes with the pixels of (H, W, 3) ``pixels`` where these differ from the frame's own.

    Chroma that several pixels share is replaced where any of them differs. Returns PyAV's frame; the frame's own where
    nothing differs.
    """
    differs = (pixels != frame.pixels).any(axis=2)
    if not differs.any():
        return frame.picture
    own = frame.picture
    was, now = (_planes(_converted(rgb, own, frame.hdr)) for rgb in (frame.pixels, pixels))
    merged = [_merged(a, b, c, differs) for a, b, c in zip(_planes(own), was, now, strict=True)]
    return _frame(merged, own)


def _converted(pixels: Pixels, like: Any, hdr: str | None) -> Any:
    """(H, W, 3) in the format and the colours of another frame."""
    from av.video.frame import VideoFrame

    if hdr is None:
        plain = cast(Any, VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"))
    else:
        plain = cast(Any, VideoFrame.from_ndarray(hdr_codes(pixels, hdr), format="rgb48le"))
    return plain.reformat(format=like.format.name, dst_colorspace=like.colorspace, dst_color_range=like.color_range)


def _format(name: str, turns: int) -> str:
    kept = _TURNABLE if turns % 2 else _WRITTEN
    if name in kept:
        return name
    return "yuv420p10le" if "10" in name or "12" in name or "16" in name else "yuv420p"


def _rgb(picture: Any, hdr: str | None = None) -> Pixels:
    """(H, W, 3) uint8, by the frame's own matrix and range; HDR tone-mapped."""
    kind = "rgb24" if hdr is None else "rgb48le"
    plain = picture.reformat(format=kind, src_colorspace=picture.colorspace, src_color_range=picture.color_range)
    if hdr is None:
        return np.asarray(plain.to_ndarray(), np.uint8)
    return shown(np.asarray(plain.to_ndarray(), np.uint16), hdr)


def _planes(picture: Any) -> list[npt.NDArray[Any]]:
    """Luma and chroma, (h, w) uint8 or uint16 each, views of the frame's memory."""
    deep = picture.format.components[0].bits > 8
    found: list[npt.NDArray[Any]] = []
    for plane in picture.planes:
        values = np.frombuffer(plane, np.uint16 if deep else np.uint8)
        row = plane.line_size // (2 if deep else 1)
        found.append(values[: row * plane.height].reshape(plane.height, row)[:, : plane.width])
    return found


def _merged(
    own: npt.NDArray[Any], was: npt.NDArray[Any], now: npt.NDArray[Any], differs: npt.NDArray[np.bool_]
) -> npt.NDArray[Any]:
    """A plane, changed by as much as from ``was`` to ``now`` where any pixel that a sample stands for differs: what the
    way to RGB and back rounds is in both, and cancels."""
    down, across = -(-differs.shape[0] // own.shape[0]), -(-differs.shape[1] // own.shape[1])
    padded = np.zeros((own.shape[0] * down, own.shape[1] * across), np.bool_)
    padded[: differs.shape[0], : differs.shape[1]] = differs
    where = padded.reshape(own.shape[0], down, own.shape[1], across).any(axis=(1, 3))
    moved = own.astype(np.int32) + now - was
    return np.where(where, np.clip(moved, 0, 255 if own.itemsize == 1 else 1023), own).astype(own.dtype)


def _turned(picture: Any, turns: int) -> Any:
    return _frame([np.rot90(plane, turns) for plane in _planes(picture)], picture)


def _frame(planes: list[npt.NDArray[Any]], like: Any) -> Any:
    """A PyAV frame of these planes, with the colours of another."""
    from av.video.frame import VideoFrame

    height, width = planes[0].shape
    made = cast(Any, VideoFrame(width, height, like.format.name))
    for plane, values in zip(made.planes, planes, strict=True):
        row = plane.line_size // values.itemsize
        buffer = np.zeros((plane.buffer_size // plane.line_size, row), values.dtype)
        buffer[: values.shape[0], : values.shape[1]] = values
        plane.update(buffer.tobytes())
    made.colorspace, made.color_range = like.colorspace, like.color_range
    return made
