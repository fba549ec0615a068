"""A film to be rendered, and a picture that was: both save themselves with their receipt."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from facsmith import __version__, image, tracks, video
from facsmith.animate.options import AnimateOptions, Progress
from facsmith.animate.receipt import KeyframeRecord, Receipt, label, named, receipt_path
from facsmith.animate.render import Renderer
from facsmith.animate.subject import Image, Subject
from facsmith.animate.timing import keyframe_seconds, lead
from facsmith.animate.witness import Witness
from facsmith.facs import ActionUnits
from facsmith.timeline import Timeline

__all__ = ["Animation", "Picture"]

CLOSE_UP = 1.5
"""What a contact sheet shows of a photo, in sides of the face's crop."""


class Picture:
    """One edited photo: a film of one frame. image: (H, W, 3) uint8 RGB."""

    def __init__(self, film: "Animation") -> None:
        (self.image,) = film.frames()
        self._film = film

    @property
    def model(self) -> Mapping[str, Any]:
        """Which networks drew it."""
        return self._film.model

    @property
    def receipt(self) -> Receipt:
        """What was asked, and what is measured on the picture."""
        return self._film.receipt

    def save(self, path: str | os.PathLike[str]) -> Receipt:
        """Write the picture, and its receipt beside it."""
        receipt = self.receipt
        image.write(path, self.image, metadata=provenance(receipt.model))
        receipt.write(receipt_path(path))
        return receipt


class Animation:
    """One subject, one timeline. Nothing is rendered before frames are asked for, and no film is held in memory."""

    def __init__(
        self,
        subject: Subject,
        timeline: Timeline,
        renderer: Renderer,
        witness: Witness,
        *,
        options: AnimateOptions,
        model: dict[str, Any],
        notes: tuple[str, ...] = (),
    ) -> None:
        self.subject = subject
        self.timeline = timeline
        self.options = options
        self.notes = (*subject.notes, *notes)
        self._renderer = renderer
        self._witness = witness
        self.model = model
        self._times = timeline.frame_times(options.fps)  # (T,)
        at = timeline.at if timeline.is_symmetric else timeline.sides
        self._intensities = at(self._times)  # (T, 12), or (T, 2, 12) where the sides differ
        self._kept: dict[int, Image] = {}
        self._rendering = 0.0
        self._blinks = timeline.blinks(self._times)  # (T, 2)
        if not (renderer.has_landmarks or (timeline.is_symmetric and not timeline.has_blinks)):
            self.notes += (
                "No face was found in this picture, so its midline and eyes are unknown: both sides move alike, and it "
                "does not blink.",
            )
        renderer.latents(
            timeline.at(self._times).max(0, keepdims=True)
        )  # an AU without boundary is named before rendering

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._intensities)

    def frames(self, progress: Progress | None = None) -> Iterator[Image]:
        """Render: yields (H, W, 3) uint8 RGB frames; equal neighbours may be one and the same array."""
        began = time.perf_counter()
        wanted = {self._frame_at(seconds) for seconds in keyframe_seconds(self.timeline)}
        blinks: list[list[float]] = self._blinks.tolist()
        for index, open_eyed in enumerate(self._renderer.frames(self._intensities)):
            frame = self._renderer.blinked(open_eyed, *blinks[index])
            if index in wanted:
                self._kept[index] = frame
            yield frame
            if progress is not None:
                progress("frames", index + 1, len(self))
        self._rendering = time.perf_counter() - began

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        contact_sheet: str | os.PathLike[str] | None = None,
        sound: video.Sound | None = None,
        progress: Progress | None = None,
    ) -> Receipt:
        """Render and write .mp4, .gif, .webp or a folder of PNGs; the receipt goes beside it.

        sound: of the film that this one is driven by, for .mp4 only; it waits while the own expression goes.
        """
        if sound is not None:
            sound = replace(sound, delay=sound.delay + lead(self.options))
        frames = self.frames(progress)
        video.write(path, frames, fps=self.options.fps, metadata=provenance(self.model), sound=sound)
        receipt = self.receipt
        receipt.write(receipt_path(path))
        if contact_sheet is not None:
            image.write(contact_sheet, self.contact_sheet(), metadata=provenance(self.model))
        return receipt

    def save_tracks(
        self, *, openface: str | os.PathLike[str] | None = None, livelink: str | os.PathLike[str] | None = None
    ) -> None:
        """Write what the face shows, a row a frame: as an OpenFace-style CSV, as a Live Link Face CSV, or both."""
        if openface is not None:
            tracks.write_openface(openface, self.performance, fps=self.options.fps)
        if livelink is not None:
            tracks.write_livelink(livelink, self.performance, fps=self.options.fps)

    def contact_sheet(self) -> Image:
        """The keyframes side by side, each with its time and what was asked; of a large photo, the face."""
        keyframes = self._rendered()
        labels = [f"{self._times[index]:.2f} s  {label(self._asked(index))}" for index in keyframes]
        return image.contact_sheet([_close_up(frame, self.subject) for frame in keyframes.values()], labels=labels)

    @property
    def performance(self) -> Timeline:
        """What the face shows, frame by frame: in relative mode, the photo's own expression is in it."""
        if self.options.edit == "absolute":
            return self.timeline
        return self.timeline.added_to(self.subject.source, fps=self.options.fps)

    @property
    def receipt(self) -> Receipt:
        """The account of this film; renders it if that was not done yet."""
        began = time.perf_counter()
        records = tuple(self._record(index, frame) for index, frame in self._rendered().items())
        height, width = next(iter(self._rendered().values())).shape[:2]
        return Receipt(
            photo=_photo(self.subject),
            model=self.model,
            settings=asdict(self.options),
            source=named(self.subject.source),
            personal={f"AU{au}": round(factor, 3) for au, factor in sorted(self._renderer.factors.items())},
            keyframes=records,
            inversion=_inversion(self.subject),
            tuning=None if self.subject.tuned is None else self.subject.tuned.report,
            output={"frames": len(self), "seconds": self.timeline.duration, "width": width, "height": height},
            timings={
                **self.subject.timings,
                "frames": round(self._rendering, 3),
                "measuring": round(time.perf_counter() - began, 3),
            },
            notes=(*self.notes, *_unmeasured(records)),
        )

    def _rendered(self) -> dict[int, Image]:
        if not self._kept:
            for _ in self.frames():
                pass
        return dict(sorted(self._kept.items()))

    def _record(self, index: int, frame: Image) -> KeyframeRecord:
        reading = self._witness.read(frame, sides=not self.timeline.is_symmetric)
        return KeyframeRecord(
            seconds=round(float(self._times[index]), 3),
            frame=index,
            asked=named(self._asked(index)),
            measured=None if reading is None else named(reading.action_units, all_twelve=True),
            identity=None if reading is None else round(reading.identity, 3),
            unsure=() if reading is None else tuple(f"AU{au}" for au in reading.unsure),
        )

    def _asked(self, index: int) -> ActionUnits:
        return self.timeline.pose(float(self._times[index]))

    def _frame_at(self, seconds: float) -> int:
        return min(int(np.searchsorted(self._times, seconds - 1e-6 / self.options.fps)), len(self) - 1)


