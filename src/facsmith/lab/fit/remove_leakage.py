"""Boundaries turned so that what an AU's edit was measured to show of other AUs is taken out."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from facsmith.boundary import Boundary, BoundarySet, Calibration
from facsmith.errors import BoundaryError

__all__ = ["remove_leakage"]


_MOST = 0.5  # of all others together, that is taken out of one AU's edit: near 1, two AUs would become one


def remove_leakage(boundary_set: BoundarySet, shown: npt.ArrayLike) -> BoundarySet:
    """The boundaries with normals mixed anew: AU i's edit then holds as much less of AU j as was measured of it.

    With R = shown, its diagonal 1, what is asked of the new boundaries goes to the old ones as a R^-1 (at intensities
    below 1 as far as the calibrations are straight). Their joint edit J (moves that change one distance by 1, J B^T = I
    for independent normals) becomes C J, and so B becomes C^-T B, C being R^-1 in distances.

    Parameters
    ----------
    shown
        (K, K) >= 0, in the boundaries' order: how much of AU j was seen where AU i alone was asked for at 1. The
        diagonal is not looked at: strengths stay, and are `recalibrate`'s.

    Raises
    ------
    BoundaryError
        ``shown`` is not (K, K), negative or not finite.
    """
    boundaries = boundary_set.boundaries
    count = len(boundaries)
    leaks = np.array(shown, dtype=np.float64)
    if leaks.shape != (count, count) or not np.isfinite(leaks).all() or (leaks < 0).any():
        raise BoundaryError(
            f"What {count} AUs show of one another is ({count}, {count}), finite and not negative; given: "
            f"{leaks.shape}."
        )
    np.fill_diagonal(leaks, 0.0)
    leaks *= np.minimum(1.0, _MOST / np.maximum(leaks.sum(axis=1, keepdims=True), 1e-9))  # so that R has an inverse
    rest = np.array([b.calibration.distances[0] for b in boundaries])
    full = np.array([b.calibration.distances[-1] for b in boundaries]) - rest
    mixed = (np.eye(count) + leaks).T * full[:, None] / full[None, :]  # C^-T: C_ij = R^-1_ij full_j / full_i
    normals = mixed @ boundary_set.normals
    lengths = np.linalg.norm(normals, axis=1)
    normals /= lengths[:, None]
    intercepts, still = mixed @ boundary_set.intercepts / lengths, mixed @ rest / lengths

    def turned(k: int) -> Boundary:
        curve = boundaries[k].calibration
        distances = still[k] + (np.array(curve.distances) - rest[k]) / lengths[k]
        return replace(
            boundaries[k],
            normal=normals[k].reshape(boundary_set.shape),
            intercept=float(intercepts[k]),
            calibration=Calibration(curve.intensities, tuple(distances.tolist())),
        )

    return BoundarySet(tuple(turned(k) for k in range(count)), boundary_set.generator_id)
