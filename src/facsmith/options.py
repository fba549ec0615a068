"""What can be chosen: about a face that is encoded, and about a film of it, each in one frozen object.

The docstrings' parameters are also what the command line says of its options, the sentence ``None: ...`` being what
stands there when nothing is given; `choices` has the names, types and defaults for it and for the batch's columns.
"""

import difflib
import functools
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from math import isfinite
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from facsmith.errors import InputError, TimelineError

__all__ = [
    "EDIT",
    "ENCODE",
    "FILM",
    "MAX_FPS",
    "VARIANTS",
    "AnimateOptions",
    "Choice",
    "Compositing",
    "EditMode",
    "EncodeOptions",
    "Fidelity",
    "InversionOptions",
    "Progress",
    "Provider",
    "Start",
    "Variant",
    "changed",
    "choices",
    "chosen",
    "read_choice",
]

Compositing = Literal["transfer", "paste", "crop"]
EditMode = Literal["absolute", "relative"]
Fidelity = Literal["standard", "high"]
Provider = Literal["auto", "mediapipe", "dlib"]
Start = Literal["encoder", "mean", "random"]
Variant = Literal["posed", "spontaneous"]

_Options = TypeVar("_Options")

MAX_FPS: Final = 240.0
VARIANTS: Final = get_args(Variant)

ENCODE: Final = ("face", "provider", "fidelity", "start", "iterations", "seed")
EDIT: Final = ("mode", "edit", "entangled", "personal", *ENCODE)
FILM: Final = ("fps", "onset", "apex", "offset", "variant", "neutral_first", "loop", "blinks", *EDIT)
"""Options of `AnimateOptions` that front ends offer for a latent, a picture and a film; the others are Python's."""

Progress = Callable[[str, int, int], None]
"""Told (stage, done, total); the stages are ``inversion``, ``tuning``, ``strengths``, ``frames``, ``measuring``."""


@dataclass(frozen=True)
class InversionOptions:
    """How a latent is searched for (Eq. 1), and when the search stops.

    The default weights suit the bundled model. On eleven portraits (mean L1 of the pixels; cosine of dlib's embeddings;
    mean L1 by which what thirteen edits change is off what they change at the encoder's code) pixel 3, prior 1,
    learning rate .05 and no motion came to .093, .929, .025; these to .072, .946, .025; these without motion to .069,
    .951, .034.

    Parameters
    ----------
    start
        Where the inversion starts: at the encoder's answer, the mean face, or a random one.
    iterations
        Inversion steps at most; 0 keeps the start: fastest, less like the person.
    learning_rate
        Adam's step, in standard deviations of W.
    descriptor, pixel, perceptual
        Weights of the loss terms, 0 or more.
    prior
        Weight of the distance to the encoder's code, or one per layer (num_ws,). None: 1.5 from the encoder's start and
        0 from others, as a mean face is no place to be held at.
    motion
        Weight of edits' doing what they do at the encoder's code (mean L1 of the change), in a search that starts there
        and is given edits; it steers, and is no part of the loss that is reported and judged.
    threshold
        A photo is done when its total loss is at or below it.
    patience, min_improvement
        It is also done when its best loss fell by less than this part over so many iterations.
    seed
        Of everything random: the same seed, the same result.
    """

    start: Start = "encoder"
    iterations: int = 60
    learning_rate: float = 0.2
    descriptor: float = 1.0
    pixel: float = 16.0
    perceptual: float = 0.0
    prior: float | tuple[float, ...] | None = None
    motion: float = 6.0
    threshold: float = 0.0
    patience: int = 20
    min_improvement: float = 0.005
    seed: int = 0

    @property
    def priors(self) -> float | tuple[float, ...]:
        """The prior's weight or weights, the default resolved."""
        if self.prior is None:
            return 1.5 if self.start == "encoder" else 0.0
        return self.prior

    def __post_init__(self) -> None:
        if self.start not in get_args(Start):
            raise InputError(f"Start {self.start!r} is unknown; choose encoder, mean or random.")
        if self.iterations < 0 or self.patience < 1:
            raise InputError(
                f"Inversion needs iterations >= 0 and patience >= 1; got {self.iterations} and {self.patience}."
            )
        priors = self.priors if isinstance(self.priors, tuple) else (self.priors,)
        weights = (self.descriptor, self.pixel, self.perceptual, self.motion, *priors)
        numbers = (*weights, self.threshold, self.min_improvement)
        if not all(isfinite(x) and x >= 0 for x in numbers):
            raise InputError("Inversion's weights, threshold and min_improvement are finite and not negative.")
        if not (isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"Inversion's learning rate is a positive number; got {self.learning_rate}.")
        if self.descriptor == self.pixel == self.perceptual == 0:
            raise InputError(
                "Inversion needs a look at the photo: give descriptor, pixel or perceptual a weight above 0."
            )


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

    Parameters
    ----------
    fps
        Frames a second, up to 240.
    onset
        Seconds of rise. None: the emotion's own.
    apex
        Seconds of hold. None: the emotion's own.
    offset
        Seconds of fall; 0 ends on the expression. None: the emotion's own.
    variant
        Natural timings, quicker and in step, or slower with AUs a moment apart. None: neither.
    neutral_first
        Let the photo's own expression go before anything else; it does not come back.
    loop
        End where it begins, for films that play again.
    blinks
        Blink now and then.
    mode
        What reaches the photo. transfer: only the movement. paste: the generated face is set into it. crop: the
        generated face alone.
    edit
        Add the AUs to what the face shows (relative), instead of showing them and nothing else (absolute).
    entangled
        Plain sum of the AU directions, as in the paper's figure, instead of the joint projection: for comparison.
    personal
        Measure first how strongly this face answers each AU, and set its step accordingly; or give everyone the same
        step.
    face
        Which face, 0 being the largest. None: the largest.
    provider
        Who finds the face; auto takes MediaPipe, else dlib.
    batch
        Frames per synthesis, 1 or more.
    fidelity
        high: the generator is tuned to this photo first, in some fifteen seconds.
    inversion
        Eq. 1's options, with the seed.
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
    fidelity: Fidelity = "standard"
    batch: int = 8
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


