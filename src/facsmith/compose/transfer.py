"""What reaches the photo of an expression: the muscles' motion, the shading of folds, and what comes into view.

The compositor's laws, each tested as a property of pictures (docs/design.md tells why):

1. Motion is the muscles' field of the asked change (`face.muscle_warp`), and nothing else moves the photo's pixels. The
   generator's picture is brought to it, not the other way round: optical flow between what the muscles make of the
   generator's reference and what the generator drew says how far its picture lies off.
2. Shading is the muscle table's, in the skin's own hue, and bounded both ways (`face.shading`).
3. No colour appears that the photo's palette does not explain: a grey photo stays grey (`face.palette`).
4. What stands before the face (glasses, hair, a brim) does not move; skin slides behind rims, and bends beside hair
   (`compose.still`).
5. Nothing is drawn out into streaks: a row of teeth is lengthened by half of its height at most, then painted anew
   (`face.mouth`).
6. Between the lips the photo's own teeth come first, then the generator's mouth where it is sharp, then a painted one,
   in the photo's light; the upper row stays on the skull, the lower one goes with the jaw (`compose.mouth`).
7. Lips part, and mouths widen, by no more than people's do (`face.muscles`).

Conventions: all arrays lie on one `Canvas`, float32; colours in [0, 255]. A change of AUs is (2, 28) of the person's
own left and right side, in the order of `facs.AUS`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from facsmith._types import Array, FloatImage, Pixels
from facsmith.compose.canvas import Canvas
from facsmith.compose.flow import FLOW_SIZE, blur, remaining_flow, warp
from facsmith.compose.masks import face_mask, left_half
from facsmith.compose.mouth import Mouth, MouthChange
from facsmith.face.mouth import LipLine
from facsmith.face.muscle_warp import Moves, MuscleField
from facsmith.face.muscles import lips_apart
from facsmith.face.palette import Palette
from facsmith.face.shading import SKIN_SHADE, FaceShading, unfolded
from facsmith.facs import AUS

__all__ = ["SHARP", "Change", "Transfer", "matching_gain"]


# All lengths in canvas pixels per 256 of the canvas's side.
_DETAIL: Final = 2.5
_REGISTRATION_BLUR, _REGISTRATION_REACH = 6.0, 0.12  # the second in IOD: what a long registration tends to
_SHARPEST: Final = 1.5
SHARP: Final = 256  # pixels of the generator's side from which its teeth are no blur; below, a mouth is painted
_OPENS: Final = 0.02  # IOD between the lips from which a generator's picture shows a mouth's inside
_SMILE: Final = AUS.index(12)


@dataclass(frozen=True, eq=False)
class Change:
    """flow: (H, W, 2) canvas pixels, backward. added: (H, W, 3) grey levels to add to the moved pixels, or None. gain:
    (H, W) of their luminance. mouth: what happens between the lips and around them, or None. All of it fades to nothing
    at the edge of the face. lips: where the inner contours move to."""

    flow: FloatImage
    added: FloatImage | None
    gain: FloatImage
    mouth: MouthChange | None
    lips: LipLine


class Transfer:
    """One photo's face on its canvas; everything constant is computed here, once."""

    def __init__(self, canvas: Canvas, points: Array, reference: Callable[[], Pixels], photo: FloatImage) -> None:
        """points: (68, 2) on the canvas; reference: tells (R, R, 3); photo: (H, W, 3) the photo seen on the canvas.

        left: (H, W) in [0, 1], the person's own left half of the face.
        """
        self._canvas = canvas
        self._unit = canvas.side / 256
        self.mask = face_mask(points, canvas.iod, canvas.shape)
        self._generated = self.mask * canvas.within(0.12 * canvas.iod)  # where the generator has anything to say
        self.left = left_half(points, canvas.iod, canvas.shape)
        self.field = MuscleField(points)
        self.field.look(photo)
        self._shading = FaceShading(self.field.muscles)
        y, x = np.mgrid[: canvas.shape[0], : canvas.shape[1]].astype(np.float64)
        self._grid = np.stack([x, y], axis=-1)
        self._places = self.field.frame.to_face(self._grid)
        self._photo = photo
        self._palette = Palette.of(np.clip(photo[self.mask > 0.5], 0, 255).astype(np.uint8))
        self.shade = np.asarray(1 + self._palette.skin * (SKIN_SHADE - 1), np.float32)
        """(3,) how strongly folds shade red, green and blue: alike in a photo of one tone."""
        self._drawn = reference
        self._mouth = Mouth(canvas, self.field, photo)

    # What only a generator's picture needs is computed when one is laid in.

    @cached_property
    def _alignment(self) -> FloatImage:
        return self._registration(self._canvas.enlarge(self._drawn()), self._photo)

    @cached_property
    def _reference(self) -> FloatImage:
        return self.enlarge(self._drawn())

    @cached_property
    def gain(self) -> FloatImage:
        """(H, W, 3) factors that bring the generator's colours to the photo's."""
        return matching_gain(self._photo, self._reference, self.mask, self._canvas.iod)

    @cached_property
    def _sharpening(self) -> np.float32:
        ratio = self._detail(self._photo) / self._detail(self._reference)
        return np.float32(np.clip(ratio - 1, 0, _SHARPEST))

    def enlarge(self, crop: Pixels) -> FloatImage:
        """(R, R, 3) of the generator -> (H, W, 3) on the canvas, registered to the photo."""
        return warp(self._canvas.enlarge(crop), self._alignment)

    def change(self, generated: Pixels | None, asked: Array, drawn: Array) -> Change:
        """What the frame differs by from the photo.

        Parameters
        ----------
        generated
            (R, R, 3) of the generator; None where it has none that can be used.
        asked
            (2, 28) by how much the AUs change from what the photo shows.
        drawn
            (2, 28) the part of it that the generator's picture shows.
        """
        moves = self.field.moves(asked)
        motion = self.field.motion(self._places, moves, own=None, pixel=1 / self.field.frame.iod)
        within = self._within(asked)
        flow = (self.field.frame.to_photo(motion.source) - self._grid).astype(np.float32) * within[..., None]
        gain, added = self._shading.gain(motion.source, asked), self._unfolded(flow, asked, moves.sites)
        opens = float(lips_apart(drawn.mean(axis=0))) > _OPENS
        picture = generated if opens and generated is not None and generated.shape[0] >= SHARP else None
        frame = None
        if motion.parted.any() and picture is not None:
            frame = self._brought(self.enlarge(picture), moves.sites, asked, drawn, flow)
            frame = np.clip(self._sharpened(frame) * self.gain, 0, 255).astype(np.float32)
        mouth = self._mouth.change(moves, within * (self.mask if picture is None else self._generated), frame)
        if mouth is not None:
            mouth = replace(mouth, fresh=self._palette.toned(mouth.fresh))
        return Change(
            flow=flow * self.mask[..., None],
            added=None if added is None else np.asarray(added * (self.mask * within)[..., None], np.float32),
            gain=np.asarray(1 + (gain - 1) * self.mask * within, np.float32),
            mouth=mouth,
            lips=self._lips(moves, within),
        )

    def _lips(self, moves: Moves, within: FloatImage) -> LipLine:
        """The inner contours where they move to, `within` (H, W) what may change."""
        ways: list[Array] = []
        for points, way in zip(self.field.lips.contours, moves.ways, strict=True):
            at = self.field.frame.to_photo(points)[None].astype(np.float32)
            share = cv2.remap(within, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            ways.append(way * np.asarray(share)[0][:, None])
        return self.field.lips.moved(*ways)

    def _within(self, asked: Array) -> FloatImage:
        """(H, W) in [0, 1]: where something may change. A side on which nothing is asked stays, up to the seam."""
        left, right = (bool(side.any()) for side in asked)
        if left and right:
            return np.ones(self._canvas.shape, np.float32)
        return self.left if left else 1 - self.left

    def _unfolded(self, flow: FloatImage, asked: Array, moved: Array) -> FloatImage | None:
        """(H, W, 3) what takes a smile's folds away where it is undone. moved: (S, 2), `Moves.sites`."""
        smile = float(asked[:, _SMILE].mean())
        if smile >= 0:
            return None
        face = self.field.face + moved[:68]
        stride = max(1, round(0.03 * self.field.frame.iod))
        small = np.ascontiguousarray(warp(self._photo, flow)[::stride, ::stride])
        added = unfolded(small, self._places[::stride, ::stride], face, -smile)
        return np.asarray(cv2.resize(added, flow.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)

    def _brought(self, frame: FloatImage, moved: Array, asked: Array, drawn: Array, flow: FloatImage) -> FloatImage:
        """The generator's picture (H, W, 3) with its face where the asked change has it. moved: `Moves.sites`."""
        if not np.array_equal(asked, drawn):
            way = self.field.between(self._places, moved, self.field.muscles.moved(drawn))
            frame = warp(frame, way.astype(np.float32) * np.float32(self.field.frame.iod))
        guess = warp(self._reference, flow)
        off = self._limited(self._canvas.extend(blur(self._flow(guess, frame), 2 * self._unit)))
        back = -off
        for _ in range(3):
            back = -warp(off, back)
        return warp(frame, back)

    def _limited(self, flow: FloatImage) -> FloatImage:
        length = np.linalg.norm(flow, axis=-1, keepdims=True)
        longest = _REGISTRATION_REACH * self._canvas.iod
        return np.asarray(flow * (longest / (longest + length)), np.float32)

    def _sharpened(self, frame: FloatImage) -> FloatImage:
        """Unsharp masking by as much as the photo is sharper than the generator's picture of it."""
        if self._sharpening == 0:
            return frame
        fine = frame - blur(frame, _DETAIL * self._unit)
        return np.asarray(frame + self._sharpening * fine, np.float32)

    def _detail(self, picture: FloatImage) -> float:
        """Contrast of a picture (H, W, 3) at the finest scale, inside the face; above 0."""
        fine = (picture - blur(picture, _DETAIL * self._unit)) * self.mask[..., None]
        return float(np.abs(fine).mean()) + 0.01

    def _registration(self, reference: FloatImage, photo: FloatImage) -> FloatImage:
        """(H, W, 2): the backward flow from the reference to the photo, where both can be told to show the same.

        An inverted mouth or brow lies a little off the photo's; what the generator does to its own must happen to the
        photo's. Smooth and short, since pictures of different things are compared.
        """
        alike = photo / matching_gain(photo, reference, self.mask, self._canvas.iod)
        flow = self._flow(reference, blur(alike, _DETAIL * self._unit))
        return self._limited(blur(self._canvas.extend(flow) * self.mask[..., None], _REGISTRATION_BLUR * self._unit))

    def _flow(self, old: FloatImage, new: FloatImage) -> FloatImage:
        """(side, side, 2): the backward flow between two pictures (H, W, 3), found on a square of FLOW_SIZE."""
        nothing = np.zeros((FLOW_SIZE, FLOW_SIZE, 2), np.float32)
        flow, side = remaining_flow(self._searchable(old), self._searchable(new), nothing), self._canvas.side
        if side == FLOW_SIZE:
            return flow
        return np.asarray(cv2.resize(flow, (side, side)), np.float32) * np.float32(side / FLOW_SIZE)

    def _searchable(self, picture: FloatImage) -> Pixels:
        """(H, W, 3) -> (FLOW_SIZE, FLOW_SIZE) uint8 grey, without the strip."""
        side = self._canvas.side
        square = picture[:side]
        if side != FLOW_SIZE:
            square = np.asarray(cv2.resize(square, (FLOW_SIZE, FLOW_SIZE), interpolation=cv2.INTER_AREA), np.float32)
        return np.asarray(np.clip(np.rint(cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)), 0, 255), np.uint8)


def matching_gain(photo: FloatImage, reference: FloatImage, mask: FloatImage, iod: float) -> FloatImage:
    """(H, W, 3) factors that bring the generator's colours to the photo's, locally: dark stays dark.

    Parameters
    ----------
    photo, reference
        (H, W, 3).
    mask
        (H, W), where colours count.
    """
    sigma, floor = 0.12 * iod, np.float32(8)
    weight = mask[..., None] + np.float32(1e-3)
    total = blur(weight, sigma)[..., None]
    wanted, given = (blur(colours * weight, sigma) / total + floor for colours in (photo, reference))
    return np.asarray(np.clip(wanted / given, 0.6, 1.6), np.float32)
