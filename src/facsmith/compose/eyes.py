"""A photo's own eyes, closed, turned, and laid anew under lids that have moved (AU43, AU45, AU61 to AU64).

Three layers: the ball (sclera, iris, catch-light: `compose.eyeball`) moves rigidly with the head, the iris on it; the
lids' opening shows it; the upper lid's skin slides over it. So the iris stays round whatever the lids do.
"""

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import Array, FloatImage, Pixels
from facsmith.compose.eyeball import Eyeball, eyeball
from facsmith.compose.eyelids import POINTS_OF, Lids, Pixel, closing, lids
from facsmith.compose.iris import Iris, fit_iris
from facsmith.compose.rims import rim

__all__ = ["Eyes"]


_SIDES: Final = ("left", "right")
_SHUT: Final = "is shut in the photo and is left as it is"
_BEHIND_GLASS: Final = "is behind dark glass and is left as it is"
_UNSEEN: Final = "shows no iris, or too little of it: it can close, but the gaze cannot be turned"
_SHUT_BELOW = 0.12  # opening's height by its width: below, no eye shows
_NARROW = 0.16  # below, too little of the iris shows for it to go elsewhere
_SEEN = 7.0  # grey levels between iris and sclera: below, no iris is to be seen
_DARK = 0.4  # of the cheek's brightness: eyes darker than that all over lie behind dark glass
_SIDEWAYS = 1.25  # radii of the iris at gaze 1: some 37 degrees
_RIM = 0.95  # radii: so near the iris's centre comes to an eye's corner
_UP, _DOWN = 0.75, 0.85  # radii at gaze 1
_LIFT, _LOWER = 0.55, 0.8  # of the iris's way up and down that the upper lid goes along
_LOWER_MOST = 0.55  # of the opening
_FADE = 0.06  # gaze from which on the ball is all drawn anew
_FADE_MOVED = 0.01  # IOD by which lids have moved from where on it is, too
_WIDE = 0.15  # of its height by which an opening has grown that is wide
_CORNERS = [36, 39, 42, 45]  # landmarks that muscles hardly move: where the head is


