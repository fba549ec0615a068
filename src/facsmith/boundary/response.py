"""How much people differ in what one and the same step along a boundary shows on them."""

from dataclasses import dataclass

from facsmith.errors import BoundaryError

__all__ = ["Response"]

_FARTHEST = 1.5
_LEAST = 1e-3


@dataclass(frozen=True)
class Response:
    """What is seen of an AU at intensity 1, as a share of the person's muscles: of people at large, and how far one
    person's share is to be believed.

    typical: the median share by optical flow over people, above 0. trust: in [0, 1], by how many per cent more of the
    AU there is on a person of whom flow sees 1 % more, as far as others agree; 0 where flow tells nothing.
    typical_landmarks, trust_landmarks: the same by landmarks.

    >>> Response(typical=1.0, trust=0.5).factor(1.44)
    0.8333333333333334
    >>> Response(typical=1.0, trust=0.5, trust_landmarks=0.5).factor(1.44, landmarks=1.0)
    0.8333333333333334
    """

    typical: float
    trust: float
    typical_landmarks: float = 1.0
    trust_landmarks: float = 0.0

    def __post_init__(self) -> None:
        for typical, trust in ((self.typical, self.trust), (self.typical_landmarks, self.trust_landmarks)):
            if not (_LEAST <= typical <= 1 / _LEAST and 0 <= trust <= 1):
                raise BoundaryError(
                    f"A typical share of {typical:g} trusted by {trust:g}; give a share from {_LEAST:g} to "
                    f"{1 / _LEAST:g} and a trust from 0 to 1."
                )

    @property
    def tells(self) -> bool:
        """Whether a person's share changes anything."""
        return self.trust > 0 or self.trust_landmarks > 0

    def factor(self, share: float, *, landmarks: float | None = None) -> float:
        """By what the distances from neutral are multiplied for a person; at most 1.5, at least 1 / 1.5.

        share: what flow sees of the AU. landmarks: what they see; None where they cannot say.
        """
        wanted = (self.typical / max(share, _LEAST)) ** self.trust
        if landmarks is not None:
            wanted *= (self.typical_landmarks / max(landmarks, _LEAST)) ** self.trust_landmarks
        return min(max(wanted, 1 / _FARTHEST), _FARTHEST)
