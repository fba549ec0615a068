"""A face ready to be edited: found, cropped and encoded once, then animated as often as wanted."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from facsmith import image
from facsmith._types import Image
from facsmith.compose import Compositor
from facsmith.cutout import Cutout
from facsmith.errors import PhotoError
from facsmith.face import CropTransform, Face
from facsmith.facs import ActionUnits
from facsmith.generator import Generator
from facsmith.inversion import Inversion
from facsmith.latent import Latent
from facsmith.options import Progress
from facsmith.tuning import TunedLatent

__all__ = ["Encoded", "FaceCode", "Subject", "fingerprint", "read_photo"]


class Encoded(NamedTuple):
    """latent: z_x, ws (num_ws, w_dim). reference: (R, R, 3) uint8, g(z_x). inversion: None where z_x was given."""

    latent: Latent
    reference: Image
    inversion: Inversion | None = None


class FaceCode:
    """A face in the latent space, searched for when somebody first wants to know: a film that muscles move never does.

    Parameters
    ----------
    search
        Finds it, and tells its progress.
    """

    def __init__(self, search: Callable[[Progress | None], Encoded]) -> None:
        self._search = search
        self.known: Encoded | None = None
        """What was found, without a search."""

    @classmethod
    def of(cls, known: Encoded) -> "FaceCode":
        """One that is known already."""
        code = cls(lambda _: known)
        code.known = known
        return code

    def found(self, progress: Progress | None = None) -> Encoded:
        """Search, unless that was done before."""
        if self.known is None:
            self.known = self._search(progress)
        return self.known


@dataclass(frozen=True, eq=False)
class Subject:
    """One face of one photo, in W+: all that a film of it needs to know.

    Parameters
    ----------
    name
        Name of the photo, for receipts.
    photo
        (H, W, 3) uint8 RGB.
    code
        The face in the latent space; `latent`, `reference` and `inversion` are of it.
    photo_aus
        What the photo shows (`measure.alone`).
    face
        None where none was found on a face of the generator's own.
    faces, face_index
        How many were found, and which one this is.
    transform
        Photo -> crop; None where the photo is the generator's own picture.
    compositor
        Brings generated crops into the photo; None where ``transform`` is.
    neutral
        (H, W, 3), the photo with every AU at 0, where it was drawn already.
    tuned
        The latent with the change of the generator's weights for this face, where there is one.
    generator
        What draws the face: the model's own, or one made of it; None the model's own.
    timings
        Seconds per stage.
    notes
        What the user should know, one sentence each.
    cutout
        The photo with its transparency, where its file has that.
    """

    name: str
    photo: Image
    code: FaceCode
    photo_aus: ActionUnits
    face: Face | None
    faces: int
    face_index: int
    transform: CropTransform | None
    compositor: Compositor | None = None
    neutral: Image | None = None
    tuned: TunedLatent | None = None
    generator: Generator | None = None
    timings: dict[str, float] = field(default_factory=dict[str, float])
    notes: tuple[str, ...] = ()
    cutout: Cutout | None = None

    @property
    def latent(self) -> Latent:
        """z_x, ws (num_ws, w_dim)."""
        return self.code.found().latent

    @property
    def reference(self) -> Image:
        """(R, R, 3) uint8, g(z_x)."""
        return self.code.found().reference

    @property
    def inversion(self) -> Inversion | None:
        """How the latent was found; None where it was given."""
        return self.code.found().inversion

    @property
    def sha256(self) -> str:
        """Of the photo's pixels."""
        return fingerprint(self.photo)


def read_photo(photo: str | os.PathLike[str] | Image) -> tuple[Image, str]:
    """Pixels (H, W, 3) uint8 RGB and a name for the receipt: the file's, without its folder."""
    if isinstance(photo, str | os.PathLike):
        return image.read(photo), Path(photo).name
    pixels = cast(npt.NDArray[Any], photo)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise PhotoError(f"A photo is an (H, W, 3) uint8 RGB array; given: {pixels.dtype} of shape {pixels.shape}.")
    return photo, "array"


def fingerprint(pixels: npt.NDArray[np.generic]) -> str:
    """sha256 of an array's shape and content."""
    digest = hashlib.sha256(f"{pixels.dtype.str}{pixels.shape}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
