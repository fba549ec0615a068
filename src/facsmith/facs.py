"""Facial Action Units (FACS): every AU by number and name, those that can be played, their intensities, and emotions.

Conventions: an AU is an int inside and ``AU12`` at the edges; an intensity is a float in [0, 1], and the FACS letters
A-E are 0.2, 0.4, 0.6, 0.8 and 1.0. Left and right are the person's own. A vector holds the AUs in the order of ``AUS``
unless other ``aus`` are named.
"""

import difflib
import math
import operator
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    "EYE_AUS",
    "INTENSITY_LETTERS",
    "OCCURRENCE",
    "UNSIDED",
    "ActionUnits",
    "Emotion",
    "au_list",
    "columns",
    "parse_expression",
    "playable",
    "spread",
    "unlettered",
]

AU_NAMES: Mapping[int, str] = MappingProxyType(
    {
        1: "inner brow raiser",
        2: "outer brow raiser",
        4: "brow lowerer",
        5: "upper lid raiser",
        6: "cheek raiser",
        7: "lid tightener",
        8: "lips toward each other",
        9: "nose wrinkler",
        10: "upper lip raiser",
        11: "nasolabial furrow deepener",
        12: "lip corner puller",
        13: "sharp lip puller",
        14: "dimpler",
        15: "lip corner depressor",
        16: "lower lip depressor",
        17: "chin raiser",
        18: "lip pucker",
        19: "tongue show",
        20: "lip stretcher",
        21: "neck tightener",
        22: "lip funneler",
        23: "lip tightener",
        24: "lip pressor",
        25: "lips part",
        26: "jaw drop",
        27: "mouth stretch",
        28: "lip suck",
        29: "jaw thrust",
        30: "jaw sideways",
        31: "jaw clencher",
        32: "lip bite",
        33: "cheek blow",
        34: "cheek puff",
        35: "cheek suck",
        36: "tongue bulge",
        37: "lip wipe",
        38: "nostril dilator",
        39: "nostril compressor",
        40: "sniff",
        41: "lid droop",
        42: "slit",
        43: "eyes closed",
        44: "squint",
        45: "blink",
        46: "wink",
        50: "speech",
        51: "head turns left",
        52: "head turns right",
        53: "head up",
        54: "head down",
        55: "head tilts left",
        56: "head tilts right",
        57: "head forward",
        58: "head back",
        61: "eyes turn left",
        62: "eyes turn right",
        63: "eyes up",
        64: "eyes down",
        65: "walleye",
        66: "cross-eye",
        69: "eyes look at other person",
        70: "brows not visible",
        71: "eyes not visible",
        72: "lower face not visible",
        73: "entire face not visible",
        74: "unscorable",
        80: "swallow",
        81: "chewing",
        82: "shoulder shrug",
        84: "head shake back and forth",
        85: "head nod up and down",
        91: "flash",
        92: "partial flash",
        97: "shiver or tremble",
        98: "fast up-down look",
    }
)
"""Every code of FACS (Ekman & Friesen 1978; Ekman, Friesen & Hager 2002) -> its name."""

AUS: tuple[int, ...] = (
    *(1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28),
    *(43, 45, 61, 62, 63, 64),
)
"""Every AU that can be played, in FACS's order; position = column in every (K,) vector of a film's intensities."""

DISFA: tuple[int, ...] = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
"""The twelve AUs of DISFA in the paper's order: of all that trains, fits, calibrates and reproduces the paper."""

EYE_AUS: tuple[int, ...] = (43, 45, 61, 62, 63, 64)
"""The AUs of the eyes themselves: closed, blink, and where they look."""

UNSIDED: tuple[int, ...] = (27, 61, 62, 63, 64)
"""Playable AUs that a face has not got on one side alone: the stretched mouth, and eyes, which turn together."""

INTENSITY_LETTERS: Mapping[str, float] = MappingProxyType({"A": 0.2, "B": 0.4, "C": 0.6, "D": 0.8, "E": 1.0})
"""FACS intensity letters; DISFA's and OpenFace's 1-5."""

OCCURRENCE: float = INTENSITY_LETTERS["D"]
"""Intensity at which an AU is played that is written without one, as coders do who note only that it occurs."""

