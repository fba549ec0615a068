"""What is measured on an edited film, frame by frame: what changed, what else did, who it is, and what flickers.

AUs of a frame and of what it became are read alike, so that a landmarker's error common to both cancels. Flicker is the
mean second difference over time |f(t-1) - 2 f(t) + f(t+1)| inside the face, in grey levels, of the film and of what it
became; outside the face, any difference at all is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facsmith import measure
from facsmith._types import Array, Image
from facsmith.errors import NoFaceError
from facsmith.face import Face, FaceReader
from facsmith.footage.neutral import FilmNeutral
from facsmith.receipt.frame_stats import BACKGROUND_GAP, near_face, second_difference

__all__ = ["FrameAccounts", "FrameObserver"]

Grey = npt.NDArray[np.float32]

_IDENTITY_EVERY: Final = 5
"""Frames: the embedding takes as long as everything else that is measured."""
_SMALL: Final = 320  # pixels of the longer side of the frames in which flicker is looked for


@dataclass(frozen=True, eq=False)
class FrameAccounts:
    """F frames in the film's order; NaN where nothing was measured.

    Parameters
    ----------
    frame
        (F,) numbers.
    asked
        (F, K) by how much each AU shall change, the mean of both sides.
    before, after
        (F, K) what the film showed and what it shows now.
    identity
        (F,) cosine of the person's embeddings before and after.
    outside
        (F,) the largest difference of a pixel outside the face, of 255.
    flicker_before, flicker_after
        (F,).
    """

    frame: npt.NDArray[np.int64]
    asked: Array
    before: Array
    after: Array
    identity: Array
    outside: Array
    flicker_before: Array
    flicker_after: Array

    @classmethod
    def joined(cls, parts: Sequence["FrameAccounts"]) -> "FrameAccounts":
        """The accounts of a film's parts as one."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


class FrameObserver:
    """Sees the frames of one stretch of a film in their order, as they were and as they became."""

    def __init__(self, faces: FaceReader, neutral: FilmNeutral) -> None:
        self._faces = faces
        self._neutral = neutral
        self._rows: list[tuple[int, Array, Array, Array, float, float]] = []
        self._flicker: list[tuple[float, float]] = []
        self._greys: list[tuple[Grey, Grey, npt.NDArray[np.uint8] | None, bool]] = []

    def see(
        self,
        number: int,
        frame: Image,
        edited: Image,
        *,
        face: Face | None,
        features: Array,
        asked: Array,
        cut: bool,
    ) -> None:
        """The next frame.

        Parameters
        ----------
        number
            Of the frame in the film.
        frame, edited
            (H, W, 3) uint8 RGB, the same array where nothing changed.
        face
            Where it lies in the frame, None where it was not seen.
        features
            (K,) of the frame.
        asked
            (K,) change.
        cut
            Whether a shot begins here.
        """
        blank = np.full(len(self._neutral.aus), np.nan)
        before = after = blank
        identity, outside = np.nan, 0.0
        if face is not None:
            before = after = self._neutral.read(face.landmarks, features)
        if face is not None and edited is not frame:
            after, identity = self._changed(number, frame, edited, face, blank)
            near = near_face(face.landmarks, (frame.shape[0], frame.shape[1]), BACKGROUND_GAP)
            outside = float(cv2.norm(edited, frame, cv2.NORM_INF, 255 - near)) if not near.all() else 0.0
        self._rows.append((number, asked, before, after, identity, outside))
        self._add_flicker(frame, edited, face, cut)

    def accounts(self) -> FrameAccounts:
        """What was seen."""
        flicker = np.full((len(self._rows), 2), np.nan)
        if self._flicker:
            flicker[1 : 1 + len(self._flicker)] = self._flicker
        numbers, asked, before, after, identity, outside = zip(*self._rows, strict=True)
        return FrameAccounts(
            frame=np.array(numbers, np.int64),
            asked=np.stack(asked),
            before=np.stack(before),
            after=np.stack(after),
            identity=np.array(identity, np.float64),
            outside=np.array(outside, np.float64),
            flicker_before=flicker[:, 0],
            flicker_after=flicker[:, 1],
        )

    def _changed(self, number: int, frame: Image, edited: Image, face: Face, blank: Array) -> tuple[Array, float]:
        try:
            shown = self._faces.follow(edited, face)
        except NoFaceError:
            return blank, np.nan
        identity = np.nan
        if number % _IDENTITY_EVERY == 0:
            one, other = measure.embedding(frame, face.landmarks), measure.embedding(edited, shown.landmarks)
            identity = measure.alike(one, other).cosine
        return self.read(edited, shown), identity

    def read(self, picture: Image, face: Face) -> Array:
        """(K,) what a picture (H, W, 3) with its face shows."""
        readout = self._neutral.readout
        features = np.zeros(len(self._neutral.aus))
        if readout is not None:
            features = readout.picture_scores(picture, face.landmarks, face.provider)
        return self._neutral.read(face.landmarks, features)

    def _add_flicker(self, frame: Image, edited: Image, face: Face | None, cut: bool) -> None:
        scale = min(1.0, _SMALL / max(frame.shape[:2]))
        small = _grey(frame, scale)
        changed = small if edited is frame else _grey(edited, scale)
        inside = None if face is None else near_face(face.landmarks * scale, small.shape[:2], 0.0)
        self._greys = [*self._greys[-2:], (small, changed, inside, cut)]
        if len(self._greys) < 3:
            return
        (a, a_, _, _), (b, b_, inside, cut_b), (c, c_, _, cut_c) = self._greys
        if inside is None or cut_b or cut_c:
            self._flicker.append((np.nan, np.nan))
            return
        self._flicker.append((second_difference(a, b, c, inside), second_difference(a_, b_, c_, inside)))


def _grey(picture: Image, scale: float) -> Grey:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.float32)
