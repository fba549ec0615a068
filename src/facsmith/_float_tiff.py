"""TIFFs of floating-point numbers, as scientific programs write them: grey by Pillow, colour by tifffile."""

import io
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt

__all__ = ["from_floats", "read_float_tiff"]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def from_floats(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    """Of any shape. Numbers up to 1 are taken as 0 to 1, larger ones as 0 to 255; NaN is black."""
    plain = np.nan_to_num(np.asarray(values, np.float64), nan=0.0)
    scale = 255.0 if plain.max(initial=0.0) <= 1 else 1.0
    return np.rint(np.clip(plain * scale, 0, 255)).astype(np.uint8)


def read_float_tiff(data: bytes, *, check: Callable[[tuple[int, int]], None]) -> npt.NDArray[np.uint8] | None:
    """The first page as (H, W, 3) or (H, W) uint8; None where it is no TIFF of floats that tifffile reads.

    Parameters
    ----------
    check
        Told (width, height) before anything is decoded; raises where that is too much.
    """
    if not data.startswith(_TIFF):
        return None
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page: Any = file.pages[0]
            shape: tuple[int, ...] = tuple(page.shape)
            plain = len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))
            if page.dtype is None or page.dtype.kind != "f" or not plain:
                return None
    except Exception:  # damaged files make it raise almost anything
        return None
    check((shape[1], shape[0]))
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            pixels: npt.NDArray[np.floating[Any]] = np.asarray(cast(Any, file.pages[0]).asarray())
    except Exception:  # such as a compression that is not at hand
        return None
    return from_floats(pixels[..., :3] if pixels.ndim == 3 else pixels)
