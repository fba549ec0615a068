"""What each discriminator is shown of an aligned face: all of it, or eyes and mouth alone.

Eyes lie at about the same place of every crop, and a mouth not far from one: the windows follow from the framing alone,
the same for photographs and drawings, wide enough for a smile and an open jaw.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from facsmith.framing import FACSMITH, Framing

__all__ = ["VIEWS", "eyes_and_mouth", "whole_face"]

# Half width, top and bottom, IOD from the midpoint of the eye centres, y down.
_EYES = (0.9, -0.42, 0.30)
_MOUTH = (0.75, 0.55, 1.45)
_EYES_SHARE = 0.4  # of the view's rows


def whole_face(images: Tensor, framing: Framing = FACSMITH) -> Tensor:
    """The whole face at the size that a network looks at: (N, 3, S, S).

    Parameters
    ----------
    images
        (N, 3, R, R); S is 96 px for 64, 160 for 128, 224 for 256 and above.
    """
    resolution = images.shape[-1]
    return _resized(images, *[min(224, resolution + 32)] * 2)


def eyes_and_mouth(images: Tensor, framing: Framing = FACSMITH) -> Tensor:
    """The eyes above and the mouth below, (N, 3, S, S), S about .6 R: near the pictures' own sharpness.

    Parameters
    ----------
    images
        (N, 3, R, R).
    """
    side = 32 * max(2, round(images.shape[-1] * 0.625 / 32))
    rows = round(side * _EYES_SHARE)
    eyes, mouth = _window(images, framing, *_EYES), _window(images, framing, *_MOUTH)
    return torch.cat([_resized(eyes, rows, side), _resized(mouth, side - rows, side)], dim=2)


VIEWS: Mapping[str, Callable[[Tensor, Framing], Tensor]] = {"face": whole_face, "parts": eyes_and_mouth}
"""By the name of the discriminator that sees it."""


def _window(images: Tensor, framing: Framing, half_width: float, top: float, bottom: float) -> Tensor:
    resolution = images.shape[-1]
    pixels = resolution / framing.side
    middle = resolution / 2 - framing.below * pixels
    across = round(half_width * pixels)
    rows = slice(max(0, round(middle + top * pixels)), round(middle + bottom * pixels))
    return images[:, :, rows, max(0, resolution // 2 - across) : resolution // 2 + across]


def _resized(images: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(images, size=(height, width), mode="bilinear", align_corners=False).contiguous(
        memory_format=torch.channels_last
    )
