"""A film in, a film out: surveyed once, edited part by part, joined with its own sound, and accounted for.

In memory there are a few frames at a time and some numbers for each frame; parts and numbers wait in a folder beside
the output, so that what was killed goes on where it stopped.
"""

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith import face, image, video
from facsmith.errors import ActionUnitError, FacsmithError, NoFaceError
from facsmith.facs import AUS, EYE_AUS, au_list
from facsmith.footage.account import FrameAccounts, FrameObserver
from facsmith.footage.change import FilmChange
from facsmith.footage.editor import FrameEditor
from facsmith.footage.follow import FaceFollower
from facsmith.footage.neutral import FilmNeutral, film_neutral, frames_at_rest, photo_neutral
from facsmith.footage.options import FilmOptions
from facsmith.footage.presence import presence, steady_landmarks
from facsmith.footage.receipt import FilmReceipt, film_receipt
from facsmith.footage.step_fit import Steps, fit_steps, fitting_frames
from facsmith.footage.survey import Survey, survey_film
from facsmith.footage.work_folder import WorkFolder
from facsmith.measure.readout import available_readout
from facsmith.networks import Networks
from facsmith.options import Progress
from facsmith.subject import Image
from facsmith.synthetic import provenance
from facsmith.video import FilmFrame, Footage

__all__ = ["edit_footage"]

Array = npt.NDArray[np.float64]

_AHEAD: Final = 4  # frames that wait to be measured


@dataclass(frozen=True, eq=False)
class _Plan:
    """All that is known before frames are edited. landmarks: (T, 68, 2). source: (T, 28). changes: (T, 2, 28)."""

    survey: Survey
    neutral: FilmNeutral
    landmarks: Array
    source: Array
    changes: Array


