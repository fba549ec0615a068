"""AU-labelled codes in a folder, the plainest source of boundaries: three arrays that any program can write.

``ws.npy`` (..., num_ws, w_dim) codes; ``au.npy`` (..., 12) intensities in [0, 1] in the order of DISFA; ``people.npy``
(...) numbers, who each sample is. Without the last, the first axis counts the people: (people, variants, ...), as data
sets of `facsmith.lab.train.data` have it.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from facsmith._arrays import read_npy
from facsmith.errors import BoundaryError
from facsmith.facs import DISFA

__all__ = ["LabelledCodes", "read_codes"]

_MAX_BYTES = 8 << 30


class LabelledCodes(NamedTuple):
    """Codes with labels, as `fit_boundaries` takes them.

    Parameters
    ----------
    ws
        (N, num_ws, w_dim).
    au
        (N, 12) intensities in [0, 1].
    people
        (N,), who it is.
    """

    ws: npt.NDArray[Any]
    au: npt.NDArray[Any]
    people: npt.NDArray[Any]


def read_codes(folder: str | Path) -> LabelledCodes:
    """Read a folder of labelled codes.

    Raises
    ------
    BoundaryError
        An array is missing, unreadable, or does not fit the others.
    """
    root = Path(folder)
    missing = [name for name in ("ws.npy", "au.npy") if not (root / name).is_file()]
    if missing:
        raise BoundaryError(f"{folder} lacks {' and '.join(missing)}; give a folder with ws.npy and au.npy.")
    ws = read_npy(root / "ws.npy", max_bytes=_MAX_BYTES, error=BoundaryError)
    au = read_npy(root / "au.npy", max_bytes=_MAX_BYTES, error=BoundaryError)
    leading = ws.shape[:-2]
    if not leading or au.shape != (*leading, len(DISFA)):
        raise BoundaryError(
            f"ws.npy has shape {ws.shape} and au.npy {au.shape}; give (..., num_ws, w_dim) and (..., {len(DISFA)})."
        )
    people: npt.NDArray[Any] = np.indices(leading)[0]
    if (root / "people.npy").is_file():
        people = read_npy(root / "people.npy", max_bytes=_MAX_BYTES, error=BoundaryError)
        if people.shape != leading:
            raise BoundaryError(f"people.npy has shape {people.shape}; one number per code is {leading}.")
    return LabelledCodes(ws.reshape(-1, *ws.shape[-2:]), au.reshape(-1, len(DISFA)), people.reshape(-1))
