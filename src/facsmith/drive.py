"""A filmed performance as a Timeline: AUs of every frame, measured against the performer's own neutral face.

Retargeting is by intensity: a performer's full smile is the photo's person's full smile, however wide each is. What the
landmarks report on the performer is compared with what they report for the same face's muscles (`measure.NeutralFace`).
"""

import os
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import cv2
import numpy as np

from facsmith import face, measure, video
from facsmith._types import Array, Image
from facsmith.errors import NoFaceError, TimelineError
from facsmith.face import Face
from facsmith.face.points import LEFT_EYE, RIGHT_EYE, interocular, yaw_degrees
from facsmith.facs import DISFA, au_list
from facsmith.timeline import BLINK, MAX_SECONDS, Timeline
from facsmith.tracks import OneEuro, Resampler, to_timeline

__all__ = ["DriveOptions", "read_performance"]


_LONGEST_SIDE = 1280  # pixels: landmarks are no better in larger frames
_MOST_TURN = 25.0  # degrees from the neutral frame's yaw: further, turning looks like an expression
_LOOK_AGAIN = 5  # frames after which a lost face is looked for anew
_FAINT = 0.5  # intensity that the landmarks' wandering alone may look like, from which on that is said
_CLOSED, _OPEN = 0.35, 0.75  # of the neutral eye's opening


@dataclass(frozen=True)
class DriveOptions:
    """How a film is read.

    Parameters
    ----------
    fps
        Of the Timeline.
    provider
        Of landmarks.
    start, seconds
        The part of the film that is taken.
    neutral
        Second of that part at which the performer's face rests.
    smoothing
        None leaves the jitter in.
    """

    fps: float = 25.0
    provider: str = "auto"
    start: float = 0.0
    seconds: float | None = None
    neutral: float = 0.0
    smoothing: OneEuro | None = None

    def __post_init__(self) -> None:
        if not all(isfinite(s) and s >= 0 for s in (self.start, self.neutral)):
            raise TimelineError(f"A performance from {self.start:g} s, at rest at {self.neutral:g} s: both 0 or more.")
        if self.seconds is not None and not self.neutral < self.seconds <= MAX_SECONDS:
            raise TimelineError(
                f"{self.seconds:g} s of a performance that rests at {self.neutral:g} s; give more seconds than that, "
                f"up to {MAX_SECONDS:g}."
            )


def read_performance(path: str | os.PathLike[str], *, options: DriveOptions | None = None) -> Timeline:
    """The AUs and blinks of the largest face in a film, frame by frame; both sides alike. Its frames are streamed.

    Raises
    ------
    InputError
        No film that can be read.
    NoFaceError
        No face where the performer should rest.
    TimelineError
        The face is seen in fewer than two frames.
    """
    options = options or DriveOptions()
    name = Path(path).name
    reader = _Reader(options)
    last = 0.0
    for seconds, frame in video.timed(path):
        now = seconds - options.start
        if now < -1e-9:
            continue
        if options.seconds is not None and now > options.seconds:
            break
        if now > MAX_SECONDS:
            raise TimelineError(
                f"{name} is longer than {MAX_SECONDS:g} s; take a part of it (--track-start, --track-seconds)."
            )
        reader.add(max(now, 0.0), frame)
        last = now
    return reader.timeline(name, until=last)


