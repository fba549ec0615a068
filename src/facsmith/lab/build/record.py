"""What of a build is done, in one JSON file: a stage that it names is not done again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from facsmith._files import atomic_path
from facsmith._json import parse_json
from facsmith.errors import InputError

__all__ = ["Record"]

_FILE: Final = "build.json"


class Record:
    """What a build has done so far, kept in its folder.

    Parameters
    ----------
    folder
        Where the parts of a build lie.
    identity
        Identifies the options and the checkpoint.

    Attributes
    ----------
    stages
        Name -> what was found, with its seconds.

    Raises
    ------
    InputError
        The folder holds another build, or its file is damaged.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self._path = folder / _FILE
        self._identity: dict[str, Any] = json.loads(json.dumps(dict(identity)))
        self.stages: dict[str, dict[str, Any]] = {}
        if not self._path.is_file():
            return
        try:
            known: Any = parse_json(self._path.read_text(encoding="utf-8"))
            begun, self.stages = known["identity"], dict(known["stages"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self._path} is damaged ({error}); remove {folder} and build again.") from error
        if begun != self._identity:
            names = sorted(key for key in {*begun, *self._identity} if begun.get(key) != self._identity.get(key))
            raise InputError(
                f"{folder.parent} holds a build that began with another {' and '.join(names)}; give what it began with "
                f"to go on, or remove {folder} to begin anew."
            )

    def __contains__(self, stage: object) -> bool:
        return stage in self.stages

    def __getitem__(self, stage: str) -> dict[str, Any]:
        return self.stages[stage]

    def finish(self, stage: str, report: Mapping[str, Any], *, seconds: float, cpu: float) -> None:
        """Record that a stage is done.

        Parameters
        ----------
        report
            JSON values.
        cpu
            Processor seconds of this process, all its threads.
        """
        self.stages[stage] = {**report, "seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1)}
        with atomic_path(self._path) as temporary:
            text = json.dumps({"identity": self._identity, "stages": self.stages}, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")

    def numbers(self, stage: str, key: str) -> dict[str, Any]:
        """A mapping in a stage's report."""
        return cast(dict[str, Any], self.stages[stage][key])
