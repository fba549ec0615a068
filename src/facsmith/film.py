"""A film to be rendered, and a picture that was: both save themselves with their receipt."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from facsmith import image, tracks, video
from facsmith._types import Image
from facsmith.facs import AUS, EYE_AUS
from facsmith.options import Progress
from facsmith.plan import lead
from facsmith.receipt import (
    ASKED,
    FilmRecord,
    FrameReader,
    FrameStats,
    Receipt,
    check_page,
    label,
    named,
    receipt_path,
    write_page,
)
from facsmith.render import Renderer
from facsmith.signing import Credentials, sign
from facsmith.synthetic import COMPOSITE, GENERATED, provenance
from facsmith.timeline import Timeline
from facsmith.ways import unshown, weak_aus

__all__ = ["Animation", "Picture"]


class Picture:
    """One edited photo: a film of one frame.

    Attributes
    ----------
    image
        (H, W, 3) uint8 RGB.
    """

    def __init__(self, film: "Animation") -> None:
        (self.image,) = film.frames()
        self.subject, self.notes = film.subject, film.notes
        self._film = film

    @property
    def model(self) -> Mapping[str, Any]:
        """Which networks drew it."""
        return self._film.model

    @property
    def source_type(self) -> str:
        """IPTC's digital source type of the picture."""
        return self._film.source_type

    @property
    def pixels(self) -> Image:
        """``image``, of a transparent photo with its alpha: (H, W, 4) uint8."""
        return self._film.with_alpha(self.image)

    @property
    def receipt(self) -> Receipt:
        """What was asked, and what is measured on the picture. InputError where it was made with ``receipt=False``."""
        return self._film.receipt

    def save(self, path: str | os.PathLike[str], *, sign_with: Credentials | None = None) -> Receipt | None:
        """Write the picture, signed where there is something to sign with, and its receipt beside it.

        Made with ``receipt=False`` it is written alone, and None is returned.
        """
        receipt = self.receipt if self._film.has_receipt else None
        self.write(path, sign_with=sign_with)
        if receipt is not None:
            receipt.write(receipt_path(path))
        return receipt

    def write(self, path: str | os.PathLike[str], *, sign_with: Credentials | None = None) -> None:
        """Write the picture alone; nothing is measured."""
        holds = os.fspath(path).lower().endswith(image.ALPHA_SUFFIXES)
        image.write(path, self.pixels if holds else self.image, metadata=self._film.metadata)
        self._film.sign(path, sign_with)


