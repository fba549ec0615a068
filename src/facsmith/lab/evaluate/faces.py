"""The faces a model is judged on: people it was not trained on, from a data set or from photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facsmith import face, image
from facsmith._types import Array, Image
from facsmith.errors import InputError, NoFaceError
from facsmith.face import READABLE_SIDE
from facsmith.face.dlib_provider import embed
from facsmith.framing import FACSMITH, Framing
from facsmith.lab.train.dataset import reading

__all__ = [
    "AGE_BANDS",
    "SKIN_BANDS",
    "JudgedFace",
    "age_band",
    "held_out",
    "photographed",
    "skin_band",
    "training_crops",
]


AGE_BANDS = ((0, 30), (30, 45), (45, 60), (60, 200))
"""Years, the upper end excluded."""

SKIN_BANDS = (("dark", -90.0), ("brown", -30.0), ("tan", 10.0), ("intermediate", 28.0), ("light", 41.0))
"""Lower ends in degrees of the individual typology angle (Chardon et al. 1991; Del Bino & Bernerd 2013)."""

_CHEEKS = ((36, 48), (45, 54))  # halfway from an outer eye corner to the mouth's


@dataclass(frozen=True, eq=False)
class JudgedFace:
    """One face on which a model is judged.

    Parameters
    ----------
    photo
        (H, W, 3) uint8 RGB to film.
    crop
        (R, R, 3), as the generator sees the face.
    landmarks
        (68, 2) crop pixels.
    age
        Years, -1 where unknown.
    """

    name: str
    photo: Image
    crop: Image
    landmarks: Array
    age: int = -1

    @cached_property
    def identity(self) -> Array:
        """(128,), see `embed`: kept, for a report compares dozens of pictures with each face."""
        return embed(self.crop, self.landmarks)

    @property
    def typology_angle(self) -> float:
        """Of the cheeks, degrees: arctan((L* - 50) / b*). An estimate: the light of the photo is in it, too."""
        side = max(2, round(0.06 * len(self.crop)))
        patches: list[Image] = []
        for corner, mouth in _CHEEKS:
            x, y = np.rint((self.landmarks[corner] + self.landmarks[mouth]) / 2).astype(int)
            patches.append(self.crop[max(0, y - side) : y + side, max(0, x - side) : x + side].reshape(-1, 1, 3))
        pixels = np.concatenate(patches).astype(np.float32) / 255
        lightness, _, yellow = np.median(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).reshape(-1, 3), axis=0)
        return float(np.degrees(np.arctan2(lightness - 50, max(float(yellow), 1e-3))))


def held_out(dataset: str | Path, resolution: int, *, count: int, seed: int = 0) -> list[JudgedFace]:
    """At most ``count`` of the people a data set of `facsmith train data` keeps from training, as photographed."""
    images, landmarks, attributes = _open(Path(dataset), resolution)
    rows = np.flatnonzero(attributes["held_out"])
    chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:count])
    return [
        JudgedFace(
            name=str(attributes["name"][row]),
            photo=image.enlarged(np.ascontiguousarray(images[row, 0]), READABLE_SIDE)[0],
            crop=np.ascontiguousarray(images[row, 0]),
            landmarks=landmarks[row, 0].astype(np.float64),
            age=int(attributes["age"][row]),
        )
        for row in chosen
    ]


def training_crops(dataset: str | Path, resolution: int) -> Image:
    """(N, R, R, 3) of the people a data set trains on, as photographed."""
    images, _, attributes = _open(Path(dataset), resolution)
    return np.ascontiguousarray(images[~attributes["held_out"], 0])


def photographed(
    photos: Sequence[tuple[str, Image]],
    resolution: int,
    *,
    provider: str = "auto",
    framing: Framing = FACSMITH,
) -> tuple[list[JudgedFace], dict[str, str]]:
    """The largest face of each photo (name, pixels), its crop in a generator's framing; and, by name, why a photo was
    left out."""
    faces: list[JudgedFace] = []
    skipped: dict[str, str] = {}
    for name, pixels in photos:
        try:
            found = face.choose(face.find(pixels, provider=provider)).face
        except NoFaceError as error:
            skipped[name] = str(error)
            continue
        transform = face.crop_transform(found.landmarks, resolution, framing)
        faces.append(JudgedFace(name, pixels, transform.crop(pixels), transform.to_crop(found.landmarks)))
    return faces, skipped


def age_band(age: int) -> str:
    """``30-44``, or ``unknown``."""
    for low, high in AGE_BANDS:
        if low <= age < high:
            return f"{low}-{high - 1}" if high < AGE_BANDS[-1][1] else f"{low}+"
    return "unknown"


def skin_band(angle: float) -> str:
    """The name of the band a typology angle lies in."""
    return [name for name, low in SKIN_BANDS if angle >= low][-1]


def _open(root: Path, resolution: int) -> tuple[Image, npt.NDArray[Any], dict[str, npt.NDArray[Any]]]:
    """images (N, V, R, R, 3) memory-mapped, landmarks (N, V, 68, 2), attributes (N,) each."""
    with reading(root):
        images = np.load(root / "images.npy", mmap_mode="r", allow_pickle=False)
        landmarks = np.load(root / "landmarks.npy", allow_pickle=False)
        with np.load(root / "attributes.npz", allow_pickle=False) as stored:
            attributes = {key: stored[key] for key in ("name", "age", "held_out")}
    if images.shape[2:] != (resolution, resolution, 3) or landmarks.shape != (*images.shape[:2], 68, 2):
        raise InputError(
            f"The data set {root} holds images {images.shape} and landmarks {landmarks.shape}; this model needs "
            f"(N, V, {resolution}, {resolution}, 3) and (N, V, 68, 2)."
        )
    return images, landmarks, attributes
