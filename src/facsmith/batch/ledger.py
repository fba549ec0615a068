"""What was done, kept beside the results so that any later run knows: nothing lost, nothing done twice.

Within the output folder, ``.facsmith/`` holds

- ``journal/00000000.jsonl`` ...: entries in the order they came, each file written once and whole. The last entry of an
  output counts.
- ``pending/ADDRESS.json``: entries of results that no journal file names yet, a handful at any time.
- ``working/ADDRESS.json``: what a worker within the driver's own process was at; it stays when that process dies.
- ``lock``: held by the one process that may write here, where the folder is local.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from facsmith.batch.places import FOLDER, Place
from facsmith.batch.units import Entry
from facsmith.batch.worker import PENDING, present
from facsmith.errors import OutputError

__all__ = ["Ledger"]

_JOURNAL: Final = f"{FOLDER}/journal"
_WORKING: Final = f"{FOLDER}/working"
_LINES: Final = 1000
_SECONDS: Final = 5.0


class Ledger:
    """The books of one output folder. Use as a context manager: entering locks it, leaving writes what is left.

    Parameters
    ----------
    lines, seconds
        A journal file is written when this many entries wait, or the first has waited for this long.
    """

    def __init__(self, place: Place, *, lines: int = _LINES, seconds: float = _SECONDS) -> None:
        self._place, self._lines, self._seconds = place, lines, seconds
        self._waiting: list[Entry] = []
        self._since = 0.0
        self._next = 0
        self._begun: set[str] = set()
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> "Ledger":
        if self._place.is_local:
            self._lock = _locked(Path(self._place.at(f"{FOLDER}/lock")), self._place)
            self._place.sweep()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OutputError):  # told by the last `flush`; nothing is lost
            self.flush()
        if self._lock is not None:
            self._lock.close()

    def replay(self, *, keep: bool = True) -> Iterator[Entry]:
        """All entries, old ones first; then those that a run which was cut short had no time to copy.

        Parameters
        ----------
        keep
            Copy the latter; without it nothing is written.
        """
        for name in self._place.names(_JOURNAL):
            number, _, ending = name.partition(".")
            if not (number.isdigit() and ending == "jsonl"):
                continue
            self._next = max(self._next, int(number) + 1)
            for line in self._place.read(f"{_JOURNAL}/{name}").splitlines():
                entry = Entry.from_json(line)
                if entry is not None:
                    yield entry
        for name in self._place.names(PENDING):
            entry = Entry.from_json(self._place.read(f"{PENDING}/{name}"))
            if entry is not None and name == f"{entry.address}.json" and present(entry, self._place):
                if keep:
                    self.add(entry)
                yield entry
            elif keep:
                self._place.remove(f"{PENDING}/{name}")

    def add(self, entry: Entry) -> None:
        """Remember an entry; it reaches the journal within seconds."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(entry)
        if len(self._waiting) >= self._lines or time.monotonic() - self._since >= self._seconds:
            with contextlib.suppress(OutputError):  # a full disk: the entries stay here, and in ``pending``
                self.flush()

    def flush(self) -> None:
        """Write what waits into a journal file of its own.

        Raises
        ------
        OutputError
            It cannot be written; what waits still waits.
        """
        if not self._waiting:
            return
        text = "".join(f"{entry.to_json()}\n" for entry in self._waiting)
        self._place.write(f"{_JOURNAL}/{self._next:08d}.jsonl", text.encode())
        self._next += 1
        written, self._waiting = self._waiting, []
        self._place.remove_all([f"{PENDING}/{entry.address}.json" for entry in written if entry.status == "done"])

    def recovered(self, address: str) -> Entry | None:
        """The entry of a unit whose worker died after its result was there, before it could say so."""
        try:
            entry = Entry.from_json(self._place.read(f"{PENDING}/{address}.json"))
        except OSError:
            return None
        return entry if entry is not None and present(entry, self._place) else None

    def deaths(self) -> dict[str, int]:
        """Address -> how often its unit was at work in a process that died."""
        found: dict[str, int] = {}
        for name in self._place.names(_WORKING):
            with contextlib.suppress(ValueError, TypeError, KeyError, OSError):
                marker: Any = json.loads(self._place.read(f"{_WORKING}/{name}"))
                found[name.partition(".")[0]] = int(marker["times"])
        self._begun = set(found)
        return found

    def begin(self, address: str, times: int) -> None:
        """A unit is now at work in this very process, for the so-many-th time."""
        self._place.write(f"{_WORKING}/{address}.json", json.dumps({"times": times}).encode())
        self._begun.add(address)

    def end(self, address: str) -> None:
        """It did not kill the process."""
        if address in self._begun:
            self._begun.discard(address)
            self._place.remove(f"{_WORKING}/{address}.json")


def _locked(path: Path, place: Place) -> IO[bytes] | None:
    try:
        import fcntl
    except ImportError:  # Windows: two batches into one folder are the user's own care
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise OutputError(
            f"Could not write into {place.url}: {error.strerror or error}. Choose another place."
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise OutputError(f"Another batch writes into {place.url}. Wait for it, or choose another place.") from error
    return file
