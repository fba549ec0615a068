"""Writes the files of a battery: stills, films and their mirrored twins, frames, receipts, signatures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facsmith import image, signing, video
from facsmith._types import Pixels
from facsmith.animator import Animator
from facsmith.options import AnimateOptions
from facsmith.receipt import Receipt, receipt_path
from facsmith.stimuli.luminance import Tone
from facsmith.stimuli.norms import Norms
from facsmith.stimuli.stills import PlacedStill
from facsmith.synthetic import provenance

__all__ = ["Files", "Written"]


@dataclass(frozen=True)
class Written:
    """A file that was written.

    Parameters
    ----------
    mirror
        Whether it is the mirrored twin.
    size
        (width, height).
    frames_folder
        Of the same frames as PNGs; empty where there is none.
    """

    name: str
    mirror: bool
    size: tuple[int, int]
    frames: int = 1
    seconds: float = 0.0
    frames_folder: str = ""


class Files:
    """Writes into one folder.

    Parameters
    ----------
    frames
        Also write each film's frames, as a folder of PNGs.
    receipts
        Also write each stimulus's receipt.
    sign_with
        What signs each file; None: nothing is signed.
    """

    def __init__(
        self,
        animator: Animator,
        folder: Path,
        norms: Norms,
        options: AnimateOptions,
        *,
        frames: bool,
        receipts: bool,
        sign_with: signing.Credentials | None,
    ) -> None:
        self._animator, self._folder, self._norms, self._options = animator, folder, norms, options
        self._frames, self._receipts, self._sign_with = frames, receipts, sign_with

    def still(self, still: PlacedStill, shown: Pixels, *, mirror: bool) -> Written:
        """A finished picture (h, w, 3 or 4)."""
        name = f"{still.name}{_suffix(mirror)}.png"
        image.write(self._folder / name, shown, metadata=provenance(still.model, still.source_type))
        self._signed(self._folder / name, still)
        return Written(name, mirror, _size(shown))

    def receipt(self, name: str, receipt: Receipt) -> None:
        """A stimulus's, beside it, where receipts are wanted."""
        if self._receipts:
            receipt.write(receipt_path(self._folder / name))

    def film(self, still: PlacedStill, tone: Tone | None, spool: Path, twins: Sequence[bool]) -> list[Written]:
        """The film and its twin, and their frames; rendered once, its frames kept raw where they are written again."""
        subject = still.person.subject(self._animator, self._options)
        film = self._animator.animate(subject, still.condition.timeline(self._options), options=self._options)
        frame = still.person.frame
        pictures: Iterator[Pixels] = film.frames()
        if self._norms.changes:
            pictures = (frame.finish(frame.place(picture), tone) for picture in pictures)
        several = len(twins) > 1 or self._frames
        kept = _spooled(pictures, spool, len(film)) if several else None
        written: list[Written] = []
        receipt: Receipt | None = None
        for mirror in twins:
            name = f"{still.name}{_suffix(mirror)}"
            source = pictures if kept is None else (kept[:, :, ::-1] if mirror else kept)
            seen = _Sized(source)
            video.write(self._folder / f"{name}.mp4", seen, fps=self._options.fps, metadata=film.metadata)
            self._signed(self._folder / f"{name}.mp4", still)
            if self._receipts:
                receipt = receipt or film.receipt
                self.receipt(f"{name}.mp4", receipt)
            folder = ""
            if self._frames and kept is not None:
                folder = f"{name}_frames"
                shown = kept[:, :, ::-1] if mirror else kept
                video.write(self._folder / folder, shown, fps=self._options.fps, metadata=film.metadata)
                self._signed(self._folder / folder, still)
            written.append(Written(f"{name}.mp4", mirror, seen.size, len(film), film.timeline.duration, folder))
        return written

    def _signed(self, path: Path, still: PlacedStill) -> None:
        if self._sign_with is not None:
            asked = {"condition": still.condition.name, "model": dict(still.model)}
            signing.sign(path, self._sign_with, source_type=still.source_type, asked=asked)


class _Sized:
    """Frames as they pass, and the size of the first: (width, height)."""

    def __init__(self, frames: Any) -> None:
        self._frames, self.size = frames, (0, 0)

    def __iter__(self) -> Iterator[Pixels]:
        for frame in self._frames:
            self.size = _size(frame)
            yield np.ascontiguousarray(frame)


def _spooled(pictures: Iterator[Pixels], spool: Path, count: int) -> npt.NDArray[np.uint8]:
    """The frames on disk, (T, h, w, 3), read as they are needed."""
    first = next(pictures)
    kept = np.lib.format.open_memmap(spool, "w+", np.uint8, (count, *first.shape))
    kept[0] = first
    for index, picture in enumerate(pictures, 1):
        kept[index] = picture
    return kept


def _size(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


def _suffix(mirror: bool) -> str:
    return "_mirror" if mirror else ""
