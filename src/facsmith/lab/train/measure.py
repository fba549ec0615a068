"""Fit what `facsmith.measure` knows of faces in general: one file, in a minute or two, from people moved by muscles.

The head is a ridge regression from the bundled descriptor's numbers to the AUs of a data set of `lab.train.data`;
its strength is chosen on people held out. The same people tell how far each source is off. Muscles are not yet faces:
docs/how-to/measure.md shows how the sources fare on photos of real emotions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from facsmith import face as face_module
from facsmith import image
from facsmith._types import Array, Image
from facsmith.descriptor import Descriptor
from facsmith.errors import InputError, NoFaceError
from facsmith.face import Face
from facsmith.face.points import MIRROR, eye_centers
from facsmith.facs import DISFA
from facsmith.framing import FACSMITH
from facsmith.lab.train.dataset import REST, Dataset, open_dataset
from facsmith.measure import NeutralFace, Population, aligned_displacement, alone
from facsmith.measure.appearance import appearance_features
from facsmith.measure.single_photo import combined, symmetric

__all__ = ["MeasureTraining", "fit_population"]

Progress = Callable[[str, int, int], None]
"""Told (stage, done, total)."""

_STRENGTHS: Final = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_NEUTRAL: Final = 0.3  # a photo that shows no more than this is a neutral one
_FEWEST_NEUTRAL: Final = 100
_LARGE: Final = 384
_CHUNK: Final = 32


@dataclass(frozen=True)
class MeasureTraining:
    """How the measuring of AUs without a neutral is trained.

    Parameters
    ----------
    people
        Training photos, in all their variants, that teach the head.
    judges
        Held-out photos on which the sources are judged, by landmarks of the provider.
    """

    people: int = 700
    judges: int = 24
    provider: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.people, self.judges) < 2:
            raise InputError(f"Fitting needs 2 people and 2 judges or more; got {self.people} and {self.judges}.")


def fit_population(
    dataset: str | Path,
    descriptor: Descriptor,
    *,
    options: MeasureTraining | None = None,
    progress: Progress | None = None,
) -> Population:
    """Learn what faces in general look like.

    Parameters
    ----------
    dataset
        A folder of `facsmith.lab.train.data`.
    descriptor
        The network whose features the head reads.

    Raises
    ------
    InputError
        No such data set.
    NoFaceError
        None of the judges' faces can be found.
    """
    options = options or MeasureTraining()
    progress = progress or _silent
    data = open_dataset(dataset, framing=FACSMITH)  # `measure.appearance` cuts its crops so
    random = np.random.default_rng(options.seed)
    people = np.sort(random.permutation(np.flatnonzero(~data.held_out))[: options.people])
    judges = np.sort(random.permutation(np.flatnonzero(data.held_out))[: options.judges])

    weight, bias, strength = _head(data, people, judges, descriptor, progress)
    mean, covariance, neutrals = _shapes(data, people)
    seen = [_judge(data, row, options.provider) for row in _counted(judges, "judges", progress)]
    found = [judge for judge in seen if judge is not None]
    if not found:
        raise NoFaceError(f"No face was found in {len(judges)} held-out pictures of {dataset}; is it a set of faces?")
    provider = found[0].face.provider
    draft = Population(
        descriptor=descriptor.name,
        weight=weight,
        bias=bias,
        # What the provider reports of a neutral face differs from the data set's own points.
        means={provider: mean + symmetric(np.mean([judge.offset for judge in found], axis=0))},
        covariance=covariance,
        responses=symmetric(np.mean([judge.responses for judge in found], axis=0)),
        errors={"landmarks": np.ones(len(DISFA))},
        skill={},
        card={
            "people": len(people),
            "pictures": len(people) * data.images.shape[1],
            "neutral faces": neutrals,
            "judges": len(found),
            "landmarks": provider,
            "strength": strength,
            "licence": "non-commercial research, as the photos it was fitted to",
        },
    )
    return _judged(draft, descriptor, data, found, progress)


class _Judge(NamedTuple):
    """One held-out person at rest. offset: (68, 2) IOD, what the provider reports less the data set's points."""

    row: int
    face: Face
    responses: Array
    offset: Array


def _head(
    data: Dataset,
    people: npt.NDArray[np.intp],
    judges: npt.NDArray[np.intp],
    descriptor: Descriptor,
    progress: Progress,
) -> tuple[Array, Array, float]:
    """Ridge regression: weight (12, F), bias (12,), and the strength that errs least on the judges."""
    features, wanted = _described(data, people, descriptor, progress)
    tried, truth = _described(data, judges, descriptor, _silent)
    center, target = features.mean(axis=0), wanted.mean(axis=0)
    gram = (features - center).T @ (features - center) / len(features)
    cross = (features - center).T @ (wanted - target) / len(features)
    values, vectors = np.linalg.eigh(gram)
    rotated = vectors.T @ cross
    best: tuple[float, Array, float] | None = None
    for strength in _STRENGTHS:
        weight = (vectors / (values + strength * values.mean())) @ rotated  # (F, 12)
        error = float(np.square((tried - center) @ weight + target - truth).mean())
        if best is None or error < best[0]:
            best = (error, weight, strength)
    assert best is not None
    return best[1].T, target - center @ best[1], best[2]


