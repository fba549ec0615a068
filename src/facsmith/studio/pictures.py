"""Pictures inside the page's own text, so that no file is written for them; and the faces that show what an AU does."""

import base64
import io

import numpy as np
from PIL import Image as Pillow

from facsmith import image
from facsmith._types import Image
from facsmith.animator import Animator
from facsmith.facs import ActionUnits

__all__ = ["data_uri", "jpeg", "pictograms", "thumbnail"]


MODEL_SEED, MODEL_PSI = 39, 0.6
"""A clear face of the bundled generator."""
_WINDOWS = {"upper": (0.20, 0.02, 0.60), "middle": (0.20, 0.18, 0.60), "lower": (0.20, 0.38, 0.60)}  # left, top, side
_PART = {1: "upper", 2: "upper", 4: "upper", 5: "upper", 6: "middle", 9: "middle"}
_SIDE = 112


def jpeg(picture: Image, *, quality: int = 90) -> str:
    """A ``data:`` address that holds the picture, (H, W, 3) uint8."""
    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return data_uri(buffer.getvalue(), "image/jpeg")


def data_uri(data: bytes, kind: str) -> str:
    """``data:kind;base64,...``."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def thumbnail(picture: Image, longest: int) -> Image:
    """Scaled down to ``longest`` pixels where it is larger."""
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    return image.resize(picture, (max(1, round(height * scale)), max(1, round(width * scale))))


def pictograms(animator: Animator) -> dict[int, str]:
    """AU -> ``data:`` address of a face of nobody that shows it fully, cut to the part that moves.

    Generators draw different people from one seed; whatever this one draws, its neutral face is where each AU starts.
    """
    nobody = animator.sample(MODEL_SEED, psi=MODEL_PSI)
    drawn: dict[int, str] = {}
    for au in animator.networks.boundaries.aus:
        picture = animator.edit(nobody, ActionUnits({au: 1.0})).image
        left, top, side = _WINDOWS[_PART.get(au, "lower")]
        first, size = (round(v * picture.shape[0]) for v in (left, side))
        row = round(top * picture.shape[0])
        window = picture[row : row + size, first : first + size]
        drawn[au] = jpeg(image.resize(np.ascontiguousarray(window), (_SIDE, _SIDE)), quality=82)
    return drawn
