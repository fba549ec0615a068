"""What the paper says of its Fig. 6 and 7, checked on searches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from facsmith.inversion import Start
from facsmith.lab.reproduce.searches import Search

__all__ = ["SAME_PERSON", "THRESHOLD", "THRESHOLDS", "Claim", "Searches", "claims", "thresholds"]

Searches = Mapping[Start, Sequence[Search]]

THRESHOLDS: Final = (0.1, 0.05, 0.025, 0.01)
"""A face counts as found when its loss is at most this part of what the mean face's is: the paper names no number."""
THRESHOLD: Final = 0.025
"""The one that figures show."""
SAME_PERSON: Final = 0.6
"""dlib's distance of embeddings below which two faces are the same person."""
EARLY: Final = 16


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, checked.

    Parameters
    ----------
    holds, of
        On how many faces it holds, of how many.
    verdict
        From ``share``, see `_verdict`.
    """

    claim: str
    checked: str
    holds: int
    of: int
    verdict: Literal["holds", "holds for most", "does not hold"]


def thresholds(found: Searches, part: float = THRESHOLD) -> list[float]:
    """Of each face."""
    return [part * float(search.losses[0]) for search in found["mean"]]


def claims(found: Searches) -> list[Claim]:
    """Those that can be checked; without an encoder, only those of the random start."""
    stated = [*_of_random(found["random"], found)]
    if "encoder" in found:
        stated = [*_of_encoder(found["encoder"], found), *stated, _lower(found["encoder"], found["random"])]
    return [claim for claim in stated if claim.of]


def _of_encoder(searches: Sequence[Search], found: Searches) -> list[Claim]:
    said, last = "No more than 512 iterations to the threshold in most cases", _last(searches)
    stated: list[Claim] = []
    for part in THRESHOLDS:
        text = f"from the encoder's start the loss falls to {part:g} of the mean face's within {last} iterations"
        stated.append(_claim(said, text, _reach(found, "encoder", part)))
    said, long = "Very similar after 16 iterations", [s for s in searches if _last([s]) >= EARLY]
    text = f"after {EARLY} iterations picture and photo are the same person to dlib (distance below {SAME_PERSON})"
    stated.append(_claim(said, text, [bool(s.identity_distance[s.column(EARLY)] < SAME_PERSON) for s in long]))
    text = f"half of what a search of {last} iterations gains is gained after {EARLY}"
    half = [bool(s.losses[: EARLY + 1].min() <= (s.losses[0] + s.losses.min()) / 2) for s in long]
    stated.append(_claim(said, text, half))
    return stated


def _of_random(searches: Sequence[Search], found: Searches) -> list[Claim]:
    said, last = "A random start does not converge by 512", _last(searches)
    stated: list[Claim] = []
    for part in THRESHOLDS:
        text = f"from a random start the loss stays above {part:g} of the mean face's for {last} iterations"
        stated.append(_claim(said, text, [not reached for reached in _reach(found, "random", part)]))
    text = f"after {last} iterations from a random start picture and photo are different persons to dlib"
    stated.append(_claim(said, text, [bool(s.identity_distance[-1] >= SAME_PERSON) for s in searches]))
    return stated


def _lower(encoder: Sequence[Search], random: Sequence[Search]) -> Claim:
    text = f"the lowest loss in {_last(encoder)} iterations is lower from the encoder's start than from a random one"
    lower = [bool(a.losses.min() < b.losses.min()) for a, b in zip(encoder, random, strict=True)]
    return _claim("The encoder's start ends lower (Fig. 6)", text, lower)


def _last(searches: Sequence[Search]) -> int:
    return len(searches[0].losses) - 1


def _reach(found: Searches, start: Start, part: float) -> list[bool]:
    limits = thresholds(found, part)
    return [s.reached(limit) is not None for s, limit in zip(found[start], limits, strict=True)]


def _claim(claim: str, checked: str, holds: Sequence[bool]) -> Claim:
    return Claim(claim, checked, sum(holds), len(holds), _verdict(sum(holds), len(holds)))


def _verdict(holds: int, of: int) -> Literal["holds", "holds for most", "does not hold"]:
    if of and holds >= 0.9 * of:
        return "holds"
    return "holds for most" if holds > of / 2 else "does not hold"
