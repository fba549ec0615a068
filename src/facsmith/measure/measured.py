"""What was measured on one picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.face import Face
from facsmith.facs import DISFA, ActionUnits

__all__ = ["FAINT", "OWN_NEUTRAL", "Measured"]

OWN_NEUTRAL = "the person's neutral"
FAINT = np.array([0.5 if au in (4, 9, 15, 17) else 0.2 for au in DISFA])
"""(12,) intensities below which a face that nothing is compared with is taken to be at rest.

Of 40 people's neutral faces 19 AUs in a thousand are read above .2. AU4, 9, 15 and 17 are told from other people's
faces with an area under the curve of .71 to .83 only (58 coded peaks), the others with .91 and more.
"""


@dataclass(frozen=True, eq=False)
class Measured:
    """The AUs of one face.

    Parameters
    ----------
    intensities
        (12,) in [0, 1], NaN where no source has a say.
    reliable
        (12,) bool, whether this AU can be told from the others at all, with these sources and against this neutral.
    by_source
        "landmarks", "blendshapes", "appearance" -> (12,) in [0, 1], NaN where the source says nothing of the AU.
    face
        The face found.
    against
        The neutral face that it was compared with.
    beyond
        AUs outside DISFA's twelve -> intensity in [0, 1]; empty without the person's neutral.
    """

    intensities: Array
    reliable: npt.NDArray[np.bool_]
    by_source: Mapping[str, Array]
    face: Face
    against: str
    beyond: Mapping[int, float] = field(default_factory=lambda: {})

    @property
    def by_au(self) -> Mapping[int, float]:
        """Every AU that is told -> its intensity, in FACS's order; NaN where no source has a say."""
        twelve = dict(zip(DISFA, self.intensities.tolist(), strict=True))
        return dict(sorted((twelve | dict(self.beyond)).items()))

    @property
    def action_units(self) -> ActionUnits:
        """What the face is taken to show, of the twelve: 0 where no source has a say. All others: `by_au`.

        Without the person's neutral, what is fainter than `FAINT` is as likely the face's shape, and is 0.
        """
        read = np.nan_to_num(self.intensities)
        if not self.against_own:
            read = np.where(read >= FAINT, read, 0.0)
        return ActionUnits.from_vector(read, aus=DISFA)

    @property
    def against_own(self) -> bool:
        """Whether it was compared with the person's own neutral."""
        return self.against == OWN_NEUTRAL

    def to_json(self) -> dict[str, Any]:
        """Numbers rounded to three places, NaN as None."""
        return {
            "against": self.against,
            "provider": self.face.provider,
            "confidence": round(confidence(self.face), 3),
            "action_units": {
                f"AU{au}": {
                    "intensity": _number(self.intensities[k]),
                    "reliable": bool(self.reliable[k]),
                    **{source: _number(read[k]) for source, read in self.by_source.items()},
                }
                for k, au in enumerate(DISFA)
            }
            | {f"AU{au}": {"intensity": _number(value), "reliable": True} for au, value in sorted(self.beyond.items())},
        }


def confidence(face: Face) -> float:
    """How well a face was seen, in [0, 1], on OpenFace's scale: readers take rows from .8; a clear face has .9."""
    return float(np.clip(1 - 0.4 * (1 - face.score), 0.0, 1.0))


def _number(value: Any) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None
