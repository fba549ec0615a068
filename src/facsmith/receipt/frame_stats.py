"""Looks at every frame of a film once, as it streams by: what moves that should not, and what flickers.

Bounded in memory: three small grey pictures, two numbers a frame, and close-ups of the moments that are measured later.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Image
from facsmith.face import Face
from facsmith.face.points import BROWS, interocular
from facsmith.face_region import FaceRegion

__all__ = ["BACKGROUND_GAP", "FrameStats", "near_face", "second_difference"]

BACKGROUND_GAP: Final = 0.5
"""IOD: what lies farther than this from the face's landmarks, forehead included, is background."""
_FOREHEAD: Final = 0.5  # IOD above the brows
_SMALL: Final = 256  # pixels of the close-up in which flicker is looked for

Mask = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.float32]


class FrameStats:
    """Sees the frames of one film in their order.

    Attributes
    ----------
    background
        Per frame, the mean difference from the picture at rest outside the face, in grey levels of 255; empty where
        there is no outside, or no landmarks that tell it.
    flicker
        Per frame but the first and the last, the mean second difference over time |f(t-1) - 2 f(t) + f(t+1)| inside the
        face, in grey levels: even motion has little.
    kept
        Close-ups of the frames asked for.
    size
        (height, width) of a frame.
    """

    def __init__(self, rest: Image, face: Face | None, view: FaceRegion, *, keep: frozenset[int]) -> None:
        """Begin with the frame at rest.

        Parameters
        ----------
        rest
            (H, W, 3) uint8, the frame of no displacement.
        face
            Where it lies in the frames.
        view
            What is kept of the frames numbered in ``keep``.
        """
        self.background: list[float] = []
        self.largest_background = 0.0
        self.flicker: list[float] = []
        self.kept: dict[int, Image] = {}
        self.size = (rest.shape[0], rest.shape[1])
        self._rest, self._keep, self._view = rest, keep, view
        self._outside: Mask | None = None
        self._inside: Mask | None = None
        self._scale = min(1.0, _SMALL / max(view.height, view.width))
        if face is not None:
            outside = 255 - near_face(face.landmarks, self.size, BACKGROUND_GAP)
            self._outside = outside if outside.any() else None
            near = near_face(view.face(face).landmarks, (view.height, view.width), 0.0)
            self._inside = self._shrunk(near)
        self._before: Image | None = None
        self._shot = view.cut(rest)
        self._greys: list[Grey] = []
        self._seen = 0

    def see(self, frame: Image) -> None:
        """Take the next frame, (H, W, 3) uint8; one that is the array before it costs nothing."""
        known = frame is self._before
        if known:
            grey = self._greys[-1]
        else:
            self._shot = self._view.cut(frame)
            plain = np.asarray(cv2.cvtColor(self._shot, cv2.COLOR_RGB2GRAY), np.uint8)
            grey = self._shrunk(plain).astype(np.float32)
        self._greys = [*self._greys[-2:], grey]
        if len(self._greys) == 3:
            a, b, c = self._greys
            self.flicker.append(second_difference(a, b, c, self._inside))
        if self._outside is not None:
            self.background.append(self.background[-1] if known else self._away(frame, self._outside))
        if self._seen in self._keep:
            self.kept[self._seen] = self._shot
        self._before = frame
        self._seen += 1

    def _away(self, frame: Image, outside: Mask) -> float:
        self.largest_background = max(self.largest_background, cv2.norm(frame, self._rest, cv2.NORM_INF, outside))
        total = cv2.norm(frame, self._rest, cv2.NORM_L1, outside)
        return float(total / (3 * np.count_nonzero(outside)))

    def _shrunk(self, picture: Mask) -> Mask:
        if self._scale >= 1:
            return picture
        small = cv2.resize(picture, None, fx=self._scale, fy=self._scale, interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)


def second_difference(a: Grey, b: Grey, c: Grey, inside: Mask | None) -> float:
    """The mean of |a - 2 b + c| over three moments (h, w), where ``inside`` (h, w) is not 0: even motion has little."""
    return float(cv2.mean(np.abs(a - 2 * b + c), inside)[0])


def near_face(landmarks: npt.NDArray[np.float64], size: tuple[int, int], reach: float) -> Mask:
    """(height, width) 255 within ``reach`` IOD of the hull of the landmarks and the forehead, else 0."""
    iod = float(interocular(landmarks))
    brows = landmarks[list(BROWS)] - [0.0, _FOREHEAD * iod]
    hull = cv2.convexHull(np.rint(np.vstack([landmarks, brows])).astype(np.int32))
    mask = np.zeros(size, np.uint8)
    cv2.fillConvexPoly(mask, hull, (255,))
    if reach > 0:
        cv2.polylines(mask, [hull], isClosed=True, color=(255,), thickness=max(1, round(2 * reach * iod)))
    return mask