def changed(options: AnimateOptions | None, changes: Mapping[str, Any]) -> AnimateOptions:
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


@dataclass(frozen=True)
class Choice:
    """One option as front ends offer it.

    Parameters
    ----------
    name
        Of the field; those of a nested object stand beside the others.
    kind
        Its type: bool, int, float, or a Literal; without None.
    default
        Of the field; None where nothing is set.
    help
        The docstring's sentences.
    unset
        What None stands for; empty where a value is always set.
    within
        The field that holds the object to which it belongs; empty: this object.
    """

    name: str
    kind: Any
    default: Any
    help: str
    unset: str
    within: str = ""

    @property
    def allowed(self) -> tuple[str, ...]:
        """The values of a Literal; empty for other types."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


@functools.cache
def choices(kind: type, names: "tuple[str, ...] | None" = None) -> dict[str, Choice]:
    """What a class of options offers, by name, nested objects' options among it. names: some of them only."""
    said, hints = _parameters(kind), get_type_hints(kind)
    found: dict[str, Choice] = {}
    for each in fields(kind):
        if is_dataclass(hints[each.name]):
            nested = choices(hints[each.name], names)
            found |= {name: replace(choice, within=each.name) for name, choice in nested.items()}
        elif names is None or each.name in names:
            told, _, unset = said.get(each.name, "").partition(" None: ")
            found[each.name] = Choice(each.name, _without_none(hints[each.name]), each.default, told, unset.rstrip("."))
    return found


def chosen(options: _Options, values: Mapping[str, Any]) -> _Options:
    """Options with values by the names that `choices` gives."""
    known, plain = choices(type(options)), cast(Any, options)
    own = {name: value for name, value in values.items() if not known[name].within}
    for within in {known[name].within for name in values} - {""}:
        changes = {name: value for name, value in values.items() if known[name].within == within}
        own[within] = replace(getattr(plain, within), **changes)
    return replace(plain, **own)


def read_choice(choice: Choice, text: str) -> Any:
    """An option's value as written in a table.

    Raises
    ------
    InputError
        It is none of this option's.
    """
    plain = text.strip()
    if choice.allowed:
        if plain in choice.allowed:
            return plain
        raise InputError(f"{choice.name} is {plain[:20]!r}; choose {' or '.join(choice.allowed)}.")
    if choice.kind is bool:
        known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
        if plain.lower() in known:
            return known[plain.lower()]
        raise InputError(f"{choice.name} is {plain[:20]!r}; write yes or no.")
    try:
        return choice.kind(plain)
    except ValueError:
        wanted = "a whole number" if choice.kind is int else "a number"
        raise InputError(f"{choice.name} is {plain[:20]!r}; write {wanted}.") from None


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    rest = [each for each in get_args(hint) if each is not type(None)]
    return rest[0] if len(rest) == 1 else hint


def _parameters(kind: type) -> dict[str, str]:
    """Name -> what the docstring's section Parameters says of it, on one line."""
    lines = (kind.__doc__ or "").partition("Parameters\n")[2].splitlines()[1:]
    said: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        if line.startswith("        "):
            for name in names:
                said[name] = f"{said.get(name, '')} {line.strip()}".strip()
        elif line.strip():
            names = [name.strip() for name in line.split(",")]
    return said
