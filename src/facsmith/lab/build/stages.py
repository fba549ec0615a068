"""The stages of a build by name. Each goes from files to files; what it returns is its report, JSON values."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from facsmith.lab.build.bench import Bench
from facsmith.lab.build.boundary_stage import fit
from facsmith.lab.build.card import seal_model
from facsmith.lab.build.check_stage import check
from facsmith.lab.build.encoder_stage import encode
from facsmith.lab.build.generator_stages import frame, read, take_descriptor
from facsmith.lab.build.samples_stage import samples
from facsmith.lab.build.search_stage import search

__all__ = ["WORK"]


def _checked(bench: Bench) -> dict[str, Any]:
    seal_model(bench)  # films are made with what would be used
    return check(bench)


WORK: Final[Mapping[str, Callable[[Bench], dict[str, Any]]]] = {
    "read": read,
    "framing": frame,
    "descriptor": take_descriptor,
    "search": search,
    "encoder": encode,
    "samples": samples,
    "boundaries": fit,
    "check": _checked,
    "card": seal_model,
}