def _described(
    data: Dataset, rows: npt.NDArray[np.intp], descriptor: Descriptor, progress: Progress
) -> tuple[Array, Array]:
    """(M, F) features of every variant of the rows, (M, 12) what they show."""
    parts: list[Array] = []
    for first in range(0, len(rows), _CHUNK):
        pictures = np.asarray(data.images[rows[first : first + _CHUNK]])
        parts.append(appearance_features(pictures.reshape(-1, *pictures.shape[2:]), descriptor))
        progress("describe", min(first + _CHUNK, len(rows)), len(rows))
    return np.concatenate(parts), data.au[rows].reshape(-1, len(DISFA))


def _shapes(data: Dataset, people: npt.NDArray[np.intp]) -> tuple[Array, Array, int]:
    """The mean neutral face (68, 2) in its own frame, the covariance (136, 136) around it, and of how many faces."""
    neutral = people[data.au[people, 0].max(axis=1) <= _NEUTRAL]
    shapes = data.landmarks[neutral if len(neutral) >= _FEWEST_NEUTRAL else people, REST]
    mean = _own_frame(shapes[0])
    for _ in range(3):  # Procrustes: the mean of what is aligned to the mean
        moved = np.stack([aligned_displacement(points, mean) for points in shapes])
        mean = _own_frame(mean + moved.mean(axis=0))
    moved = symmetric([aligned_displacement(points, mean) for points in shapes]).reshape(len(shapes), -1)
    return mean, np.cov(moved.T), len(shapes)


def _own_frame(points: Array) -> Array:
    """The face mirror-symmetric and upright, the eyes' midpoint at 0, IOD 1."""
    left, right = eye_centers(points)
    x = (right - left) / float(np.hypot(*(right - left)))
    upright = (points - (left + right) / 2) @ np.stack([x, [-x[1], x[0]]]).T / float(np.hypot(*(right - left)))
    return (upright + upright[np.array(MIRROR)] * [-1, 1]) / 2


def _judge(data: Dataset, row: int, provider: str) -> _Judge | None:
    picture, scale = _enlarged(data.images[row, REST])
    try:
        found = face_module.choose(face_module.find(picture, provider=provider)).face
        reported = NeutralFace(picture, found, sources=("landmarks",)).responses
    except NoFaceError:
        return None
    own = (data.landmarks[row, REST] + 0.5) * scale - 0.5
    return _Judge(row, found, reported, aligned_displacement(found.landmarks, own))


def _judged(
    draft: Population, descriptor: Descriptor, data: Dataset, judges: list[_Judge], progress: Progress
) -> Population:
    """With each source's error and skill on every variant of the judges."""
    truth: list[Array] = []
    read: list[dict[str, Array]] = []
    for judge in _counted(judges, "verify", progress):
        for variant in range(data.images.shape[1]):
            picture, _ = _enlarged(data.images[judge.row, variant])
            try:
                shown = face_module.follow(picture, judge.face)
            except NoFaceError:
                continue
            read.append(dict(alone(picture, shown, knowledge=(draft, descriptor)).by_source))
            truth.append(data.au[judge.row, variant])
    wanted = np.stack(truth)
    by_source = {source: np.stack([reading[source] for reading in read]) for source in _everywhere(read)}
    errors = {
        source: np.nan_to_num(np.sqrt(np.square(said - wanted).mean(axis=0)), nan=1.0)
        for source, said in by_source.items()
    }
    known = replace(draft, errors=errors)
    by_source["combined"] = np.stack([combined(reading, known) for reading in read])
    skill = {source: _correlation(said, wanted) for source, said in by_source.items()}
    return replace(known, skill=skill)


def _everywhere(read: list[dict[str, Array]]) -> list[str]:
    return [source for source in read[0] if all(source in reading for reading in read)]


def _correlation(said: Array, truth: Array) -> Array:
    """(12,) between columns; 0 where one of them is constant or unsaid."""
    a, b = np.nan_to_num(said - said.mean(axis=0)), truth - truth.mean(axis=0)
    return (a * b).sum(axis=0) / np.maximum(np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0), 1e-9)


def _enlarged(picture: Image) -> tuple[Image, float]:
    scale = _LARGE / picture.shape[0]
    return image.resize(np.ascontiguousarray(picture), (_LARGE, _LARGE)), scale


def _silent(stage: str, done: int, total: int) -> None:
    """Reports nothing."""


def _counted(items: Any, stage: str, progress: Progress) -> Iterator[Any]:
    for done, item in enumerate(items, 1):
        yield item
        progress(stage, done, len(items))
