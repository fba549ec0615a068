"""The person's neutral face, out of the film itself, and what the film's frames show against it.

Not one frame but the mean of several is the neutral: what a landmarker reads on a face at rest wanders, and a single
reading's error would be in every frame's. By how much the resting frames differ among themselves tells from which
intensity on an AU counts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith._types import Array, Image
from facsmith.errors import InputError, NoFaceError
from facsmith.face import Face, follow
from facsmith.face.points import yaw_degrees
from facsmith.facs import AUS, DISFA
from facsmith.footage.smoothing import runs_of, smoothed
from facsmith.footage.survey import Survey
from facsmith.measure import Follow, NeutralFace, Rest, aligned_displacement, from_displacement, rest_of, resting_frames
from facsmith.measure.readout import Readout, unmixed
from facsmith.timeline import ease

__all__ = ["FilmNeutral", "film_neutral", "frames_at_rest", "photo_neutral"]


_SHARE, _FEWEST, _MOST = 0.1, 12, 25  # of a film's frames, those nearest to rest
_STILL: Final = 0.25
"""Seconds to each side in which a resting face rests, too: on its way into a smile a face shows little as well."""
_FRONTAL: Final = 12.0
"""Degrees from the straightest frames of a film, within which a frame's shape is comparable."""
_SCORE_NOISE: Final = 0.02  # of a readout's score: nothing yet
_SURE: Final = 3.0  # standard deviations of the resting frames
_WINDOW: Final = 0.06  # seconds of smoothing that readings get
_ALIKE: Final = 0.12  # intensity: moments that differ by less are the same moment's noise


@dataclass(frozen=True, eq=False)
class FilmNeutral:
    """One person at rest, and the scale in which the person's other frames are read.

    Parameters
    ----------
    aus
        That are read, (K,).
    rest
        Landmarks.
    features
        (K,) the readout's at rest.
    responses
        (12, 68, 2), what landmarks report of the muscles.
    readout, scale
        Of `NeutralFace.scale`, None where landmarks alone are read.
    noise
        (K,) intensities that the resting frames show by chance.
    still
        Numbers of the resting frames; none where a photo says how the person rests.
    """

    aus: tuple[int, ...]
    rest: Rest
    features: Array
    responses: Array
    readout: Readout | None
    scale: Array
    provider: str
    noise: Array
    still: npt.NDArray[np.int64]

    def read(self, landmarks: npt.ArrayLike, features: npt.ArrayLike) -> Array:
        """(K,) >= 0 what one frame shows; 1 is as much as this face's muscles show in full, more is possible.

        Parameters
        ----------
        landmarks
            (68, 2) pixels.
        features
            (K,) of `Readout.part_scores`.
        """
        moved = aligned_displacement(landmarks, self.rest.landmarks)
        if self.readout is None:
            return from_displacement(moved, responses=self.responses, noise=self.rest.noise(self.responses))
        score = self.readout.moved_scores(moved, self.provider) + np.asarray(features, np.float64) - self.features
        return unmixed(self.scale, score, noise=_SCORE_NOISE)

    def read_film(self, survey: Survey) -> Array:
        """(T, 28) in the order of `facs.AUS`: what the frames show, smoothed, without what is noise; 0 of AUs that are
        not read and of frames in which the face is not seen."""
        told = np.zeros((len(survey), len(self.aus)))
        for t in np.flatnonzero(survey.seen):
            told[t] = self.read(survey.landmarks[t], survey.features[t])
        runs = runs_of(survey.seen, survey.cuts)
        for k in range(len(self.aus)):
            told[:, [k]] = smoothed(told[:, [k]], survey.seconds, runs, time=_WINDOW, noise=max(_ALIKE, self.noise[k]))
        above = ease((told - self.noise) / np.maximum(self.noise, 1e-6), "smooth")
        counted = np.zeros((len(survey), len(AUS)))
        counted[:, [AUS.index(au) for au in self.aus]] = told * above
        return counted


