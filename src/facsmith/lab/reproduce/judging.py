"""What the paper did not measure: every method's films, read as Action Units, compared with the photo, and timed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from facsmith._types import Array, Image
from facsmith.errors import NoFaceError
from facsmith.facs import DISFA, EMOTIONS
from facsmith.lab.evaluate.check import LEVELS
from facsmith.lab.evaluate.control import Control, mixed_expressions, read_control
from facsmith.lab.evaluate.faces import JudgedFace
from facsmith.lab.evaluate.reconstruction import evaluation_descriptor, likeness
from facsmith.lab.reproduce.bench import Bench, described
from facsmith.lab.reproduce.filming import Filming, filming
from facsmith.lab.reproduce.methods import Method
from facsmith.lab.reproduce.store import Pieces

__all__ = ["Judged", "judged"]


_CONTROL: Final = ("visible", "shares", "flow", "measured", "asked", "mixed")
_TOGETHER: Final = 4
_RAMP: Final = 13  # frames from neutral to happiness, half a second


@dataclass(frozen=True, eq=False)
class Judged:
    """How one method did on one face.

    Parameters
    ----------
    lpips, identity, identity_distance
        (12,), each of the frame with one AU at 1 against the photo.
    flicker
        In grey levels, see `_flicker`.
    seconds
        Seconds per frame, the median.
    """

    face: str
    control: Control
    lpips: Array
    identity: Array
    identity_distance: Array
    flicker: float
    seconds: float


def judged(bench: Bench, methods: Sequence[Method]) -> dict[str, list[Judged]]:
    """By method, of every judged face on which its films could be read."""
    plan = bench.plan
    faces = bench.faces[: plan.judged]
    found: dict[str, list[Judged]] = {method.key: [] for method in methods}
    done, total = 0, len(faces) * len(methods)
    for number, face in enumerate(faces):
        mixed = _mixed(bench, number)
        for method in methods:
            one = _judged(bench, method, face, mixed)
            if one is not None:
                found[method.key].append(one)
            done += 1
            bench.progress("films judged", done, total)
    return found


def _mixed(bench: Bench, number: int) -> Array:
    """(expressions, 12) of that face: those of four faces are drawn together, the more the less they are correlated."""
    plan = bench.plan
    group, place = divmod(number, _TOGETHER)
    drawn = mixed_expressions(np.random.default_rng(plan.seed + group), plan.expressions * _TOGETHER)
    return drawn[plan.expressions * place : plan.expressions * (place + 1)]


def _judged(bench: Bench, method: Method, face: JudgedFace, mixed: Array) -> Judged | None:
    settings = {
        "face": described(face),
        "method": method.settings,
        "settle": bench.plan.settle,
        "mixed": np.round(mixed, 6).tolist(),
        "seen by": evaluation_descriptor(bench.networks).name,
    }
    piece = bench.piece("films", settings, lambda: _read(bench, filming(bench, method, face), mixed))
    if not piece["seen"][0]:
        return None
    control = Control(**{key: piece[key] for key in _CONTROL})
    alike = {key: piece[key] for key in ("lpips", "identity", "identity_distance")}
    return Judged(face.name, control, flicker=float(piece["flicker"][0]), seconds=float(piece["seconds"][0]), **alike)


def _read(bench: Bench, films: Filming, mixed: Array) -> Pieces:
    watched = _Watched(films)
    try:
        control = read_control(watched, films.photo, films.found, mixed)
    except NoFaceError:
        return {"seen": np.array(0)}
    judge_descriptor = evaluation_descriptor(bench.networks)
    own = films.crop(films.photo)
    points = films.found.landmarks if films.transform is None else films.transform.to_crop(films.found.landmarks)
    photo = JudgedFace("", films.photo, own, points)
    alike = [likeness("", [photo], films.crop(watched.full[au])[None], judge_descriptor) for au in DISFA]
    return {
        "seen": np.array(1),
        **{key: getattr(control, key) for key in _CONTROL},
        **{key: np.array([getattr(one, key) for one in alike]) for key in ("lpips", "identity", "identity_distance")},
        "flicker": np.array(_flicker(films)),
        "seconds": np.array(np.median(watched.seconds)),
    }


@dataclass
class _Watched:
    """A `Render` that keeps the frames of one AU at 1, and how long each frame took."""

    films: Filming
    full: dict[int, Image] = field(default_factory=dict[int, Image])
    seconds: list[float] = field(default_factory=list[float])

    def __call__(self, photo: Image, intensities: Array) -> Image:
        began = time.process_time()
        frame = self.films.render(photo, intensities)
        self.seconds.append(time.process_time() - began)
        active = np.flatnonzero(intensities)
        if len(active) == 1 and intensities[active[0]] == LEVELS[-1]:
            self.full.setdefault(DISFA[int(active[0])], frame)
        return frame


def _flicker(films: Filming) -> float:
    """Mean |second difference over time| of the face's pixels, in grey levels, on a linear ramp from neutral to
    happiness: what jumps back and forth. Texture that moves evenly has some, too: compare with the muscles' warp."""
    happy = EMOTIONS["happiness"].action_units.vector(aus=DISFA)
    shares = np.linspace(0, 1, _RAMP)
    ramp = np.stack([films.crop(films.render(films.photo, share * happy)) for share in shares]).astype(np.float32)
    return float(np.abs(np.diff(ramp.mean(axis=3), n=2, axis=0)).mean())
