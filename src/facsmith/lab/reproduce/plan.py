"""How much of every experiment is run."""

from dataclasses import dataclass, replace
from typing import Literal

from facsmith.errors import InputError

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """Sample counts and seeds of a report.

    Parameters
    ----------
    faces
        Faces searched for in W+ (Fig. 6).
    strips
        How many of them are shown in Fig. 8, and searched for in every other way, too.
    iterations
        Steps of those searches.
    settle
        Steps of every other inversion.
    judged
        Faces whose films are measured, by every method.
    expressions
        Random mixtures of AUs filmed on each of them.
    portraits
        Rows of Fig. 1 and 10.
    people, variants
        Samples, and how often each is moved by muscles: boundaries are fitted anew from these.
    scored
        Samples looked through for boundaries of measured faces; 0: none.
    psi
        Truncation of all samples.
    provider
        Library that finds landmarks.
    """

    faces: int = 20
    strips: int = 8
    iterations: int = 512
    settle: int = 100
    judged: int = 8
    expressions: int = 12
    portraits: int = 4
    people: int = 120
    variants: int = 8
    scored: int = 1000
    psi: float = 0.7
    provider: Literal["auto", "mediapipe", "dlib"] = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"faces": 1, "strips": 1, "iterations": 1, "settle": 0, "judged": 1, "expressions": 2, "portraits": 1}
        least |= {"people": 0, "variants": 2, "scored": 0, "seed": 0}
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise InputError(f"{name} is {getattr(self, name)}; a report needs {lowest} or more.")
        if not 0 <= self.psi <= 1:
            raise InputError(f"Truncation psi is {self.psi:g}; give a number from 0 to 1.")

    @classmethod
    def quick(cls) -> "Plan":
        """Every experiment, on so little that two cores need less than five minutes: does it run, not what is true."""
        return cls(
            faces=4,
            strips=4,
            iterations=64,
            settle=30,
            judged=1,
            expressions=3,
            portraits=2,
            people=40,
            variants=6,
            scored=120,
        )

    def on(self, faces: int) -> "Plan":
        """The same with at most so many faces."""
        return replace(self, **{name: min(getattr(self, name), faces) for name in ("faces", "strips", "judged")})

    @property
    def powers(self) -> tuple[int, ...]:
        """The iterations at which a search is looked at: 0, 1, 2, 4 ... and the last."""
        doubled = [0, *(1 << k for k in range(self.iterations.bit_length()) if 1 << k < self.iterations)]
        return (*doubled, self.iterations)
