"""What is known of one face of a film, and what shall change of it, before any frame is edited."""

from dataclasses import dataclass

import numpy as np

from facsmith import image
from facsmith._types import Array
from facsmith.errors import ActionUnitError
from facsmith.face import FaceReader, choose
from facsmith.facs import AUS, EYE_AUS, au_list
from facsmith.footage.change import FilmChange
from facsmith.footage.neutral import FilmNeutral, film_neutral, frames_at_rest, photo_neutral
from facsmith.footage.options import FilmOptions
from facsmith.footage.presence import presence, steady_landmarks
from facsmith.footage.survey import Survey
from facsmith.video import Footage

__all__ = ["FacePlan", "plan_face"]


_NOTHING = 1e-3
"""Intensity below which a change is none: the frame stays the film's own."""


@dataclass(frozen=True, eq=False)
class FacePlan:
    """What shall change of a face in each of a film's T frames.

    Parameters
    ----------
    number
        As it was asked for, None the largest that can be used.
    change
        What was asked.
    landmarks
        (T, 68, 2) steady ones.
    source
        (T, 28) what the face shows.
    changes
        (T, 2, 28) by how much AUs shall change.
    """

    number: int | None
    change: FilmChange
    survey: Survey
    neutral: FilmNeutral
    landmarks: Array
    source: Array
    changes: Array

    @property
    def columns(self) -> list[int]:
        """Of the AUs that are read, among all."""
        return [AUS.index(au) for au in self.neutral.aus]


def plan_face(
    number: int | None, change: FilmChange, survey: Survey, footage: Footage, options: FilmOptions, faces: FaceReader
) -> FacePlan:
    """Find a face's neutral, and what shall change of it frame by frame.

    Raises
    ------
    ActionUnitError
        Less is asked of an AU that cannot be read here.
    InputError
        The film, or the photo, has no such neutral.
    """
    neutral = _neutral(survey, footage, options, faces)
    unread = [au for au in change.read_aus if au not in neutral.aus and au not in EYE_AUS]
    if unread:
        raise ActionUnitError(
            f"How much of {au_list(unread)} a film shows is not read here, so that it cannot be lessened; "
            f"read are {au_list(sorted(neutral.aus))}."
        )
    source = neutral.read_film(survey)
    changes = change.of(source, survey.seconds, last=float(survey.seconds[-1]))
    changes *= presence(survey)[:, None, None]
    changes[np.abs(changes) < _NOTHING] = 0.0
    return FacePlan(number, change, survey, neutral, steady_landmarks(survey), source, changes)


def _neutral(survey: Survey, footage: Footage, options: FilmOptions, faces: FaceReader) -> FilmNeutral:
    """Out of the photo that was given, or of the film."""
    if options.neutral is not None and not isinstance(options.neutral, float | int):
        picture = image.read(options.neutral)
        there = choose(faces.find(picture, provider=str(survey.provider[0]))).face
        return photo_neutral(picture, there, follow=faces.follow)
    still = frames_at_rest(survey, at=options.neutral)
    picture = next(iter(footage.read(int(still[0])))).pixels
    return film_neutral(survey, still, picture, follow=faces.follow)
