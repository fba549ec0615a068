"""What one look at every frame of a film tells: where the face is, whether it is seen, and what it seems to show."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith._types import Array, Image
from facsmith.errors import InputError, NoFaceError
from facsmith.face import Face, own_expression
from facsmith.footage.follow import FaceFollower, Sight
from facsmith.measure.blendshapes import from_blendshapes
from facsmith.measure.population import default_population
from facsmith.measure.readout import Readout
from facsmith.measure.single_photo import from_shape
from facsmith.video import FilmFrame

__all__ = ["Survey", "survey_film"]


_MOST_FRAMES: Final = 1_000_000
"""Frames of a film that is edited: nine hours at 30 a second, 700 MB of survey."""
_AHEAD: Final = 4  # frames that wait to be read
_BLINKS: Final = ("eyeBlinkLeft", "eyeBlinkRight")


@dataclass(frozen=True, eq=False)
class Survey:
    """T frames of a film.

    Parameters
    ----------
    seconds
        (T,) since the first picture.
    landmarks
        (T, 68, 2) float32 pixels, NaN where the face is not seen.
    features
        (T, K) what the readout sees of brows, eyes and mouth (`Readout.part_scores`); K is 0 without its network.
    expression
        (T,) how much of any expression shows, of no unit; NaN where the face is not seen.
    sight
        (T,) uint8 of `Sight`.
    cuts
        (T,) whether a shot begins there.
    provider
        (1,) of landmarks.
    """

    seconds: Array
    landmarks: npt.NDArray[np.float32]
    features: npt.NDArray[np.float32]
    expression: Array
    sight: npt.NDArray[np.uint8]
    cuts: npt.NDArray[np.bool_]
    provider: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """(T,) where the face can be edited."""
        return self.sight == Sight.SEEN

    def face(self, frame: int, landmarks: npt.ArrayLike | None = None) -> Face:
        """The face of a frame; landmarks: (68, 2), other than as they were found."""
        points = np.asarray(self.landmarks[frame] if landmarks is None else landmarks, np.float64)
        return Face(points, (0.0, 0.0, 0.0, 0.0), 1.0, str(self.provider[0]), 0.0).at(points)


def survey_film(
    frames: Iterable[FilmFrame],
    follower: FaceFollower,
    *,
    readout: Readout | None,
    on_frame: Callable[[int], None] = lambda done: None,
) -> Survey:
    """Look at every frame once, in order.

    Parameters
    ----------
    readout
        Of `measure.default_readout`, None without its network.
    on_frame
        Told how many frames are done.

    Raises
    ------
    NoFaceError
        No frame shows a face that can be edited.
    InputError
        A film too long.
    """
    seconds: list[float] = []
    landmarks: list[npt.NDArray[np.float32]] = []
    features: list[npt.NDArray[np.float32]] = []
    expression: list[float] = []
    sight: list[int] = []
    cuts: list[bool] = []
    provider = ""
    width = 0 if readout is None else len(readout.aus)
    lost, blank = np.full((68, 2), np.nan, np.float32), np.zeros(width, np.float32)

    def scores(pixels: Image, face: Face | None) -> npt.NDArray[np.float32]:
        if face is None or readout is None:
            return blank
        return readout.picture_scores(pixels, face.landmarks, face.provider).astype(np.float32)

    waiting: deque[Future[npt.NDArray[np.float32]]] = deque()
    with ThreadPoolExecutor(1) as worker:  # reads one frame while the face is followed into the next
        for frame in frames:
            if len(seconds) == _MOST_FRAMES:
                raise InputError(f"This film has more than {_MOST_FRAMES} frames; edit it in pieces.")
            found = follower.see(frame.pixels, frame.seconds)
            face = found.face
            seconds.append(frame.seconds)
            sight.append(int(found.sight))
            cuts.append(found.cut)
            landmarks.append(lost if face is None else face.landmarks.astype(np.float32))
            expression.append(np.nan if face is None else _expression(face))
            waiting.append(worker.submit(scores, frame.pixels, face))
            if len(waiting) > _AHEAD:
                features.append(waiting.popleft().result())
            provider = provider if face is None else face.provider
            on_frame(len(seconds))
        features += [each.result() for each in waiting]
    if not provider:
        raise NoFaceError("No face that can be edited was found in this film: one that looks into the camera, upright.")
    return Survey(
        seconds=np.array(seconds),
        landmarks=np.stack(landmarks),
        features=np.stack(features),
        expression=np.array(expression),
        sight=np.array(sight, np.uint8),
        cuts=np.array(cuts, np.bool_),
        provider=np.array([provider]),
    )


def _expression(face: Face) -> float:
    """How much of any expression all readers together see on a face whose neutral is not known yet."""
    population, _ = default_population()
    shown = own_expression(face.landmarks).sum() + from_shape(face.landmarks, population, provider=face.provider).sum()
    if face.blendshapes is not None:
        shown += np.nansum(from_blendshapes(face.blendshapes))
        shown += sum(face.blendshapes.get(name, 0.0) for name in _BLINKS)
    return float(shown)
