"""A film in, a film out: surveyed once, edited part by part, joined with its own sound, and accounted for.

Parts and some numbers for each frame wait in a folder beside the output, so that what was killed goes on where it
stopped.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from facsmith import video
from facsmith.errors import InputError
from facsmith.footage.change import FilmChange
from facsmith.footage.film_face import FilmFace
from facsmith.footage.options import FilmOptions
from facsmith.footage.parts import write_edited
from facsmith.footage.people import plan_faces
from facsmith.footage.receipt import FilmReceipt, film_receipt
from facsmith.footage.work_folder import FaceFolder, WorkFolder
from facsmith.networks import Networks
from facsmith.options import Progress
from facsmith.receipt.receipt import face_receipt_path
from facsmith.video import Footage

__all__ = ["edit_footage", "edit_footage_faces"]


def edit_footage(
    film: str | os.PathLike[str],
    output: str | os.PathLike[str],
    change: FilmChange,
    networks: Networks,
    *,
    options: FilmOptions | None = None,
    parts: Path | None = None,
    progress: Progress | None = None,
) -> FilmReceipt:
    """Write the film with one face's AUs changed, and nothing else.

    Parameters
    ----------
    film
        Any film that PyAV reads.
    output
        .mp4, .mov or .mkv; the receipt goes beside it.
    change
        What shall change, and when.
    networks
        Of an `Animator`.
    options
        See `FilmOptions`.
    parts
        The folder in which what is done waits until all of it is; default ``film.mp4.parts`` beside ``film.mp4``.
    progress
        Told (stage, done, total); the stages are ``looking``, ``fitting``, ``frames``, ``joining``.

    Raises
    ------
    InputError
        No film that can be read, or the output is the film itself.
    NoFaceError
        No face that can be edited.
    ActionUnitError
        Less is asked of an AU that cannot be read here.
    OutputError
        A place or an ending that cannot be written, or cannot hold the film's sound.
    """
    options = options or FilmOptions()
    done = _edit_faces(
        film, output, [(options.face, change)], networks, options=options, parts=parts, progress=progress
    )
    receipt = done[options.face]
    receipt.write(f"{output}.json")
    return receipt


def edit_footage_faces(
    film: str | os.PathLike[str],
    output: str | os.PathLike[str],
    changes: Mapping[int, FilmChange],
    networks: Networks,
    *,
    options: FilmOptions | None = None,
    parts: Path | None = None,
    progress: Progress | None = None,
) -> dict[int, FilmReceipt]:
    """Write the film with several faces' AUs changed; each face's receipt goes beside it (`face_receipt_path`).

    Parameters
    ----------
    changes
        Number of a face, 0 the largest of the first frame that shows so many -> what shall change of it. Where two
        faces' changes meet, the later one's lies over the earlier's; elsewhere a frame is that of the face edited
        alone, before it is encoded.
    film, output, networks, options, parts, progress
        As for `edit_footage`; the options' own face does not count.

    Raises
    ------
    InputError
        Two numbers mean one and the same person, a neutral photo for several people, or as for `edit_footage`.
    """
    if not changes:
        raise InputError("No face was chosen; give --face 0, several of them, or --face all.")
    options = replace(options or FilmOptions(), face=None)
    if len(changes) > 1 and isinstance(options.neutral, str | os.PathLike):
        raise InputError("A neutral photo is one person's; of several faces each rests where it shows least.")
    done = _edit_faces(film, output, [*changes.items()], networks, options=options, parts=parts, progress=progress)
    receipts = {number: done[number] for number in changes}
    for number, receipt in receipts.items():
        receipt.write(face_receipt_path(output, number))
    return receipts


def _edit_faces(
    film: str | os.PathLike[str],
    output: str | os.PathLike[str],
    changes: Sequence[tuple[int | None, FilmChange]],
    networks: Networks,
    *,
    options: FilmOptions,
    parts: Path | None,
    progress: Progress | None,
) -> dict[int | None, FilmReceipt]:
    footage = video.open_footage(Path(film))
    video.check_holds(output, footage)
    if os.path.exists(output) and os.path.samefile(film, output):
        raise InputError(f"{output} is the film itself; give the edited one another name.")
    tell: Progress = progress or _silent
    asked = dict(changes)
    work = WorkFolder.open(
        parts or WorkFolder.beside(output), footage.path, asked, options, model=networks.generator.generator_id
    )
    began = time.perf_counter()
    plans = plan_faces(footage, asked, networks.faces, work, options=options, tell=tell)
    looked = time.perf_counter() - began
    faces = [FilmFace.of(plan, networks) for plan in plans]
    if options.fitted:
        faces = [_fitted(face, footage, work.face(face.plan.number), tell) for face in faces]
    began = time.perf_counter()
    model = {"name": networks.name, "generator_id": networks.generator.generator_id}
    accounts = write_edited(output, footage, faces, work, part_seconds=options.part_seconds, model=model, tell=tell)
    timings = {"looking": round(looked, 2), "frames": round(time.perf_counter() - began, 2)}
    settings = {**asdict(options), "neutral": None if options.neutral is None else str(options.neutral)}
    receipts = {
        face.plan.number: film_receipt(
            footage=footage,
            plan=face.plan,
            settings={**settings, "face": face.plan.number},
            steps=face.steps,
            accounts=measured,
            model=model,
            timings=timings,
        )
        for face, measured in zip(faces, accounts, strict=True)
    }
    work.remove()
    return receipts


def _fitted(face: FilmFace, footage: Footage, kept: FaceFolder, tell: Progress) -> FilmFace:
    """The face with its steps, which are measured once."""
    steps = kept.steps
    if steps is None:
        steps = face.fitted(footage, lambda done, of: tell("fitting", done, of))
        kept.keep_steps(steps)
    return replace(face, steps=steps)


def _silent(stage: str, done: int, total: int) -> None:
    """For who asks for no progress."""
