"""One frame of a film with its face's AUs changed, by the parts that edit photos."""

from typing import Final

import numpy as np

from facsmith._types import Array, Image
from facsmith.compose import Compositor
from facsmith.face import Face, crop_transform
from facsmith.facs import ActionUnits
from facsmith.latent import Latent
from facsmith.networks import Networks
from facsmith.options import AnimateOptions
from facsmith.render import Renderer
from facsmith.subject import Encoded, FaceCode, Subject

__all__ = ["FrameEditor"]


_SIDE: Final = 128
"""Pixels of the crop that stands for a generator's, too few for its pixels to be taken (`compose.transfer.SHARP`): of
codes found anew in every frame, what a generator draws would flicker. The muscles move the film's own pixels."""


class FrameEditor:
    """Edits the frames of one film by the face's muscles, in any order: a frame depends on nothing but what it is
    given."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        generator = networks.generator
        mean = generator.w_avg.expand(generator.num_ws, -1).float().cpu().numpy()
        blank = np.zeros((_SIDE, _SIDE, 3), np.uint8)
        self._code = FaceCode.of(Encoded(Latent(mean, generator.generator_id), blank))

    def edited(self, pixels: Image, face: Face, change: Array, source: Array, *, asked: Array | None = None) -> Image:
        """The frame with the face changed; the very array without any change.

        Parameters
        ----------
        pixels
            (H, W, 3) uint8 RGB.
        face
            Where the face lies in it.
        change
            (2, 28) by how much AUs change on the person's left and right side.
        source
            (28,) what the face shows.
        asked
            (2, 28) what shall show of the change, where its steps are longer or shorter on this face.
        """
        if not change.any():
            return pixels
        transform = crop_transform(face.landmarks, _SIDE)
        compositor = Compositor(pixels, transform, face.landmarks, self._code.found().reference)
        subject = Subject(
            name="frame",
            photo=pixels,
            code=self._code,
            photo_aus=ActionUnits.from_vector(np.clip(source, 0.0, 1.0)),
            face=face,
            faces=1,
            face_index=0,
            transform=transform,
            compositor=compositor,
        )
        renderer = Renderer(
            subject, self._networks.generator, self._networks.boundaries, AnimateOptions(personal=False)
        )
        return renderer.changed(change, asked=asked)
