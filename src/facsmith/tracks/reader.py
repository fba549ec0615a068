"""A track's file, row by row: nothing of it is held but one row and the resampled curves."""

import csv
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np

from facsmith.errors import InputError, TimelineError
from facsmith.timeline import MAX_SECONDS, Timeline
from facsmith.tracks._table import number, open_rows
from facsmith.tracks.layouts import Layout, layout
from facsmith.tracks.options import TrackOptions
from facsmith.tracks.resample import Resampler, from_rest, to_timeline

__all__ = ["read_track"]

_LEARNED_FROM = 20_000  # rows looked at to learn a timecode's rate
_RATES = (24, 25, 30, 48, 50, 60, 100, 120, 240)
_DEFAULT_RATE = 60
_MOST_FACES = 1000  # in one picture
_DAY = 86_400.0
_TIMECODE = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})[:;](\d{1,3}(?:\.\d{1,9})?)")


def read_track(path: str | os.PathLike[str], *, options: TrackOptions | None = None) -> Timeline:
    """Read a CSV of OpenFace, LibreFace, py-feat or ARKit, MediaPipe blendshapes in JSON, or a YAML timeline.

    The file is streamed; at most an hour of it becomes the Timeline, whose ``notes`` say what was left out or bridged.

    Raises
    ------
    TimelineError
        No such file, columns of no known kind, a number that is none, NaN, a time that is negative or does not grow,
        fewer than two usable rows; the message says where.
    """
    file = Path(path)
    if not file.is_file():
        raise TimelineError(f"There is no track {path}. Check the path.")
    if file.suffix.lower() in (".yaml", ".yml"):
        return Timeline.from_yaml(file)
    options = options or TrackOptions()
    try:
        return _read(file, options)
    except UnicodeDecodeError as error:
        raise TimelineError(f"{file.name} is no text in UTF-8 or UTF-16; give a CSV file.") from error
    except csv.Error as error:
        raise TimelineError(
            f"{file.name} is no CSV file ({error}); give a track of OpenFace, py-feat or ARKit."
        ) from error
    except InputError as error:
        raise TimelineError(f"{file.name}: {error}") from error


def _read(file: Path, options: TrackOptions) -> Timeline:
    with open_rows(file) as reader:
        header = next(reader, None)
        if header is None:
            raise TimelineError("it is empty; give a CSV file with a header.")
        plan = layout(header, min_confidence=options.min_confidence)
        clock, notes = _clock(plan, file, options)
        resampler = Resampler(len(plan.columns), options.fps)
        left_out = _stream(reader, plan, clock, options, resampler)
    notes += left_out.notes(resampler.rows)
    seconds, values = resampler.points()
    curves = plan.decode({column.name: values[:, index] for index, column in enumerate(plan.columns)})
    values = np.column_stack([*curves.values()])
    if plan.probabilities:
        values, said = from_rest(values, [au for au, _ in curves])
        notes.append(said)
    return to_timeline(
        seconds,
        values,
        [*curves],
        fps=options.fps,
        until=resampler.last,
        smoothing=options.smoothing,
        notes=(*plan.notes, *notes),
    )


def _stream(
    reader: Iterator[list[str]],
    plan: Layout,
    clock: Callable[[str], float],
    options: TrackOptions,
    resampler: Resampler,
) -> "_LeftOut":
    """Feed the usable rows inside the asked part to the resampler; returns what was not played as it stands."""
    begin: float | None = None
    before = -math.inf
    face: str | None = None
    days = 0.0
    left_out = _LeftOut()
    for line, row in _one_face_a_time(reader, plan, left_out):
        if plan.face is not None and plan.face < len(row):
            face = row[plan.face] if face is None else face
            if row[plan.face] != face:
                left_out.faces += 1  # another person in the same picture
                continue
        if plan.time >= len(row):
            raise TimelineError(f"row {line} has {len(row)} columns; its time would be in column {plan.time + 1}.")
        now = _seconds(clock, row[plan.time], line)
        if plan.clock == "timecode":
            if now + days < before - _DAY / 2:
                days += _DAY  # over midnight
            now += days
            left_out.equal += now == before
        if now <= before and not (plan.clock == "timecode" and now == before):
            raise TimelineError(f"row {line} is at {now:g} s, after one at {before:g} s; give rows whose time grows.")
        before = now
        begin = now if begin is None else begin
        seconds = now - begin - options.start
        if seconds < -1e-9:
            continue
        if options.seconds is not None and seconds > options.seconds + 1e-9:
            break
        if seconds > MAX_SECONDS:
            raise TimelineError(f"it lasts longer than {MAX_SECONDS:g} s; read a part of it: a start and its seconds.")
        if _usable(plan, row, line):
            resampler.add(max(seconds, 0.0), _numbers(plan, row, line))
        else:
            left_out.unusable += 1
    return left_out


@dataclass
class _LeftOut:
    """Rows that were not played as they stand: of no face, of other faces, of the time of the row before."""

    unusable: int = 0
    faces: int = 0
    equal: int = 0

    def notes(self, used: int) -> list[str]:
        """What the user should know. used: rows that were played."""
        said: list[str] = []
        if self.unusable:
            total = self.unusable + used
            said.append(
                f"{self.unusable} of the track's {total} rows are marked unsuccessful or hold no face: left out."
            )
        if self.faces:
            said.append(f"{self.faces} rows are of other faces than the one that is followed: left out.")
        if self.equal:
            said.append(f"{self.equal} rows have the timecode of the row before; such rows are averaged.")
        return said


