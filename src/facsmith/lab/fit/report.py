"""What is known of a set of boundaries: how well they separate, on how many samples, how entangled they are before and
after decorrelation, and what each asked intensity shows.

Three matrices of cosines (0: independent). ``svm``: between the SVMs' own normals, which take over what happens
together in the faces they were fitted to. ``normals``: between the boundaries' own, unmixed (`lab.fit.svm_normals`).
``edits``: of row i's joint edit with the normal of boundary j, over the former's own: the identity, unless two
boundaries are parallel.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from facsmith._types import Array
from facsmith.boundary import BoundarySet
from facsmith.facs import AU_NAMES, DISFA
from facsmith.lab.fit import FitOptions, fit_boundaries
from facsmith.lab.fit.folder import LabelledCodes
from facsmith.latent import Latent

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["BoundariesReport", "BoundaryRow", "boundaries_report", "boundaries_tables"]


@dataclass(frozen=True)
class BoundaryRow:
    """One boundary.

    None and empty where its report does not say.

    Parameters
    ----------
    accuracy
        Balanced accuracy on people held out.
    within_person
        The same against each one's own level.
    trained
        Number of people fitted on.
    people, neutral, active
        Held-out counts.
    curve
        (asked, shown, lower, upper), the band holding 80 % of the faces that were looked at.
    """

    au: int
    accuracy: float | None
    within_person: float | None
    trained: int | None
    people: int | None
    neutral: int | None
    active: int | None
    faces: int | None
    curve: tuple[tuple[float, float, float | None, float | None], ...]


@dataclass(frozen=True, eq=False)
class BoundariesReport:
    """What is known of a model's boundaries.

    Parameters
    ----------
    rows
        In the order of the matrices (K, K).
    svm
        None where there were no codes to fit it to.
    """

    generator_id: str
    rows: tuple[BoundaryRow, ...]
    svm: Array | None
    normals: Array
    edits: Array

    def to_json(self) -> dict[str, Any]:
        """Matrices rounded to three places, with their mean absolute value off the diagonal."""
        matrices = {"svm": self.svm, "normals": self.normals, "edits": self.edits}
        return {
            "generator_id": self.generator_id,
            "aus": [asdict(row) for row in self.rows],
            "cosines": {name: None if m is None else m.round(3).tolist() for name, m in matrices.items()},
            "mean_cosine": {name: None if m is None else round(_off(m), 4) for name, m in matrices.items()},
        }


def boundaries_report(
    boundaries: BoundarySet, *, codes: LabelledCodes | None = None, options: FitOptions | None = None
) -> BoundariesReport:
    """Report on boundaries and on how independent they are.

    Parameters
    ----------
    codes
        The codes that the boundaries were fitted to; the SVMs are fitted again without unmixing.
    options
        The options of that fit.
    """
    svm = None
    if codes is not None:
        raw = fit_boundaries(
            codes.ws.astype(np.float32),
            codes.au.clip(0, 1),
            groups=codes.people,
            generator_id=boundaries.generator_id,
            options=replace(options or FitOptions(), aus=boundaries.aus, unmix=False),
        )
        svm = raw.cosines()
    return BoundariesReport(
        generator_id=boundaries.generator_id,
        rows=tuple(_row(b.au, b.report) for b in boundaries.boundaries),
        svm=svm,
        normals=boundaries.cosines(),
        edits=_edits(boundaries),
    )


def boundaries_tables(report: BoundariesReport) -> Iterable["RenderableType"]:
    """For a rich console."""
    from rich.table import Table

    grid = Table("AU", "", title=f"Boundaries of {report.generator_id}")
    for head in (
        "held-out accuracy",
        "within person",
        "people",
        "neutral",
        "active",
        "asked: shown (80 % of the faces)",
    ):
        grid.add_column(head, justify="left" if head.startswith("asked") else "right")
    for row in report.rows:
        counts = (row.accuracy, row.within_person, row.people, row.neutral, row.active)
        curve = ", ".join(_point(*point) for point in row.curve)
        grid.add_row(f"AU{row.au}", AU_NAMES[row.au], *("" if x is None else f"{x:g}" for x in counts), curve)
    yield grid
    titles = {"before decorrelation: the SVMs'": report.svm, "after: the normals'": report.normals}
    for title, matrix in (*titles.items(), ("effect of each edit (row) on each boundary", report.edits)):
        if matrix is None:
            continue
        grid = Table("", title=f"Cosines {title}", caption=f"mean off the diagonal {_off(matrix):.3f}")
        for row in report.rows:
            grid.add_column(f"AU{row.au}", justify="right")
        for row, values in zip(report.rows, matrix, strict=True):
            grid.add_row(f"AU{row.au}", *(f"{value:.2f}" for value in values))
        yield grid


def _edits(boundaries: BoundarySet) -> Array:
    """(K, K) change of distance j by the edit of AU i alone, over that of its own."""
    origin = Latent(np.zeros(boundaries.shape, np.float32), boundaries.generator_id)
    asked = np.eye(len(DISFA))[[DISFA.index(au) for au in boundaries.aus]]
    moved = boundaries.edit(origin, asked, source=np.zeros(len(DISFA)))
    changes = boundaries.distances(moved) - boundaries.distances(origin)
    return changes / np.diagonal(changes)[:, None]


def _row(au: int, report: Any) -> BoundaryRow:
    held, trained = cast(dict[str, int], report.get("held_out", {})), cast(dict[str, int], report.get("training", {}))
    shown: dict[str, Any] = report.get("shown", {})
    asked: list[float] = shown.get("asked", [])
    bands: list[list[float | None]] = shown.get("band", [[None, None]] * len(asked))
    shares: list[float] = shown.get("share_of_muscles", [])
    return BoundaryRow(
        au=au,
        accuracy=report.get("accuracy"),
        within_person=report.get("accuracy_within_person"),
        trained=trained.get("people"),
        people=held.get("people"),
        neutral=held.get("neutral"),
        active=held.get("active"),
        faces=shown.get("people"),
        curve=tuple((a, s, low, high) for a, s, (low, high) in zip(asked, shares, bands, strict=True)),
    )


def _point(asked: float, shown: float, low: float | None, high: float | None) -> str:
    band = "" if low is None or high is None else f" ({low:.2f}-{high:.2f})"
    return f"{asked:g}: {shown:.2f}{band}"


def _off(matrix: Array) -> float:
    return float(np.abs(matrix[~np.eye(len(matrix), dtype=bool)]).mean()) if len(matrix) > 1 else 0.0
