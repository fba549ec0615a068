"""A mouth's inside where a photo shows none: two rows of teeth on their jaws, gums, the mouth's depth and a tongue.

Sizes are those of adults' teeth (Wheeler's Dental Anatomy: central incisor 8.5 mm wide and 10.5 mm high, lateral 6.5,
canine 7.5), an inter-ocular distance being some 63 mm. The rows stand on an arch, so that they narrow and darken to the
sides, and turn with the head. Face frame of `face.muscles`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facsmith._types import Array
from facsmith.face.mouth import LipLine, ramp

__all__ = ["Dentition", "mouth_light"]


_ARCH: Final = (0.44, 0.62)  # IOD: half-width and depth of the dental arch
_SEEN: Final = 0.065  # IOD below the upper lip at rest that the upper incisors reach; of 45 open smiles half reach .056
_BITE: Final = 0.035  # IOD by which they cover the lower ones
_ROUND: Final = 0.10  # IOD per IOD squared: the rows rise to the sides
_LOWER_ARCH: Final = 0.92  # of the upper one's size
_UPPER_WIDTHS = (0.135, 0.103, 0.118, 0.11, 0.105, 0.15)
_UPPER_HEIGHTS = (0.165, 0.142, 0.160, 0.135, 0.125, 0.115)
_UPPER_DROPS = (0.0, -0.014, -0.004, -0.016, -0.024, -0.03)
_LOWER_WIDTHS = (0.085, 0.094, 0.108, 0.11, 0.11, 0.16)
_LOWER_HEIGHTS = (0.135, 0.14, 0.15, 0.135, 0.125, 0.115)
_ENAMEL: Final = np.array([1.005, 1.003, 0.992])  # its hue in white light
_SEEN_ENAMEL: Final = 178.0  # grey levels of the brightest of a row in good light, where the eyes' white has 140
_READS: Final = 0.85  # of a painted tooth's colour that is seen: lips and its own roundness shade it
_BRIGHTEST: Final = 250.0
_GUM: Final = np.array([186.0, 112.0, 106.0])
_BEHIND: Final = np.array([0.50, 0.44, 0.40])  # of the light that the lower row has: the mouth around is red
_DEPTH: Final = np.array([46.0, 21.0, 20.0])
_TONGUE: Final = np.array([150.0, 84.0, 80.0])
_BY_WHITE, _BY_SKIN = (87.0, 0.65, 1.75), (75.0, 0.67, 1.3)
"""Grey levels of teeth by those of an eye's white, or else of skin: constant, slope, and how many times it at most."""
_OPEN_EYE: Final = 0.09  # IOD
_WARM: Final = np.array([0.72, 1.18, 1.24])  # powers of the shade: what lips and cheeks leave of light, they redden
_FOLLOWS, _CLOSED = 0.9, 0.04  # of the opening beyond the second, IOD, that the jaw goes along
_BELIEVED: Final = 0.6  # of the brightness of teeth in this light
_LEAST: Final = 0.55  # of what is brightest in the photo
_TINT: Final = 0.47  # of the eyes' white's tint, as a power, that teeth have
_BACK: Final = (0.36, 0.7)  # IOD along the arch between which the cheek's shade falls on the teeth
_SHADED: Final = 0.6


@dataclass(frozen=True, eq=False)
class _Row:
    """Of pixels (h, w): tooth, how much of it is tooth; gum, how much gum; shade, of the tooth; beside, the part of
    that shade which the place on the arch makes, and which gums have too."""

    tooth: Array
    gum: Array
    shade: Array
    beside: Array


