"""The people of a film: whose faces can be edited, and, after one look at the film for each, what shall change."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from facsmith.errors import FacsmithError, InputError, NoFaceError
from facsmith.face import FaceReader, usable
from facsmith.footage.change import FilmChange
from facsmith.footage.face_plan import FacePlan, plan_face
from facsmith.footage.follow import FaceFollower
from facsmith.footage.options import FilmOptions
from facsmith.footage.survey import Survey, survey_film
from facsmith.footage.work_folder import WorkFolder
from facsmith.measure.readout import available_readout
from facsmith.options import Progress, Provider
from facsmith.video import Footage

__all__ = ["check_apart", "film_faces", "plan_faces"]

_SAME_PLACE: Final = 0.5
"""IOD between the centres of two faces, as a median over a film, up to which they are one."""


def film_faces(footage: Footage, faces: FaceReader, *, provider: str) -> list[int]:
    """The numbers of the faces that can be edited, of the first frame that shows any; 0 is the largest there.

    Raises
    ------
    NoFaceError
        No frame shows one.
    """
    for frame in footage.read():
        found = usable(faces.find(frame.pixels, provider=provider))
        if found:
            return found
    raise NoFaceError("No face that can be edited was found in this film: one that looks into the camera, upright.")


def plan_faces(
    footage: Footage,
    changes: Mapping[int | None, FilmChange],
    faces: FaceReader,
    work: WorkFolder,
    *,
    options: FilmOptions,
    tell: Progress,
) -> list[FacePlan]:
    """Look at the film for each face, unless that was done before, and plan what shall change of it.

    Parameters
    ----------
    changes
        Number of a face, as for `FaceFollower` -> what shall change of it.
    tell
        Told (``looking``, done, total), of all faces together.

    Raises
    ------
    NoFaceError
        One of them cannot be edited in any frame.
    ActionUnitError
        Less is asked of an AU that cannot be read here.
    InputError
        A film too long, one without such a neutral, or two numbers that mean one person.
    """
    surveys = _surveys(footage, [*changes], faces, work, options.provider, tell)
    check_apart(surveys)
    return [plan_face(number, change, surveys[number], footage, options, faces) for number, change in changes.items()]


def check_apart(surveys: Mapping[int | None, Survey]) -> None:
    """Refuse two numbers for one and the same face.

    Raises
    ------
    InputError
        Two of them lie at one place wherever both are seen.
    """
    for (one, a), (other, b) in combinations(surveys.items(), 2):
        both = np.flatnonzero(a.seen & b.seen)
        if len(both) == 0:
            continue
        apart = np.linalg.norm(a.landmarks[both].mean(axis=1) - b.landmarks[both].mean(axis=1), axis=-1)
        size = np.median([a.face(int(t)).interocular for t in both])
        if np.median(apart) <= _SAME_PLACE * size:
            raise InputError(
                f"Face {one} and face {other} are one person in this film: they are numbered on the first frames that "
                "show so many. Leave one of them out."
            )


def _surveys(
    footage: Footage,
    numbers: Sequence[int | None],
    faces: FaceReader,
    work: WorkFolder,
    provider: Provider,
    tell: Progress,
) -> dict[int | None, Survey]:
    """Those that were made before are read again; where one fails, all that was done of the film is thrown away."""
    surveys: dict[int | None, Survey] = {}
    for k, number in enumerate(numbers):
        survey = work.face(number).survey
        if survey is None:
            follower = FaceFollower(faces, provider=provider, face=number)

            def on_frame(done: int, before: int = k) -> None:
                whole = max(footage.frames, done)
                tell("looking", before * whole + done, len(numbers) * whole)

            try:
                survey = survey_film(footage.read(), follower, readout=available_readout(), on_frame=on_frame)
            except FacsmithError as error:
                work.forget(number)
                if isinstance(error, NoFaceError) and number is not None:
                    raise NoFaceError(f"Face {number}: {error} Faces count from 0, the largest.") from error
                raise
            work.face(number).keep_survey(survey)
        surveys[number] = survey
    return surveys
