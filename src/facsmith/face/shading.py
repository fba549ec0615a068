"""Shading of the folds that AUs raise (FACS: wrinkles, bulges, furrows), as a gain on the photo; and the smoothing of
those that a face at rest would not have. Face frame of `face.muscles`."""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from facsmith.facs import DISFA

__all__ = ["fold_gain", "unfold_gain"]

Array = NDArray[np.float64]
_INDEX = {au: row for row, au in enumerate(DISFA)}


def fold_gain(pixels: Array, face: Array, intensities: Array) -> NDArray[np.float32]:
    """Luminance gain of the folds, around 1.

    Args:
        pixels: (h, w, 2) face coordinates of the output pixels.
        face: (68, 2) landmarks after the AUs moved them, face coordinates.
        intensities: (12,) in AU order; negative ones raise no fold.
    """
    e = {au: max(0.0, float(intensities[row])) for au, row in _INDEX.items()}
    gain = np.ones(pixels.shape[:2])
    for side in (0, 1):
        corner, ala = face[48 + 6 * side], face[31 + 4 * side]
        outer_eye, lid = face[36 + 9 * side], face[[40, 41] if side == 0 else [46, 47]].mean(axis=0)
        inner_brow, mid_brow = face[21 + side], face[19 + 5 * side]
        out = -1.0 if side == 0 else 1.0
        fold = np.array(
            [ala + [0.04 * out, -0.03], 0.55 * ala + 0.45 * corner + [0.13 * out, 0.0], corner + [0.14 * out, -0.01]]
        )
        _stroke(gain, pixels, fold, 0.035, -0.17 * max(e[12], 0.5 * e[9]) - 0.05 * e[20])
        _stroke(gain, pixels, fold + [0.10 * out, -0.05], 0.09, 0.05 * e[12])
        below = np.array([lid + [-0.20, 0.08], lid + [0.0, 0.13], lid + [0.20, 0.08]])
        _stroke(gain, pixels, below, 0.028, -0.13 * e[6])
        _stroke(gain, pixels, below - [0.0, 0.06], 0.03, 0.08 * e[6])
        for rise in (-0.05, 0.03, 0.11):
            feet = np.array([outer_eye + [0.06 * out, 0.5 * rise], outer_eye + [0.24 * out, 1.4 * rise]])
            _stroke(gain, pixels, feet, 0.018, -0.08 * e[6])
        frown = np.array([inner_brow + [0.0, -0.08], inner_brow + [-0.05 * out, 0.0], inner_brow + [-0.05 * out, 0.12]])
        _stroke(gain, pixels, frown, 0.028, -0.15 * e[4] - 0.06 * e[9])
        _stroke(gain, pixels, np.array([inner_brow, mid_brow]) + [0.0, 0.08], 0.05, -0.10 * e[4])
        for rise in (0.17, 0.29):
            _stroke(
                gain,
                pixels,
                np.array([mid_brow + [-0.3 * out, 0.0], mid_brow, face[17 + 9 * side]]) - [0.0, rise],
                0.025,
                -0.06 * e[2],
            )
        side_nose = (face[28] + face[29]) / 2 + [0.09 * out, -0.02]
        for shift in (-0.04, 0.05):
            wrinkle = np.array([side_nose + [-0.02 * out, shift - 0.03], side_nose + [0.08 * out, shift + 0.05]])
            _stroke(gain, pixels, wrinkle, 0.022, -0.14 * e[9])
        hook = np.array([corner + [0.02 * out, -0.02], corner + [0.06 * out, 0.06], corner + [0.07 * out, 0.16]])
        _stroke(gain, pixels, hook, 0.04, -0.15 * e[15] - 0.04 * e[17])
        stretch = np.array([corner + [0.06 * out, -0.08], corner + [0.09 * out, 0.0], corner + [0.06 * out, 0.10]])
        _stroke(gain, pixels, stretch, 0.035, -0.15 * e[20])
    centre = (face[21] + face[22]) / 2
    for rise in (0.20, 0.32):
        _stroke(
            gain, pixels, centre + np.array([[-0.42, -rise], [0.0, -rise + 0.02], [0.42, -rise]]), 0.028, -0.08 * e[1]
        )
    _stroke(
        gain, pixels, np.array([face[27] + [-0.10, -0.02], face[27], face[27] + [0.10, -0.02]]), 0.025, -0.12 * e[9]
    )
    boss = (face[57] + face[8]) / 2
    _stroke(gain, pixels, boss + np.array([[-0.22, -0.02], [0.0, -0.08], [0.22, -0.02]]), 0.035, -0.13 * e[17])
    _stroke(gain, pixels, boss + np.array([[-0.10, 0.06], [0.10, 0.06]]), 0.07, 0.05 * e[17])
    return np.clip(gain, 0.55, 1.35).astype(np.float32)


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
