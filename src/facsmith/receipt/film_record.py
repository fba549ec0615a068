"""What is seen of one film as its frames pass, and the receipt that follows from it."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from facsmith._types import Image
from facsmith.errors import InputError
from facsmith.facs import EYE_AUS, ActionUnits
from facsmith.options import Progress
from facsmith.plan import keyframe_seconds
from facsmith.receipt import summary
from facsmith.receipt.frame_reader import FrameReader
from facsmith.receipt.frame_stats import FrameStats
from facsmith.receipt.receipt import KeyframeRecord, Receipt, named
from facsmith.render import Renderer
from facsmith.timeline import Timeline

__all__ = ["FilmRecord"]


class FilmRecord:
    """Sees the frames of one film as they pass, keeps the few that are measured, and accounts for it afterwards.

    Parameters
    ----------
    timeline
        What was asked for.
    renderer
        What draws the frames.
    reader
        Measures the frames that are kept.
    measured
        Whether frames are looked at at all.

    Attributes
    ----------
    times
        (T,) seconds of the frames.
    keyframes
        Numbers of the frames at which something is asked.
    """

    def __init__(self, timeline: Timeline, renderer: Renderer, reader: FrameReader, *, measured: bool = True) -> None:
        self.timeline, self.measured = timeline, measured
        self._renderer, self._reader = renderer, reader
        self.times = timeline.frame_times(renderer.options.fps)
        self.keyframes = sorted({self._frame_at(seconds) for seconds in keyframe_seconds(timeline)})
        self._seconds = 0.0
        self._stats: FrameStats | None = None

    @property
    def stats(self) -> FrameStats | None:
        """What was seen; None before the last frame passed."""
        return self._stats

    def watch(self, frames: Iterable[Image], progress: Progress | None = None) -> Iterator[Image]:
        """The same frames, looked at on their way."""
        for index, frame in enumerate(self._seen(frames) if self.measured else frames):
            yield frame
            if progress is not None:
                progress("frames", index + 1, len(self.times))

    def _seen(self, frames: Iterable[Image]) -> Iterator[Image]:
        began = time.perf_counter()
        wanted = frozenset(summary.measured_frames(len(self.times), self.keyframes))
        stats = FrameStats(self._reader.rest, self._reader.face, self._reader.view, keep=wanted)
        for index, frame in enumerate(frames):
            stats.see(frame)
            if index + 1 == len(self.times):
                self._stats, self._seconds = stats, time.perf_counter() - began
            yield frame

    def check_measured(self) -> None:
        """Raise InputError where nothing was looked at."""
        if not self.measured:
            raise InputError(
                "This film was made with receipt=False, so nothing of it was measured or kept; leave that out for a "
                "receipt, its page, or a contact sheet."
            )

    def asked(self, index: int) -> ActionUnits:
        """What the timeline asks of a frame."""
        return self.timeline.pose(float(self.times[index]))

    def second(self, index: int) -> float:
        """When a frame is shown, rounded as receipts have it."""
        return round(float(self.times[index]), 3)

    def receipt(
        self,
        shows: Timeline,
        *,
        model: Mapping[str, Any],
        notes: Iterable[str],
        ways: Mapping[str, str],
        unreached: Mapping[str, str],
        progress: Progress | None = None,
    ) -> Receipt:
        """Measure the kept frames, and account for the film.

        Parameters
        ----------
        shows
            What the face shows, frame by frame.
        model
            The networks that draw.
        notes
            What the user should know, besides what rendering and measuring found.
        ways, unreached
            AU -> where it comes from; AU -> why it cannot be reached.
        progress
            Told ("measuring", done, total).
        """
        assert self._stats is not None, "a film is accounted for after its last frame"
        stats, renderer, subject = self._stats, self._renderer, self._renderer.subject
        began = time.perf_counter()
        records: dict[int, KeyframeRecord] = {}
        for index, frame in stats.kept.items():
            records[index] = self._record(index, frame)
            if progress is not None:
                progress("measuring", len(records), len(stats.kept))
        moments = tuple(records.values())
        asked = {index: shows.pose(float(self.times[index])) for index in records}
        eyes = any(f"AU{au}" in ways for au in EYE_AUS)
        height, width = stats.size
        return Receipt(
            photo=summary.photo(subject),
            model=model,
            settings=asdict(renderer.options),
            source=named(subject.photo_aus),
            personal={f"AU{au}": round(factor, 3) for au, factor in sorted(renderer.strengths.items())},
            keyframes=tuple(records[index] for index in self.keyframes),
            inversion=summary.inversion(subject) if renderer.draws else None,  # whoever else asked for the latent
            tuning=summary.tuning(subject),
            output={
                "frames": len(self.times),
                "seconds": self.timeline.duration,
                "width": width,
                "height": height,
            },
            notes=(*notes, *renderer.notes(eyes=eyes), *summary.unmeasured(moments)),
            summary=summary.summary(moments, [*asked.values()], stats),
            unreached=unreached,
            leakage=summary.leakage([records[i] for i in self.keyframes], [asked[i] for i in self.keyframes]),
            curves=summary.curves(shows.sides(self.times), stats, fps=renderer.options.fps),
            ways=ways,
            between=tuple(record for index, record in records.items() if index not in self.keyframes),
            timings={
                **subject.timings,
                "frames": round(self._seconds, 3),
                "measuring": round(time.perf_counter() - began, 3),
            },
        )

    def _record(self, index: int, frame: Image) -> KeyframeRecord:
        reading = self._reader.read(frame, sides=not self.timeline.is_symmetric)
        return KeyframeRecord(
            seconds=self.second(index),
            frame=index,
            asked=named(self.asked(index)),
            measured=None if reading is None else named(reading.action_units, always=reading.told),
            identity=None if reading is None else round(reading.identity, 3),
            unsure=() if reading is None else tuple(f"AU{au}" for au in reading.unsure),
        )

    def _frame_at(self, seconds: float) -> int:
        fps = self._renderer.options.fps
        return min(int(np.searchsorted(self.times, seconds - 1e-6 / fps)), len(self.times) - 1)
