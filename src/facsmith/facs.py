"""Facial Action Units: the twelve of DISFA, their intensities, and the emotions made of them (FACS).

Conventions: an AU is an int inside and ``AU12`` at the edges; an intensity is a float in [0, 1], and the FACS letters
A-E are 0.2, 0.4, 0.6, 0.8 and 1.0. Left and right are the person's own. A vector holds the AUs in the order of
``DISFA``.
"""

import difflib
import math
import operator
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from facsmith.errors import ActionUnitError

__all__ = [
    "AUS",
    "AU_NAMES",
    "DISFA",
    "EMOTIONS",
    "INTENSITY_LETTERS",
    "ActionUnits",
    "Emotion",
    "columns",
    "parse_expression",
    "spread",
]

AU_NAMES: Mapping[int, str] = MappingProxyType(
    {
        1: "inner brow raiser",
        2: "outer brow raiser",
        4: "brow lowerer",
        5: "upper lid raiser",
        6: "cheek raiser",
        7: "lid tightener",
        9: "nose wrinkler",
        10: "upper lip raiser",
        12: "lip corner puller",
        14: "dimpler",
        15: "lip corner depressor",
        16: "lower lip depressor",
        17: "chin raiser",
        18: "lip pucker",
        20: "lip stretcher",
        22: "lip funneler",
        23: "lip tightener",
        24: "lip pressor",
        25: "lips part",
        26: "jaw drop",
        27: "mouth stretch",
        28: "lip suck",
        43: "eyes closed",
        45: "blink",
        61: "eyes turn left",
        62: "eyes turn right",
        63: "eyes up",
        64: "eyes down",
    }
)
"""FACS names of the AUs that can be played."""

AUS: tuple[int, ...] = tuple(AU_NAMES)
"""Every AU that can be played, in FACS's order; position = column in every (K,) vector of a film's intensities."""

DISFA: tuple[int, ...] = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
"""The twelve AUs of DISFA in the paper's order; position = column in every (12,) vector."""

INTENSITY_LETTERS: Mapping[str, float] = MappingProxyType({"A": 0.2, "B": 0.4, "C": 0.6, "D": 0.8, "E": 1.0})
"""FACS intensity letters; DISFA's and OpenFace's 1-5."""

_COLUMN = {au: column for column, au in enumerate(DISFA)}
_ENTRY = re.compile(r"(?P<side>[LR])?(?:AU)?(?P<au>\d{1,3})(?:=(?P<value>\S+)|(?P<letter>[A-E]))", re.IGNORECASE)
_HOW = "Write for example AU6=C,AU12=0.6 (letters A-E or 0 to 1; L12 or R12 for one side)."


def _active(side: tuple[float, ...]) -> dict[int, float]:
    return {au: intensity for au, intensity in zip(DISFA, side, strict=True) if intensity > 0}


def _column(au: int) -> int:
    try:
        return _COLUMN[operator.index(au)]
    except (KeyError, TypeError):
        close = difflib.get_close_matches(str(au), map(str, DISFA), n=1, cutoff=0.5)
        hint = f" Did you mean AU{close[0]}?" if close else ""
        raise ActionUnitError(
            f"AU{str(au)[:20]} is not one of the twelve Action Units here: {', '.join(f'AU{a}' for a in DISFA)}.{hint}"
        ) from None


def _read_intensity(au: int, text: str) -> float:
    try:
        return _intensity(au, INTENSITY_LETTERS.get(text.upper()) or float(text))
    except ValueError as error:
        if isinstance(error, ActionUnitError):
            raise
        raise ActionUnitError(
            f"AU{au}={text[:20]} is no intensity. Give a letter A-E or a number from 0 to 1."
        ) from None


def _intensity(au: int, value: float) -> float:
    intensity = float(value)
    if math.isnan(intensity) or not 0 <= intensity <= 1:
        raise ActionUnitError(
            f"AU{au} has intensity {intensity:g}; allowed: a number from 0 to 1, or a FACS letter A-E."
        )
    return abs(intensity)


