"""A film, measured frame by frame as it is decoded."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from facsmith import face as face_module
from facsmith import video
from facsmith._types import Image
from facsmith.errors import InputError, NoFaceError
from facsmith.face import Face
from facsmith.measure.measured import Measured
from facsmith.measure.neutral_face import NeutralFace
from facsmith.measure.pictures import alone
from facsmith.measure.table import Row

__all__ = ["read_film"]


def read_film(
    film: str | Path,
    *,
    neutral: Image | None = None,
    neutral_at: float | None = None,
    provider: str = "auto",
    face: int | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Iterator[Row]:
    """Yield one row per frame; ``measured`` is None where the face cannot be seen.

    Parameters
    ----------
    neutral
        (H, W, 3) uint8 RGB, the same person at rest.
    neutral_at
        Seconds at which the film itself shows that, instead of ``neutral``.
    provider, face
        As in `measure.action_units`; the chosen face is followed through the film.

    Raises
    ------
    InputError
        No such film, or it ends before neutral_at.
    NoFaceError
        The neutral picture shows no face.
    """
    known = None
    if neutral_at is not None:
        neutral = _frame_at(film, neutral_at)
    if neutral is not None:
        rest = face_module.choose(face_module.find(neutral, provider=provider), face).face
        known, provider = NeutralFace(neutral, rest), rest.provider
    seen: Face | None = None
    for frame in video.stream(film):
        seen = _seen(frame.pixels, seen, provider, face)
        measured: Measured | None = None
        if seen is not None:
            measured = alone(frame.pixels, seen) if known is None else known.read(frame.pixels, seen)
        yield Row(frame.index, frame.seconds, measured)
        progress("frames", frame.index + 1, frame.index + 1)


def _seen(frame: Image, before: Face | None, provider: str, index: int | None) -> Face | None:
    """The face looked for anew, as dlib reads points off anything it is told to be a face: the one nearest to where it
    was, else the one asked for."""
    faces = face_module.find(frame, provider=provider)
    if before is not None:
        middle = before.landmarks.mean(axis=0)
        near = [f for f in faces if np.hypot(*(f.landmarks.mean(axis=0) - middle)) < before.interocular]
        faces = near or faces
        index = None if near else index
    try:
        return face_module.choose(faces, index).face
    except NoFaceError:
        return None


def _frame_at(film: str | Path, seconds: float) -> Image:
    for frame in video.stream(film):
        if frame.seconds >= seconds - 1e-6:
            return frame.pixels
    raise InputError(f"{film} ends before {seconds:g} s; give a time at which it shows the person at rest.")
