"""Latents and AU intensities -> finished frames, as a stream."""

import copy
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from facsmith import image
from facsmith._types import Array, Codes, Image
from facsmith.boundary import BoundarySet
from facsmith.compose import SHARP, Eyes, join
from facsmith.face import Face
from facsmith.face.muscles import PARTING, lips_apart
from facsmith.facs import AUS, EYE_AUS
from facsmith.generator import Generator, graphed
from facsmith.options import AnimateOptions, EditMode
from facsmith.subject import Subject
from facsmith.ways import Way

__all__ = ["Renderer"]


MUSCLE_MODES = ("transfer",)
"""Compositing modes in which muscles move the photo; the others show the generator's picture alone."""

_LID_AUS = (1, 2, 4, 5, 6, 7, 9, 12)
"""AUs that move the lids' contours: behind them the eyeball is laid anew."""
_CLOSED, _BLINK, _TURNS = AUS.index(43), AUS.index(45), [AUS.index(au) for au in (61, 62, 63, 64)]


class Renderer:
    """Renders one subject: AUs with a boundary through the latent, the eyes' own on the finished frame, the others by
    the muscles that the compositor moves. Making one draws nothing.

    Frames in which neither latent nor muscles differ from the frame before are not composed again; where the latent
    equals z_x the reference itself is composed, so that zero displacement is exact whatever the batch.

    Parameters
    ----------
    subject
        Whose face.
    generator
        The model's; the subject's own, where it has one, goes before it.
    boundaries
        Of AUs in the generator's latent space.
    options
        Of the film.
    """

    def __init__(
        self, subject: Subject, generator: Generator, boundaries: BoundarySet, options: AnimateOptions
    ) -> None:
        self.subject = subject
        self.options = options
        self.boundaries = boundaries
        self.strengths: Mapping[int, float] = {}
        """AU -> by what its step is longer on this face than on people at large."""
        self.fitted: dict[int, float] = {}
        """The same of every AU that was measured on this face so far; copies share it."""
        self._generator = graphed(subject.generator or generator, options.batch)
        self._moves = subject.compositor is not None and options.mode in MUSCLE_MODES
        self.draws = not self._moves or self._generator.resolution >= SHARP
        """Whether what the generator draws of latents reaches the frames: of a coarse one only in some modes."""
        self._latent_columns = [AUS.index(au) for au in boundaries.aus]
        self._muscle_columns = [AUS.index(au) for au in AUS if au not in EYE_AUS] if self._moves else []
        self._skin = np.array([au not in EYE_AUS for au in AUS], np.float64)
        self._lid_columns = [AUS.index(au) for au in _LID_AUS]
        self._parting_columns = [AUS.index(au) for au in PARTING]
        self._by_latent = np.isin(AUS, boundaries.aus).astype(np.float64)

    def notes(self, *, eyes: bool) -> tuple[str, ...]:
        """What the face in the photo hides, one sentence each; known once a frame was composed.

        Parameters
        ----------
        eyes
            Whether they were asked to close or to turn.
        """
        compositor = self.subject.compositor
        front = compositor.still if self._moves and compositor is not None else None
        found = () if front is None else front.notes
        return (*found, *self._eye_layers.notes) if eyes and self._eye_layers is not None else found

    def way(self, au: int) -> Way | None:
        """Where an AU of this film comes from; None: nothing here can show it."""
        if au in EYE_AUS:
            return "eyes"
        if self.draws and au in self.boundaries.aus:
            return "latent"
        return "muscles" if self._moves else None

    def strengthened(self, strengths: Mapping[int, float]) -> "Renderer":
        """The same with the step of each AU in ``strengths`` so many times as long."""
        other = copy.copy(self)
        other.boundaries = self.boundaries.stretched(strengths)
        other.strengths = dict(strengths)
        other.__dict__.pop("neutral", None)
        return other

    def latents(self, intensities: Array) -> Codes:
        """The latents that show intensities.

        Parameters
        ----------
        intensities
            (T, K) over ``facs.AUS``; those with a boundary count.

        Returns
        -------
        ws (T, num_ws, w_dim); where muscles draw all, `_own` T times.
        """
        if not self.draws:
            return np.repeat(self._own[None], len(intensities), axis=0)
        return self.boundaries.edit(
            self.subject.latent,
            intensities[:, self._latent_columns],
            mode=self.options.edit,
            entangled=self.options.entangled,
            source=self.subject.photo_aus,
            aus=self.boundaries.aus,
        ).ws

    @property
    def has_landmarks(self) -> bool:
        """Whether it is known where the face's midline and eyes are: without, it has no sides and does not blink."""
        return self.subject.face is not None

    def frames(self, intensities: Array, *, aus: Sequence[int] = AUS) -> Iterator[Image]:
        """Yields T frames (H, W, 3) uint8; equal neighbours may be one and the same array.

        Parameters
        ----------
        intensities
            (T, C) of the C AUs of ``aus``, or (T, 2, C) of the person's left side and of the right; others are 0.
        """
        asked = np.zeros((*intensities.shape[:-1], len(AUS)))
        asked[..., [AUS.index(au) for au in aus]] = intensities
        rest = still = frame = self._compose(self._reference)
        shown = _Moment(self._own[None], np.zeros((2, len(self._muscle_columns))))
        turned = np.zeros(4)
        for first in range(0, len(asked), self.options.batch):
            rows = asked[first : first + self.options.batch]
            changes = self._changes(rows)
            moments = [
                _Moment(ws, change[:, self._muscle_columns])
                for ws, change in zip(self._codes(rows), changes, strict=True)
            ]
            fresh = [not moment.same(before) for before, moment in itertools.pairwise([shown, *moments])]
            pictures = self._pictures(itertools.compress(moments, fresh))
            openings = self._lips_open(rows, edit=self.options.edit)
            for moment, is_fresh, change, lips_open, eyes in zip(
                moments, fresh, changes, openings, _eyes(rows), strict=True
            ):
                if is_fresh:
                    at_rest = same(moment.ws, self._own[None]) and not moment.muscles.any()
                    drawn = (pictures[key(ws)] for ws in moment.ws)
                    still = rest if at_rest else self._compose(*drawn, asked=change, lips_open=lips_open)
                if is_fresh or not np.array_equal(eyes, turned):
                    frame = self._with_eyes(still, eyes, change)
                shown, turned = moment, eyes
                yield frame

    @cached_property
    def neutral(self) -> Image:
        """The same person with every AU at 0: what measurements compare with."""
        if self.subject.neutral is not None and self.options.mode == "transfer":
            return self.subject.neutral
        return self.still(np.zeros(len(AUS)))

    @property
    def neutral_face(self) -> Face:
        """Where the face lies in `neutral`, as the muscles move it there.

        Raises
        ------
        ValueError
            No face was found in the photo.
        """
        subject = self.subject
        if subject.face is None:
            raise ValueError("No face was found in this photo, so that none is known in its neutral frame.")
        if subject.compositor is None or subject.transform is None:
            return subject.face
        at = subject.compositor.landmarks(-subject.photo_aus.vector())
        return subject.face.at(subject.transform.to_crop(at) if self.options.mode == "crop" else at)

    def still(self, intensities: Array, boundaries: BoundarySet | None = None) -> Image:
        """One frame that shows intensities (K,) and nothing else, by these boundaries or the renderer's own."""
        lips_open = self._lips_open(intensities[None], edit="absolute")[0]
        change = np.tile(intensities - self.subject.photo_aus.vector(), (2, 1))
        drawn = self._reference
        if self.draws:
            asked, known = intensities[self._latent_columns], boundaries or self.boundaries
            edited = known.edit(self.subject.latent, asked, source=self.subject.photo_aus, aus=known.aus)
            drawn = self._synthesise(edited.ws)[0]
        return self._compose(drawn, asked=change, lips_open=lips_open)

    def changed(self, change: Array, *, asked: Array | None = None) -> Image:
        """The photo with its AUs changed by (2, K) on the person's left and right side, all by the face's muscles.

        ``asked``, where it differs from ``change``, is what shall show of it in the end: it says whether lips meet.

        Eyes close and turn by as much as ``change`` says; where they do neither, they are moved with their lids like
        skin, not laid anew: found anew in each frame of a film, they would flicker. Without any change, the photo bit
        for bit.
        """
        by = change if asked is None else asked
        shown = np.clip(self.subject.photo_aus.vector() + by, 0.0, 1.0)[None]  # (1, 2, K)
        parts = bool(change[:, self._parting_columns].any())
        lips_open = self._lips_open(shown, edit="absolute")[0] if parts else 1.0
        frame = self._compose(self._reference, asked=change, lips_open=lips_open)
        eyes = _eyes(change[None])[0]
        return self._with_eyes(frame, eyes, change) if eyes.any() else frame

    @cached_property
    def _own(self) -> Codes:
        """z_x; where muscles draw all, whatever it is, one stand-in for it, so that nobody need search."""
        return self.subject.latent.ws if self.draws else np.zeros((1, 1), np.float32)

    @property
    def _reference(self) -> Image | None:
        """What the generator draws of z_x; None where muscles draw all."""
        return self.subject.reference if self.draws else None

    def _codes(self, intensities: Array) -> list[Codes]:
        """Per frame the codes (1, num_ws, w_dim) of both sides, or (2, num_ws, w_dim) where they differ."""
        if intensities.ndim == 2:
            return [*self.latents(intensities)[:, None]]
        if not self.has_landmarks:
            return [*self.latents(intensities.max(axis=1))[:, None]]
        left, right = (self.latents(intensities[:, side]) for side in (0, 1))
        return [a[None] if same(a, b) else np.stack([a, b]) for a, b in zip(left, right, strict=True)]

    def _pictures(self, moments: Iterable["_Moment"]) -> "dict[bytes, Image | None]":
        """The picture of every code; z_x's is `_reference` itself."""
        own = self._own
        wanted = {key(ws): ws for moment in moments for ws in moment.ws if not same(ws, own)}
        drawn = self._synthesise(np.array([*wanted.values()], np.float32).reshape(-1, *own.shape))
        return {key(own): self._reference, **dict(zip(wanted, drawn, strict=True))}

    @cached_property
    def _eye_layers(self) -> Eyes | None:
        subject = self.subject
        if subject.face is None:
            return None
        if self.options.mode == "crop" and subject.transform is not None:
            return Eyes(subject.reference, subject.transform.to_crop(subject.face.landmarks))
        return Eyes(subject.photo, subject.face.landmarks)

    def _with_eyes(self, frame: Image, eyes: Array, change: Array) -> Image:
        """The frame with its irises round behind the lids that the muscles moved, and its eyes closed and turned.

        eyes: (4,), a row of `_eyes`. change: (2, K), by how much the AUs change.
        """
        lids = bool(self._muscle_columns) and bool(change[:, self._lid_columns].any())
        if self._eye_layers is None or not (lids or eyes.any()):
            return frame
        left, right, across, up = eyes.tolist()
        moved = None
        if lids and self.subject.compositor is not None:
            moved = self.subject.compositor.landmarks(change * self._skin)
        seen = self._eye_layers.apply(frame, moved, left, right, gaze=(across, up))
        if seen is not frame and self.subject.compositor is not None and self._moves:
            self.subject.compositor.in_front(seen)
        return seen

    def _lips_open(self, intensities: Array, *, edit: EditMode) -> list[float]:
        """Per frame, the part of the photo's own opening between the lips that the asked AUs leave."""
        own = float(lips_apart(self.subject.photo_aus.vector()))
        if edit == "relative" or own <= 0:
            return [1.0] * len(intensities)
        asked = lips_apart(intensities if intensities.ndim == 2 else intensities.max(axis=1))
        return np.clip(asked / own, 0.0, 1.0).tolist()

    def _changes(self, intensities: Array) -> Array:
        """(T, 2, K) by how much AUs change from the photo to each frame, of both sides. intensities: as for `frames`,
        over all AUs."""
        own = self.subject.photo_aus.vector()
        sides = _both_sides(intensities)
        shown = np.clip(own + sides, 0.0, 1.0) if self.options.edit == "relative" else sides
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
        generated: Image | None,
        right: Image | None = None,
        *,
        asked: Array | None = None,
        lips_open: float = 1.0,
    ) -> Image:
        """One picture, or one for each side of the face. asked: by how much AUs change, (2, K) of both sides."""
        if self.subject.compositor is not None:
            change = np.zeros((2, len(AUS))) if asked is None else asked * self._skin
            return self.subject.compositor.frame(
                generated,
                right,
                change=change,
                drawn=change * self._by_latent,
                lips_open=lips_open,
                mode=self.options.mode,
            )
        generated = self.subject.reference if generated is None else generated
        if right is None or self.subject.face is None:
            return generated
        return join(generated, right, self.subject.face.landmarks)


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
