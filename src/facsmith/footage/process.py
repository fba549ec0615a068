"""A film in, a film out: surveyed once, edited part by part, joined with its own sound, and accounted for.

In memory there are a few frames at a time and some numbers for each frame; parts and numbers wait in a folder beside
the output, so that what was killed goes on where it stopped. Of several faces each is edited on the film's own frame,
as if it were alone, and what they changed is laid into one picture.
"""

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from facsmith import image, video
from facsmith.compose.several import composed
from facsmith.errors import FacsmithError, InputError, NoFaceError
from facsmith.footage.account import FrameAccounts, FrameObserver
from facsmith.footage.change import FilmChange
from facsmith.footage.film_face import FilmFace, check_apart, planned_face
from facsmith.footage.follow import FaceFollower
from facsmith.footage.options import FilmOptions
from facsmith.footage.receipt import FilmReceipt, film_receipt
from facsmith.footage.step_fit import Steps
from facsmith.footage.survey import Survey, survey_film
from facsmith.footage.work_folder import WorkFolder
from facsmith.measure.readout import available_readout
from facsmith.networks import Networks
from facsmith.options import Progress
from facsmith.receipt.receipt import face_receipt_path
from facsmith.subject import Image
from facsmith.synthetic import provenance
from facsmith.video import FilmFrame, Footage

__all__ = ["edit_footage", "edit_footage_faces"]

_AHEAD: Final = 4  # frames that wait to be measured


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
    surveys = _surveyed(footage, [*asked], work, options, networks, tell)
    looked = time.perf_counter() - began
    faces: list[FilmFace] = []
    for number, change in asked.items():
        face = planned_face(number, change, surveys[number], footage, options, networks)
        steps = work.face(number).steps
        if steps is None:
            steps = face.fitted(footage, lambda done, of: tell("fitting", done, of)) if options.fitted else Steps()
            work.face(number).keep_steps(steps)
        faces.append(replace(face, steps=steps))
    began = time.perf_counter()
    bounds = _parts(faces[0].survey, options.part_seconds)
    _edit_parts(footage, bounds, faces, work, tell)
    tell("joining", 0, 1)
    model = {"name": networks.name, "generator_id": networks.generator.generator_id}
    video.join_parts(
        output, footage, [work.part(number) for number in range(len(bounds))],
        metadata=image.provenance(provenance(model)),
    )  # fmt: skip
    tell("joining", 1, 1)
    receipts: dict[int | None, FilmReceipt] = {}
    for face in faces:
        settings = {**asdict(options), "face": face.number}
        receipts[face.number] = film_receipt(
            footage=footage,
            survey=face.survey,
            neutral=face.neutral,
            still=face.still,
            change=face.change,
            settings={**settings, "neutral": None if options.neutral is None else str(options.neutral)},
            steps=face.steps,
            accounts=FrameAccounts.joined([work.face(face.number).accounts(part) for part in range(len(bounds))]),
            model=model,
            timings={"looking": round(looked, 2), "frames": round(time.perf_counter() - began, 2)},
        )
    work.remove()
    return receipts


def _surveyed(
    footage: Footage,
    numbers: Sequence[int | None],
    work: WorkFolder,
    options: FilmOptions,
    networks: Networks,
    tell: Progress,
) -> dict[int | None, Survey]:
    """One look at the film for each face; those that were made before are read again."""
    surveys: dict[int | None, Survey] = {}
    for k, number in enumerate(numbers):
        survey = work.face(number).survey
        if survey is None:
            follower = FaceFollower(networks.faces, provider=options.provider, face=number)

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
    check_apart(surveys)
    return surveys


def _edit_parts(
    footage: Footage, bounds: Sequence[tuple[int, int]], faces: Sequence[FilmFace], work: WorkFolder, tell: Progress
) -> None:
    """Make the parts that are not there yet."""
    numbers = [face.number for face in faces]
    pending = [part for part in range(len(bounds)) if not work.has(part, numbers)]
    if not pending:
        return
    frames = footage.read(bounds[pending[0]][0])
    for number in range(pending[0], len(bounds)):
        first, last = bounds[number]
        part = _taken(frames, last - first)
        if work.has(number, numbers):
            for _ in part:
                pass
            continue
        observers = [face.observer() for face in faces]
        edited = _edited(part, faces, observers)
        video.write_part(work.part(number), footage, _told(edited, tell, len(faces[0].survey)))
        for face, observer in zip(faces, observers, strict=True):
            work.face(face.number).keep(number, observer.accounts())


def _edited(
    frames: Iterable[FilmFrame], faces: Sequence[FilmFace], observers: Sequence[FrameObserver]
) -> Iterator[tuple[FilmFrame, Image]]:
    """Frames with what they become; each is measured while the next ones are made."""
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as worker:
        for frame in frames:
            shown = [face.edited(frame) for face in faces]
            for face, observer, edited in zip(faces, observers, shown, strict=True):
                waiting.append(worker.submit(face.observe, observer, frame, edited))
            while len(waiting) > _AHEAD * len(faces):
                waiting.popleft().result()
            yield frame, composed(frame.pixels, shown)
        for measured in waiting:
            measured.result()


def _told(frames: Iterator[tuple[FilmFrame, Image]], tell: Progress, total: int) -> Iterator[tuple[FilmFrame, Image]]:
    for frame, edited in frames:
        yield frame, edited
        tell("frames", frame.index + 1, total)


def _taken(frames: Iterator[FilmFrame], count: int) -> Iterator[FilmFrame]:
    for _ in range(count):
        yield next(frames)


def _parts(survey: Survey, seconds: float) -> list[tuple[int, int]]:
    """First and last (excluded) frame of each part; every part begins where ``seconds`` went by."""
    numbers = (survey.seconds // seconds).astype(int)
    begins = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(survey)]
    return [(a, b) for a, b in pairwise(begins) if b > a]


def _silent(stage: str, done: int, total: int) -> None:
    """For who asks for no progress."""
