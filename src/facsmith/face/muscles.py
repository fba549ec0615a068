"""How Action Units move the points of one face: the table's 3D displacements, turned as the head is turned.

After Waters (1987), "A muscle model for animating three-dimensional facial expression": an AU moves sites of the face
in proportion to its intensity, and the skin between them follows smoothly (`face.muscle_warp`). The displacements are
learned from people (`face.muscle_table`).

Conventions: the face frame has its origin midway between the eye centres, x along the eye line to the viewer's right,
y down, unit = inter-ocular distance (IOD) of the face seen from the front. Landmarks are the 68 iBUG points in photo
pixels. Intensities are (28,) in the order of `facs.AUS`, or (12,) in that of `facs.DISFA`; (2, 28) or (2, 12) for the
person's own left and right side. Negative ones undo an expression that the face already shows.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facsmith._types import Array
from facsmith.face.muscle_table import MuscleTable, muscle_table
from facsmith.face.points import eye_centers, interocular, yaw_degrees
from facsmith.facs import AUS, DISFA, spread

__all__ = [
    "PARTING",
    "FaceFrame",
    "FaceMuscles",
    "basis",
    "displacement",
    "jaw_drop",
    "lips_apart",
    "moved_points",
    "two_sided",
]


_LIP_PAIRS: Final = ((61, 67), (62, 66), (63, 65))
_PUSH: Final = 0.2  # of a collision of the lips, the part that moves the upper lip
_UPPER: Final[dict[int, list[int]]] = {61: [61, 49, 50], 62: [62, 51], 63: [63, 52, 53]}
_LOWER: Final[dict[int, list[int]]] = {67: [67, 58, 59], 66: [66, 57], 65: [65, 55, 56]}
"""Points of a lip that move as the inner one does where lips are kept together."""
_PARTED: Final = 0.4  # intensity of what parts the lips from which all else may open them, too
_WITH_JAW: Final = 0.9  # of the lower lip's way, AUs 26 and 27, that the jaw's teeth go
_WIDE: Final = 0.12
_WIDEST: Final = 0.08
"""IOD between the lips from which AUs that leave the jaw up add less and less, and by how much they add at most: of 40
smiling portraits half have .15, nine in ten .21 at most."""
_BROAD, _BROADER = 1.0, 0.15
"""IOD of a mouth's width from which it widens less and less, and by how much at most: of 40 smiling portraits half have
1.03, nine in ten 1.13 and the broadest 1.18."""
_BESIDE: Final = ("nasolabial", "corner", "marionette", "upper")
_STILL: Final = 0.015  # IOD: a point that an AU moves by less is left in place by it
PARTING: Final = (10, 16, 25, 26, 27)
"""AUs that part the lips."""
_MOST_TURNED: Final = 45.0  # degrees; beyond, landmarks tell too little of the far side


@lru_cache(maxsize=8)
def basis(aus: tuple[int, ...] = AUS) -> Array:
    """(len(aus), 68, 2) displacement of the 68 points by each AU at intensity 1 on a face seen from the front; IOD,
    read-only."""
    table = muscle_table().sides.sum(axis=0)[[AUS.index(au) for au in aus], :68, :2]
    table.setflags(write=False)
    return table


def moved_points(au: int) -> NDArray[np.bool_]:
    """(68,) which of the points the table moves for this AU by more than .015 IOD."""
    return np.linalg.norm(basis()[AUS.index(au)], axis=1) > _STILL


def lips_apart(intensities: ArrayLike) -> Array:
    """(...) by how much the inner lips part, IOD, by intensities (..., 28) of AUs that part them."""
    gaps = basis()[:, 66, 1] - basis()[:, 62, 1]
    return np.asarray(intensities, np.float64) @ np.where(np.isin(AUS, PARTING), gaps, 0.0)


def jaw_drop(intensities: ArrayLike) -> float:
    """By how much the lower jaw's teeth go down, IOD, by (28,) or (2, 28); lips that part leave the jaw where it is."""
    rows = basis()[:, 66, 1]
    mean = two_sided(intensities).mean(axis=0)
    return _WITH_JAW * float(mean @ np.where(np.isin(AUS, (26, 27)), rows, 0.0))


