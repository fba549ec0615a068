"""A film to be rendered, and a picture that was: both save themselves with their receipt."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from facsmith import __version__, image, tracks, video
from facsmith.errors import BoundaryError
from facsmith.facs import AUS, EYE_AUS, ActionUnits, au_list
from facsmith.options import Progress
from facsmith.plan import keyframe_seconds, lead
from facsmith.receipt import summary
from facsmith.receipt.frame_reader import FrameReader
from facsmith.receipt.frame_stats import FrameStats
from facsmith.receipt.page import check_page, write_page
from facsmith.receipt.receipt import KeyframeRecord, Receipt, label, named, receipt_path
from facsmith.render import Renderer
from facsmith.signing import Credentials, sign
from facsmith.subject import Image
from facsmith.synthetic import COMPOSITE, GENERATED, KEY
from facsmith.timeline import Timeline
from facsmith.ways import weak_aus

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
        """What was asked, and what is measured on the picture."""
        return self._film.receipt

    def save(self, path: str | os.PathLike[str], *, sign_with: Credentials | None = None) -> Receipt:
        """Write the picture, signed where there is something to sign with, and its receipt beside it."""
        receipt = self.receipt
        self.write(path, sign_with=sign_with)
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
    ) -> None:
        self.subject = renderer.subject
        self.timeline = timeline
        self.options = renderer.options
        self.notes = (*self.subject.notes, *notes)
        self._renderer = renderer
        self._reader = reader
        self.model = model
        self._times = timeline.frame_times(self.options.fps)  # (T,)
        at = timeline.at if timeline.is_symmetric else timeline.sides
        self._intensities = at(self._times)  # (T, K), or (T, 2, K) where the sides differ
        self._stats: FrameStats | None = None
        self._rendering = 0.0
        most = timeline.at(self._times).max(0)
        asked = [au for au, e in zip(AUS, most, strict=True) if e > 0]
        if not (renderer.has_landmarks or (timeline.is_symmetric and not set(asked) & set(EYE_AUS))):
            self.notes += (
                "No face was found in this picture, so its midline and eyes are unknown: both sides move alike, and "
                "its eyes neither close nor turn.",
            )
        self.ways = {f"AU{au}": shown for au in asked if (shown := renderer.way(au)) is not None}
        self.notes += _unshown(asked, renderer)
        weak = weak_aus(renderer.boundaries)
        self.unreached = {f"AU{au}": why for au, why in weak.items()}
        self.notes += tuple(
            f"AU{au} {why} with this model: more was asked than can be shown."
            for au, why in weak.items()
            if most[AUS.index(au)] >= summary.ASKED and renderer.way(au) == "latent"
        )

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._intensities)

    def frames(self, progress: Progress | None = None) -> Iterator[Image]:
        """Render: yields (H, W, 3) uint8 RGB frames; equal neighbours may be one and the same array."""
        began = time.perf_counter()
        wanted = frozenset(summary.measured_frames(len(self), self._keyframes()))
        stats = FrameStats(self._reader.rest, self._reader.face, self._reader.view, keep=wanted)
        for index, frame in enumerate(self._renderer.frames(self._intensities)):
            stats.see(frame)
            if index + 1 == len(self):
                self._stats, self._rendering = stats, time.perf_counter() - began
            yield frame
            if progress is not None:
                progress("frames", index + 1, len(self))

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        contact_sheet: str | os.PathLike[str] | None = None,
        page: str | os.PathLike[str] | None = None,
        sound: video.Sound | None = None,
        sign_with: Credentials | None = None,
        progress: Progress | None = None,
    ) -> Receipt:
        """Render and write .mp4, .gif, .webp or a folder of PNGs; the receipt goes beside it.

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
        self.write(path, sound=sound, sign_with=sign_with, progress=progress)
        receipt = self._receipt(progress)
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
        asked = [
            {"seconds": round(float(self._times[index]), 3), "asked": named(self._asked(index))}
            for index in self._keyframes()
        ]
        return {"keyframes": asked, "model": dict(self.model)}

    def save_page(self, path: str | os.PathLike[str], *, receipt: Receipt | None = None) -> None:
        """Write the receipt as one page, .png or .pdf, with the key frames; renders the film if that was not done yet.

        Parameters
        ----------
        receipt
            The film's receipt, where it is at hand already.
        """
        frames = self._rendered().kept
        shown = [(round(float(self._times[index]), 3), frames[index]) for index in self._keyframes()]
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
        frames = self._rendered().kept
        labels = [f"{self._times[index]:.2f} s  {label(self._asked(index))}" for index in self._keyframes()]
        return image.contact_sheet([frames[index] for index in self._keyframes()], labels=labels)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its frames; renders the film if that was not done yet."""
        return self._rendered().size

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
        """The account of this film; renders it if that was not done yet."""
        return self._receipt(None)

    def _receipt(self, progress: Progress | None) -> Receipt:
        stats = self._rendered()
        began = time.perf_counter()
        keyframes = self._keyframes()
        records: dict[int, KeyframeRecord] = {}
        for index, frame in stats.kept.items():
            records[index] = self._record(index, frame)
            if progress is not None:
                progress("measuring", len(records), len(stats.kept))
        shows, moments = self.performance, tuple(records.values())
        asked = {index: shows.pose(float(self._times[index])) for index in records}
        eyes = any(f"AU{au}" in self.ways for au in EYE_AUS)
        return Receipt(
            photo=summary.photo(self.subject),
            model=self.model,
            settings=asdict(self.options),
            source=named(self.subject.photo_aus),
            personal={f"AU{au}": round(factor, 3) for au, factor in sorted(self._renderer.strengths.items())},
            keyframes=tuple(records[index] for index in keyframes),
            inversion=summary.inversion(self.subject),
            tuning=summary.tuning(self.subject),
            output={
                "frames": len(self),
                "seconds": self.timeline.duration,
                "width": stats.size[1],
                "height": stats.size[0],
            },
            notes=(*self.notes, *self._renderer.notes(eyes=eyes), *summary.unmeasured(moments)),
            summary=summary.summary(moments, [*asked.values()], stats),
            unreached=self.unreached,
            leakage=summary.leakage([records[i] for i in keyframes], [asked[i] for i in keyframes]),
            curves=summary.curves(shows.sides(self._times), stats, fps=self.options.fps),
            ways=self.ways,
            between=tuple(record for index, record in records.items() if index not in keyframes),
            timings={
                **self.subject.timings,
                "frames": round(self._rendering, 3),
                "measuring": round(time.perf_counter() - began, 3),
            },
        )

    def _rendered(self) -> FrameStats:
        if self._stats is None:
            for _ in self.frames():
                pass
        assert self._stats is not None
        return self._stats

    def _keyframes(self) -> list[int]:
        return sorted({self._frame_at(seconds) for seconds in keyframe_seconds(self.timeline)})

    def _record(self, index: int, frame: Image) -> KeyframeRecord:
        reading = self._reader.read(frame, sides=not self.timeline.is_symmetric)
        return KeyframeRecord(
            seconds=round(float(self._times[index]), 3),
            frame=index,
            asked=named(self._asked(index)),
            measured=None if reading is None else named(reading.action_units, always=reading.told),
            identity=None if reading is None else round(reading.identity, 3),
            unsure=() if reading is None else tuple(f"AU{au}" for au in reading.unsure),
        )

    def _asked(self, index: int) -> ActionUnits:
        return self.timeline.pose(float(self._times[index]))

    def _frame_at(self, seconds: float) -> int:
        return min(int(np.searchsorted(self._times, seconds - 1e-6 / self.options.fps)), len(self) - 1)


def _unshown(asked: list[int], renderer: Renderer) -> tuple[str, ...]:
    """What is to be said of AUs that this film cannot show."""
    lost = [au for au in asked if renderer.way(au) is None]
    if not lost:
        return ()
    mode = renderer.options.mode
    where = f"mode {mode} does not move" if renderer.has_landmarks else "are not known without a face"
    said = (
        f"{au_list(lost)} {'has' if len(lost) == 1 else 'have'} no boundary here and would come from the face's muscles"
    )
    if lost == asked:
        raise BoundaryError(f"{said}, which {where}. Take mode transfer, or fit one: facsmith boundaries fit.")
    return (f"{said}, which {where}: left out.",)


def provenance(model: Mapping[str, Any], source_type: str = COMPOSITE) -> dict[str, str]:
    """What the file says inside, beside what every file of ours says: which generator drew it, and into what."""
    return {
        KEY: source_type,
        "comment": f"Synthetic: facial expression made by facsmith {__version__} with {model['generator_id']}",
    }
