"""Which Action Units a model shows only in part, as its own boundaries' reports tell: named before rendering."""

from collections.abc import Mapping
from typing import Any, Final, cast

from facsmith.boundary import BoundarySet

__all__ = ["ENOUGH", "unreached"]

ENOUGH: Final = 0.7
"""Share of what the face's muscles would move that an AU must show at full intensity: `facsmith boundaries check`'s."""
_CHANCE: Final = 0.6  # accuracy on people held out up to which a direction is hardly one


def unreached(boundaries: BoundarySet) -> dict[int, str]:
    """AU -> why this model cannot reach it; AUs that it reaches, or of which nothing is known, are left out."""
    found: dict[int, str] = {}
    for au in boundaries.aus:
        report = boundaries[au].report
        shown, accuracy = report.get("shown"), report.get("accuracy_within_person")
        shares: Any = cast("Mapping[str, Any]", shown).get("share_of_muscles") if isinstance(shown, Mapping) else None
        if shares and shares[-1] < ENOUGH:
            found[au] = f"shows {shares[-1]:.0%} of what the muscle moves at full intensity"
        elif isinstance(accuracy, int | float) and accuracy < _CHANCE:
            found[au] = f"was told from neutral on {accuracy:.0%} of people held out, where 50 % is chance"
    return found
