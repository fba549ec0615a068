"""The upright square around a face: from photo pixels to crop pixels and back by one similarity transform.

Conventions: points are (x, y) with pixel centres at integer coordinates; IOD is the distance between the eye centres,
an eye centre the mean of the eye's two corners. The square has side 2.9 IOD and its centre 0.62 IOD below the
midpoint of the eye centres, along the face's own down axis: forehead to chin, inside most photos.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facsmith.errors import NoFaceError
from facsmith.face.points import eye_centers

__all__ = ["CENTER_BELOW_EYES", "CROP_SIDE", "CropTransform", "crop_transform"]

CROP_SIDE: Final = 2.9
"""Side of the crop in IOD."""
CENTER_BELOW_EYES: Final = 0.62
"""Distance in IOD from the midpoint of the eye centres down to the centre of the crop."""


@dataclass(frozen=True, eq=False)
class CropTransform:
    """The similarity photo -> crop.

    matrix: (2, 3) float64, crop_xy = matrix[:, :2] @ photo_xy + matrix[:, 2]. resolution: side of the crop in pixels.
    """

    matrix: npt.NDArray[np.float64]
    resolution: int

    @property
    def scale(self) -> float:
        """Crop pixels per photo pixel."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def inverse(self) -> npt.NDArray[np.float64]:
        """(2, 3) matrix crop -> photo."""
        linear = np.asarray(np.linalg.inv(self.matrix[:, :2]), dtype=np.float64)
        return np.hstack([linear, -linear @ self.matrix[:, 2:]])

    def crop(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """image: (H, W, 3) uint8. Returns (resolution, resolution, 3) uint8.

        Minifying averages over the area each crop pixel covers; magnifying interpolates bicubically. Beyond the photo's
        border the picture is mirrored.
        """
        # Sample on a grid k times finer, at or above the photo's own density, then average k x k: no alias, no blur.
        k = max(1, int(np.ceil(1 / self.scale - 1e-9)))
        fine = self.matrix * k
        fine[:, 2] += (k - 1) / 2  # pixel centres: fine = k * crop + (k - 1) / 2
        size = self.resolution * k
        sampled = cv2.warpAffine(
            image,
            fine,
            (size, size),
            flags=cv2.INTER_CUBIC if k == 1 else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        if k > 1:
            sampled = cv2.resize(sampled, (self.resolution, self.resolution), interpolation=cv2.INTER_AREA)
        return np.asarray(sampled, dtype=np.uint8)

    def to_crop(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """points: (..., 2) photo pixels -> (..., 2) crop pixels."""
        return _apply(self.matrix, points)

    def to_photo(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """points: (..., 2) crop pixels -> (..., 2) photo pixels."""
        return _apply(self.inverse, points)


def crop_transform(landmarks: npt.ArrayLike, resolution: int) -> CropTransform:
    """The crop of a face.

    landmarks: (68, 2) photo pixels, iBUG order. resolution: side of the crop in pixels.

    Raises:
        NoFaceError: the two eyes lie on one spot, so that no axis can be drawn through them.
    """
    left, right = eye_centers(landmarks)
    across = right - left
    iod = float(np.hypot(*across))
    if not iod > 1e-6:
        raise NoFaceError("The two eyes of this face lie on one spot; give a photo in which both eyes are seen apart.")
    axis_x = across / iod
    axis_y = np.array([-axis_x[1], axis_x[0]])  # the face's down: x turned by +90 degrees, y pointing down
    center = (left + right) / 2 + CENTER_BELOW_EYES * iod * axis_y
    linear = np.stack([axis_x, axis_y]) * (resolution / (CROP_SIDE * iod))
    offset = (resolution - 1) / 2 - linear @ center  # the square spans -0.5 .. resolution - 0.5
    return CropTransform(np.hstack([linear, offset[:, None]]), resolution)


def _apply(matrix: npt.NDArray[np.float64], points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]
