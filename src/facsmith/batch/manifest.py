"""A manifest of films: a CSV, a row each, read as a stream and checked row by row before anything is rendered.

Columns: ``photo``, ``output``, ``seed``, and one way to say what the face does: ``expression`` (``happiness``,
``AU6=C AU12=D``; several in turn with ``;`` between them), ``timeline`` (a YAML file), or a column per AU (``AU1`` ...
``AU26``, ``L12``, ``R12``: a letter, a number from 0 to 1, or nothing). Any option of `facsmith animate` may be a
column, too (``fps``, ``mode``, ``neutral_first``), and holds where its cell is not empty. Paths are relative to the
manifest's folder, or URLs.

In place of ``photo``, a row may have a ``film`` (`batch.film_rows`): ``relative``, ``gain``, ``absolute`` or
``timeline``, between the seconds ``from`` and ``to``, as for `facsmith edit`; or ``expression``, as for `facsmith
animate --film`; ``neutral`` says where the person rests.
"""

import csv
import functools
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

from facsmith import image
from facsmith.batch.cells import input_file, read_expressions, read_timeline
from facsmith.batch.engine import REPORT
from facsmith.batch.film_rows import FILM_COLUMNS, film_unit
from facsmith.batch.places import FOLDER, absolute, check_name, parent_of, stamp
from facsmith.batch.units import Refusal, Unit
from facsmith.errors import InputError
from facsmith.facs import ActionUnits
from facsmith.options import FILM, AnimateOptions, choices, chosen, read_choice
from facsmith.plan import plan
from facsmith.video import SUFFIXES as FILMS

__all__ = ["PICTURES", "RESERVED", "read_manifest", "read_photos", "read_rows", "resolve"]

PICTURES: Final = tuple(suffix for suffix in image.SUFFIXES if suffix not in FILMS)
"""Endings of outputs that are one edited picture instead of a film."""
RESERVED: Final = (FOLDER, REPORT)
_PLAIN: Final = ("photo", "expression", "timeline", "output", "seed", *FILM_COLUMNS)
_CHOICES: Final = {name: choice for name, choice in choices(AnimateOptions, FILM).items() if name not in _PLAIN}
_AU: Final = re.compile(r"(AU|L|R)0?(\d{1,2})", re.IGNORECASE)
_MOST_SEED: Final = 2**63 - 1


def read_manifest(url: str, options: AnimateOptions) -> Iterator[Unit | Refusal]:
    """Yield a unit for every row, or why there is none; rows count from 1, below the header.

    Parameters
    ----------
    options
        Options of all films; a row's seed replaces theirs.

    Raises
    ------
    InputError
        The manifest itself cannot be read: no such file, no CSV, an unknown column.
    """
    return read_rows(
        url, (*_PLAIN, *_CHOICES), lambda number, cells, base: _unit(number, cells, base, options), aus=True
    )


def read_photos(url: str, seed: int) -> Iterator[Unit | Refusal]:
    """Yield a unit for every row of a table of photos to be inverted: columns photo, output (.safetensors), seed."""

    def unit(number: int, cells: dict[str, str], base: str) -> Unit:
        output = check_name(cells.get("output", ""), reserved=RESERVED)
        if not output.lower().endswith(".safetensors"):
            raise InputError(f"{output} cannot be written: latents end in .safetensors.")
        return Unit(number, (_photo(cells, base),), {"seed": _seed(cells.get("seed"), seed)}, output)

    return read_rows(url, ("photo", "output", "seed"), unit)


def read_rows(
    url: str, named: Sequence[str], unit: Callable[[int, dict[str, str], str], Unit], *, aus: bool = False
) -> Iterator[Unit | Refusal]:
    """Rows of a CSV as a stream of units and refusals.

    Parameters
    ----------
    named
        The columns it may have.
    unit
        Makes a unit of (row, cells that are not empty, the manifest's folder); what it raises is that row's refusal.
    aus
        Allow columns of AUs, too: AU1, L12 and so on.
    """
    base = parent_of(url)
    with _text(url) as lines:
        table = csv.DictReader(lines, strict=True)
        columns = _columns(url, table, named, aus)
        number = 0
        while True:
            number += 1
            try:
                cells = next(table)
            except StopIteration:
                return
            except (csv.Error, UnicodeDecodeError) as error:
                raise InputError(f"{url}, row {number}: {error}. Give a CSV in UTF-8.") from error
            said = _cells(cells, columns)
            try:
                if "" in said:
                    raise InputError(
                        f"There is more in this row than columns: {said[''][:40]!r}. Quote cells that hold a comma."
                    )
                yield unit(number, said, base)
            except InputError as error:
                yield Refusal(number, " ".join(str(error).split()), said.get("output", ""))


def resolve(base: str, name: str) -> str:
    """A path or URL as written in a manifest that lies in ``base``."""
    if "://" in name or os.path.isabs(name):
        return name
    return absolute(f"{base.rstrip('/')}/{name}")


