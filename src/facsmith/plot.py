"""A timeline drawn: one lane per Action Unit, seconds from left to right."""

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from facsmith.errors import InputError
from facsmith.facs import AU_NAMES, AUS
from facsmith.timeline import Timeline

__all__ = ["plot"]

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]
Lane = tuple[str, str, tuple[tuple[Array, str], ...]]
"""Label, name, and the curves (T,) of the lane, each with its colour."""

_SCALE: Final = 2  # drawn this much larger, then averaged: smooth lines
_LANE, _GAP, _LEFT, _RIGHT, _BOTTOM = 54, 14, 190, 24, 44
_INK, _GRID, _BOTH, _ONE, _OTHER = "#222222", "#dddddd", "#24557a", "#b3541e", "#3d7a3d"
_STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 600)


def plot(timeline: Timeline, *, width: int = 1200) -> Pixels:
    """The curves of the AUs that move: (H, width, 3) uint8.

    A lane runs from 0 (bottom) to 1 (top). Where the sides differ, the person's left is brown and the right is green.
    """
    if not 400 <= width <= 8000:
        raise InputError(f"A plot {width} pixels wide; give 400 to 8000.")
    times = np.linspace(0.0, timeline.duration, (width - _LEFT - _RIGHT) * _SCALE)
    lanes = _lanes(timeline, times)
    height = _GAP + max(1, len(lanes)) * (_LANE + _GAP) + _BOTTOM
    canvas = Image.new("RGB", (width * _SCALE, height * _SCALE), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(15 * _SCALE)
    small = ImageFont.load_default(12 * _SCALE)
    left, right = _LEFT * _SCALE, (width - _RIGHT) * _SCALE
    _draw_seconds(draw, timeline.duration, (left, right), height, small)
    for row, (label, name, curves) in enumerate(lanes):
        top = (_GAP + row * (_LANE + _GAP)) * _SCALE
        bottom = top + _LANE * _SCALE
        draw.rectangle((left, top, right, bottom), outline=_GRID)
        draw.text((12 * _SCALE, top + 8 * _SCALE), label, _INK, font)
        draw.text((12 * _SCALE, top + 29 * _SCALE), name, "#777777", small)
        for index, (curve, colour) in enumerate(curves):
            weight = 2 * (len(curves) - index)  # where both sides move alike, the one behind still shows
            _draw_curve(draw, curve, (left, right), (top, bottom), colour, weight)
    return np.array(canvas.resize((width, height), Image.Resampling.BOX), np.uint8)


def _lanes(timeline: Timeline, times: Array) -> list[Lane]:
    shown = timeline.sides(times)  # (T, 2, K)
    lanes: list[Lane] = []
    for column, au in enumerate(AUS):
        left, right = shown[:, 0, column], shown[:, 1, column]
        if not (left.any() or right.any()):
            continue
        name = AU_NAMES[au]
        if np.array_equal(left, right):
            lanes.append((f"AU{au}", name, ((left, _BOTH),)))
        else:
            lanes.append((f"L{au}  R{au}", name, ((left, _ONE), (right, _OTHER))))
    return lanes or [("neutral", "nothing moves", ((np.zeros(len(times)), _BOTH),))]


def _draw_seconds(
    draw: ImageDraw.ImageDraw,
    duration: float,
    across: tuple[int, int],
    height: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    left, right = across
    step = next((s for s in _STEPS if duration / s <= 12), _STEPS[-1])
    bottom = (height - _BOTTOM) * _SCALE
    for index in range(int(duration / step + 1e-9) + 1):
        seconds = index * step
        x = left + (right - left) * seconds / max(duration, 1e-9)
        draw.line((x, _GAP * _SCALE, x, bottom), _GRID, _SCALE)
        draw.text((x, bottom + 6 * _SCALE), f"{seconds:g}", _INK, font, anchor="ma")
    draw.text((right, bottom + 24 * _SCALE), f"seconds (of {duration:g})", "#777777", font, anchor="ra")


def _draw_curve(
    draw: ImageDraw.ImageDraw, curve: Array, across: tuple[int, int], down: tuple[int, int], colour: str, weight: int
) -> None:
    x = np.linspace(across[0], across[1], len(curve))
    y = down[1] - curve * (down[1] - down[0])
    points = np.stack([x, y], axis=1).ravel().tolist()
    draw.line(points, colour, weight * _SCALE, joint="curve")