class Dentition:
    """The mouth's inside of one face.

    Parameters
    ----------
    lips
        At rest.
    yaw
        Of the head, radians, positive to the image's right.
    light
        (3,) the light it stands in, 1 for a well-lit face.
    enamel
        (3,) colour of the photo's own teeth in its light, where they show; not believed where it is darker than teeth
        in this light are.
    upper
        The part of the photo's own opening that its upper teeth take, where they show.
    seed
        Chooses by how little teeth differ from the usual.
    """

    def __init__(
        self,
        lips: LipLine,
        *,
        yaw: float = 0.0,
        light: Array | None = None,
        enamel: NDArray[np.float32] | None = None,
        upper: float = 1.0,
        seed: int = 0,
    ) -> None:
        self._lips = lips
        random = np.random.default_rng(seed)
        self._size = float(random.uniform(0.95, 1.03))
        self._tints = random.uniform(0.965, 1.0, 12)
        self._light = np.ones(3) if light is None else np.asarray(light, np.float64)
        self._enamel = np.minimum(_ENAMEL * _SEEN_ENAMEL / _READS * self._light, _BRIGHTEST)
        at = float(lips.upper(np.array(lips.middle)))
        self._edge = at + 0.3 * min(lips.gap, 0.1) + _SEEN
        if enamel is not None and float(np.mean(enamel)) > _BELIEVED * _READS * float(self._enamel.mean()):
            self._enamel = np.minimum(np.asarray(enamel, np.float64) / _READS, _BRIGHTEST)
            self._edge = max(self._edge, at + upper * lips.gap)
        self._yaw = yaw

    def paint(self, pixels: Array, moved: LipLine, *, jaw: float) -> NDArray[np.float32]:
        """(h, w, 3) RGB in [0, 255] of pixels (h, w, 2) between moved lips.

        Parameters
        ----------
        jaw
            IOD by which the lower jaw has dropped.
        """
        x, y = pixels[..., 0], pixels[..., 1]
        opening = max(moved.gap, 0.0)
        # Lips seldom part by much without the jaw: teeth come apart a little, and the lower ones hide behind the lip.
        apart = max(jaw, 0.0) + _FOLLOWS * max(opening - max(jaw, 0.0) - _CLOSED, 0.0)
        # A face that is drawn up takes the lower lip along, which covers no more of the row than at rest.
        edge = min(self._edge, float(moved.lower(np.array(moved.middle))) + _SEEN)
        upper = self._row(x, y, edge, below=False)
        lower = self._row(x, y, edge - _BITE + apart, below=True)
        colour = self._depth(x, y, moved, apart)
        for row, bright, gum in ((lower, _BEHIND, 0.45), (upper, np.ones(3), 0.85)):
            flesh = _GUM * self._light * gum * row.beside[..., None]
            colour = colour + row.gum[..., None] * (flesh - colour)
            lit = self._enamel * bright * row.shade[..., None]
            colour = colour + row.tooth[..., None] * (lit - colour)
        # Lips and cheeks keep light away.
        under = 1 - 0.38 * np.exp(-np.maximum(y - moved.upper(x), 0) / 0.03)
        over = 1 - 0.35 * np.exp(-np.maximum(moved.lower(x) - y, 0) / 0.03)
        corner = np.minimum(x - moved.left, moved.right - x)
        beside = 0.35 + 0.65 * ramp(corner / 0.2 - 0.5)
        return (colour * (under * over * beside)[..., None] ** _WARM).astype(np.float32)

    def _depth(self, x: Array, y: Array, moved: LipLine, apart: float) -> Array:
        bottom = moved.lower(x)
        across = np.exp(-(((x - moved.middle) / 0.26) ** 2))
        tongue = across * ramp((y - (bottom - 0.55 * max(apart, 0.0))) / 0.12) * ramp(np.array(apart / 0.1 - 0.8))
        colour = np.broadcast_to(_DEPTH * self._light, (*x.shape, 3))
        return colour + tongue[..., None] * (0.62 * _TONGUE * self._light - colour)

    def _row(self, x: Array, y: Array, edge: float, *, below: bool) -> _Row:
        """The upper row, or the lower one; edge: height of its incisors' edge in the middle."""
        scale = _LOWER_ARCH if below else 1.0
        widths, heights = (_LOWER_WIDTHS, _LOWER_HEIGHTS) if below else (_UPPER_WIDTHS, _UPPER_HEIGHTS)
        along, facing = self._along(x, scale)
        bounds = np.concatenate([[0.0], np.cumsum(np.array(widths) * self._size)])
        place = np.abs(along)
        index = np.clip(np.searchsorted(bounds, place, side="right") - 1, 0, len(widths) - 1)
        u = np.clip((place - bounds[index]) / np.diff(bounds)[index] * 2 - 1, -1, 1)
        drops = np.zeros(6) if below else np.array(_UPPER_DROPS)
        pointed = (index == 2).astype(float)
        worn = np.where(pointed > 0, 0.026 * np.abs(u) ** 1.6, (0.006 if below else 0.013) * np.abs(u) ** 5)
        rise = _ROUND * (x - self._lips.middle) ** 2
        height = np.array(heights)[index] * self._size
        soft = 0.012
        bottom = edge + drops[index] - rise + np.where(below, worn, -worn)
        from_edge = y - bottom if below else bottom - y  # the lower row's edge is above it
        to_gum = height - 0.05 * np.abs(u) ** 2.4 - from_edge
        seen = (place < bounds[-1]) * ramp(facing / 0.25 - 0.5)
        tooth = ramp(from_edge / soft - 0.3) * ramp(to_gum / 0.02 + 0.3) * seen
        gum = ramp(from_edge / soft - 0.3) * seen
        line = np.abs(u) - 1
        width = np.diff(bounds)[index] * np.maximum(facing, 0.3) / 2
        gap = 1 - (0.15 if below else 0.12) * np.exp(-((line * width / 0.009) ** 2))
        bulge = 1 - 0.07 * np.abs(u) ** 2
        edges = 1 - 0.07 * np.exp(-np.maximum(from_edge, 0) / 0.02)  # translucent
        tint = self._tints[np.where(along < 0, index, index + 6)] * np.where(index == 2, 0.95, 1.0)
        round_off = 0.5 + 0.5 * np.clip(facing, 0, 1) ** 0.8
        cheek = 1 - _SHADED * ramp((place - _BACK[0]) / (_BACK[1] - _BACK[0]) - 0.5)
        beside = round_off * cheek
        return _Row(tooth, gum, gap * bulge * edges * tint * beside, beside)

    def _along(self, x: Array, scale: float) -> tuple[Array, Array]:
        """(h, w) place along the arch, 0 in its middle, and the cosine by which it faces the viewer."""
        half, deep = (scale * v for v in _ARCH)
        t = np.linspace(-0.49 * np.pi, 0.49 * np.pi, 241)
        across, back = half * np.sin(t), deep * (np.cos(t) - 1)
        step = np.hypot(np.diff(across), np.diff(back))
        length = np.concatenate([[0.0], np.cumsum(step)])
        length -= length[120]
        seen = np.cos(self._yaw) * across + np.sin(self._yaw) * back
        cosine = np.gradient(seen, length)
        first = 120 - int(np.argmax(cosine[120::-1] <= 0.02)) if (cosine[:121] <= 0.02).any() else 0
        last = 120 + int(np.argmax(cosine[120:] <= 0.02)) if (cosine[120:] <= 0.02).any() else 240
        kept = slice(first + 1, last)
        at = x - self._lips.middle
        inside = (at > seen[kept][0]) & (at < seen[kept][-1])
        along = np.asarray(np.interp(at, seen[kept], length[kept]), np.float64)
        facing = np.asarray(np.interp(at, seen[kept], cosine[kept]), np.float64)
        return along, np.where(inside, facing, 0.0)


