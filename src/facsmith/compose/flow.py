"""Dense motion between two frames of one generator: where does each pixel of the new frame come from in the old one?

Conventions: a flow (H, W, 2) float32 holds (dx, dy) in pixels and runs backward: ``new[p] ~ old[p + flow[p]]``.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facsmith._types import FloatImage
from facsmith.compose.masks import fade

__all__ = ["FLOW_SIZE", "backward_flow", "blur", "warp"]

FLOW_SIZE = 256
"""Side, in pixels, of the square on which motion is sought.

Measured on portraits warped by known fields (mean length 1.2 px at 128 px; DIS, medium preset): end-point error .24 px
at 128 px, .11 at 256, .08 at 384 and .08 at 512, for 2, 7, 18 and 32 ms. With a weak generator's blur and noise in
both frames, .39, .41, .47 and .52: finer than 256 px the search follows the noise.
"""

# Lengths in pixels of the FLOW_SIZE square.
_SEARCH_BLUR = 2.0  # a weak generator's fine texture stays while the face moves: unblurred, it holds the flow back
_SMOOTHING = 4.0
_FILLING = 10.0  # how far around a doubtful place trusted motion is looked for
_STRETCH_TRUSTED, _STRETCH_DOUBTED = 0.7, 0.2  # old area per new area: far below 1, something came into view
_MISMATCH = 10.0  # grey levels between the new frame and the moved old one
_STILL = 0.15  # motion of this size and less is the search's own noise


def backward_flow(old: npt.NDArray[np.uint8], new: npt.NDArray[np.uint8], guess: FloatImage) -> FloatImage:
    """Dense inverse search (Kroeger et al. 2016), new frame to old, for what ``guess`` leaves unexplained.

    Every frame is searched afresh: the flow depends on the two frames only, neither on the order in which frames are
    asked for nor on drift. Doubtful places follow their trusted surroundings.

    Parameters
    ----------
    old, new
        (FLOW_SIZE, FLOW_SIZE) uint8 grey.
    guess
        (FLOW_SIZE, FLOW_SIZE, 2) pixels.

    Returns
    -------
    ndarray
        (FLOW_SIZE, FLOW_SIZE, 2) pixels.
    """
    return composed(remaining_flow(old, new, guess), guess)


def remaining_flow(old: npt.NDArray[np.uint8], new: npt.NDArray[np.uint8], guess: FloatImage) -> FloatImage:
    """The part of `backward_flow` that ``guess`` left: from the new frame to the old one moved along the guess."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    guessed = np.asarray(np.rint(warp(old.astype(np.float32), guess)), np.uint8)
    from_new, to_old = (np.asarray(cv2.GaussianBlur(f, (0, 0), _SEARCH_BLUR), np.uint8) for f in (new, guessed))
    found = np.asarray(search.calc(from_new, to_old, np.zeros_like(guess)), np.float32)

    # An opening mouth has no source in the old frame; there the search stretches whatever looks alike, anew each frame.
    trust = _trust(found, guess, to_old, from_new)[..., None]
    near, near_trust = blur(found * trust, _SMOOTHING), blur(trust, _SMOOTHING)[..., None]
    wide, wide_trust = _wide_blur(found * trust, _FILLING), _wide_blur(trust, _FILLING)[..., None]
    certain = np.minimum(near_trust, 1)
    return np.asarray(certain * (near / near_trust) + (1 - certain) * (wide / wide_trust), np.float32)


def composed(remaining: FloatImage, guess: FloatImage) -> FloatImage:
    """Of both, the flow from the new frame to the old one; what is no more than the search's noise is stilled."""
    flow = _after(remaining, guess)
    length = np.einsum("ijk,ijk->ij", flow, flow)[..., None]
    return np.asarray(flow * (length / (length + _STILL**2)), np.float32)


def _after(flow: FloatImage, guess: FloatImage) -> FloatImage:
    """The flow from new to old, of a flow from new to the guessed frame and of one from there to old."""
    return np.asarray(flow + warp(guess, flow), np.float32)


def _trust(
    found: FloatImage, guess: FloatImage, guessed: npt.NDArray[np.uint8], new: npt.NDArray[np.uint8]
) -> FloatImage:
    """(H, W) in (0, 1]: low where the flow magnifies the old frame, or does not lead to the new one."""
    smooth = blur(_after(found, guess), 1.5)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    area = (1 + across[..., 0]) * (1 + down[..., 1]) - across[..., 1] * down[..., 0]  # the mapping's Jacobian
    mismatch = warp(guessed.astype(np.float32), found) - new
    return fade(area, _STRETCH_DOUBTED, _STRETCH_TRUSTED) * np.exp(-((mismatch / _MISMATCH) ** 2)) + np.float32(1e-3)


def warp(image: FloatImage, flow: FloatImage) -> FloatImage:
    """``image[p + flow[p]]``, bilinear, the border repeated.

    Parameters
    ----------
    image
        (H, W) or (H, W, C).
    flow
        (H, W, 2) pixels.
    """
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(image, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def blur(image: npt.NDArray[np.floating[Any]], sigma: float) -> FloatImage:
    """Gaussian blur, cut at three sigma.

    Parameters
    ----------
    image
        (H, W) or (H, W, C).
    sigma
        Standard deviation in pixels.
    """
    side = 2 * int(np.ceil(3 * sigma)) + 1
    return np.asarray(cv2.GaussianBlur(np.asarray(image, np.float32), (side, side), sigma), np.float32)


def _wide_blur(image: FloatImage, sigma: float) -> FloatImage:
    """`blur` for large sigma, at a quarter of the size."""
    height, width = image.shape[:2]
    small = np.asarray(cv2.resize(image, (width // 4, height // 4), interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(cv2.resize(blur(small, sigma / 4), (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
