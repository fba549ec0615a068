"""The mouth as two contours: where lips part, and what of the photo's own mouth is seen there. Face frame of
`face.muscles`."""

import importlib
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facsmith._types import Array

__all__ = ["LipLine", "OwnMouth", "curve", "ramp", "upper_row"]


_TABLE: Final = 129
_UPPER, _LOWER = [60, 61, 62, 63, 64], [60, 67, 66, 65, 64]  # inner contours, corner to corner
_SOFT: Final = 0.025  # IOD beside a lip that may be lip, once the lip has gone
_GONE: Final = 0.06  # IOD by which a lip has gone
_STRETCH: Final = 0.45  # of its height by which a visible row of teeth is lengthened at most
_HIDDEN: Final = 0.15  # of its height that a row goes on behind the lower lip: seen once the lip leaves the jaw
_MISSING = 0.3, 0.7  # of its height that would be missing: up to the first it is used, from the second on painted anew
_TEETH: Final = 0.035, 0.06  # IOD between the own lips: from the first on something may be seen there
_TOOTH: Final = 0.72  # of the brightest part's brightness: darker is the mouth's depth
_CAVITY: Final = 0.09  # IOD below the upper row from which there is a mouth to be seen that goes with the jaw
_RED: Final = 1.5  # red over green: a tongue or a lip, no tooth


