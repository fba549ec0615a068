"""Latent directions as others publish them, and the part of one that others do not explain."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facsmith._arrays import read_npy
from facsmith._files import atomic_path
from facsmith._types import Array
from facsmith.boundary.calibration import Calibration
from facsmith.boundary.edit import Boundary, BoundarySet
from facsmith.errors import BoundaryError

__all__ = ["conditional", "export_directions", "import_direction", "read_direction"]


_MAX_FILE_BYTES = 16 << 20
_DEPENDENT = 1e-8
_SHARED = 1e-4  # of a unit normal, what all layers have in common


def read_direction(path: str | os.PathLike[str], *, num_ws: int, w_dim: int) -> Array:
    """A direction from a .npy file as (num_ws, w_dim) float64, in the file's own length.

    Accepted: (num_ws, w_dim), a direction in W+; (1, w_dim) or (w_dim,), a direction in W (InterFaceGAN), the same for
    every layer.
    """
    raw = read_npy(path, max_bytes=_MAX_FILE_BYTES, error=BoundaryError)
    if raw.shape not in {(num_ws, w_dim), (1, w_dim), (w_dim,)}:
        raise BoundaryError(f"{path} has shape {raw.shape}; this generator takes ({num_ws}, {w_dim}) or (1, {w_dim}).")
    direction = np.array(np.broadcast_to(raw, (num_ws, w_dim)), dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.linalg.norm(direction)
    if not (np.isfinite(length) and length > 0):
        raise BoundaryError(
            f"{path} holds no direction: its length is {length:g}. Give a finite direction that is not zero."
        )
    return direction


def import_direction(
    path: str | os.PathLike[str],
    *,
    au: int,
    num_ws: int,
    w_dim: int,
    origin: npt.ArrayLike | None = None,
    reach: float = 3.0,
) -> Boundary:
    """A published direction as a boundary; such files carry neither intercept nor calibration, so both are set here.

    Parameters
    ----------
    origin
        A code (num_ws, w_dim) or (w_dim,) that counts as intensity 0, usually the generator's w_avg; default zero.
    reach
        How many times the file's direction makes intensity 1 (InterFaceGAN moves its unit directions by up to 3).
    """
    if not (np.isfinite(reach) and reach > 0):
        raise BoundaryError(f"A reach of {reach:g}; give a number above 0, as in 3 for InterFaceGAN's directions.")
    direction = read_direction(path, num_ws=num_ws, w_dim=w_dim)
    length = float(np.linalg.norm(direction))
    normal = direction / length
    neutral = np.broadcast_to(np.asarray(0.0 if origin is None else origin, dtype=np.float64), normal.shape)
    calibration = Calibration((0.0, 1.0), (0.0, reach * length))
    report = {"imported": os.path.basename(path), "reach": reach}
    return Boundary(au, normal, float(np.sum(normal * neutral)), calibration, report)


def export_directions(boundaries: BoundarySet, folder: str | os.PathLike[str]) -> list[Path]:
    """Write each boundary as others read them; returns the files.

    ``AU12_wplus.npy`` (num_ws, w_dim): the normal, as long as it is from intensity 0 to 1; `import_direction` with a
    reach of 1 reads it back. ``AU12_interfacegan.npy`` (1, w_dim): the mean over the layers, unit length, for one w
    that all layers share; not written for normals whose layers cancel out, as those of the bundled model do.
    """
    written: list[Path] = []
    for boundary in boundaries.boundaries:
        rest, full = boundary.calibration.distance([0.0, 1.0])
        arrays = {"wplus": boundary.normal * (full - rest)}
        mean = boundary.normal.mean(axis=0, keepdims=True)
        length = float(np.linalg.norm(mean))
        if length > _SHARED:
            arrays["interfacegan"] = mean / length
        for name, array in arrays.items():
            path = Path(folder) / f"AU{boundary.au}_{name}.npy"
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.save(file, array.astype(np.float32), allow_pickle=False)
            written.append(path)
    return written


def conditional(primal: npt.ArrayLike, conditions: Sequence[npt.ArrayLike]) -> Array:
    """The unit-length part of a direction that is orthogonal to all conditions; the shape of ``primal``, float64.

    InterFaceGAN's conditional boundary by least squares instead of its closed form, so that parallel or repeated
    conditions do no harm.
    """
    direction = np.asarray(primal, dtype=np.float64)
    flat = direction.ravel()
    residual = flat
    if conditions:
        rows = [np.asarray(condition, dtype=np.float64) for condition in conditions]
        if any(row.size != flat.size for row in rows):
            raise BoundaryError(f"Conditions of shapes {[row.shape for row in rows]}; all must be {direction.shape}.")
        matrix = np.stack([row.ravel() for row in rows], axis=1)
        if not (np.isfinite(matrix).all() and np.isfinite(flat).all()):
            raise BoundaryError("A direction holds NaN or infinite numbers; give finite directions.")
        residual = flat - matrix @ np.linalg.lstsq(matrix, flat, rcond=None)[0]
    length = float(np.linalg.norm(residual))
    if not length > _DEPENDENT * float(np.linalg.norm(flat)):
        raise BoundaryError("The conditions explain the whole direction, nothing is left of it. Give fewer conditions.")
    return (residual / length).reshape(direction.shape)
