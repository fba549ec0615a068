"""Action Units from how 68 points moved.

Conventions: a displacement is (68, 2) float64, how far each iBUG point lies from where it is in the same person's
neutral picture; unit: the neutral face's inter-ocular distance (IOD); axes: the neutral face's own, x along its eye
line to the image's right, y down to the chin. Landmarkers under-report movement, each AU by another factor: compare a
film with what they report for the muscles of the same neutral picture (`responses`), not with the table alone.
"""

import importlib
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.errors import ActionUnitError, InputError
from facsmith.face.muscles import basis, moved_points
from facsmith.face.points import EYE_CORNERS, JAW, eye_centers
from facsmith.facs import DISFA

__all__ = [
    "NOISE",
    "POINT_WEIGHTS",
    "Leak",
    "aligned_displacement",
    "along",
    "empty_points",
    "from_displacement",
    "leak",
    "unmixed",
]


_STABLE: Final = [*EYE_CORNERS, 27, 28]  # no AU of the twelve moves these: the eye corners and the upper nose bridge
NOISE: Final = 0.01
"""In IOD: a pattern of movement fainter than this is the landmarker's own wandering."""
POINT_WEIGHTS: Final = np.ones((68, 1))
"""Points of the jaw line, but the chin, slide along it, and count half."""
POINT_WEIGHTS[[p for p in JAW if p not in (7, 8, 9)]] = 0.5


class Leak(NamedTuple):
    """Movement, in IOD, of the points that an AU leaves in place."""

    mean: float
    largest: float


def aligned_displacement(landmarks: npt.ArrayLike, neutral: npt.ArrayLike) -> Array:
    """How the expression differs from neutral, without the head's own movement.

    Parameters
    ----------
    landmarks, neutral
        (68, 2) in pixels, of one person. The similarity that best lays the eye corners and the upper nose bridge of one
        over those of the other is taken away (least squares; Umeyama 1991).
    """
    rest = np.asarray(neutral, dtype=np.float64)
    left, right = eye_centers(rest)
    across = right - left
    iod = float(np.hypot(*across))
    if not iod > 0:
        raise InputError("The eyes of the neutral face lie on one spot; measure against a face seen from the front.")
    x = across / iod
    axes = np.stack([x, [-x[1], x[0]]], axis=1) / iod
    shown, rest = np.asarray(landmarks, dtype=np.float64) @ axes, rest @ axes
    shown, rest = shown - shown[_STABLE].mean(axis=0), rest - rest[_STABLE].mean(axis=0)
    a, b = shown[_STABLE], rest[_STABLE]
    # The similarity [[c, s], [-s, c]] (for row vectors) of least squared error in the plane.
    c, s = float((a * b).sum()), float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum())
    return shown @ np.array([[c, s], [-s, c]]) / max(float((a**2).sum()), 1e-12) - rest


def along(displacement: npt.ArrayLike, au: int) -> float:
    """How far a displacement goes in an AU's direction: 1.0 is the table's full intensity, 0.0 nothing of it."""
    direction = basis(DISFA)[_row(au)]
    return float((np.asarray(displacement) * direction).sum() / (direction**2).sum())


def empty_points(au: int) -> npt.NDArray[np.bool_]:
    """Which of the 68 points the table leaves empty for this AU, (68,)."""
    _row(au)
    return ~moved_points(au)


def leak(displacement: npt.ArrayLike, au: int) -> Leak:
    """How far a displacement moves the points that this AU's row of the table leaves empty."""
    lengths = np.linalg.norm(np.asarray(displacement, dtype=np.float64)[empty_points(au)], axis=1)
    return Leak(float(lengths.mean()), float(lengths.max()))


def from_displacement(
    displacement: npt.ArrayLike, *, responses: Array | None = None, noise: float | Array = NOISE
) -> Array:
    """The intensities whose movements add up to a displacement: (12,), each >= 0, in AU order.

    On eleven portraits moved by one AU at a time, the other eleven together were read as .15 that way (`unmixed`), and
    as .74 without the price on each AU.

    Parameters
    ----------
    responses
        (12, 68, 2), the displacement that each AU at intensity 1 is reported as on this face (`NeutralFace.responses`);
        without, the table's own, which landmarkers under-report to between .2 (AU6) and .8 (AU26).
    """
    rows = (basis(DISFA) if responses is None else responses) * POINT_WEIGHTS
    seen = np.asarray(displacement, dtype=np.float64) * POINT_WEIGHTS
    return unmixed(rows.reshape(len(DISFA), -1), seen.ravel(), noise=noise)


def unmixed(rows: Array, seen: Array, *, noise: float | Array) -> Array:
    """How much of each row adds up to what is seen: (12,), each >= 0.

    Non-negative least squares with a price on each AU, so that one fainter than the noise stays at 0: min 1/2 |u A -
    d|^2 + sum_i noise_i |a_i| u_i.

    Parameters
    ----------
    rows
        (12, D), what each AU at intensity 1 shows.
    seen
        (D,).
    noise
        Length of a pattern that is nothing yet, one for all or (12,).
    """
    optimize: Any = importlib.import_module("scipy.optimize")  # half a second, needed here only
    # Completing the square turns the priced problem into a plain one of twelve rows, with A A^T = L L^T.
    gram = rows @ rows.T
    root = np.linalg.cholesky(gram + 1e-9 * max(1.0, float(np.trace(gram))) * np.eye(len(rows)))
    priced = rows @ seen - noise * np.sqrt(np.diag(gram))
    return np.asarray(optimize.nnls(root.T, np.linalg.solve(root, priced))[0], dtype=np.float64)


def _row(au: int) -> int:
    if au not in DISFA:
        raise ActionUnitError(f"AU{au} is not one of the twelve: {', '.join(f'AU{known}' for known in DISFA)}.")
    return DISFA.index(au)
