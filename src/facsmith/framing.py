"""How a generator's pictures frame the face: which square of a photo it was trained to draw.

A generator asked for another framing than its own reconstructs a smear. So a framing belongs to a model: it is kept in
the metadata of the generator's file and in the model's card, and everything that cuts a crop for the generator asks
`framing_of` for it.

Conventions: points are (x, y), pixel centres at integer coordinates; IOD is the distance between the eye centres, an
eye centre the mean of the eye's two corners. The square stands on the face's own axes.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from facsmith._json import parse_json
from facsmith._types import Array
from facsmith.errors import InputError, NoFaceError

__all__ = ["FACSMITH", "PRESETS", "Framing", "Square", "framing_of", "parse_framing"]

Formula = Literal["eyes", "ffhq", "celebahq"]

_EYE_CORNERS: Final = ((36, 39), (42, 45))
_EYES: Final = (range(36, 42), range(42, 48))
_MOUTH_CORNERS: Final = (48, 54)
_SIDES: Final = (0.5, 40.0)  # IOD
_FARTHEST: Final = 20.0  # IOD


@dataclass(frozen=True, eq=False)
class Square:
    """A square of a photo.

    Parameters
    ----------
    center
        (2,) photo pixels.
    right
        (2,) unit vector along its upper edge.
    side
        In photo pixels.
    """

    center: Array
    right: Array
    side: float


@dataclass(frozen=True)
class Framing:
    """The square that a generator draws.

    Parameters
    ----------
    side
        Side of the square, in IOD: about that for the formulas, exactly that for ``eyes``.
    below
        How far its centre lies below the eyes' midpoint, in IOD, along the face's down axis; the same.
    formula
        ``eyes``: from the eyes alone, by side and below. ``ffhq``: FFHQ's published alignment (Karras et al. 2019, the
        data set's ``recreate_aligned_images``), from eyes and mouth: side max(4 |e|, 3.6 |m|), centre .1 m below the
        eyes, e being eye to eye and m eyes to mouth, axes halfway between the two. ``celebahq``: the same with the
        eyes' corners for the eyes (Karras et al. 2018, appendix C).

    Raises
    ------
    InputError
        Numbers with which no face could be framed.
    """

    side: float
    below: float
    formula: Formula = "eyes"

    def __post_init__(self) -> None:
        if self.formula not in get_args(Formula):
            raise InputError(f"There is no framing formula {self.formula!r}; choose {', '.join(get_args(Formula))}.")
        if not (_SIDES[0] <= self.side <= _SIDES[1] and isfinite(self.below) and abs(self.below) <= _FARTHEST):
            raise InputError(
                f"A framing of {self.side:g} IOD whose centre lies {self.below:g} IOD below the eyes; give a side from "
                f"{_SIDES[0]:g} to {_SIDES[1]:g} and a centre within {_FARTHEST:g}."
            )

    def square(self, landmarks: npt.ArrayLike) -> Square:
        """The square of one face.

        Parameters
        ----------
        landmarks
            (68, 2) photo pixels, iBUG order.

        Raises
        ------
        NoFaceError
            The two eyes lie on one spot, so that no axis can be drawn through them.
        """
        points = np.asarray(landmarks, dtype=np.float64)
        corners = np.stack([points[list(eye)].mean(axis=0) for eye in _EYE_CORNERS])
        if not float(np.hypot(*(corners[1] - corners[0]))) > 1e-6:
            raise NoFaceError("The two eyes of this face lie on one spot; give a photo in which both are seen apart.")
        if self.formula == "eyes":
            across = corners[1] - corners[0]
            iod = float(np.hypot(*across))
            right = across / iod
            return Square(corners.mean(axis=0) + self.below * iod * _turned(right), right, self.side * iod)
        eyes = corners
        if self.formula == "ffhq":
            eyes = np.stack([points[list(eye)].mean(axis=0) for eye in _EYES])
        across, middle = eyes[1] - eyes[0], eyes.mean(axis=0)
        to_mouth = points[list(_MOUTH_CORNERS)].mean(axis=0) - middle
        axis = across - _turned(to_mouth)  # x = e' - Rotate90(m)
        length = float(np.hypot(*axis))
        if not length > 1e-6:
            raise NoFaceError("The eyes and the mouth of this face cannot be told apart; give another photo.")
        side = max(4.0 * float(np.hypot(*across)), 3.6 * float(np.hypot(*to_mouth)))
        return Square(middle + 0.1 * to_mouth, axis / length, side)

    @property
    def name(self) -> str:
        """``facsmith``, ``ffhq``, ``celebahq``, or the two numbers, as `parse_framing` reads them."""
        known = next((name for name, preset in PRESETS.items() if preset == self), None)
        return known or f"{self.side:g},{self.below:g}"

    def to_json(self) -> dict[str, Any]:
        """As a card and a file's metadata keep it."""
        return {"side": self.side, "below": self.below, "formula": self.formula}

    @classmethod
    def from_json(cls, values: Any) -> "Framing":
        """Inverse of `to_json`.

        Raises
        ------
        InputError
            It is something else.
        """
        try:
            return cls(float(values["side"]), float(values["below"]), values["formula"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(f"A framing is damaged ({error}); estimate it again: facsmith models build.") from error

    def __str__(self) -> str:
        """``ffhq (4.14 IOD wide, centre 0.09 IOD below the eyes)``."""
        known = f"{self.name} " if self.name in PRESETS else ""
        numbers = f"{self.side:.2f} IOD wide, centre {self.below:.2f} IOD below the eyes"
        return f"{known}({numbers})" if known else numbers


PRESETS: Final[dict[str, Framing]] = {
    "facsmith": Framing(2.9, 0.62),
    "ffhq": Framing(4.14, 0.09, "ffhq"),
    "celebahq": Framing(4.14, 0.11, "celebahq"),
}
"""Framings by name. facsmith: forehead to chin, inside most photos. ffhq, celebahq: their data sets' own formulas; side
and below are what these come to on a typical face."""

FACSMITH: Final = PRESETS["facsmith"]
"""Of the bundled models, and of every generator that does not say otherwise."""


def framing_of(generator: object) -> Framing:
    """A generator's own framing; `FACSMITH` where it does not say."""
    found: object = getattr(generator, "framing", None)
    return found if isinstance(found, Framing) else FACSMITH


def parse_framing(text: str) -> Framing:
    """A preset's name, ``SIDE,BELOW`` in IOD, or the JSON of `Framing.to_json`.

    Raises
    ------
    InputError
        The text is none of them.
    """
    if text in PRESETS:
        return PRESETS[text]
    try:
        if text.lstrip().startswith("{"):
            return Framing.from_json(parse_json(text))
        side, below = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(
            f"There is no framing {text[:80]!r}; give {', '.join(PRESETS)}, or SIDE,BELOW in eye distances, as 4.1,0.1."
        ) from error
    return Framing(side, below)


def _turned(vector: Array) -> Array:
    """By 90 degrees: from a face's right to its down, y pointing down."""
    return np.array([-vector[1], vector[0]])
