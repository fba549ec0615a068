"""Intensities -> latents -> generated crops -> finished frames, as a stream."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from facsmith import image
from facsmith.animate.options import AnimateOptions, EditMode, Progress
from facsmith.animate.personal import PersonalBoundaries
from facsmith.animate.subject import Image, Subject
from facsmith.animate.ways import way
from facsmith.boundary import BoundarySet
from facsmith.compose import Compositor, Eyes, join
from facsmith.face import Face
from facsmith.face.muscles import lips_apart
from facsmith.facs import AUS, EYE_AUS
from facsmith.generator import Generator, graphed
from facsmith.measure import Follow

__all__ = ["Renderer"]

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.float32]

MUSCLE_MODES = ("transfer",)
"""Compositing modes in which muscles move the photo; the others show the generator's picture alone."""


_LID_AUS = (1, 2, 4, 5, 6, 7, 9, 12)
"""AUs that move the lids' contours: behind them the eyeball is laid anew."""
_CLOSED, _BLINK, _TURNS = AUS.index(43), AUS.index(45), [AUS.index(au) for au in (61, 62, 63, 64)]


class Renderer:
    """Renders one subject: AUs with a boundary through the latent, the eyes' own on the finished frame, the others by
    the muscles that the compositor moves.

    Frames in which neither latent nor muscles differ from the frame before are not composed again; where the latent
    equals z_x the reference itself is composed, so that zero displacement is exact whatever the batch.
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
        self._latent_columns = [AUS.index(au) for au in boundaries.aus]
        moves = subject.face is not None and subject.transform is not None and options.mode in MUSCLE_MODES
        muscles = [au for au in AUS if way(au, boundaries) == "muscles"]
        self._muscle_columns = [AUS.index(au) for au in AUS if au not in EYE_AUS] if moves else []
        self._skin = np.array([au not in EYE_AUS for au in AUS], np.float64)
        self._lid_columns = [AUS.index(au) for au in _LID_AUS]
        self._by_latent = np.isin(AUS, boundaries.aus).astype(np.float64)
        self.unshown = frozenset([] if moves else muscles)
        """AUs of the muscles, where nothing moves them: no face was found, or the mode has no muscles."""
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
        if options.personal and options.mode not in MUSCLE_MODES and subject.face is not None:
            self._personal = PersonalBoundaries(
                boundaries, subject.face, draw=self._still, landmarks=self._resting, follow=follow
            )

    def latents(self, intensities: Array) -> Codes:
        """intensities: (T, K) over ``facs.AUS``; those with a boundary count. Returns ws (T, num_ws, w_dim)."""
        return (
            self._boundaries_for(intensities)
            .edit(
                self._subject.latent,
                intensities[:, self._latent_columns],
                mode=self._options.edit,
                entangled=self._options.entangled,
                source=self._subject.source,
                aus=self._boundaries.aus,
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

    def _boundaries_for(self, intensities: Array) -> BoundarySet:
        """The boundaries, fitted to the face where one of the AUs asked for (T, K), or shown by the photo, moves."""
        if self._personal is None:
            return self._boundaries
        moves = intensities.max(axis=0, initial=0.0) + self._subject.source.vector() > 0
        return self._personal.of(au for au, asked in zip(AUS, moves, strict=True) if asked)

    @property
    def has_landmarks(self) -> bool:
        """Whether it is known where the face's midline and eyes are: without, it has no sides and does not blink."""
        return self._subject.face is not None

    def frames(self, intensities: Array, *, aus: Sequence[int] = AUS) -> Iterator[Image]:
        """Yields T frames (H, W, 3) uint8; equal neighbours may be one and the same array.

        intensities: (T, C) of the C AUs of ``aus``, or (T, 2, C) of the person's left side and of the right; others are
        0.
        """
        asked = np.zeros((*intensities.shape[:-1], len(AUS)))
        asked[..., [AUS.index(au) for au in aus]] = intensities
        rest = still = frame = self._compose(self._subject.reference)
        shown = _Moment(self._subject.latent.ws[None], np.zeros((2, len(self._muscle_columns))))
        turned = np.zeros(4)
        for first in range(0, len(asked), self._options.batch):
            rows = asked[first : first + self._options.batch]
            changes = self._changes(rows)
            moments = [
                _Moment(ws, change[:, self._muscle_columns])
                for ws, change in zip(self._codes(rows), changes, strict=True)
            ]
            fresh = [not moment.same(before) for before, moment in itertools.pairwise([shown, *moments])]
            pictures = self._pictures(itertools.compress(moments, fresh))
            openings = self._lips_open(rows, edit=self._options.edit)
            for moment, is_fresh, change, lips_open, eyes in zip(
                moments, fresh, changes, openings, _eyes(rows), strict=True
            ):
                if is_fresh:
                    at_rest = same(moment.ws, self._subject.latent.ws[None]) and not moment.muscles.any()
                    drawn = (pictures[key(ws)] for ws in moment.ws)
                    still = rest if at_rest else self._compose(*drawn, asked=change, lips_open=lips_open)
                if is_fresh or not np.array_equal(eyes, turned):
                    frame = self._with_eyes(still, eyes, change)
                shown, turned = moment, eyes
                yield frame

    def _codes(self, intensities: Array) -> list[Codes]:
        """Per frame the codes (1, num_ws, w_dim) of both sides, or (2, num_ws, w_dim) where they differ."""
        if intensities.ndim == 2:
            return [*self.latents(intensities)[:, None]]
        if not self.has_landmarks:
            return [*self.latents(intensities.max(axis=1))[:, None]]
        left, right = (self.latents(intensities[:, side]) for side in (0, 1))
        return [a[None] if same(a, b) else np.stack([a, b]) for a, b in zip(left, right, strict=True)]

    def _pictures(self, moments: Iterable["_Moment"]) -> dict[bytes, Image]:
        """The picture of every code; z_x's is the reference itself."""
        own = self._subject.latent.ws
        wanted = {key(ws): ws for moment in moments for ws in moment.ws if not same(ws, own)}
        drawn = self._synthesise(np.array([*wanted.values()], np.float32).reshape(-1, *own.shape))
        return {key(own): self._subject.reference, **dict(zip(wanted, drawn, strict=True))}

    def _with_eyes(self, frame: Image, eyes: Array, change: Array) -> Image:
        """The frame with its irises round behind the lids that the muscles moved, and its eyes closed and turned.

        eyes: (4,), a row of `_eyes`. change: (2, K), by how much the AUs change.
        """
        if self._eyes is None:
            return frame
        left, right, across, up = eyes.tolist()
        moved = None
        if self._muscle_columns and self._compositor is not None and change[:, self._lid_columns].any():
            moved = self._compositor.landmarks(change * self._skin)
        return self._eyes.apply(frame, moved, left, right, gaze=(across, up))

    def neutral(self) -> Image:
        """The same person with every AU at 0: what measurements compare with."""
        nothing = np.zeros(len(AUS))
        return self._still(self._boundaries_for(nothing[None]), nothing)

    def _still(self, boundaries: BoundarySet, intensities: Array) -> Image:
        """One frame that shows intensities (K,) and nothing else."""
        lips_open = self._lips_open(intensities[None], edit="absolute")[0]
        change = np.tile(intensities - self._subject.source.vector(), (2, 1))
        return self._compose(self._generated(boundaries, intensities), asked=change, lips_open=lips_open)

    def _generated(self, boundaries: BoundarySet, intensities: Array) -> Image:
        asked = intensities[self._latent_columns]
        edited = boundaries.edit(self._subject.latent, asked, source=self._subject.source, aus=boundaries.aus)
        return self._synthesise(edited.ws)[0]

    def _resting(self) -> Array:
        """(68, 2) the landmarks of `_still` with every AU at 0, by people's boundaries, in its pixels."""
        subject = self._subject
        if self._compositor is None or subject.transform is None:
            return cast(Face, subject.face).landmarks
        at = self._compositor.landmarks(-subject.source.vector())
        return subject.transform.to_crop(at) if self._options.mode == "crop" else at

    def _lips_open(self, intensities: Array, *, edit: EditMode) -> list[float]:
        """Per frame, the part of the photo's own opening between the lips that the asked AUs leave."""
        own = float(lips_apart(self._subject.source.vector()))
        if edit == "relative" or own <= 0:
            return [1.0] * len(intensities)
        asked = lips_apart(intensities if intensities.ndim == 2 else intensities.max(axis=1))
        return np.clip(asked / own, 0.0, 1.0).tolist()

    def _changes(self, intensities: Array) -> Array:
        """(T, 2, K) by how much AUs change from the photo to each frame, of both sides. intensities: as for `frames`,
        over all AUs."""
        own = self._subject.source.vector()
        sides = _both_sides(intensities)
        shown = np.clip(own + sides, 0.0, 1.0) if self._options.edit == "relative" else sides
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
        asked: Array | None = None,
        lips_open: float = 1.0,
    ) -> Image:
        """One picture, or one for each side of the face. asked: by how much AUs change, (2, K) of both sides."""
        if self._compositor is not None:
            change = np.zeros((2, len(AUS))) if asked is None else asked * self._skin
            return self._compositor.frame(
                generated, right, change=change, drawn=change * self._by_latent, lips_open=lips_open
            )
        if right is None or self._subject.face is None:
            return generated
        return join(generated, right, self._subject.face.landmarks)


