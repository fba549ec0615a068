"""Receipts read back from the JSON beside a film: bounded, checked, nothing of it trusted."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from facsmith.errors import InputError
from facsmith.facs import AUS
from facsmith.receipt.receipt import Curves, KeyframeRecord, Leakage, Receipt

__all__ = ["read_receipt"]

_MOST_BYTES: Final = 64 << 20
_NAMES: Final = frozenset(f"{side}{au}" for side in ("AU", "L", "R") for au in AUS)


def read_receipt(path: str | os.PathLike[str]) -> Receipt:
    """The receipt of a film, written by `Receipt.write`; versions before the page lack its curves, and so does this.

    Raises
    ------
    InputError
        No such file, too large, or not a receipt.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path} has more than {_MOST_BYTES >> 20} MB; no receipt is that large.")
        known = _mapping(json.loads(file.read_text(encoding="utf-8")))
        if not str(known["made_by"]).startswith("facsmith"):
            raise ValueError("made by something else")
        return _receipt(known)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}. Give the .json beside a film.") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no receipt of facsmith ({error}). Give the .json beside a film.") from error


def _receipt(known: Mapping[str, Any]) -> Receipt:
    inversion = known["inversion"]
    return Receipt(
        photo=_mapping(known["photo"]),
        model=_mapping(known["model"]),
        settings=_mapping(known["settings"]),
        source=_intensities(known["source"]),
        personal=_intensities(known.get("personal", {})),
        keyframes=tuple(map(_record, known["keyframes"])),
        inversion=None if inversion is None else _mapping(inversion),
        tuning=None if known.get("tuning") is None else _mapping(known["tuning"]),
        output=_output(known["output"]),
        timings={str(name): _number(value) for name, value in _mapping(known["timings"]).items()},
        notes=tuple(map(str, known["notes"])),
        versions=_texts(known["versions"]),
        summary={str(k): None if v is None else _number(v) for k, v in _mapping(known.get("summary", {})).items()},
        unreached=_texts(known.get("unreached", {})),
        leakage=tuple(map(_leakage, known.get("leakage", ()))),
        curves=None if known.get("curves") is None else _curves(_mapping(known["curves"])),
        between=tuple(map(_record, known.get("between", ()))),
        ways={name: str(way) for name, way in _named(known.get("ways", {})).items()},
    )


def _record(value: Any) -> KeyframeRecord:
    known = _mapping(value)
    measured, identity = known["measured"], known["identity"]
    return KeyframeRecord(
        seconds=_number(known["seconds"]),
        frame=int(_number(known["frame"])),
        asked=_intensities(known["asked"]),
        measured=None if measured is None else _intensities(measured),
        identity=None if identity is None else _number(identity),
        unsure=_names(known.get("unsure", ())),
    )


def _leakage(value: Any) -> Leakage:
    known = _mapping(value)
    return Leakage(_names(known["aus"]), _number(known["seconds"]), _intensities(known["excess"]))


def _curves(known: Mapping[str, Any]) -> Curves:
    fps = _number(known["fps"])
    asked = {name: _numbers(values) for name, values in _named(known["asked"]).items()}
    if fps <= 0 or len({len(values) for values in asked.values()}) > 1:
        raise ValueError("curves of different lengths, or without frames a second")
    return Curves(fps, asked, _numbers(known["background"]), _numbers(known["flicker"]))


def _output(value: Any) -> dict[str, Any]:
    known = _mapping(value)
    return {**known, "seconds": _number(known["seconds"]), "frames": int(_number(known["frames"]))}


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a list or a number where names are expected")
    return cast("Mapping[str, Any]", value)


def _named(value: Any) -> Mapping[str, Any]:
    known = _mapping(value)
    if not known.keys() <= _NAMES:
        raise ValueError(f"{sorted(known.keys() - _NAMES)[0][:20]} is no Action Unit here")
    return known


def _intensities(value: Any) -> dict[str, float]:
    return {name: _number(e) for name, e in _named(value).items()}


def _names(value: Any) -> tuple[str, ...]:
    return tuple(_named(dict.fromkeys(map(str, value))))


def _texts(value: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in _mapping(value).items()}


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(map(_number, cast("list[Any]", value)))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{str(value)[:20]} where a number is expected")
    return float(value)
