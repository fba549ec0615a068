"""What shall change in a film: AUs by a difference, by a factor, or to a value, over all of it or a part.

Conventions: sides are the person's own left and right, AUs in the order of `facs.AUS`; seconds count from the film's
first picture.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite, isnan
from typing import Any, Final, Literal, get_args

import numpy as np

from facsmith._types import Array
from facsmith.errors import ActionUnitError, TimelineError
from facsmith.facs import AUS, EYE_AUS, INTENSITY_LETTERS, UNSIDED, ActionUnits, au_list, playable
from facsmith.timeline import Timeline, ease

__all__ = ["FADE", "FilmChange", "Law", "read_changes"]

Law = Literal["relative", "gain", "absolute"]
"""relative: added to what the face shows. gain: what it shows, times this. absolute: shown instead."""
Asked = Mapping[tuple[str, int], float]
"""(``"L"`` or ``"R"``, AU) -> a number of the law."""

FADE: Final = 0.3
"""Seconds in which a change comes and goes at the ends of its part of the film."""
_RANGE: Final[dict[Law, tuple[float, float]]] = {"relative": (-1.0, 1.0), "gain": (0.0, 3.0), "absolute": (0.0, 1.0)}
_EXAMPLE: Final[dict[Law, str]] = {
    "relative": "AU12=-0.4,AU4=+0.2",
    "gain": "AU12=0.5",
    "absolute": "AU6=0,R12=C",
}
_ENTRY: Final = re.compile(r"([LR])?(?:AU)?(\d{1,3})=([+-]?)(\d*\.?\d+|[A-E])", re.IGNORECASE)


def read_changes(text: str, law: Law) -> Asked:
    """``AU12=-0.4,L4=+B`` as numbers of a law.

    Raises
    ------
    ActionUnitError
        No such AU, a number outside the law's range, or text that says none.
    """
    found: dict[tuple[str, int], float] = {}
    words = [word for word in re.split(r"[\s,;]+", re.sub(r"\s*=\s*", "=", text)) if word]
    low, high = _RANGE[law]
    for word in words:
        match = _ENTRY.fullmatch(word)
        if match is None:
            raise ActionUnitError(f"{word[:40]!r} is no change of an Action Unit; write for example {_EXAMPLE[law]}.")
        side, number, sign, said = match.groups()
        au = playable(int(number))
        value = INTENSITY_LETTERS.get(said.upper()) or float(said)
        value = -value if sign == "-" else value
        if not low <= value <= high:
            raise ActionUnitError(f"AU{au}={value:g} as a {law} change; allowed: {low:g} to {high:g}.")
        if side and au in UNSIDED:
            raise ActionUnitError(f"AU{au} has no sides in FACS. Give AU{au} for both at once.")
        for one in (side.upper(),) if side else ("L", "R"):
            if (one, au) in found:
                raise ActionUnitError(f"AU{au} is given twice in {text[:60]!r}. Keep one, or give L{au} and R{au}.")
            found[one, au] = value
    if not found:
        raise ActionUnitError(f"No Action Unit in {text[:60]!r}; write for example {_EXAMPLE[law]}.")
    return found


def _nothing() -> Asked:
    return {}


@dataclass(frozen=True)
class FilmChange:
    """What shall change, and when.

    Parameters
    ----------
    relative, gain, absolute
        (side, AU) -> number, as `read_changes` reads them.
    timeline
        Values that its AUs shall have over the film, as ``absolute`` ones that change.
    performance
        All that the face shall show, instead of everything that it shows: AUs of which it says nothing rest. Eyes that
        close in the film close. Nothing else is given beside it.
    begin, end
        Seconds between which the change holds; an end of None is the film's.
    fade
        Seconds in which it comes and goes there; not at the film's own ends.

    Raises
    ------
    ActionUnitError
        One AU is asked for in two ways, or eyes by less than they show.
    TimelineError
        An end before its beginning.
    """

    relative: Asked = field(default_factory=_nothing)
    gain: Asked = field(default_factory=_nothing)
    absolute: Asked = field(default_factory=_nothing)
    timeline: Timeline | None = None
    performance: Timeline | None = None
    begin: float = 0.0
    end: float | None = None
    fade: float = FADE

    def __post_init__(self) -> None:
        asked = [set(getattr(self, law)) for law in get_args(Law)]
        asked.append({(side, au) for au in self._timed for side in "LR"})
        twice = [key for k, keys in enumerate(asked) for other in asked[k + 1 :] for key in keys & other]
        if twice:
            raise ActionUnitError(f"AU{twice[0][1]} is asked for in two ways; keep one of them.")
        if self.performance is not None and any(asked):
            raise ActionUnitError("A performance is all that a face shows; leave out relative, gain and absolute.")
        if self.performance is None and not any(asked):
            raise ActionUnitError(
                "Say what shall change: relative (AU12=-0.4), gain (AU12=0.5), absolute (AU6=0), or a timeline."
            )
        eyes = {au for (_, au), by in self.relative.items() if au in EYE_AUS and by < 0}
        eyes |= {au for _, au in self.gain if au in EYE_AUS}
        if eyes:
            raise ActionUnitError(
                f"{au_list(sorted(eyes))}: eyes that are closed or turned away cannot be opened or turned back here. "
                "Add to them (relative above 0) or set them."
            )
        numbers = (self.begin, self.fade, 0.0 if self.end is None else self.end)
        if not all(isfinite(x) and x >= 0 and not isnan(x) for x in numbers):
            raise TimelineError("A part of a film begins and ends at seconds of 0 or more.")
        if self.end is not None and self.end <= self.begin:
            raise TimelineError(f"A change from {self.begin:g} s to {self.end:g} s; the end comes after the beginning.")

    @classmethod
    def read(
        cls, *, relative: str | None = None, gain: str | None = None, absolute: str | None = None, **others: Any
    ) -> "FilmChange":
        """A change in words, as `read_changes` reads them; others: the other fields."""
        said: dict[Law, str | None] = {"relative": relative, "gain": gain, "absolute": absolute}
        return cls(**{law: read_changes(text, law) for law, text in said.items() if text is not None}, **others)

    @property
    def aus(self) -> tuple[int, ...]:
        """That are asked for, in FACS's order."""
        asked = {au for law in get_args(Law) for _, au in getattr(self, law)} | set(self._timed)
        asked |= set(_shown(self.performance))
        return tuple(au for au in AUS if au in asked)

    @property
    def read_aus(self) -> tuple[int, ...]:
        """Those whose change depends on what the face shows of them by nature: less of it, or a part of it."""
        asked = {au for (_, au), by in self.relative.items() if by < 0} | {au for _, au in self.gain}
        return tuple(au for au in AUS if au in asked)

    @property
    def _timed(self) -> tuple[int, ...]:
        return _shown(self.timeline)

    def weights(self, seconds: Array, *, last: float) -> Array:
        """(T,) in [0, 1]: how much of the change holds at these (T,) seconds of a film whose last frame is at
        ``last``."""
        end = inf if self.end is None or self.end >= last else self.end
        rise = (
            np.ones(len(seconds))
            if self.begin <= 0
            else ease((seconds - self.begin) / max(self.fade, 1e-9), "min-jerk")
        )
        fall = np.ones(len(seconds)) if end == inf else ease((end - seconds) / max(self.fade, 1e-9), "min-jerk")
        return np.minimum(rise, fall)

    def of(self, source: Array, seconds: Array, *, last: float) -> Array:
        """(T, 2, 28) by how much AUs change, on the person's left and right side.

        An AU never falls below 0, and rises above 1 only where it is above 1 already.

        Parameters
        ----------
        source
            (T, 28) what the face shows, >= 0.
        seconds
            (T,).
        last
            Of the film's last frame.
        """
        shown = np.repeat(source[:, None], 2, axis=1)
        target = shown.copy()
        most = np.maximum(shown, 1.0)
        for (side, au), by in self.relative.items():
            at = np.s_[:, "LR".index(side), AUS.index(au)]
            target[at] = np.clip(shown[at] + by, 0.0, most[at])
        for (side, au), times in self.gain.items():
            at = np.s_[:, "LR".index(side), AUS.index(au)]
            target[at] = np.clip(shown[at] * times, 0.0, most[at])
        for (side, au), value in self.absolute.items():
            target[:, "LR".index(side), AUS.index(au)] = value
        if self.timeline is not None and self._timed:
            columns = [AUS.index(au) for au in self._timed]
            target[:, :, columns] = self.timeline.sides(seconds - self.begin)[:, :, columns]
        if self.performance is not None:
            target = self.performance.sides(seconds - self.begin)
        return (target - shown) * self.weights(seconds, last=last)[:, None, None]

    def applied(self, shown: ActionUnits) -> ActionUnits:
        """What a photo that shows these AUs shall show."""
        before = np.stack([shown.vector("left"), shown.vector("right")])
        changes = [self.of(side[None], np.array([self.begin]), last=self.begin)[0, k] for k, side in enumerate(before)]
        target = np.clip(before + np.stack(changes), 0.0, 1.0)
        left, right = (dict(zip(AUS, side.tolist(), strict=True)) for side in target)
        return ActionUnits(left=left, right=right)

    def to_json(self) -> dict[str, object]:
        """What a receipt says was asked."""
        asked: dict[str, object] = {law: _named(getattr(self, law)) for law in get_args(Law) if getattr(self, law)}
        if self.timeline is not None:
            asked["timeline"] = [f"AU{au}" for au in self._timed]
        if self.performance is not None:
            asked["performance"] = [f"AU{au}" for au in self.aus]
        return {**asked, "from": self.begin, "to": self.end, "fade": self.fade}


def _shown(timeline: Timeline | None) -> tuple[int, ...]:
    """AUs that a timeline shows at some time."""
    if timeline is None:
        return ()
    most = timeline.sides(timeline.frame_times(25.0)).max(axis=(0, 1))
    return tuple(au for au, shown in zip(AUS, most, strict=True) if shown > 0)


def _named(asked: Asked) -> dict[str, float]:
    """``{"AU12": -0.4}``; ``L12`` and ``R12`` where the sides differ."""
    named: dict[str, float] = {}
    for (side, au), value in asked.items():
        other = asked.get(("R" if side == "L" else "L", au))
        named[f"AU{au}" if other == value else f"{side}{au}"] = value
    return named
