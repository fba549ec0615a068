"""How a film is edited."""

import os
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import get_args

from facsmith.errors import InputError
from facsmith.options import Provider

__all__ = ["FilmOptions"]


@dataclass(frozen=True)
class FilmOptions:
    """How a film's face is followed, and what counts as its neutral.

    Parameters
    ----------
    face
        Which face of the first frame that shows one, 0 the largest; None takes the largest that can be used.
    provider
        Of landmarks.
    neutral
        Second of the film at which the person rests, or a photo of the person at rest; None takes the frames that show
        least.
    fitted
        Whether what a change does is measured on some frames first, and its steps set accordingly.
    part_seconds
        Seconds of film that are finished and kept at a time: what was killed goes on at the next part.
    """

    face: int | None = None
    provider: Provider = "auto"
    neutral: float | Path | None = None
    fitted: bool = True
    part_seconds: float = 10.0

    @staticmethod
    def read_neutral(said: str) -> float | Path:
        """``0.8`` as a second of the film, anything else as the path of a photo."""
        try:
            return float(said)
        except ValueError:
            return Path(said)

    def __post_init__(self) -> None:
        if self.provider not in get_args(Provider):
            raise InputError(f"provider is {self.provider!r}; choose one of {', '.join(get_args(Provider))}.")
        if self.face is not None and self.face < 0:
            raise InputError(f"Face {self.face} does not exist; faces are counted from 0, the largest.")
        if not (isfinite(self.part_seconds) and self.part_seconds >= 1):
            raise InputError(f"Parts of {self.part_seconds:g} s; give 1 or more.")
        if isinstance(self.neutral, float | int) and not (isfinite(self.neutral) and self.neutral >= 0):
            raise InputError(f"Neutral at {self.neutral:g} s; seconds count from 0, the film's first picture.")
        if isinstance(self.neutral, str | os.PathLike) and not Path(self.neutral).is_file():
            raise InputError(f"There is no photo {self.neutral} for the neutral face. Check the path.")
