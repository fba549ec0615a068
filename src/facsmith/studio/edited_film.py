"""A film that a visitor brings: its face's AUs changed, shown before and after, taken home with its receipt."""

import hashlib
import math
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from facsmith import image, video
from facsmith._types import Image
from facsmith.errors import InputError
from facsmith.footage import FilmChange, FilmOptions, FilmReceipt
from facsmith.options import Progress
from facsmith.studio.jobs import JobCancelledError
from facsmith.studio.session import LONGEST_FILM, StudioSession, file_stem, readable
from facsmith.video._av import open_film

__all__ = ["MOST_PICTURES", "EditedFilm", "await_film", "edit_film", "take_film"]

MOST_PICTURES: Final = int(60 * LONGEST_FILM)
"""Two minutes at 60 a second; each takes its time, however short it is shown."""
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


def take_film(session: StudioSession, data: bytes, name: str) -> str:
    """Lay a film in the session's folder, in place of the one before, and call off what is made of that one.

    Returns what there is to say of it: whether it is the one that an opened project speaks of.

    Raises
    ------
    InputError
        No film, a damaged one, one that is too large or too long; then the one before stays.
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
        video.open_footage(path)
        seconds = _seconds(path)
    except InputError as error:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise InputError(str(error).replace(str(path), readable(name))) from error
    awaited = (session.footage_name, session.footage_hash) if session.footage is None else ("", "")
    session.cancel()
    forget_film(session)
    session.footage, session.footage_name, session.footage_seconds = path, readable(name), seconds
    session.footage_hash = hashlib.sha256(data).hexdigest()
    session.revision += 1
    if awaited[1] in ("", session.footage_hash):
        return f"{session.footage_name} is here: say what shall change, then Show before and after."
    return f"{session.footage_name} is here; it is not the film of the project, {awaited[0]}."


def edit_film(session: StudioSession, change: FilmChange, options: FilmOptions, progress: Progress) -> EditedFilm:
    """The film with the change; the last one, where nothing else was asked.

    Raises
    ------
    InputError
        There is no film.
    JobCancelledError
        Another film was brought meanwhile.
    """
    footage, edited = session.footage, session.edited
    if footage is None:
        raise InputError("There is no film yet; drop one anywhere on this page.")
    asked = footage, change, options
    if edited is not None and edited.asked == asked:
        return edited
    file = session.place(f"{file_stem(session.footage_name)}_edited{footage.suffix}")
    try:
        receipt = session.animator.edit_film(footage, file, change, options=options, progress=progress)
        pair = file.with_name("before-after.mp4")
        video.write(pair, _pairs(footage, file, receipt, progress), fps=receipt.film["rate"])
        if session.footage is not footage:
            raise JobCancelledError("Cancelled.")
    except BaseException as error:
        shutil.rmtree(file.parent, ignore_errors=True)
        if session.footage is not footage:  # its file is gone, which is what the error may be about
            raise JobCancelledError("Cancelled.") from error
        raise
    if edited is not None:
        shutil.rmtree(edited.file.parent, ignore_errors=True)
    session.edited = EditedFilm(asked, file, pair, receipt)
    return session.edited


def forget_film(session: StudioSession) -> None:
    """Delete the film that was brought, and what was made of it."""
    for path in (session.footage, session.edited and session.edited.file):
        if path is not None:
            shutil.rmtree(path.parent, ignore_errors=True)
    session.footage = session.edited = None


def await_film(session: StudioSession, name: str, signature: str) -> None:
    """Take over a project's film by its name and its bytes' SHA-256; if it is not here, it is to be brought again."""
    if session.footage_hash != signature:
        forget_film(session)
        session.footage_name, session.footage_hash = readable(name), signature


def _seconds(path: Path) -> float:
    """How long the film lasts by its packets' own time stamps; what its header claims, if anything, is not believed.

    Nothing is decoded, and no more is read than may be edited.

    Raises
    ------
    InputError
        It has more seconds or pictures than are taken here, or is damaged.
    """
    from av.error import FFmpegError

    first, last = math.inf, -math.inf
    pictures = 0
    try:
        with open_film(path) as container:
            stream = container.streams.video[0]
            for packet in container.demux(stream):
                pictures += packet.size > 0
                if pictures > MOST_PICTURES:
                    raise InputError(f"This film has more than the {MOST_PICTURES} pictures that are edited here.")
                stamp = packet.dts if packet.pts is None else packet.pts
                if stamp is None or packet.is_discard:  # cut away by an edit list: decoded, but not shown
                    continue
                begin = float(stamp * packet.time_base)
                first, last = min(first, begin), max(last, begin + float((packet.duration or 0) * packet.time_base))
                if last - first > LONGEST_FILM:
                    raise InputError(f"This film is too long; at most {LONGEST_FILM:.0f} s are edited here.")
            return last - first if last > first else pictures / float(stream.average_rate or 25)
    except (FFmpegError, IndexError) as error:
        raise InputError(f"{path} is no film that can be read here ({error}). Give an intact one.") from error


def _pairs(before: Path, after: Path, receipt: FilmReceipt, progress: Progress) -> Iterator[Image]:
    left, top, right, bottom = receipt.film["face_box"]
    scale = min(1.0, _PANE / max(right - left, bottom - top))
    size = max(1, round(scale * (bottom - top))), max(1, round(scale * (right - left)))
    films = (video.open_footage(path).read() for path in (before, after))
    for number, frames in enumerate(zip(*films, strict=False)):
        faces = [np.ascontiguousarray(frame.pixels[top:bottom, left:right]) for frame in frames]
        yield np.hstack([image.resize(face, size) for face in faces])
        progress("pair", number + 1, receipt.film["frames"])
