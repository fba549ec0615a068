"""The compositor of one photo: constants once, then frame after frame."""

import itertools
from collections.abc import Callable
from functools import cached_property
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import FloatImage, Pixels
from facsmith.compose.canvas import Band, Canvas, canvas
from facsmith.compose.lips import lip_gap, seal
from facsmith.compose.masks import fade, left_half
from facsmith.compose.still import Still, filled, still
from facsmith.compose.transfer import SHARP, Change, Transfer
from facsmith.errors import InputError
from facsmith.face.align import CropTransform
from facsmith.face.muscles import FaceMuscles, two_sided
from facsmith.face.points import LEFT_HALF, RIGHT_HALF, interocular

__all__ = ["Compositor", "Mode", "join"]

Mode = Literal["transfer", "paste", "crop"]

_OPEN = 0.025  # IOD: a smaller gap between the inner lips is a landmarker's doubt
_SLID = 0.02  # IOD from which skin has moved away from what stands before it
_PASTED = 1.5  # grey levels between the generated crop and the reference, on average, from which on `paste` is whole


class Compositor:
    """Brings generated crops into one photo. A frame depends on nothing but what it is given: any order gives the same
    film. Constants are computed when the first frame needs them.

    transfer: only the change reaches the photo. The muscles move the photo's own pixels and shade its folds; what comes
        into view is taken from the generator. No change gives the photo bit for bit, and pixels outside the face are
        the photo's at all times.
    paste: the generated face itself, its colours matched to the photo's, feathered in; it fades in with the first
        movement, so that here too a crop equal to the reference gives the photo bit for bit.
    crop: the generated crop alone, as in the paper.

    Parameters
    ----------
    photo
        (H, W, 3) uint8 RGB.
    transform
        From the photo to the generator's crop.
    landmarks
        (68, 2) photo pixels.
    reference
        (R, R, 3) uint8, what the generator makes of the photo's own latent; or what tells it when it is needed.
    """

    def __init__(
        self,
        photo: Pixels,
        transform: CropTransform,
        landmarks: npt.ArrayLike,
        reference: Pixels | Callable[[], Pixels],
    ) -> None:
        self._photo = photo
        self._transform = transform
        self._landmarks = np.asarray(landmarks, np.float64)
        self._given = reference if callable(reference) else self._checked(reference)

    @cached_property
    def _reference(self) -> Pixels:
        return self._checked(self._given()) if callable(self._given) else self._given

    @cached_property
    def _muscles(self) -> FaceMuscles:
        return FaceMuscles(self._landmarks)

    @cached_property
    def _gap(self) -> float:
        return lip_gap(self._landmarks)

    @cached_property
    def _canvas(self) -> Canvas:
        return canvas(self._transform, self._landmarks)

    @cached_property
    def _transfer(self) -> Transfer:
        seen = self._canvas.sample(self._photo)
        return Transfer(self._canvas, self._canvas.points(self._landmarks), lambda: self._reference, seen)

    @cached_property
    def _bands(self) -> list[Band]:
        return [*self._canvas.bands(self._transfer.mask, self._photo.shape)]

    @cached_property
    def still(self) -> Still | None:
        """What stands before the face and does not move with it."""
        part = self._transfer
        return still(self._photo, self._canvas, part.field.frame, part.field.face, part.mask)

    @cached_property
    def _front_box(self) -> Band | None:
        return None if self.still is None else self.still.window.box(self._photo.shape)

    @cached_property
    def _front_parts(self) -> list[Band]:
        """Parts of the photo, apart from each other, into which skin may come from behind what stands before it."""
        front, box = self.still, self._front_box
        if front is None or box is None:
            return []
        return [part for part in (near.common(box) for near in front.parts(self._photo.shape)) if part is not None]

    @cached_property
    def _skin(self) -> Pixels:
        """Of `_front_box` the photo without the rims before the face: the skin behind them goes on."""
        front, box = self.still, self._front_box
        if front is None or box is None:
            return self._photo[:0]
        fill = filled(front.window.sample(self._photo), front.hiding, front.brows)
        out = self._photo[box.slices].copy()
        for band in self._bands:
            near = band.common(box)
            if near is not None:
                hidden = front.window.lift(front.around, near)[..., None]
                here = out[near.within(box)].astype(np.float32)
                here += hidden * (front.window.lift(fill, near, smooth=True) - here)
                out[near.within(box)] = np.rint(np.clip(here, 0, 255)).astype(np.uint8)
        return out

    def in_front(self, frame: Pixels) -> None:
        """Lay what stands before the face over a frame (H, W, 3), in place, as it is in the photo."""
        front = self.still
        if front is None:
            return
        for band, part in itertools.product(self._bands, self._front_parts):
            near = band.common(part)
            if near is not None:
                share = front.window.lift(front.share, near)
                share *= self._canvas.lift(self._transfer.mask, near) > 0
                here = frame[near.slices].astype(np.float32)
                here += share[..., None] * (self._photo[near.slices] - here)
                frame[near.slices] = np.rint(here).astype(np.uint8)

    def frame(
        self,
        generated: Pixels | None,
        right: Pixels | None = None,
        *,
        change: npt.ArrayLike,
        drawn: npt.ArrayLike | None = None,
        lips_open: float = 1.0,
        mode: Mode = "transfer",
    ) -> Pixels:
        """One frame.

        Parameters
        ----------
        generated
            (R, R, 3) uint8 of the generator; None: the reference, looked at only where its pixels are used.
        right
            Another crop for the person's own right side; ``generated`` is then the left's.
        change
            (28,) or (2, 28) in the order of `facs.AUS`: by how much the AUs change from what the photo shows, on the
            person's own left and right side.
        drawn
            The part of ``change`` that the generated picture shows; default all of it.
        lips_open
            The part that shall stay of the opening between the photo's own lips, where they are open; what the motion
            leaves of more is closed.
        mode
            How, see the class.

        Returns
        -------
        A new array: the photo with the change, (H, W, 3) uint8; for ``crop``, the crop. Without any change, and with
        the reference as the generated picture, the photo bit for bit.
        """
        if mode not in get_args(Mode):
            raise InputError(f"There is no compositing mode {mode!r}. Choose one of {', '.join(get_args(Mode))}.")
        if generated is None and (mode != "transfer" or self._transform.resolution >= SHARP):
            generated = self._reference
        at_rest = generated is None
        if generated is not None:
            self._checked(generated)
            if right is not None and not np.array_equal(generated, self._checked(right)):
                generated = join(generated, right, self._transform.to_crop(self._landmarks))
            if mode == "crop":
                return generated.copy()
            at_rest = np.array_equal(generated, self._reference)
            if mode == "paste":
                return self._photo.copy() if at_rest else self._paste(generated)
        asked = two_sided(change)
        if not asked.any() and at_rest:
            return self._photo.copy()
        moved = self._transfer.change(generated, asked, asked if drawn is None else two_sided(drawn))
        for part in (moved, moved.mouth):
            if part is not None:
                part.flow[:] = self._canvas.vectors_to_photo(part.flow)
        out = self._photo.copy()
        for band in self._bands:
            self._compose(moved, band, out)
        if lips_open < 1 and self._gap > _OPEN:
            landmarks = self.landmarks(asked)
            amount = float(np.clip(1 - lips_open * self._gap / max(lip_gap(landmarks), 1e-6), 0, 1))
            seal(out, self._muscles.frame, moved.lips, amount)
        self.in_front(out)
        return out

    def landmarks(self, change: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Where the photo's landmarks (68, 2) lie, in photo pixels, once its AUs change by (28,) or (2, 28)."""
        sides = two_sided(change)
        moved = self._muscles.frame.vectors_to_photo(self._muscles.moved(sides)[:68])
        for asked, of_side in zip(sides, (RIGHT_HALF, LEFT_HALF), strict=True):  # the person's left, then right
            if not asked.any():
                moved[list(of_side)] = 0
        return self._landmarks + moved

    def _compose(self, change: Change, band: Band, out: Pixels) -> None:
        """Write one band of the frame. change.flow: in photo pixels."""
        lift = self._canvas.lift
        flow = lift(change.flow, band)
        mouth = change.mouth
        box = None if mouth is None else mouth.window.box(self._photo.shape)
        near = None if box is None else band.common(box)
        if mouth is not None and near is not None:
            share = mouth.window.lift(mouth.share, near)[..., None]
            part = flow[near.within(band)]
            part += share * (mouth.window.lift(mouth.flow, near) - part)
        self._hold(flow, band)
        x = np.arange(band.left, band.right, dtype=np.float32)
        y = np.arange(band.top, band.bottom, dtype=np.float32)[:, None]
        picture = _moved(self._photo, flow[..., 0] + x, flow[..., 1] + y)
        for part in self._front_parts:
            front = band.common(part)
            if front is not None:
                at = front.within(band)
                picture[at] = self._behind(picture[at], flow[at], front)
        if change.added is not None:
            picture += lift(change.added, band, smooth=True)
        picture *= 1 + lift(change.gain - 1, band, smooth=True)[..., None] * self._transfer.shade
        if mouth is not None and near is not None:
            opacity = mouth.window.lift(mouth.opacity, near)[..., None]
            part = picture[near.within(band)]
            part += opacity * (mouth.window.lift(mouth.fresh, near, smooth=True) - part)
        self._write(picture, band, out)

    def _hold(self, flow: FloatImage, band: Band) -> None:
        """Take from a band's flow (h, w, 2), in place, what hair beside skin keeps it from moving."""
        front = self.still
        if front is None or not front.hair:
            return
        for part in self._front_parts:
            near = band.common(part)
            if near is not None:
                flow[near.within(band)] *= 1 - front.window.lift(front.held, near)[..., None]

    def _behind(self, picture: FloatImage, flow: FloatImage, part: Band) -> FloatImage:
        """The moved photo (h, w, 3) of a part with the skin, where it slid, that stands behind rims."""
        front, box = self.still, self._front_box
        if front is None or not front.glasses or box is None:
            return picture
        way = np.hypot(flow[..., 0], flow[..., 1]) * np.float32(self._canvas.scale / self._canvas.iod)
        x = flow[..., 0] + np.arange(part.left - box.left, part.right - box.left, dtype=np.float32)
        y = flow[..., 1] + np.arange(part.top - box.top, part.bottom - box.top, dtype=np.float32)[:, None]
        height, width = self._skin.shape[:2]
        known = (x > 1) & (y > 1) & (x < width - 2) & (y < height - 2)
        share = np.minimum(way / np.float32(_SLID), 1) * known
        return np.asarray(picture + share[..., None] * (_moved(self._skin, x, y) - picture), np.float32)

    def _paste(self, generated: Pixels) -> Pixels:
        picture, begun = self._transfer.enlarge(generated), self._begun(generated)
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

    def _write(self, picture: FloatImage, band: Band, out: Pixels) -> None:
        inside = self._canvas.lift(self._transfer.mask, band) > 0
        rounded = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
        np.copyto(out[band.slices], rounded, where=inside[..., None])

    def _checked(self, crop: Pixels) -> Pixels:
        side = self._transform.resolution
        if crop.dtype != np.uint8 or crop.shape != (side, side, 3):
            raise InputError(f"A generated crop is ({side}, {side}, 3) uint8 here; given: {crop.dtype} {crop.shape}.")
        return crop


def _moved(photo: Pixels, x: FloatImage, y: FloatImage) -> FloatImage:
    """A photo (H, W, 3) at places (h, w)."""
    return cv2.remap(photo, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)


def join(left: Pixels, right: Pixels, points: npt.ArrayLike) -> Pixels:
    """Two generated pictures of one face as one: the person's own left half of the first, the right of the second.

    Parameters
    ----------
    left, right
        (H, W, 3) uint8.
    points
        (68, 2) in their pixels. The two are faded into each other at the midline.
    """
    at = np.asarray(points, np.float64)
    share = left_half(at, float(interocular(at)), (left.shape[0], left.shape[1]))[..., None]
    return np.asarray(np.rint(right + share * (left.astype(np.float32) - right)), np.uint8)
