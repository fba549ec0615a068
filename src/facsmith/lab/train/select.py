"""Which photos are worth training on: sharp, looking into the camera, large enough."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Image
from facsmith.errors import InputError
from facsmith.face.align import crop_transform
from facsmith.face.points import eye_centers, interocular, yaw_degrees
from facsmith.lab.train.photos import Photo

__all__ = ["Selection", "pitch_degrees", "selected", "sharpness"]


# Heights below the eye line in IOD of nose tip (points 29 and 30), nose base (33) and the jaw's ends (0 and 16), and 1:
# regression on MediaPipe's head pose over the 4,700 of 5,408 faces that are turned by less than 20 degrees; r = .96,
# off by 1.8 degrees.
_PITCH = (67.0, -38.3, -54.2, 4.4)


@dataclass(frozen=True)
class Selection:
    """Which photos are good enough.

    Parameters
    ----------
    sharpness
        Least sharpness, see the function `sharpness`.
    yaw, pitch
        Largest angles, in degrees either way.
    interocular
        Least distance between the eyes, in photo pixels.
    age
        Least age in years, where it is known.
    """

    sharpness: float = 0.0
    yaw: float = inf
    pitch: float = inf
    interocular: float = 0.0
    age: int = 0

    def __post_init__(self) -> None:
        if min(self.sharpness, self.yaw, self.pitch, self.interocular, self.age) < 0:
            raise InputError(
                "The limits of sharpness, yaw, pitch, eye distance and age are 0 or more; got "
                f"{self.sharpness:g}, {self.yaw:g}, {self.pitch:g}, {self.interocular:g} and {self.age}."
            )

    def objection(self, photo: Photo, *, resolution: int) -> str | None:
        """Why not this photo, in a few words; None where it is welcome.

        Parameters
        ----------
        resolution
            Resolution of the data set.
        """
        apart, yaw, pitch = (
            float(interocular(photo.landmarks)),
            abs(yaw_degrees(photo.landmarks)),
            abs(pitch_degrees(photo.landmarks)),
        )
        if 0 <= photo.age < self.age:
            return f"{photo.age} years old, below {self.age}"
        if apart < self.interocular:
            return f"eyes {apart:.0f} pixels apart, below {self.interocular:g}"
        if yaw > self.yaw:
            return f"turned by {yaw:.0f} degrees, above {self.yaw:g}"
        if pitch > self.pitch:
            return f"tilted by {pitch:.0f} degrees, above {self.pitch:g}"
        if self.sharpness > 0:
            found = sharpness(crop_transform(photo.landmarks, resolution).crop(photo.image))
            if found < self.sharpness:
                return f"sharpness {found:.0f}, below {self.sharpness:g}"
        return None


def selected(
    photos: Iterable[Photo],
    selection: Selection,
    *,
    resolution: int,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Photo]:
    """The photos that pass; of the others, progress is told name and reason."""
    for photo in photos:
        objection = selection.objection(photo, resolution=resolution)
        if objection is None:
            yield photo
        else:
            progress(f"skipped {photo.name}: {objection}")


def sharpness(crop: Image) -> float:
    """Variance of the Laplacian of an upright face crop (R, R, 3), in grey levels squared: at 128 px about 25 for a
    blurred photo and 200 for a crisp one."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def pitch_degrees(landmarks: npt.ArrayLike) -> float:
    """How far a face is tilted, in degrees; positive downwards.

    Parameters
    ----------
    landmarks
        (68, 2), any unit.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    left, right = eye_centers(points)
    across = right - left
    iod = float(np.hypot(*across))
    down = np.array([-across[1], across[0]]) / iod

    def below(*indices: int) -> float:
        return float((points[list(indices)].mean(axis=0) - (left + right) / 2) @ down) / iod

    return float(np.dot(_PITCH, (below(29, 30), below(33), below(0, 16), 1.0)))
