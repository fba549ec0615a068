"""Shading of the folds that AUs raise (FACS: wrinkles, bulges, furrows), as a gain on the photo; and the smoothing of
those that a face at rest would not have. Face frame of `face.muscles`."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from facsmith._types import Array
from facsmith.face.muscles import FaceMuscles
from facsmith.face.paths import beside_line
from facsmith.face.wrinkles import EXTENT, STEP, wrinkle_maps
from facsmith.facs import AUS

SKIN_SHADE: Final = np.array([0.8, 1.0, 1.1], np.float32)
"""By how much red, green and blue follow a change of the skin's luminance: shaded skin is redder."""

__all__ = ["SKIN_SHADE", "FaceShading", "unfolded"]

_STEP: Final = 0.1  # IOD, of the map from a face to the mean face
_EXTENT_X, _EXTENT_Y = (-1.6, 1.6), (-1.4, 2.4)
_STRENGTH: Final = np.float32(0.55)  # of people under a flash; most portraits are lit more softly
_DARKEST, _LIGHTEST = np.float32(0.24), np.float32(0.10)
"""Natural logarithms of the gain that no fold and no bulge exceeds: skin turned to the light is soon overexposed."""
_DEEPEST = np.float32(0.3)
"""The same of wrinkles, which are thin."""


class FaceShading:
    """The table's shading on one face: skin that folds or bulges, as people's does (`lab.train.muscles`)."""

    def __init__(self, muscles: FaceMuscles) -> None:
        from scipy.interpolate import RBFInterpolator  # pyright: ignore[reportMissingTypeStubs]

        self._table = muscles.table
        mean = muscles.table.neutral[:, :2]
        place: Any = RBFInterpolator(muscles.sites, mean, smoothing=1e-2)
        x, y = np.arange(*_EXTENT_X, _STEP), np.arange(*_EXTENT_Y, _STEP)
        nodes = np.stack(np.meshgrid(x, y), axis=-1)
        self._to_mean = place(nodes.reshape(-1, 2)).reshape(nodes.shape).astype(np.float32)

    def gain(self, source: Array, intensities: Array) -> NDArray[np.float32]:
        """Luminance gain, around 1.

        Parameters
        ----------
        source
            (h, w, 2) the points of the face at rest that the pixels show, face frame.
        intensities
            (2, 28) of the left and right side; negative ones take shading away.
        """
        grid = self._table.grid
        shown = np.clip(intensities, -1, 1).astype(np.float32)
        logs = _STRENGTH * np.tensordot(shown, self._table.side_shading, axes=2)
        at = (source.astype(np.float32) - np.array([_EXTENT_X[0], _EXTENT_Y[0]], np.float32)) / np.float32(_STEP)
        mean = cv2.remap(self._to_mean, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        node = (np.asarray(mean) - np.array([grid.left, grid.top], np.float32)) / np.float32(grid.step)
        seen = cv2.remap(logs, node[..., 0], node[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
        values = np.asarray(seen, np.float32)
        most = np.where(values < 0, _DARKEST, _LIGHTEST)
        folds = most * np.tanh(values / most)
        return np.exp(folds + _wrinkles(np.asarray(mean, np.float32), shown))


def _wrinkles(mean: NDArray[np.float32], intensities: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w) logarithm of the gain at points of the mean face (h, w, 2). An AU that is undone takes no line away:
    nothing tells where a person has them."""
    asked = ((np.maximum(intensities[:, AUS.index(au)], 0), sides) for au, sides in wrinkle_maps().items())
    drawn = [np.tensordot(e, sides, axes=1) for e, sides in asked if e.any()]
    if not drawn:
        return np.zeros(mean.shape[:2], np.float32)
    logs: NDArray[np.float32] = np.stack(drawn).sum(axis=0).astype(np.float32)
    node = (mean - np.array([EXTENT[0], EXTENT[2]], np.float32)) / np.float32(STEP)
    seen = cv2.remap(logs, node[..., 0], node[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return _DEEPEST * np.tanh(np.asarray(seen, np.float32) / _DEEPEST)


def unfolded(picture: NDArray[np.float32], pixels: Array, face: Array, smile: float) -> NDArray[np.float32]:
    """What to add to a picture whose smile was undone, so that its nasolabial folds are gone.

    A warp moves the cheek back but leaves its shadows, squeezed together. Where they run, colours are brought to those
    of the skin around; nothing gets darker, and texture finer than the fold stays.

    Parameters
    ----------
    picture
        (h, w, 3) in [0, 255], the undone picture on a coarse grid.
    pixels
        (h, w, 2) face coordinates of its pixels.
    face
        (68, 2) landmarks after the AUs moved them, face coordinates.
    smile
        How much of AU12 was undone, in [0, 1].

    Returns
    -------
    (h, w, 3) to add, grey levels.
    """
    where = np.ones(pixels.shape[:2])
    for side in (0, 1):
        corner, ala = face[48 + 6 * side], face[31 + 4 * side]
        out = -1.0 if side == 0 else 1.0
        lower = corner + [0.14 * out, 0.10]
        fold = np.array([ala + [0.02 * out, -0.06], 0.5 * (ala + corner) + [0.12 * out, 0.0], lower])
        _stroke(where, pixels, fold, 0.08, 1.0)
        _stroke(where, pixels, fold + [0.13 * out, -0.02], 0.08, 0.8)
        pocket = corner + np.array([[-0.02 * out, -0.12], [0.09 * out, 0.02], [0.14 * out, 0.2], [0.12 * out, 0.42]])
        _stroke(where, pixels, pocket, 0.07, 1.0)
    strength = np.clip(1.4 * smile, 0, 1) * np.clip(where - 1, 0, 1)
    step = max(float(np.abs(np.diff(pixels[:1, :, 0])).mean()), 1e-6)
    # Lips and nostrils are no skin: the level around leaves them out.
    skin = np.ones(pixels.shape[:2], np.float32)
    lips = cv2.convexHull(face[48:60].astype(np.float32))[:, 0] * [1.12, 1.0] + [-0.12 * float(face[51, 0]), 0.0]
    nose = face[[31, 32, 33, 34, 35]]
    for outline in (lips, np.concatenate([nose - [0, 0.1], nose[::-1] + [0, 0.05]])):
        cv2.fillPoly(skin, [np.rint((outline - pixels[0, 0]) / step).astype(np.int32)], (0.0,))
    near = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.025 / step), np.float32)
    wide, share = (np.asarray(cv2.GaussianBlur(v, (0, 0), 0.2 / step)) for v in (picture * skin[..., None], skin))
    missing = np.clip(wide / (share[..., None] + 1e-3) - near, 0, None)
    darker = np.clip(missing.mean(axis=2) / 4, 0, 1)  # redness alone is no shadow
    return np.asarray(missing * (strength * skin * darker)[..., None], np.float32)


def _stroke(gain: Array, pixels: Array, line: Array, width: float, strength: float) -> None:
    """Multiply `gain` by 1 + strength near the polyline: a Gaussian profile of the given width (IOD), fading to the
    line's ends."""
    if abs(strength) < 1e-3:
        return
    reach = 3 * width
    low, high = line.min(axis=0) - reach, line.max(axis=0) + reach
    near = ((pixels > low) & (pixels < high)).all(axis=-1)
    at = pixels[near]
    if not len(at):
        return
    closest, position = beside_line(at, line)
    fade = np.sin(np.pi * np.clip(position, 0.03, 0.97)) ** 0.7
    gain[near] *= 1 + strength * fade * np.exp(-closest / (2 * width * width))
