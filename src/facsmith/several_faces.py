"""Several faces of one photo, each animated for itself and composed into one film."""

import itertools
import os
from collections.abc import Iterator, Sequence

from facsmith import video
from facsmith._types import Image
from facsmith.compose.several import composed
from facsmith.errors import InputError
from facsmith.film import Animation
from facsmith.options import Progress
from facsmith.receipt.receipt import Receipt, face_receipt_path
from facsmith.signing import Credentials, sign

__all__ = ["GroupAnimation"]


class GroupAnimation:
    """Films of different faces of one photo as one film.

    A frame is the photo with what each film changed of it. Where two faces' changes meet, the later film's lies over
    the earlier's; everywhere else a pixel is that of the face animated alone.

    Parameters
    ----------
    films
        One of each face, of one photo, in mode transfer or paste, with the same frames a second.

    Raises
    ------
    InputError
        Films of different photos, of one face twice, or of crops.
    """

    def __init__(self, films: Sequence[Animation]) -> None:
        if not films:
            raise InputError("No face was chosen; give --face 0, several of them, or --face all.")
        photos = {film.subject.sha256 for film in films}
        faces = [film.subject.face_index for film in films]
        if len(photos) > 1 or len(set(faces)) < len(faces):
            raise InputError("Faces that are animated together are different faces of one photo.")
        if any(film.options.mode == "crop" for film in films):
            raise InputError("Mode crop shows one face alone; take transfer or paste for several faces.")
        if len({film.options.fps for film in films}) > 1:
            raise InputError("Faces that are animated together have the same frames a second.")
        self.films = tuple(films)

    def __len__(self) -> int:
        """Number of frames, of the longest film."""
        return max(len(film) for film in self.films)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, of each face."""
        return tuple(f"Face {film.subject.face_index}: {note}" for film in self.films for note in film.notes)

    def frames(self, progress: Progress | None = None) -> Iterator[Image]:
        """Render: yields (H, W, 3) uint8 RGB frames. A film that is over rests in its last frame."""
        photo = self.films[0].subject.photo
        each = [_held(film, len(self)) for film in self.films]
        for index, shown in enumerate(zip(*each, strict=True)):
            yield composed(photo, shown)
            if progress is not None:
                progress("frames", index + 1, len(self))

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        sign_with: Credentials | None = None,
        progress: Progress | None = None,
    ) -> tuple[Receipt, ...]:
        """Write the film, and beside it the receipt of each face that has one (`face_receipt_path`)."""
        first = self.films[0]
        video.write(path, self.frames(progress), fps=first.options.fps, metadata=first.metadata)
        receipts = {film.subject.face_index: film.measure(progress) for film in self.films if film.has_receipt}
        if sign_with is not None:
            asked = {f"face {film.subject.face_index}": film.request for film in self.films}
            sign(path, sign_with, source_type=first.source_type, asked=asked)
        for face, receipt in receipts.items():
            receipt.write(face_receipt_path(path, face))
        return tuple(receipts.values())


def _held(film: Animation, count: int) -> Iterator[Image]:
    """A film's frames, the last one as often as ``count`` needs it."""
    last: Image | None = None
    for frame in film.frames():
        last = frame
        yield frame
    assert last is not None
    yield from itertools.repeat(last, count - len(film))