class _Reader:
    """Follows one face through a film and keeps its landmarks."""

    def __init__(self, options: DriveOptions) -> None:
        self._options = options
        self._face: Face | None = None
        self._neutral: tuple[float, Image, Face] | None = None
        self._since = 0
        self._seen: list[tuple[float, Array]] = []
        self._frames = 0

    def add(self, seconds: float, frame: Image) -> None:
        """Frames come in order."""
        self._frames += 1
        frame = _fitted(frame)
        found = self._look(frame)
        if found is None:
            return
        self._face = found
        self._seen.append((seconds, found.landmarks))
        if self._neutral is None or abs(seconds - self._options.neutral) < abs(
            self._neutral[0] - self._options.neutral
        ):
            self._neutral = (seconds, frame, found)

    def timeline(self, name: str, *, until: float) -> Timeline:
        """What was performed."""
        if self._neutral is None:
            raise NoFaceError(f"No face was found in {name}; give a film in which a face looks into the camera.")
        at, picture, face_at_rest = self._neutral
        times, shapes = np.array([seconds for seconds, _ in self._seen]), np.stack([face for _, face in self._seen])
        still = measure.resting_frames(times, shapes, at)
        rest = measure.rest_of([*shapes[still]])
        yaw = yaw_degrees(rest.landmarks)
        responses = measure.NeutralFace(picture, face_at_rest, sources=("landmarks",)).responses
        noise = rest.noise(responses)
        resampler = Resampler(len(DISFA) + 1, self._options.fps)
        turned = 0
        for seconds, landmarks in self._seen:
            if abs(yaw_degrees(landmarks) - yaw) > _MOST_TURN:
                turned += 1
                continue
            moved = measure.aligned_displacement(landmarks, rest.landmarks)
            read = measure.from_displacement(moved, responses=responses, noise=noise)
            resampler.add(seconds, [*read, _closure(landmarks, rest.landmarks)])
        notes = [
            f"The performer's face at {self._options.start + at:.2f} s counts as neutral (--drive-neutral): the mean "
            f"of {len(still)} frames."
        ]
        lengths = np.linalg.norm((responses * measure.POINT_WEIGHTS).reshape(len(DISFA), -1), axis=1)
        faint = [au for au, length, least in zip(DISFA, lengths, noise, strict=True) if least > _FAINT * length]
        if faint:
            notes.append(
                f"{au_list(faint)} can hardly be told from the landmarks' own wandering on this face, and are read "
                "only where they are strong."
            )
        own = face.own_expression(rest.landmarks)
        showing = [f"AU{au}" for au in face.READABLE if own[DISFA.index(au)] > 0.4]
        if showing:
            notes.append(f"There it may show {' and '.join(showing)}: films driven by it will show that much less.")
        lost = self._frames - len(self._seen)
        if lost or turned:
            notes.append(
                f"Of {self._frames} frames the face was not seen in {lost}, and turned away in {turned}: bridged."
            )
        seconds, values = resampler.points()
        channels = [(au, None) for au in (*DISFA, BLINK)]
        try:
            return to_timeline(
                seconds,
                np.clip(values, 0.0, 1.0),
                channels,
                fps=self._options.fps,
                until=until,
                smoothing=self._options.smoothing,
                notes=notes,
            )
        except TimelineError as error:
            raise TimelineError(f"{name}: {error}") from error

    def _look(self, frame: Image) -> Face | None:
        if self._face is not None:
            try:
                return face.follow(frame, self._face)
            except NoFaceError:
                self._since += 1
                if self._since % _LOOK_AGAIN:
                    return None
        faces = face.find(frame, provider=self._options.provider)
        try:
            return face.choose(faces).face
        except NoFaceError:
            return None


def _fitted(frame: Image) -> Image:
    scale = _LONGEST_SIDE / max(frame.shape[:2])
    if scale >= 1:
        return frame
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _closure(landmarks: Array, neutral: Array) -> float:
    """How far the eyes are closed, 0 to 1: both together, since landmarkers do not tell a wink."""
    share = _opening(landmarks) / max(_opening(neutral), 1e-6)
    return float(np.clip((_OPEN - share) / (_OPEN - _CLOSED), 0.0, 1.0))


def _opening(landmarks: Array) -> float:
    """Mean height of the eyes in IOD."""
    eyes = np.stack([landmarks[list(LEFT_EYE)], landmarks[list(RIGHT_EYE)]])
    heights = np.linalg.norm(eyes[:, [1, 2]] - eyes[:, [5, 4]], axis=-1)
    return float(heights.mean() / interocular(landmarks))
