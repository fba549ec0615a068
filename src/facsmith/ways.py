"""Where each Action Unit of a film comes from (latent, muscles, eyes), and which ones a model shows only in part."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, cast

from facsmith.boundary import BoundarySet
from facsmith.facs import EYE_AUS

__all__ = ["ENOUGH", "Way", "way", "ways", "weak_aus"]

ENOUGH: Final = 0.7
"""Share of what the face's muscles would move that an AU must show at full intensity: `facsmith boundaries check`'s."""
_CHANCE: Final = 0.6  # accuracy on people held out up to which a direction is hardly one

Way = Literal["latent", "muscles", "eyes"]
"""latent: the generator has a boundary for it. muscles: a warp of the photo by the muscle table. eyes: blink, wink and
gaze, on the photo's own eyes."""


def way(au: int, boundaries: BoundarySet) -> Way:
    """Where a model with these boundaries takes an AU from."""
    if au in EYE_AUS:
        return "eyes"
    return "latent" if au in boundaries.aus else "muscles"


def ways(aus: Iterable[int], boundaries: BoundarySet) -> dict[str, Way]:
    """``{"AU12": "latent", "AU7": "muscles"}``."""
    return {f"AU{au}": way(au, boundaries) for au in aus}


def weak_aus(boundaries: BoundarySet) -> dict[int, str]:
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
