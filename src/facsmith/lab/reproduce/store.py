"""What has been measured already: one file per piece of an experiment, so that a run that was cut short goes on.

A piece is some arrays and the settings they follow from. It lies in ``NAME-HASH.safetensors``, the hash being that of
its settings, which stand inside, too; it is written whole or not at all. Other settings are another piece.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facsmith._arrays import read_tensors, write_tensors
from facsmith.errors import InputError

__all__ = ["Pieces", "Store"]

Pieces = Mapping[str, npt.NDArray[Any]]

_FORMAT: Final = "facsmith-piece-1"
_MAX_BYTES: Final = 1 << 30


class Store:
    """A folder of pieces.

    Parameters
    ----------
    common
        Settings that every piece depends on.

    Attributes
    ----------
    made, found
        How many were computed and how many were there.
    """

    def __init__(self, folder: Path, common: Mapping[str, Any]) -> None:
        self.folder = folder
        self._common = dict(common)
        self.made = self.found = 0

    def piece(self, name: str, settings: Mapping[str, Any], compute: Callable[[], Pieces]) -> Pieces:
        """The arrays of that name and settings (JSON values): read where they are known, else computed and kept."""
        text = json.dumps({**self._common, **settings}, sort_keys=True)
        path = self.folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"
        known = _read(path, text)
        if known is not None:
            self.found += 1
            return known
        arrays = {key: np.atleast_1d(value) for key, value in compute().items()}
        write_tensors(path, arrays, {"format": _FORMAT, "settings": text})
        self.made += 1
        return arrays


def _read(path: Path, settings: str) -> Pieces | None:
    """None where there is no such piece, or a damaged one: it is then computed again."""
    if not path.is_file():
        return None
    try:
        arrays, metadata = read_tensors(path, max_bytes=_MAX_BYTES, error=InputError)
    except InputError:
        return None
    return arrays if metadata == {"format": _FORMAT, "settings": settings} else None