class Eyes:
    """The eyes of one photo. Constants are computed once; a frame depends on nothing but what it is given.

    Parameters
    ----------
    photo
        (H, W, 3) uint8 RGB.
    landmarks
        (68, 2) photo pixels.
    irises
        (2, 3) x, y and radius in photo pixels, of the person's own left eye and of the right one, where a landmarker
        saw them; else they are looked for.

    Attributes
    ----------
    notes
        Why an eye is left alone, one sentence each: it is shut in the photo, hidden by dark glass, or shows no iris.
    """

    def __init__(self, photo: Pixels, landmarks: npt.ArrayLike, irises: npt.ArrayLike | None = None) -> None:
        self._points = np.asarray(landmarks, np.float64)
        self._lids = [lids(self._points, side) for side in (0, 1)]
        hints = [None, None] if irises is None else [*np.asarray(irises, np.float64)]
        seen = [_seen(photo, eye, hint) for eye, hint in zip(self._lids, hints, strict=True)]
        self._hidden = [eye in (_SHUT, _BEHIND_GLASS) for eye in seen]
        whole = all(isinstance(eye, Eyeball) or eye == _SHUT for eye in seen)
        # Eyes turn together or not at all; one that is shut says nothing about the other.
        self._balls = [eye if isinstance(eye, Eyeball) and whole else None for eye in seen]
        self.notes: tuple[str, ...] = tuple(
            f"The {name} eye {eye}." for name, eye in zip(_SIDES, seen, strict=True) if isinstance(eye, str)
        )
        self.irises: tuple[Iris | None, ...] = tuple(ball and ball.iris for ball in self._balls)
        self._reach = self._reaches()
        places = [eye.pixels(photo.shape) for eye in self._lids]
        self._rims = [None if at is None else rim(photo, eye, at) for eye, at in zip(self._lids, places, strict=True)]

    @property
    def can_turn(self) -> bool:
        """Whether any eye turns: both do, but for one that is shut in the photo."""
        return any(ball is not None for ball in self._balls)

    def apply(
        self,
        frame: Pixels,
        landmarks: npt.ArrayLike | None = None,
        closure_left: float = 0.0,
        closure_right: float = 0.0,
        gaze: tuple[float, float] = (0.0, 0.0),
    ) -> Pixels:
        """A frame with the photo's own round eyeballs under its lids, closed and turned.

        For the finished frame, after the muscles' warp. That warp squashes the iris with AU6 and AU7 and stretches it
        with AU5 and AU1+2: with ``landmarks`` (``Compositor.landmarks(change)``), the opening between the moved lids is
        filled with the ball as it lies in the photo, unwarped; where lids open wider than there, it is completed.

        Parameters
        ----------
        frame
            (H, W, 3) uint8 of the photo's size.
        landmarks
            (68, 2): where the face's points lie in the frame; None: where they lie in the photo.
        closure_left, closure_right
            0 (as the frame has them) to 1 (shut), of the person's own left and right eye.
        gaze
            (across, up) in [-1, 1], from where the photo's eyes look: across is positive to the person's own left
            (AU61; AU62 is negative), up is positive upwards (AU63; AU64 is negative).

        Returns
        -------
        ndarray
            A new array; with nothing asked for and no landmark of an eye moved, ``frame`` itself. Pixels away from the
            eyes stay bit for bit.
        """
        closures = [float(np.clip(c, 0, 1)) for c in (closure_left, closure_right)]
        across, up = (float(np.clip(v, -1, 1)) for v in gaze)
        points = None if landmarks is None else np.asarray(landmarks, np.float64)
        moved = [0.0 if points is None else self._moved(points, eye) for eye in POINTS_OF]
        turned = float(np.hypot(across, up)) / _FADE
        strengths = [min(1.0, turned + way / _FADE_MOVED) for way in moved]
        if not any((*closures, *strengths)):
            return frame
        return self._draw(frame, points if any(moved) else None, closures, (across, up), strengths)

    def _moved(self, points: Array, at: slice) -> float:
        """By how much the lids' landmarks ``at`` have moved, IOD."""
        return float(np.abs(points[at] - self._points[at]).max()) / self._lids[0].iod

    def _draw(
        self,
        frame: Pixels,
        points: Array | None,
        closures: list[float],
        gaze: tuple[float, float],
        strengths: list[float],
    ) -> Pixels:
        """points: (68, 2), moved landmarks. strengths: 0 to 1, how far each ball is drawn anew."""
        head = None if points is None else _similarity(self._points[_CORNERS], points[_CORNERS])
        out: Pixels | None = None
        for side, (ball, closure, strength) in enumerate(zip(self._balls, closures, strengths, strict=True)):
            if self._hidden[side] or (closure == 0 and (ball is None or strength == 0)):
                continue
            eye = self._lids[side] if points is None else lids(points, side)
            at = eye.pixels(frame.shape)
            if at is None:
                continue
            left, top, right, bottom = at.box
            region = frame[top:bottom, left:right].astype(np.float32)
            moves = None
            follow = 0.0
            if ball is not None and strength > 0:
                way = self._way(ball, gaze)
                follow = way[1] * (_LIFT if way[1] < 0 else _LOWER)
                moves = self._follow(at, eye, follow)
                turned = way[0] * eye.along + way[1] * eye.down
                layer = _placed(ball.looking(turned), ball.box, at, head)
                layer *= eye.shade(at, moves)[..., None]
                opened = float(np.clip((eye.aperture / self._lids[side].aperture - 1) / _WIDE, 0, 1))
                shows = eye.showing(at, np.minimum(moves, 0), opened)
                if points is None:
                    shows = cv2.max(shows, _placed(ball.remains, ball.box, at, outside=0))
                share = np.float32(strength) * shows
                region += share[..., None] * (layer - region)
            if closure > 0 or follow != 0:
                before = np.zeros_like(at.s) if moves is None else moves
                moves = np.asarray(before + np.float32(closure) * (closing(at, eye.iod) - before), np.float32)
                skin = frame[at.slices].astype(np.float32)
                front = self._rims[side]
                still = None if front is None else _placed(front.share, front.box, at, outside=0)
                if front is not None and still is not None:
                    skin += still[..., None] * (_placed(front.skin, front.box, at) - skin)
                sheet, cover = eye.lowered(skin, at, moves)
                if still is not None:
                    cover *= 1 - still
                region += cover[..., None] * (sheet - region)
            if out is None:
                out = frame.copy()
            out[top:bottom, left:right] = np.rint(np.clip(region, 0, 255)).astype(np.uint8)
        return frame if out is None else out

    def _way(self, ball: Eyeball, gaze: tuple[float, float]) -> tuple[float, float]:
        """How far an iris goes along the eye and down, in pixels."""
        across, up = gaze
        radius = ball.iris.radius
        return across * self._reach[int(across < 0)] * radius, -up * (_UP if up > 0 else _DOWN) * radius

    @staticmethod
    def _follow(at: Pixel, eye: Lids, follow: float) -> FloatImage:
        """(h, w) pixels by which the upper lid's edge goes along with the iris."""
        bulge = np.clip(4 * at.s * (1 - at.s), 0, None)
        return np.asarray(
            np.minimum(np.float32(follow) * np.sqrt(bulge), np.float32(_LOWER_MOST) * at.opening), np.float32
        )

    def _reaches(self) -> tuple[float, float]:
        """Radii that the irises go to the person's left and right at gaze 1: both alike, as far as both have room."""
        left = right = _SIDEWAYS
        for ball, eye in zip(self._balls, self._lids, strict=True):
            if ball is not None:
                x, radius = float(eye.local(ball.iris.centre)[0]), ball.iris.radius
                left = min(left, max((eye.width - x) / radius - _RIM, 0.0))
                right = min(right, max(x / radius - _RIM, 0.0))
        return left, right


