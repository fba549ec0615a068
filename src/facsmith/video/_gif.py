"""GIF with one palette for the whole film, its container written here: Pillow's writer wants all frames at once.

The palette must have seen every frame (teeth and the dark mouth come late), so the frames wait in a temporary file.
Dithering is ordered: a pixel that stays, stays the same colour; error diffusion would make a still background crawl.
"""

import tempfile
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import GifImagePlugin, Image

from facsmith._types import Pixels
from facsmith.errors import InputError
from facsmith.image import as_lines
from facsmith.synthetic import KEY, packet
from facsmith.video._timing import changed, durations

__all__ = ["write"]


_COLOURS = 256
_SAMPLES = 4096  # pixels of each frame that the palette sees
_MEMORY = 64 << 20  # bytes of frames held before they go to the disk
_LARGEST = 1 << 16


def write(path: Path, frames: Iterator[Pixels], fps: Fraction, metadata: Mapping[str, str]) -> int:
    """Two passes: the first stores the frames and samples their colours, the second encodes."""
    if fps > 50:
        raise InputError(
            f"GIF shows at most 50 frames a second; given: {float(fps):g}. Give a lower fps, or write an .mp4."
        )
    with tempfile.SpooledTemporaryFile(max_size=_MEMORY) as store, open(path, "wb") as file:
        samples: list[Pixels] = []
        shape = (0, 0, 3)
        for frame in frames:
            shape = frame.shape
            step = max(1, int(np.sqrt(frame.size / 3 / _SAMPLES)))
            samples.append(np.array(frame[step // 2 :: step, step // 2 :: step]).reshape(-1, 3))
            store.write(frame.tobytes())
        height, width = shape[:2]
        if max(height, width) >= _LARGEST:
            raise InputError(f"GIF holds at most 65535 pixels a side; given: {width} x {height}. Write an .mp4.")

        palette = _palette(np.concatenate(samples))
        indexed = _Indexer(palette, (height, width))
        file.write(_header(palette, (height, width), as_lines(metadata)))
        file.write(_xmp(packet(metadata[KEY])))
        store.seek(0)
        before: Pixels | None = None
        for _, hundredths in zip(samples, durations(fps, 100), strict=False):
            indices = indexed(np.frombuffer(store.read(height * width * 3), np.uint8).reshape(shape))
            top, left, bottom, right = changed(indices, before)
            picture = Image.fromarray(indices[top:bottom, left:right])
            picture.putpalette(palette.tobytes())
            for part in GifImagePlugin.getdata(picture, (left, top), duration=10 * hundredths):
                file.write(part)
            before = indices
        file.write(b";")
    return len(samples)


def _palette(pixels: Pixels) -> Pixels:
    """pixels: (N, 3). Returns (256, 3): median cut, refined by k-means."""
    picture = Image.fromarray(pixels[None])
    chosen = picture.quantize(_COLOURS, Image.Quantize.MEDIANCUT, kmeans=1).getpalette() or []
    full = np.zeros(3 * _COLOURS, np.uint8)
    full[: len(chosen)] = chosen[: 3 * _COLOURS]
    return full.reshape(_COLOURS, 3)


class _Indexer:
    """Frame -> palette indices through a 64 x 64 x 64 table, with ordered (Bayer 8 x 8) dithering."""

    def __init__(self, palette: Pixels, size: tuple[int, int]) -> None:
        level = np.arange(64, dtype=np.uint8) * 4 + 2
        cube = np.stack(np.meshgrid(level, level, level, indexing="ij"), axis=-1)
        holder = Image.new("P", (1, 1))
        holder.putpalette(palette.tobytes())
        looked_up = Image.fromarray(cube.reshape(512, 512, 3)).quantize(palette=holder, dither=Image.Dither.NONE)
        self._table = np.asarray(looked_up, np.uint8).ravel()
        apart = np.linalg.norm(palette[:, None].astype(np.float32) - palette[None], axis=-1)
        apart[apart == 0] = np.inf
        spread = float(np.clip(np.median(apart.min(axis=1)) / np.sqrt(3), 0, 16))
        tiled = np.tile(_bayer(3), (-(-size[0] // 8), -(-size[1] // 8)))[: size[0], : size[1], None]
        self._offset = np.rint((tiled - 0.5) * spread).astype(np.int16)

    def __call__(self, frame: Pixels) -> Pixels:
        dithered = np.clip(frame + self._offset, 0, 255).astype(np.int32) >> 2
        return self._table[(dithered[..., 0] << 12) | (dithered[..., 1] << 6) | dithered[..., 2]]


def _bayer(order: int) -> npt.NDArray[np.float32]:
    """(2^order, 2^order) thresholds in (0, 1), each once."""
    matrix = np.zeros((1, 1))
    for _ in range(order):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return ((matrix + 0.5) / matrix.size).astype(np.float32)


def _xmp(text: bytes) -> bytes:
    """The packet unblocked, as XMP wants it in GIF; the 258 bytes behind it lead readers of blocks to the end."""
    return b"!\xff\x0bXMP DataXMP" + text + b"\x01" + bytes(range(255, -1, -1)) + b"\0"


def _header(palette: Pixels, size: tuple[int, int], comment: str) -> bytes:
    height, width = size
    screen = width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\xf7\0\0"  # 256 colours, shared
    loop = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"  # for ever
    text = comment.encode("ascii", "replace")
    blocks = b"".join(bytes([len(text[i : i + 255])]) + text[i : i + 255] for i in range(0, len(text), 255))
    return b"GIF89a" + screen + palette.tobytes() + loop + b"!\xfe" + blocks + b"\0"
