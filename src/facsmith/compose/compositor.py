"""The compositor of one photo: constants once, then frame after frame."""

from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from facsmith.compose.canvas import Band, canvas
from facsmith.compose.masks import fade
from facsmith.compose.transfer import Change, Transfer
from facsmith.errors import InputError
from facsmith.face.align import CropTransform

__all__ = ["Compositor", "Mode"]

Pixels = npt.NDArray[np.uint8]
Image = npt.NDArray[np.float32]
Mode = Literal["transfer", "paste", "crop"]

_PASTED = 1.5  # grey levels between the generated crop and the reference, on average, from which on `paste` is whole


class Compositor:
    """Brings generated crops into one photo. A frame depends on nothing but its crop: any order gives the same film.

    transfer: only the difference between the reference g(z_x) and the generated g(z_t) reaches the photo. Motion moves
        the photo's own pixels; shading is added; what comes into view is taken from the generator. A crop equal to the
        reference gives the photo bit for bit, and pixels outside the face are the photo's at all times.
    paste: the generated face itself, its colours matched to the photo's, feathered in; it fades in with the first
        movement, so that here too a crop equal to the reference gives the photo bit for bit.
    crop: the generated crop alone, as in the paper.
    """

    def __init__(
        self,
        photo: Pixels,
        transform: CropTransform,
        landmarks: npt.ArrayLike,
        reference: Pixels,
        *,
        mode: Mode = "transfer",
    ) -> None:
        """photo: (H, W, 3) uint8; landmarks: (68, 2) photo pixels; reference: (R, R, 3) uint8, what the generator makes
        of the photo's own latent.
        """
        if mode not in get_args(Mode):
            raise InputError(f"There is no compositing mode {mode!r}. Choose one of {', '.join(get_args(Mode))}.")
        self.mode: Mode = mode
        self._photo = photo
        self._side = transform.resolution
        self._reference = self._checked(reference)
        self._canvas = canvas(transform)
        seen = self._canvas.sample(photo)
        self._transfer = Transfer(self._canvas, self._canvas.points(landmarks), reference, seen)
        self._bands = [*self._canvas.bands(self._transfer.mask, photo.shape)]

    def frame(self, generated: Pixels) -> Pixels:
        """generated: (R, R, 3) uint8. Returns a new array: the photo with it, (H, W, 3); for ``crop``, the crop."""
        self._checked(generated)
        if self.mode == "crop":
            return generated.copy()
        if np.array_equal(generated, self._reference):
            return self._photo.copy()
        if self.mode == "paste":
            return self._paste(generated)
        change = self._transfer.change(generated)
        change.flow[:] = self._canvas.vectors_to_photo(change.flow)
        out = self._photo.copy()
        for band in self._bands:
            self._compose(change, band, out)
        return out

    def _compose(self, change: Change, band: Band, out: Pixels) -> None:
        """Write one band of the frame. change.flow: in photo pixels."""
        lift = self._canvas.lift
        flow = lift(change.flow, band)
        x = np.arange(band.left, band.right, dtype=np.float32)
        y = np.arange(band.top, band.bottom, dtype=np.float32)[:, None]
        moved = cv2.remap(
            self._photo, flow[..., 0] + x, flow[..., 1] + y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        picture = moved + lift(change.shading, band, smooth=True)
        opacity = lift(change.opacity, band)[..., None]
        picture += opacity * (lift(change.fresh, band, smooth=True) - picture)
        self._write(picture, band, out)

    def _paste(self, generated: Pixels) -> Pixels:
        matched = np.clip(self._transfer.enlarge(generated) * self._transfer.gain, 0, 255)
        begun = fade(np.abs(generated.astype(np.float32) - self._reference).mean(), 0, _PASTED)
        out = self._photo.copy()
        for band in self._bands:
            opacity = begun * self._canvas.lift(self._transfer.mask, band)[..., None]
            picture = self._photo[band.slices].astype(np.float32)
            picture += opacity * (self._canvas.lift(matched, band, smooth=True) - picture)
            self._write(picture, band, out)
        return out

    def _write(self, picture: Image, band: Band, out: Pixels) -> None:
        inside = self._canvas.lift(self._transfer.mask, band) > 0
        rounded = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
        np.copyto(out[band.slices], rounded, where=inside[..., None])

    def _checked(self, crop: Pixels) -> Pixels:
        if crop.dtype != np.uint8 or crop.shape != (self._side, self._side, 3):
            raise InputError(
                f"A generated crop is ({self._side}, {self._side}, 3) uint8 here; given: {crop.dtype} {crop.shape}."
            )
        return crop
