"""Intensities -> latents -> generated crops -> finished frames, as a stream."""

import itertools
from collections.abc import Iterator
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from facsmith import image
from facsmith.animate.options import AnimateOptions, EditMode, Progress
from facsmith.animate.personal import PersonalBoundaries
from facsmith.animate.subject import Image, Subject
from facsmith.boundary import BoundarySet
from facsmith.compose import Compositor, Eyes, join
from facsmith.face import Face
from facsmith.face.muscles import basis
from facsmith.facs import AUS, DISFA, spread
from facsmith.generator import Generator, graphed
from facsmith.measure import Follow

__all__ = ["Renderer"]

Codes = npt.NDArray[np.float32]

_PARTING = np.where(np.isin(DISFA, (25, 26)), basis(DISFA)[:, 66, 1] - basis(DISFA)[:, 62, 1], 0.0)
"""(12,) by how much AU25 and AU26 at intensity 1 part the inner lips, IOD."""


class Renderer:
    """Renders one subject.

    Frames whose latent equals the frame before are not rendered again; where it equals z_x the reference itself is
    composed, so that zero displacement is exact whatever the batch.
    """

    def __init__(
        self,
        generator: Generator,
        boundaries: BoundarySet,
        subject: Subject,
        options: AnimateOptions,
        *,
        follow: Follow,
    ) -> None:
        """follow: finds the subject's face again in a frame."""
        self._generator = graphed(subject.generator or generator, options.batch)
        self._boundaries = boundaries
        self._subject = subject
        self._options = options
        self._compositor: Compositor | None = None
        self._eyes: Eyes | None = None
        if subject.face is not None:
            photo, at = subject.photo, subject.face.landmarks
            if options.mode == "crop" and subject.transform is not None:
                photo, at = subject.reference, subject.transform.to_crop(at)
            self._eyes = Eyes(photo, at)
        if subject.transform is not None and subject.face is not None:
            self._compositor = Compositor(
                subject.photo, subject.transform, subject.face.landmarks, subject.reference, mode=options.mode
            )
        self._personal: PersonalBoundaries | None = None
        if options.personal and options.mode != "transfer" and subject.face is not None:
            self._personal = PersonalBoundaries(
                boundaries, subject.face, draw=self._still, landmarks=self._resting, follow=follow
            )

    def latents(self, intensities: npt.NDArray[np.float64]) -> Codes:
        """intensities: (T, 12). Returns ws (T, num_ws, w_dim)."""
        return (
            self._boundaries_for(intensities)
            .edit(
                self._subject.latent,
                intensities,
                mode=self._options.edit,
                entangled=self._options.entangled,
                source=self._subject.source.vector(),
            )
            .ws
        )

    @property
    def factors(self) -> dict[int, float]:
        """By what the steps of the AUs asked for so far are longer on this face than on people at large."""
        return {} if self._personal is None else dict(self._personal.factors)

    def fit(self, progress: Progress) -> None:
        """Measure how strongly the face answers every AU now, not when each is first asked for."""
        if self._personal is not None:
            self._personal.all(progress)

    def _boundaries_for(self, intensities: npt.NDArray[np.float64]) -> BoundarySet:
        """The boundaries, fitted to the face where one of the AUs asked for (T, 12), or shown by the photo, moves."""
        if self._personal is None:
            return self._boundaries
        moves = intensities.max(axis=0, initial=0.0) + self._subject.source.vector() > 0
        return self._personal.of(au for au, asked in zip(DISFA, moves, strict=True) if asked)

    @property
    def has_landmarks(self) -> bool:
        """Whether it is known where the face's midline and eyes are: without, it has no sides and does not blink."""
        return self._subject.face is not None

    def frames(self, intensities: npt.NDArray[np.float64]) -> Iterator[Image]:
        """Yields T frames (H, W, 3) uint8; equal neighbours may be one and the same array.

        intensities: (T, 12), or (T, 2, 12) of the person's left side and of the right.
        """
        batch = self._options.batch
        rest = frame = self._compose(self._subject.reference)
        shown = self._subject.latent.ws[None]  # of one side, or of two
        for first in range(0, len(intensities), batch):
            rows = intensities[first : first + batch]
            moments = self._moments(rows)
            pictures = self._pictures([shown, *moments])
            changes, openings = self._changes(rows), self._lips_open(rows, edit=self._options.edit)
            for moment, change, lips_open in zip(moments, changes, openings, strict=True):
                if not same(moment, shown):
                    at_rest = len(moment) == 1 and same(moment[0], self._subject.latent.ws)
                    drawn = (pictures[key(ws)] for ws in moment)
                    frame = rest if at_rest else self._compose(*drawn, asked=change, lips_open=lips_open)
                shown = moment
                yield frame

    def _moments(self, intensities: npt.NDArray[np.float64]) -> list[Codes]:
        """Per frame the codes (1, num_ws, w_dim) of both sides, or (2, num_ws, w_dim) where they differ."""
        if intensities.ndim == 2:
            return [*self.latents(intensities)[:, None]]
        if not self.has_landmarks:
            return [*self.latents(intensities.max(axis=1))[:, None]]
        left, right = (self.latents(intensities[:, side]) for side in (0, 1))
        return [a[None] if same(a, b) else np.stack([a, b]) for a, b in zip(left, right, strict=True)]

    def _pictures(self, moments: list[Codes]) -> dict[bytes, Image]:
        """The picture of every code that is not shown by the moment before it; z_x's is the reference itself."""
        own = self._subject.latent.ws
        wanted = {
            key(ws): ws
            for before, moment in itertools.pairwise(moments)
            if not same(before, moment)
            for ws in moment
            if not same(ws, own)
        }
        drawn = self._synthesise(np.array([*wanted.values()], np.float32).reshape(-1, *own.shape))
        return {key(own): self._subject.reference, **dict(zip(wanted, drawn, strict=True))}

    def blinked(self, frame: Image, left: float, right: float) -> Image:
        """The frame with the person's own left and right eye closed by so much, 0 to 1."""
        return frame if self._eyes is None else self._eyes.apply(frame, None, left, right)

    def neutral(self) -> Image:
        """The same person with every AU at 0: what measurements compare with."""
        nothing = np.zeros(len(DISFA))
        return self._still(self._boundaries_for(nothing[None]), nothing)

    def _still(self, boundaries: BoundarySet, intensities: npt.NDArray[np.float64]) -> Image:
        """One frame that shows intensities (12,) and nothing else."""
        lips_open = self._lips_open(intensities[None], edit="absolute")[0]
        change = intensities - self._subject.source.vector()
        return self._compose(self._generated(boundaries, intensities), asked=change, lips_open=lips_open)

    def _generated(self, boundaries: BoundarySet, intensities: npt.NDArray[np.float64]) -> Image:
        edited = boundaries.edit(self._subject.latent, intensities, source=self._subject.source.vector())
        return self._synthesise(edited.ws)[0]

    def _resting(self) -> npt.NDArray[np.float64]:
        """(68, 2) the landmarks of `_still` with every AU at 0, by people's boundaries, in its pixels."""
        subject = self._subject
        if self._compositor is None or subject.transform is None:
            return cast(Face, subject.face).landmarks
        at = self._compositor.landmarks(spread(-subject.source.vector()))
        return subject.transform.to_crop(at) if self._options.mode == "crop" else at

    def _lips_open(self, intensities: npt.NDArray[np.float64], *, edit: EditMode) -> list[float]:
        """Per frame, the part of the photo's own opening between the lips that the asked AU25 and AU26 leave."""
        own = float(self._subject.source.vector() @ _PARTING)
        if edit == "relative" or own <= 0:
            return [1.0] * len(intensities)
        asked = (intensities if intensities.ndim == 2 else intensities.max(axis=1)) @ _PARTING
        return np.clip(asked / own, 0.0, 1.0).tolist()

    def _changes(self, intensities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """By how much AUs change from the photo to each frame. intensities: as for `frames`; returns the same shape."""
        own = self._subject.source.vector()
        shown = np.clip(own + intensities, 0.0, 1.0) if self._options.edit == "relative" else intensities
        return shown - own

    def _synthesise(self, ws: npt.NDArray[np.float32]) -> Image:
        """ws: (N, num_ws, w_dim), N may be 0. Returns (N, R, R, 3) uint8."""
        side = self._generator.resolution
        if len(ws) == 0:
            return np.empty((0, side, side, 3), np.uint8)
        with torch.inference_mode():
            return image.to_uint8(self._generator.synthesis(torch.as_tensor(ws, device=self._generator.w_avg.device)))

    def _compose(
        self,
        generated: Image,
        right: Image | None = None,
        *,
        asked: npt.NDArray[np.float64] | None = None,
        lips_open: float = 1.0,
    ) -> Image:
        """One picture, or one for each side of the face. asked: by how much AUs change, of both sides or (2, 12)."""
        if self._compositor is not None:
            change = np.zeros(len(AUS)) if asked is None else spread(asked)
            return self._compositor.frame(generated, right, change=change, lips_open=lips_open)
        if right is None or self._subject.face is None:
            return generated
        return join(generated, right, self._subject.face.landmarks)


def same(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> bool:
    """Bit for bit."""
    return bool(np.array_equal(a, b))


def key(ws: Codes) -> bytes:
    """The same for codes that are the `same`: -0.0 counts as 0.0."""
    return (ws + np.float32(0)).tobytes()