_INSTEAD: Mapping[int, str] = {
    8: "AU24 presses the lips together",
    11: "AU10 deepens that furrow, too",
    13: "AU12 pulls the corners up",
    41: "AU43=B is a drooping lid",
    42: "AU43=D is a slit",
    44: "AU7 is the nearest",
    46: "L45 or R45 is a wink",
}
_ENTRY = re.compile(r"(?P<side>[LR])?(?:AU)?(?P<au>\d{1,3})(?:=(?P<value>\S+)|(?P<letter>[A-E]))?", re.IGNORECASE)
_HOW = "Write for example AU6=C,AU12=0.6 (letters A-E or 0 to 1; L12 or R12 for one side)."


def au_list(aus: Iterable[int]) -> str:
    """``AU1, AU2`` for people."""
    return ", ".join(f"AU{au}" for au in aus)


def playable(au: int) -> int:
    """The AU itself, if it can be played.

    Raises
    ------
    ActionUnitError
        FACS has no such AU, or has it and it cannot be played here; the message tells which.
    """
    try:
        number = operator.index(au)
    except TypeError:
        number = -1
    if number in AUS:
        return number
    if number in AU_NAMES:
        instead = f" {_INSTEAD[number]}." if number in _INSTEAD else ""
        raise ActionUnitError(
            f"AU{number} ({AU_NAMES[number]}) is in FACS but cannot be played here.{instead} Playable: {au_list(AUS)}."
        )
    raise ActionUnitError(f"FACS has no AU{str(au)[:20]}. Playable: {au_list(AUS)}.")


def _active(side: tuple[float, ...]) -> dict[int, float]:
    return {au: intensity for au, intensity in zip(AUS, side, strict=True) if intensity > 0}


def _columns(aus: Sequence[int]) -> list[int]:
    return [AUS.index(playable(au)) for au in aus]


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
    """What a face shows: intensities in [0, 1] of the AUs of ``AUS``, each side kept.

    As a mapping it holds the AUs that are active (above 0) with the larger of their sides; an empty one is neutral, and
    false. The AUs of ``UNSIDED`` are the same on both sides.

    >>> str(ActionUnits({6: 0.6, 12: 1.0}))
    'AU6=0.60 AU12=1.00'
    >>> ActionUnits.parse("6=C, R12=0.5").right[12]
    0.5
    >>> ActionUnits.parse("6+12D")[6]
    0.8

    Parameters
    ----------
    both
        AU -> intensity on both sides.
    left, right
        AU -> intensity that replaces it on that side.
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
        for name, override in (("_left", left), ("_right", right)):
            side = [0.0] * len(AUS)
            for au, intensity in [*(both or {}).items(), *(override or {}).items()]:
                side[AUS.index(playable(au))] = _intensity(au, intensity)
            object.__setattr__(self, name, tuple(side))
        for column in _columns(UNSIDED):
            if self._left[column] != self._right[column]:
                au = AUS[column]
                raise ActionUnitError(f"AU{au} ({AU_NAMES[au]}) has no sides in FACS. Give AU{au} for both at once.")

    @classmethod
    def parse(cls, text: str) -> "ActionUnits":
        """Read ``AU6=C,AU12=0.6,L12=B``; also ``6=C 12=D``, the coders' ``6C+12D``, and ``neutral`` (no AU).

        An AU without letter or number, as in ``6+12``, occurs: it stands at ``OCCURRENCE``.
        """
        if text.strip().lower() == "neutral":
            return cls()
        sides: dict[str, dict[int, float]] = {"": {}, "L": {}, "R": {}}
        for match in _entries(text):
            au = playable(int(match["au"]))
            side = sides[(match["side"] or "").upper()]
            if au in side:
                raise ActionUnitError(f"AU{au} is given twice in {text[:60]!r}. Keep one, or give L{au} and R{au}.")
            said = match["value"] or match["letter"]
            side[au] = OCCURRENCE if said is None else _read_intensity(au, said)
        return cls(sides[""], left=sides["L"], right=sides["R"])

    @classmethod
    def from_vector(cls, vector: npt.ArrayLike, *, aus: Sequence[int] = AUS) -> "ActionUnits":
        """Action units from an array of intensities, the same on both sides.

        Parameters
        ----------
        vector
            (K,) intensities in [0, 1].
        aus
            The K AUs that they are of; others are 0.
        """
        values = np.asarray(vector, dtype=np.float64)
        if values.shape != (len(aus),):
            raise ActionUnitError(
                f"An Action Unit vector has shape ({len(aus)},) for {au_list(aus)}; not {values.shape}."
            )
        return cls(dict(zip(aus, values.tolist(), strict=True)))

    def vector(
        self, side: Literal["left", "right"] | None = None, *, aus: Sequence[int] = AUS
    ) -> npt.NDArray[np.float64]:
        """(K,) float64 intensities of the K AUs of ``aus``, in that order: of one side, or the larger of the two.

        What knows the paper's twelve only takes ``aus=DISFA``.
        """
        left, right = np.array(self._left), np.array(self._right)
        whole = np.maximum(left, right) if side is None else left if side == "left" else right
        return whole[_columns(aus)]

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
        for au, left, right in zip(AUS, self._left, self._right, strict=True):
            if left == right:
                words += [f"AU{au}={left:.2f}"] if left else []
            else:
                words += [f"{name}{au}={value:.2f}" for name, value in (("L", left), ("R", right)) if value]
        return " ".join(words) or "neutral"

    def __repr__(self) -> str:
        if self.is_symmetric:
            return f"ActionUnits({dict(self)})"
        return f"ActionUnits(left={dict(self.left)}, right={dict(self.right)})"


def _entries(text: str) -> list[re.Match[str]]:
    """The AUs written in a text: groups side, au, value, letter; the latter two None where neither is given."""
    words = [word for word in re.split(r"[\s,;+]+", re.sub(r"\s*=\s*", "=", text)) if word]
    if not words:
        raise ActionUnitError(f"No Action Unit in {text[:60]!r}. {_HOW}")
    matches: list[re.Match[str]] = []
    for word in words:
        match = _ENTRY.fullmatch(word)
        if match is None:
            raise ActionUnitError(f"{word[:60]!r} is no Action Unit with an intensity. {_HOW}")
        matches.append(match)
    return matches


def unlettered(text: str) -> tuple[str, ...]:
    """The AUs of a list that ``parse`` plays at ``OCCURRENCE``, as ``AU12`` or ``L12``; of an emotion's name, none."""
    if text.strip().isalpha():
        return ()
    return tuple(
        f"{(match['side'] or 'AU').upper()}{int(match['au'])}"
        for match in _entries(text)
        if match["value"] is None and match["letter"] is None
    )


