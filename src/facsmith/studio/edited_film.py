"""A film that a visitor brings: its face's AUs changed, shown before and after, taken home with its receipt."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facsmith import image, video
from facsmith.errors import InputError
from facsmith.footage import FilmChange, FilmOptions, FilmReceipt
from facsmith.options import Progress
from facsmith.studio.session import LONGEST_FILM, StudioSession, file_stem, readable
from facsmith.subject import Image

__all__ = ["EditedFilm", "edit_film", "take_film"]

_PANE = 640
"""Pixels, at most, of a face before and after."""
_CONTAINERS = re.compile(rb"....(ftyp|moov|mdat|wide|free|skip)|\x1aE\xdf\xa3|RIFF....AVI ", re.DOTALL)
"""How files of MP4, MOV, MKV, WebM and AVI begin. Play lists, which name other files, are no films."""


@dataclass(frozen=True, eq=False)
class EditedFilm:
    """The film with what was asked of it.

    Parameters
    ----------
    asked
        Film, change and options; it is shown as long as these are asked for.
    file
        The whole film; its receipt lies beside it.
    pair
        An MP4 of the face, before on the left and after on the right.
    """

    asked: object
    file: Path
    pair: Path
    receipt: FilmReceipt


def take_film(session: StudioSession, data: bytes, name: str) -> None:
    """Lay a film in the session's folder, in place of the one before.

    Raises
    ------
    InputError
        No film, a damaged one, one that is too large or too long.
    """
    if len(data) > session.options.max_bytes:
        most = session.options.max_bytes / 1e6
        raise InputError(f"This film has {len(data) / 1e6:.1f} MB; at most {most:.0f} MB are taken here.")
    if _CONTAINERS.match(data) is None:
        raise InputError("This is no film that can be read here; bring an MP4, MOV, MKV, WebM or AVI file.")
    suffix = Path(name).suffix.lower()
    path = session.place(f"film{suffix if suffix in ('.mp4', '.mov') else '.mkv'}")
    path.write_bytes(data)
    try:
        footage = video.open_footage(path)
        seconds = footage.frames / float(footage.rate)
        if seconds > LONGEST_FILM:
            raise InputError(f"This film lasts {seconds:.0f} s; at most {LONGEST_FILM:.0f} s are edited here.")
    except InputError as error:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise InputError(str(error).replace(str(path), readable(name))) from error
    forget_film(session)
    session.footage, session.footage_name, session.footage_seconds = path, readable(name), seconds


def edit_film(session: StudioSession, change: FilmChange, options: FilmOptions, progress: Progress) -> EditedFilm:
    """The film with the change; the last one, where nothing else was asked.

    Raises
    ------
    InputError
        There is no film.
    """
    if session.footage is None:
        raise InputError("There is no film yet; drop one anywhere on this page.")
    asked = session.footage, change, options
    if session.edited is None or session.edited.asked != asked:
        file = session.place(f"{file_stem(session.footage_name)}_edited{session.footage.suffix}")
        try:
            receipt = session.animator.edit_film(session.footage, file, change, options=options, progress=progress)
            pair = file.with_name("before-after.mp4")
            video.write(pair, _pairs(session.footage, file, receipt, progress), fps=receipt.film["rate"])
        except BaseException:
            shutil.rmtree(file.parent, ignore_errors=True)
            raise
        if session.edited is not None:
            shutil.rmtree(session.edited.file.parent, ignore_errors=True)
        session.edited = EditedFilm(asked, file, pair, receipt)
    return session.edited


def forget_film(session: StudioSession) -> None:
    """Delete the film that was brought, and what was made of it."""
    for path in (session.footage, session.edited and session.edited.file):
        if path is not None:
            shutil.rmtree(path.parent, ignore_errors=True)
    session.footage = session.edited = None


def _pairs(before: Path, after: Path, receipt: FilmReceipt, progress: Progress) -> Iterator[Image]:
    left, top, right, bottom = receipt.film["face_box"]
    scale = min(1.0, _PANE / max(right - left, bottom - top))
    size = max(1, round(scale * (bottom - top))), max(1, round(scale * (right - left)))
    films = (video.open_footage(path).read() for path in (before, after))
    for number, frames in enumerate(zip(*films, strict=False)):
        faces = [np.ascontiguousarray(frame.pixels[top:bottom, left:right]) for frame in frames]
        yield np.hstack([image.resize(face, size) for face in faces])
        progress("pair", number + 1, receipt.film["frames"])