class LipLine:
    """The inner lip contours at rest, and how an upper and a lower displacement field join along them.

    Parameters
    ----------
    face
        (68, 2) landmarks of an upright face.
    off
        (2, columns) IOD by which the upper and the lower contour lie lower than the landmarks have them, from corner to
        corner (`face.lip_edges`); None: by nothing.
    """

    _table_x: Array
    _upper_y: Array
    _lower_y: Array

    def __init__(self, face: Array, off: Array | None = None) -> None:
        upper, below = face[_UPPER], face[_LOWER]
        middle = np.minimum(upper[:, 1], below[:, 1]), np.maximum(upper[:, 1], below[:, 1])
        self.left, self.right = float(upper[0, 0]), float(upper[:, 0].max())
        self.middle = float(face[[51, 57, 62, 66], 0].mean())
        self._table_x = np.linspace(self.left, self.right, _TABLE)
        self._upper_y = curve(upper[:, 0], middle[0], self._table_x)
        self._lower_y = curve(upper[:, 0], middle[1], self._table_x)
        if off is not None:
            along: Array = np.linspace(self.left, self.right, off.shape[1])
            lower = self._lower_y + np.asarray(np.interp(self._table_x, along, off[1]), np.float64)
            self._upper_y = self._upper_y + np.asarray(np.interp(self._table_x, along, off[0]), np.float64)
            self._lower_y = np.maximum(lower, self._upper_y)

    @property
    def contours(self) -> tuple[Array, Array]:
        """(n, 2) points of the upper and of the lower contour, from corner to corner."""
        return np.stack([self._table_x, self._upper_y], axis=1), np.stack([self._table_x, self._lower_y], axis=1)

    def moved(self, upper: Array, lower: Array) -> "LipLine":
        """The line whose contours' points moved by (n, 2) each. Lips that would cross meet."""
        above, below = (points + by for points, by in zip(self.contours, (upper, lower), strict=True))
        line = copy(self)
        line.left, line.right = (float((above[end, 0] + below[end, 0]) / 2) for end in (0, -1))
        line.middle = self.middle + float((upper[_TABLE // 2, 0] + lower[_TABLE // 2, 0]) / 2)
        line._table_x = np.linspace(line.left, line.right, _TABLE)
        line._upper_y, lower_y = (
            np.interp(line._table_x, np.maximum.accumulate(points[:, 0]), points[:, 1]) for points in (above, below)
        )
        line._lower_y = np.maximum(lower_y, line._upper_y)
        return line

    @property
    def gap(self) -> float:
        """Height of the opening in the middle, IOD."""
        return float(self.lower(np.array(self.middle)) - self.upper(np.array(self.middle)))

    def upper(self, x: Array) -> Array:
        """Height of the upper inner contour; level beyond the corners."""
        return np.asarray(np.interp(x, self._table_x, self._upper_y))

    def lower(self, x: Array) -> Array:
        """Height of the lower inner contour; level beyond the corners."""
        return np.asarray(np.interp(x, self._table_x, self._lower_y))

    def join(self, from_upper: Array, from_lower: Array, *, pixel: float) -> tuple[Array, Array]:
        """One source point per output pixel out of the two fields'.

        Args:
            from_upper, from_lower: (h, w, 2) source points by the field of the upper and of the lower lip.
            pixel: size of an output pixel, IOD.

        Returns:
            (h, w, 2) source points and (h, w) in [0, 1]: how much of the pixel lies between the lips.
        """
        above = self.upper(from_upper[..., 0]) - from_upper[..., 1]  # > 0: skin or lip above the mouth
        below = from_lower[..., 1] - self.lower(from_lower[..., 0])  # > 0: skin or lip below it
        x = (from_upper[..., 0] + from_lower[..., 0]) / 2
        outside = np.maximum(np.maximum(self.left - x, x - self.right), 0.0)
        # Beyond the corners the two fields agree less and less: the band in which they blend widens.
        band = pixel + 0.9 * outside
        source = np.where((above > below)[..., None], from_upper, from_lower)
        blend = np.abs(above - below) < band
        share = ramp((above[blend] - below[blend]) / (2 * band[blend]))[:, None]
        source[blend] = share * from_upper[blend] + (1 - share) * from_lower[blend]
        inside = np.zeros(x.shape)
        parted = (outside == 0) & (np.maximum(above, below) < pixel / 2)
        inside[parted] = ramp(-above[parted] / pixel) * ramp(-below[parted] / pixel)
        return source, inside


@dataclass(frozen=True)
class OwnMouth:
    """What a photo shows between its own lips.

    The upper row stays on the skull while the lips move over it, what lies below it goes with the lower jaw, and what
    neither of them shows is left to be painted. A row is lengthened by a part of its height at most: where a lip rises
    by more, no part of the photo is believed, rather than drawn out into streaks.

    Parameters
    ----------
    lips
        At rest.
    upper
        The part of the opening's height, from above, that the upper row takes; in [0, 1].
    """

    lips: LipLine
    upper: float = 1.0

    def seen(
        self, pixels: Array, risen: Array | float, lowered: Array | float, jaw: float = 0.0
    ) -> tuple[Array, Array]:
        """Where the pixels between moved lips come from.

        Parameters
        ----------
        pixels
            (h, w, 2) output pixels.
        risen, lowered
            IOD by which the upper lip went up and the lower one down there; (h, w), or the same everywhere.
        jaw
            IOD by which the lower jaw dropped, and took the lower lip along.

        Returns
        -------
        (h, w, 2) source points, and (h, w) in [0, 1], how far the photo shows what is to be seen.
        """
        x, y = pixels[..., 0], pixels[..., 1]
        upper, lower = self.lips.upper(x), self.lips.lower(x)
        gap = np.maximum(lower - upper, 0.0)
        # A narrow gap below the row tells nothing of what lies there.
        whole = (1 - self.upper) * self.lips.gap < _CAVITY
        height = np.maximum((1.0 if whole else self.upper) * gap, 1e-3)
        edge = upper + height
        up, down = np.maximum(risen, 0.0), np.maximum(lowered, 0.0)
        soft = _SOFT * np.clip(up / _GONE, 0, 1), float(whole) * _SOFT * np.clip(down / _GONE, 0, 1)
        hidden = float(whole) * np.clip(down - max(jaw, 0.0), 0, _HIDDEN * height)
        longer = (height + up + hidden) / np.maximum(height - soft[0] - soft[1], 1e-3)
        missing = up / height
        of_row = edge - soft[1] - (edge + hidden - y) / np.minimum(longer, 1 + _STRETCH)
        pixel = 0.006
        row = ramp((of_row - upper - soft[0]) / pixel + 0.5) * ramp((edge + hidden - y) / pixel)
        below = y - lowered
        lip = _SOFT * np.clip(down / _GONE, 0, 1)
        rest = ramp((below - edge) / pixel) * ramp((lower - below - lip) / pixel) * float(not whole)
        source = np.stack([x, np.where(row > 0.5, of_row, np.clip(below, upper, lower))], axis=-1)
        side = np.clip(np.maximum(risen, lowered) / _GONE, 0, 1)
        corners = ramp(np.minimum(x - self.lips.left, self.lips.right - x) / 0.04 - 0.5)
        believed = 1 - ramp((missing - _MISSING[0]) / (_MISSING[1] - _MISSING[0]) - 0.5)
        shows = ramp((gap - _TEETH[0]) / (_TEETH[1] - _TEETH[0]) - 0.5)
        trust = np.maximum(row, rest) * believed * (1 - side * (1 - corners)) * shows
        # The first hardly visible movement shows nothing new.
        moved = np.clip(np.maximum(np.abs(risen), np.abs(lowered)) / 0.015, 0, 1)
        trust = 1 - moved * (1 - trust)
        return source, trust


def upper_row(picture: NDArray[np.float32], places: Array, lips: LipLine) -> tuple[float, NDArray[np.float32] | None]:
    """The part of a photo's own opening that its upper teeth take, and their colour.

    Parameters
    ----------
    picture
        (h, w, 3) in [0, 255], the photo around the mouth.
    places
        (h, w, 2) face coordinates of its pixels.
    lips
        At rest.

    Returns
    -------
    The part, 1 where the row ends behind the lower lip or where nothing is seen; (3,) colour, None where no teeth show.
    """
    x, y = places[..., 0], places[..., 1]
    upper, lower = lips.upper(x), lips.lower(x)
    gap = lower - upper
    if lips.gap < _TEETH[1]:
        return 1.0, None
    at = (y - upper) / np.maximum(gap, 1e-6)
    near = (gap > 0.6 * lips.gap) & (np.abs(x - lips.middle) < 0.22) & (at > 0.04) & (at < 0.98)
    if near.sum() < 40:
        return 1.0, None
    bins = np.clip((at[near] * 12).astype(int), 0, 11)
    colours = picture[near]
    bright = colours.mean(axis=1)
    profile = np.array([np.median(bright[bins == k]) if (bins == k).any() else 0.0 for k in range(12)])
    peak = int(profile[:9].argmax())
    dark = np.flatnonzero(profile[peak:] < _TOOTH * profile[peak])
    part = 1.0 if len(dark) == 0 else (peak + float(dark[0])) / 12
    teeth = colours[(bins <= max(round(part * 12) - 1, peak)) & (bright > 0.9 * profile[peak])]
    colour = np.median(teeth, axis=0).astype(np.float32) if len(teeth) > 8 else None
    if colour is None or colour[0] > _RED * colour[1]:
        return part, None
    return part, colour


def curve(x: Array, y: Array, at: Array) -> Array:
    """Through points (x, y), monotone between them, at ``at``, within the x.

    Where a landmarker crossed points, so that x does not rise, they stand side by side.
    """
    rising = np.maximum.accumulate(x) + 1e-6 * np.arange(len(x))
    through: Any = importlib.import_module("scipy.interpolate").PchipInterpolator(rising, y)
    return np.asarray(through(at))


def ramp(t: Array) -> Array:
    """Smoothstep from 0 at t = -0.5 to 1 at t = 0.5."""
    s = np.clip(t + 0.5, 0.0, 1.0)
    return np.asarray(s * s * (3 - 2 * s))
