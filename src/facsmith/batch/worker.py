"""One unit from start to end, in whichever process: is it there already, else make it, then show it whole.

The order of what is written makes a kill at any moment harmless. First the entry, into ``pending``; then the files, the
one named as output last; the driver copies entries into its journal and clears ``pending``. A result without an entry
does not exist, and an entry whose files are missing counts for nothing.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from facsmith.batch.places import FOLDER, Fetched, Place, fetch, is_full, stamp
from facsmith.batch.units import Entry, Job, Outcome, Plain, Unit, digest
from facsmith.errors import FacsmithError, InputError, OutputError

__all__ = ["PENDING", "Worker", "present", "stamps_of"]

PENDING: Final = f"{FOLDER}/pending"
_LONGEST_REASON: Final = 500


class Worker:
    """A job's model, loaded once, and the place where its results go.

    Parameters
    ----------
    identity
        The job's identity where the batch was started; another version or model here is refused.
    retries
        How often a unit is tried again when it fails by the machine's fault.
    pause
        Seconds before the first new try, twice as long each time.
    """

    def __init__(self, job: Job, place: Place, identity: Plain, *, retries: int = 2, pause: float = 1.0) -> None:
        own = dict(job.identity)
        if own != dict(identity):
            differ = sorted(name for name in {*own, *identity} if own.get(name) != identity.get(name))
            raise InputError(
                f"A worker has another {', '.join(differ)} than the machine that started the batch. Install the same "
                "version and models on every machine."
            )
        self._work, self._place, self._identity = job.open(), place, dict(identity)
        self._retries, self._pause = retries, pause

    def run(self, unit: Unit, starting: Callable[[], None] = lambda: None) -> Outcome:
        """Bring about the unit's result.

        Parameters
        ----------
        starting
            Called just before the work, where the result is not there yet.
        """
        began = time.perf_counter()
        full, reason = False, ""
        for attempt in range(self._retries + 1):
            stamps = stamps_of(unit)
            try:
                outcome = self._attempt(unit, stamps, starting)
                return replace(outcome, seconds=time.perf_counter() - began)
            except InputError as error:
                reason = _sentence(error)
                entry = Entry(unit.address, unit.output, "refused", reason=reason, stamps=stamps)
                return Outcome(unit.row, "refused", reason, entry, seconds=time.perf_counter() - began)
            except Exception as error:  # whatever one unit does, the others go on
                full, reason = is_full(error), _sentence(error)
            if full or attempt == self._retries:
                break
            time.sleep(self._pause * 2**attempt)
        return Outcome(unit.row, "failed", reason, seconds=time.perf_counter() - began, full=full)

    def run_all(self, units: tuple[Unit, ...]) -> list[Outcome]:
        """Several, one after the other."""
        return [self.run(unit) for unit in units]

    def _attempt(self, unit: Unit, stamps: tuple[str, ...], starting: Callable[[], None]) -> Outcome:
        known = unit.known
        if (
            known is not None
            and (known.address, known.stamps) == (unit.address, stamps)
            and _settled(known, self._place)
        ):
            return _again(unit, known)
        with self._place.scratch() as folder:
            fetched = [fetch(url, folder / f"in{number}") for number, url in enumerate(unit.inputs)]
            key = digest(self._identity, unit.settings, [one.sha256 for one in fetched])
            if known is not None and known.key == key and _settled(known, self._place):  # touched or moved, no more
                entry = replace(known, address=unit.address, stamps=tuple(one.stamp for one in fetched))
                return replace(_again(unit, entry), news=True)
            starting()
            began = time.perf_counter()
            out = folder / "out"
            out.mkdir()
            main = out / unit.output.rpartition("/")[2]
            try:
                begun = replace(unit, parts=self._place.parts(unit.address))
                notes = tuple(self._work(begun, [one.path for one in fetched], main))
            except InputError:
                _check_unchanged(unit, fetched)
                self._place.remove_parts(unit.address)  # no other run will go on with them
                raise
            _check_unchanged(unit, fetched)
            files, sha256 = _described(out, unit.output)
            entry = Entry(
                unit.address,
                unit.output,
                "done",
                key,
                stamps=tuple(one.stamp for one in fetched),
                files=files,
                sha256=sha256,
                seconds=round(time.perf_counter() - began, 3),
                notes=notes,
            )
            self._publish(entry, out, main)
            return Outcome(unit.row, "done", entry=entry)

    def _publish(self, entry: Entry, out: Path, main: Path) -> None:
        self._place.write(f"{PENDING}/{entry.address}.json", entry.to_json().encode())
        above = entry.output[: -len(main.name)]
        for path in sorted(out.iterdir(), key=lambda path: path == main):
            self._place.publish(path, f"{above}{path.name}")


def present(entry: Entry, place: Place) -> bool:
    """Whether all files of a result lie where they were put, in their sizes."""
    return bool(entry.files) and all(place.size(name) == size for name, size in entry.files.items())


def _settled(entry: Entry, place: Place) -> bool:
    return entry.status != "done" or present(entry, place)


def _again(unit: Unit, entry: Entry) -> Outcome:
    return Outcome(unit.row, "kept" if entry.status == "done" else entry.status, entry.reason, entry, news=False)


def stamps_of(unit: Unit) -> tuple[str, ...]:
    """Of its inputs; "" for one that is not there or may not be read."""
    stamps: list[str] = []
    for url in unit.inputs:
        try:
            stamps.append(stamp(url) or "")
        except (InputError, OSError):
            stamps.append("")
    return tuple(stamps)


def _check_unchanged(unit: Unit, fetched: list[Fetched]) -> None:
    for url, one in zip(unit.inputs, fetched, strict=True):
        if stamp(url) != one.stamp:
            raise OutputError(f"{url} changed while it was read. Run the batch again when it is settled.")


def _described(out: Path, output: str) -> tuple[dict[str, int], str]:
    """Name -> bytes of every file, and the hash of the main one."""
    above, last = output[: output.rfind("/") + 1], output.rpartition("/")[2]
    files = {f"{above}{path.relative_to(out).as_posix()}": path.stat().st_size for path in _files(out)}
    main = out / last
    if main.is_dir():
        return files, digest([(path.name, _sha256(path)) for path in _files(main)])
    return files, _sha256(main)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    named = text if isinstance(error, FacsmithError) and text else f"{type(error).__name__}: {text}"
    return named[:_LONGEST_REASON]
