"""The sound of one film, laid under another: copied where MP4 knows the codec, else encoded as AAC."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isfinite
from pathlib import Path
from typing import Any

from facsmith.errors import InputError
from facsmith.video._av import open_film
from facsmith.video._clock import first_picture

__all__ = ["Sound", "SoundTrack"]

_COPIED = ("aac", "mp3", "ac3", "eac3", "alac", "opus")


@dataclass(frozen=True)
class Sound:
    """The first sound of a file, from second ``start`` on for ``seconds`` (None: to its end), ``delay`` s later.

    Seconds count from the file's first picture, as those of `facsmith.video.timed`; of a file without pictures, from
    where its own clock says.
    """

    path: Path
    start: float = 0.0
    seconds: float | None = None
    delay: float = 0.0

    def __post_init__(self) -> None:
        if not (isfinite(self.start) and self.start >= 0 and isfinite(self.delay) and self.delay >= 0):
            raise InputError(f"A sound from {self.start:g} s on, {self.delay:g} s late; both are 0 or more.")


class SoundTrack:
    """Packets of a Sound, handed to an open container in step with its pictures."""

    def __init__(self, sound: Sound, container: Any) -> None:
        """Begin a track in a container.

        Parameters
        ----------
        container
            An output container to which no packet was written yet.
        """
        from av.error import FFmpegError

        self._into = container
        try:
            origin = first_picture(sound.path) or 0.0
            self._from = open_film(sound.path)
        except (FFmpegError, OSError) as error:
            raise InputError(f"{sound.path} is no film or sound that can be read here ({error}).") from error
        self._begin = origin + sound.start  # on the file's own clock
        self._until = inf if sound.seconds is None else self._begin + sound.seconds
        self._shift = sound.delay - self._begin
        self._packets: Iterator[tuple[float, Any]] = iter(())
        self._next: tuple[float, Any] | None = None
        if self._from.streams.audio:
            source = self._from.streams.audio[0]
            copied = source.codec_context.name in _COPIED
            self._packets = self._copied(source) if copied else self._encoded(source)
        self.advance(-inf)  # the container needs its streams before the first packet of any

    def advance(self, seconds: float) -> None:
        """Write every packet that begins before ``seconds`` of the new film."""
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
                if self._next is None:
                    return
            if self._next[0] >= seconds:
                return
            self._into.mux(self._next[1])
            self._next = None

    def close(self) -> None:
        """Let the file go."""
        self._from.close()

    def _wanted(self, source: Any, items: Iterator[Any]) -> Iterator[tuple[float, Any]]:
        """Packets or frames of the asked part, each with its second in the new film."""
        for item in items:
            if item.pts is None:
                continue
            at = float(item.pts * source.time_base)
            if at >= self._until:
                return
            if at >= self._begin:
                yield at + self._shift, item

    def _copied(self, source: Any) -> Iterator[tuple[float, Any]]:
        stream = self._into.add_stream_from_template(source)
        shift = round(self._shift / source.time_base)
        for at, packet in self._wanted(source, self._from.demux(source)):
            packet.pts += shift
            packet.dts = packet.pts
            packet.stream = stream
            yield at, packet

    def _encoded(self, source: Any) -> Iterator[tuple[float, Any]]:
        from av.audio.resampler import AudioResampler

        rate = source.rate or 44_100
        stream = self._into.add_stream("aac", rate=rate)
        layout = "stereo" if source.channels > 1 else "mono"
        stream.layout = layout
        resampler = AudioResampler(format="fltp", layout=layout, rate=rate)
        base, written = Fraction(1, rate), 0
        first: int | None = None
        for at, frame in self._wanted(source, self._from.decode(source)):
            first = round(max(at, 0.0) * rate) if first is None else first
            for part in resampler.resample(frame):
                part.pts, part.time_base = first + written, base
                written += part.samples
                for packet in stream.encode(part):
                    yield float(packet.pts * packet.time_base), packet
        for packet in stream.encode(None):
            yield float(packet.pts * packet.time_base), packet
