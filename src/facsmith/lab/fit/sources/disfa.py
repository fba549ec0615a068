"""DISFA as its holders have it (Mavadati et al. 2013): 27 subjects, two videos each, every frame coded for 12 AUs, 0
to 5.

Layout: ``ActionUnit_Labels/SN001/SN001_au1.txt`` with a line ``frame,intensity`` per frame, frames from 1; and videos
anywhere below the folder whose names hold ``LeftVideoSN001`` or ``RightVideoSN001``. Frames are read from the videos as
they are decoded; nothing is extracted to disk.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from facsmith import video
from facsmith._types import Array
from facsmith.errors import InputError
from facsmith.facs import DISFA
from facsmith.lab.fit.sources.types import Item, Portion, everything

__all__ = ["DISFAOptions", "DISFASource"]


_LABELS: Final = "ActionUnit_Labels"
_VIDEO: Final = re.compile(r"(left|right)video_?(sn\d{3})", re.IGNORECASE)
_FILMS: Final = {".avi", ".mp4", ".mov", ".mkv", ".wmv", ".mpg"}
_MAX_LABEL_BYTES: Final = 4 << 20
_FULL: Final = 5.0


@dataclass(frozen=True)
class DISFAOptions:
    """Which frames of DISFA are used.

    Parameters
    ----------
    threshold
        DISFA intensity (1 to 5) from which a frame shows an AU; 4 as in the paper.
    active, neutral
        Largest number of frames per subject and AU, and of neutral ones per subject, so that no subject outweighs
        another; spread over the whole video, as neighbours are one and the same face.
    camera
        The camera whose videos are read.
    """

    threshold: int = 4
    active: int = 12
    neutral: int = 40
    camera: Literal["left", "right", "both"] = "both"

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= 5 or min(self.active, self.neutral) < 1:
            raise InputError(
                f"DISFA intensities are 1 to 5 and counts 1 or more; got threshold {self.threshold}, active "
                f"{self.active}, neutral {self.neutral}."
            )
        if self.camera not in ("left", "right", "both"):
            raise InputError(f"There is no camera {self.camera!r}; choose left, right or both.")


class _Video(NamedTuple):
    """frames: (n,) indices from 0, ascending, that are taken. labels: (n, 12) their intensities in [0, 1]. folder: of
    the label files."""

    path: Path
    folder: Path
    subject: str
    frames: npt.NDArray[np.intp]
    labels: Array


class DISFASource:
    """A source (`lab.fit.sources`) over a folder of DISFA. Persons are the subjects, so whole subjects are held
    out."""

    notes: tuple[str, ...] = ()

    def __init__(self, root: str | Path, options: DISFAOptions | None = None) -> None:
        self._options = options or DISFAOptions()
        self._videos = self._planned(Path(root))

    def __len__(self) -> int:
        return sum(len(one.frames) for one in self._videos)

    @property
    def subjects(self) -> tuple[str, ...]:
        """SN001 and so on."""
        return tuple(sorted({one.subject for one in self._videos}))

    def portions(self) -> Iterator[Portion]:
        """See `Source.portions`: a video each."""
        first = 0
        for one in self._videos:
            yield Portion(first, first + len(one.frames), (one.path, *_label_files(one.folder, one.subject)))
            first += len(one.frames)

    def items(self, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """See `Source.items`."""
        first, end = 0, len(self) if stop is None else stop
        for one in self._videos:
            places = {
                int(frame): place for place, frame in enumerate(one.frames, first) if start <= place < end
            }  # frame -> place
            last = max(places, default=-1)
            for frame in video.stream(one.path, wanted=places.__contains__) if places else ():
                place = places.pop(frame.index)
                name = f"{one.path.name} frame {frame.index + 1}"
                yield Item(place, one.labels[place - first], one.subject, image=frame.pixels, name=name)
                if frame.index >= last:
                    break
            for number, place in places.items():  # the video has ended before
                yield Item(place, one.labels[place - first], one.subject, name=f"{one.path.name} frame {number + 1}")
            first += len(one.frames)

    def selection(self) -> Callable[[Array], bool]:
        """See `Source.selection`."""
        return everything

    def _planned(self, root: Path) -> list[_Video]:
        films = _films(root, self._options.camera)
        planned: list[_Video] = []
        for subject in sorted(films):
            folder = root / _LABELS / subject
            labels = _labels(folder, subject)
            frames = _balanced(labels, self._options)
            shown = labels[frames] / _FULL
            planned += [_Video(path, folder, subject, frames, shown) for path in films[subject] if len(frames)]
        if not planned:
            raise InputError(
                f"None of the subjects in {root} shows a frame that is neutral or of intensity 4; check it."
            )
        return planned


def _films(root: Path, camera: str) -> dict[str, list[Path]]:
    if not (root / _LABELS).is_dir():
        raise InputError(f"{root} is no DISFA folder: {_LABELS}/ is missing. Give the folder that holds it.")
    films: dict[str, list[Path]] = {}
    for path in sorted(path for path in root.rglob("*") if path.suffix.lower() in _FILMS):
        named = _VIDEO.search(path.name)
        if named and (camera == "both" or named[1].lower() == camera):
            films.setdefault(named[2].upper(), []).append(path)
    if not films:
        raise InputError(
            f"{root} holds no videos of the {camera} camera; their names hold LeftVideoSN001 or RightVideoSN001."
        )
    return films


def _label_files(folder: Path, subject: str) -> tuple[Path, ...]:
    return tuple(folder / f"{subject}_au{au}.txt" for au in DISFA)


def _labels(folder: Path, subject: str) -> Array:
    """(frames, 12) intensities 0 to 5."""
    columns = [_column(path) for path in _label_files(folder, subject)]
    frames = min(len(column) for column in columns)  # 4,844 or 4,845
    return np.stack([column[:frames] for column in columns], axis=1)


def _column(path: Path) -> Array:
    try:
        if path.stat().st_size > _MAX_LABEL_BYTES:
            raise InputError(f"{path} is larger than any label file of DISFA; is it one?")
        lines = path.read_text(encoding="ascii").split()
        pairs = [line.split(",") for line in lines]
        numbers = {int(frame): int(level) for frame, level in pairs}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no label file of DISFA ({error}): lines are frame,intensity.") from error
    if sorted(numbers) != list(range(1, len(numbers) + 1)) or not all(0 <= level <= 5 for level in numbers.values()):
        raise InputError(f"{path}: frames are counted from 1 without a gap and intensities are 0 to 5; these are not.")
    return np.array([numbers[frame] for frame in sorted(numbers)], dtype=np.float64)


def _balanced(labels: Array, options: DISFAOptions) -> npt.NDArray[np.intp]:
    """Rows to take: per AU the active ones, and neutral ones, each spread evenly over what there is."""
    taken = set(_spread(np.flatnonzero(labels.max(axis=1) == 0), options.neutral))
    for column in labels.T:
        taken |= set(_spread(np.flatnonzero(column >= options.threshold), options.active))
    return np.array(sorted(taken), dtype=np.intp)


def _spread(rows: npt.NDArray[np.intp], count: int) -> list[int]:
    if len(rows) <= count:
        return rows.tolist()
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(int)].tolist()
