"""The pictures of a battery before they are finished: whose they are, what they show, and where they come to lie."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from facsmith._types import Pixels
from facsmith.animator import Animator
from facsmith.errors import NoFaceError
from facsmith.face import Face
from facsmith.face.points import MIRROR
from facsmith.latent import Latent
from facsmith.options import AnimateOptions
from facsmith.stimuli.design import Condition
from facsmith.stimuli.eyes import read_eyes, track_eyes
from facsmith.stimuli.luminance import Tone, grey_of, match
from facsmith.stimuli.norms import Frame, Norms
from facsmith.subject import Subject

__all__ = ["Follow", "Person", "PlacedStill", "place", "tones"]

Follow = Callable[[Pixels, Face], Face]

_ROUNDS: Final = 6
_NEAR: Final = 0.1
"""Of aligning again by what is seen in the aligned picture; pixels."""


@dataclass(frozen=True)
class Person:
    """A photo that can be used.

    Parameters
    ----------
    name
        Of its stimuli.
    frame
        Where its pictures lie in the set's.
    """

    photo: Path
    name: str
    latent: Latent
    face: Face
    frame: Frame

    @classmethod
    def read(cls, animator: Animator, photo: Path, name: str, norms: Norms, options: AnimateOptions) -> "Person":
        """Encode a photo, and find out how its pictures come to lie on the set's.

        Raises
        ------
        PhotoError
            The photo shows no usable face.
        """
        subject = animator.prepare(photo, options=options)
        if subject.face is None:
            raise NoFaceError("No face was found; give a photo of one that looks into the camera.")
        frame = Frame.of(norms, subject.face.landmarks, subject.photo.shape)
        return cls(photo, name, subject.latent, subject.face, frame)

    def subject(self, animator: Animator, options: AnimateOptions) -> Subject:
        """Again, by the latent that is known: nothing is searched for, and not all photos are held at once."""
        return animator.prepare(self.photo, options=options, latent=self.latent)


@dataclass(frozen=True)
class PlacedStill:
    """A picture that was drawn.

    Parameters
    ----------
    frame
        Its own, in which its eyes lie on their points; the person's is the neutral face's.
    kept
        File of its pixels, .npy.
    told
        What its receipt measured.
    """

    person: Person
    condition: Condition
    frame: Frame
    kept: Path
    model: Any
    source_type: str
    told: dict[str, Any]

    @property
    def name(self) -> str:
        """Of its files, without suffixes."""
        return f"{self.person.name}_{self.condition.name}"

    @property
    def drawn(self) -> Pixels:
        """(H, W, 3) or, without norms, with alpha: the photo's frame."""
        return np.asarray(np.load(self.kept), np.uint8)

    def face(self, width: int, *, mirror: bool) -> Face:
        """Where the face lies in the finished picture, ``width`` wide, or in its mirrored twin."""
        points = self.frame.points(self.person.face.landmarks)
        if mirror:
            points = (points * [-1, 1] + [width - 1, 0])[list(MIRROR)]
        return self.person.face.at(points)

    def finished(self, norms: Norms, tone: Tone | None) -> Pixels:
        """As it comes into the set."""
        return self.frame.finish(self.frame.place(self.drawn), tone) if norms.changes else self.drawn


def place(
    stills: Sequence[PlacedStill], tones: Sequence[Tone | None], norms: Norms, follow: Follow
) -> list[PlacedStill]:
    """The stills with the frames in which the eyes of each lie on their points.

    Parameters
    ----------
    tones
        Of each, where they are known.
    follow
        Reads the face in a picture.
    """
    if not norms.align:
        return [*stills]
    placed: list[PlacedStill] = []
    person, rest = stills[0].person, np.zeros(0, np.uint8)
    for still, tone in zip(stills, tones, strict=True):
        if not still.condition.shown:  # the neutral face, which comes first
            person = replace(still.person, frame=_aligned(still, tone, follow))
            rest = person.frame.place(still.drawn)
            placed.append(replace(still, person=person, frame=person.frame))
            continue
        moved = track_eyes(person.frame.place(still.drawn), rest, person.frame.eyes)
        # The muscles move the picture of the eyes a little, too; shut eyes cannot be compared.
        frame = person.frame if moved is None else person.frame.corrected(moved)
        placed.append(replace(still, person=person, frame=frame))
    return placed


def _aligned(still: PlacedStill, tone: Tone | None, follow: Follow) -> Frame:
    """By the eyes of the neutral face as a landmarker sees them in the finished picture itself."""
    frame, best, least = still.frame, still.frame, np.inf
    for _ in range(_ROUNDS):
        shown = frame.finish(frame.place(still.drawn), tone)
        expected = still.person.face.at(frame.points(still.person.face.landmarks))
        try:
            seen = read_eyes(shown, expected, follow)
        except NoFaceError:
            break
        off = float(np.abs(seen - frame.eyes).max())
        if off < least:
            best, least = frame, off
        if off < _NEAR:
            break
        frame = frame.corrected(seen)
    return best


def tones(stills: Sequence[PlacedStill], norms: Norms) -> tuple[list[Tone | None], dict[str, float]]:
    """How each still's light becomes the set's, and that light: its level and contrast."""
    if not norms.luminance:
        return [None] * len(stills), {}
    samples: list[Pixels] = []
    for still in stills:
        placed = still.frame.place(still.drawn)
        inside = still.frame.opacity >= 1
        on_disk = still.kept.with_suffix(".inside.npy")  # a large set's pixels do not fit into memory
        np.save(on_disk, (grey_of(placed) if norms.grey else placed)[inside])
        samples.append(np.load(on_disk, mmap_mode="r"))
    found, light = match(samples)
    return [*found], {"level": round(light.level, 3), "contrast": round(light.contrast, 4)}
