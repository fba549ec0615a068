"""The parts of a receipt: of the photo, of the inversion, and the figures that sum a film up."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from facsmith._types import Array
from facsmith.facs import AUS, DISFA, ActionUnits
from facsmith.receipt.frame_stats import FrameStats
from facsmith.receipt.receipt import Curves, KeyframeRecord, Leakage, named
from facsmith.subject import Subject

__all__ = ["ASKED", "curves", "inversion", "leakage", "measured_frames", "photo", "summary", "tuning", "unmeasured"]

ASKED: Final = 0.05
"""An AU counts as asked from this intensity on."""
_FEWEST, _MOST, _EVERY = 16, 48, 16


def measured_frames(count: int, keyframes: Iterable[int]) -> tuple[int, ...]:
    """Which of ``count`` frames are measured: the key frames, and others between them, evenly spread.

    About sixteen, of long films one in sixteen, 48 at most: measuring costs less than rendering.
    """
    keys = set(keyframes)
    wanted = int(np.clip(count // _EVERY, _FEWEST, _MOST))
    spread = np.linspace(0, count - 1, max(2, wanted - len(keys) + 2)).round().astype(int)
    return tuple(sorted(keys | set(spread.tolist())))


def photo(subject: Subject) -> dict[str, Any]:
    """Which picture, and which face of it."""
    height, width = subject.photo.shape[:2]
    account: dict[str, Any] = {
        "name": subject.name,
        "sha256": subject.sha256,
        "width": width,
        "height": height,
        "faces": subject.faces,
        "face": subject.face_index,
    }
    if subject.face is not None:
        account |= {
            "box": [round(float(v), 1) for v in subject.face.box],
            "provider": subject.face.provider,
            "yaw_degrees": round(float(subject.face.yaw_degrees), 1),
        }
    return account


def inversion(subject: Subject) -> dict[str, Any] | None:
    """How the latent was found; None where it was given."""
    found = subject.inversion
    if found is None:
        return None
    return {
        "start": found.start,
        "iterations": found.iterations[0],
        "stopped": found.stopped[0],
        "loss_at_start": found.trace[0][0],
        "loss": found.loss[0],
    }


def tuning(subject: Subject) -> dict[str, Any] | None:
    """How the generator was tuned to the face; where that was done now, also its seconds and what each of them gained:
    by how much the perceptual distance fell and the cosine of identity rose. None where it was not tuned.
    """
    if subject.tuned is None:
        return None
    report, seconds = dict(subject.tuned.report), subject.timings.get("tuning", 0.0)
    if seconds <= 0 or "likeness" not in report:
        return report
    alike = report["likeness"]
    gained = {"perceptual": alike["perceptual"][0] - alike["perceptual"][1]}
    gained["identity"] = alike["identity"][1] - alike["identity"][0]
    return {**report, "seconds": seconds, "gained_per_second": {k: round(g / seconds, 5) for k, g in gained.items()}}


def curves(sides: Array, stats: FrameStats, *, fps: float) -> Curves:
    """What was asked for and what was seen, frame by frame.

    Parameters
    ----------
    sides
        (T, 2, K), what the person's left and right side shall show.
    fps
        Frames a second; of a single picture it means nothing: 1.
    """
    asked: dict[str, tuple[float, ...]] = {}
    for k, au in enumerate(AUS):
        left, right = (tuple(sides[:, side, k].round(3).tolist()) for side in (0, 1))
        if left == right and any(left):
            asked[f"AU{au}"] = left
        elif left != right:
            asked |= {f"L{au}": left, f"R{au}": right}
    background, flicker = (tuple(round(v, 3) for v in values) for values in (stats.background, stats.flicker))
    return Curves(fps=float(fps) if len(sides) > 1 else 1.0, asked=asked, background=background, flicker=flicker)


def leakage(keyframes: Sequence[KeyframeRecord], asked: Sequence[ActionUnits]) -> tuple[Leakage, ...]:
    """One row for each pose among the key frames.

    Parameters
    ----------
    asked
        What the face shall show at each key frame.
    """
    rows: dict[tuple[tuple[str, float], ...], Leakage] = {}
    for record, shall in zip(keyframes, asked, strict=True):
        pose = {name: e for name, e in named(shall).items() if e >= ASKED}
        if record.measured is not None:
            key = tuple((name, round(e, 1)) for name, e in pose.items())
            rows.setdefault(key, Leakage(tuple(pose), record.seconds, excess(record.measured, shall)))
    return tuple(rows.values())


def excess(measured: Mapping[str, float], shall: ActionUnits) -> dict[str, float]:
    """The AUs that are measured -> measured less asked; of two sides, the one that is farther off."""
    found: dict[str, float] = {}
    wanted = named(shall, always=DISFA)
    for au in DISFA:
        both = measured.get(f"AU{au}", 0.0), wanted.get(f"AU{au}", 0.0)
        off = [measured.get(f"{s}{au}", both[0]) - wanted.get(f"{s}{au}", both[1]) for s in "LR"]
        found[f"AU{au}"] = round(max(off, key=abs), 3)
    return found


def summary(
    moments: Sequence[KeyframeRecord], asked: Sequence[ActionUnits], stats: FrameStats
) -> dict[str, float | None]:
    """The film in eight numbers, None where there is nothing to measure.

    off: mean |measured - asked| of the AUs asked at a moment, and leak: the mean measured of those that are not, over
    all moments, without AUs that cannot be told on this face. identity, lowest_identity: cosines. background,
    largest_background: mean, and at the worst pixel of all frames. flicker, largest_flicker: mean, and of the worst
    frame.
    """
    off: list[float] = []
    leak: list[float] = []
    for record, shall in zip(moments, asked, strict=True):
        for name, more in excess(record.measured or {}, shall).items():
            if record.measured is not None and name not in record.unsure:
                (off if shall.get(int(name[2:]), 0.0) >= ASKED else leak).append(abs(more))
    identities = [record.identity for record in moments if record.identity is not None]
    return {
        "off": _mean(off),
        "leak": _mean(leak),
        "identity": _mean(identities),
        "lowest_identity": min(identities, default=None),
        "background": _mean(stats.background),
        "largest_background": stats.largest_background if stats.background else None,
        "flicker": _mean(stats.flicker),
        "largest_flicker": round(max(stats.flicker), 3) if stats.flicker else None,
    }


def unmeasured(moments: Sequence[KeyframeRecord]) -> list[str]:
    """What is to be said where no landmarks were found."""
    missing = sum(record.measured is None for record in moments)
    return (
        [f"No landmarks were found on {missing} of the {len(moments)} frames looked at: not measured."]
        if missing
        else []
    )


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None
