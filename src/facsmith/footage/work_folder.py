"""What is done of a film already, in a folder beside the output: it belongs to one film, its changes and one model."""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from zipfile import BadZipFile

import numpy as np

from facsmith import __version__
from facsmith._files import atomic_path, file_sha256
from facsmith.errors import OutputError
from facsmith.footage.account import FrameAccounts
from facsmith.footage.change import FilmChange
from facsmith.footage.options import FilmOptions
from facsmith.footage.step_fit import Steps
from facsmith.footage.survey import Survey

__all__ = ["FaceFolder", "WorkFolder"]

_Arrays = TypeVar("_Arrays", Survey, FrameAccounts)

_SAMPLE: Final = 1 << 20
"""Bytes at the beginning, the middle and the end by which a film is known again."""
_KEY: Final = "belongs-to.txt"


@dataclass(frozen=True)
class WorkFolder:
    """Where the parts of a film lie until all of them are done.

    Parameters
    ----------
    folder
        `beside` the output, or where it was said.
    """

    folder: Path

    @staticmethod
    def beside(output: str | os.PathLike[str]) -> Path:
        """``film.mp4.parts`` beside ``film.mp4``."""
        path = Path(output)
        return path.with_name(f"{path.name}.parts")

    @classmethod
    def open(
        cls, folder: Path, film: Path, changes: Mapping[int | None, FilmChange], options: FilmOptions, *, model: str
    ) -> "WorkFolder":
        """The folder of this very job, with what is in it; one of another job is begun anew.

        Raises
        ------
        OutputError
            Something else lies in its place.
        """
        key = _key(film, changes, options, model)
        known = folder / _KEY
        if folder.exists() and not (known.is_file() or (folder.is_dir() and not any(folder.iterdir()))):
            raise OutputError(f"{folder} is in the way: parts of the film are kept there. Move it elsewhere.")
        if not known.is_file() or known.read_text() != key:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            known.write_text(key)
        return cls(folder)

    def face(self, number: int | None) -> "FaceFolder":
        """What is known of one face."""
        return FaceFolder(self.folder, number)

    def part(self, number: int) -> Path:
        """Where a part's pictures belong."""
        return self.folder / f"part-{number:05d}.nut"

    def has(self, number: int, faces: Iterable[int | None]) -> bool:
        """Whether a part is done, and accounted for of each face."""
        return self.part(number).is_file() and all(self.face(face).has(number) for face in faces)

    def forget(self, number: int | None) -> None:
        """Remove what is known of one face, and the folder where nothing else is in it."""
        self.face(number).remove()
        if [path.name for path in self.folder.iterdir()] == [_KEY]:
            self.remove()

    def remove(self) -> None:
        """The film is done."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class FaceFolder:
    """What is known of one of the film's faces, in the same folder.

    Parameters
    ----------
    number
        Of the face, None where only one is followed.
    """

    folder: Path
    number: int | None = None

    @property
    def survey(self) -> Survey | None:
        """None where the film was not looked at yet."""
        return _read(self._named("survey.npz"), Survey)

    def keep_survey(self, survey: Survey) -> None:
        """For `survey`."""
        _write(self._named("survey.npz"), survey)

    @property
    def steps(self) -> Steps | None:
        """None where they were not measured yet."""
        path = self._named("steps.json")
        if not path.is_file():
            return None
        try:
            known: dict[str, dict[str, Any]] = json.loads(path.read_text())
            longer = {int(au): float(step) for au, step in known["longer"].items()}
            held = {
                int(au): {int(other): float(step) for other, step in cast("dict[str, Any]", each).items()}
                for au, each in known["held"].items()
            }
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        return Steps(longer, held)

    def keep_steps(self, steps: Steps) -> None:
        """For `steps`."""
        with atomic_path(self._named("steps.json")) as temporary:
            temporary.write_text(json.dumps(asdict(steps)))

    def has(self, part: int) -> bool:
        """Whether a part is accounted for, in a file that can be read."""
        return _read(self._accounts(part), FrameAccounts) is not None

    def keep(self, part: int, accounts: FrameAccounts) -> None:
        """For `accounts`."""
        _write(self._accounts(part), accounts)

    def accounts(self, part: int) -> FrameAccounts:
        """Of a part that is done (`has`)."""
        known = _read(self._accounts(part), FrameAccounts)
        if known is None:
            raise OutputError(f"{self._accounts(part)} was damaged while the film was edited; start it again.")
        return known

    def remove(self) -> None:
        """Nothing is known of the face any more."""
        for name in ("survey.npz", "steps.json", "part-*.npz"):
            for path in self.folder.glob(self._named(name).name):
                path.unlink(missing_ok=True)

    def _accounts(self, part: int) -> Path:
        return self._named(f"part-{part:05d}.npz")

    def _named(self, name: str) -> Path:
        return self.folder / (name if self.number is None else f"face{self.number}-{name}")


def _write(path: Path, arrays: Survey | FrameAccounts) -> None:
    """An .npz file of plain arrays, one for each field."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **{each.name: getattr(arrays, each.name) for each in fields(arrays)})


def _read(path: Path, kind: type[_Arrays]) -> _Arrays | None:
    """What `_write` wrote; None where there is no such file, or a damaged one."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as known:
            return kind(**{each.name: known[each.name] for each in fields(kind)})
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _key(film: Path, changes: Mapping[int | None, FilmChange], options: FilmOptions, model: str) -> str:
    settings = asdict(options)
    if isinstance(options.neutral, str | os.PathLike):
        settings["neutral"] = file_sha256(options.neutral)  # another picture may lie there, or the same one elsewhere
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):  # every sample of a recording counts
        digest = hashlib.sha256(f"{__version__} {model} {dict(changes)!r} {settings!r}".encode())
    size = film.stat().st_size
    with open(film, "rb") as file:
        for place in (0, size // 2, max(0, size - _SAMPLE)):
            file.seek(place)
            digest.update(file.read(_SAMPLE))
    return f"{digest.hexdigest()} {size}\n"
