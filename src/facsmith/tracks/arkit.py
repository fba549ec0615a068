"""Apple's ARKit blendshapes and Action Units, each as the other.

Shapes are those of ICT-FaceKit's FACS model (Li et al. 2020), whose names are ARKit's: an AU at intensity 1 is one
shape at 1, but for the jaw (AU26 is jawOpen .4, AU27 .9), parted lips (AU25 is a third of AU10 and AU16 together, whose
shapes are mouthUpperUp and mouthLowerDown), tightened lips (AU23 is about mouthPress .6) and eyes, one of which looks
inwards while the other looks outwards.

Conventions: shapes are spelt as Apple does, ``eyeBlinkLeft``; left and right are the person's own; arrays are (T,).
"""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from facsmith._types import Array
from facsmith.facs import AUS
from facsmith.timeline import BLINK, Sides

__all__ = ["SHAPES", "Curves", "action_units", "blendshapes", "unread"]

Curves = dict[tuple[int, Sides | None], Array]
"""(AU, side) -> intensities (T,) of that side, or of both (None)."""

_SIDES: Final[tuple[tuple[Sides, str], ...]] = (("left", "Left"), ("right", "Right"))
_PAIRED: Final[Mapping[int, str]] = {
    2: "browOuterUp",
    4: "browDown",
    5: "eyeWide",
    6: "cheekSquint",
    7: "eyeSquint",
    9: "noseSneer",
    12: "mouthSmile",
    14: "mouthDimple",
    15: "mouthFrown",
    20: "mouthStretch",
    24: "mouthPress",
    BLINK: "eyeBlink",
}
"""AU -> shape, which has a Left and a Right."""
_WHOLE: Final[Mapping[int, str]] = {1: "browInnerUp", 17: "mouthShrugLower", 18: "mouthPucker", 22: "mouthFunnel"}
"""AU -> shape without sides."""
_GAZE: Final[Mapping[int, tuple[str, str]]] = {
    61: ("eyeLookOutLeft", "eyeLookInRight"),
    62: ("eyeLookInLeft", "eyeLookOutRight"),
    63: ("eyeLookUpLeft", "eyeLookUpRight"),
    64: ("eyeLookDownLeft", "eyeLookDownRight"),
}
_UPPER, _LOWER, _JAW = "mouthUpperUp", "mouthLowerDown", "jawOpen"
_SUCK: Final = ("mouthRollUpper", "mouthRollLower")
_PARTED: Final = 1 / 3  # of mouthUpperUp and of mouthLowerDown: AU25
_DROP, _STRETCH = 0.4, 0.9  # of jawOpen: AU26 and AU27
_TIGHT: Final = 0.6  # of mouthPress: AU23
_WITHOUT_AU: Final = (
    *("jawForward", "jawRight", "jawLeft", "mouthClose", "mouthRight", "mouthLeft", "mouthShrugUpper"),
    *("cheekPuff", "tongueOut"),
)

SHAPES: tuple[str, ...] = (
    *(
        f"{shape}{side}"
        for shape in (*_PAIRED.values(), "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeLookDown", _UPPER, _LOWER)
        for _, side in _SIDES
    ),
    *(*_WHOLE.values(), _JAW, *_SUCK, *_WITHOUT_AU),
)
"""All 52."""


def action_units(shapes: Mapping[str, Array]) -> Curves:
    """The AUs that a recording's blend shapes show.

    Lips that both part and rise are AU25 as far as the two go together, AU10 or AU16 beyond; a jaw is AU26 up to its
    full drop, then more and more AU27 in its place. mouthPress is AU24, and eyeBlink AU45, however long it lasts.

    Parameters
    ----------
    shapes
        Name -> (T,) in [0, 1], those that the recording has; the name alone of a shape with sides means both.
    """
    curves: Curves = {}
    for au, shape in _WHOLE.items():
        if shape in shapes:
            curves[au, None] = shapes[shape]
    for au, shape in _PAIRED.items():
        for side, suffix in ((None, ""), *_SIDES):
            if shape + suffix in shapes:
                curves[au, side] = shapes[shape + suffix]
    for au, pair in _GAZE.items():
        known = [shapes[name] for name in pair if name in shapes]
        if known:
            curves[au, None] = np.mean(known, axis=0)
    for side, suffix in ((None, ""), *_SIDES):
        upper, lower = shapes.get(_UPPER + suffix), shapes.get(_LOWER + suffix)
        some = upper if upper is not None else lower
        if some is None:
            continue
        upper, lower = (np.zeros_like(some) if lip is None else lip for lip in (upper, lower))
        parted = np.clip(np.minimum(upper, lower) / _PARTED, 0.0, 1.0)
        curves[25, side] = parted
        curves[10, side], curves[16, side] = (lip - _PARTED * parted for lip in (upper, lower))
    if _JAW in shapes:
        stretched = np.clip((shapes[_JAW] - _DROP) / (_STRETCH - _DROP), 0.0, 1.0)
        curves[26, None] = np.minimum(shapes[_JAW] / _DROP, 1.0 - stretched)
        curves[27, None] = stretched
    rolled = [shapes[name] for name in _SUCK if name in shapes]
    if rolled:
        curves[28, None] = np.sum(rolled, axis=0) / len(_SUCK)
    return curves


def blendshapes(sides: Array) -> dict[str, Array]:
    """All 52 shapes of intensities (T, 2, K) over ``facs.AUS``: the person's left side, then the right."""
    of = {au: sides[:, :, column] for column, au in enumerate(AUS)}  # (T, 2) each
    shapes: dict[str, Array] = {shape: np.zeros(len(sides)) for shape in SHAPES}
    for column, (_, suffix) in enumerate(_SIDES):
        one = {au: values[:, column] for au, values in of.items()}
        shapes |= {shape + suffix: one[au] for au, shape in _PAIRED.items()}
        shapes[f"eyeBlink{suffix}"] = np.maximum(one[BLINK], one[43])
        shapes[f"mouthPress{suffix}"] = np.minimum(one[24] + _TIGHT * one[23], 1.0)
        shapes[_UPPER + suffix] = np.minimum(one[10] + _PARTED * one[25], 1.0)
        shapes[_LOWER + suffix] = np.minimum(one[16] + _PARTED * one[25], 1.0)
    both = {au: values.max(axis=1) for au, values in of.items()}
    for au, shape in _WHOLE.items():
        shapes[shape] = both[au]
    shapes |= {name: both[au] for au, pair in _GAZE.items() for name in pair}
    shapes[_JAW] = np.minimum(_DROP * both[26] + _STRETCH * both[27], 1.0)
    for name in _SUCK:
        shapes[name] = both[28]
    return shapes


def unread(shapes: Iterable[str]) -> list[str]:
    """Those of the shapes that no AU that can be played shows."""
    return [shape for shape in _WITHOUT_AU if shape in set(shapes)]