def edit_footage(
    film: str | os.PathLike[str],
    output: str | os.PathLike[str],
    change: FilmChange,
    networks: Networks,
    *,
    options: FilmOptions | None = None,
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
    progress
        Told (stage, done, total); the stages are ``looking``, ``fitting``, ``frames``, ``joining``.

    Raises
    ------
    InputError
        No film that can be read.
    NoFaceError
        No face that can be edited.
    ActionUnitError
        Less is asked of an AU that cannot be read here.
    OutputError
        A place or an ending that cannot be written, or cannot hold the film's sound.
    """
    options = options or FilmOptions()
    footage = video.open_footage(Path(film))
    video.check_holds(output, footage)
    tell: Progress = progress or _silent
    work = WorkFolder.open(Path(output), footage.path, change, options, model=networks.generator.generator_id)
    began = time.perf_counter()
    survey = work.survey
    if survey is None:
        follower = FaceFollower(networks.faces, provider=options.provider, face=options.face)
        try:
            survey = survey_film(
                footage.read(),
                follower,
                readout=available_readout(),
                on_frame=lambda done: tell("looking", done, max(footage.frames, done)),
            )
        except FacsmithError:
            work.remove()
            raise
        survey.save(work.survey_path)
    looked = time.perf_counter() - began
    plan, still = _planned(survey, footage, change, options, networks)
    editor = FrameEditor(networks)
    steps = work.steps
    if steps is None:
        steps = _fitted(plan, footage, editor, networks, tell) if options.fitted else Steps()
        work.keep_steps(steps)
    began = time.perf_counter()
    bounds = _parts(survey, options.part_seconds)
    pending = [number for number in range(len(bounds)) if not work.has(number)]
    if pending:
        frames = footage.read(bounds[pending[0]][0])
        for number in range(pending[0], len(bounds)):
            first, last = bounds[number]
            part = _taken(frames, last - first)
            if work.has(number):
                for _ in part:
                    pass
                continue
            observer = FrameObserver(networks.faces, plan.neutral)
            edited = _edited(part, plan, steps, editor, observer)
            video.write_part(work.part(number), footage, _told(edited, tell, len(survey)))
            work.keep(number, observer.accounts())
    accounts = FrameAccounts.joined([work.accounts(number) for number in range(len(bounds))])
    tell("joining", 0, 1)
    model = {"name": networks.name, "generator_id": networks.generator.generator_id}
    video.join_parts(
        output, footage, [work.part(number) for number in range(len(bounds))],
        metadata=image.provenance(provenance(model)),
    )  # fmt: skip
    tell("joining", 1, 1)
    receipt = film_receipt(
        footage=footage,
        survey=survey,
        neutral=plan.neutral,
        still=still,
        change=change,
        settings={**asdict(options), "neutral": None if options.neutral is None else str(options.neutral)},
        steps=steps,
        accounts=accounts,
        model=model,
        timings={"looking": round(looked, 2), "frames": round(time.perf_counter() - began, 2)},
    )
    receipt.write(f"{output}.json")
    work.remove()
    return receipt


def _planned(
    survey: Survey, footage: Footage, change: FilmChange, options: FilmOptions, networks: Networks
) -> tuple[_Plan, npt.NDArray[np.int64]]:
    if isinstance(options.neutral, str | os.PathLike):
        picture = image.read(options.neutral)
        provider = str(survey.provider[0])
        there = face.choose(networks.faces.find(picture, provider=provider)).face
        neutral, still = photo_neutral(picture, there, follow=networks.faces.follow), np.zeros(0, np.int64)
    else:
        still = frames_at_rest(survey, at=options.neutral)
        picture = next(iter(footage.read(int(still[0])))).pixels
        neutral = film_neutral(survey, still, picture, follow=networks.faces.follow)
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
    return _Plan(survey, neutral, steady_landmarks(survey), source, changes), still


def _fitted(plan: _Plan, footage: Footage, editor: FrameEditor, networks: Networks, tell: Progress) -> Steps:
    """The film's steps, measured on a few frames."""
    chosen = fitting_frames(plan.changes)
    if len(chosen) == 0:
        return Steps()
    wanted = set(chosen.tolist())
    frames = {f.index: f.pixels for f in footage.read(int(chosen[0]), int(chosen[-1]) + 1) if f.index in wanted}
    columns = [AUS.index(au) for au in plan.neutral.aus]
    observer = FrameObserver(networks.faces, plan.neutral)

    def measured(steps: Steps) -> Array:
        rows: list[Array] = []
        for t in chosen.tolist():
            edited = _edit(plan, editor, t, frames[t], steps)
            there = plan.survey.face(t)
            try:
                rows.append(
                    observer.read(edited, networks.faces.follow(edited, there))
                    - plan.neutral.read(there.landmarks, plan.survey.features[t])
                )
            except NoFaceError:
                rows.append(np.full(len(columns), np.nan))
        return np.stack(rows)

    return fit_steps(
        plan.changes[chosen].mean(axis=1)[:, columns],
        measured,
        aus=plan.neutral.aus,
        on_round=lambda done, of: tell("fitting", done, of),
    )


def _edit(plan: _Plan, editor: FrameEditor, t: int, pixels: Image, steps: Steps) -> Image:
    there = plan.survey.face(t, plan.landmarks[t])
    return editor.edited(pixels, there, steps.change(plan.changes[t]), plan.source[t])


def _edited(
    frames: Iterable[FilmFrame], plan: _Plan, steps: Steps, editor: FrameEditor, observer: FrameObserver
) -> Iterator[tuple[FilmFrame, Image]]:
    """Frames with what they become; each is measured while the next ones are made."""
    columns = [AUS.index(au) for au in plan.neutral.aus]
    survey = plan.survey
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as worker:
        for frame in frames:
            t = frame.index
            edited = frame.pixels
            if survey.seen[t] and plan.changes[t].any():
                edited = _edit(plan, editor, t, frame.pixels, steps)
            waiting.append(
                worker.submit(
                    observer.see,
                    t,
                    frame.pixels,
                    edited,
                    face=survey.face(t) if survey.seen[t] else None,
                    features=survey.features[t],
                    asked=plan.changes[t].mean(axis=0)[columns],
                    cut=bool(survey.cuts[t]),
                )
            )
            if len(waiting) > _AHEAD:
                waiting.popleft().result()
            yield frame, edited
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
