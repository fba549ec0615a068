"""What was asked, what was measured, and with which model, settings and versions: the JSON beside every result."""

import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facsmith import __version__
from facsmith._files import atomic_path
from facsmith.facs import AUS, ActionUnits

__all__ = [
    "Curves",
    "KeyframeRecord",
    "Leakage",
    "Receipt",
    "face_receipt_path",
    "label",
    "named",
    "receipt_path",
    "versions",
]

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
    """What was asked for at a key frame, and what was measured there.

    Both are in the scale of this face's own muscles (`NeutralFace`), so they compare.

    Parameters
    ----------
    asked
        AU -> intensity in [0, 1].
    measured
        AU -> intensity in [0, 1] of the twelve of DISFA, so that what was not asked shows too; the further AUs are not
        measured. None where no landmarks could be read.
    identity
        Cosine of the face embeddings of frame and photo, 1 the same. None where no landmarks could be read.
    unsure
        AUs that cannot be told from the others on this face, whatever `measured` says.
    """

    seconds: float
    frame: int
    asked: Mapping[str, float]
    measured: Mapping[str, float] | None
    identity: float | None
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True)
class Curves:
    """What was asked and seen frame by frame, in T frames.

    Parameters
    ----------
    asked
        AU -> (T,) intensities that the face shall show, of the AUs that are asked at some time.
    background
        (T,) mean difference from the picture at rest outside the face, in grey levels of 255; empty where that is
        unknown.
    flicker
        (T - 2,) mean second difference over time inside the face, in grey levels, of all frames but the first and the
        last.
    """

    fps: float
    asked: Mapping[str, tuple[float, ...]]
    background: tuple[float, ...]
    flicker: tuple[float, ...]


@dataclass(frozen=True)
class Leakage:
    """What shows besides what is asked, at the first key frame of a pose.

    Parameters
    ----------
    aus
        The pose's AUs, none when it is neutral.
    excess
        AU -> measured less asked, of those that are measured; of two sides, the one that is farther off. For the pose's
        own AUs: how much more (or, below 0, less) they show than asked.
    """

    aus: tuple[str, ...]
    seconds: float
    excess: Mapping[str, float]


@dataclass(frozen=True)
class Receipt:
    """The account of one film or picture.

    Parameters
    ----------
    personal
        AU -> by what its step was longer than people's at large, so that it shows as strongly on this face.
    keyframes
        Key frames, where something is asked.
    tuning
        How the generator was tuned to the face, and how much more alike its picture is; None where it was not.
    summary
        The figures of the whole film, see `receipt.summary.summary`.
    unreached
        AUs that this model shows only in part -> why, asked or not.
    between
        Further moments that were measured.
    ways
        Each AU asked at some time -> where it comes from (`ways`): latent, muscles or eyes.
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
    summary: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    unreached: Mapping[str, str] = field(default_factory=dict[str, str])
    leakage: tuple[Leakage, ...] = ()
    curves: Curves | None = None
    between: tuple[KeyframeRecord, ...] = ()
    ways: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def moments(self) -> tuple[KeyframeRecord, ...]:
        """All that was measured, in the film's order."""
        return tuple(sorted((*self.keyframes, *self.between), key=lambda record: record.frame))

    def to_json(self) -> str:
        """Indented JSON, lists of numbers on one line; ``synthetic`` says that this is no recording of a person."""
        head = {"made_by": f"facsmith {__version__}", "synthetic": True}
        return _NUMBERS.sub(_on_one_line, json.dumps({**head, **asdict(self)}, indent=2)) + "\n"

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON file."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")


_NUMBERS = re.compile(r"\[\n[-+.\deE\s,]+\]")


def _on_one_line(numbers: re.Match[str]) -> str:
    return f"[{', '.join(numbers[0][1:-1].replace(',', ' ').split())}]"


def face_receipt_path(output: str | os.PathLike[str], face: int) -> Path:
    """Where the receipt of one of several faces lies: ``two.mp4.face1.json`` beside ``two.mp4``."""
    path = Path(output)
    return path.with_name(f"{path.name}.face{face}.json")


def receipt_path(output: str | os.PathLike[str]) -> Path:
    """Where a result's receipt lies: ``happy.mp4.json`` beside ``happy.mp4``."""
    path = Path(output)
    return path.with_name(f"{path.name}.json")


def named(action_units: ActionUnits, *, always: Collection[int] = ()) -> dict[str, float]:
    """``{"AU12": 0.6}``, rounded to a thousandth; ``L12`` and ``R12`` where the sides differ by that much.

    Parameters
    ----------
    always
        AUs that are named even where they are 0.
    """
    account: dict[str, float] = {}
    left, right = (action_units.vector(side).round(3).tolist() for side in ("left", "right"))
    for au, of_left, of_right in zip(AUS, left, right, strict=True):
        if of_left != of_right:
            account |= {f"L{au}": of_left, f"R{au}": of_right}
        elif au in always or action_units.get(au, 0) > 0:
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
