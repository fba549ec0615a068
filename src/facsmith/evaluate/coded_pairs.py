"""Pairs of photos of one person, at rest and at an expression's peak, with the FACS codes that human coders gave.

A CSV has the columns ``peak`` (or ``image``), ``neutral`` (or ``neutral_image``) and, where they are known, ``subject``
and ``facs``: ``4+R7+14+17d+24``. Letters a to e are intensities .2 to 1; an AU without one is coded as seen, its
intensity unknown. Unsure codes (``?``) and the coders' other marks are left out.
"""

import csv
import re
import tarfile
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from facsmith.errors import InputError
from facsmith.facs import INTENSITY_LETTERS

__all__ = ["OCCURRENCE", "CodedPair", "parse_codes", "photo_folder", "read_pairs"]

OCCURRENCE: Final = 0.7
"""Intensity taken for an AU that was coded without a letter, where one is needed: between C and D."""

_MAX_BYTES: Final = 2 << 30
_MAX_PAIRS: Final = 100_000
_CODE: Final = re.compile(r"(?P<side>[LR])?(?P<au>\d{1,2})(?P<letter>[A-E])?", re.IGNORECASE)
_NAMES: Final = {"peak": ("peak", "image"), "neutral": ("neutral", "neutral_image")}


@dataclass(frozen=True)
class CodedPair:
    """peak, neutral: names of photos in a folder. subject: who it is; the neutral's name where the table does not say.
    codes: AU -> intensity in (0, 1], or None where the coders gave no letter; empty where the pair is not coded."""

    peak: str
    neutral: str
    subject: str
    codes: Mapping[int, float | None]

    def intensity(self, au: int) -> float:
        """Of an AU, 0 where it was not coded, `OCCURRENCE` where it has no letter."""
        value = self.codes.get(au, 0.0)
        return OCCURRENCE if value is None else value


def parse_codes(text: str) -> dict[int, float | None]:
    """AU -> intensity, the larger of its sides; None without a letter.

    >>> parse_codes("4+R7+17d")
    {4: None, 7: None, 17: 0.8}
    """
    codes: dict[int, float | None] = {}
    for part in re.split(r"[+,;\s]+", text.strip()):
        match = _CODE.fullmatch(part)
        if match is None:
            continue
        au, letter = int(match["au"]), match["letter"]
        value = None if letter is None else INTENSITY_LETTERS[letter.upper()]
        before = codes.get(au)
        codes[au] = value if before is None else max(before, value or 0.0)
    return codes


def read_pairs(table: str | Path) -> list[CodedPair]:
    """The rows of a CSV of pairs.

    Raises:
        InputError: unreadable, a column is missing, no row, or a photo's name leads out of its folder.
    """
    path = Path(table)
    pairs: list[CodedPair] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                names = {kind: next((row[c] for c in known if row.get(c)), "") for kind, known in _NAMES.items()}
                for name in names.values():
                    if not name or Path(name).is_absolute() or ".." in Path(name).parts or len(pairs) >= _MAX_PAIRS:
                        raise InputError(
                            f"{path}, row {len(pairs) + 2}: {name[:60]!r} is no photo's name inside the folder; give "
                            "the columns peak and neutral (or image and neutral_image)."
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


@contextmanager
def photo_folder(photos: str | Path) -> Generator[Path]:
    """The folder of photos itself, or a temporary one with what a .tar holds: plain files only.

    Raises:
        InputError: neither, or it unpacks to more than 2 GB.
    """
    root = Path(photos)
    if root.is_dir():
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="facsmith-") as folder:
        try:
            with tarfile.open(root) as archive:
                if sum(member.size for member in archive.getmembers()) > _MAX_BYTES:
                    raise InputError(f"{root} unpacks to more than {_MAX_BYTES >> 30} GB; give a folder instead.")
                archive.extractall(folder, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise InputError(f"{root} is neither a folder nor a readable .tar ({error}); give one.") from error
        yield Path(folder)
