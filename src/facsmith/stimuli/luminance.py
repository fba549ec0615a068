"""Luminance and contrast of pictures in linear light, and making those of a set equal.

Conventions: luminance Y is relative, 0 to 1, of linear sRGB (IEC 61966-2-1) with the weights of Rec. 709; contrast is
the standard deviation of Y over its mean (RMS contrast); a grey level is 255 times the encoded value of a luminance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith._types import Array, Pixels

__all__ = ["Light", "Tone", "decode", "encode", "grey_of", "light_of", "match", "toned"]


_WEIGHTS: Final = np.array([0.2126, 0.7152, 0.0722])
_CLIPPED: Final = 0.01
"""Share of a picture's pixels that may lie at an end of the scale; for more, the whole set's contrast is lowered."""
_LOWER, _LOWEST = 0.95, 40  # by what contrast is lowered at a time, and how often at most
_ROUNDS, _NEAR, _ROUNDED = 12, 2e-4, 1e-9


def _decoded(values: Array) -> Array:
    """sRGB 0 to 1 -> linear."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _encoded(linear: Array) -> Array:
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


_LINEAR: Final = _decoded(np.arange(256) / 255.0)


@dataclass(frozen=True)
class Light:
    """How light a picture is.

    Parameters
    ----------
    mean, deviation
        Mean and standard deviation of luminance over the pixels looked at.
    """

    mean: float
    deviation: float

    @property
    def level(self) -> float:
        """The mean as a grey level, 0 to 255."""
        return float(255 * _encoded(np.array(self.mean)))

    @property
    def contrast(self) -> float:
        """RMS contrast."""
        return self.deviation / self.mean if self.mean > 0 else 0.0


@dataclass(frozen=True)
class Tone:
    """What is done to each channel of linear light: times ``gain``, plus ``offset``. So hues stay, and luminance is
    moved by the same two numbers."""

    gain: float = 1.0
    offset: float = 0.0


def decode(pixels: Pixels) -> Array:
    """uint8 sRGB -> linear light, 0 to 1, of the same shape."""
    return _LINEAR[pixels]


def encode(linear: Array) -> Pixels:
    """Linear light, clipped to 0 to 1 -> uint8 sRGB."""
    return np.rint(255 * _encoded(linear)).astype(np.uint8)


def light_of(pixels: Pixels, where: npt.NDArray[np.bool_] | None = None) -> Light:
    """Mean and deviation of the luminance of pixels.

    Parameters
    ----------
    pixels
        (H, W, 3) or (N, 3) uint8.
    where
        (H, W), the pixels looked at.
    """
    luminance = _LINEAR[pixels if where is None else pixels[where]] @ _WEIGHTS
    return Light(float(luminance.mean()), float(luminance.std()))


def toned(pixels: Pixels, tone: Tone) -> Pixels:
    """Pixels with a tone applied, of the same shape.

    Parameters
    ----------
    pixels
        (..., 3) uint8.
    """
    return encode(_LINEAR * tone.gain + tone.offset)[pixels]  # each of the 256 levels becomes another


def grey_of(pixels: Pixels) -> Pixels:
    """(H, W, 3) uint8, the three channels the same, of the same luminance."""
    return np.repeat(encode(_LINEAR[pixels] @ _WEIGHTS)[..., None], 3, axis=-1)


def match(samples: Sequence[Pixels]) -> tuple[list[Tone], Light]:
    """The tones that give all pictures one mean and one contrast, and what these are.

    The mean is the set's; so is the contrast, lowered as far as it takes for no picture to be clipped in more than a
    hundredth of its pixels. Solved on the finished 8-bit pixels, so that clipping and rounding are in it.

    Parameters
    ----------
    samples
        Per picture the pixels inside the oval, (N, 3) uint8.
    """
    lights = [light_of(sample) for sample in samples]
    mean = float(np.mean([light.mean for light in lights]))
    deviation = float(np.mean([light.deviation for light in lights]))
    for _ in range(_LOWEST):
        target = Light(mean, deviation)
        first = [_tone(light, target) for light in lights]
        if all(_clipped(sample, tone) <= _CLIPPED for sample, tone in zip(samples, first, strict=True)):
            break
        deviation *= _LOWER
    target = Light(mean, deviation)
    return [_solved(sample, light, target) for sample, light in zip(samples, lights, strict=True)], target


def _tone(light: Light, target: Light) -> Tone:
    gain = target.deviation / light.deviation if light.deviation > 0 else 1.0
    return Tone(gain, target.mean - gain * light.mean)


def _solved(sample: Pixels, light: Light, target: Light) -> Tone:
    tone = best = _tone(light, target)
    least = np.inf
    for _ in range(_ROUNDS):
        seen = light_of(toned(sample, tone))
        off = abs(seen.mean - target.mean) + abs(seen.deviation - target.deviation)
        if off < least:  # of 256 levels only so many tones differ: the last need not be the nearest
            best, least = tone, off
        if off < _NEAR:
            break
        more = target.deviation / seen.deviation if seen.deviation > 0 else 1.0
        tone = Tone(tone.gain * more, more * (tone.offset - seen.mean) + target.mean)
    return best


def _clipped(sample: Pixels, tone: Tone) -> float:
    """Share of pixels of which a channel is moved beyond an end of the scale."""
    moved = _LINEAR * tone.gain + tone.offset
    beyond = (moved < -_ROUNDED) | (moved > 1 + _ROUNDED)
    return float(beyond[sample].any(axis=-1).mean())
