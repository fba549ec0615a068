"""The compositor of one photo: constants once, then frame after frame."""

from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from facsmith.compose.canvas import Band, canvas
from facsmith.compose.lips import lip_gap, seal
from facsmith.compose.masks import fade, left_half
from facsmith.compose.transfer import Change, Transfer
from facsmith.errors import InputError
from facsmith.face.align import CropTransform
from facsmith.face.points import interocular
from facsmith.facs import AUS, DISFA

__all__ = ["Compositor", "Mode", "join"]

Pixels = npt.NDArray[np.uint8]
Image = npt.NDArray[np.float32]
Mode = Literal["transfer", "paste", "crop"]

_FITTED = [AUS.index(au) for au in DISFA]  # the AUs whose motion is sought
_OPEN = 0.025  # IOD: a smaller gap between the inner lips is a landmarker's doubt
_OUTER = [50, 51, 52, 54, 56, 57, 58]  # the outer lip's points beside the inner ones from 61 on
_PASTED = 1.5  # grey levels between the generated crop and the reference, on average, from which on `paste` is whole


class Compositor:
    """Brings generated crops into one photo. A frame depends on nothing but what it is given: any order gives the same
    film.

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
        self._landmarks = np.asarray(landmarks, np.float64)
        self._gap = lip_gap(landmarks)
        self._points = transform.to_crop(landmarks)
        self._reference = self._checked(reference)
        self._canvas = canvas(transform)
        seen = self._canvas.sample(photo)
        self._transfer = Transfer(self._canvas, self._canvas.points(landmarks), reference, seen)
        self._bands = [*self._canvas.bands(self._transfer.mask, photo.shape)]

    def frame(
        self,
        generated: Pixels,
        right: Pixels | None = None,
        *,
        asked: npt.NDArray[np.float64] | None = None,
        lips_open: float = 1.0,
    ) -> Pixels:
        """generated: (R, R, 3) uint8. Returns a new array: the photo with it, (H, W, 3); for ``crop``, the crop.

        right: another crop for the person's own right side; ``generated`` is then the left's. Where one side's crop
        equals the reference, that side is the photo bit for bit, up to the seam along the midline. asked: (K,) over
        ``facs.AUS``, or (2, K) of the left side and of the right, by how much the AUs were to change: where motion is
        sought first; what the pictures show decides. lips_open: the part that shall stay of the opening between the
        photo's own lips, where they are open; what the motion leaves of more is closed.
        """
        self._checked(generated)
        if right is None or np.array_equal(generated, self._checked(right)):
            right = generated
        if self.mode == "crop":
            return generated.copy() if right is generated else join(generated, right, self._points)
        if right is generated and np.array_equal(generated, self._reference):
            return self._photo.copy()
        if self.mode == "paste":
            return self._paste(generated, right)
        of_left, of_right = (None, None) if asked is None else np.broadcast_to(asked, (2, len(AUS)))[:, _FITTED]
        change = self._change(generated, of_left)
        if right is not generated:
            change = self._transfer.joined(change, self._change(right, of_right))
        change.flow[:] = self._canvas.vectors_to_photo(change.flow)
        out = self._photo.copy()
        for band in self._bands:
            self._compose(change, band, out)
        if lips_open < 1 and self._gap > _OPEN:
            moved = self._moved(change.flow)
            seal(out, moved, float(np.clip(1 - lips_open * self._gap / max(lip_gap(moved), 1e-6), 0, 1)))
        return out

    def landmarks(self, generated: Pixels, *, asked: npt.NDArray[np.float64] | None = None) -> npt.NDArray[np.float64]:
        """Where the photo's landmarks (68, 2) lie, in photo pixels, once the photo moves as ``generated`` does.

        asked: (K,), as for `frame`.
        """
        sought = None if asked is None else asked[_FITTED]
        return self._moved(self._canvas.vectors_to_photo(self._change(self._checked(generated), sought).flow))

    def _moved(self, flow: Image) -> npt.NDArray[np.float64]:
        """Where the photo's landmarks (68, 2) lie in the new frame. flow: on the canvas, backward, in photo pixels.

        A lip's inner contour moves as its middle does: on the contour itself the flow may be that of the teeth.
        """
        anchors = self._landmarks.copy()
        anchors[61:68] = (anchors[61:68] + anchors[_OUTER]) / 2
        at = anchors
        for _ in range(8):
            x, y = self._canvas.points(at).astype(np.float32).T
            back = cv2.remap(flow, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)[0]
            at = (at + anchors - back) / 2  # halfway: it settles where the flow jumps, too
        return self._landmarks + at - anchors

    def _change(self, generated: Pixels, asked: npt.NDArray[np.float64] | None) -> Change:
        if np.array_equal(generated, self._reference):
            return self._transfer.still()
        return self._transfer.change(generated, asked)

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

    def _paste(self, generated: Pixels, right: Pixels) -> Pixels:
        picture, begun = self._transfer.enlarge(generated), self._begun(generated)
        if right is not generated:
            other, left = self._transfer.enlarge(right), self._transfer.left
            picture = other + left[..., None] * (picture - other)
            begun = np.float32(self._begun(right)) + left * np.float32(begun - self._begun(right))
        matched = np.clip(picture * self._transfer.gain, 0, 255)
        mask = np.asarray(begun * self._transfer.mask, np.float32)
        out = self._photo.copy()
        for band in self._bands:
            opacity = self._canvas.lift(mask, band)[..., None]
            picture = self._photo[band.slices].astype(np.float32)
            picture += opacity * (self._canvas.lift(matched, band, smooth=True) - picture)
            self._write(picture, band, out)
        return out

    def _begun(self, generated: Pixels) -> float:
        """How far `paste` has faded in, 0 to 1."""
        return float(fade(np.abs(generated.astype(np.float32) - self._reference).mean(), 0, _PASTED))

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


def join(left: Pixels, right: Pixels, points: npt.ArrayLike) -> Pixels:
    """Two generated pictures of one face as one: the person's own left half of the first, the right of the second.

    left, right: (H, W, 3) uint8; points: (68, 2) in their pixels. The two are faded into each other at the midline.
    """
    at = np.asarray(points, np.float64)
    share = left_half(at, float(interocular(at)), (left.shape[0], left.shape[1]))[..., None]
    return np.asarray(np.rint(right + share * (left.astype(np.float32) - right)), np.uint8)
