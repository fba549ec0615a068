"""The face of a large photo as a small photo of its own: what a preview edits, so that its cost is the face's alone."""

from dataclasses import replace

import numpy as np

from facsmith import image
from facsmith.animate import AnimateOptions, Subject
from facsmith.animate.encode import Networks
from facsmith.animate.render import Renderer
from facsmith.animate.subject import Image
from facsmith.face import CropTransform
from facsmith.facs import ActionUnits

__all__ = ["LONGEST_SIDE", "Preview", "close_up"]

LONGEST_SIDE = 512
"""Pixels of a close-up, at most."""
REACH = 1.6
"""What a close-up shows, in sides of the face's crop."""


def close_up(subject: Subject, *, longest: int = LONGEST_SIDE, reach: float = REACH) -> Subject:
    """The square around the face, scaled down to ``longest`` pixels where it is larger; never enlarged.

    Photo, landmarks and crop move together, so that it is animated like any photo. A face of the generator's own is
    its own close-up.
    """
    if subject.transform is None or subject.face is None:
        return subject
    resolution = subject.transform.resolution
    x, y = subject.transform.to_photo([(resolution - 1) / 2] * 2)
    half = reach * resolution / subject.transform.scale / 2
    height, width = subject.photo.shape[:2]
    left, right = max(0, round(x - half)), min(width, round(x + half))
    top, bottom = max(0, round(y - half)), min(height, round(y + half))
    cut = np.ascontiguousarray(subject.photo[top:bottom, left:right])
    rows, columns = cut.shape[:2]
    size = tuple(max(1, round(side * min(1.0, longest / max(rows, columns)))) for side in (rows, columns))
    scale = np.array([size[1] / columns, size[0] / rows])
    origin = np.array([left, top]) - 0.5  # pixel centres: small = scale * (photo - origin) - 0.5
    if size != (rows, columns):
        cut = image.resize(cut, (size[0], size[1]))

    matrix = subject.transform.matrix / [*scale, 1.0]
    matrix[:, 2] += subject.transform.matrix[:, :2] @ (origin + 0.5 / scale)
    landmarks = (subject.face.landmarks - origin) * scale - 0.5
    x0, y0, x1, y1 = (float(v) for v in (*landmarks.min(axis=0), *landmarks.max(axis=0)))
    return replace(
        subject,
        photo=cut,
        face=replace(subject.face, landmarks=landmarks, box=(x0, y0, x1, y1)),
        transform=CropTransform(matrix, resolution),
    )


class Preview:
    """One subject's close-up under the sliders; all that is constant is computed once."""

    def __init__(self, networks: Networks, subject: Subject, options: AnimateOptions) -> None:
        self.subject = close_up(subject)
        self._renderer = Renderer(networks.generator, networks.boundaries, self.subject, options)

    @property
    def before(self) -> Image:
        """The close-up as the photo has it."""
        return self.subject.photo

    def show(self, action_units: ActionUnits) -> Image:
        """The close-up with an expression, each side its own, (H, W, 3) uint8."""
        if action_units.is_symmetric:
            return next(self._renderer.frames(action_units.vector()[None]))
        sides = np.stack([action_units.vector("left"), action_units.vector("right")])
        return next(self._renderer.frames(sides[None]))
