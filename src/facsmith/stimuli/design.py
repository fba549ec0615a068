"""What a battery of stimuli shows: conditions of Action Units, one at a time, all combinations, or drawn at random."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from facsmith.errors import ActionUnitError, InputError
from facsmith.facs import INTENSITY_LETTERS, UNSIDED, ActionUnits, playable
from facsmith.options import AnimateOptions
from facsmith.plan import DEFAULT_TIMING
from facsmith.timeline import Timeline

__all__ = ["Condition", "Design", "parse_aus", "parse_levels"]

MOST_CONDITIONS = 10_000
_TRIES = 200  # draws without a new condition after which there is none


@dataclass(frozen=True)
class Condition:
    """What a face shows: (prefix, AU, intensity) of each AU, prefix AU, L or R. None of them is neutral."""

    shown: tuple[tuple[str, int, float], ...]

    @property
    def name(self) -> str:
        """``AU01-060_L12-100``: the intensity in hundredths; ``neutral`` for none."""
        return "_".join(f"{prefix}{au:02d}-{round(100 * e):03d}" for prefix, au, e in self.shown) or "neutral"

    @property
    def mirrored(self) -> "Condition":
        """What the mirrored picture shows."""
        sides, turned = {"L": "R", "R": "L"}, {61: 62, 62: 61}
        return Condition(tuple((sides.get(prefix, prefix), turned.get(au, au), e) for prefix, au, e in self.shown))

    @property
    def action_units(self) -> ActionUnits:
        """What the Animator is asked for."""
        parts = {prefix: {au: e for p, au, e in self.shown if p == prefix} for prefix in ("AU", "L", "R")}
        return ActionUnits(parts["AU"], left=parts["L"], right=parts["R"])

    def timeline(self, options: AnimateOptions) -> Timeline:
        """From the neutral face to the condition and back, in the options' phases or natural ones."""
        phases = {name: getattr(options, name) for name in ("onset", "apex", "offset")}
        own = asdict(DEFAULT_TIMING)
        chosen = {name: own[name] if seconds is None else seconds for name, seconds in phases.items()}
        return Timeline.onset_apex_offset(self.action_units, **chosen)


@dataclass(frozen=True)
class Design:
    """Which expressions a battery shows.

    One AU at a time, unless ``cross`` or ``random`` is given. The neutral face is always a condition.

    Parameters
    ----------
    aus
        As in ``("AU1", "L12")``.
    levels
        Intensities in (0, 1].
    cross
        Every AU at every level, 0 too, with every other (a factorial design).
    random
        So many combinations of one to ``at_most`` AUs, each at one of the levels, all different, drawn by ``seed``.
    stills, films
        What is rendered.
    receipts
        Write a receipt beside each of them.
    """

    aus: tuple[tuple[str, int], ...]
    levels: tuple[float, ...]
    cross: bool = False
    random: int = 0
    at_most: int = 4
    seed: int = 0
    stills: bool = True
    films: bool = True
    receipts: bool = False

    def __post_init__(self) -> None:
        for prefix, au in self.aus:
            try:
                playable(au)
            except ActionUnitError as error:
                raise InputError(str(error)) from error
            if prefix not in ("AU", "L", "R") or (au in UNSIDED and prefix != "AU"):
                raise InputError(f"{prefix}{au} is no Action Unit of a side; give AU{au}, or L or R of one with sides.")
        if not self.aus or len(set(self.aus)) < len(self.aus) or not self.levels:
            raise InputError("A battery needs AUs, each once, and levels; as in --aus 1,4,12 --levels A-E.")
        hundredths = {round(100 * level) for level in self.levels if 0.005 < level <= 1}
        if len(hundredths) < len(self.levels):
            raise InputError(
                "The levels of a battery lie from 0.01 to 1, each once, a hundredth or more apart; neutral is always "
                "rendered."
            )
        if not (self.stills or self.films):
            raise InputError("A battery of neither stills nor films is empty; leave one of them in.")
        if self.cross and self.random:
            raise InputError("A design is either of all combinations (--cross) or of random ones (--random); take one.")
        if self.random < 0 or self.at_most < 1 or self.seed < 0:
            raise InputError("A random design has 1 combination or more, of 1 AU or more, and a seed of 0 or more.")
        count = (len(self.levels) + 1) ** len(self.aus) if self.cross else 1 + len(self.levels) * len(self.aus)
        count = 1 + self.random if self.random else count
        if count > MOST_CONDITIONS:
            raise InputError(f"This design has {count} conditions a photo; at most {MOST_CONDITIONS} are rendered.")

    def conditions(self) -> Iterator[Condition]:
        """All of them, neutral first."""
        yield Condition(())
        if self.random:
            yield from self._drawn()
            return
        if not self.cross:
            for (prefix, au), level in itertools.product(self.aus, self.levels):
                yield Condition(((prefix, au, level),))
            return
        for levels in itertools.islice(itertools.product((0.0, *self.levels), repeat=len(self.aus)), 1, None):
            shown = zip(self.aus, levels, strict=True)
            yield Condition(tuple((prefix, au, level) for (prefix, au), level in shown if level))

    def _drawn(self) -> Iterator[Condition]:
        """How many AUs, which, and how strong, each with equal chances; no combination twice."""
        random = np.random.default_rng(self.seed)
        seen: set[Condition] = set()
        failed = 0
        while len(seen) < self.random:
            number = int(random.integers(1, min(self.at_most, len(self.aus)) + 1))
            which = sorted(int(index) for index in random.permutation(len(self.aus))[:number])
            levels = [self.levels[int(random.integers(len(self.levels)))] for _ in which]
            drawn = zip([self.aus[index] for index in which], levels, strict=True)
            condition = Condition(tuple((prefix, au, level) for (prefix, au), level in drawn))
            if condition in seen:
                failed += 1
                if failed > _TRIES:
                    raise InputError(
                        f"{self.random} different combinations of these AUs and levels could not be drawn, only "
                        f"{len(seen)}; ask for fewer, or give more AUs or levels."
                    )
                continue
            failed = 0
            seen.add(condition)
            yield condition


def parse_levels(text: str) -> tuple[float, ...]:
    """``A-E``, ``B,D`` or ``0.25,0.5,1`` as intensities."""
    levels: list[float] = []
    for part in re.split(r"[\s,]+", text.strip()):
        span = re.fullmatch(r"([A-Ea-e])(?:-([A-Ea-e]))?", part)
        if span:
            first, last = (ord(letter.upper()) for letter in (span[1], span[2] or span[1]))
            levels += [INTENSITY_LETTERS[chr(code)] for code in range(first, last + 1)]
            continue
        try:
            levels.append(float(part))
        except ValueError:
            raise InputError(f"{part[:20]!r} is no level; give letters (A-E, or B,D) or numbers from 0 to 1.") from None
    return tuple(levels)


def parse_aus(text: str) -> tuple[tuple[str, int], ...]:
    """``1,4,L12`` as (prefix, AU)."""
    found: list[tuple[str, int]] = []
    for part in re.split(r"[\s,]+", text.strip()):
        match = re.fullmatch(r"(AU|L|R)?(\d{1,3})", part, re.IGNORECASE)
        if match is None:
            raise InputError(f"{part[:20]!r} is no Action Unit; give numbers as in 1,4,12, or L12 for one side.")
        found.append(((match[1] or "AU").upper(), int(match[2])))
    return tuple(found)
