"""The account of an edited film: what was asked of each frame and what is measured on it, and what stayed as it was."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facsmith import __version__
from facsmith._files import atomic_path, file_sha256
from facsmith._types import Array
from facsmith.footage.account import FrameAccounts
from facsmith.footage.face_plan import FacePlan
from facsmith.footage.follow import Sight
from facsmith.footage.step_fit import Steps
from facsmith.footage.survey import Survey
from facsmith.receipt.receipt import versions
from facsmith.video import Footage

__all__ = ["FilmReceipt", "film_receipt"]


_NEAR: Final = 0.15
"""Intensity within which a frame's measured change is what was asked."""
_ASKED: Final = 0.05
"""A frame counts as changed in an AU from this change on."""


@dataclass(frozen=True)
class FilmReceipt:
    """What was asked of a film and what is measured on it.

    Parameters
    ----------
    film
        Its file's name, size, frames, rate, where the face is (``face_box``), and what it holds besides pictures.
    model
        Which networks drew.
    settings
        Of `FilmOptions`.
    change
        What was asked (`FilmChange.to_json`).
    neutral
        Which frames count as the person at rest, and from which intensity on each AU counts.
    steps
        longer: AU -> by what its step was longer on this face. held: AU -> others that would have moved along, with
        the steps that held them back.
    summary
        The film in numbers: see `film_receipt`.
    aus
        AU -> asked, measured, near (of the AUs asked); or moved, of the AUs that were not.
    left_alone
        Stretches of frames that are the film's own: from, to (seconds), frames, why.
    frames
        Frame by frame: seconds, and AU -> asked and measured change, of the AUs asked; identity; flicker before, after.
    notes
        What the user should know.
    timings
        Seconds.
    """

    film: Mapping[str, Any]
    model: Mapping[str, Any]
    settings: Mapping[str, Any]
    change: Mapping[str, Any]
    neutral: Mapping[str, Any]
    steps: Mapping[str, Mapping[str, Any]]
    summary: Mapping[str, float | int | None]
    aus: Mapping[str, Mapping[str, float | None]]
    left_alone: tuple[Mapping[str, Any], ...]
    frames: Mapping[str, Any]
    notes: tuple[str, ...]
    timings: Mapping[str, float]
    versions: Mapping[str, str] = field(default_factory=lambda: versions())

    def to_json(self) -> str:
        """One JSON object; ``synthetic`` says that this is no recording as it was."""
        head = {"made_by": f"facsmith {__version__}", "synthetic": True}
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in {**head, **asdict(self)}.items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON file."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")


def film_receipt(
    *,
    footage: Footage,
    plan: FacePlan,
    settings: Mapping[str, Any],
    steps: Steps,
    accounts: FrameAccounts,
    model: Mapping[str, Any],
    timings: Mapping[str, float],
) -> FilmReceipt:
    """Sum up what was measured.

    summary: frames; edited, how many changed; left_alone; near, the share of changed frames on which every AU asked is
    measured within .15 of what was asked; off, the mean difference there; leak, the mean change of AUs that were not
    asked, over AUs and changed frames; identity and lowest_identity, cosines of a frame before and after; flicker, the
    flicker inside the face of changed frames by the film's own; outside, the largest difference outside the face.
    """
    survey, neutral, change = plan.survey, plan.neutral, plan.change
    measured = accounts.after - accounts.before
    everything = change.performance is not None
    columns = [k for k, au in enumerate(neutral.aus) if everything or au in change.aus]
    changed = np.abs(accounts.asked).max(axis=1, initial=0) >= _ASKED
    known = changed & np.isfinite(measured).all(axis=1)
    off = np.abs(measured - accounts.asked)
    others = [k for k in range(len(neutral.aus)) if k not in columns]
    flicker = np.isfinite(accounts.flicker_before) & changed
    left = ~survey.seen
    edited = int(changed.sum())
    return FilmReceipt(
        film={
            "name": footage.path.name,
            "sha256": file_sha256(footage.path),
            "width": footage.width,
            "height": footage.height,
            "frames": len(survey),
            "seconds": round(float(survey.seconds[-1]), 3),
            "rate": round(float(footage.rate), 3),
            "pixel_format": footage.pixel_format,
            "hdr": footage.hdr,
            "face_box": _face_box(survey, footage),
            "tracks": [f"{codec} ({kind})" for kind, codec in footage.tracks],
        },
        model=model,
        settings=settings,
        change=change.to_json(),
        neutral={
            "frames": neutral.still.tolist(),
            "counts_from": {f"AU{au}": _rounded(n) for au, n in zip(neutral.aus, neutral.noise, strict=True)},
        },
        steps={
            "longer": {f"AU{au}": by for au, by in steps.longer.items()},
            "held": {f"AU{au}": {f"AU{o}": by for o, by in each.items()} for au, each in steps.held.items()},
        },
        summary={
            "frames": len(survey),
            "edited": edited,
            "left_alone": int(left.sum()),
            "near": _mean(np.all(off[:, columns] <= _NEAR, axis=1)[known]) if columns else None,
            "off": _mean(off[:, columns][known]) if columns else None,
            "leak": _mean(np.abs(measured[:, others])[known]),
            "identity": _mean(accounts.identity[np.isfinite(accounts.identity)]),
            "lowest_identity": _least(accounts.identity),
            "flicker": _ratio(accounts.flicker_after[flicker], accounts.flicker_before[flicker]),
            "outside": _rounded(accounts.outside.max(initial=0.0)),
        },
        aus={
            f"AU{au}": _of_au(accounts.asked[:, k], measured[:, k], known, asked_for=k in columns)
            for k, au in enumerate(neutral.aus)
        },
        left_alone=tuple(_stretches(survey)),
        frames={
            "seconds": _list(survey.seconds),
            **{
                f"AU{neutral.aus[k]}": {"asked": _list(accounts.asked[:, k]), "measured": _list(measured[:, k])}
                for k in columns
            },
            "identity": _list(accounts.identity),
            "flicker_before": _list(accounts.flicker_before),
            "flicker_after": _list(accounts.flicker_after),
        },
        notes=tuple(_notes(footage, plan, edited)),
        timings=timings,
    )


