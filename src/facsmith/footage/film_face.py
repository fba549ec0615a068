"""One face of a film: where it lies, what shall change, how far its steps go, and what each frame becomes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from facsmith import face, image
from facsmith.errors import ActionUnitError, InputError, NoFaceError
from facsmith.facs import AUS, EYE_AUS, au_list
from facsmith.footage.account import FrameObserver
from facsmith.footage.change import FilmChange
from facsmith.footage.editor import FrameEditor
from facsmith.footage.neutral import FilmNeutral, film_neutral, frames_at_rest, photo_neutral
from facsmith.footage.options import FilmOptions
from facsmith.footage.presence import presence, steady_landmarks
from facsmith.footage.step_fit import Steps, fit_steps, fitting_frames
from facsmith.footage.survey import Survey
from facsmith.networks import Networks
from facsmith.subject import Image
from facsmith.video import FilmFrame, Footage

__all__ = ["FilmFace", "check_apart", "film_faces", "planned_face"]

Array = npt.NDArray[np.float64]

_SAME_PLACE = 0.5
"""IOD between the centres of two faces, as a median over a film, up to which they are one."""


@dataclass(frozen=True, eq=False)
class FilmFace:
    """All that is known of a face before frames are edited.

    Parameters
    ----------
    number
        As it was asked for, None the largest that can be used.
    change
        What shall change.
    still
        Frames in which the person rests; none where a photo says how.
    landmarks
        (T, 68, 2) steady ones.
    source
        (T, 28) what the face shows.
    changes
        (T, 2, 28) by how much AUs change.
    steps
        That show as what is asked; `fitted` finds them.
    """

    number: int | None
    change: FilmChange
    survey: Survey
    neutral: FilmNeutral
    still: npt.NDArray[np.int64]
    landmarks: Array
    source: Array
    changes: Array
    editor: FrameEditor
    faces: face.FaceReader
    steps: Steps = field(default_factory=Steps)

    @property
    def columns(self) -> list[int]:
        """Of the AUs that are read, among all."""
        return [AUS.index(au) for au in self.neutral.aus]

    def edited(self, frame: FilmFrame) -> Image:
        """What a frame becomes; its very pixels where nothing is asked or the face is not seen."""
        t = frame.index
        if not (self.survey.seen[t] and self.changes[t].any()):
            return frame.pixels
        return self._edited(t, frame.pixels, self.steps)

    def observer(self) -> FrameObserver:
        """Of one stretch of frames."""
        return FrameObserver(self.faces, self.neutral)

    def observe(self, observer: FrameObserver, frame: FilmFrame, edited: Image) -> None:
        """Let an observer see the next frame."""
        t = frame.index
        observer.see(
            t,
            frame.pixels,
            edited,
            face=self.survey.face(t) if self.survey.seen[t] else None,
            features=self.survey.features[t],
            asked=self.changes[t].mean(axis=0)[self.columns],
            cut=bool(self.survey.cuts[t]),
        )

    def fitted(self, footage: Footage, on_round: Callable[[int, int], None]) -> Steps:
        """The steps, measured on a few of the film's frames."""
        chosen = fitting_frames(self.changes)
        if len(chosen) == 0:
            return Steps()
        wanted = set(chosen.tolist())
        frames = {f.index: f.pixels for f in footage.read(int(chosen[0]), int(chosen[-1]) + 1) if f.index in wanted}
        observer = self.observer()

        def measured(steps: Steps) -> Array:
            rows: list[Array] = []
            for t in chosen.tolist():
                edited = self._edited(t, frames[t], steps)
                there = self.survey.face(t)
                try:
                    rows.append(
                        observer.read(edited, self.faces.follow(edited, there))
                        - self.neutral.read(there.landmarks, self.survey.features[t])
                    )
                except NoFaceError:
                    rows.append(np.full(len(self.neutral.aus), np.nan))
            return np.stack(rows)

        asked = self.changes[chosen].mean(axis=1)[:, self.columns]
        return fit_steps(asked, measured, aus=self.neutral.aus, on_round=on_round)

    def _edited(self, t: int, pixels: Image, steps: Steps) -> Image:
        there = self.survey.face(t, self.landmarks[t])
        asked = self.changes[t]
        return self.editor.edited(pixels, there, steps.change(asked), self.source[t], asked=asked)


def planned_face(
    number: int | None, change: FilmChange, survey: Survey, footage: Footage, options: FilmOptions, networks: Networks
) -> FilmFace:
    """A face with its neutral and what shall change of it, frame by frame.

    Raises
    ------
    ActionUnitError
        Less is asked of an AU that cannot be read here.
    InputError
        The film, or the photo, has no such neutral.
    """
    faces = networks.faces
    if options.neutral is not None and not isinstance(options.neutral, float | int):
        picture = image.read(options.neutral)
        there = face.choose(faces.find(picture, provider=str(survey.provider[0]))).face
        neutral, still = photo_neutral(picture, there, follow=faces.follow), np.zeros(0, np.int64)
    else:
        still = frames_at_rest(survey, at=options.neutral)
        picture = next(iter(footage.read(int(still[0])))).pixels
        neutral = film_neutral(survey, still, picture, follow=faces.follow)
    unread = [au for au in change.read_aus if au not in neutral.aus and au not in EYE_AUS]
    if unread:
        raise ActionUnitError(
            f"How much of {au_list(unread)} a film shows is not read here, so that it cannot be lessened; "
            f"read are {au_list(sorted(neutral.aus))}."
        )
    source = neutral.read_film(survey)
    changes = change.of(source, survey.seconds, last=float(survey.seconds[-1]))
    changes *= presence(survey)[:, None, None]
    changes[np.abs(changes) < 1e-3] = 0.0
    return FilmFace(
        number, change, survey, neutral, still, steady_landmarks(survey), source, changes, FrameEditor(networks), faces
    )


def film_faces(footage: Footage, faces: face.FaceReader, *, provider: str) -> list[int]:
    """The numbers of the faces that can be edited, of the first frame that shows any; 0 is the largest there.

    Raises
    ------
    NoFaceError
        No frame shows one.
    """
    for frame in footage.read():
        usable: list[int] = []
        found = faces.find(frame.pixels, provider=provider)
        for number in range(len(found)):
            try:
                face.choose(found, number)
            except NoFaceError:
                continue
            usable.append(number)
        if usable:
            return usable
    raise NoFaceError("No face that can be edited was found in this film: one that looks into the camera, upright.")


def check_apart(surveys: dict[int | None, Survey]) -> None:
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
