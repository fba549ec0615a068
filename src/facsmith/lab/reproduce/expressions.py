"""Faces that move: the paper's Fig. 1, 9 and 10."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from facsmith._types import Array, Image
from facsmith.face import crop_transform
from facsmith.facs import AU_NAMES, DISFA, EMOTIONS, ActionUnits, au_list
from facsmith.lab.evaluate.faces import JudgedFace
from facsmith.lab.reproduce.bench import Bench, described
from facsmith.lab.reproduce.boards import board, photographic
from facsmith.lab.reproduce.filming import filming
from facsmith.lab.reproduce.methods import DEFAULT, Method
from facsmith.lab.reproduce.parts import Section, Table
from facsmith.lab.reproduce.store import Pieces

__all__ = ["expressions"]

_Drawn = TypeVar("_Drawn")

_SIDE: Final = 144
_LEVELS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_STEPS: Final = 7
_ACTION_UNIT_FACES: Final = 2


def expressions(bench: Bench) -> list[Section]:
    """Fig. 9, 1 and 10."""
    own = bench.networks.boundaries
    film = Method(DEFAULT, "facsmith", "", own)
    crop = Method("crop", "compositing", "", own, "crop")
    return [_figure9(bench, film), _figure1(bench, film, crop), _figure10(bench, film)]


@dataclass(frozen=True)
class _Strip:
    """The face's frames (T, side, side, 3) of a method, and the photo in the same framing."""

    photo: Image
    frames: Image


def _strip(bench: Bench, method: Method, face: JudgedFace, asked: Array) -> _Strip:
    """asked: (T, 2, 12), of the person's left and right side."""

    def draw() -> Pieces:
        films = filming(bench, method, face)
        window = crop_transform(films.found.landmarks, _SIDE)
        frames = [window.crop(films.render(films.photo, row)) for row in asked]
        return {"photo": window.crop(films.photo), "frames": np.stack(frames)}

    settings = {
        "face": described(face),
        "method": method.settings,
        "settle": bench.plan.settle,
        "asked": asked.tolist(),
        "side": _SIDE,
    }
    piece = bench.piece("strip", settings, draw)
    return _Strip(piece["photo"], piece["frames"])


def _figure9(bench: Bench, film: Method) -> Section:
    ramp = np.concatenate([level * np.eye(len(DISFA)) for level in _LEVELS[1:]])
    asked = _both(np.concatenate([np.zeros((1, len(DISFA))), ramp]))
    faces = bench.faces[:_ACTION_UNIT_FACES]
    strips = _drawn(bench, "Fig. 9", faces, lambda face: _strip(bench, film, face, asked))
    rows: list[list[Image | None]] = []
    for k in range(len(DISFA)):
        row: list[Image | None] = []
        for strip in strips:
            row += [strip.frames[0], *(strip.frames[1 + k + len(DISFA) * n] for n in range(len(_LEVELS) - 1))]
        rows.append(row)
    names = [f"AU{au}\n" + AU_NAMES[au].replace(" ", "\n") for au in DISFA]
    above = [f"{face.name}: 0" if level == 0 else f"{level:g}" for face in faces for level in _LEVELS]
    shown = board(rows, names=names, above=above, cell=_SIDE, margin=96)
    caption = (
        f"Fig. 9: every AU alone at intensities {', '.join(f'{e:g}' for e in _LEVELS)} (above), on "
        f"{' and '.join(face.name for face in faces)}; {_how(bench, film)}"
    )
    return Section(
        "fig9",
        "Fig. 9: Action Units, interpolated",
        "AU4, AU5, AU6, AU12 and AU25, each at growing intensities; here all twelve.",
        text=("0 is the person's neutral face: what the photo itself shows is taken back first.",),
        figures=[photographic("fig9", shown, caption)],
    )


def _figure1(bench: Bench, film: Method, crop: Method) -> Section:
    happy = EMOTIONS["happiness"].action_units.vector(aus=DISFA)
    asked = _both(np.linspace(0, 1, _STEPS)[:, None] * happy)
    faces = bench.faces[: bench.plan.portraits]

    def both(face: JudgedFace) -> tuple[_Strip, _Strip]:
        return _strip(bench, film, face, asked), _strip(bench, crop, face, asked)

    rows: list[list[Image | None]] = []
    names: list[str] = []
    for face, strips in zip(faces, _drawn(bench, "Fig. 1", faces, both), strict=True):
        for strip, name in zip(strips, ("in the photo", "generator alone"), strict=True):
            rows.append([strip.photo, *strip.frames])
            names.append(f"{face.name}\n{name}")
    above = ["photo", *(f"{share:.2g}" for share in np.linspace(0, 1, _STEPS))]
    caption = (
        f"Fig. 1: from neutral (0) to happiness (1, AU6+12+25), {len(faces)} faces. First row of each: "
        f"{_how(bench, film)} Second row: the generator's own picture, as in the paper."
    )
    return Section(
        "fig1",
        "Fig. 1: from neutral to happy",
        "A continuous film from a neutral to a happy face.",
        figures=[photographic("fig1", board(rows, names=names, above=above, cell=_SIDE, margin=124), caption)],
    )


def _figure10(bench: Bench, film: Method) -> Section:
    moods = list(EMOTIONS.values())
    asked = np.stack([_sides(mood.action_units) for mood in moods])
    faces = bench.faces[: bench.plan.portraits]
    strips = _drawn(bench, "Fig. 10", faces, lambda face: _strip(bench, film, face, asked))
    rows: list[list[Image | None]] = [[strip.photo, *strip.frames] for strip in strips]
    above = ["photo", *(mood.name for mood in moods)]
    shown = board(rows, names=[face.name for face in faces], above=above, cell=_SIDE, margin=96)
    caption = f"Fig. 10: emotions as combinations of AUs at full intensity, {len(faces)} faces; {_how(bench, film)}"
    recipes = tuple((mood.name, str(mood.action_units), mood.source, _left_out(mood.action_units)) for mood in moods)
    return Section(
        "fig10",
        "Fig. 10: emotions from Action Units",
        "Happiness and other emotions, made of AU vectors.",
        figures=[photographic("fig10", shown, caption)],
        tables=[
            Table("fig10-emotions", ("emotion", "AUs", "source", "note"), recipes, "What each emotion is made of.")
        ],
    )


def _drawn(bench: Bench, stage: str, faces: Sequence[JudgedFace], draw: Callable[[JudgedFace], _Drawn]) -> list[_Drawn]:
    found: list[_Drawn] = []
    for done, face in enumerate(faces, 1):
        found.append(draw(face))
        bench.progress(stage, done, len(faces))
    return found


def _how(bench: Bench, film: Method) -> str:
    return f"model {bench.networks.name}, {film.mode} into the photo, {bench.plan.settle} iterations of inversion."


def _both(asked: Array) -> Array:
    """(T, 12) -> (T, 2, 12), the same on both sides."""
    return np.repeat(asked[:, None], 2, axis=1)


def _left_out(units: ActionUnits) -> str:
    """What of it the paper's twelve AUs do not show."""
    further = [au for au in units if au not in DISFA]
    return f"shown here without {au_list(further)}, which the paper has not" if further else ""


def _sides(units: ActionUnits) -> Array:
    """(2, 12)."""
    return np.stack([units.vector("left", aus=DISFA), units.vector("right", aus=DISFA)])
