"""What can be chosen: about a face that is encoded, and about a film of it, each in one frozen object."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from typing import Any, Literal, get_args

from facsmith.errors import InputError, TimelineError
from facsmith.inversion import InversionOptions
from facsmith.timeline import MAX_FPS, VARIANTS, Variant

__all__ = ["AnimateOptions", "Compositing", "EditMode", "EncodeOptions", "Fidelity", "Progress", "Provider", "changed"]

Compositing = Literal["transfer", "paste", "crop"]
EditMode = Literal["absolute", "relative"]
Fidelity = Literal["standard", "high"]
Provider = Literal["auto", "mediapipe", "dlib"]

Progress = Callable[[str, int, int], None]
"""Told (stage, done, total); the stages are ``inversion``, ``tuning``, ``strengths``, ``frames``, ``measuring``."""


@dataclass(frozen=True)
class EncodeOptions:
    """How a photo's face is found and encoded; a `Subject` depends on nothing else.

    Parameters
    ----------
    face
        Which face, 0 the largest; None takes the largest that can be used and says so.
    provider
        Of landmarks.
    fidelity
        ``high`` tunes the generator to the photo (`facsmith.tuning`), some fifteen seconds.
    inversion
        Eq. 1's options, with the seed.
    whole
        Pictures at the generator's full resolution, where motion alone needs fewer pixels.
    """

    face: int | None = None
    provider: Provider = "auto"
    fidelity: Fidelity = "standard"
    inversion: InversionOptions = field(default_factory=InversionOptions)
    whole: bool = False


@dataclass(frozen=True)
class AnimateOptions:
    """How a photo is encoded, edited, timed and composed.

    fps: frames a second. onset, apex, offset: seconds; None takes the emotion's natural timing. variant: that timing
    posed or spontaneous, the AUs then a moment apart. neutral_first: the photo's own expression fades before anything
    else happens, and does not come back. loop: the end leads to the beginning. blinks: the face blinks now and then.
    mode: what reaches the photo (DESIGN, Compositing). edit: ``absolute`` shows the asked AUs and nothing else,
    ``relative`` adds them to what the photo shows. personal: how strongly this very face answers an AU is measured
    first, and the AU's step set accordingly; else everyone gets the same step. entangled: the plain sum of boundary
    normals instead of the joint projection, for comparison. face: which face, 0 the largest; None takes the largest and
    says so. provider: of landmarks. batch: frames per synthesis. fidelity: ``high`` tunes the generator to the photo
    first (`facsmith.tuning`), some fifteen seconds. inversion: Eq. 1's options, with the seed.
    """

    fps: float = 25.0
    onset: float | None = None
    apex: float | None = None
    offset: float | None = None
    variant: Variant | None = None
    neutral_first: bool = False
    loop: bool = False
    blinks: bool = False
    mode: Compositing = "transfer"
    edit: EditMode = "absolute"
    entangled: bool = False
    personal: bool = True
    face: int | None = None
    provider: Provider = "auto"
    batch: int = 8
    fidelity: Fidelity = "standard"
    inversion: InversionOptions = field(default_factory=InversionOptions)

    def __post_init__(self) -> None:
        for name, kind in (("mode", Compositing), ("edit", EditMode), ("provider", Provider), ("fidelity", Fidelity)):
            value, allowed = getattr(self, name), get_args(kind)
            if value not in allowed:
                raise InputError(f"{name} is {value!r}; choose {', '.join(allowed[:-1])} or {allowed[-1]}.")
        if self.variant is not None and self.variant not in VARIANTS:
            raise InputError(f"variant is {self.variant!r}; choose {' or '.join(VARIANTS)}.")
        if self.neutral_first and self.edit == "relative":
            raise InputError(
                "Relative AUs are added to what the photo shows, so they cannot begin with neutral; "
                "leave out neutral_first (--neutral-first) or relative (--relative)."
            )
        if not (isfinite(self.fps) and 0 < self.fps <= MAX_FPS):
            raise TimelineError(f"{self.fps:g} frames per second; allowed: above 0, up to {MAX_FPS:g}.")
        if self.face is not None and self.face < 0:
            raise InputError(f"Face {self.face} does not exist; faces are counted from 0, the largest.")
        if self.batch < 1:
            raise InputError(f"A batch of {self.batch} frames; give 1 or more.")

    @property
    def encoding(self) -> EncodeOptions:
        """The part that the face's encoding depends on."""
        whole = self.mode != "transfer" or self.fidelity == "high"
        return EncodeOptions(self.face, self.provider, self.fidelity, self.inversion, whole)


def changed(options: AnimateOptions | None, changes: dict[str, Any]) -> AnimateOptions:
    """The options, or the defaults, with some changed by name.

    Raises
    ------
    InputError
        There is no such option, or a value is not allowed.
    """
    known = [each.name for each in fields(AnimateOptions)]
    for name in changes:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise InputError(f"There is no option {name!r}.{hint} Known: {', '.join(known)}.")
    return replace(options or AnimateOptions(), **changes)
