"""A film before and after, side by side: some of its frames as one picture."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from facsmith import image, video
from facsmith._types import Image
from facsmith.footage.receipt import FilmReceipt

__all__ = ["write_contact_sheet"]

_MOST: Final = 6
_CELL: Final = 384  # pixels


def write_contact_sheet(
    path: str | os.PathLike[str],
    film: str | os.PathLike[str],
    edited: str | os.PathLike[str],
    receipt: FilmReceipt,
) -> None:
    """Faces of the film above what they became, evenly spread over the frames that changed most."""
    chosen = _chosen(receipt)
    labels = [_label(receipt, frame) for frame in chosen]
    left, top, right, bottom = receipt.film["face_box"]
    face = np.s_[top:bottom, left:right]
    before, after = ([f[face] for f in _frames(Path(each), chosen)] for each in (film, edited))
    sheet = image.contact_sheet(
        [*before, *after], labels=[*labels, *(["edited"] * len(after))], columns=len(chosen), cell=_CELL
    )
    image.write(path, sheet)


def _chosen(receipt: FilmReceipt) -> list[int]:
    """Frame numbers, in their order."""
    asked = [np.array(told["asked"], np.float64) for name, told in receipt.frames.items() if name.startswith("AU")]
    size = np.nan_to_num(np.abs(asked)).max(axis=0) if asked else np.zeros(len(receipt.frames["seconds"]))
    large = np.flatnonzero(size >= max(0.5 * size.max(), 1e-9)) if size.any() else np.arange(len(size))
    places = np.unique(np.linspace(0, len(large) - 1, min(len(large), _MOST)).round().astype(int))
    return large[places].tolist()


def _label(receipt: FilmReceipt, frame: int) -> str:
    parts = [
        f"{name} {told['asked'][frame]:+.2f}"
        + ("" if told["measured"][frame] is None else f" ({told['measured'][frame]:+.2f})")
        for name, told in receipt.frames.items()
        if name.startswith("AU") and told["asked"][frame]
    ]
    return f"{receipt.frames['seconds'][frame]:.2f} s  {', '.join(parts)}"


def _frames(film: Path, chosen: Sequence[int]) -> list[Image]:
    return [f.pixels for f in video.open_footage(film).read(min(chosen), max(chosen) + 1) if f.index in set(chosen)]
