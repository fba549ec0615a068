"""The eyes of finished frames, in layers: lids that move over an iris that stays round and can look elsewhere.

Plays AU43 (closed), AU45 (blink, wink) and AU61 to AU64 (turned left, right, up, down), which no boundary moves.
Left and right are the person's own.
"""

import cv2
import numpy as np
import numpy.typing as npt

from facsmith.compose.eyeball import Eyeball, lid_shadow
from facsmith.compose.eyelids import Eyelids, close, eyelids
from facsmith.compose.iris import Iris, find_irises
from facsmith.face.points import interocular

__all__ = ["Eyes"]

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]

_CORNER_GAP = 1.15  # radii between the iris's centre and the corner at full gaze: its edge has nearly reached it
_UP, _DOWN = 0.65, 0.5  # radii that the iris travels at full gaze
_LID_UP, _LID_DOWN = 0.13, 0.3  # of the opening: how far the upper lid goes with it
_BARED = 0.04  # of the width: lids that moved so far leave nothing of their own on the eye
_MOVED = 0.02  # pixels: landmarks nearer than this have not moved


class Eyes:
    """Closes and turns the eyes of frames of one photo.

    Attributes
    ----------
    irises
        Of the person's left eye and right eye; None where none was found.
    notes
        What cannot be done on this photo, one sentence each.
    """

    def __init__(self, photo: Pixels, landmarks: npt.ArrayLike) -> None:
        """photo: (H, W, 3) uint8 RGB. landmarks: (68, 2) iBUG, in its pixels."""
        self._landmarks = np.asarray(landmarks, np.float64)
        self._lids = _both(self._landmarks)
        self.irises: tuple[Iris | None, ...] = find_irises(photo, self._lids)
        self._balls = tuple(Eyeball.of(photo, *pair) for pair in zip(self._lids, self.irises, strict=True))
        self.notes: tuple[str, ...] = ()
        if not self.can_turn:
            self.notes = ("No iris was found in both eyes (closed, covered, or too dark): the gaze cannot be turned.",)

    @property
    def can_turn(self) -> bool:
        """Whether both irises are known: one eye alone does not look elsewhere."""
        return all(ball is not None for ball in self._balls)

    def apply(
        self,
        frame: Pixels,
        landmarks: npt.ArrayLike | None = None,
        closure_left: float = 0.0,
        closure_right: float = 0.0,
        *,
        gaze: tuple[float, float] = (0.0, 0.0),
    ) -> Pixels:
        """A frame with its eyes' irises round, turned by ``gaze`` and closed; with nothing to do, the frame itself.

        Parameters
        ----------
        frame
            (H, W, 3) uint8 RGB, in the photo's pixels.
        landmarks
            (68, 2): where the photo's points lie in this frame; None where they did not move.
        closure_left, closure_right
            0 (open) to 1 (closed), of the person's own left and right eye.
        gaze
            In -1 to 1: to the person's own left (AU61; AU62 is negative), and up (AU63; AU64 is negative).
        """
        sideways, up = (float(np.clip(part, -1, 1)) for part in gaze) if self.can_turn else (0.0, 0.0)
        closures = [float(np.clip(closure, 0, 1)) for closure in (closure_left, closure_right)]
        if landmarks is None and not any((*closures, sideways, up)):
            return frame
        lids = self._lids if landmarks is None else _both(np.asarray(landmarks, np.float64))
        follow = -_LID_UP * up if up > 0 else -_LID_DOWN * up
        out = frame.copy()
        for index, closure in enumerate(closures):
            moved = landmarks is not None and bool(np.abs(self._eye(landmarks) - self._eye())[index].max() > _MOVED)
            if moved or sideways or up:
                turn = self._turn(index, sideways, up)
                self._lay(out, index, lids[index], turn, raised=min(follow, 0.0))
            lowered = follow + (1 - follow) * closure
            if lowered:
                close(out, frame, lids[index], lowered)
        return out

    def _eye(self, landmarks: npt.ArrayLike | None = None) -> Array:
        """(2, 6, 2): the person's left eye and right eye."""
        points = self._landmarks if landmarks is None else np.asarray(landmarks, np.float64)
        return np.stack([points[42:48], points[36:42]])

    def _turn(self, index: int, sideways: float, up: float) -> Array:
        """(2,) pixels by which an iris moves."""
        iris, lids = self.irises[index], self._lids[index]
        if iris is None or not (sideways or up):
            return np.zeros(2)
        place = float((iris.centre - lids.corner) @ lids.along)
        # The person's left is the image's right.
        room = lids.width - place if sideways > 0 else place
        along = sideways * max(room - _CORNER_GAP * iris.radius, 0.3 * iris.radius)
        down = -up * iris.radius * (_UP if up > 0 else _DOWN)
        return along * lids.along + down * np.array([-lids.along[1], lids.along[0]])

    def _lay(self, out: Pixels, index: int, lids: Eyelids, turn: Array, *, raised: float) -> None:
        """Write one eyeball into ``out``, within its lids. raised: closure, 0 or less, of the upper lid above them."""
        ball = self._balls[index]
        if ball is None:
            return
        height, width = out.shape[:2]
        low, high = lids.bounds()
        left, top = np.clip(np.floor(low) - 1, 0, (width, height)).astype(int).tolist()
        right, bottom = np.clip(np.ceil(high) + 2, 0, (width, height)).astype(int).tolist()
        if left >= right or top >= bottom:
            return
        y, x = np.mgrid[top:bottom, left:right].astype(np.float64)
        below, above = lids.distances(x, y, closure=raised)
        soft = max(0.02 * lids.width, 1.0)
        mask = (np.clip(below / soft + 0.5, 0, 1) * np.clip(above / soft + 0.5, 0, 1)).astype(np.float32)
        mask = np.where((below > -1) & (above > -1), cv2.GaussianBlur(mask, (0, 0), 0.5), 0)[..., None]
        shift = lids.centre - self._lids[index].centre
        opened = np.abs(lids.edges - self._lids[index].edges).max() / lids.width
        bared = float(np.clip(opened / _BARED, 0, 1))
        laid = ball.laid((left, top, right, bottom), shift, turn, bared=bared)
        laid = laid * lid_shadow(below, lids.width)[..., None]
        region = out[top:bottom, left:right].astype(np.float32)
        out[top:bottom, left:right] = np.rint(np.clip(region + mask * (laid - region), 0, 255)).astype(np.uint8)


def _both(landmarks: Array) -> tuple[Eyelids, Eyelids]:
    """The person's own left eye (on the image's right) and right eye."""
    iod = float(interocular(landmarks))
    return (
        eyelids(landmarks[42:48], landmarks[22:27], iod),
        eyelids(landmarks[36:42], landmarks[17:22], iod),
    )
