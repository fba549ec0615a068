"""The experiments of the report, by name, each a few sections of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from facsmith.lab.reproduce.ablation import inversion_ablations
from facsmith.lab.reproduce.bench import Bench
from facsmith.lab.reproduce.claims import Claim, claims
from facsmith.lab.reproduce.comparison import comparison
from facsmith.lab.reproduce.convergence import convergence
from facsmith.lab.reproduce.expressions import expressions
from facsmith.lab.reproduce.judging import judged
from facsmith.lab.reproduce.methods import methods
from facsmith.lab.reproduce.parts import Section, Table
from facsmith.lab.reproduce.searches import Search, searches
from facsmith.options import Start

__all__ = ["EXPERIMENTS", "Experiments"]


@dataclass
class Experiments:
    """The experiments of one report; searches that two of them need are run once."""

    bench: Bench

    @cached_property
    def searched(self) -> dict[Start, list[Search]]:
        """Every face, from every start."""
        return searches(self.bench)

    @property
    def claims(self) -> list[Claim]:
        """The paper's claims with their verdicts; none where nothing was searched for."""
        return claims(self.searched) if "searched" in self.__dict__ else []

    def convergence(self) -> list[Section]:
        """Fig. 6 to 8, with the paper's claims."""
        return [_verdicts(claims(self.searched)), *convergence(self.bench, self.searched)]

    def expressions(self) -> list[Section]:
        """Fig. 9, 1 and 10."""
        return expressions(self.bench)

    def comparison(self) -> list[Section]:
        """Asked against measured, by every method."""
        compared = methods(self.bench)
        return comparison(self.bench, compared, judged(self.bench, compared))

    def inversion(self) -> list[Section]:
        """Ablations of Eq. 1."""
        return [inversion_ablations(self.bench, self.searched)]


EXPERIMENTS: Final[Mapping[str, Callable[[Experiments], list[Section]]]] = {
    "convergence": Experiments.convergence,
    "expressions": Experiments.expressions,
    "comparison": Experiments.comparison,
    "inversion": Experiments.inversion,
}
"""Fig. 6 to 8 with the claims; Fig. 9, 1 and 10; asked against measured by every method; ablations of Eq. 1."""


def _verdicts(stated: Sequence[Claim]) -> Section:
    rows = tuple((c.claim, c.verdict, c.holds, c.of, c.checked) for c in stated)
    return Section(
        "claims",
        "The paper's claims",
        "Said of Fig. 6 and 7.",
        text=("'holds': for nine faces of ten or more; 'holds for most': for more than half.",),
        tables=[Table("claims", ("claim", "verdict", "faces", "of", "checked as"), rows, "Verdicts, on this model.")],
    )
