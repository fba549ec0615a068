"""One picture of several that each changed another part of it."""

from collections.abc import Sequence

import numpy as np

from facsmith._types import Pixels

__all__ = ["composed"]


def composed(photo: Pixels, frames: Sequence[Pixels]) -> Pixels:
    """The photo (H, W, 3) with what each of its frames (H, W, 3) changed; the later one's where several did.

    Returns the photo itself where nothing did.
    """
    out = photo
    for frame in frames:
        if frame is photo:
            continue
        if out is photo:
            out = frame
            continue
        changed = (frame != photo).any(axis=2)
        if changed.any():
            out = np.where(changed[..., None], frame, out)
    return out