@dataclass(frozen=True)
class Emotion:
    """A basic emotion as FACS prototype.

    Parameters
    ----------
    source
        Publication that its AUs are from.
    """

    name: str
    action_units: ActionUnits
    source: str


_EKMAN = "Ekman & Friesen 1978, Table 11-1"
_PROTOTYPES = (
    Emotion("neutral", ActionUnits(), "FACS: no Action Unit active"),
    Emotion("happiness", ActionUnits({6: 1, 12: 1, 25: 1}), f"6+12+25: {_EKMAN}; Du et al. 2014; the paper's vector"),
    Emotion(
        "sadness",
        ActionUnits({1: 1, 4: 0.5, 15: 1, 17: 0.4, 64: 0.5}),
        f"1+4+15B+17 with 64 (eyes down): {_EKMAN}; 4 by half, as it draws down what 1 raises: sad brows are oblique",
    ),
    Emotion(
        "surprise",
        ActionUnits({1: 0.7, 2: 0.7, 5: 0.4, 25: 0.4, 26: 1}),
        f"1+2+5B+26: {_EKMAN}; 1 and 2 as codes without a letter (.7); 25 follows the jaw, as lightly as the lids (B)",
    ),
    Emotion(
        "fear",
        ActionUnits({1: 1, 2: 0.5, 4: 0.7, 5: 1, 15: 0.3, 20: 0.6, 25: 0.3, 26: 0.5}),
        f"1+2+4+5+20+25 or 26: {_EKMAN}; Du et al. 2014; 2 and 4 leave the brows oblique and raised; a mouth that is "
        "stretched in full reads as a grin, and 15 keeps its corners down",
    ),
    Emotion(
        "anger",
        ActionUnits({4: 1, 5: 0.7, 7: 1, 15: 0.3, 17: 0.6, 23: 0.4, 24: 0.6}),
        f"4+5+7+17+23 and 24: {_EKMAN}; lips that are only tightened grow wide and look pleased, and 15 keeps their "
        "corners down",
    ),
    Emotion(
        "disgust",
        ActionUnits({4: 0.4, 7: 0.6, 9: 1, 10: 0.8, 15: 0.5, 17: 0.7}),
        f"9+17 and 10+17: {_EKMAN}; Du et al. 2014 (9+10+17, with 4); 15 keeps the raised lip from a grin, and 7 "
        "narrows the eyes as a wrinkled nose does",
    ),
    Emotion(
        "contempt",
        ActionUnits(right={12: 0.8, 14: 1}),
        f"R12+R14: {_EKMAN}; 12 by less, as a full AU12 on one side reads as half a smile",
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
