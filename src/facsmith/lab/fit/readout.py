"""Fit `measure.readout` to FACS-coded peaks of people, and to their neutral faces moved by the muscles.

Ridge regression: coders' intensities of every peak (`UNLETTERED` where they gave no letter), and known intensities of
the muscles. How well people left out are read is measured in folds by subject, with everything fitted anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from facsmith import face
from facsmith._types import Array, Image
from facsmith.errors import InputError, NoFaceError, PhotoError
from facsmith.face import Face, crop_transform
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA, spread
from facsmith.lab.coded_pairs import UNLETTERED, CodedPair, read_pairs
from facsmith.lab.evaluate.coded import agreement_of, truth_of
from facsmith.lab.picture_archive import PictureArchive
from facsmith.measure.neutral_face import READ_SIDE
from facsmith.measure.readout import Appearance, Readout, difference, observe

__all__ = ["BEYOND", "ReadoutTraining", "fit_readout", "summary"]

Progress = Callable[[str, int, int], None]

BEYOND: Final = (7, 23, 24, 27)
"""AUs outside DISFA's twelve that it learns by default: those coded in 14 peaks and more."""


@dataclass(frozen=True)
class ReadoutTraining:
    """How the readout is fitted.

    Strength and weight of the muscles were chosen in folds: .1 to 1 and .02 to .5 read people equally well, and more
    weight on the muscles makes their scale truer.

    Parameters
    ----------
    strength
        Strength of the ridge penalty.
    muscles
        Weight of a picture moved by muscles, beside 1 for a person's peak.
    mixtures
        Pictures a person with several AUs, besides one for each AU alone.
    folds
        Number of folds, by subject.
    """

    strength: float = 0.3
    muscles: float = 0.5
    mixtures: int = 8
    folds: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.strength > 0 and self.muscles >= 0 and self.mixtures >= 0 and self.folds >= 2):
            raise InputError("Give a strength above 0, muscles and mixtures of 0 or more, and 2 folds or more.")


class _Moved(NamedTuple):
    """One picture of a neutral face moved by muscles: which subject's, its intensities (K,), its difference."""

    subject: str
    intensities: Array
    seen: Array


class _Samples(NamedTuple):
    pairs: list[CodedPair]
    peaks: Array
    moved: list[_Moved]
    provider: str


