"""Pictures in rows and columns with their labels: a film strip per row, as papers print them."""

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from facsmith import image
from facsmith._types import Image
from facsmith.lab.reproduce.parts import Figure

__all__ = ["board", "photographic"]


_GAP: Final = 4
_INK, _FAINT = "#222222", "#666666"
_QUALITY: Final = 88


def board(
    rows: Sequence[Sequence[Image | None]],
    *,
    names: Sequence[str],
    above: Sequence[Sequence[str]] | Sequence[str],
    cell: int = 128,
    margin: int = 110,
) -> Image:
    """One row of square pictures per name; None leaves a gap. (H, W, 3) uint8.

    Parameters
    ----------
    names
        Text on the left of each row, in lines.
    above
        Text above the columns, or above every single picture.
    cell
        Side of a picture, in pixels.
    margin
        Width of the names, in pixels.
    """
    font, small = ImageFont.load_default(max(11, cell // 9)), ImageFont.load_default(max(11, cell // 10))
    line = max(16, cell // 7)
    every = bool(above) and not isinstance(above[0], str)
    columns = max(len(row) for row in rows)
    step = cell + _GAP + (line if every else 0)
    top = _GAP if every else line + _GAP
    sheet = Pillow.new("RGB", (margin + columns * (cell + _GAP), top + len(rows) * step), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = top + number * step + (line if every else 0)
        draw.multiline_text((_GAP, y + cell // 2), name, _INK, small, anchor="lm", spacing=3)
        for column, picture in enumerate(row):
            x = margin + column * (cell + _GAP)
            if picture is not None:
                sheet.paste(Pillow.fromarray(image.resize(picture, (cell, cell))), (x, y))
            if every:
                draw.text((x + cell // 2, y - 5), above[number][column], _FAINT, small, anchor="ms")
    if not every:
        for column, label in enumerate(above):
            draw.text((margin + column * (cell + _GAP) + cell // 2, top - 6), str(label), _INK, font, anchor="ms")
    return np.array(sheet, np.uint8)


def photographic(name: str, pixels: Image, caption: str) -> Figure:
    """A figure of photographs, as JPEG: a fifth of a PNG's size, and nothing to be seen of it."""
    data = io.BytesIO()
    Pillow.fromarray(pixels).save(data, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return Figure(name, data.getvalue(), "jpeg", caption)
