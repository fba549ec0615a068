"""The sliders: intensities of both sides, which AUs move both sides together, and the way back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from facsmith.errors import ActionUnitError
from facsmith.facs import AUS, EMOTIONS, UNSIDED, ActionUnits
from facsmith.studio.phases import Score

__all__ = ["GESTURES", "MOST_STEPS_BACK", "History", "Moment", "Pose"]

MOST_STEPS_BACK = 100
GESTURES = {
    "Wink left": ("left", 45), "Wink right": ("right", 45),
    "Look left": (None, 61), "Look right": (None, 62), "Look up": (None, 63), "Look down": (None, 64),
}  # fmt: skip
"""What eyes do -> the side, None both, and the AU; the person's own left and right."""
_OPPOSITE = {61: 62, 62: 61, 63: 64, 64: 63}


@dataclass(frozen=True)
class Pose:
    """What the sliders show.

    Parameters
    ----------
    split
        AUs whose sides move on their own; the others move both sides together.
    """

    action_units: ActionUnits = field(default_factory=ActionUnits)
    split: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        uneven = {au for au in AUS if self.action_units.left.get(au) != self.action_units.right.get(au)}
        object.__setattr__(self, "split", frozenset(self.split) | uneven)

    @classmethod
    def from_json(cls, value: object) -> "Pose":
        """Read ``{"left": {"12": 0.6, ...}, "right": {...}, "split": [12, ...]}``, which a page sent.

        Raises
        ------
        ActionUnitError
            It is anything else.
        """
        try:
            given = cast(Mapping[str, Any], value)
            left, right = (
                {int(au): float(e) for au, e in cast(Mapping[str, Any], given[side]).items()}
                for side in ("left", "right")
            )
            split = {int(au) for au in cast(Iterable[Any], given["split"])}
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
            raise ActionUnitError("The page sent sliders that cannot be read; reload the page.") from error
        if not split <= set(AUS) - set(UNSIDED):
            raise ActionUnitError("The page sent Action Units that cannot be split into sides; reload the page.")
        return cls(ActionUnits(left=left, right=right), frozenset(split))

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads, every AU that can be played, of both sides."""
        sides = {"left": self.action_units.vector("left"), "right": self.action_units.vector("right")}
        numbers = {side: dict(zip(map(str, AUS), v.round(4).tolist(), strict=True)) for side, v in sides.items()}
        return {**numbers, "split": sorted(self.split)}

    def with_gesture(self, name: str) -> "Pose":
        """One of ``GESTURES`` on top of what is shown; eyes that turn one way do not turn the other way."""
        side, au = GESTURES[name]
        sides = {each: dict(getattr(self.action_units, each).items()) for each in ("left", "right")}
        for each, shown in sides.items():
            shown.pop(_OPPOSITE.get(au, 0), None)
            if side in (None, each):
                shown[au] = 1.0
        return self.show(ActionUnits(**sides))

    def show(self, action_units: ActionUnits) -> "Pose":
        """The same links with other intensities."""
        return replace(self, action_units=action_units)


@dataclass(frozen=True)
class Moment:
    """What undo returns to: the sliders and their seconds, and the emotion that they were set by."""

    pose: Pose
    score: Score
    emotion: str | None = None

    @classmethod
    def from_json(cls, value: object) -> "Moment":
        """Read ``{"pose": ..., "rows": ..., "feeling": "fear" or None}`` of a file.

        Raises
        ------
        ActionUnitError, TimelineError
            It is anything else.
        """
        given = cast(Mapping[str, Any], value)
        emotion = given.get("feeling")
        pose, score = Pose.from_json(given.get("pose")), Score.from_json(given.get("rows"))
        return cls(pose, score, emotion if emotion in EMOTIONS else None)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"pose": self.pose.to_json(), "rows": self.score.to_json(), "feeling": self.emotion}


class History:
    """Moments settled on; the present one has earlier ones before it, and after an undo later ones behind it."""

    def __init__(self, first: Moment) -> None:
        self._moments = [first]
        self._at = 0

    @property
    def present(self) -> Moment:
        """The one last settled on, or gone back to."""
        return self._moments[self._at]

    def settle(self, moment: Moment, *, in_place: bool = False) -> None:
        """Remember a moment, in place of those that were undone; the same one twice is one step.

        Parameters
        ----------
        in_place
            Instead of the present one, as part of the same step.
        """
        if in_place:
            self._moments[self._at :] = [moment]
        elif moment != self.present:
            self._moments = [*self._moments[: self._at + 1][-MOST_STEPS_BACK:], moment]
            self._at = len(self._moments) - 1

    def go(self, steps: int) -> Moment:
        """Back (below 0) or on again; at either end, no further."""
        self._at = min(max(self._at + steps, 0), len(self._moments) - 1)
        return self.present