def fit_readout(
    photos: str | Path,
    table: str | Path,
    *,
    providers: Sequence[str] = ("auto",),
    beyond: Sequence[int] = BEYOND,
    options: ReadoutTraining | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Readout:
    """Fit the readout of AUs to coded pairs of photos.

    Parameters
    ----------
    photos
        A folder or .tar.
    table
        The coded pairs.
    providers
        Libraries that find landmarks; each has weights of its own.

    Raises
    ------
    InputError
        Unreadable, or fewer subjects with codes and a usable face than folds.
    """
    options = options or ReadoutTraining()
    aus = (*DISFA, *beyond)
    pairs = [pair for pair in read_pairs(table) if pair.codes]
    weights: dict[str, Array] = {}
    areas: dict[str, dict[str, float | None]] = {}
    used = 0
    with PictureArchive(photos) as pictures:
        for provider in providers:
            samples = _samples(pictures, pairs, aus, provider, options, progress)
            if len({pair.subject for pair in samples.pairs}) < options.folds:
                raise InputError(f"{table} has fewer coded people with a usable face than {options.folds} folds.")
            weights[samples.provider] = _fitted(samples, aus, options, keep=None)
            areas[samples.provider] = _cross_validated(samples, aus, options)
            used = max(used, len(samples.pairs))
    card = {
        "peaks": used,
        "subjects": len({pair.subject for pair in pairs}),
        "auc of people left out": areas,
        "intensity without a letter": UNLETTERED,
        "strength": options.strength,
        "muscles": options.muscles,
        "licence": "fitted figures; the photos they were fitted to are under a research agreement",
    }
    return Readout(aus, weights, card)


def _samples(
    pictures: PictureArchive,
    pairs: Sequence[CodedPair],
    aus: tuple[int, ...],
    provider: str,
    options: ReadoutTraining,
    progress: Progress,
) -> _Samples:
    random = np.random.default_rng(options.seed)
    rests: dict[str, tuple[Appearance, str]] = {}
    people: set[str] = set()
    used: list[CodedPair] = []
    peaks: list[Array] = []
    moved: list[_Moved] = []
    found = ""
    for done, pair in enumerate(pairs, 1):
        try:
            if pair.neutral not in rests:
                rest, at_rest = _read(pictures.read(pair.neutral), provider)
                rests[pair.neutral] = (observe(rest, at_rest.landmarks), at_rest.provider)
                if pair.subject not in people:
                    moved += _moved(pair.subject, rest, at_rest, aus, options.mixtures, random)
                    people.add(pair.subject)
            neutral, found = rests[pair.neutral]
            picture, shown = _read(pictures.read(pair.peak), found)
            peaks.append(difference(observe(picture, shown.landmarks), neutral))
            used.append(pair)
        except PhotoError:
            pass  # nobody to learn from
        progress(f"peaks ({provider})", done, len(pairs))
    return _Samples(used, np.array(peaks), moved, found)


def _read(picture: Image, provider: str) -> tuple[Image, Face]:
    return picture, face.choose(face.find(picture, provider=provider)).face


def _moved(
    subject: str, rest: Image, at_rest: Face, aus: tuple[int, ...], mixtures: int, random: np.random.Generator
) -> list[_Moved]:
    """A person's neutral face moved by each AU at intensity 1, and by mixtures of a quarter of them."""
    transform = crop_transform(at_rest.landmarks, READ_SIDE)
    crop = transform.crop(rest)
    there = face.follow(crop, replace(at_rest, landmarks=transform.to_crop(at_rest.landmarks)))
    neutral = observe(crop, there.landmarks)
    warp = MuscleWarp(there.landmarks, crop.shape)
    count = len(aus)
    found: list[_Moved] = []
    for e in [*np.eye(count), *((random.random(count) < 0.25) * random.random(count) for _ in range(mixtures))]:
        picture = warp(crop, spread(e, aus))
        try:
            shown = face.follow(picture, there)
        except NoFaceError:
            continue
        found.append(_Moved(subject, e, difference(observe(picture, shown.landmarks), neutral)))
    return found


def _wanted(pair: CodedPair, aus: Sequence[int]) -> Array:
    values = [truth_of(pair, au) for au in aus]
    return np.array([UNLETTERED if value is None else value for value in values])


def _fitted(samples: _Samples, aus: tuple[int, ...], options: ReadoutTraining, *, keep: set[str] | None) -> Array:
    """(1928, K) of the people kept, all where None. Ridge in its dual form: fewer samples than numbers."""
    own = [k for k, pair in enumerate(samples.pairs) if keep is None or pair.subject in keep]
    moved = [one for one in samples.moved if keep is None or one.subject in keep]
    weight = np.sqrt(options.muscles)
    rows = np.vstack([samples.peaks[own], *(weight * one.seen[None] for one in moved)])
    wanted = np.vstack(
        [*(_wanted(samples.pairs[k], aus)[None] for k in own), *(weight * m.intensities[None] for m in moved)]
    )
    return rows.T @ np.linalg.solve(rows @ rows.T + options.strength * np.eye(len(rows)), wanted)


def _cross_validated(samples: _Samples, aus: tuple[int, ...], options: ReadoutTraining) -> dict[str, float | None]:
    """AU -> area under the curve, each person read by what the others taught, in the own scale."""
    subjects = sorted({pair.subject for pair in samples.pairs})
    order: list[int] = np.random.default_rng(options.seed).permutation(len(subjects)).tolist()
    read = np.zeros((len(samples.pairs), len(aus)))
    provider = samples.provider
    for fold in range(options.folds):
        out = {subjects[k] for k in order[fold :: options.folds]}
        weight = _fitted(samples, aus, options, keep=set(subjects) - out)
        readout = Readout(aus, {provider: weight}, {})
        for subject in out:
            scale = readout.scale(_single(samples.moved, subject, aus), provider)
            for k in (k for k, pair in enumerate(samples.pairs) if pair.subject == subject):
                read[k] = readout.read(samples.peaks[k], scale, provider)
    return {f"AU{au}": agreement_of(read[:, k].tolist(), au, samples.pairs).auc for k, au in enumerate(aus)}


def _single(moved: Sequence[_Moved], subject: str, aus: tuple[int, ...]) -> dict[int, Array]:
    """AU -> difference, of the pictures of one subject moved by one AU at intensity 1."""
    return {
        aus[int(np.argmax(one.intensities))]: one.seen
        for one in moved
        if one.subject == subject and np.count_nonzero(one.intensities) == 1 and one.intensities.max() == 1
    }


def summary(readout: Readout) -> dict[str, Any]:
    """Mean and lowest area of DISFA's twelve by provider, for a log."""
    found: dict[str, Any] = {}
    for provider, areas in readout.card["auc of people left out"].items():
        twelve = [areas[f"AU{au}"] for au in DISFA if areas.get(f"AU{au}") is not None]
        found[provider] = f"mean {np.mean(twelve):.3f} lowest {min(twelve):.2f}"
    return found
