"""Do measured AUs tell the emotions that people see? Photos with an emotion label against `measure.action_units`.

The emotions prototypes name AUs (Ekman & Friesen 1978): happiness shows AU12, surprise 1 + 2 + 25 + 26, anger AU4. How
well the sum of those intensities ranks the photos of an emotion above neutral ones is the area under the ROC curve:
1.0 always, 0.5 by chance. Nobody's own neutral is at hand there, so this judges strangers, and the labels are people's
opinion of one photo.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from facsmith import _optional, face, measure
from facsmith._types import Array, Image
from facsmith.errors import InputError, PhotoError
from facsmith.facs import DISFA
from facsmith.lab.picture_archive import PictureArchive

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["QUESTIONS", "Agreement", "Question", "agreement", "agreement_table"]


NEUTRAL: Final = "neutral"
_MAX_LABELS: Final = 1_000_000


@dataclass(frozen=True)
class Question:
    """Do these AUs tell this emotion from neutral, by an area under the curve of at least `bar`?"""

    emotion: str
    aus: tuple[int, ...]
    bar: float

    def __str__(self) -> str:
        return f"{self.emotion}: AU{'+'.join(map(str, self.aus))}"


QUESTIONS: Final = (
    Question("happiness", (12,), 0.9),
    Question("surprise", (1, 2, 25, 26), 0.9),
    Question("anger", (4,), 0.7),
)


@dataclass(frozen=True)
class Agreement:
    """How well measured AUs tell labelled emotions apart.

    Parameters
    ----------
    photos
        Emotion -> how many photos were measured.
    skipped
        Photos without a usable face.
    areas
        "combined" or source -> question -> area under the curve; a source that says nothing of the AUs is left out.
    every_au
        Emotion -> AU -> area by the combination.
    """

    provider: str
    photos: dict[str, int]
    skipped: int
    areas: dict[str, dict[str, float]]
    every_au: dict[str, dict[str, float]]

    @property
    def passed(self) -> bool:
        """Whether the combination reaches every bar."""
        return all(self.areas["combined"][str(q)] >= q.bar for q in QUESTIONS if str(q) in self.areas["combined"])

    def to_json(self) -> dict[str, Any]:
        """Areas rounded to three places."""
        return {"passed": self.passed, "bars": {str(q): q.bar for q in QUESTIONS}, **asdict(self)}


def agreement(
    photos: str | Path,
    labels: str | Path,
    *,
    provider: str = "auto",
    limit: int | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Agreement:
    """Measure every labelled photo of the emotions asked about, and of neutral.

    Parameters
    ----------
    photos
        A folder or .tar.
    labels
        A CSV with the columns ``name`` and ``emotion``.
    limit
        Largest number of photos per emotion, in the order of the labels.

    Raises
    ------
    InputError
        Unreadable labels, or no neutral photo could be measured.
    """
    wanted = {NEUTRAL, *(question.emotion for question in QUESTIONS)}
    rows = [(name, emotion) for name, emotion in _labels(Path(labels)) if emotion in wanted]
    seen: list[str] = []
    read: list[measure.Measured] = []
    counts: dict[str, int] = {}
    skipped = 0
    with PictureArchive(photos) as pictures:
        for done, (name, emotion) in enumerate(rows, 1):
            progress("photos", done, len(rows))
            counts[emotion] = counts.get(emotion, 0) + 1
            if limit is not None and counts[emotion] > limit:
                continue
            try:
                read.append(_measured(pictures.read(name), provider))
                seen.append(emotion)
            except PhotoError:
                skipped += 1
    emotions = np.array(seen)
    if not (emotions == NEUTRAL).any() or (emotions == NEUTRAL).all():
        raise InputError(
            f"{photos} shows {len(seen)} usable faces; neutral ones and another emotion are needed. Check the labels."
        )
    by_source = {"combined": np.stack([one.intensities for one in read])}
    silent = np.full(len(DISFA), np.nan)
    for source in measure.SOURCES:
        if any(source in one.by_source for one in read):
            by_source[source] = np.stack([one.by_source.get(source, silent) for one in read])
    return Agreement(
        provider=read[0].face.provider,
        photos={emotion: int((emotions == emotion).sum()) for emotion in sorted(wanted)},
        skipped=skipped,
        areas={source: _areas(values, emotions) for source, values in by_source.items()},
        every_au={
            emotion: {
                f"AU{au}": area
                for au in DISFA
                if (area := _area(by_source["combined"], emotions, emotion, (au,))) is not None
            }
            for emotion in sorted(wanted - {NEUTRAL})
        },
    )


def agreement_table(result: Agreement) -> "Table":
    """For a rich console."""
    from rich.table import Table

    grid = Table(
        "told from neutral by", title="Measured AUs against emotions that people named: area under the ROC curve"
    )
    for source in result.areas:
        grid.add_column(source, justify="right")
    grid.add_column("bar", justify="right")
    for question in QUESTIONS:
        cells = [areas.get(str(question)) for areas in result.areas.values()]
        grid.add_row(str(question), *("-" if cell is None else f"{cell:.3f}" for cell in cells), f"{question.bar:g}")
    counted = ", ".join(f"{count} {emotion}" for emotion, count in result.photos.items())
    grid.caption = f"{counted}; {result.skipped} without a usable face. Landmarks by {result.provider}."
    return grid


def _measured(picture: Image, provider: str) -> measure.Measured:
    return measure.alone(picture, face.choose(face.find(picture, provider=provider)).face)


def _areas(values: Array, emotions: npt.NDArray[np.str_]) -> dict[str, float]:
    areas = {str(q): _area(values, emotions, q.emotion, q.aus) for q in QUESTIONS}
    return {question: area for question, area in areas.items() if area is not None}


def _area(values: Array, emotions: npt.NDArray[np.str_], emotion: str, aus: Sequence[int]) -> float | None:
    """Of the sum of the AUs' intensities; None where nothing is said of them, or one side has no photo."""
    columns = values[:, [DISFA.index(au) for au in aus]]
    rows = np.isin(emotions, [emotion, NEUTRAL]) & ~np.isnan(columns).all(axis=1)
    truth = emotions[rows] == emotion
    if truth.all() or not truth.any():
        return None
    score = np.nansum(columns[rows], axis=1)
    return round(float(_optional.load("sklearn.metrics").roc_auc_score(truth, score)), 3)


def _labels(path: Path) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                name, emotion = row["name"], row["emotion"]
                if Path(name).is_absolute() or ".." in Path(name).parts or len(rows) >= _MAX_LABELS:
                    raise InputError(f"{path} names the photo {name}; give names inside the folder of photos.")
                rows.append((name, emotion.strip().lower()))
    except (OSError, KeyError, csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no CSV with the columns name and emotion ({error}); give one.") from error
    return rows