class Animation:
    """One subject, one timeline. Nothing is rendered before frames are asked for, and no film is held in memory.

    Parameters
    ----------
    timeline
        What the face shall show.
    renderer
        The subject's renderer, with the film's options.
    reader
        Measures the frames of the receipt.
    model
        The networks that draw, for the receipt.
    notes
        What the user should know, besides what the subject's notes say.
    receipt
        Whether frames are looked at as they pass, for a receipt.

    Raises
    ------
    BoundaryError
        Nothing of what is asked can be shown.
    """

    def __init__(
        self,
        timeline: Timeline,
        renderer: Renderer,
        reader: FrameReader,
        *,
        model: Mapping[str, Any],
        notes: tuple[str, ...] = (),
        receipt: bool = True,
    ) -> None:
        self.subject = renderer.subject
        self.timeline = timeline
        self.options = renderer.options
        self.notes = (*self.subject.notes, *notes)
        self._renderer = renderer
        self.model = model
        self._record = FilmRecord(timeline, renderer, reader, measured=receipt)
        times = self._record.times  # (T,)
        at = timeline.at if timeline.is_symmetric else timeline.sides
        self._intensities = at(times)  # (T, K), or (T, 2, K) where the sides differ
        most = timeline.at(times).max(0)
        asked = [au for au, e in zip(AUS, most, strict=True) if e > 0]
        if not (renderer.has_landmarks or (timeline.is_symmetric and not set(asked) & set(EYE_AUS))):
            self.notes += (
                "No face was found in this picture, so its midline and eyes are unknown: both sides move alike, and "
                "its eyes neither close nor turn.",
            )
        self.ways = {f"AU{au}": shown for au in asked if (shown := renderer.way(au)) is not None}
        self.notes += unshown(asked, renderer.way, mode=self.options.mode, has_landmarks=renderer.has_landmarks)
        weak = weak_aus(renderer.boundaries)
        self.unreached = {f"AU{au}": why for au, why in weak.items()}
        self.notes += tuple(
            f"AU{au} {why} with this model: more was asked than can be shown."
            for au, why in weak.items()
            if most[AUS.index(au)] >= ASKED and renderer.way(au) == "latent"
        )

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._intensities)

    def frames(self, progress: Progress | None = None) -> Iterator[Image]:
        """Render: yields (H, W, 3) uint8 RGB frames; equal neighbours may be one and the same array."""
        return self._record.watch(self._renderer.frames(self._intensities), progress)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        contact_sheet: str | os.PathLike[str] | None = None,
        page: str | os.PathLike[str] | None = None,
        sound: video.Sound | None = None,
        sign_with: Credentials | None = None,
        progress: Progress | None = None,
    ) -> Receipt | None:
        """Render and write .mp4, .gif, .webp or a folder of PNGs; the receipt goes beside it.

        Made with ``receipt=False``, the film is written alone, the same to the byte, and None is returned.

        Parameters
        ----------
        contact_sheet
            Also write a picture of the key frames.
        page
            Also write the receipt as one page to look at, .png or .pdf.
        sound
            The sound of the film that this one is driven by, for .mp4 only; it waits while the face's own expression
            goes.
        sign_with
            What signs the film, its manifest holding what was asked; by default nothing is signed.
        """
        if page is not None:
            check_page(page)
        if not (page is None and contact_sheet is None):
            self._record.check_measured()
        self.write(path, sound=sound, sign_with=sign_with, progress=progress)
        if not self.has_receipt:
            return None
        receipt = self.measure(progress)
        receipt.write(receipt_path(path))
        if contact_sheet is not None:
            image.write(contact_sheet, self.contact_sheet(), metadata=self.metadata)
        if page is not None:
            self.save_page(page, receipt=receipt)
        return receipt

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        sound: video.Sound | None = None,
        sign_with: Credentials | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Render and write the film alone, as `save` does; nothing is measured."""
        if sound is not None:
            sound = replace(sound, delay=sound.delay + lead(self.options))
        frames = self.frames(progress)
        if video.holds_alpha(path):
            frames = map(self.with_alpha, frames)
        video.write(path, frames, fps=self.options.fps, metadata=self.metadata, sound=sound)
        self.sign(path, sign_with)

    def sign(self, path: str | os.PathLike[str], credentials: Credentials | None) -> None:
        """Sign a file of this film, where there is something to sign with, with what was asked in its manifest."""
        if credentials is not None:
            sign(path, credentials, source_type=self.source_type, asked=self.request)

    @property
    def request(self) -> dict[str, Any]:
        """What a signed manifest tells: what is asked of which model, the AUs of the start among it."""
        seen = self._record
        asked = [{"seconds": seen.second(index), "asked": named(seen.asked(index))} for index in seen.keyframes]
        return {"keyframes": asked, "model": dict(self.model)}

    def save_page(self, path: str | os.PathLike[str], *, receipt: Receipt | None = None) -> None:
        """Write the receipt as one page, .png or .pdf, with the key frames; renders the film if that was not done yet.

        Parameters
        ----------
        receipt
            The film's receipt, where it is at hand already.
        """
        frames = self._rendered().kept
        shown = [(self._record.second(index), frames[index]) for index in self._record.keyframes]
        write_page(self.receipt if receipt is None else receipt, path, pictures=shown)

    def save_tracks(
        self, *, openface: str | os.PathLike[str] | None = None, livelink: str | os.PathLike[str] | None = None
    ) -> None:
        """Write what the face shows, a row a frame: as an OpenFace-style CSV, as a Live Link Face CSV, or both."""
        if openface is not None:
            tracks.write_openface(openface, self.performance, fps=self.options.fps)
        if livelink is not None:
            tracks.write_livelink(livelink, self.performance, fps=self.options.fps)

    def with_alpha(self, frame: Image) -> Image:
        """A frame of a transparent photo with its alpha, (H, W, 4) uint8; any other as it is."""
        cutout = self.subject.cutout
        return frame if cutout is None or self.options.mode == "crop" else cutout.restore(frame)

    def contact_sheet(self) -> Image:
        """The keyframes side by side, each with its time and what was asked; of a large photo, the face."""
        frames, seen = self._rendered().kept, self._record
        labels = [f"{seen.times[index]:.2f} s  {label(seen.asked(index))}" for index in seen.keyframes]
        return image.contact_sheet([frames[index] for index in seen.keyframes], labels=labels)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its frames."""
        shape = self.subject.reference.shape if self.options.mode == "crop" else self.subject.photo.shape
        return shape[0], shape[1]

    @property
    def has_receipt(self) -> bool:
        """Whether frames are looked at as they pass, for a receipt."""
        return self._record.measured

    @property
    def metadata(self) -> dict[str, str]:
        """What its files say inside: which generator drew them, and IPTC's digital source type."""
        return provenance(self.model, self.source_type)

    @property
    def source_type(self) -> str:
        """IPTC's digital source type: of a photo's frames a composite, of generated pixels alone the generator's."""
        drawn = self.subject.transform is None or self.options.mode == "crop"
        return GENERATED if drawn else COMPOSITE

    @property
    def performance(self) -> Timeline:
        """What the face shows, frame by frame: in relative mode, the photo's own expression is in it."""
        if self.options.edit == "absolute":
            return self.timeline
        return self.timeline.added_to(self.subject.photo_aus, fps=self.options.fps)

    @property
    def receipt(self) -> Receipt:
        """The account of this film; renders it if that was not done yet. InputError where it was made without one."""
        return self.measure()

    def measure(self, progress: Progress | None = None) -> Receipt:
        """The account of this film, as ``receipt`` is; ``progress`` is told ("measuring", done, total)."""
        self._rendered()
        return self._record.receipt(
            self.performance,
            model=self.model,
            notes=self.notes,
            ways=self.ways,
            unreached=self.unreached,
            progress=progress,
        )

    def _rendered(self) -> FrameStats:
        self._record.check_measured()
        if self._record.stats is None:
            for _ in self.frames():
                pass
        assert self._record.stats is not None
        return self._record.stats
