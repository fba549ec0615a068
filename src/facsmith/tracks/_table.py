"""A track's file as rows of cells: CSV of any delimiter, decimal mark and Unicode encoding, and MediaPipe's JSON."""

import codecs
import csv
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from facsmith._json import is_list, is_record, parse_json
from facsmith.errors import TimelineError

__all__ = ["number", "open_rows"]

_LONGEST_LINE = 1 << 17
_LARGEST_JSON = 64 << 20
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")
_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_TIMES = ("timestamp_ms", "timestampMs", "frame_time_in_ms", "time_ms", "timestamp", "time", "seconds", "frame")
_SHAPES = ("faceBlendshapes", "face_blendshapes", "blendshapes", "categories")


def number(cell: str) -> float:
    """A cell's number; 0,5 is 0.5.

    Raises
    ------
    ValueError
        It is no number.
    """
    cell = cell.strip()
    return float(cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell)


@contextmanager
def open_rows(file: Path) -> Generator[Iterator[list[str]]]:
    """Yield the rows of a file, the header first."""
    if file.suffix.lower() == ".json":
        yield _json_rows(file)
        return
    with open(file, "rb") as raw:
        start = raw.read(4)
    encoding = "utf-16" if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    with open(file, encoding=encoding, newline="") as text:
        yield _csv_rows(text)


def _csv_rows(text: TextIO) -> Iterator[list[str]]:
    """Comma, semicolon or tab: as a line ``sep=;`` says, else whichever the header holds most of."""
    lines = _lines(text)
    header = next(lines, None)
    said = None if header is None else _SEPARATOR.fullmatch(header.strip("\r\n"))
    if said is not None:
        header = next(lines, None)
    if header is None:
        return
    delimiter = max(",;\t", key=header.count) if said is None else said[1]
    yield from csv.reader([header], delimiter=delimiter, skipinitialspace=True)
    yield from csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise TimelineError(f"a line is longer than {_LONGEST_LINE} characters; give a CSV file.")
        yield line


def _json_rows(file: Path) -> Iterator[list[str]]:
    """One row a frame, of MediaPipe's FaceLandmarker results: of several faces, the first."""
    if file.stat().st_size > _LARGEST_JSON:
        raise TimelineError(f"it is larger than {_LARGEST_JSON >> 20} MB; give a shorter recording, or a CSV.")
    try:
        data = parse_json(file.read_bytes())
    except ValueError as error:
        raise TimelineError(f"it is no JSON ({error}); give MediaPipe's blendshapes, a list of frames.") from error
    if isinstance(data, dict):
        data = next((cast(dict[str, Any], data)[key] for key in ("frames", "results", "data") if key in data), None)
    frames = [frame for frame in data if is_record(frame)] if is_list(data) else []
    if not frames:
        raise TimelineError("it holds no list of frames; give [{timestamp_ms: 0, faceBlendshapes: [...]}, ...].")
    clock = next((key for key in _TIMES if key in frames[0]), None)
    if clock is None:
        raise TimelineError("its frames have no time; give each timestamp_ms (milliseconds), seconds, or frame.")
    scores = [_scores(frame) for frame in frames]
    names = sorted({name for each in scores for name in each if name != clock})
    if not names:
        raise TimelineError("its frames hold no blendshapes; run FaceLandmarker with output_face_blendshapes.")
    yield ["timestamp_ms" if clock == "timestampMs" else clock, "blendshapecount", *names]
    for frame, each in zip(frames, scores, strict=True):
        yield [str(frame.get(clock, "")), str(len(each)), *(str(each.get(name, 0.0)) for name in names)]


def _scores(frame: dict[str, Any]) -> dict[str, Any]:
    """Blendshape -> score, from the JavaScript, the Python or the plain spelling; empty where no face was found."""
    found: Any = next((frame[key] for key in _SHAPES if key in frame), frame)
    while is_list(found) and found and not _named(found[0]):
        found = found[0]
        if isinstance(found, dict) and "categories" in found:
            found = cast(dict[str, Any], found)["categories"]
            break
        if isinstance(found, dict):
            break
    if isinstance(found, dict):
        return {str(k): v for k, v in cast(dict[str, Any], found).items() if isinstance(v, int | float)}
    entries = [cast(dict[str, Any], e) for e in found if _named(e)] if is_list(found) else []
    return {str(e.get("categoryName", e.get("category_name"))): e.get("score", "") for e in entries}


def _named(entry: Any) -> bool:
    return isinstance(entry, dict) and ("categoryName" in entry or "category_name" in entry)
