"""Sources of AU-labelled faces behind one interface: DISFA, a CSV of another program, coded pairs, samples, muscles.

>>> source = open_source("csv:openface.csv")  # doctest: +SKIP
>>> for item in source.items(): item.person, item.au, item.image.shape  # doctest: +SKIP
"""

from functools import partial
from typing import TYPE_CHECKING, Final

from facsmith.errors import InputError
from facsmith.framing import framing_of
from facsmith.lab.fit.sources.disfa import DISFAOptions, DISFASource
from facsmith.lab.fit.sources.muscles import MuscleOptions, MuscleSource
from facsmith.lab.fit.sources.pairs import PairSource
from facsmith.lab.fit.sources.samples import SampleOptions, Samples, measured
from facsmith.lab.fit.sources.table import TableOptions, TableSource
from facsmith.lab.fit.sources.types import Item, Portion, Source, everything, portions

if TYPE_CHECKING:
    from facsmith.generator import Generator

__all__ = [
    "KINDS",
    "DISFAOptions",
    "DISFASource",
    "Item",
    "MuscleOptions",
    "MuscleSource",
    "PairSource",
    "Portion",
    "SampleOptions",
    "Samples",
    "Source",
    "TableOptions",
    "TableSource",
    "everything",
    "open_source",
    "portions",
]

KINDS: Final = ("disfa:DIR", "csv:FILE", "pairs:FILE", "samples:COUNT", "muscles:DIR")


def open_source(text: str, generator: "Generator | None" = None, *, seed: int = 0, provider: str = "auto") -> Source:
    """``disfa:DIR``, ``csv:FILE``, ``pairs:FILE``, ``samples:COUNT`` (of the generator) or ``muscles:DIR``.

    Parameters
    ----------
    provider
        Library that finds landmarks, where the source itself needs them.

    Raises
    ------
    InputError
        Another kind, or one whose files are not there.
    """
    kind, colon, rest = text.partition(":")
    if not (colon and rest):
        raise InputError(f"The source {text!r} is none of {', '.join(KINDS)}.")
    match kind:
        case "disfa":
            return DISFASource(rest)
        case "csv":
            return TableSource(rest)
        case "pairs":
            return PairSource(rest)
        case "muscles":
            return MuscleSource(rest, MuscleOptions(provider=provider, seed=seed, framing=framing_of(generator)))
        case "samples":
            if generator is None or not rest.isdigit():
                raise InputError(f"The source {text!r} needs a generator and a number, as in samples:50000.")
            return Samples(generator, int(rest), partial(measured, provider=provider), SampleOptions(seed=seed))
        case _:
            raise InputError(f"The source {text!r} is none of {', '.join(KINDS)}.")
