"""The mouth in one photo: its lips move on a finer grid than the face, and what opens between them is filled.

A photo's own teeth come first (`face.mouth.OwnMouth`), then the generator's picture where its mouth is sharp, then a
painted one (`face.teeth`). All of it is in the photo's own light and palette.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith._types import Array, FloatImage
from facsmith.compose.canvas import Canvas, Window
from facsmith.compose.flow import blur
from facsmith.compose.masks import border, fade
from facsmith.face.mouth import OwnMouth, upper_row
from facsmith.face.muscle_warp import Moves, MuscleField
from facsmith.face.paths import box_of
from facsmith.face.teeth import Dentition, mouth_light

__all__ = ["Mouth", "MouthChange"]


_FINEST: Final = 200.0  # window pixels per IOD
_ROOM: Final = (0.35, 0.3, 0.8)  # IOD around the lips at rest: sideways, upwards, downwards
_AROUND: Final = 0.16  # IOD around the lips, at rest and moved, that the fine grid covers
_FADES: Final = 0.07  # IOD in which it ends
_SMOOTH: Final = 0.006  # IOD, of the opening's edge
_BRIGHT: Final = (0.85, 1.05)  # of the lips' own brightness: what the generator draws darker is the mouth's depth
_PAINTED: Final = np.float32(0.85)


@dataclass(frozen=True, eq=False)
class MouthChange:
    """window: where. flow: (h, w, 2) backward, canvas pixels. fresh: (h, w, 3) colours, laid over with opacity (h, w).
    share: (h, w), how much of a pixel follows this grid rather than the canvas."""

    window: Window
    flow: FloatImage
    fresh: FloatImage
    opacity: FloatImage
    share: FloatImage


class Mouth:
    """One photo's mouth; everything constant is computed here, once."""

    def __init__(self, canvas: Canvas, field: MuscleField, photo: FloatImage) -> None:
        """photo: (H, W, 3) the photo on the canvas; field: of the face on it."""
        self._field = field
        self._iod = field.frame.iod
        lips = field.frame.to_photo(field.face[48:])
        side, up, down = (room * self._iod for room in _ROOM)
        low, high = lips.min(axis=0) - [side, up], lips.max(axis=0) + [side, down]
        finer = float(np.clip(1 / canvas.scale, 1, max(_FINEST / self._iod, 1)))
        self._window = canvas.window(low, high, finer)
        y, x = np.mgrid[: photo.shape[0], : photo.shape[1]].astype(np.float64)
        places = field.frame.to_face(np.stack([x, y], axis=-1))
        part, enamel = upper_row(photo, places, field.lips)
        self._own = OwnMouth(field.lips, part)
        self._inside = Dentition(
            field.lips, yaw=field.frame.yaw, light=mouth_light(photo, places, field.face), enamel=enamel, upper=part
        )
        self._lips = float(np.median(photo[_near(places, field)].mean(axis=1))) + 1

    def change(self, moves: Moves, mask: FloatImage, drawn: FloatImage | None = None) -> MouthChange | None:
        """What the mouth does; None where its lips stay.

        Parameters
        ----------
        moves
            The expression.
        mask
            (H, W) on the canvas, where something may change.
        drawn
            (H, W, 3) the generator's picture in the photo's colours, its face where the expression has it; None where
            it shows no mouth.
        """
        field, scale = self._field, self._iod
        moved = np.concatenate([field.face[48:], field.face[48:] + moves.sites[48:68]])
        if not np.abs(moves.sites[48:68]).max() > 1e-4:
            return None
        at = field.frame.to_photo(moved)
        margin = _AROUND * scale
        window = self._window.part(at.min(axis=0) - margin, at.max(axis=0) + margin)
        grid = window.grid
        places = field.frame.to_face(grid)
        motion = field.motion(places, moves, own=self._own, pixel=1 / (scale * window.finer))
        allowed = window.of_canvas(mask)
        flow = (field.frame.to_photo(motion.source) - grid).astype(np.float32) * allowed[..., None]
        opacity = blur(motion.parted.astype(np.float32) * allowed, max(_SMOOTH * scale * window.finer, 0.6))
        fresh = np.zeros((*window.shape, 3), np.float32)
        seen = opacity > 0
        if seen.any():
            box = box_of(seen)
            painted = self._inside.paint(places[box], moves.lips, jaw=moves.jaw)
            fresh[box] = painted if drawn is None else self._with_teeth(window.of_canvas(drawn)[box], painted, scale)
        share = border(window.shape, _FADES * scale * window.finer)
        return MouthChange(window, flow, fresh, opacity, share)

    def _with_teeth(self, drawn: FloatImage, painted: FloatImage, scale: float) -> FloatImage:
        """The generator's mouth, its teeth painted anew: a small generator draws them as one bright band."""
        bright = fade(blur(drawn.mean(axis=2), 0.03 * scale) / np.float32(self._lips), *_BRIGHT)
        return np.asarray(drawn + (_PAINTED * bright)[..., None] * (painted - drawn), np.float32)


def _near(places: Array, field: MuscleField) -> npt.NDArray[np.bool_]:
    """(H, W) where the lips' red is, about."""
    lips = field.face[48:60]
    x, y = places[..., 0], places[..., 1]
    low, high = lips.min(axis=0), lips.max(axis=0)
    inside = (x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1])
    return inside if inside.any() else np.ones_like(inside)