def _one_face_a_time(reader: Iterator[list[str]], plan: Layout, left_out: _LeftOut) -> Iterator[tuple[int, list[str]]]:
    """Rows with their line numbers, without empty ones; where only sizes tell faces apart, the largest of a time."""
    rows = ((line, row) for line, row in enumerate(reader, 2) if row and not (len(row) == 1 and not row[0].strip()))
    if plan.face is not None or not plan.size:
        yield from rows
        return

    def size(numbered: tuple[int, list[str]]) -> float:
        cells = [numbered[1][column] if column < len(numbered[1]) else "" for column in plan.size]
        try:
            found = math.prod(number(cell) for cell in cells)
        except ValueError:
            return 0.0
        return found if math.isfinite(found) else 0.0

    for _, group in groupby(rows, lambda numbered: "".join(numbered[1][plan.time : plan.time + 1])):
        same = list(islice(group, _MOST_FACES))
        left_out.faces += len(same) - 1
        yield max(same, key=size)


def _usable(plan: Layout, row: list[str], line: int) -> bool:
    for column, least in plan.flags:
        if column >= len(row) or not _number(row[column], line, column) >= least:
            return False
    if plan.kind != "py-feat" and not plan.size:
        return True
    # Where it found no face, py-feat leaves every number of the row out.
    cells = (row[column.index].strip().lower() for column in plan.columns if column.index < len(row))
    return any(cell not in ("", "nan") for cell in cells)


def _numbers(plan: Layout, row: list[str], line: int) -> list[float]:
    if len(row) < plan.width:
        raise TimelineError(f"row {line} has {len(row)} columns; the header promises {plan.width} or more.")
    return [column.scale * _finite(row[column.index], line, column.index) for column in plan.columns]


def _finite(cell: str, line: int, column: int) -> float:
    number = _number(cell, line, column)
    if not math.isfinite(number):
        raise TimelineError(f"row {line}, column {column + 1} is {cell.strip()[:20]}; mark such rows with success 0.")
    return number


def _number(cell: str, line: int, column: int) -> float:
    try:
        return number(cell)
    except ValueError:
        raise TimelineError(f"row {line}, column {column + 1} is {cell.strip()[:20]!r}, not a number.") from None


def _seconds(clock: Callable[[str], float], cell: str, line: int) -> float:
    try:
        seconds = clock(cell.strip())
    except ValueError as error:
        reason = str(error) if isinstance(error, InputError) else "it is not a number"
        raise TimelineError(f"row {line} has the time {cell.strip()[:30]!r}: {reason}.") from None
    if not (math.isfinite(seconds) and seconds >= 0):
        raise TimelineError(f"row {line} is at {seconds:g} s; times are 0 or more.")
    return seconds


def _clock(plan: Layout, file: Path, options: TrackOptions) -> tuple[Callable[[str], float], list[str]]:
    """What turns a cell into seconds, and what the user should know of it."""
    if plan.clock == "seconds":
        return number, []
    if plan.clock == "milliseconds":
        return lambda cell: number(cell) / 1000, []
    if plan.clock == "frames":
        rate = options.source_fps
        if rate is None:
            raise TimelineError(
                "it counts frames and gives no seconds; say how many frames a second its video has (--track-fps 30)."
            )
        return lambda cell: number(cell) / rate, []
    if options.source_fps is not None:
        return _timecode(options.source_fps), []
    rate, sure = _timecode_rate(plan, file)
    how = "its timecodes are" if sure else "it is too short to tell, so its timecodes are taken as"
    return _timecode(rate), [f"The track gives no frame rate; {how} {rate} frames a second (else: --track-fps)."]


def _timecode(rate: float) -> Callable[[str], float]:
    def seconds(cell: str) -> float:
        hours, minutes, whole, frames = _parts(cell)
        if frames >= math.ceil(rate):
            raise TimelineError(f"frame {frames:g} does not exist at {rate:g} frames a second; give its rate")
        return hours * 3600 + minutes * 60 + whole + frames / rate

    return seconds


def _parts(cell: str) -> tuple[int, int, int, float]:
    match = _TIMECODE.fullmatch(cell)
    if match is None:
        raise TimelineError("a timecode reads HH:MM:SS:FF.mmm")
    return int(match[1]), int(match[2]), int(match[3]), float(match[4])


def _timecode_rate(plan: Layout, file: Path) -> tuple[int, bool]:
    """The smallest usual rate that has all frame numbers; sure where a whole second was seen."""
    highest, wholes = 0, set[tuple[int, int, int]]()
    with open_rows(file) as reader:
        next(reader, None)
        for line, row in enumerate(reader, 2):
            if line > _LEARNED_FROM:
                break
            if plan.time < len(row) and row[plan.time].strip():
                try:
                    *whole, frames = _parts(row[plan.time].strip())
                except TimelineError as error:
                    raise TimelineError(f"row {line} has the time {row[plan.time][:30]!r}: {error}.") from None
                highest = max(highest, int(frames))
                wholes.add((int(whole[0]), int(whole[1]), int(whole[2])))
    if len(wholes) < 3:  # the first and the last second may be cut
        return max(
            _DEFAULT_RATE, *(r for r in _RATES if r > highest)
        ) if highest >= _DEFAULT_RATE else _DEFAULT_RATE, False
    return next((rate for rate in _RATES if rate > highest), highest + 1), True