@dataclass(frozen=True, init=False, repr=False)
class ActionUnits(Mapping[int, float]):
    """What a face shows: intensities in [0, 1] of the twelve AUs, each side kept.

    As a mapping it holds the AUs that are active (above 0) with the larger of their sides; an empty one is neutral, and
    false.

    >>> str(ActionUnits({6: 0.6, 12: 1.0}))
    'AU6=0.60 AU12=1.00'
    >>> ActionUnits.parse("6=C, R12=0.5").right[12]
    0.5
    """

    _left: tuple[float, ...]
    _right: tuple[float, ...]

    def __init__(
        self,
        both: Mapping[int, float] | None = None,
        *,
        left: Mapping[int, float] | None = None,
        right: Mapping[int, float] | None = None,
    ) -> None:
        """both: AU -> intensity on both sides; left, right: AU -> intensity that replaces it on that side."""
        for name, override in (("_left", left), ("_right", right)):
            side = [0.0] * len(DISFA)
            for au, intensity in [*(both or {}).items(), *(override or {}).items()]:
                side[_column(au)] = _intensity(au, intensity)
            object.__setattr__(self, name, tuple(side))

    @classmethod
    def parse(cls, text: str) -> "ActionUnits":
        """Read ``AU6=C,AU12=0.6,L12=B``; also ``6=C 12=D``, the coders' ``6C+12D``, and ``neutral`` (no AU)."""
        if text.strip().lower() == "neutral":
            return cls()
        entries = [e for e in re.split(r"[\s,;+]+", re.sub(r"\s*=\s*", "=", text)) if e]
        if not entries:
            raise ActionUnitError(f"No Action Unit in {text[:60]!r}. {_HOW}")
        sides: dict[str, dict[int, float]] = {"": {}, "L": {}, "R": {}}
        for entry in entries:
            match = _ENTRY.fullmatch(entry)
            if match is None:
                raise ActionUnitError(f"{entry[:60]!r} is no Action Unit with an intensity. {_HOW}")
            au = int(match["au"])
            side = sides[(match["side"] or "").upper()]
            if au in side:
                raise ActionUnitError(f"AU{au} is given twice in {text[:60]!r}. Keep one, or give L{au} and R{au}.")
            _column(au)
            side[au] = _read_intensity(au, match["value"] or match["letter"])
        return cls(sides[""], left=sides["L"], right=sides["R"])

    @classmethod
    def from_vector(cls, vector: npt.ArrayLike) -> "ActionUnits":
        """vector: (12,) intensities in [0, 1] in the order of ``DISFA``, the same on both sides."""
        values = np.asarray(vector, dtype=np.float64)
        if values.shape != (len(DISFA),):
            raise ActionUnitError(
                f"An Action Unit vector has shape (12,), in the order of {DISFA}; not {values.shape}."
            )
        return cls(dict(zip(DISFA, values.tolist(), strict=True)))

    def vector(self, side: Literal["left", "right"] | None = None) -> npt.NDArray[np.float64]:
        """(12,) float64 intensities in the order of ``DISFA``: of one side, or the larger of the two."""
        left, right = np.array(self._left), np.array(self._right)
        if side is None:
            return np.maximum(left, right)
        return left if side == "left" else right

    @property
    def left(self) -> Mapping[int, float]:
        """Active AUs of the person's own left side."""
        return _active(self._left)

    @property
    def right(self) -> Mapping[int, float]:
        """Active AUs of the person's own right side."""
        return _active(self._right)

    @property
    def is_symmetric(self) -> bool:
        """Whether both sides show the same."""
        return self._left == self._right

    def __getitem__(self, au: int) -> float:
        return _active(tuple(map(max, self._left, self._right)))[au]

    def __iter__(self) -> Iterator[int]:
        return iter(_active(tuple(map(max, self._left, self._right))))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __str__(self) -> str:
        """Two decimals for people; ``parse`` reads it back."""
        words: list[str] = []
        for au, left, right in zip(DISFA, self._left, self._right, strict=True):
            if left == right:
                words += [f"AU{au}={left:.2f}"] if left else []
            else:
                words += [f"{name}{au}={value:.2f}" for name, value in (("L", left), ("R", right)) if value]
        return " ".join(words) or "neutral"

    def __repr__(self) -> str:
        if self.is_symmetric:
            return f"ActionUnits({dict(self)})"
        return f"ActionUnits(left={dict(self.left)}, right={dict(self.right)})"


