"""Rows of a manifest whose source is a film: its face's AUs changed, or a new performance on its moving head."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from facsmith.batch.cells import input_file, read_expressions, read_timeline
from facsmith.batch.units import Unit
from facsmith.errors import InputError
from facsmith.footage import FilmChange, FilmOptions, FilmReceipt, performance_of
from facsmith.options import AnimateOptions
from facsmith.signing import Credentials, sign
from facsmith.synthetic import COMPOSITE
from facsmith.timeline import Timeline
from facsmith.video import FOOTAGE_SUFFIXES, open_footage

if TYPE_CHECKING:
    from facsmith.animator import Animator

__all__ = ["FILM_COLUMNS", "edited_film", "film_unit"]

FILM_COLUMNS: Final = ("film", "relative", "gain", "absolute", "from", "to", "neutral")
_LAWS: Final = ("relative", "gain", "absolute")
_FRAME: Final = 4.0
"""Work of a film's frame, in frames of a photo's film."""
_ELSEWHERE: Final = 1000.0
"""Frames that a film behind a URL is taken for."""


def film_unit(
    number: int,
    cells: Mapping[str, str],
    output: str,
    options: AnimateOptions,
    settings: Mapping[str, Any],
    *,
    resolve: Callable[[str], str],
) -> Unit:
    """The unit of a row.

    Parameters
    ----------
    cells
        Of its columns, those that are not empty.
    options
        Of this row.
    settings
        Seed and options as the unit shall have them.
    resolve
        A path as the manifest writes it -> where it is.

    Raises
    ------
    InputError
        What is asked cannot be done.
    """
    if not output.lower().endswith(FOOTAGE_SUFFIXES):
        raise InputError(f"{output} cannot be written: edited films end in {', '.join(FOOTAGE_SUFFIXES)}.")
    if "photo" in cells:
        raise InputError("A row has a photo or a film, not both.")
    if any(name[:1] in "ALR" for name in cells):
        raise InputError("AU columns are of photos; of a film, write an expression: AU6=C AU12=D.")
    inputs = [input_file(resolve(cells["film"]), "film")]
    asked: dict[str, Any] = {law: cells[law] for law in _LAWS if law in cells}
    for name in ("from", "to"):
        if name in cells:
            asked[name] = _seconds(name, cells[name])
    if "expression" in cells:
        if asked or "timeline" in cells:
            raise InputError("An expression is a new performance: leave out what changes single AUs, and from and to.")
        asked["expression"] = read_expressions(cells["expression"])
    elif "timeline" in cells:
        inputs.append(input_file(resolve(cells["timeline"]), "timeline"))
        asked["timeline"] = True
    elif not any(law in asked for law in _LAWS):
        raise InputError(f"Say what the film's face does: {', '.join(_LAWS)}, timeline or expression.")
    _change(asked, read_timeline(inputs[1]) if "timeline" in asked else None, options)  # what is wrong is said now
    if "neutral" in cells:
        neutral = FilmOptions.read_neutral(cells["neutral"])
        if isinstance(neutral, Path):
            inputs.append(input_file(resolve(cells["neutral"]), "photo"))
            asked["neutral"] = "photo"
        else:
            asked["neutral"] = FilmOptions(neutral=neutral).neutral
    return Unit(number, tuple(inputs), {**settings, "film": asked}, output, _FRAME * _frames(inputs[0]))


def edited_film(
    animator: "Animator",
    unit: Unit,
    inputs: list[Path],
    output: Path,
    options: AnimateOptions,
    credentials: Credentials | None,
) -> FilmReceipt:
    """Make a unit's film. inputs: local files, in the unit's order."""
    asked: dict[str, Any] = unit.settings["film"]
    change = _change(asked, Timeline.from_yaml(inputs[1]) if asked.get("timeline") else None, options)
    neutral = inputs[-1] if asked.get("neutral") == "photo" else asked.get("neutral")
    receipt = animator.edit_film(
        inputs[0],
        output,
        change,
        options=FilmOptions(face=options.face, provider=options.provider, neutral=neutral),
        parts=Path(unit.parts) if unit.parts else None,
    )
    if credentials is not None:
        model = {"name": animator.networks.name}
        sign(output, credentials, source_type=COMPOSITE, asked={"change": change.to_json(), "model": model})
    return receipt


def _change(asked: Mapping[str, Any], timeline: Timeline | None, options: AnimateOptions) -> FilmChange:
    if "expression" in asked:
        return _performance(tuple(asked["expression"]), options)
    return FilmChange.read(
        **{law: asked[law] for law in _LAWS if law in asked},
        timeline=timeline,
        begin=asked.get("from", 0.0),
        end=asked.get("to"),
    )


@functools.lru_cache(maxsize=4096)
def _performance(expressions: tuple[str, ...], options: AnimateOptions) -> FilmChange:
    return performance_of(expressions[0] if len(expressions) == 1 else expressions, options)


def _seconds(name: str, given: str) -> float:
    try:
        return float(given)
    except ValueError as error:
        raise InputError(f"{name} is {given[:20]!r}; give seconds, as in 1.5.") from error


@functools.lru_cache(maxsize=4096)
def _frames(film: str) -> float:
    return _ELSEWHERE if "://" in film else float(max(open_footage(film).frames, 1))
