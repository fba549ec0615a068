"""Photos with transparent parts: what lies over white while faces are found and moved, and gets its alpha back."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from facsmith import image
from facsmith._types import Pixels
from facsmith.errors import InputError, PhotoError

__all__ = ["NOTE", "Cutout", "read_cutout"]


NOTE: Final = (
    "The photo is transparent in parts: that is kept in .png, .webp, .tif and folders of PNGs, where the outline stays "
    "as it is; elsewhere they are white."
)


@dataclass(frozen=True, eq=False)
class Cutout:
    """A photo with an alpha channel.

    Parameters
    ----------
    colours
        (H, W, 3) uint8 sRGB, as stored.
    alpha
        (H, W) uint8, 0 is transparent.
    """

    colours: Pixels
    alpha: Pixels

    def restore(self, frame: Pixels) -> Pixels:
        """The frame with the photo's alpha.

        Parameters
        ----------
        frame
            (H, W, 3) uint8, made of the photo over white.

        Returns
        -------
        ndarray
            (H, W, 4) uint8. Where the frame is the photo, its stored colours, bit for bit; elsewhere the colour that
            lies over white as the frame does.
        """
        if frame.shape != self.colours.shape:
            raise InputError(f"A frame of this cutout is {self.colours.shape}; given: {frame.shape}.")
        changed = (frame != self.over_white()).any(axis=-1) & (self.alpha > 0)
        colours = self.colours.copy()
        opacity = self.alpha[changed, None].astype(np.float32) / 255
        bare = (frame[changed].astype(np.float32) - 255 * (1 - opacity)) / opacity
        colours[changed] = np.rint(np.clip(bare, 0, 255))
        return np.dstack([colours, self.alpha])

    def over_white(self) -> Pixels:
        """(H, W, 3) uint8, exactly as `facsmith.image.read` gives it."""
        return image.over_white(Image.fromarray(np.dstack([self.colours, self.alpha])))


def read_cutout(path: str | os.PathLike[str]) -> Cutout | None:
    """The transparent photo in a file; None where it is opaque throughout, or cannot be read."""
    try:
        pixels = image.decode_rgba(Path(path).read_bytes(), name=os.fspath(path))
    except (OSError, PhotoError):
        return None  # `facsmith.image.read` says why
    if pixels is None or bool((pixels[..., 3] == 255).all()):
        return None
    return Cutout(np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3]))
