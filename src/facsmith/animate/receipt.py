"""What was asked, what was measured, and with which model, settings and versions: the JSON beside every result."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facsmith import __version__
from facsmith._files import atomic_path
from facsmith.facs import AUS, ActionUnits

__all__ = ["KeyframeRecord", "Receipt", "label", "named", "receipt_path", "versions"]

_LIBRARIES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "pillow",
    "av",
    "opencv-contrib-python",
    "mediapipe",
    "dlib-bin",
)

SHOWN = 0.005
"""Intensities below are left out of labels."""


@dataclass(frozen=True)
class KeyframeRecord:
    """asked, measured: AU -> intensity; measured covers all twelve, so that what was not asked shows too.

    Both are in the scale of this face's own muscles (`measure.Gauge`), so they compare. identity: cosine of the face
    embeddings of frame and photo, 1 the same. Both are None where no landmarks could be read. unsure: AUs that cannot
    be told from the others on this face, whatever `measured` says.
    """

    seconds: float
    frame: int
    asked: Mapping[str, float]
    measured: Mapping[str, float] | None
    identity: float | None
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """The account of one film or picture.

    personal: by what an AU's step was longer than people's at large, so that it shows as strongly on this face.
    tuning: how the generator was tuned to the face, and how much more alike its picture is; None where it was not.
    """

    photo: Mapping[str, Any]
    model: Mapping[str, Any]
    settings: Mapping[str, Any]
    source: Mapping[str, float]
    personal: Mapping[str, float]
    keyframes: tuple[KeyframeRecord, ...]
    inversion: Mapping[str, Any] | None
    tuning: Mapping[str, Any] | None
    output: Mapping[str, Any]
    timings: Mapping[str, float]
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=lambda: versions())

    def to_json(self) -> str:
        """Indented JSON; ``synthetic`` says that the result is no recording of a person."""
        head = {"made_by": f"facsmith {__version__}", "synthetic": True}
        return json.dumps({**head, **asdict(self)}, indent=2) + "\n"

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON file."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")


def receipt_path(output: str | os.PathLike[str]) -> Path:
    """Where a result's receipt lies: ``happy.mp4.json`` beside ``happy.mp4``."""
    path = Path(output)
    return path.with_name(f"{path.name}.json")


def named(action_units: ActionUnits, *, all_twelve: bool = False) -> dict[str, float]:
    """``{"AU12": 0.6}``, rounded to a thousandth; ``L12`` and ``R12`` where the sides differ by that much."""
    account: dict[str, float] = {}
    left, right = (action_units.vector(side).round(3).tolist() for side in ("left", "right"))
    for au, of_left, of_right in zip(AUS, left, right, strict=True):
        if of_left != of_right:
            account |= {f"L{au}": of_left, f"R{au}": of_right}
        elif all_twelve or action_units.get(au, 0) > 0:
            account[f"AU{au}"] = of_left
    return account


def label(action_units: ActionUnits) -> str:
    """For people: without the AUs that two decimals show as nothing."""
    left, right = ({au: e for au, e in side.items() if e >= SHOWN} for side in (action_units.left, action_units.right))
    return str(ActionUnits(left=left, right=right))


def versions() -> dict[str, str]:
    """Of Python and of every library that touches a pixel."""
    found = {"python": platform.python_version(), "facsmith": __version__}
    for library in _LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:  # another flavour of it, or an optional one left out
            continue
    return found