def _face_box(survey: Survey, footage: Footage) -> list[int]:
    """Left, top, right, bottom: where the face is to be seen over the film, with some room around it."""
    points = survey.landmarks[survey.seen].reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.3 * (high - low).max()
    left, top = np.maximum(low - room, 0).astype(int).tolist()
    right, bottom = np.minimum(high + room, [footage.width, footage.height]).astype(int).tolist()
    return [left, top, right, bottom]


def _of_au(asked: Array, measured: Array, known: npt.NDArray[np.bool_], *, asked_for: bool) -> dict[str, float | None]:
    if not asked_for:
        return {"moved": _mean(measured[known]), "moved_at_most": _most(np.abs(measured[known]))}
    frames = known & (np.abs(asked) >= _ASKED)
    return {
        "asked": _mean(asked[frames]),
        "measured": _mean(measured[frames]),
        "near": _mean(np.abs(measured - asked)[frames] <= _NEAR),
    }


def _stretches(survey: Survey) -> list[dict[str, Any]]:
    """Unbroken runs of frames in which the face is not seen, for one reason."""
    found: list[dict[str, Any]] = []
    for t in np.flatnonzero(~survey.seen).tolist():
        why = Sight(int(survey.sight[t])).reason
        if found and found[-1]["last"] == t - 1 and found[-1]["why"] == why:
            found[-1]["last"] = t
        else:
            found.append({"first": t, "last": t, "why": why})
    return [
        {
            "from": _rounded(survey.seconds[each["first"]]),
            "to": _rounded(survey.seconds[each["last"]]),
            "frames": each["last"] - each["first"] + 1,
            "why": each["why"],
        }
        for each in found
    ]


def _notes(footage: Footage, plan: FacePlan, edited: int) -> list[str]:
    survey, neutral, change = plan.survey, plan.neutral, plan.change
    notes: list[str] = []
    lost = int((~survey.seen).sum())
    if lost:
        notes.append(f"On {lost} of {len(survey)} frames the face was not to be seen: they are the film's own.")
    if edited == 0:
        notes.append("Nothing changed: the face shows nothing of what was to be lessened, or is never seen.")
    if footage.hdr is not None:
        notes.append(
            f"The film is HDR ({footage.hdr}): its depth and tags are kept, and its pixels outside the face; the face "
            "was read and edited tone-mapped, in eight bits. Mastering data (HDR10) is not carried over."
        )
    unread = [f"AU{au}" for au in change.aus if au not in neutral.aus]
    if unread:
        notes.append(f"{', '.join(unread)}: not measured here, taken as not shown before.")
    if neutral.readout is None:
        notes.append("AUs were read by landmarks alone: install facsmith[lab] for human coders' reading.")
    return notes


def _mean(values: npt.NDArray[Any]) -> float | None:
    return _rounded(np.mean(values)) if values.size else None


def _most(values: Array) -> float | None:
    return _rounded(values.max()) if values.size else None


def _least(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return _rounded(known.min()) if known.size else None


def _ratio(after: Array, before: Array) -> float | None:
    return _rounded(after.sum() / before.sum()) if before.size and before.sum() > 0 else None


def _rounded(value: Any) -> float:
    return round(float(value), 3)


def _list(values: Array) -> list[float | None]:
    return [_rounded(v) if np.isfinite(v) else None for v in values]
