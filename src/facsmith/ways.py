"""Where each Action Unit of a film comes from (latent, muscles, eyes), and which ones a model shows only in part."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, cast

from facsmith.boundary import BoundarySet
from facsmith.errors import BoundaryError
from facsmith.facs import EYE_AUS, au_list

__all__ = ["ENOUGH", "Way", "unshown", "way", "ways", "weak_aus"]

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


def unshown(
    asked: Sequence[int], source: Callable[[int], Way | None], *, mode: str, has_landmarks: bool
) -> tuple[str, ...]:
    """What is to be said of AUs that a film cannot show.

    Parameters
    ----------
    source
        AU -> where this film takes it from; None: nothing can show it.
    mode
        How frames are composed.
    has_landmarks
        Whether it is known where the face's muscles lie.

    Raises
    ------
    BoundaryError
        Nothing of what is asked can be shown.
    """
    lost = [au for au in asked if source(au) is None]
    if not lost:
        return ()
    where = f"mode {mode} does not move" if has_landmarks else "are not known without a face"
    said = (
        f"{au_list(lost)} {'has' if len(lost) == 1 else 'have'} no boundary here and would come from the face's muscles"
    )
    if lost == asked:
        raise BoundaryError(f"{said}, which {where}. Take mode transfer, or fit one: facsmith boundaries fit.")
    return (f"{said}, which {where}: left out.",)