@dataclass(frozen=True, eq=False)
class _Moment:
    """What a frame is composed of. ws: (1, num_ws, w_dim) of both sides, or (2, num_ws, w_dim). muscles: (2, M), by how
    much the AUs change that move skin."""

    ws: Codes
    muscles: Array

    def same(self, other: "_Moment") -> bool:
        return same(self.ws, other.ws) and np.array_equal(self.muscles, other.muscles)


def _both_sides(intensities: Array) -> Array:
    """(T, K) or (T, 2, K) -> (T, 2, K)."""
    return intensities if intensities.ndim == 3 else np.repeat(intensities[:, None], 2, axis=1)


def _eyes(intensities: Array) -> Array:
    """(T, 4) of (T, K) or (T, 2, K): closure of the person's left eye and of the right, 0 to 1; gaze across and up, -1
    to 1, across being positive to the person's left."""
    sides = _both_sides(intensities)
    closure = np.maximum(sides[:, :, _CLOSED], sides[:, :, _BLINK])
    left, right, up, down = sides[:, :, _TURNS].max(axis=1).T
    return np.column_stack([closure, left - right, up - down])


def same(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> bool:
    """Bit for bit."""
    return bool(np.array_equal(a, b))


def key(ws: Codes) -> bytes:
    """The same for codes that are the `same`: -0.0 counts as 0.0."""
    return (ws + np.float32(0)).tobytes()
