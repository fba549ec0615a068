"""The mouth as two contours: where lips part, what fills the gap, what closes over it. Face frame of `face.muscles`."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LipLine", "paint_mouth"]

Array = NDArray[np.float64]

_OPEN = 0.02  # IOD beyond the soft edges: lips less apart show no teeth worth keeping
_CHIN, _LOWER_LENGTH = 0.05, 0.1  # IOD
_UPPER, _LOWER = [60, 61, 62, 63, 64], [60, 67, 66, 65, 64]  # inner contours, corner to corner


class LipLine:
    """The inner lip contours at rest, and how an upper and a lower displacement field join along them.

    Args:
        face: (68, 2) landmarks of an upright face; unit: IOD.
    """

    def __init__(self, face: Array) -> None:
        upper, lower = face[_UPPER], face[_LOWER]
        middle = np.minimum(upper[:, 1], lower[:, 1]), np.maximum(upper[:, 1], lower[:, 1])
        self._x = np.maximum.accumulate(upper[:, 0] + 1e-6 * np.arange(5))
        self.left, self.right = float(self._x[0]), float(self._x[-1])
        self._table_x = np.linspace(self.left, self.right, 129)
        self._upper_y, self._lower_y = (_pchip(self._x, heights, self._table_x) for heights in middle)

    def rest(self, x: Array) -> Array:
        """Height of the mouth line at rest."""
        return (self.upper(x) + self.lower(x)) / 2

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
        share = np.clip(0.5 + (above - below) / (2 * band), 0.0, 1.0)
        share = share * share * (3 - 2 * share)
        source = share[..., None] * from_upper + (1 - share[..., None]) * from_lower
        inside = _ramp(-above / pixel) * _ramp(-below / pixel) * (outside == 0)
        return source, inside

    def own_interior(self, pixels: Array) -> tuple[Array, Array]:
        """What the photo itself shows between the lips: teeth stay on the skull while the lips move over them.

        Args:
            pixels: (h, w, 2) output pixels.

        Returns:
            (h, w, 2) source points, held inside the photo's own opening, and (h, w) in [0, 1], how far to trust
            them: not below the own lower lip and not beyond the corners, where no tooth was ever seen.
        """
        soft = 0.03
        x, y = pixels[..., 0], pixels[..., 1]
        upper, lower = self.upper(x) + soft, self.lower(x) - soft
        share = _ramp((self.lower(x) - y) / soft - 0.5) * _ramp((lower - upper - _OPEN) / soft - 0.5)
        share *= _ramp((np.minimum(x - self.left, self.right - x)) / 0.06 - 0.5)
        return np.stack([x, np.clip(y, upper, np.maximum(lower, upper))], axis=-1), share


def _pchip(x: Array, y: Array, at: Array) -> Array:
    curve: Any = importlib.import_module("scipy.interpolate").PchipInterpolator(x, y)
    return np.asarray(curve(at))


def paint_mouth(pixels: Array, lips: LipLine, *, jaw: float, level: float, seed: int) -> NDArray[np.float32]:
    """A mouth's inside for photos that show none: upper teeth on the skull, lower teeth on the jaw, dark between them,
    a hint of tongue. While the jaw is up, the rows meet, and lips that part show teeth alone.

    Args:
        pixels: (h, w, 2) face coordinates of the output pixels.
        jaw: how far the jaw has dropped, IOD.
        level: exposure of the photo, 1.0 for a well-lit face.
        seed: chooses the length and the shade of the teeth.

    Returns:
        (h, w, 3) float32 RGB in [0, 255].
    """
    random = np.random.default_rng(seed)
    length, shade = random.uniform(0.02, 0.06), random.uniform(0.82, 1.0)
    x, y = pixels[..., 0], pixels[..., 1]
    centre, half = (lips.left + lips.right) / 2, max((lips.right - lips.left) / 2, 1e-3)
    across = np.clip((x - centre) / half, -1.2, 1.2)
    arch = 1 - across**2
    rest = lips.rest(x)
    soft = 0.015
    edge = rest + length * np.sqrt(np.maximum(arch, 0))
    teeth = _ramp((edge - y) / soft) * np.clip(1.15 * arch, 0, 1)
    # Lips that part take the chin along by `_CHIN` before the jaw opens.
    top = edge + max(jaw - _CHIN, 0.0) + 0.6 * soft
    lower = _ramp((y - top) / soft) * _ramp((top + _LOWER_LENGTH - y) / soft) * np.clip(1.1 * arch - 0.1, 0, 1)
    gaps = 1 - 0.10 * np.exp(-(((x - centre + 0.04) % 0.08 - 0.04) ** 2) / 0.006**2)
    thin = 1 - 0.12 * np.exp(-(((x - centre + 0.03) % 0.06 - 0.03) ** 2) / 0.006**2)
    dark = np.array([58.0, 26.0, 26.0]) * min(level, 1.2)
    enamel = np.array([228.0, 218.0, 204.0]) * shade * float(np.clip(level, 0.25, 1.12))
    tongue = np.array([112.0, 58.0, 56.0]) * float(np.clip(level, 0.25, 1.1))
    tongue_at = np.exp(-((across / 0.5) ** 2)) * _ramp((y - rest - 0.6 * jaw - 0.02) / 0.25) * float(jaw > 0.08)
    colour = dark * (0.5 + 0.4 * np.clip(arch, 0, 1))[..., None]
    colour = colour + tongue_at[..., None] * (tongue - colour)
    lit = enamel * ((0.62 + 0.38 * np.clip(arch, 0, 1)) * gaps)[..., None]
    behind = enamel * (0.8 * (0.55 + 0.45 * np.clip(arch, 0, 1)) * thin)[..., None]
    colour = colour + lower[..., None] * (behind - colour)
    return (colour + teeth[..., None] * (lit - colour)).astype(np.float32)


def _ramp(t: Array) -> Array:
    """Smoothstep from 0 at t = -0.5 to 1 at t = 0.5."""
    s = np.clip(t + 0.5, 0.0, 1.0)
    return np.asarray(s * s * (3 - 2 * s))