def mouth_light(picture: NDArray[np.float32], places: Array, face: Array) -> Array:
    """(3,) the light on a face, 1 where it is well lit.

    The eyes' white tells it, since skin may be dark, and skin where the eyes are shut. How bright and how warm teeth
    are by it was fitted to 647 open smiles of UTKFace, 284 of generated portraits and 42 of studio portraits.

    Parameters
    ----------
    picture
        (h, w, 3) in [0, 255].
    places
        (h, w, 2) face coordinates of its pixels.
    face
        (68, 2) landmarks.
    """
    bright = picture.mean(axis=2)
    x, y = places[..., 0], places[..., 1]
    whites: list[float] = []
    tints: list[float] = []
    for eye in (face[36:42], face[42:48]):
        low, high = eye.min(axis=0) - 0.01, eye.max(axis=0) + 0.01
        inside = (x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1])
        if inside.sum() > 8 and high[1] - low[1] > _OPEN_EYE:
            whites.append(float(np.percentile(bright[inside], 95)))
            red, _, blue = picture[inside & (bright >= 0.9 * whites[-1])].mean(axis=0)
            tints.append(float(red) / max(float(blue), 1.0))
    skin = bright[(np.abs(x) < 0.7) & (y > 0.25) & (y < 1.0)]
    if whites:
        level = _teeth_by(float(np.mean(whites)), _BY_WHITE)
    else:
        level = _teeth_by(float(np.percentile(skin, 75)), _BY_SKIN) if skin.size else 1.0
    level = max(level, _LEAST * float(np.percentile(bright, 98)) / 255)
    warm = float(np.clip(np.mean(tints or [1.0]), 0.8, 1.7)) ** (_TINT / 2)
    return np.clip(level, 0.2, 1.3) * np.array([warm, 1.0, 1 / warm])


def _teeth_by(level: float, law: tuple[float, float, float]) -> float:
    """The light on teeth by the grey levels of something near them."""
    constant, slope, most = law
    return min(constant + slope * level, most * level) / _SEEN_ENAMEL
