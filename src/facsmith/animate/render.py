"""Intensities -> latents -> generated crops -> finished frames, as a stream."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from facsmith import image
from facsmith.animate.options import AnimateOptions
from facsmith.animate.subject import Image, Subject
from facsmith.boundary import BoundarySet
from facsmith.compose import Compositor
from facsmith.facs import AUS
from facsmith.generator import Generator

__all__ = ["Renderer"]


class Renderer:
    """Renders one subject.

    Frames whose latent equals the frame before are not rendered again; where it equals z_x the reference itself is
    composed, so that zero displacement is exact whatever the batch.
    """

    def __init__(
        self, generator: Generator, boundaries: BoundarySet, subject: Subject, options: AnimateOptions
    ) -> None:
        self._generator = generator
        self._boundaries = boundaries
        self._subject = subject
        self._options = options
        self._compositor: Compositor | None = None
        if subject.transform is not None and subject.face is not None:
            self._compositor = Compositor(
                subject.photo, subject.transform, subject.face.landmarks, subject.reference, mode=options.mode
            )

    def latents(self, intensities: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """intensities: (T, 12). Returns ws (T, num_ws, w_dim)."""
        return self._boundaries.edit(
            self._subject.latent,
            intensities,
            mode=self._options.edit,
            entangled=self._options.entangled,
            source=self._subject.source.vector(),
        ).ws

    def frames(self, intensities: npt.NDArray[np.float64]) -> Iterator[Image]:
        """intensities: (T, 12). Yields T frames (H, W, 3) uint8; equal neighbours may be one and the same array."""
        batch = self._options.batch
        before, frame = self._subject.latent.ws, self._compose(self._subject.reference)
        rest = frame
        for first in range(0, len(intensities), batch):
            rows = self.latents(intensities[first : first + batch])
            previous = np.concatenate([before[None], rows[:-1]])
            moved = [
                not (same(row, self._subject.latent.ws) or same(row, was))
                for row, was in zip(rows, previous, strict=True)
            ]
            pictures = iter(self._synthesise(rows[moved]))
            for row, was, new in zip(rows, previous, moved, strict=True):
                if new:
                    frame = self._compose(next(pictures))
                elif not same(row, was):
                    frame = rest
                yield frame
            before = rows[-1]

    def neutral(self) -> Image:
        """The same person with every AU at 0: what measurements compare with."""
        ws = self._boundaries.edit(
            self._subject.latent, np.zeros((1, len(AUS))), mode="absolute", source=self._subject.source.vector()
        ).ws
        return self._compose(self._synthesise(ws)[0])

    def _synthesise(self, ws: npt.NDArray[np.float32]) -> Image:
        """ws: (N, num_ws, w_dim), N may be 0. Returns (N, R, R, 3) uint8."""
        side = self._generator.resolution
        if len(ws) == 0:
            return np.empty((0, side, side, 3), np.uint8)
        with torch.inference_mode():
            return image.to_uint8(self._generator.synthesis(torch.as_tensor(ws, device=self._generator.w_avg.device)))

    def _compose(self, generated: Image) -> Image:
        return generated if self._compositor is None else self._compositor.frame(generated)


def same(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> bool:
    """Bit for bit."""
    return bool(np.array_equal(a, b))