@dataclass(frozen=True)
class Emotion:
    """A basic emotion as FACS prototype; ``note`` says what of it the twelve AUs cannot show."""

    name: str
    action_units: ActionUnits
    source: str
    note: str | None = None


_EKMAN = "Ekman & Friesen 1978, Table 11-1"
_PROTOTYPES = (
    Emotion("neutral", ActionUnits(), "FACS: no Action Unit active"),
    Emotion("happiness", ActionUnits({6: 1, 12: 1, 25: 1}), f"6+12+25: {_EKMAN}; Du et al. 2014; the paper's vector"),
    Emotion("sadness", ActionUnits({1: 1, 4: 1, 15: 1}), f"1+4+15: {_EKMAN}; Du et al. 2014"),
    Emotion(
        "surprise",
        ActionUnits({1: 1, 2: 1, 5: 0.4, 25: 0.4, 26: 1}),
        f"1+2+5B+26: {_EKMAN}; 25 follows the jaw, here as lightly as the lids (B)",
    ),
    Emotion("fear", ActionUnits({1: 1, 2: 1, 4: 1, 5: 1, 20: 1, 25: 1}), f"1+2+4+5+20+25: {_EKMAN}; Du et al. 2014"),
    Emotion(
        "anger",
        ActionUnits({4: 1, 5: 1}),
        f"4+5 of 4+5+7+23/24: {_EKMAN}",
        "Partial: tightened lids (AU7) and tightened or pressed lips (AU23, AU24) are outside the twelve AUs.",
    ),
    Emotion(
        "disgust",
        ActionUnits({9: 1, 15: 1}),
        f"9+15 of 9+15+16: {_EKMAN}",
        "Partial: the lowered lower lip (AU16) is outside the twelve AUs.",
    ),
    Emotion(
        "contempt",
        ActionUnits(right={12: 0.6}),
        f"R12 of R12+R14: {_EKMAN}; C, as a full AU12 on one side reads as half a smile",
        "Partial: the dimpler (AU14) is outside the twelve AUs.",
    ),
)
EMOTIONS: Mapping[str, Emotion] = MappingProxyType({emotion.name: emotion for emotion in _PROTOTYPES})
"""Neutral and the seven basic emotions; AUs that the source gives without a letter stand at full intensity."""


def parse_expression(text: str) -> ActionUnits:
    """Read an emotion's name (``happiness``) or a list of AUs (``AU6=C,AU12=0.6``)."""
    name = text.strip().lower()
    if name in EMOTIONS:
        return EMOTIONS[name].action_units
    if name.isalpha():
        close = difflib.get_close_matches(name, EMOTIONS, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise ActionUnitError(
            f"Unknown emotion {text[:60]!r}.{hint} Give one of {', '.join(EMOTIONS)}; or AUs: AU6=C,AU12=0.6."
        )
    return ActionUnits.parse(text)


def columns(values: npt.ArrayLike, aus: tuple[int, ...] = DISFA) -> npt.NDArray[np.float64]:
    """(..., 28) intensities in the order of ``AUS`` -> (..., len(aus)) of some AUs: `spread` undone."""
    whole = np.asarray(values, dtype=np.float64)
    if whole.ndim == 0 or whole.shape[-1] != len(AUS):
        raise ActionUnitError(f"Intensities of all AUs have shape (..., {len(AUS)}); given: {whole.shape}.")
    return whole[..., [AUS.index(au) for au in aus]]


def spread(values: npt.ArrayLike, aus: tuple[int, ...] = DISFA) -> npt.NDArray[np.float64]:
    """(..., len(aus)) intensities of some AUs -> (..., 28) in the order of ``AUS``, 0 elsewhere."""
    given = np.asarray(values, dtype=np.float64)
    if given.ndim == 0 or given.shape[-1] != len(aus):
        raise ActionUnitError(f"Intensities of {len(aus)} AUs have shape (..., {len(aus)}); given: {given.shape}.")
    whole = np.zeros((*given.shape[:-1], len(AUS)))
    whole[..., [AUS.index(au) for au in aus]] = given
    return whole
