"""The face of a large photo as a small photo of its own: what previews edit and receipts measure, so that their cost is
the face's alone."""

from dataclasses import dataclass, replace

import numpy as np

from facsmith import image
from facsmith._types import Image, Points
from facsmith.compose import Compositor
from facsmith.face import CropTransform, Face
from facsmith.subject import Subject

__all__ = ["LONGEST_SIDE", "FaceRegion", "close_up"]

LONGEST_SIDE = 512
"""Pixels of a close-up, at most."""
REACH = 1.6
"""What a close-up shows, in sides of the face's crop."""


@dataclass(frozen=True)
class FaceRegion:
    """A rectangle of a picture, scaled down.

    Parameters
    ----------
    left, top, right, bottom
        The rectangle, in pixels of the picture.
    height, width
        Size of what is cut, in pixels.
    """

    left: int
    top: int
    right: int
    bottom: int
    height: int
    width: int

    @classmethod
    def of(cls, shape: tuple[int, ...], *, longest: int = LONGEST_SIDE) -> "FaceRegion":
        """The whole picture (height, width, ...), scaled down to ``longest`` pixels where it is larger."""
        return cls._scaled(0, 0, shape[1], shape[0], longest)

    @classmethod
    def around(cls, subject: Subject, *, longest: int = LONGEST_SIDE, reach: float = REACH) -> "FaceRegion":
        """The square around the face; the whole picture where the photo is the generator's own."""
        height, width = subject.photo.shape[:2]
        if subject.transform is None or subject.face is None:
            return cls.of((height, width), longest=longest)
        resolution = subject.transform.resolution
        x, y = subject.transform.to_photo([(resolution - 1) / 2] * 2)
        half = reach * resolution / subject.transform.scale / 2
        left, right = max(0, round(x - half)), min(width, round(x + half))
        top, bottom = max(0, round(y - half)), min(height, round(y + half))
        return cls._scaled(left, top, right, bottom, longest)

    @classmethod
    def _scaled(cls, left: int, top: int, right: int, bottom: int, longest: int) -> "FaceRegion":
        rows, columns = bottom - top, right - left
        scale = min(1.0, longest / max(rows, columns))
        return cls(left, top, right, bottom, max(1, round(rows * scale)), max(1, round(columns * scale)))

    def cut(self, picture: Image) -> Image:
        """A copy of the rectangle, scaled down.

        Parameters
        ----------
        picture
            (H, W, 3) uint8.

        Returns
        -------
        ndarray
            (height, width, 3) uint8.
        """
        part = np.ascontiguousarray(picture[self.top : self.bottom, self.left : self.right])
        if part.shape[:2] == (self.height, self.width):
            return part if part.base is None else part.copy()
        return image.resize(part, (self.height, self.width))

    @property
    def scale(self) -> Points:
        """(2,) pixels of the close-up to one of the picture, across and down."""
        return np.array([self.width / (self.right - self.left), self.height / (self.bottom - self.top)])

    @property
    def origin(self) -> Points:
        """(2,) the corner of the rectangle, between pixels: small = scale * (picture - origin) - 0.5."""
        return np.array([self.left, self.top]) - 0.5

    def face(self, face: Face) -> Face:
        """A face of the picture, as it lies in the close-up."""
        return face.at((face.landmarks - self.origin) * self.scale - 0.5)


def close_up(subject: Subject, *, longest: int = LONGEST_SIDE, reach: float = REACH) -> Subject:
    """The square around the face, scaled down to ``longest`` pixels where it is larger; never enlarged.

    Photo, landmarks and crop move together, so that it is animated like any photo. A face of the generator's own is
    its own close-up.
    """
    if subject.transform is None or subject.face is None:
        return subject
    view = FaceRegion.around(subject, longest=longest, reach=reach)
    matrix = subject.transform.matrix / [*view.scale, 1.0]
    matrix[:, 2] += subject.transform.matrix[:, :2] @ (view.origin + 0.5 / view.scale)
    photo, face = view.cut(subject.photo), view.face(subject.face)
    transform = CropTransform(matrix, subject.transform.resolution)
    return replace(
        subject,
        photo=photo,
        face=face,
        transform=transform,
        compositor=Compositor(photo, transform, face.landmarks, lambda: subject.reference),
        neutral=None,
    )
