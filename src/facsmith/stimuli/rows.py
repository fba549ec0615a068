"""What a battery's tables say of its stimuli, row by row, and of how the set was made."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facsmith._files import file_sha256
from facsmith._types import Pixels
from facsmith.errors import NoFaceError
from facsmith.facs import AUS, DISFA, ActionUnits
from facsmith.options import AnimateOptions
from facsmith.receipt import Receipt, versions
from facsmith.stimuli.design import Design
from facsmith.stimuli.eyes import read_eyes, track_eyes
from facsmith.stimuli.files import Written
from facsmith.stimuli.luminance import light_of
from facsmith.stimuli.norms import Norms
from facsmith.stimuli.stills import Follow, Person, PlacedStill

__all__ = ["Rows", "settings", "told"]


class Rows:
    """Makes the rows of one battery; pictures of a person come in the order of conditions, the neutral face first.

    Parameters
    ----------
    folder
        Where the files lie.
    asked
        The design's AUs, as columns.
    follow
        Reads the face in a picture.
    """

    def __init__(self, folder: Path, asked: Sequence[str], options: AnimateOptions, follow: Follow) -> None:
        self._folder, self._asked, self._options, self._follow = folder, asked, options, follow
        self._neutral: dict[str, tuple[Pixels, npt.NDArray[np.float64]]] = {}  # finished pictures and their eyes
        self._seen: dict[str, npt.NDArray[np.float64]] = {}  # eyes of the picture before, for its mirrored twin

    def of_file(self, written: Written, kind: str, still: PlacedStill) -> dict[str, Any]:
        """Its row of the manifest. kind: ``still`` or ``film``."""
        condition = still.condition.mirrored if written.mirror else still.condition
        asked = condition.action_units
        left, right = (asked.vector(side).tolist() for side in ("left", "right"))
        return {
            "stimulus": written.name,
            "kind": kind,
            "photo": still.person.photo.name,
            "condition": condition.name,
            "mirror": int(written.mirror),
            **{f"AU{au:02d}": max(a, b) for au, a, b in zip(AUS, left, right, strict=True)},
            "side": _side(asked),
            "frames": written.frames,
            "seconds": round(written.seconds, 6),
            "fps": self._options.fps if kind == "film" else "",
            "width": written.size[0],
            "height": written.size[1],
            "seed": self._options.inversion.seed,
            "frames_folder": written.frames_folder,
            "sha256": file_sha256(self._folder / written.name),
        }

    def of_picture(self, name: str, still: PlacedStill, shown: Pixels, mirror: bool) -> dict[str, Any]:
        """What the finished picture shows, beside what was asked. shown: (h, w, 3 or 4)."""
        condition = still.condition.mirrored if mirror else still.condition
        pixels, inside = np.ascontiguousarray(shown[..., :3]), still.frame.opacity >= 1
        if mirror:
            inside = inside[:, ::-1]
        light = light_of(pixels, inside)
        asked = condition.action_units
        both = np.maximum(asked.vector("left"), asked.vector("right"))
        read = still.told["measured"]
        return {
            "stimulus": name,
            "photo": still.person.photo.name,
            "condition": condition.name,
            "mirror": int(mirror),
            **{f"asked_{column}": round(float(both[AUS.index(int(column[2:]))]), 4) for column in self._asked},
            **{f"measured_AU{au:02d}": "" if read is None else round(read[au], 4) for au in DISFA},
            "unsure": " ".join(still.told["unsure"]),
            "identity": "" if still.told["identity"] is None else still.told["identity"],
            **self._eyes(still, pixels, mirror),
            "luminance": round(light.level, 3),
            "contrast": round(light.contrast, 4),
            "clipped": round(float(((pixels == 0) | (pixels == 255))[inside].any(axis=-1).mean()), 5),
            "beyond": round(still.frame.beyond(still.drawn.shape), 5),
        }

    def _eyes(self, still: PlacedStill, pixels: Pixels, mirror: bool) -> dict[str, float | str]:
        """Of the neutral face as a landmarker finds them, of others as they lie beside that."""
        columns = ("left_eye_x", "left_eye_y", "right_eye_x", "right_eye_y")
        found: npt.NDArray[np.float64] | None = None
        if mirror:
            found = self._seen.get(still.person.name)
        elif still.condition.shown:
            known = self._neutral.get(still.person.name)
            found = None if known is None else track_eyes(pixels, *known)
        else:
            try:
                found = read_eyes(pixels, still.face(pixels.shape[1], mirror=False), self._follow)
                self._neutral[still.person.name] = pixels, found
            except NoFaceError:
                found = None
        if found is None:
            self._seen.pop(still.person.name, None)
            return dict.fromkeys(columns, "")
        if mirror:
            found = (found * [-1, 1] + [pixels.shape[1] - 1, 0])[::-1]
        else:
            self._seen[still.person.name] = found
        return dict(zip(columns, np.round(found, 3).ravel().tolist(), strict=True))


def settings(
    model: Mapping[str, Any],
    design: Design,
    norms: Norms,
    options: AnimateOptions,
    *,
    people: Sequence[Person],
    skipped: Mapping[str, str],
    light: Mapping[str, float],
) -> dict[str, Any]:
    """How the set was made."""
    ovals = {person.name: asdict(person.frame.oval) for person in people}
    return {
        "design": asdict(design),
        "norms": {**asdict(norms), "eyes": norms.eyes if norms.align else None},
        "luminance": dict(light) or None,
        "ovals": ovals,
        "options": asdict(options),
        "model": {name: model[name] for name in ("name", "generator_id")},
        "photos": {p.photo.name: file_sha256(p.photo) for p in people},
        "skipped": dict(skipped),
        "versions": versions(),
    }


def told(receipt: Receipt) -> dict[str, Any]:
    """The one moment of a picture's receipt."""
    (record,) = receipt.keyframes
    shown: dict[int, float] | None = None
    if record.measured is not None:
        read = [(int(name.lstrip("AULR")), e) for name, e in record.measured.items()]
        shown = {au: max((e for other, e in read if other == au), default=0.0) for au in DISFA}
    return {"measured": shown, "unsure": record.unsure, "identity": record.identity}


def _side(asked: ActionUnits) -> str:
    if asked.is_symmetric:
        return "both"
    return "mixed" if asked.left and asked.right else "left" if asked.left else "right"
