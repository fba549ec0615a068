"""What an animator would send a picture back for, as numbers: one edited portrait against its photo.

Each warning is a value and the bar from which it fires. What they are worth is measured against grades by eye
(`lab.evaluate.pictures.grades_report`); a warning that fires where nothing is wrong is a defect of the warning.

- ``hue``: part of the opened mouth whose colour lies outside what the photo's face holds (a violet or orange gel).
- ``dark``: how much darker skin became over an area of some .1 IOD, as a natural logarithm.
- ``streaks``: how far the muscles' field draws out the photo's own skin, as a factor.
- ``rim``: by how much the rims of glasses moved, IOD.
- ``smile``: AU12 that landmarks still read where none was asked for.
- ``identity``: distance of dlib's embeddings between photo and picture.
- ``jitter``: of a film, the part of a frame's change that the next one takes back.

Conventions: pictures (H, W, 3) uint8 RGB, landmarks (68, 2) in their pixels; IOD is the inter-ocular distance.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facsmith import measure
from facsmith._types import Array, Pixels
from facsmith.compose.canvas import canvas
from facsmith.compose.masks import face_mask
from facsmith.compose.still import rims_moved
from facsmith.face.align import crop_transform
from facsmith.face.mouth import OwnMouth
from facsmith.face.muscle_warp import MuscleField
from facsmith.face.own import own_expression
from facsmith.face.points import interocular
from facsmith.facs import DISFA

__all__ = ["BARS", "film_jitter", "fired", "picture_warnings"]


BARS: Final[Mapping[str, float]] = {
    "hue": 0.12,
    "dark": 0.36,
    "streaks": 1.95,
    "rim": 0.04,
    "smile": 0.4,
    "identity": 0.45,
    "jitter": 0.35,
}
"""From which value on a warning fires; chosen on 322 edits graded by eye (docs/how-to/measure.md)."""

_AREA: Final = 0.1  # IOD
_STEP: Final = 0.03  # IOD, of the grid on which stretch is looked at
_BESIDE: Final = 0.1  # IOD around the mouth that stretch is not looked at: there two fields meet
_HELD: Final = (1, 99)  # percentiles of the face's colours that count as held by the photo
_OFF: Final = 6.0  # CIE Lab beyond them


def picture_warnings(
    photo: Pixels, picture: Pixels, landmarks: Array, moved: Array, change: Array, *, asked_smile: float, seen: Array
) -> dict[str, float]:
    """Every warning's value for one picture; ``rim`` is missing where no glasses are found.

    Parameters
    ----------
    photo, picture
        Before and after.
    landmarks, moved
        Before, and where the muscles moved them.
    change
        (2, 28) by how much the AUs changed, of both sides.
    asked_smile
        AU12 that was asked for, 0 to 1.
    seen
        Landmarks read on the picture.
    """
    iod = float(interocular(landmarks))
    values = {
        "hue": _foreign_colour(photo, picture, landmarks, moved, iod),
        "dark": _darkened(photo, picture, landmarks, iod),
        "streaks": _stretch(landmarks, change),
        "smile": 0.0 if asked_smile > 0 else float(own_expression(seen)[DISFA.index(12)]),
        "identity": measure.identity(photo, picture, landmarks=(landmarks, seen)).distance,
    }
    bent = rims_moved(photo, picture, canvas(crop_transform(landmarks, 256), landmarks), landmarks)
    return values if bent is None else {**values, "rim": bent}


def fired(values: Mapping[str, float]) -> list[str]:
    """The names of the warnings at or above their bars."""
    return [name for name, value in values.items() if value >= BARS[name]]


def film_jitter(frames: Sequence[Pixels]) -> float:
    """Of T frames (T, H, W, 3), the part of the change from one to the next that the one after takes back: 0 for a
    movement that goes on, 1 for flicker. The median over pixels that change and over frames."""
    back: list[float] = []
    for a, b, c in zip(frames, frames[1:], frames[2:], strict=False):
        first, second = (x.astype(np.int16).sum(axis=2) - y.astype(np.int16).sum(axis=2) for x, y in ((b, a), (c, b)))
        both = np.abs(first) + np.abs(second)
        busy = both > 24
        if busy.sum() > 100:
            taken = np.minimum(np.abs(first), np.abs(second)) * (np.sign(first) != np.sign(second))
            back.append(float(2 * taken[busy].sum() / both[busy].sum()))
    return float(np.median(back)) if back else 0.0


def _foreign_colour(photo: Pixels, picture: Pixels, landmarks: Array, moved: Array, iod: float) -> float:
    inside = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(moved[60:68]).astype(np.int32)], (1,))
    if inside.sum() < 0.003 * iod * iod:
        return 0.0
    mask = face_mask(landmarks, iod, photo.shape[:2]) > 0.5
    left, top, right, bottom = _box(inside > 0)
    opened = _lab(picture[top:bottom, left:right])[inside[top:bottom, left:right] > 0]
    held = _lab(photo[mask][None])[0]
    low, high = np.percentile(held[:, 1:], _HELD, axis=0)
    # Teeth and depth have little colour of their own; what counts is colour that the face has not.
    beyond = np.maximum(np.maximum(opened[:, 1:] - high, np.minimum(low, 0) - opened[:, 1:]), 0)
    return float((np.hypot(beyond[:, 0], beyond[:, 1]) > _OFF).mean())


def _darkened(photo: Pixels, picture: Pixels, landmarks: Array, iod: float) -> float:
    """The log of the strongest darkening of an area of skin, mouth, eyes and brows left out."""
    scale = 40 / iod
    size = (max(round(photo.shape[1] * scale), 8), max(round(photo.shape[0] * scale), 8))
    before, after = (
        np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA), np.float64).mean(axis=2) + 8
        for p in (photo, picture)
    )
    at = landmarks * scale
    skin = (face_mask(at, 40, (size[1], size[0])) > 0.9).astype(np.uint8)
    for points in (at[17:22], at[22:27], at[36:42], at[42:48], at[48:60], at[31:36]):
        cv2.fillConvexPoly(skin, cv2.convexHull(np.rint(points).astype(np.int32)), (0,))
    skin = cv2.erode(skin, np.ones((9, 9), np.uint8))
    log = np.asarray(cv2.GaussianBlur(np.log(after / before), (0, 0), _AREA * 40), np.float64)
    return float(-np.percentile(log[skin > 0], 1)) if skin.any() else 0.0


def _stretch(landmarks: Array, change: Array) -> float:
    field = MuscleField(landmarks)
    x, y = np.meshgrid(np.arange(-1.0, 1.0, _STEP), np.arange(-0.6, 1.9, _STEP))
    places, moves = np.stack([x, y], axis=-1), field.moves(change)
    source = field.motion(places, moves, own=OwnMouth(field.lips), pixel=_STEP).source
    along, down = np.gradient(source, _STEP, axis=1), np.gradient(source, _STEP, axis=0)
    least = np.linalg.svd(np.stack([along, down], axis=-1), compute_uv=False)[..., 1]
    mouth = np.concatenate([field.face[48:], field.face[48:] + moves.sites[48:68]])
    low, high = mouth.min(axis=0) - _BESIDE, mouth.max(axis=0) + _BESIDE
    skin = ~((x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1]))
    return float(np.percentile(1 / np.maximum(least[skin], 0.05), 99))


def _lab(pixels: Pixels) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)


def _box(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
