"""Animated WebP, its container written here: Pillow's writer wants all frames at once.

Layout (WebP container specification): RIFF, VP8X (canvas and flags), ANIM (loop), one ANMF a frame, EXIF, XMP. A frame
holds only the rectangle that changed, so what is still stays still, bit for bit.
"""

import io
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

from PIL import Image

from facsmith._types import Pixels
from facsmith.errors import InputError
from facsmith.image import exif
from facsmith.synthetic import KEY, packet
from facsmith.video._timing import changed, durations

__all__ = ["write"]


_ANIMATED, _HAS_XMP, _HAS_EXIF, _HAS_ALPHA = 0x02, 0x04, 0x08, 0x10
_STILL = (b"ALPH", b"VP8 ", b"VP8L")  # chunks of a still picture that a frame holds
_LARGEST = 1 << 14


def write(path: Path, frames: Iterator[Pixels], fps: Fraction, metadata: Mapping[str, str]) -> int:
    """Encode as the frames come."""
    before: Pixels | None = None
    count = 0
    with open(path, "wb") as file:
        for frame, milliseconds in zip(frames, durations(fps, 1000), strict=False):
            if before is None:
                height, width = frame.shape[:2]
                if max(height, width) >= _LARGEST:
                    raise InputError(
                        f"WebP holds at most 16383 pixels a side; given: {width} x {height}. Write an .mp4."
                    )
                transparent = _HAS_ALPHA if frame.shape[2] == 4 else 0
                flags = bytes([_ANIMATED | _HAS_EXIF | _HAS_XMP | transparent, 0, 0, 0])
                file.write(b"RIFF" + bytes(4) + b"WEBP")
                file.write(_chunk(b"VP8X", flags + _int24(width - 1) + _int24(height - 1)))
                file.write(_chunk(b"ANIM", bytes([255, 255, 255, 255]) + bytes(2)))  # white; loop for ever
            file.write(_frame(frame, before, milliseconds))
            before = frame.copy()  # who made it may reuse its memory
            count += 1
        file.write(_chunk(b"EXIF", exif(metadata)))
        file.write(_chunk(b"XMP ", packet(metadata[KEY])))
        size = file.tell() - 8
        file.seek(4)
        file.write(size.to_bytes(4, "little"))
    return count


def _frame(frame: Pixels, before: Pixels | None, milliseconds: int) -> bytes:
    top, left, bottom, right = changed(frame, before)
    top, left = top & ~1, left & ~1  # offsets are stored halved
    encoded = io.BytesIO()
    Image.fromarray(frame[top:bottom, left:right]).save(encoded, "WEBP", quality=90, method=0)
    place = _int24(left // 2) + _int24(top // 2) + _int24(right - left - 1) + _int24(bottom - top - 1)
    replace_and_keep = b"\x02"  # do not blend with, and do not dispose of, what is on the canvas
    still = b"".join(_chunk(name, data) for name, data in _chunks(encoded.getvalue()) if name in _STILL)
    return _chunk(b"ANMF", place + _int24(milliseconds) + replace_and_keep + still)


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and data of the chunks behind a WebP's RIFF header."""
    at = 12
    while at + 8 <= len(file):
        size = int.from_bytes(file[at + 4 : at + 8], "little")
        yield file[at : at + 4], file[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)


def _int24(value: int) -> bytes:
    return value.to_bytes(3, "little")
