"""Peaks of expressions that people coded by FACS, beside the same person's neutral: CK+'s kind of data.

A CSV as `lab.coded_pairs` reads it, its pictures beside it. A neutral counts as a face that shows nothing. Codes
without a letter count as `UNLETTERED`; AU27, a mouth stretched open, as a jaw dropped in full (AU26), which coders do
not give besides. Peaks that show none of the twelve are left out: they are no neutrals.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from facsmith import image
from facsmith._types import Array
from facsmith.errors import InputError, PhotoError
from facsmith.facs import DISFA
from facsmith.lab.coded_pairs import CodedPair, read_pairs
from facsmith.lab.fit.sources.types import SOME, Item, Portion, everything, portions, readable

__all__ = ["PairSource"]


_JAW: Final = 26
_STRETCHED: Final = 27


class _Row(NamedTuple):
    picture: str
    subject: str
    au: Array


class PairSource:
    """A source (`lab.fit.sources`) over one CSV of pairs; persons are the subjects."""

    def __init__(self, table: str | Path) -> None:
        self._path = Path(table)
        pairs = [pair for pair in read_pairs(self._path) if _intensities(pair).any()]
        if not pairs:
            known = ", ".join(map(str, DISFA))
            raise InputError(f"{table} codes none of the AUs {known}; give it a column facs, as in 4+R7+12d.")
        neutrals = {pair.neutral: pair.subject for pair in pairs}
        self._rows = [_Row(name, who, np.zeros(len(DISFA))) for name, who in neutrals.items()]
        self._rows += [_Row(pair.peak, pair.subject, _intensities(pair)) for pair in pairs]

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Source.notes`."""
        return ()

    def __len__(self) -> int:
        return len(self._rows)

    def portions(self) -> Iterator[Portion]:
        """See `Source.portions`."""
        for run in portions(len(self), SOME):
            files = readable(self._path.parent / row.picture for row in self._rows[run.start : run.stop])
            yield run._replace(files=(self._path, *files))

    def items(self, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """See `Source.items`."""
        for index in range(start, len(self) if stop is None else stop):
            row = self._rows[index]
            try:
                pixels = image.read(self._path.parent / row.picture)
            except PhotoError:
                pixels = None  # gone, or damaged
            yield Item(index, row.au, row.subject, image=pixels, name=row.picture)

    def selection(self) -> Callable[[Array], bool]:
        """See `Source.selection`."""
        return everything


def _intensities(pair: CodedPair) -> Array:
    """(12,): the larger side's."""
    sides = pair.intensities((*DISFA, _STRETCHED)).max(axis=0)
    shown, stretched = sides[:-1], sides[-1]
    if stretched > 0:
        shown[DISFA.index(_JAW)] = 1.0
    return shown
