"""What changed between two frames of a generator, split into motion, shading and new pixels.

The new frame equals the old one moved along the flow, plus a residual. Where the residual is small it is shading
(folds, shadows) and is added to the photo's own moved pixels; where it is large, and lips part, something came into
view that the photo does not hold (tongue, depth): the generator's pixels take the place of the photo's, with teeth of
our own (`compose.teeth`).

Conventions: all arrays lie on one `Canvas`, float32; colours in [0, 255].
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facsmith.compose.anatomy import Guess, MuscleMotion
from facsmith.compose.canvas import Canvas
from facsmith.compose.flow import FLOW_SIZE, blur, composed, remaining_flow, warp
from facsmith.compose.lips import lip_gap
from facsmith.compose.masks import border, face_mask, fade, left_half, off_contour, replacement_prior
from facsmith.compose.teeth import OWN_TEETH, Teeth

__all__ = ["Change", "Transfer", "matching_gain"]

Pixels = npt.NDArray[np.uint8]
Image = npt.NDArray[np.float32]

# All lengths in canvas pixels per 256 of the canvas's side.
_RESIDUAL_REACH = 2.5
_SHADING_BLUR = 1.2
_GLOW = np.float32(15)  # grey levels that skin becomes lighter by, at most
_MISALIGNMENT = (
    1.2  # what the flow may be off by: at the old frame's edges, a residual of this times the gradient is not real
)
_DETAIL = 2.5
_REGISTRATION_BLUR, _REGISTRATION_REACH = 6.0, 0.12  # the second in IOD: what a long registration tends to
_SHARPEST = 1.5
_NOISE = 2.0  # grey levels
_OPENING = 0.1  # IOD: how far around lips that part there may be more of the mouth's inside than the motion tells
_DEPTH = 40.0, 80.0  # grey levels of the mouth's depth: with more, teeth that lie there are seen
_REPLACE_FROM, _REPLACE_FULLY = 18.0, 40.0  # grey levels of residual: with less, lips lose their own texture


@dataclass(frozen=True, eq=False)
class Change:
    """flow: (H, W, 2) canvas pixels, backward. shading: (H, W, 3) to add. fresh: (H, W, 3) colours to lay over with
    opacity (H, W) in [0, 1]. All of it fades to nothing at the edge of the face.
    """

    flow: Image
    shading: Image
    fresh: Image
    opacity: Image


class Transfer:
    """Compares generated frames with one reference; everything constant is computed here, once."""

    def __init__(self, canvas: Canvas, points: npt.NDArray[np.float64], reference: Pixels, photo: Image) -> None:
        """points: (68, 2) on the canvas; reference: (R, R, 3); photo: (H, W, 3) the photo seen on the canvas.

        left: (H, W) in [0, 1], the person's own left half of the face.
        """
        self._canvas = canvas
        self._unit = canvas.side / 256
        self.mask = face_mask(points, canvas.iod, canvas.shape)
        within_crop = canvas.extend(border((canvas.side, canvas.side), 0.12 * canvas.iod))
        self._generated = self.mask * within_crop  # where the generator has anything to say
        self._prior = replacement_prior(points, canvas.iod, canvas.shape) * self._generated
        self._shaded = self._generated * off_contour(points, canvas.iod, canvas.shape)
        self.left = left_half(points, canvas.iod, canvas.shape)
        scale = FLOW_SIZE / canvas.side
        self._muscles = MuscleMotion((points + 0.5) * scale - 0.5, self._square(self.mask))
        self._alignment = np.zeros((*canvas.shape, 2), np.float32)
        self._alignment = self._registration(self.enlarge(reference), photo)
        self._reference = self.enlarge(reference)
        self._grey = self._searchable(self._reference)
        self.gain = matching_gain(photo, self._reference, self.mask, canvas.iod)
        ratio = self._detail(photo) / self._detail(self._reference)
        self._sharpening = np.float32(np.clip(ratio - 1, 0, _SHARPEST))
        across = cv2.Sobel(self._reference, cv2.CV_32F, 1, 0, scale=1 / 8)
        along = cv2.Sobel(self._reference, cv2.CV_32F, 0, 1, scale=1 / 8)
        self._open = fade(lip_gap(points), *OWN_TEETH)  # closing, these lips leave slivers that the generator covers
        self._teeth = Teeth(points, canvas.iod, photo, self.mask)
        self._edges = np.asarray(np.max(across * across + along * along, axis=-1), np.float32)

    def enlarge(self, crop: Pixels) -> Image:
        """(R, R, 3) of the generator -> (H, W, 3) on the canvas, registered to the photo."""
        return warp(self._canvas.enlarge(crop), self._alignment)

    def change(self, generated: Pixels, asked: npt.NDArray[np.float64] | None = None) -> Change:
        """generated: (R, R, 3). asked: (12,) by how much its AUs were to change, where that is known."""
        frame = self.enlarge(generated)
        flow, parted, teeth = self._flow(self._grey, self._searchable(frame), asked)
        residual = frame - warp(self._reference, flow)
        power = np.asarray(np.einsum("ijk,ijk->ij", residual, residual) / 3, np.float32)

        # Wiener's weight: the share of the residual that neither noise nor misaligned edges explain.
        near = blur(power, 2 * self._unit)
        doubt = _NOISE**2 + (_MISALIGNMENT * self._unit) ** 2 * warp(self._edges, flow)
        weight = near / (near + doubt)
        shading = blur(residual * weight[..., None], _SHADING_BLUR * self._unit) * self.gain
        # Folds darken skin as deep as they are, but no AU lights it up: that is the generator's flicker.
        shading = np.minimum(shading, _GLOW * np.tanh(shading / _GLOW))

        level = np.sqrt(blur(power, _RESIDUAL_REACH * self._unit))
        opened = np.maximum(self._open, fade(blur(np.maximum(parted, teeth), _OPENING * self._canvas.iod), 0.01, 0.08))
        unlike = fade(level, _REPLACE_FROM, _REPLACE_FULLY) * self._prior * opened
        replaced = np.maximum(unlike, parted * self._generated)
        fresh = np.clip(self._sharpened(frame) * self.gain, 0, 255)
        teeth = teeth * fade(fresh.mean(axis=2), *_DEPTH)  # where the generator draws the mouth's depth they are gone
        opacity = blur(replaced * (1 - teeth), 1.5 * self._unit)
        return Change(
            flow=flow * self.mask[..., None],
            shading=np.asarray(shading * (self._shaded * (1 - teeth))[..., None], np.float32),
            fresh=self._teeth.between(fresh, parted),
            opacity=opacity,
        )

    def still(self) -> Change:
        """Nothing has moved: what the photo itself shows."""
        colours = np.zeros((*self._canvas.shape, 3), np.float32)
        return Change(colours[..., :2].copy(), colours, colours.copy(), colours[..., 0].copy())

    def joined(self, left: Change, right: Change) -> Change:
        """The person's left half of one change and the right half of another, blended over the midline's seam."""
        of_left, one = self.left[..., None], np.float32(1)
        opacity = right.opacity + self.left * (left.opacity - right.opacity)
        fresh = of_left * left.fresh * left.opacity[..., None]
        fresh += (one - of_left) * right.fresh * right.opacity[..., None]
        return Change(
            flow=np.asarray(right.flow + of_left * (left.flow - right.flow), np.float32),
            shading=np.asarray(right.shading + of_left * (left.shading - right.shading), np.float32),
            fresh=np.asarray(fresh / np.maximum(opacity, np.float32(1e-6))[..., None], np.float32),
            opacity=np.asarray(opacity, np.float32),
        )

    def _sharpened(self, frame: Image) -> Image:
        """Unsharp masking by as much as the photo is sharper than the generator's picture of it."""
        if self._sharpening == 0:
            return frame
        fine = frame - blur(frame, _DETAIL * self._unit)
        return np.asarray(frame + self._sharpening * fine, np.float32)

    def _detail(self, picture: Image) -> float:
        """Contrast of a picture (H, W, 3) at the finest scale, inside the face; above 0."""
        fine = (picture - blur(picture, _DETAIL * self._unit)) * self.mask[..., None]
        return float(np.abs(fine).mean()) + 0.01

    def _registration(self, reference: Image, photo: Image) -> Image:
        """(H, W, 2): the backward flow from the reference to the photo, where both can be told to show the same.

        An inverted mouth or brow lies a little off the photo's; what the generator does to its own must happen to the
        photo's. Smooth and short, since pictures of different things are compared.
        """
        alike = photo / matching_gain(photo, reference, self.mask, self._canvas.iod)
        flow, _, _ = self._flow(self._searchable(reference), self._searchable(blur(alike, _DETAIL * self._unit)))
        smooth = blur(flow * self.mask[..., None], _REGISTRATION_BLUR * self._unit)
        length = np.linalg.norm(smooth, axis=-1, keepdims=True)
        longest = _REGISTRATION_REACH * self._canvas.iod
        return np.asarray(smooth * (longest / (longest + length)), np.float32)

    def _flow(self, old: Pixels, new: Pixels, asked: npt.NDArray[np.float64] | None = None) -> Guess:
        """The motion between two pictures of (FLOW_SIZE, FLOW_SIZE) uint8, and the mouth's inside, on the canvas."""
        guess = self._muscles.guess(old, new, asked)
        remaining = remaining_flow(old, new, guess.flow)
        parts = (composed(remaining, guess.flow), warp(guess.parted, remaining), warp(guess.teeth, remaining))
        side = self._canvas.side
        if side != FLOW_SIZE:
            flow, *masks = (cv2.resize(part, (side, side), interpolation=cv2.INTER_CUBIC) for part in parts)
            parts = (np.asarray(flow, np.float32) * np.float32(side / FLOW_SIZE), *masks)
        return Guess(*(self._canvas.extend(np.asarray(part, np.float32)) for part in parts))

    def _searchable(self, picture: Image) -> Pixels:
        """(H, W, 3) -> (FLOW_SIZE, FLOW_SIZE) uint8 grey, without the strip."""
        grey = cv2.cvtColor(self._square(picture), cv2.COLOR_RGB2GRAY)
        return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)

    def _square(self, picture: Image) -> Image:
        """(H, W[, C]) -> (FLOW_SIZE, FLOW_SIZE[, C]), without the strip."""
        side = self._canvas.side
        square = picture[:side]
        if side != FLOW_SIZE:
            square = cv2.resize(square, (FLOW_SIZE, FLOW_SIZE), interpolation=cv2.INTER_AREA)
        return np.asarray(square, np.float32)


def matching_gain(photo: Image, reference: Image, mask: Image, iod: float) -> Image:
    """(H, W, 3) factors that bring the generator's colours to the photo's, locally: dark stays dark.

    photo, reference: (H, W, 3); mask: (H, W), where colours count.
    """
    sigma, floor = 0.12 * iod, np.float32(8)
    weight = mask[..., None] + np.float32(1e-3)
    total = blur(weight, sigma)[..., None]
    wanted, given = (blur(colours * weight, sigma) / total + floor for colours in (photo, reference))
    return np.asarray(np.clip(wanted / given, 0.6, 1.6), np.float32)
