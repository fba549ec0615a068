"""Shading of the folds that AUs raise (FACS: wrinkles, bulges, furrows), as a gain on the photo; and the smoothing of
those that a face at rest would not have. Face frame of `face.muscles`."""

from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from facsmith.face.muscles import FaceMuscles

__all__ = ["FaceShading", "unfold_gain"]

Array = NDArray[np.float64]
_STEP: Final = 0.1  # IOD, of the map from a face to the mean face
_EXTENT_X, _EXTENT_Y = (-1.6, 1.6), (-1.4, 2.4)
_DARKEST, _LIGHTEST = np.float32(0.40), np.float32(0.14)
"""Natural logarithms of the gain that no fold and no bulge exceeds: skin turned to the light is soon overexposed."""


class FaceShading:
    """The table's shading on one face: skin that folds or bulges, as people's does (`train.muscles`)."""

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
        logs = np.tensordot(intensities.astype(np.float32), self._table.side_shading, axes=2)
        at = (source.astype(np.float32) - np.array([_EXTENT_X[0], _EXTENT_Y[0]], np.float32)) / np.float32(_STEP)
        mean = cv2.remap(self._to_mean, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        node = (np.asarray(mean) - np.array([grid.left, grid.top], np.float32)) / np.float32(grid.step)
        seen = cv2.remap(logs, node[..., 0], node[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
        values = np.asarray(seen, np.float32)
        most = np.where(values < 0, _DARKEST, _LIGHTEST)
        return np.exp(most * np.tanh(values / most))


def unfold_gain(picture: NDArray[np.float32], pixels: Array, face: Array, smile: float) -> NDArray[np.float32]:
    """Luminance gain, around 1, that fills the nasolabial folds of a smile that was undone.

    A warp moves the cheek back but leaves its shadows, squeezed together. Where they run, brightness is brought to that
    of the skin around; only light is added, and texture finer than the fold stays.

    Args:
        picture: (h, w, 3) float32 in [0, 255], the undone picture on a coarse grid.
        pixels: (h, w, 2) face coordinates of its pixels.
        face: (68, 2) landmarks after the AUs moved them, face coordinates.
        smile: how much of AU12 was undone, in [0, 1].
    """
    where = np.ones(pixels.shape[:2])
    for side in (0, 1):
        corner, ala = face[48 + 6 * side], face[31 + 4 * side]
        out = -1.0 if side == 0 else 1.0
        lower = corner + [0.14 * out, 0.10]
        fold = np.array([ala + [0.02 * out, -0.06], 0.5 * (ala + corner) + [0.12 * out, 0.0], lower])
        _stroke(where, pixels, fold, 0.07, 1.0)
        _stroke(where, pixels, fold + [0.13 * out, -0.02], 0.07, 0.7)
    strength = np.clip(1.3 * smile, 0, 1) * np.clip(where - 1, 0, 1)
    light = picture.mean(axis=-1)
    step = max(float(np.abs(np.diff(pixels[:1, :, 0])).mean()), 1e-6)
    # The lips are no skin: the level around leaves them out.
    lips = cv2.convexHull(face[48:60].astype(np.float32))[:, 0] * [1.12, 1.0] + [-0.12 * float(face[51, 0]), 0.0]
    skin = np.ones(light.shape, np.float32)
    outline = np.rint((lips - pixels[0, 0]) / step).astype(np.int32)
    cv2.fillConvexPoly(skin, outline, (0.0,))
    near, wide, share = (
        np.asarray(cv2.GaussianBlur(values, (0, 0), sigma / step), np.float32)
        for values, sigma in ((light, 0.02), (light * skin, 0.13), (skin, 0.13))
    )
    ratio = np.clip((wide / (share + 1e-3) + 5) / (near + 5), 1.0, 1.5)
    return np.asarray(ratio ** (strength * skin), np.float32)


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
    closest, position = np.full(len(at), np.inf), np.zeros(len(at))
    for index, (start, end) in enumerate(pairwise(line)):
        along = end - start
        t = np.clip(((at - start) @ along) / max(float(along @ along), 1e-12), 0.0, 1.0)
        squared = ((at - start - t[:, None] * along) ** 2).sum(axis=1)
        position = np.where(squared < closest, (index + t) / (len(line) - 1), position)
        closest = np.minimum(closest, squared)
    fade = np.sin(np.pi * np.clip(position, 0.03, 0.97)) ** 0.7
    gain[near] *= 1 + strength * fade * np.exp(-closest / (2 * width * width))
