"""The upright square around a face: from photo pixels to crop pixels and back by one similarity transform.

Conventions: points are (x, y) with pixel centres at integer coordinates. Which square, a `Framing` says: the default,
`FACSMITH`, is 2.9 IOD (eye centre to eye centre) wide, forehead to chin, and what landmarkers and measurements look at;
what is cut for a generator has the generator's own.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facsmith.framing import FACSMITH, Framing

__all__ = ["CropTransform", "crop_transform"]


@dataclass(frozen=True, eq=False)
class CropTransform:
    """The similarity photo -> crop.

    Parameters
    ----------
    matrix
        (2, 3) float64, crop_xy = matrix[:, :2] @ photo_xy + matrix[:, 2].
    resolution
        Side of the crop in pixels.
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
        """The crop of a photo.

        Minifying averages over the area each crop pixel covers; magnifying interpolates bicubically. Beyond the photo's
        border the picture is mirrored.

        Parameters
        ----------
        image
            (H, W, 3) uint8.

        Returns
        -------
        ndarray
            (resolution, resolution, 3) uint8.
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


def crop_transform(landmarks: npt.ArrayLike, resolution: int, framing: Framing = FACSMITH) -> CropTransform:
    """The crop of a face.

    Parameters
    ----------
    landmarks
        (68, 2) photo pixels, iBUG order.
    resolution
        Side of the crop in pixels.
    framing
        How the square is cut; for a generator's crop, `framing_of(generator)`.

    Raises
    ------
    NoFaceError
        The two eyes lie on one spot, so that no axis can be drawn through them.
    """
    square = framing.square(landmarks)
    down = np.array([-square.right[1], square.right[0]])  # x turned by +90 degrees, y pointing down
    linear = np.stack([square.right, down]) * (resolution / square.side)
    offset = (resolution - 1) / 2 - linear @ square.center  # the square spans -0.5 .. resolution - 0.5
    return CropTransform(np.hstack([linear, offset[:, None]]), resolution)


def _apply(matrix: npt.NDArray[np.float64], points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]
