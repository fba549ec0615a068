"""Pairs of photos of one person, at rest and at an expression's peak, with the FACS codes that human coders gave.

A CSV has the columns ``peak`` (or ``image``), ``neutral`` (or ``neutral_image``) and, where they are known, ``subject``
and ``facs``: ``4+R7+14+17d+24``. Letters a to e are intensities .2 to 1; an AU without one is coded as seen, its
intensity unknown. Unsure codes (``?``) and the coders' other marks are left out.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith.errors import InputError
from facsmith.facs import AUS, INTENSITY_LETTERS, UNSIDED, ActionUnits

__all__ = ["UNLETTERED", "Code", "CodedPair", "parse_codes", "read_pairs"]

UNLETTERED: Final = 0.7
"""Intensity taken for an AU that was coded without a letter, where one is needed: between C and D."""

Code = tuple[float | None, float | None]
"""What was coded of one AU on the person's own left and right: 0, an intensity, or None: seen, without a letter."""

_MAX_PAIRS: Final = 100_000
_CODE: Final = re.compile(r"(?P<side>[LRTB])?(?P<au>\d{1,2})(?P<letter>[A-E])?", re.IGNORECASE)
_NAMES: Final = {"peak": ("peak", "image"), "neutral": ("neutral", "neutral_image")}


@dataclass(frozen=True)
class CodedPair:
    """One row.

    Parameters
    ----------
    peak, neutral
        Names of photos.
    subject
        Who it is; the neutral's name where the table does not say.
    codes
        AU -> what was coded of it; empty where the pair is not coded.
    """

    peak: str
    neutral: str
    subject: str
    codes: Mapping[int, Code]

    def truth(self, au: int) -> float | None:
        """The larger side's intensity, 0 where the AU was not coded, None where it was seen without a letter."""
        left, right = self.codes.get(au, (0.0, 0.0))
        if left is None or right is None:
            return (left or right) or None
        return max(left, right)

    def intensities(self, aus: Sequence[int], *, unlettered: float = UNLETTERED) -> npt.NDArray[np.float64]:
        """(2, K) of the person's own left and right side, ``unlettered`` where there is no letter."""
        sides = np.array([self.codes.get(au, (0.0, 0.0)) for au in aus], dtype=object).reshape(-1, 2).T
        return np.array([[unlettered if e is None else e for e in side] for side in sides], dtype=np.float64)

    @property
    def action_units(self) -> ActionUnits:
        """What of the codes can be played, sides kept; AUs that have none take the larger."""
        known = [au for au in self.codes if au in AUS]
        left, right = self.intensities(known)
        larger = np.maximum(left, right)
        sided = [au not in UNSIDED for au in known]
        left, right = (np.where(sided, side, larger).tolist() for side in (left, right))
        return ActionUnits(left=dict(zip(known, left, strict=True)), right=dict(zip(known, right, strict=True)))


def parse_codes(text: str) -> dict[int, Code]:
    """AU -> what was coded of it.

    >>> parse_codes("4+R7+17d")
    {4: (None, None), 7: (0.0, None), 17: (0.8, 0.8)}
    """
    codes: dict[int, Code] = {}
    for part in re.split(r"[+,;\s]+", text.strip()):
        match = _CODE.fullmatch(part)
        if match is None:
            continue
        value = None if match["letter"] is None else INTENSITY_LETTERS[match["letter"].upper()]
        left, right = codes.get(int(match["au"]), (0.0, 0.0))
        side = (match["side"] or "").upper()
        codes[int(match["au"])] = (left if side == "R" else value, right if side == "L" else value)
    return codes


def read_pairs(table: str | Path) -> list[CodedPair]:
    """The rows of a CSV of pairs.

    Raises
    ------
    InputError
        Unreadable, a column is missing, or no row.
    """
    path = Path(table)
    pairs: list[CodedPair] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                names = {kind: next((row[c] for c in known if row.get(c)), "") for kind, known in _NAMES.items()}
                if not all(names.values()) or len(pairs) >= _MAX_PAIRS:
                    raise InputError(
                        f"{path}, row {len(pairs) + 2} names no pair; a table needs the columns peak and neutral (or "
                        f"image and neutral_image), and {_MAX_PAIRS:,} rows at most."
                    )
                subject = row.get("subject") or names["neutral"]
                pairs.append(CodedPair(**names, subject=subject, codes=parse_codes(row.get("facs") or "")))
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no readable CSV with the columns peak, neutral and facs ({error}).") from error
    if not pairs:
        raise InputError(
            f"{path} names no pair; it needs the columns peak and neutral, and facs where there are codes."
        )
    return pairs
