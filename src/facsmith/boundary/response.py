"""How much people differ in what one and the same step along a boundary shows on them."""

from dataclasses import dataclass

from facsmith.errors import BoundaryError

__all__ = ["Response"]

_FARTHEST = 1.5
_LEAST = 1e-3


@dataclass(frozen=True)
class Response:
    """What optical flow shows of an AU at intensity 1, as a share of the person's muscles: people at large, and how
    far one person's share is to be believed.

    typical: the median share over people, above 0. trust: in [0, 1], by how many per cent landmarks see more of the AU
    on a person of whom flow sees 1 % more; 0 where flow tells nothing of what landmarks see.

    >>> Response(typical=1.0, trust=0.5).factor(1.44)
    0.8333333333333334
    """

    typical: float
    trust: float

    def __post_init__(self) -> None:
        if not (_LEAST <= self.typical <= 1 / _LEAST and 0 <= self.trust <= 1):
            raise BoundaryError(
                f"A typical share of {self.typical:g} trusted by {self.trust:g}; give a share from {_LEAST:g} to "
                f"{1 / _LEAST:g} and a trust from 0 to 1."
            )

    def factor(self, share: float) -> float:
        """By what the distances from neutral are multiplied for a person of whom flow sees ``share``; at most 1.5,
        at least 1 / 1.5."""
        wanted = (self.typical / max(share, _LEAST)) ** self.trust
        return min(max(wanted, 1 / _FARTHEST), _FARTHEST)