def two_sided(intensities: ArrayLike) -> Array:
    """(28,) or (2, 28) in the order of `facs.AUS`, or (12,) or (2, 12) in that of `facs.DISFA` -> (2, 28)."""
    values = np.asarray(intensities, dtype=np.float64)
    if values.ndim and values.shape[-1] == len(DISFA):
        values = spread(values)
    if values.shape not in ((len(AUS),), (2, len(AUS))):
        raise ValueError(
            f"intensities are ({len(AUS)},) or (2, {len(AUS)}) in the order of facs.AUS; got {values.shape}"
        )
    return np.broadcast_to(values, (2, len(AUS)))


def displacement(landmarks: ArrayLike, intensities: ArrayLike) -> Array:
    """How AU intensities move the 68 points of this face.

    Parameters
    ----------
    landmarks
        (68, 2) iBUG points in photo pixels.
    intensities
        (28,) or (2, 28).

    Returns
    -------
    (68, 2) in photo pixels. Lips that would pass through each other meet instead.
    """
    muscles = FaceMuscles(landmarks)
    return muscles.frame.vectors_to_photo(muscles.moved(intensities)[:68])


@dataclass(frozen=True)
class FaceFrame:
    """The similarity between photo pixels and the face frame.

    Parameters
    ----------
    origin
        (2,) midway between the eye centres, photo pixels.
    axes
        (2, 2) rows: unit x (along the eye line), unit y (down the face), in photo pixels.
    iod
        Photo pixels per IOD of the face seen from the front.
    yaw
        How far the head is turned, radians, positive to the image's right.
    """

    origin: Array
    axes: Array
    iod: float
    yaw: float

    @classmethod
    def of(cls, landmarks: ArrayLike) -> "FaceFrame":
        """The frame of a face with these landmarks (68, 2)."""
        points = np.asarray(landmarks, dtype=np.float64)
        left, right = eye_centers(points)
        seen = float(interocular(points))
        x = (right - left) / seen
        yaw = np.radians(np.clip(yaw_degrees(points), -_MOST_TURNED, _MOST_TURNED))
        return cls((left + right) / 2, np.stack([x, [-x[1], x[0]]]), seen / float(np.cos(yaw)), float(yaw))

    def to_face(self, points: ArrayLike) -> Array:
        """(..., 2) photo pixels -> face frame."""
        return (np.asarray(points, np.float64) - self.origin) @ self.axes.T / self.iod

    def to_photo(self, points: ArrayLike) -> Array:
        """(..., 2) face frame -> photo pixels."""
        return np.asarray(points, np.float64) @ self.axes * self.iod + self.origin

    def vectors_to_photo(self, vectors: ArrayLike) -> Array:
        """(..., 2) displacements in IOD -> in photo pixels."""
        return np.asarray(vectors, np.float64) @ self.axes * self.iod

    def seen(self, sites: Array) -> Array:
        """(..., 3) of a face seen from the front -> (..., 2) as this head shows them (weak perspective)."""
        x = np.cos(self.yaw) * sites[..., 0] + np.sin(self.yaw) * sites[..., 2]
        return np.stack([x, sites[..., 1]], axis=-1)