def _columns(url: str, table: "csv.DictReader[str]", named: Sequence[str], aus: bool) -> dict[str, str]:
    """Column as written -> as it is called here."""
    try:
        written = [name for name in table.fieldnames or [] if name]
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{url} is no CSV in UTF-8: {error}.") from error
    known: dict[str, str] = {}
    for name in written:
        plain = name.strip().lower()
        match = _AU.fullmatch(name.strip()) if aus else None
        if plain in named:
            known[name] = plain
        elif match is not None:
            known[name] = f"{match[1].upper()}{int(match[2])}"
        else:
            also = ", and AU1 ... AU26, L12, R12" if aus else ""
            raise InputError(f"{url} has a column {name[:40]!r}; known are {', '.join(named)}{also}.")
    if len(set(known.values())) < len(written):
        raise InputError(f"{url} has a column twice; keep one of each.")
    wanted = ("photo", "output") if "film" not in known.values() else ("output",)
    missing = [name for name in wanted if name not in known.values()]
    if missing:
        raise InputError(f"{url} lacks the column {' and '.join(missing)}; the first line names the columns.")
    return known


def _cells(cells: Mapping[str | None, Any], columns: Mapping[str, str]) -> dict[str, str]:
    """What the row says, without its empty cells. Cells beyond the header stand under ``None``."""
    said = {column: (cells.get(name) or "").strip() for name, column in columns.items()}
    if cells.get(None):
        said[""] = " ".join(cast("list[str]", cells[None]))
    return {name: value for name, value in said.items() if value}


def _unit(number: int, cells: dict[str, str], base: str, options: AnimateOptions) -> Unit:
    seed = _seed(cells.get("seed"), options.inversion.seed)
    own = {name: read_choice(choice, cells[name]) for name, choice in _CHOICES.items() if name in cells}
    options = chosen(options, own) if own else options
    if "film" in cells:
        kept = {"seed": seed} | ({"options": own} if own else {})
        name = check_name(cells.get("output", ""), reserved=RESERVED)
        return film_unit(number, cells, name, options, kept, resolve=functools.partial(resolve, base))
    for name in FILM_COLUMNS:
        if name in cells:
            raise InputError(f"{name} is of films; a photo has an expression, a timeline or AU columns.")
    photo = _photo(cells, base)
    output = _output(cells.get("output", ""))
    given = [name for name in ("expression", "timeline") if name in cells]
    aus = {name: value for name, value in cells.items() if name not in _PLAIN and name not in _CHOICES}
    if len(given) + bool(aus) != 1:
        named = " and ".join([*given, *(["AUs"] if aus else [])]) or "nothing"
        raise InputError(f"Say what the face does in one way: expression, timeline or AU columns; given: {named}.")
    if "timeline" in cells:
        if output.endswith(PICTURES):
            raise InputError(f"A timeline is a film; {output} is a picture. Give an expression, or a film's ending.")
        timeline = resolve(base, cells["timeline"])
        weight = _timed(timeline, options)
        settings: dict[str, Any] = {"timeline": True, "seed": seed}
        inputs = (photo, timeline)
    else:
        expression = _expression(cells.get("expression"), aus)
        weight = _frames(tuple(expression), options)
        if output.endswith(PICTURES) and len(expression) > 1:
            raise InputError(f"Several expressions are a film; {output} is a picture. Give one, or a film's ending.")
        if output.endswith(PICTURES):
            weight = 1.0
        settings, inputs = {"expression": expression, "seed": seed}, (photo,)
    return Unit(number, inputs, settings | ({"options": own} if own else {}), output, weight)


def _output(given: str) -> str:
    output = check_name(given, reserved=RESERVED)
    last = output.rpartition("/")[2].lower()
    ending = f".{last.rpartition('.')[2]}" if "." in last else ""
    if ending and ending not in (*FILMS, *PICTURES):
        raise InputError(
            f"{output} cannot be written: films end in {', '.join(FILMS)} or are folders without an ending, pictures "
            f"end in {', '.join(PICTURES)}."
        )
    return output


def _seed(given: str | None, default: int) -> int:
    if given is None:
        return default
    if not given.isascii() or not given.isdigit() or int(given[:20]) > _MOST_SEED:
        raise InputError(f"The seed {given[:20]!r} is no whole number from 0.")
    return int(given)


def _expression(expression: str | None, aus: Mapping[str, str]) -> list[str]:
    if expression is not None:
        return read_expressions(expression)
    shown = [f"{name}={value}" for name, value in aus.items()]
    return [",".join(shown)]


@functools.lru_cache(maxsize=4096)
def _frames(expressions: tuple[str, ...], options: AnimateOptions) -> float:
    """How many the film will have, about: neither the photo's own expression nor the row's seed is known here."""
    wanted = expressions[0] if len(expressions) == 1 else expressions
    return max(1.0, plan(wanted, ActionUnits(), options).duration * options.fps)


@functools.lru_cache(maxsize=256)
def _timed(timeline: str, options: AnimateOptions) -> float:
    """The same of a timeline's file."""
    return max(1.0, plan(read_timeline(timeline), ActionUnits(), options).duration * options.fps)


def _photo(cells: Mapping[str, str], base: str) -> str:
    if "photo" not in cells:
        raise InputError("No photo was given.")
    return input_file(resolve(base, cells["photo"]), "photo")


@contextmanager
def _text(url: str) -> Generator[Iterator[str]]:
    import fsspec  # pyright: ignore[reportMissingTypeStubs]

    if stamp(url) is None:
        raise InputError(f"There is no manifest {url}. Check the path.")
    opened = cast(Any, fsspec).open(url, "r", encoding="utf-8-sig", newline="")
    try:
        with opened as file:
            yield file
    except IsADirectoryError as error:
        raise InputError(f"{url} is a folder; give a CSV.") from error
