"""A picture of a boundary set: one panel per AU, how far each intensity lies, and what showed of it where that was
tried."""

from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from facsmith.boundary import Boundary, BoundarySet
from facsmith.facs import AU_NAMES

__all__ = ["calibration_plot"]

Pixels = npt.NDArray[np.uint8]

_PANEL: Final = (300, 240)
_MARGIN: Final = (44, 44, 16, 34)  # left, top, right, bottom
_COLUMNS: Final = 4
_INK, _FAINT, _CURVE, _SHOWN = (40, 40, 40), (215, 215, 215), (31, 90, 160), (200, 90, 20)


def calibration_plot(boundaries: BoundarySet) -> Pixels:
    """(H, W, 3) uint8. Blue: distance in W+ (its range beside the axis) over intensity. Orange: share of the muscles'
    motion that showed on judges, over the intensity asked; the diagonal is what was asked."""
    count = len(boundaries.boundaries)
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    sheet = Image.new("RGB", (columns * _PANEL[0], rows * _PANEL[1]), "white")
    draw = ImageDraw.Draw(sheet)
    for place, boundary in enumerate(boundaries.boundaries):
        _panel(draw, boundary, (place % columns) * _PANEL[0], (place // columns) * _PANEL[1])
    return np.array(sheet, np.uint8)


def _panel(draw: ImageDraw.ImageDraw, boundary: Boundary, x: int, y: int) -> None:
    left, top, right, bottom = x + _MARGIN[0], y + _MARGIN[1], x + _PANEL[0] - _MARGIN[2], y + _PANEL[1] - _MARGIN[3]
    small, large = ImageFont.load_default(11), ImageFont.load_default(13)

    def at(e: float, height: float) -> tuple[float, float]:
        return left + e * (right - left), bottom - float(np.clip(height, 0, 1.15)) / 1.15 * (bottom - top)

    for e in (0.0, 0.25, 0.5, 0.75, 1.0):
        draw.line([at(e, 0), at(e, 1.15)], fill=_FAINT)
        draw.line([at(0, e), at(1, e)], fill=_FAINT)
        draw.text((at(e, 0)[0], bottom + 4), f"{e:g}", fill=_INK, font=small, anchor="ma")
    draw.line([at(0, 0), at(1, 1)], fill=_FAINT, width=2)
    rest, full = (float(d) for d in boundary.calibration.distance([0.0, 1.0]))
    for e, label in ((0.0, rest), (1.0, full)):
        draw.text((left - 4, at(0, e)[1]), f"{label:.1f}", fill=_CURVE, font=small, anchor="rm")
    grid = np.linspace(0, 1, 61)
    heights = (boundary.calibration.distance(grid) - rest) / (full - rest)
    draw.line([at(float(e), float(h)) for e, h in zip(grid, heights, strict=True)], fill=_CURVE, width=2)
    for e, d in zip(boundary.calibration.intensities, boundary.calibration.distances, strict=True):
        _dot(draw, at(e, (d - rest) / (full - rest)), _CURVE)
    shown = cast("dict[str, Any]", boundary.report.get("shown", {}))
    asked, share = (cast("list[float]", shown.get(key, [])) for key in ("asked", "share_of_muscles"))
    points = [at(e, m) for e, m in zip(asked, share, strict=False)]
    if points:
        draw.line([at(0, 0), *points], fill=_SHOWN, width=2)
    for point in points:
        _dot(draw, point, _SHOWN)
    draw.text((left, y + 8), f"AU{boundary.au} {AU_NAMES[boundary.au]}", fill=_INK, font=large)
    draw.text((left, y + 26), _counts(boundary), fill=_INK, font=small)


def _dot(draw: ImageDraw.ImageDraw, point: tuple[float, float], colour: tuple[int, int, int]) -> None:
    draw.ellipse([point[0] - 3, point[1] - 3, point[0] + 3, point[1] + 3], fill=colour)


def _counts(boundary: Boundary) -> str:
    training = boundary.report.get("training")
    accuracy = boundary.report.get("accuracy_within_person")
    said: list[str] = []
    if isinstance(training, dict):
        known = cast("dict[str, Any]", training)
        said.append(f"{known.get('active')} active, {known.get('neutral')} neutral")
    if accuracy is not None:
        said.append(f"accuracy {accuracy:.2f}")
    return "; ".join(said) or "not fitted here"