def frames_at_rest(survey: Survey, *, at: float | None = None) -> npt.NDArray[np.int64]:
    """Which frames show the person at rest, the most typical one first.

    Parameters
    ----------
    at
        Second of the film at which the face rests; None takes the frames that show least.

    Raises
    ------
    InputError
        The film ends before, or no face is seen there.
    """
    seen = np.flatnonzero(survey.seen)
    if at is not None:
        if not 0 <= at <= survey.seconds[-1] + 0.5:
            raise InputError(f"The film ends at {survey.seconds[-1]:.2f} s; neutral was said to be at {at:g} s.")
        nearest = seen[np.argmin(np.abs(survey.seconds[seen] - at))]
        if abs(survey.seconds[nearest] - at) > 0.5:
            raise NoFaceError(f"No face is seen at {at:g} s; give another second at which the person rests.")
        near = resting_frames(survey.seconds[seen], survey.landmarks[seen].astype(np.float64), at)
        return seen[near]
    yaw = np.array([yaw_degrees(survey.landmarks[t]) for t in seen])
    straight = seen[np.abs(yaw) <= np.abs(yaw).min() + _FRONTAL]
    wanted = int(np.clip(_SHARE * len(straight), _FEWEST, _MOST))
    shown = np.array([_around(survey, t) for t in straight])
    least = straight[np.argsort(shown, kind="stable")][:wanted]
    shapes = survey.landmarks[least].astype(np.float64)
    apart = [sum(float(np.linalg.norm(aligned_displacement(a, b))) for b in shapes) for a in shapes]
    middle = int(np.argmin(np.array(apart)))
    away = np.array([np.linalg.norm(aligned_displacement(shape, shapes[middle])) for shape in shapes])
    alike = least[away <= 2 * np.median(away) + 1e-9]
    return np.concatenate([[least[middle]], alike[alike != least[middle]]]).astype(np.int64)


def _around(survey: Survey, frame: int) -> float:
    """How much expression shows within `_STILL` of a frame."""
    near = np.abs(survey.seconds - survey.seconds[frame]) <= _STILL
    return float(np.nanmean(survey.expression[near]))


def film_neutral(
    survey: Survey, still: npt.NDArray[np.int64], picture: Image, *, follow: Follow = follow
) -> FilmNeutral:
    """The neutral face of a film.

    Parameters
    ----------
    still
        Frames of `frames_at_rest`.
    picture
        (H, W, 3) uint8 RGB, the first of them.
    follow
        Finds the face again.
    """
    shapes, features = survey.landmarks[still].astype(np.float64), survey.features[still].astype(np.float64)
    face = survey.face(int(still[0]))
    return _neutral(NeutralFace(picture, face, follow=follow), face, rest_of([*shapes]), features, still)


def photo_neutral(picture: Image, face: Face, *, follow: Follow = follow) -> FilmNeutral:
    """The neutral face out of a photo (H, W, 3) of the same person. By how much readings wander is not known then."""
    person = NeutralFace(picture, face, follow=follow)
    features = np.zeros((1, 0))
    if person.scale is not None:
        features = person.scale[0].picture_scores(picture, person.landmarks, face.provider)[None]
    return _neutral(person, face, rest_of([person.landmarks]), features, np.zeros(0, np.int64))


def _neutral(person: NeutralFace, face: Face, rest: Rest, features: Array, still: npt.NDArray[np.int64]) -> FilmNeutral:
    """features: (N, K) of the N resting frames."""
    told = person.scale
    if told is None or features.shape[1] == 0:
        noise = rest.noise(person.responses)
        lengths = np.linalg.norm(person.responses.reshape(len(DISFA), -1), axis=1)
        return FilmNeutral(
            DISFA, rest, np.zeros(0), person.responses, None, np.eye(0), face.provider,
            noise / np.maximum(lengths, 1e-6), still,
        )  # fmt: skip
    readout, scale = told
    scores = np.stack([readout.moved_scores(moved, face.provider) for moved in rest.wandering])
    scores = scores + features - features.mean(axis=0)
    wandering = scores @ np.linalg.pinv(scale)  # (N, K)
    noise = (
        np.maximum(_SCORE_NOISE, _SURE * np.std(wandering, axis=0)) if len(rest.wandering) > 1 else np.zeros(len(scale))
    )
    return FilmNeutral(
        readout.aus, rest, features.mean(axis=0), person.responses, readout, scale, face.provider,
        np.minimum(noise, 0.5), still,
    )  # fmt: skip
