"""A table of AUs by another program, with the pictures it describes: OpenFace 2 or py-feat CSV.

OpenFace: ``AU12_r`` from 0 to 5; rows with ``success`` 0 or ``confidence`` below .8 are skipped. py-feat: ``AU12``
holds probabilities, which are taken as intensities with a note. Pictures: a column ``input``, ``image``, ``file``,
``filename`` or ``name`` names them, relative to the table's folder; else ``frame`` counts, from 1, the frames of the
film or the sorted pictures of the folder that stands beside the table under its own name.
"""

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from facsmith import image, video
from facsmith._types import Array
from facsmith.errors import InputError, PhotoError
from facsmith.facs import DISFA
from facsmith.lab.fit.sources.types import MANY, SOME, Item, Portion, everything, portions, readable

__all__ = ["TableOptions", "TableSource"]


_NAMES: Final = ("input", "image", "file", "filename", "name")
_PEOPLE: Final = ("person", "subject", "identity")
_FILMS: Final = (".mp4", ".avi", ".mov", ".mkv")
_MAX_ROWS: Final = 5_000_000
_FULL: Final = 5.0


@dataclass(frozen=True)
class TableOptions:
    """Which rows of a table of AUs are used.

    Parameters
    ----------
    confidence
        Rows with an OpenFace confidence below this are skipped.
    neutral
        Intensities below count as 0, which estimates never quite reach.
    """

    confidence: float = 0.8
    neutral: float = 0.1

    def __post_init__(self) -> None:
        if not (0 <= self.confidence <= 1 and 0 <= self.neutral < 1):
            raise InputError("confidence lies in [0, 1] and neutral in [0, 1); the given ones do not.")


@dataclass(frozen=True)
class _Row:
    au: Array
    person: str
    picture: Path | None
    frame: int | None


