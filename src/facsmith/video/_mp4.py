"""MP4 through PyAV: H.264, yuv420p, BT.709, crf 18."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from facsmith._types import Pixels
from facsmith.errors import InputError
from facsmith.image import as_lines, from_lines
from facsmith.synthetic import KEY, mp4_box
from facsmith.video._av import open_film
from facsmith.video._sound import Sound, SoundTrack

__all__ = ["effort", "metadata", "read", "tags", "timed", "write"]


_BT709 = 1  # the number that H.264 gives BT.709 as primaries, transfer and matrix alike
_MOST_PIXELS = 4096 * 4096
_LIMITED = 1  # luma from 16 to 235
_AVX512_SKX = 256  # cv::CpuFeatures, whose names Python is not given
_MEDIUM = 1920 * 1088  # pixels up to which x264 takes its time


def write(
    path: Path, frames: Iterator[Pixels], fps: Fraction, metadata: Mapping[str, str], sound: Sound | None = None
) -> int:
    """Encode each frame, and the sound beside it, while the next one is made; no more than these two are held.

    Colours are converted and tagged as BT.709: untagged, players guess by the size.
    """
    from av.video.frame import VideoFrame

    count = 0
    opened = open_film(path, "w", format="mp4", options={"movflags": "+faststart"})
    with opened as container:
        container.metadata.update(tags(metadata))
        stream = container.add_stream("libx264", rate=fps)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED
        track = None if sound is None else SoundTrack(sound, container)

        def encode(frame: VideoFrame, count: int) -> None:
            if count == 0:
                stream.height, stream.width = frame.height, frame.width
                stream.options = effort(frame.height * frame.width)
            picture = frame.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED)
            picture.pts, picture.time_base = count, 1 / fps
            container.mux(stream.encode(picture))
            if track is not None:
                track.advance(float((count + 1) / fps))

        with ThreadPoolExecutor(1) as worker:
            under_way: Future[None] | None = None
            for frame in frames:
                if under_way is not None:
                    under_way.result()
                copy = VideoFrame.from_ndarray(_even(frame), format="rgb24")  # who made the frame may reuse its memory
                under_way = worker.submit(encode, copy, count)
                count += 1
            if under_way is not None:
                under_way.result()
        container.mux(stream.encode(None))
        if track is not None:
            track.close()
    with open(path, "ab") as file:
        file.write(mp4_box(metadata[KEY]))
    return count


def timed(path: Path) -> Iterator[tuple[float, Pixels]]:
    """Yield (seconds, frame (H, W, 3)) of any film, upright as its player shows it; seconds grow from 0."""
    import av
    from av.error import FFmpegError

    begin: float | None = None
    last = -1.0
    try:
        with av.open(path) as container:
            for frame in container.decode(video=0):
                if frame.pts is None or frame.time_base is None:
                    continue
                now = float(frame.pts * frame.time_base)
                begin = now if begin is None else begin
                if frame.width * frame.height > _MOST_PIXELS:
                    raise InputError(f"{path} has {frame.width} x {frame.height} pixels, too many for a performance.")
                if now - begin > last:
                    last = now - begin
                    upright = cast(Any, np.rot90)(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4)
                    yield last, np.ascontiguousarray(upright, np.uint8)
    except (FFmpegError, IndexError) as error:
        raise InputError(
            f"{path} is no film that can be read here ({error}). Give an intact MP4, MOV or WebM."
        ) from error


def read(path: Path) -> Iterator[Pixels]:
    """Yield (H, W, 3) frames."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(path) as container:
            for frame in container.decode(video=0):
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (FFmpegError, IndexError) as error:
        raise InputError(f"{path} is no film that can be read here ({error}). Give an intact MP4.") from error


def metadata(path: Path) -> dict[str, str]:
    """The stored text."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(path) as container:
            return from_lines(container.metadata.get("description", ""))
    except FFmpegError as error:
        raise InputError(f"{path} is no film that can be read here ({error}). Give an intact MP4.") from error


def effort(pixels: int) -> dict[str, str]:
    """x264's options. Of large frames it holds few, and looks at each briefly: by its defaults it keeps more than
    forty, which at 4096 x 4096 are 3 GB.

    Measured on 51 such frames of a film: .04 instead of .20 s a frame, 2.4 GB less, 1.0 instead of 1.7 MB, luma 52.0
    instead of 57.6 dB.
    """
    effort = {"crf": "18"}
    if cv2.checkHardwareSupport(_AVX512_SKX):
        # With AVX-512, x264 (165) takes memory that it never wrote into its macroblock tree: of 300 encodings of one
        # film of 96 x 96 pixels 7 differed, of 320 x 320 most. With AVX2 all are alike.
        effort["x264-params"] = "asm=AVX2"
    if pixels > _MEDIUM:
        effort |= {"preset": "veryfast", "rc-lookahead": "2", "bf": "0", "sliced-threads": "1"}
    return effort


def tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """MP4 keeps a fixed set of tags: title and comment are what players show, the description holds all."""
    shown = {key: metadata[key] for key in ("title", "comment") if key in metadata}
    return {**shown, "description": as_lines(metadata)}


def _even(frame: Pixels) -> Pixels:
    height, width = frame.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return frame
    return cast(Any, np.pad)(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
