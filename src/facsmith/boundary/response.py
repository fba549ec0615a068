"""How much people differ in what one and the same step along a boundary shows on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from facsmith.errors import BoundaryError

__all__ = ["LandmarkResponse", "Response"]

_FARTHEST = 1.5
_LEAST, _MOST = 1e-3, 1e3


@dataclass(frozen=True)
class LandmarkResponse:
    """What one landmarker sees of an AU at intensity 1, as a share of what it sees of the person's muscles.

    Parameters
    ----------
    typical
        The median share over people, above 0.
    trust
        In [0, 1], by how many per cent more of the AU there is on a person of whom it sees 1 % more, as far as another
        landmarker agrees.
    flow
        The same for optical flow, beside it.
    """

    typical: float
    trust: float
    flow: float

    def __post_init__(self) -> None:
        _check(self.typical, self.trust)
        _check(self.typical, self.flow)


@dataclass(frozen=True)
class Response:
    """What is seen of an AU at intensity 1, as a share of the person's muscles: of people at large, and how far one
    person's share is to be believed.

    >>> Response(typical=1.0, trust=0.5).factor(1.44)
    0.8333333333333334
    >>> seen = LandmarkResponse(typical=1.0, trust=0.5, flow=0.0)
    >>> Response(typical=1.0, trust=0.5, landmarks={"dlib": seen}).factor(1.0, "dlib", 1.44)
    0.8333333333333334

    Parameters
    ----------
    typical
        The median share by optical flow over people, above 0.
    trust
        In [0, 1], by how many per cent landmarks see more of the AU on a person of whom flow sees 1 % more; 0 where
        flow tells nothing of what landmarks see.
    landmarks
        The same by landmarker (`Face.provider`), where its word is known to tell something.

    Attributes
    ----------
    FAR
        Shares beyond this many times the typical one, or below that part of it, are mostly misread, and count as that.
    """

    typical: float
    trust: float
    FAR: ClassVar[float] = 2.0
    landmarks: Mapping[str, LandmarkResponse] = field(default_factory=dict[str, LandmarkResponse])

    def __post_init__(self) -> None:
        _check(self.typical, self.trust)
        object.__setattr__(self, "landmarks", dict(self.landmarks))

    def tells(self, provider: str) -> bool:
        """Whether a person's share, by flow and this landmarker, changes anything."""
        known = self.landmarks.get(provider)
        return self.trust > 0 or (known is not None and max(known.trust, known.flow) > 0)

    def factor(self, share: float, provider: str = "", seen: float | None = None) -> float:
        """By what the distances from neutral are multiplied for a person; at most 1.5, at least 1 / 1.5.

        Parameters
        ----------
        share
            What flow sees of the AU.
        seen
            What the landmarker ``provider`` sees; None where it cannot say.
        """
        strength = self._weighed(share, provider, seen, far=self.FAR)
        return min(max(1 / strength, 1 / _FARTHEST), _FARTHEST)

    def strength(self, share: float, provider: str = "", seen: float | None = None) -> float:
        """How much of the AU is seen, 1 as on people at large: shares weighed by how far they are believed. Arguments
        as for `factor`."""
        return self._weighed(share, provider, seen, far=_MOST)

    def _weighed(self, share: float, provider: str, seen: float | None, *, far: float) -> float:
        known = self.landmarks.get(provider)
        if known is None or seen is None:
            return _more(share, self.typical, far) ** self.trust
        return _more(share, self.typical, far) ** known.flow * _more(seen, known.typical, far) ** known.trust


def _more(share: float, typical: float, far: float) -> float:
    """By how many times a share is more than typical, at most ``far`` times more or less."""
    return min(max(share / typical, 1 / far), far)


def _check(typical: float, trust: float) -> None:
    if not (_LEAST <= typical <= _MOST and 0 <= trust <= 1):
        raise BoundaryError(
            f"A typical share of {typical:g} trusted by {trust:g}; give a share from {_LEAST:g} to {_MOST:g} and a "
            "trust from 0 to 1."
        )
