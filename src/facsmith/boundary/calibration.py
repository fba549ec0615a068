"""The monotone map between an AU's intensity and its signed distance."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.errors import BoundaryError

__all__ = ["Calibration"]


_MAX_NODES = 256
_FARTHEST = 1e9
_SMALLEST_STEP = 1e-15
_BISECTIONS = 54  # an interval of length 1 down to a float64's precision


@dataclass(frozen=True)
class Calibration:
    """Intensity in [0, 1] <-> signed distance in W+ units: a monotone cubic (PCHIP) through measured nodes.

    >>> line = Calibration((0.0, 1.0), (-2.0, 4.0))
    >>> float(line.distance(0.5)), float(line.intensity(4.0)), float(line.intensity(-9.0))
    (1.0, 1.0, 0.0)

    Parameters
    ----------
    intensities
        From 0 to 1, strictly growing; 2 to 256 nodes.
    distances
        As many, strictly growing, each within a billion.
    """

    intensities: tuple[float, ...]
    distances: tuple[float, ...]

    def __post_init__(self) -> None:
        e, d = np.array(self.intensities, dtype=np.float64), np.array(self.distances, dtype=np.float64)
        if not (e.ndim == d.ndim == 1 and len(e) == len(d) and 2 <= len(e) <= _MAX_NODES):
            raise BoundaryError(
                f"A calibration needs 2 to {_MAX_NODES} pairs (intensity, distance); given: {e.shape}, {d.shape}."
            )
        if not (np.all(np.abs(d) <= _FARTHEST) and e[0] == 0 and e[-1] == 1):
            raise BoundaryError(
                "A calibration goes from intensity 0 to 1 with finite distances; the given one does not."
            )
        if not (np.all(np.diff(e) > _SMALLEST_STEP) and np.all(np.diff(d) > _SMALLEST_STEP)):
            raise BoundaryError("A calibration grows strictly in intensity and in distance; the given one does not.")
        object.__setattr__(self, "intensities", tuple(e.tolist()))
        object.__setattr__(self, "distances", tuple(d.tolist()))

    def distance(self, intensity: npt.ArrayLike) -> Array:
        """Signed distance at intensities of any shape, clipped to [0, 1]."""
        return cast(Array, self._curve(np.clip(np.asarray(intensity, dtype=np.float64), 0.0, 1.0)))

    def intensity(self, distance: npt.ArrayLike) -> Array:
        """Intensity in [0, 1] at distances of any shape; 0 below the map's range, 1 above it."""
        wanted = np.asarray(distance, dtype=np.float64)
        nodes = np.array(self.intensities)
        piece = np.clip(np.searchsorted(self.distances, wanted) - 1, 0, len(nodes) - 2)
        a, b, c, d = cast(Array, self._curve.c)[:, piece]
        low, high = np.zeros(wanted.shape), np.diff(nodes)[piece]
        for _ in range(_BISECTIONS):
            x = (low + high) / 2
            below = ((a * x + b) * x + c) * x + d < wanted
            low, high = np.where(below, x, low), np.where(below, high, x)
        inside = np.where(wanted >= self.distances[-1], 1.0, nodes[piece] + high)
        return np.where(wanted <= self.distances[0], 0.0, inside)

    def stretched(self, factor: float) -> "Calibration":
        """The same map with every distance from intensity 0 times ``factor``, above 0."""
        rest = self.distances[0]
        return Calibration(self.intensities, tuple(rest + factor * (d - rest) for d in self.distances))

    @cached_property
    def _curve(self) -> Any:
        from scipy.interpolate import PchipInterpolator  # pyright: ignore[reportMissingTypeStubs]

        return PchipInterpolator(self.intensities, self.distances)
