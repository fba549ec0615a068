"""What is done of a film already, in a folder beside the output: it belongs to one film, one change and one model."""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from facsmith import __version__
from facsmith._files import atomic_path
from facsmith.errors import OutputError
from facsmith.footage.account import FrameAccounts
from facsmith.footage.change import FilmChange
from facsmith.footage.options import FilmOptions
from facsmith.footage.step_fit import Steps
from facsmith.footage.survey import Survey

__all__ = ["WorkFolder"]

_SAMPLE: Final = 1 << 20
"""Bytes at the beginning, the middle and the end by which a film is known again."""
_KEY: Final = "belongs-to.txt"


@dataclass(frozen=True)
class WorkFolder:
    """Where the parts of a film lie until all of them are done.

    Parameters
    ----------
    folder
        ``film.mp4.parts`` beside ``film.mp4``.
    """

    folder: Path

    @classmethod
    def open(cls, output: Path, film: Path, change: FilmChange, options: FilmOptions, *, model: str) -> "WorkFolder":
        """The folder of this very job, with what is in it; one of another job is begun anew.

        Raises
        ------
        OutputError
            Something else lies in the folder's place.
        """
        folder = output.with_name(f"{output.name}.parts")
        key = _key(film, change, options, model)
        known = folder / _KEY
        if folder.exists() and not (known.is_file() or (folder.is_dir() and not any(folder.iterdir()))):
            raise OutputError(f"{folder} is in the way: parts of the film are kept there. Move it elsewhere.")
        if not known.is_file() or known.read_text() != key:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            known.write_text(key)
        return cls(folder)

    @property
    def survey(self) -> Survey | None:
        """None where the film was not looked at yet."""
        return Survey.load(self.survey_path)

    @property
    def survey_path(self) -> Path:
        """Where the survey belongs."""
        return self.folder / "survey.npz"

    @property
    def steps(self) -> Steps | None:
        """None where they were not measured yet."""
        path = self.folder / "steps.json"
        if not path.is_file():
            return None
        try:
            known = cast("dict[str, dict[str, Any]]", json.loads(path.read_text()))
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
        with atomic_path(self.folder / "steps.json") as temporary:
            temporary.write_text(json.dumps(asdict(steps)))

    def part(self, number: int) -> Path:
        """Where a part's pictures belong."""
        return self.folder / f"part-{number:05d}.nut"

    def has(self, number: int) -> bool:
        """Whether a part is done."""
        return self.part(number).is_file() and self._accounts(number).is_file()

    def keep(self, number: int, accounts: FrameAccounts) -> None:
        """A part is done: its pictures lie at `part`."""
        with atomic_path(self._accounts(number)) as temporary, open(temporary, "wb") as file:
            np.savez(file, **{f.name: getattr(accounts, f.name) for f in fields(accounts)})

    def accounts(self, number: int) -> FrameAccounts:
        """Of a part that is done."""
        with np.load(self._accounts(number), allow_pickle=False) as known:
            return FrameAccounts(**{f.name: known[f.name] for f in fields(FrameAccounts)})

    def remove(self) -> None:
        """The film is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _accounts(self, number: int) -> Path:
        return self.folder / f"part-{number:05d}.npz"


def _key(film: Path, change: FilmChange, options: FilmOptions, model: str) -> str:
    digest = hashlib.sha256(f"{__version__} {model} {change!r} {asdict(options)!r}".encode())
    size = film.stat().st_size
    with open(film, "rb") as file:
        for place in (0, size // 2, max(0, size - _SAMPLE)):
            file.seek(place)
            digest.update(file.read(_SAMPLE))
    return f"{digest.hexdigest()} {size}\n"