class TableSource:
    """A source (`lab.fit.sources`) over one CSV."""

    def __init__(self, path: str | Path, options: TableOptions | None = None) -> None:
        self._path = Path(path)
        self._options = options or TableOptions()
        self._rows, self._skipped, self._probabilities = self._read()
        self._film = None if all(row.picture for row in self._rows) else self._frames()
        folder = self._film if self._film is not None and self._film.is_dir() else None
        self._pictures = [] if folder is None else _pictures(folder)
        if not self._rows:
            raise InputError(f"{path} has no usable row: {self._skipped} failed, or were unsure, by their own account.")

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Source.notes`."""
        notes: list[str] = []
        if self._probabilities:
            notes.append(
                f"{self._path.name} holds probabilities of AUs (py-feat), not intensities: boundaries fitted to them "
                "tell whether an AU shows, and their scale is only as good as that."
            )
        if self._skipped:
            notes.append(f"{self._skipped} rows of {self._path.name} were skipped: no success, or little confidence.")
        return tuple(notes)

    def __len__(self) -> int:
        return len(self._rows)

    def portions(self) -> Iterator[Portion]:
        """See `Source.portions`."""
        if self._film is not None and self._film.is_file():
            yield from portions(len(self), MANY, (self._path, self._film))
            return
        for run in portions(len(self), SOME):
            found = (self._picture(row) for row in self._rows[run.start : run.stop])
            files = readable(path for path in found if path is not None)
            yield run._replace(files=(self._path, *files))

    def items(self, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """See `Source.items`."""
        end = len(self) if stop is None else stop
        if self._film is not None and self._film.is_file():
            yield from self._film_items(self._film, start, end)
            return
        for index in range(start, end):
            row, path = self._rows[index], self._picture(self._rows[index])
            try:
                pixels = None if path is None else image.read(path)
            except PhotoError:
                pixels = None  # gone, or damaged
            name = f"frame {row.frame}" if path is None else path.name
            yield Item(index, row.au, row.person, image=pixels, name=name)

    def selection(self) -> Callable[[Array], bool]:
        """See `Source.selection`."""
        return everything

    def _picture(self, row: _Row) -> Path | None:
        """Of a row that no film shows."""
        if row.picture is None and row.frame is not None and 1 <= row.frame <= len(self._pictures):
            return self._pictures[row.frame - 1]
        return row.picture

    def _film_items(self, film: Path, start: int, end: int) -> Iterator[Item]:
        at: dict[int, list[int]] = {}
        left = {index: self._rows[index] for index in range(start, end)}
        for index, row in left.items():
            if row.frame is not None:
                at.setdefault(row.frame - 1, []).append(index)
        last = max(at, default=-1)
        for shown in video.stream(film, wanted=at.__contains__) if at else ():
            for index in at[shown.index]:
                row = left.pop(index)
                yield Item(index, row.au, row.person, image=shown.pixels, name=f"frame {row.frame}")
            if shown.index >= last:
                break
        for index, row in left.items():  # the film has ended before
            yield Item(index, row.au, row.person, name=f"frame {row.frame}")

    def _read(self) -> tuple[list[_Row], int, bool]:
        rows: list[_Row] = []
        skipped = 0
        try:
            with self._path.open(newline="", encoding="utf-8-sig") as file:
                table = csv.reader(file)
                head = {name.strip(): place for place, name in enumerate(next(table, list[str]()))}
                columns, probabilities = _au_columns(head, self._path)
                for cells in table:
                    if len(rows) + skipped >= _MAX_ROWS:
                        raise InputError(f"{self._path} has more than {_MAX_ROWS} rows; split it.")
                    row = self._row(cells, head, columns, scale=1.0 if probabilities else _FULL)
                    if row is None:
                        skipped += 1
                    else:
                        rows.append(row)
        except (OSError, csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"{self._path} is no readable CSV ({error}); give OpenFace's or py-feat's.") from error
        return rows, skipped, probabilities

    def _row(self, cells: list[str], head: dict[str, int], columns: list[int | None], *, scale: float) -> _Row | None:
        def number(name: str, default: float) -> float:
            return _number(cells, head.get(name), default)

        if number("success", 1.0) < 1 or number("confidence", 1.0) < self._options.confidence:
            return None
        values = np.array([_number(cells, column, 0.0) for column in columns]) / scale
        if not np.isfinite(values).all():
            return None
        values = np.clip(values, 0.0, 1.0)
        named = next((head[name] for name in _NAMES if name in head), None)
        picture = None if named is None or named >= len(cells) else self._inside(cells[named].strip())
        who = next((head[name] for name in _PEOPLE if name in head), None)
        frame = None if "frame" not in head else int(number("frame", 0.0))
        person = cells[who].strip() if who is not None and who < len(cells) else ""
        if not person:  # a film is one person, a picture one of its own
            person = str(picture) if picture is not None else self._path.stem
        return _Row(np.where(values < self._options.neutral, 0.0, values), person, picture, frame)

    def _inside(self, name: str) -> Path | None:
        return self._path.parent / name if name else None

    def _frames(self) -> Path:
        beside = self._path.with_suffix("")
        for candidate in (beside, *(beside.with_suffix(suffix) for suffix in _FILMS)):
            if candidate.exists():
                return candidate
        raise InputError(
            f"{self._path} names no pictures: give it a column `input`, or put the film or the folder of frames beside "
            f"it as {beside.name}.mp4 or {beside.name}/."
        )


def _au_columns(head: dict[str, int], path: Path) -> tuple[list[int | None], bool]:
    """Where each of the twelve is, and whether they are py-feat's probabilities."""
    for suffix, probabilities in (("_r", False), ("", True)):
        columns = [head.get(f"AU{au:02d}{suffix}") for au in DISFA]
        if any(column is not None for column in columns):
            return columns, probabilities
    raise InputError(f"{path} has no column of AUs; OpenFace's are AU12_r, py-feat's AU12.")


def _number(cells: list[str], column: int | None, default: float) -> float:
    if column is None or column >= len(cells):
        return default
    try:
        return float(cells[column])
    except ValueError:
        return math.nan


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in image.PHOTO_SUFFIXES)
