"""Every emotion and AU on every portrait of a folder: sheets to be looked at, and the warnings beside them.

What was graded by eye can so be watched by numbers, and the numbers be held against the grades (`grades_report`).
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from facsmith import face, image
from facsmith._types import Pixels
from facsmith.animator import Animator
from facsmith.errors import FacsmithError, InputError
from facsmith.facs import AUS, EMOTIONS, ActionUnits
from facsmith.lab.evaluate.picture_warnings import BARS, film_jitter, fired, picture_warnings
from facsmith.options import AnimateOptions
from facsmith.subject import Subject
from facsmith.timeline import Timeline

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["GRADES", "Edit", "Grades", "PicturesReport", "evaluate_pictures", "expressions", "grades_report", "tables"]


GRADES: Final = ("convincing", "acceptable", "sent back")
_JITTER_OF: Final = "surprise"  # what a film of is looked at for jitter: the face that moves most
_ROOM: Final = 0.45  # IOD around the landmarks that a sheet shows
_LARGEST: Final = 1024  # pixels of a face on a sheet
_MAX_GRADES: Final = 200_000


@dataclass(frozen=True)
class Edit:
    """One expression on one portrait.

    Parameters
    ----------
    warnings
        Name -> value.
    fired
        Those at or above their bars.
    """

    portrait: str
    expression: str
    warnings: dict[str, float]
    fired: list[str]


@dataclass(frozen=True)
class Grades:
    """What warnings are worth against grades by eye.

    Parameters
    ----------
    graded
        How many edits have both.
    shares
        Grade -> part of the graded edits.
    hits
        Warning, and ``any``, -> part of the sent-back edits on which it fires.
    false_alarms
        The same of all other edits.
    """

    graded: int
    shares: dict[str, float]
    hits: dict[str, float]
    false_alarms: dict[str, float]


@dataclass(frozen=True)
class PicturesReport:
    """Every edit of every portrait, with its warnings.

    Parameters
    ----------
    edits
        In the order made.
    skipped
        Portrait -> why.
    """

    edits: list[Edit]
    skipped: dict[str, str]
    grades: Grades | None = None

    def to_json(self) -> dict[str, Any]:
        """Values rounded to four places."""
        rounded = [
            replace(edit, warnings={name: round(value, 4) for name, value in edit.warnings.items()})
            for edit in self.edits
        ]
        return {"bars": dict(BARS), **asdict(replace(self, edits=rounded))}


def expressions(*, emotions_only: bool = False) -> dict[str, ActionUnits]:
    """Every emotion, then every AU alone at intensity 1."""
    found = {name: emotion.action_units for name, emotion in EMOTIONS.items()}
    return found if emotions_only else {**found, **{f"AU{au}": ActionUnits({au: 1.0}) for au in AUS}}


def evaluate_pictures(
    animator: Animator,
    portraits: Sequence[Path],
    sheets: Path,
    *,
    options: AnimateOptions,
    emotions_only: bool = False,
    grades: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> PicturesReport:
    """Edit every portrait, write one sheet a person, and read the warnings.

    Parameters
    ----------
    portraits
        Files.
    sheets
        A folder that exists; each sheet is named after its portrait.
    options
        Of the edits.
    emotions_only
        Leave single AUs out.
    grades
        A CSV with the columns portrait, expression and grade.
    """
    given = None if grades is None else _read_grades(grades)
    edits: list[Edit] = []
    skipped: dict[str, str] = {}
    for done, path in enumerate(portraits, 1):
        try:
            subject = animator.prepare(path, options=options)
        except FacsmithError as error:
            skipped[path.name] = str(error)
            continue
        wanted = expressions(emotions_only=emotions_only)
        rows, pictures = _edits(animator, subject, path.stem, options, wanted)
        edits += rows
        image.write(sheets / f"{path.stem}.png", _sheet(subject, rows, pictures))
        progress("portraits", done, len(portraits))
    if not edits:
        raise InputError("No portrait could be edited: " + ("; ".join(skipped.values()) or "the folder holds none."))
    return PicturesReport(edits, skipped, None if given is None else grades_report(edits, given))


def grades_report(edits: Sequence[Edit], grades: dict[tuple[str, str], str]) -> Grades:
    """Hit and false-alarm rates of every warning.

    Parameters
    ----------
    grades
        (portrait, expression) -> one of `GRADES`.
    """
    both = [
        (edit, grades[edit.portrait, edit.expression]) for edit in edits if (edit.portrait, edit.expression) in grades
    ]
    back = [edit for edit, grade in both if grade == GRADES[2]]
    kept = [edit for edit, grade in both if grade != GRADES[2]]

    def rates(of: Sequence[Edit]) -> dict[str, float]:
        named = {name: sum(name in edit.fired for edit in of) for name in BARS}
        return {n: k / max(len(of), 1) for n, k in {**named, "any": sum(bool(e.fired) for e in of)}.items()}

    shares = {grade: sum(g == grade for _, g in both) / max(len(both), 1) for grade in GRADES}
    return Grades(len(both), shares, rates(back), rates(kept))


def tables(report: PicturesReport) -> "list[Table]":
    """How often each warning fires, and what it is worth where there are grades."""
    from rich.table import Table

    table = Table("warning", "bar", "fires", "highest", "at", title="Warnings")
    for name, bar in BARS.items():
        of = [edit for edit in report.edits if name in edit.warnings]
        worst = max(of, key=lambda edit: edit.warnings[name], default=None)
        at = "" if worst is None else f"{worst.portrait} {worst.expression}"
        top = "" if worst is None else f"{worst.warnings[name]:.2f}"
        table.add_row(name, f"{bar:g}", f"{sum(name in e.fired for e in of)} of {len(of)}", top, at)
    if report.grades is None:
        return [table]
    worth = Table("warning", "hits", "false alarms", title=f"Against {report.grades.graded} grades by eye")
    for name in (*BARS, "any"):
        worth.add_row(name, f"{report.grades.hits[name]:.0%}", f"{report.grades.false_alarms[name]:.0%}")
    return [table, worth]


def _edits(
    animator: Animator, subject: Subject, name: str, options: AnimateOptions, wanted: dict[str, ActionUnits]
) -> tuple[list[Edit], list[Pixels]]:
    assert subject.face is not None and subject.compositor is not None
    rows: list[Edit] = []
    pictures: list[Pixels] = []
    for expression, aus in wanted.items():
        picture = animator.edit(subject, aus, options=options).image
        asked = Timeline.sequence([(0.0, aus)]).sides([0.0])[0]
        change = asked - subject.photo_aus.vector()
        found = face.find(picture, provider=options.provider)
        moved = subject.compositor.landmarks(change)
        seen = min(found, key=lambda f: float(np.abs(f.landmarks - moved).mean())).landmarks if found else moved
        values = picture_warnings(
            subject.photo,
            picture,
            subject.face.landmarks,
            moved,
            change,
            asked_smile=float(asked[:, AUS.index(12)].max()),
            seen=seen,
        )
        if expression == _JITTER_OF:
            film = animator.animate(subject, aus, options=replace(options, fps=12.5, onset=0.8, apex=0.1, offset=0.1))
            values["jitter"] = film_jitter([*film.frames()][1:10])
        rows.append(Edit(name, expression, values, fired(values)))
        pictures.append(picture)
    return rows, pictures


def _sheet(subject: Subject, rows: Sequence[Edit], pictures: Sequence[Pixels]) -> Pixels:
    assert subject.face is not None
    points = subject.face.landmarks
    room = _ROOM * float(np.hypot(*(points[45] - points[36])))
    low = np.maximum(points.min(axis=0) - [room, 1.6 * room], 0).astype(int)
    high = np.minimum(points.max(axis=0) + room, subject.photo.shape[1::-1]).astype(int)
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    labels = ["photo", *(" ".join([e.expression, *(f"{n} {e.warnings[n]:.2f}" for n in e.fired)]) for e in rows)]
    shown = [np.ascontiguousarray(p[window]) for p in (subject.photo, *pictures)]
    return image.contact_sheet(shown, labels=labels, columns=4, cell=min(max(shown[0].shape[:2]), _LARGEST))


def _read_grades(path: Path) -> dict[tuple[str, str], str]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for _, row in zip(range(_MAX_GRADES), csv.DictReader(file), strict=False)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table of grades: {error}.") from error
    read: dict[tuple[str, str], str] = {}
    for number, row in enumerate(rows, 2):
        grade = (row.get("grade") or "").strip()
        if grade not in GRADES or not row.get("portrait") or not row.get("expression"):
            raise InputError(
                f"{path}, line {number}: a grade has the columns portrait, expression and grade, the last one being "
                f"{', '.join(GRADES)}."
            )
        read[row["portrait"], row["expression"]] = grade
    return read