def _seen(photo: Pixels, eye: Lids, hint: Array | None) -> Eyeball | str:
    """The eye's ball, or why there is none."""
    at = eye.pixels(photo.shape)
    if at is None:
        return _UNSEEN
    if eye.aperture < _SHUT_BELOW:
        return _SHUT
    if _behind_dark_glass(photo, eye, at):
        return _BEHIND_GLASS
    left, top, right, bottom = at.box
    around = photo[max(top - 8, 0) : bottom + 8, max(left - 8, 0) : right + 8]
    origin = np.array([max(left - 8, 0), max(top - 8, 0)])
    grey = np.asarray(cv2.cvtColor(around, cv2.COLOR_RGB2GRAY), np.float32)
    start = None if hint is None or not np.isfinite(hint).all() else hint - [*origin, 0]
    iris = fit_iris(grey, replace(eye, corner=eye.corner - origin), start)
    if iris.contrast < _SEEN or eye.aperture < _NARROW:
        return _UNSEEN
    return eyeball(photo, eye, iris._replace(centre=iris.centre + origin)) or _UNSEEN


def _behind_dark_glass(photo: Pixels, eye: Lids, at: Pixel) -> bool:
    """Whether lids and opening are much darker than the cheek below."""
    middle = eye.corner + 0.5 * eye.width * eye.along
    cheek = _mean(photo, middle + 0.55 * eye.iod * eye.down, 0.08 * eye.iod)
    near = photo[at.slices][(at.s > 0) & (at.s < 1) & (at.depth < at.upper + 2 * at.opening)]
    return bool(cheek > 0 and len(near) and float(np.percentile(near.mean(axis=1), 90)) < _DARK * cheek)


def _mean(photo: Pixels, place: Array, half: float) -> float:
    x, y, h = int(place[0]), int(place[1]), max(int(half), 1)
    patch = photo[max(y - h, 0) : max(y + h, 0), max(x - h, 0) : max(x + h, 0)]
    return float(patch.mean()) if patch.size else 0.0


def _placed(
    picture: FloatImage,
    box: tuple[int, int, int, int],
    at: Pixel,
    head: Array | None = None,
    outside: float | None = None,
) -> FloatImage:
    """(h, w[, 3]): a picture of a box of the photo, on the pixels ``at``.

    head: (2, 3), where the photo's pixels lie in the frame; None: where they are. outside: its value
    there; None: as at its border.
    """
    left, top, right, bottom = at.box
    way = np.array([[1.0, 0, 0], [0, 1, 0]]) if head is None else head.copy()
    way[:, 2] += way[:, :2] @ box[:2] - [left, top]
    flags = cv2.INTER_CUBIC if head is not None else cv2.INTER_NEAREST
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    size = (right - left, bottom - top)
    return np.asarray(cv2.warpAffine(picture, way, size, flags=flags, borderMode=border), np.float32)


def _similarity(old: Array, new: Array) -> Array | None:
    """(2, 3): the turn, scale and shift of the head by least squares; None for the same points."""
    if np.array_equal(old, new):
        return None
    a, b = (points[:, 0] + 1j * points[:, 1] for points in (old, new))
    p, q = a - a.mean(), b - b.mean()
    turn = complex((np.conj(p) * q).sum() / max(float((np.abs(p) ** 2).sum()), 1e-12))
    shift = complex(b.mean() - turn * a.mean())
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
