"""Measured AUs against human FACS coders, on peaks of people whose neutral face is at hand.

Per AU: the area under the ROC curve over all peaks (1.0: every peak that has the AU is read higher than every one that
has not), F1 at FACS level A, and ICC(3,1) (Shrout & Fleiss 1979) where the coders gave letters or no code. AU27 drops
the jaw, too: a peak coded 27 counts as one of AU26.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from facsmith import face
from facsmith._types import Array
from facsmith.errors import InputError, PhotoError
from facsmith.facs import DISFA, INTENSITY_LETTERS
from facsmith.lab.coded_pairs import CodedPair, read_pairs
from facsmith.lab.picture_archive import PictureArchive
from facsmith.measure import NeutralFace

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["AUAgreement", "CodedAgreement", "against_coders", "agreement_of", "coded_table", "truth_of"]


@dataclass(frozen=True)
class AUAgreement:
    """How well one AU's measured intensities agree with human coders.

    Parameters
    ----------
    auc, f1, icc
        None where they cannot be told.
    count
        Peaks with the AU.
    lettered
        How many of those have an intensity.
    """

    auc: float | None
    f1: float | None
    icc: float | None
    count: int
    lettered: int


@dataclass(frozen=True)
class CodedAgreement:
    """How well measured AUs agree with human coders.

    Parameters
    ----------
    provider
        Library that found the landmarks.
    pairs
        How many pairs were measured.
    skipped
        Photo -> why it was left out.
    aus
        "AU1" -> agreement.
    """

    provider: str
    pairs: int
    skipped: dict[str, str]
    aus: dict[str, AUAgreement]

    @property
    def mean_auc(self) -> float:
        """Over those of the twelve that some peaks have and some have not; NaN without one."""
        areas = [self.aus[f"AU{au}"].auc for au in DISFA if f"AU{au}" in self.aus]
        told = [area for area in areas if area is not None]
        return float(np.mean(told)) if told else float("nan")

    def to_json(self) -> dict[str, Any]:
        """``mean_auc`` of the twelve, ``auc``, ``f1``, ``icc`` and ``count`` by AU, rounded to three places."""
        columns = {key: {au: getattr(row, key) for au, row in self.aus.items()} for key in ("auc", "f1", "icc")}
        counts = {key: {au: getattr(row, key) for au, row in self.aus.items()} for key in ("count", "lettered")}
        return {
            "mean_auc": None if np.isnan(self.mean_auc) else round(self.mean_auc, 3),
            **columns,
            **counts,
            "pairs": self.pairs,
            "skipped": self.skipped,
            "provider": self.provider,
        }


def against_coders(
    photos: str | Path,
    table: str | Path,
    *,
    provider: str = "auto",
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> CodedAgreement:
    """Measure every pair's peak against the same person's neutral.

    Parameters
    ----------
    photos
        A folder or .tar.
    table
        Coded pairs, see `lab.coded_pairs`.

    Raises
    ------
    InputError
        Unreadable table or photos, no coded pair, or none with a usable face.
    """
    pairs = [pair for pair in read_pairs(table) if pair.codes]
    if not pairs:
        raise InputError(f"{table} has no codes; fill its column facs (12c+25), or use evaluate peaks.")
    skipped: dict[str, str] = {}
    seen: list[CodedPair] = []
    read: list[dict[int, float]] = []
    used = ""
    with PictureArchive(photos) as pictures:
        neutrals: dict[str, NeutralFace] = {}
        for done, pair in enumerate(pairs, 1):
            try:
                if pair.neutral not in neutrals:
                    rest = pictures.read(pair.neutral)
                    at_rest = face.choose(face.find(rest, provider=provider)).face
                    neutrals[pair.neutral] = NeutralFace(rest, at_rest)
                    used = at_rest.provider
                picture = pictures.read(pair.peak)
                found = face.choose(face.find(picture, provider=used)).face
                read.append(dict(neutrals[pair.neutral].read(picture, found).by_au))
                seen.append(pair)
            except PhotoError as error:
                skipped[pair.peak] = str(error)
            progress("pairs", done, len(pairs))
    if not seen:
        raise InputError(f"None of {len(pairs)} pairs has a usable face: {next(iter(skipped.values()))}")
    aus = sorted({au for reading in read for au in reading})
    return CodedAgreement(
        used,
        len(seen),
        skipped,
        {f"AU{au}": agreement_of([reading.get(au, np.nan) for reading in read], au, seen) for au in aus},
    )


def truth_of(pair: CodedPair, au: int) -> float | None:
    """What the coders saw of an AU: 0, its intensity, or None: seen, without a letter."""
    if au == 26 and 27 in pair.codes:
        return 1.0
    return pair.truth(au)


def agreement_of(values: Sequence[float], au: int, pairs: Sequence[CodedPair]) -> AUAgreement:
    """How well what was measured of one AU agrees with the coders.

    Parameters
    ----------
    values
        What was measured of the AU on each pair's peak, NaN for nothing.
    """
    from sklearn import metrics  # pyright: ignore[reportMissingTypeStubs]

    said = np.nan_to_num(np.asarray(values, dtype=np.float64))
    truth = [truth_of(pair, au) for pair in pairs]
    occurs = np.array([value != 0.0 for value in truth])
    known = np.array([value is not None for value in truth])
    intensities = np.array([value or 0.0 for value in truth])
    both = bool(occurs.any()) and not bool(occurs.all())
    area = float(cast(Any, metrics).roc_auc_score(occurs, said)) if both else None
    f1 = float(cast(Any, metrics).f1_score(occurs, said >= INTENSITY_LETTERS["A"])) if occurs.any() else None
    return AUAgreement(
        auc=_rounded(area),
        f1=_rounded(f1),
        icc=_rounded(_icc(said[known], intensities[known])) if (occurs & known).any() else None,
        count=int(occurs.sum()),
        lettered=int((occurs & known).sum()),
    )


def _icc(a: Array, b: Array) -> float | None:
    """ICC(3,1), consistency of two raters: (MSB - MSE) / (MSB + MSE)."""
    if len(a) < 3:
        return None
    scores = np.stack([a, b], axis=1)
    means = scores.mean(axis=1, keepdims=True)
    between = 2 * float(np.square(means - scores.mean()).sum()) / (len(a) - 1)
    rest = scores - means - scores.mean(axis=0, keepdims=True) + scores.mean()
    error = float(np.square(rest).sum()) / (len(a) - 1)
    return (between - error) / max(between + error, 1e-12)


_BAR: Final = 0.82


def coded_table(result: CodedAgreement) -> "Table":
    """For a rich console."""
    from rich.table import Table

    grid = Table(title="Measured AUs against human FACS coders")
    for name in ("AU", "AUC", "F1", "ICC(3,1)", "peaks", "with letter"):
        grid.add_column(name, justify="right")
    for au, row in result.aus.items():
        cells = ["-" if value is None else f"{value:.3f}" for value in (row.auc, row.f1, row.icc)]
        style = "dim" if row.auc is None else ("yellow" if row.auc < _BAR else None)
        grid.add_row(au, *cells, str(row.count), str(row.lettered), style=style)
    grid.caption = (
        f"{result.pairs} pairs, {len(result.skipped)} skipped; mean AUC of DISFA's twelve {result.mean_auc:.3f}. "
        f"Landmarks by {result.provider}."
    )
    return grid


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, 3)
