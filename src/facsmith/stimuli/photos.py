"""The photos of a set: found in a folder, and named so that their stimuli's names do not collide."""

import re
from collections.abc import Sequence
from pathlib import Path

from facsmith.errors import InputError, PhotoError
from facsmith.image import PHOTO_SUFFIXES

__all__ = ["find_photos", "stimulus_names"]


def find_photos(place: Path) -> list[Path]:
    """The photos of a folder in the order of their names, or the one photo given."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise PhotoError(f"There is no folder {place}. Check the path.")
    photos = sorted(p for p in place.iterdir() if p.is_file() and p.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        raise PhotoError(f"No photo lies in {place}; photos end in {', '.join(PHOTO_SUFFIXES)}.")
    return photos


def stimulus_names(photos: Sequence[Path]) -> dict[Path, str]:
    """Photo -> the part of its stimuli's names: letters, digits, dots and dashes of its own name."""
    names = {photo: re.sub(r"[^\w.-]+", "-", photo.stem, flags=re.ASCII) for photo in photos}
    for name in names.values():
        same = [photo.name for photo, other in names.items() if other.lower() == name.lower()]
        if len(same) > 1:
            raise InputError(f"The stimuli of {' and '.join(same)} would have the same names; rename one photo.")
    return names
