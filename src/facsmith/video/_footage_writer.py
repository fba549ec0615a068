"""Footage written again: its pictures encoded part by part, then joined with the sound and subtitles it had.

A part is a stretch of frames in a file of its own, made once and kept: what was killed goes on at the next part. Parts
begin with a key frame and keep the film's own time stamps, so that joining them copies packets and nothing else.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from facsmith._files import atomic_path
from facsmith._types import Pixels
from facsmith.errors import InputError, OutputError
from facsmith.synthetic import KEY, mp4_box, packet
from facsmith.video._av import open_film
from facsmith.video._footage import FilmFrame, Footage, planes_with
from facsmith.video._mp4 import effort, tags

__all__ = ["FOOTAGE_SUFFIXES", "check_holds", "join_parts", "write_part"]


FOOTAGE_SUFFIXES: Final = (".mp4", ".mov", ".mkv")
"""Endings of films that hold another film's sound and subtitles."""
_HELD: Final = {
    "audio": ("aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "flac"),
    "subtitle": ("mov_text",),
}
"""What an .mp4 or .mov holds of sound and subtitles; .mkv holds everything."""
_LATER: Final = 1 << 20
"""Time stamps by which pictures stand later in a part's file, whose container knows none before 0."""
_PCM: Final = "pcm_"  # .mov holds uncompressed sound


def check_holds(path: str | os.PathLike[str], footage: Footage) -> None:
    """Refuse, before long work, a file that cannot hold the film's tracks.

    Raises
    ------
    OutputError
        Another ending, or tracks that only .mkv holds.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FOOTAGE_SUFFIXES:
        raise OutputError(f"An edited film is written as {', '.join(FOOTAGE_SUFFIXES)}; given: {path}.")
    if suffix == ".mkv":
        return
    for kind, codec in footage.tracks:
        if codec not in _HELD[kind] and not (suffix == ".mov" and codec.startswith(_PCM)):
            raise OutputError(f"{path} cannot hold the film's {codec} ({kind}) as it is; write an .mkv, which can.")


def write_part(path: Path, footage: Footage, frames: Iterable[tuple[FilmFrame, Pixels]]) -> int:
    """Encode frames, each as read and as it shall look, whole or not at all. Returns how many.

    A frame is encoded while the next one is made; no more than these two are held.
    """

    count = 0
    with atomic_path(path) as temporary, open_film(temporary, "w", format="nut") as container:
        stream = container.add_stream("libx264", rate=footage.rate)
        _describe(stream, footage)

        def encode(frame: FilmFrame, pixels: Pixels) -> None:
            picture = planes_with(frame, pixels)
            picture.pts, picture.time_base = frame.pts + _LATER, footage.time_base
            picture.pict_type = 0  # the encoder's own choice, not what the frame was
            container.mux(stream.encode(picture))

        with ThreadPoolExecutor(1) as worker:
            under_way: Future[None] | None = None
            for frame, pixels in frames:
                if under_way is not None:
                    under_way.result()
                under_way = worker.submit(encode, frame, pixels)
                count += 1
            if under_way is not None:
                under_way.result()
        if count == 0:
            raise InputError(f"{footage.path} has no frames to write.")
        container.mux(stream.encode(None))
    return count


def join_parts(
    path: str | os.PathLike[str], footage: Footage, parts: Sequence[Path], *, metadata: Mapping[str, str]
) -> None:
    """Join parts in their order, with the footage's own sound and subtitles, whole or not at all.

    Parameters
    ----------
    metadata
        Text to store inside (`facsmith.image.provenance`), beside the film's own.
    """
    from av.error import FFmpegError

    matroska = Path(path).suffix.lower() == ".mkv"
    try:
        with atomic_path(path) as temporary:
            with (
                open_film(footage.path) as source,
                open_film(parts[0]) as pattern,
                open_film(temporary, "w", format="matroska" if matroska else _muxer(path)) as into,
            ):
                into.metadata.update({**source.metadata, **(metadata if matroska else tags(metadata))})
                if matroska:
                    into.metadata["xmp"] = packet(metadata[KEY]).decode()
                video = into.add_stream_from_template(pattern.streams.video[0])
                video.time_base = footage.time_base
                tracks = {
                    stream.index: into.add_stream_from_template(stream)
                    for stream in source.streams
                    if stream.type in ("audio", "subtitle") and stream.codec_context is not None
                }
                for stream in source.streams:
                    if stream.index in tracks:
                        tracks[stream.index].metadata.update(stream.metadata)
                others = _packets(source, tracks)
                waiting = next(others, None)
                for seconds, coded in _pictures(parts, footage):
                    while waiting is not None and waiting[0] <= seconds:
                        into.mux(waiting[1])
                        waiting = next(others, None)
                    coded.stream = video
                    into.mux(coded)
                while waiting is not None:
                    into.mux(waiting[1])
                    waiting = next(others, None)
            if not matroska:
                with open(temporary, "ab") as file:
                    file.write(mp4_box(metadata[KEY]))
    except FFmpegError as error:
        raise OutputError(f"{path} could not be written ({error}).") from error


def _muxer(path: str | os.PathLike[str]) -> str:
    return "mov" if Path(path).suffix.lower() == ".mov" else "mp4"


def _describe(stream: Any, footage: Footage) -> None:
    """Size, format, clock and colour tags, as the film has them."""
    stream.width, stream.height = footage.width, footage.height
    stream.pix_fmt = footage.pixel_format
    context = stream.codec_context
    context.time_base = stream.time_base = footage.time_base
    context.color_primaries, context.color_trc, context.colorspace, context.color_range = footage.colours
    if footage.aspect != 1:
        context.sample_aspect_ratio = footage.aspect
    stream.options = effort(footage.width * footage.height)


def _pictures(parts: Sequence[Path], footage: Footage) -> Iterator[tuple[float, Any]]:
    """The coded pictures of all parts on the film's own clock, each with its second of decoding.

    Decoding times are made anew: the i-th picture to be decoded is due when the (i - d)-th is shown, d being how many
    pictures are decoded before their turn at most.
    """
    shown: list[int] = []
    ahead = 0
    for part in parts:
        stamps = [coded.pts for coded in _coded(part, footage)]
        places = {pts: place for place, pts in enumerate(sorted(stamps))}
        ahead = max([ahead, *(index - places[pts] for index, pts in enumerate(stamps))])
        shown += sorted(stamps)
    step = max(1, round(1 / (footage.rate * footage.time_base)))
    due = [shown[0] - (ahead - index) * step for index in range(ahead)] + shown
    lasts = {pts: after - pts for pts, after in pairwise(shown)}
    index = 0
    for part in parts:
        for coded in _coded(part, footage):
            coded.dts = due[index]
            coded.duration = lasts.get(coded.pts, step)
            index += 1
            yield float(coded.dts * footage.time_base), coded


def _coded(part: Path, footage: Footage) -> Iterator[Any]:
    """A part's packets in the order of decoding, ``pts`` on the footage's clock."""

    with open_film(part) as container:
        for coded in container.demux(container.streams.video[0]):
            if coded.pts is not None and coded.size:
                coded.pts = round(coded.pts * coded.time_base / footage.time_base) - _LATER
                coded.time_base = footage.time_base
                yield coded


def _packets(source: Any, tracks: Mapping[int, Any]) -> Iterator[tuple[float, Any]]:
    """Packets of the other tracks as they are, each with its second."""
    if not tracks:
        return
    for coded in source.demux([source.streams[index] for index in tracks]):
        if coded.dts is None:
            continue
        seconds = float(coded.dts * coded.time_base)
        coded.stream = tracks[coded.stream.index]
        yield seconds, coded
