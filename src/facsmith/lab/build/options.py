"""What can be chosen about building a model, and how its time is shared."""

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Final, Literal

from facsmith.errors import InputError
from facsmith.framing import Framing, parse_framing

__all__ = ["FEWEST_FACES", "SHARES", "STAGES", "BuildOptions"]

Provider = Literal["auto", "mediapipe", "dlib"]

STAGES: Final = ("read", "framing", "descriptor", "search", "encoder", "samples", "boundaries", "check", "card")
"""In their order; each leaves files from which a later run goes on."""

SHARES: Final[dict[str, float]] = {
    "framing": 0.03,
    "search": 0.30,
    "encoder": 0.38,
    "samples": 0.05,
    "boundaries": 0.12,
    "check": 0.12,
}
"""Of the minutes. The others take seconds."""

FEWEST_FACES: Final = 3
"""Of the generator's own that are searched at least, whatever the minutes: the mean of fewer is one face's own."""


@dataclass(frozen=True)
class BuildOptions:
    """How a model is built.

    Parameters
    ----------
    minutes
        Time for the whole, by the clock; every stage has the least it needs, so that very few may be overrun.
    framing
        As `parse_framing` reads it; None: estimated from the generator's own faces.
    descriptor
        ``vgg16``, ``efficientnet-lite0`` or a file; ``auto``: EfficientNet-Lite0 where its package is installed, else
        the bundled model's.
    source
        AU-labelled faces besides the generator's own, as ``boundaries fit --source`` takes them.
    label
        The label to keep of a network that draws by label.
    faces
        Largest number of the generator's faces whose moved pictures are searched, from `FEWEST_FACES`.
    photos
        Where none are given: largest number of photos that are checked, NASA's portrait and faces of the generator's.
    batch
        Pictures at a time; None: as many as two gigabytes hold.
    psi
        Truncation of the generator's faces.
    provider
        Library that finds landmarks.
    device
        Device of the networks.
    """

    minutes: float = 40.0
    framing: str | None = None
    descriptor: str = "auto"
    source: str | None = None
    label: int | None = None
    faces: int = 64
    photos: int = 10
    batch: int | None = None
    psi: float = 0.7
    provider: Provider = "auto"
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        if not (isfinite(self.minutes) and self.minutes > 0):
            raise InputError(f"A model is built in {self.minutes:g} minutes; give a number above 0.")
        if self.framing is not None:
            parse_framing(self.framing)
        if not 0 < self.psi <= 1:
            raise InputError(f"Truncation psi is {self.psi:g}; give a number above 0, at most 1.")
        if self.faces < FEWEST_FACES:
            raise InputError(
                f"{self.faces} of the generator's faces do not tell how it moves them; give {FEWEST_FACES} or more."
            )
        if self.photos < 1 or (self.batch is not None and self.batch < 1):
            raise InputError("photos and batch are counts from 1.")

    @property
    def given_framing(self) -> Framing | None:
        """What was chosen, if anything."""
        return None if self.framing is None else parse_framing(self.framing)

    def seconds(self, stage: str) -> float:
        """A stage's share of the whole."""
        return 60 * self.minutes * SHARES.get(stage, 0.0)

    @property
    def identity(self) -> dict[str, Any]:
        """What a run that goes on must have in common with the one that began."""
        changing = ("minutes", "faces", "photos", "batch", "device")
        return {key: value for key, value in asdict(self).items() if key not in changing}
