"""What a report is made of: sections with figures and tables."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

__all__ = ["Cell", "Figure", "Section", "Table"]

Cell = str | int | float | None


@dataclass(frozen=True, eq=False)
class Figure:
    """A picture of the report.

    Parameters
    ----------
    data
        An encoded picture of that kind.
    caption
        Model, seeds, counts and command belong in it.
    """

    name: str
    data: bytes
    kind: str
    caption: str


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Parameters
    ----------
    rows
        As many cells each as there are columns.
    shown
        On the page, too; else in its CSV alone.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str
    shown: bool = True

    def to_csv(self) -> str:
        """Numbers to six digits; an empty cell where there is none."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([[plain(cell, digits=6) for cell in row] for row in self.rows])
        return text.getvalue()


@dataclass(frozen=True, eq=False)
class Section:
    """One experiment.

    Parameters
    ----------
    paper
        What the paper shows or claims.
    text
        What is to be said of what was found.
    """

    key: str
    title: str
    paper: str
    text: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()


def plain(cell: Cell, *, digits: int = 3) -> str:
    """As text; empty for None and NaN."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.{digits}g}" if isfinite(cell) else ""
    return str(cell)