def provenance(model: Mapping[str, Any]) -> dict[str, str]:
    """What the file says inside, beside what every file of ours says: which generator drew it."""
    return {"comment": f"Synthetic: facial expression made by facsmith {__version__} with {model['generator_id']}"}


def _close_up(frame: Image, subject: Subject) -> Image:
    """The square of CLOSE_UP crop sides around the face, where the frame is a photo larger than that."""
    if subject.transform is None or frame.shape != subject.photo.shape:
        return frame
    middle = (subject.transform.resolution - 1) / 2
    x, y = subject.transform.to_photo([middle, middle])
    half = CLOSE_UP * subject.transform.resolution / subject.transform.scale / 2
    height, width = frame.shape[:2]
    left, right, top, bottom = (round(v) for v in (x - half, x + half, y - half, y + half))
    return np.ascontiguousarray(frame[max(0, top) : min(height, bottom), max(0, left) : min(width, right)])


def _photo(subject: Subject) -> dict[str, Any]:
    height, width = subject.photo.shape[:2]
    account: dict[str, Any] = {
        "name": subject.name,
        "sha256": subject.sha256,
        "width": width,
        "height": height,
        "faces": subject.faces,
        "face": subject.face_index,
    }
    if subject.face is not None:
        account |= {
            "box": [round(float(v), 1) for v in subject.face.box],
            "provider": subject.face.provider,
            "yaw_degrees": round(float(subject.face.yaw_degrees), 1),
        }
    return account


def _inversion(subject: Subject) -> dict[str, Any] | None:
    found = subject.inversion
    if found is None:
        return None
    return {
        "start": found.start,
        "iterations": found.iterations[0],
        "stopped": found.stopped[0],
        "loss_at_start": found.trace[0][0],
        "loss": found.loss[0],
    }


def _unmeasured(records: tuple[KeyframeRecord, ...]) -> list[str]:
    missing = sum(record.measured is None for record in records)
    return [f"No landmarks were found on {missing} of {len(records)} keyframes: not measured."] if missing else []
