"""Arrays by what they hold, for annotations."""

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Codes", "FloatImage", "Image", "Pixels", "Points"]

Array = npt.NDArray[np.float64]
"""Numbers of any shape."""

Points = Array
"""(..., 2) places in a picture or in a face's own frame."""

Codes = npt.NDArray[np.float32]
"""(..., num_ws, w_dim) of W+."""

Image = npt.NDArray[np.uint8]
"""(H, W, 3) RGB, or grey or with alpha where that is said."""

Pixels = Image
"""The same where `Image` is Pillow's."""

FloatImage = npt.NDArray[np.float32]
"""(H, W, C) in [0, 255], or what is added to or multiplied with such a picture."""
