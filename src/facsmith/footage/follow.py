"""One person's face, followed through a film: through turns, cuts, what covers it, and other faces beside it.

From frame to frame the face is read where it was. Who it is, is asked at every cut, whenever the face was lost or
jumped, and twice a second besides: a face that is not the person's is none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from facsmith import measure
from facsmith._types import Array, Image
from facsmith.errors import NoFaceError
from facsmith.face import Face, FaceReader, choose

__all__ = ["FaceFollower", "Followed", "Sight"]


_ASK_EVERY: Final = 0.5
"""Seconds after which it is asked again who the face is."""
_SAME_PERSON: Final = 0.6
"""Distance of dlib's embeddings up to which two faces are one person's (its authors' figure)."""
_ASKED_UP_TO: Final = 30.0
"""Degrees that a face is turned up to which it tells who it is."""
_LOOK_AGAIN: Final = 0.09
"""Seconds after which a lost face is looked for anew: looking at a whole frame takes longer than following."""
_CUT: Final = 0.12
"""Mean difference between two small grey frames, of their range, from which on a frame begins a new shot."""
_JUMP: Final = 0.6
"""IOD between two frames, or the logarithm of their sizes, from which on it is asked who this is."""
_COVERED: Final = 0.3
"""Score of a face (`Face.score`) below which something covers it; uncovered faces of the films had .5 and more."""
_THUMBNAIL: Final = (48, 27)


class Sight(IntEnum):
    """Why a frame's face can be edited, or cannot."""

    SEEN = 0
    NONE = 1
    COVERED = 2
    ANOTHER = 3
    TURNED = 4

    @property
    def reason(self) -> str:
        """For people."""
        return {
            Sight.SEEN: "seen",
            Sight.NONE: "no face was found",
            Sight.COVERED: "the face was covered or blurred",
            Sight.ANOTHER: "only another person's face was found",
            Sight.TURNED: "the face was turned too far away",
        }[self]


class Followed(NamedTuple):
    """One frame.

    Attributes
    ----------
    face
        None where it is not to be seen.
    sight
        Why.
    cut
        Whether a new shot begins here.
    """

    face: Face | None
    sight: Sight
    cut: bool


@dataclass(frozen=True, eq=False)
class _Person:
    """Who is followed: the mean of the embeddings (128,) that were seen of them."""

    embedding: Array
    seen: int

    def distance(self, embedding: Array) -> float:
        return measure.alike(self.embedding, embedding).distance

    def with_(self, embedding: Array) -> "_Person":
        return _Person((self.embedding * self.seen + embedding) / (self.seen + 1), self.seen + 1)


class FaceFollower:
    """Takes the frames of one film in their order.

    Parameters
    ----------
    faces
        The source of landmarks.
    provider
        Of landmarks.
    face
        Which face of the first frame that has one, 0 the largest; None takes the largest that can be used.
    embed
        A picture (H, W, 3) uint8 RGB and its landmarks (68, 2) -> who that is, (128,).
    """

    def __init__(
        self,
        faces: FaceReader,
        *,
        provider: str = "auto",
        face: int | None = None,
        embed: Callable[[Image, Array], Array] = measure.embedding,
    ) -> None:
        self._faces = faces
        self._provider = provider
        self._which = face
        self._embed = embed
        self._person: _Person | None = None
        self._before: Face | None = None
        self._thumbnail: npt.NDArray[np.float32] | None = None
        self._asked = -np.inf
        self._looked = -np.inf

    def see(self, frame: Image, seconds: float) -> Followed:
        """The next frame, (H, W, 3) uint8 RGB, at its second."""
        cut = self._is_cut(frame)
        face, sight = self._look(frame, seconds, cut)
        self._before = face
        if sight is Sight.COVERED:
            self._asked = -np.inf  # who comes out from behind it is asked
        return Followed(face if sight is Sight.SEEN else None, sight, cut)

    def _look(self, frame: Image, seconds: float, cut: bool) -> tuple[Face | None, Sight]:
        if self._before is not None and not cut:
            followed = self._follow(frame, self._before)
            if followed is not None:
                jumped = _jumped(followed, self._before)
                if not jumped and seconds - self._asked < _ASK_EVERY:
                    return self._judged(followed)
                if self._is_person(frame, followed, seconds):
                    return self._judged(followed)
        elif not cut and seconds - self._looked < _LOOK_AGAIN:
            return None, Sight.NONE
        return self._find(frame, seconds)

    def _find(self, frame: Image, seconds: float) -> tuple[Face | None, Sight]:
        """The person among all faces of a frame."""
        self._looked = seconds
        found = self._faces.find(frame, provider=self._provider)
        if not found:
            return None, Sight.NONE
        if self._person is None:
            try:
                face = choose(found, self._which).face
            except NoFaceError:
                return None, Sight.TURNED
            self._person, self._asked = _Person(self._embed(frame, face.landmarks), 1), seconds
            return self._judged(face)
        apart = [self._person.distance(self._embed(frame, face.landmarks)) for face in found]
        nearest = int(np.argmin(apart))
        if apart[nearest] > _SAME_PERSON:
            return None, Sight.ANOTHER
        self._asked = seconds
        return self._judged(found[nearest])

    def _follow(self, frame: Image, before: Face) -> Face | None:
        try:
            return self._faces.follow(frame, before)
        except NoFaceError:
            return None

    def _is_person(self, frame: Image, face: Face, seconds: float) -> bool:
        assert self._person is not None
        if abs(face.yaw_degrees) > _ASKED_UP_TO:
            return True
        embedding = self._embed(frame, face.landmarks)
        if self._person.distance(embedding) > _SAME_PERSON:
            return False
        self._person, self._asked = self._person.with_(embedding), seconds
        return True

    def _judged(self, face: Face) -> tuple[Face, Sight]:
        """The face, to be followed on, and whether it can be edited."""
        if face.score < _COVERED:
            return face, Sight.COVERED
        try:
            choose([face])
        except NoFaceError:
            return face, Sight.TURNED
        return face, Sight.SEEN

    def _is_cut(self, frame: Image) -> bool:
        small = np.asarray(
            cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), _THUMBNAIL, interpolation=cv2.INTER_AREA), np.float32
        )
        before, self._thumbnail = self._thumbnail, small
        return before is not None and float(np.abs(small - before).mean()) > _CUT * 255


def _jumped(face: Face, before: Face) -> bool:
    moved = np.hypot(*(face.landmarks.mean(axis=0) - before.landmarks.mean(axis=0)))
    grown = abs(float(np.log(face.interocular / before.interocular)))
    return bool(moved > _JUMP * before.interocular or grown > _JUMP)
