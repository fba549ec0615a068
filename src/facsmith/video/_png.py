"""Folders of PNGs, and what Pillow reads back: PNG, GIF, WebP."""

import os
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin

from facsmith._types import Pixels
from facsmith.errors import InputError, OutputError
from facsmith.image import from_lines, png_text

__all__ = ["animation_metadata", "metadata", "read", "read_animation", "write"]


_FRAME = re.compile(r"frame_\d{5,}\.png")


def write(folder: Path, frames: Iterator[Pixels], fps: Fraction, metadata: Mapping[str, str]) -> int:
    """frame_00000.png and so on, lossless; the fps is stored as text in each."""
    chunks = png_text({**metadata, "fps": str(float(fps))})
    count = 0
    with _atomic_folder(folder) as temporary:
        for frame in frames:
            Image.fromarray(frame).save(temporary / f"frame_{count:05d}.png", pnginfo=chunks, compress_level=4)
            count += 1
    return count


def read(folder: Path) -> Iterator[Pixels]:
    """Yield (H, W, 3) frames in order."""
    for path in _frames(folder):
        with Image.open(path) as picture:
            yield np.array(picture.convert("RGB"), np.uint8)


def metadata(folder: Path) -> dict[str, str]:
    """The text of the first frame."""
    with Image.open(_frames(folder)[0]) as picture:
        text = picture.text if isinstance(picture, PngImagePlugin.PngImageFile) else {}
        return {key.lower(): str(value) for key, value in text.items() if key != "XML:com.adobe.xmp"}


def read_animation(path: Path) -> Iterator[Pixels]:
    """Yield the (H, W, 3) frames of a GIF or WebP."""
    try:
        with Image.open(path, formats=("GIF", "WEBP")) as picture:
            for index in range(getattr(picture, "n_frames", 1)):
                picture.seek(index)
                yield np.array(picture.convert("RGB"), np.uint8)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path} is no film that can be read here ({error}). Give an intact GIF or WebP.") from error


def animation_metadata(path: Path) -> dict[str, str]:
    """The text of a GIF's comment or of a WebP's EXIF block."""
    try:
        with Image.open(path, formats=("GIF", "WEBP")) as picture:
            comment = picture.info.get("comment", b"")
            described = comment.decode("ascii", "replace") or picture.getexif().get(ExifTags.Base.ImageDescription, "")
            return from_lines(described)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path} is no film that can be read here ({error}). Give an intact GIF or WebP.") from error


def _frames(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if _FRAME.fullmatch(path.name))
    if not found:
        raise InputError(f"There is no frame_00000.png in {folder}. Give a folder that facsmith wrote.")
    return found


@contextmanager
def _atomic_folder(folder: Path) -> Generator[Path]:
    """Yield a temporary folder beside ``folder`` that takes its place when the block succeeds.

    A folder that holds frames and nothing else is replaced; any other content is never touched.
    """
    temporary: Path | None = None
    try:
        if folder.exists() and any(not _FRAME.fullmatch(entry.name) for entry in folder.iterdir()):
            raise OutputError(f"{folder} holds other files than frames. Name a new or empty folder.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        os.chmod(temporary, 0o755)
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    except OSError as error:
        raise OutputError(
            f"Could not write {folder}: {error.strerror or error}. Choose a folder you can write to, with free space."
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
