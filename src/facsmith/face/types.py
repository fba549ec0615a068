"""What a face in a photo is, and what a library must offer to find one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from facsmith._types import Image, Points
from facsmith.face.points import interocular

__all__ = ["Choice", "Face", "FaceReader", "Provider", "Reading"]


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a photo.

    Parameters
    ----------
    landmarks
        (68, 2) iBUG points in photo pixels.
    box
        (x0, y0, x1, y1) around the landmarks, in photo pixels.
    score
        In [0, 1], how well the mirrored picture gave the same points.
    provider
        The library that found it.
    yaw_degrees
        How far the face is turned, positive to the image's right.
    blendshapes
        MediaPipe's 52 expression scores in [0, 1] by ARKit's names, of this picture; None where the face was found by
        another library, or only roughly.
    """

    landmarks: Points
    box: tuple[float, float, float, float]
    score: float
    provider: str
    yaw_degrees: float
    blendshapes: Mapping[str, float] | None = None

    def at(self, landmarks: Points) -> "Face":
        """The same face with its landmarks elsewhere, as in another framing of the picture."""
        x0, y0, x1, y1 = (float(v) for v in (*landmarks.min(axis=0), *landmarks.max(axis=0)))
        return replace(self, landmarks=landmarks, box=(x0, y0, x1, y1))

    @property
    def interocular(self) -> float:
        """Distance between the eye centres in photo pixels."""
        return float(interocular(self.landmarks))

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        x0, y0, x1, y1 = self.box
        return (x1 - x0) * (y1 - y0)


class Choice(NamedTuple):
    """The face to work on, its place among the photo's faces (0 = the largest) and how many there are."""

    face: Face
    place: int
    total: int


class Reading(NamedTuple):
    """What one look at a crop tells.

    Attributes
    ----------
    points
        (68, 2) pixels of the crop.
    blendshapes
        As in `Face`.
    """

    points: Points
    blendshapes: Mapping[str, float] | None = None


class Provider(Protocol):
    """A landmark library: finds faces roughly in a photo, and reads one closely in an upright crop."""

    name: str

    def locate(self, image: Image) -> list[Points]:
        """Every face of a photo, each as (68, 2) points in photo pixels, roughly placed; [] where there is none."""
        ...

    def read(self, crop: Image) -> Reading | None:
        """The face that fills an upright crop (`face.align`), or None."""
        ...


class FaceReader(Protocol):
    """``facsmith.face``, or a stand-in."""

    def find(self, image: Image, *, provider: str = "auto") -> list[Face]:
        """The faces of a photo, the largest first."""
        ...

    def follow(self, image: Image, face: Face) -> Face:
        """The same face in another picture of the same framing; NoFaceError where it cannot be seen."""
        ...
