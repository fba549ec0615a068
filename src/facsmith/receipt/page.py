"""A receipt as one page to look at: A4, as PNG or PDF."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from facsmith import __version__, _optional, image
from facsmith._files import atomic_path
from facsmith._types import Image
from facsmith.errors import OutputError
from facsmith.receipt import panels
from facsmith.receipt.receipt import Receipt

__all__ = ["PAGE_SUFFIXES", "check_page", "write_page"]

PAGE_SUFFIXES: Final = (".png", ".pdf")
_A4: Final = (8.27, 11.69)  # inches
_DPI: Final = 160
_LEFT, _RIGHT, _FOOT = 0.07, 0.95, 0.165


def check_page(path: str | os.PathLike[str]) -> None:
    """Refuse a page's name before long work.

    Raises
    ------
    OutputError
        It ends neither in .png nor in .pdf.
    """
    if Path(path).suffix.lower() not in PAGE_SUFFIXES:
        raise OutputError(f"{path} cannot be written: a receipt's page is {' or '.join(PAGE_SUFFIXES)}.")
    _optional.load("matplotlib")  # said before a film is made, not after it


def write_page(receipt: Receipt, path: str | os.PathLike[str], *, pictures: Sequence[tuple[float, Image]] = ()) -> None:
    """Draw a receipt's page.

    Parameters
    ----------
    pictures
        Key frames with their seconds, (H, W, 3) uint8 each, shown across the top.

    Raises
    ------
    OutputError
        The ending is another, or there is no such place.
    """
    check_page(path)
    settings = _optional.load("matplotlib")
    with settings.rc_context(), warnings.catch_warnings():
        settings.rcdefaults()  # whatever style the user's other plots have
        settings.rcParams.update({"pdf.fonttype": 42, "axes.linewidth": 0.6})
        warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font lacks
        figure = _optional.load("matplotlib.figure").Figure(figsize=_A4, dpi=_DPI, facecolor="white")
        _optional.load("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
        _draw(figure, receipt, pictures)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, metadata=_metadata(Path(path).suffix.lower(), receipt))


def _draw(figure: Any, receipt: Receipt, pictures: Sequence[tuple[float, Image]]) -> None:
    """From top to bottom; ``y`` is where the next part begins, in page heights."""
    width = _RIGHT - _LEFT
    panels.head(figure, receipt, left=_LEFT, right=_RIGHT, top=0.965)
    y = 0.915
    if pictures:
        y = panels.strip(figure, pictures, left=_LEFT, right=_RIGHT, top=y) - 0.012
    panels.figures(figure, receipt, left=_LEFT, width=width, top=y)
    y -= 0.068
    rows = min(len(receipt.leakage), panels.MOST_ROWS)
    matrix = 0.064 + 0.022 * rows if rows else 0.0
    over_time = 0.135
    y = panels.curves(figure, receipt, left=_LEFT, width=width, top=y, height=y - _FOOT - matrix - over_time)
    panels.over_time(figure, receipt, left=_LEFT, width=width, top=y, height=over_time)
    y -= over_time
    if rows:
        panels.matrix(figure, receipt.leakage, left=_LEFT, width=width, top=y, height=matrix)
    panels.facts(figure, receipt, left=_LEFT, width=width, top=y - matrix - 0.004)


def _metadata(suffix: str, receipt: Receipt) -> dict[str, Any]:
    """What the file says inside: the same for the same receipt."""
    maker = f"facsmith {__version__}"
    if suffix == ".png":
        return {**image.provenance({"comment": f"Receipt of a synthetic film, {maker}"}), "Software": maker}
    name = panels.plain(str(receipt.photo.get("name", "")))
    return {"Title": f"Receipt: {name}", "Creator": maker, "Subject": "A synthetic film", "CreationDate": None}