class FaceMuscles:
    """The table's sites on one face, and how AUs move them.

    Attributes
    ----------
    frame
        The face's frame.
    sites
        (S, 2) where the sites lie at rest, face frame: the landmarks, then skin placed between them.
    """

    def __init__(self, landmarks: ArrayLike, table: MuscleTable | None = None) -> None:
        """landmarks: (68, 2) iBUG points in photo pixels. table: default the package's."""
        from scipy.interpolate import RBFInterpolator  # pyright: ignore[reportMissingTypeStubs]

        self.table = table or muscle_table()
        self.frame = FaceFrame.of(landmarks)
        face = self.frame.to_face(landmarks)
        mean = self.frame.seen(self.table.neutral)
        place = cast(Any, RBFInterpolator)(mean[:68], face, smoothing=1e-2)
        self.sites = np.concatenate([face, place(mean[68:])])
        self._moves = self.frame.seen(self.table.sides)  # (2, 28, S, 2)
        skin = [k for k, name in enumerate(self.table.sites) if k >= 68 and name.split("_")[0] in _BESIDE]
        self._around_mouth = [*range(48, 68), *skin]

    def moved(self, intensities: ArrayLike) -> Array:
        """(S, 2) displacement of the sites in IOD, face frame, by (28,) or (2, 28) intensities."""
        e = two_sided(intensities)
        moved = np.tensordot(e, self._moves, axes=2)
        self._widen_as_people_do(e, moved)
        self._keep_lips_together(e, moved)
        self._close_lips(e.mean(axis=0), moved)
        for upper, lower in _LIP_PAIRS:
            # Lips that already overlap by the landmarker's error are no collision.
            gap = (self.sites[lower, 1] + moved[lower, 1]) - (self.sites[upper, 1] + moved[upper, 1])
            crossing = min(0.0, self.sites[lower, 1] - self.sites[upper, 1]) - gap
            if crossing > 0:
                moved[upper, 1] -= _PUSH * crossing
                moved[lower, 1] += (1 - _PUSH) * crossing
        return moved

    def _widen_as_people_do(self, intensities: Array, moved: Array) -> None:
        """AUs that are asked together widen the mouth by less than their sum, as people's are no wider; and by no less
        than the one that widens it most."""
        rest = float(self.sites[54, 0] - self.sites[48, 0])
        wider = float(moved[54, 0] - moved[48, 0])
        if wider <= 0 or rest + wider <= _BROAD:
            return
        each = (intensities[..., None] * (self._moves[:, :, 54] - self._moves[:, :, 48])).sum(axis=0)[:, 0]
        most = float(each.max())
        if most < wider:
            moved[self._around_mouth, 0] *= (most + _width(rest + wider) - _width(rest + most)) / wider

    def _keep_lips_together(self, intensities: Array, moved: Array) -> None:
        """AUs that do not part the lips (a smile, a press) open them only as far as another AU parts them.

        People who were coded smile with parted lips, so that their AU12 alone has some of the opening in it. Nor do
        lips part without end: AUs that are asked together part them by less than the sum of each.
        """
        parting = np.isin(AUS, PARTING)
        gate = float(np.clip(np.maximum(intensities.mean(axis=0), 0)[parting].sum() / _PARTED, 0, 1))
        for upper, lower in _LIP_PAIRS:
            apart = self._moves[:, :, lower, 1] - self._moves[:, :, upper, 1]  # (2, 28): one side opens its own half
            opening = float((np.where(parting, 0.0, intensities) * apart).sum())
            excess = (1 - gate) * max(opening, 0.0)
            lips = np.where(np.isin(AUS, (26, 27)), 0.0, np.maximum(intensities, 0.0))
            parted = float((lips * apart).sum()) - excess - _WIDE
            if parted > 0:
                excess += parted - _WIDEST * float(np.tanh(parted / _WIDEST))
            for points, share in ((_UPPER[upper], 1 - _PUSH), (_LOWER[lower], -_PUSH)):
                moved[points, 1] += share * excess

    def _close_lips(self, intensities: Array, moved: Array) -> None:
        """Undoing what parts the lips closes this mouth in proportion to its own gap, whatever the gap's outline."""
        closing = -np.minimum(np.where(np.isin(AUS, PARTING), intensities, 0.0), 0.0)
        rows = basis()
        gaps = np.array([self.sites[lower, 1] - self.sites[upper, 1] for upper, lower in _LIP_PAIRS])
        by = float(closing @ (rows[:, 66, 1] - rows[:, 62, 1]))
        if by <= 0 or gaps.mean() <= 0.015:
            return
        left = max(0.0, 1 - 1.15 * by / float(gaps.mean()))
        for (upper, lower), gap in zip(_LIP_PAIRS, gaps, strict=True):
            by_table = float(closing @ (rows[:, lower, 1] - rows[:, upper, 1]))
            missing = by_table - gap * (1 - left)  # > 0: the table closes more than there is
            moved[upper, 1] -= missing / 2
            moved[lower, 1] += missing / 2


def _width(wished: float) -> float:
    """A mouth's width, IOD, where the sum of its AUs gives ``wished``."""
    return wished if wished <= _BROAD else _BROAD + _BROADER * float(np.tanh((wished - _BROAD) / _BROADER))
