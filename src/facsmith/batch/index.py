"""All rows of a run, in a temporary SQLite file: a million of them need no memory, and any of them is found at once."""

import json
import os
import sqlite3
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

from facsmith.batch.places import Place, local_path
from facsmith.batch.units import Entry, Plain, Refusal, Status, Unit, address_of

__all__ = ["Index", "Tally"]

_SCHEMA = """
CREATE TABLE rows (row INTEGER PRIMARY KEY, output TEXT, folded TEXT, unit TEXT, address TEXT, weight REAL, status TEXT,
                   reason TEXT DEFAULT '', sha256 TEXT DEFAULT '', seconds REAL DEFAULT 0, notes TEXT DEFAULT '');
CREATE TABLE entries (output TEXT PRIMARY KEY, line TEXT, weight REAL);
"""


class Tally(NamedTuple):
    """How many rows, and how much work, are in a state."""

    rows: int = 0
    weight: float = 0.0


class Index:
    """Rows and the ledger's entries. Use as a context manager: the file goes at the end."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a file without a name, gone however the process ends
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32000;" + _SCHEMA)

    def __enter__(self) -> "Index":
        self._db.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def remember(self, entry: Entry) -> None:
        """An entry of the ledger; a later one of the same output replaces it."""
        self._db.execute("INSERT OR REPLACE INTO entries (output, line) VALUES (?, ?)", (entry.output, entry.to_json()))

    def add(self, row: Unit | Refusal, identity: Plain) -> None:
        """A row, as the manifest has it."""
        if isinstance(row, Refusal):
            self._db.execute(
                "INSERT INTO rows (row, output, status, reason, weight) VALUES (?, ?, 'refused', ?, 0)",
                (row.row, row.output, row.reason),
            )
            return
        self._db.execute(
            "INSERT INTO rows (row, output, folded, unit, address, weight) VALUES (?, ?, ?, ?, ?, ?)",
            (
                row.row,
                row.output,
                _folded(row.output),
                json.dumps({"inputs": row.inputs, "settings": row.settings}),
                address_of(identity, row),
                row.weight,
            ),
        )

    def refuse_collisions(self) -> None:
        """Refuse every row whose output is another's, or lies within another's folder, whatever the case of letters."""
        self._db.execute("CREATE INDEX by_output ON rows (folded)")
        same = "SELECT MIN(o.row) FROM rows o WHERE o.folded = rows.folded AND o.row != rows.row"
        within = "SELECT MIN(o.row) FROM rows o WHERE o.folded > rows.folded || '/' AND o.folded < rows.folded || '0'"
        for other, reason in (
            (same, "The output is that of row {other}, too; every row needs its own."),
            (within, "The output of row {other} lies within this one; give them separate names."),
        ):
            found = self._db.execute(
                f"SELECT row, ({other}) AS o FROM rows WHERE folded IS NOT NULL AND o IS NOT NULL"
            ).fetchall()
            self._db.executemany(
                "UPDATE rows SET status = 'refused', reason = ? WHERE row = ?",
                ((reason.format(other=other_row), row) for row, other_row in found),
            )

    def refuse_overwriting(self, place: Place) -> None:
        """Refuse every row whose result would lie where a row's input lies, in a place on this machine."""
        if not place.is_local:
            return
        self._db.execute("CREATE TABLE inputs (path TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID")
        for row, unit in self._db.execute("SELECT row, unit FROM rows WHERE unit IS NOT NULL"):
            paths = (local_path(url) for url in json.loads(unit)["inputs"])
            self._db.executemany(
                "INSERT OR IGNORE INTO inputs VALUES (?, ?)", [(path, row) for path in paths if path is not None]
            )
        found: list[tuple[str, int]] = []
        for row, output in self._db.execute("SELECT row, output FROM rows WHERE status IS NULL"):
            path = os.path.realpath(place.at(output))
            within = "SELECT MIN(row) FROM inputs WHERE path = ? OR (path > ? || '/' AND path < ? || '0')"
            (other,) = self._db.execute(within, (path, path, path)).fetchone()
            if other is not None:
                found.append((f"The output would replace an input of row {other}; give it another name.", row))
        self._db.executemany("UPDATE rows SET status = 'refused', reason = ? WHERE row = ?", found)

    def units(self, *, retry: bool = False) -> Iterator[Unit]:
        """What is not refused, in order, each with what the ledger knows of it.

        Parameters
        ----------
        retry
            Forget what the ledger says of units that did not succeed.
        """
        for row, output, unit, address, weight, line in self._db.execute(
            "SELECT row, rows.output, unit, address, rows.weight, line FROM rows "
            "LEFT JOIN entries ON entries.output = rows.output WHERE status IS NULL ORDER BY row"
        ):
            said = json.loads(unit)
            entry = None if line is None else Entry.from_json(line)
            if retry and entry is not None and entry.status != "done":
                entry = None
            yield Unit(row, tuple(said["inputs"]), said["settings"], output, weight, address, entry)

    def settle(self, row: int, status: Status, reason: str, seconds: float, entry: Entry | None) -> None:
        """What became of a row."""
        sha256, notes = ("", "") if entry is None else (entry.sha256, " ".join(entry.notes))
        self._db.execute(
            "UPDATE rows SET status = ?, reason = ?, seconds = ?, sha256 = ?, notes = ? WHERE row = ?",
            (status, reason, seconds, sha256, notes, row),
        )

    def tallies(self) -> dict[str, Tally]:
        """Status -> how many; ``waiting`` for those not come to."""
        found = self._db.execute("SELECT COALESCE(status, 'waiting'), COUNT(*), SUM(weight) FROM rows GROUP BY status")
        return {status: Tally(int(rows), float(weight or 0)) for status, rows, weight in found}

    def report(self) -> Iterator[tuple[Any, ...]]:
        """(row, output, status, reason, seconds, sha256, notes) of every row, in order."""
        yield from self._db.execute(
            "SELECT row, output, COALESCE(status, 'waiting'), reason, seconds, sha256, notes FROM rows ORDER BY row"
        )

    def failures(self, most: int) -> list[tuple[int, str, str]]:
        """(row, output, reason) of the first rows without a result."""
        return self._db.execute(
            "SELECT row, output, reason FROM rows WHERE status IN ('refused', 'failed', 'crashed') "
            "ORDER BY row LIMIT ?",
            (most,),
        ).fetchall()


def _folded(output: str) -> str:
    """The same for names that some file systems take for one: capitals, and accents composed in another way."""
    return unicodedata.normalize("NFC", output.casefold())
