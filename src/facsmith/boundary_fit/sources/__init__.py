"""Sources of AU-labelled faces behind one interface: DISFA, a CSV of another program, samples, muscles.

>>> source = open_source("csv:openface.csv")  # doctest: +SKIP
>>> for item in source.items(): item.person, item.au, item.image.shape  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Final

from facsmith.boundary_fit.sources.disfa import DISFA, DISFAOptions
from facsmith.boundary_fit.sources.muscles import MuscleOptions, MuscleSource
from facsmith.boundary_fit.sources.samples import SampleOptions, Samples
from facsmith.boundary_fit.sources.table import TableOptions, TableSource
from facsmith.boundary_fit.sources.types import Item, Source
from facsmith.errors import InputError

if TYPE_CHECKING:
    from facsmith.generator import Generator

__all__ = [
    "DISFA",
    "KINDS",
    "DISFAOptions",
    "Item",
    "MuscleOptions",
    "MuscleSource",
    "SampleOptions",
    "Samples",
    "Source",
    "TableOptions",
    "TableSource",
    "open_source",
]

KINDS: Final = ("disfa:DIR", "csv:FILE", "samples:COUNT", "muscles:DIR")


def open_source(text: str, generator: "Generator | None" = None, *, seed: int = 0) -> Source:
    """``disfa:DIR``, ``csv:FILE``, ``samples:COUNT`` (of the generator) or ``muscles:DIR``.

    Raises:
        InputError: another kind, or one whose files are not there.
    """
    kind, colon, rest = text.partition(":")
    if not (colon and rest):
        raise InputError(f"The source {text!r} is none of {', '.join(KINDS)}.")
    match kind:
        case "disfa":
            return DISFA(rest)
        case "csv":
            return TableSource(rest)
        case "muscles":
            return MuscleSource(rest, MuscleOptions(seed=seed))
        case "samples":
            if generator is None or not rest.isdigit():
                raise InputError(f"The source {text!r} needs a generator and a number, as in samples:50000.")
            return Samples(generator, int(rest), options=SampleOptions(seed=seed))
        case _:
            raise InputError(f"The source {text!r} is none of {', '.join(KINDS)}.")
