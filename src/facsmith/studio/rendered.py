"""One render of a film: what is played, measured and written in every format comes from it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np

from facsmith import video
from facsmith._types import Image
from facsmith.face_region import FaceRegion
from facsmith.film import Animation
from facsmith.options import Progress
from facsmith.receipt import Receipt
from facsmith.several_faces import GroupAnimation

__all__ = ["Rendered", "render"]


@dataclass(frozen=True, eq=False)
class Rendered:
    """The film of the whole photo, rendered and measured.

    Parameters
    ----------
    asked
        What it shows; the film is used as long as that is asked for.
    films
        The film of the face that is worked on, with its key frames and curves, then those of others that move with it.
    receipts
        Of each of them.
    movie
        An MP4's bytes, the face's close-up cut from these very frames; of several faces the whole photo.
    master
        A file that holds all frames without loss.
    files
        Format -> file that was written from it; where each of several faces has its own, they lie in its folder.
    """

    asked: object
    films: list[Animation]
    receipts: list[Receipt]
    movie: bytes
    master: Path
    files: dict[str, Path] = field(default_factory=dict[str, Path])

    @property
    def film(self) -> Animation:
        """Of the face that is worked on."""
        return self.films[0]

    @property
    def receipt(self) -> Receipt:
        """Of the face that is worked on."""
        return self.receipts[0]

    def frames(self) -> Iterator[Image]:
        """(H, W, 3) uint8, those that were measured, bit for bit."""
        import av

        with av.open(self.master) as container:
            for frame in container.decode(video=0):
                yield cast(Image, frame.to_ndarray(format="rgb24"))

    def write(self, path: Path) -> None:
        """A film or a folder of pictures, as `video.write` does."""
        video.write(path, self.frames(), fps=self.film.options.fps, metadata=self.film.metadata)


def render(films: list[Animation], folder: Path, progress: Progress, *, asked: object) -> Rendered:
    """Render into ``folder``: H.264 of RGB without loss, which is small where the picture stands still."""
    import av

    film, alone = films[0], len(films) == 1
    view = FaceRegion.around(film.subject) if alone else FaceRegion.of(film.subject.photo.shape, longest=1024)
    frames = film.frames if alone else GroupAnimation(films).frames
    master, close = folder / "master.mkv", folder / "close.mp4"

    def seen() -> Iterator[Image]:
        with av.open(master, "w") as opened:
            container = cast(Any, opened)
            stream = container.add_stream("libx264rgb", rate=Fraction(film.options.fps).limit_denominator(1001))
            stream.pix_fmt, stream.options = "rgb24", {"qp": "0", "preset": "ultrafast"}
            stream.height, stream.width = film.subject.photo.shape[:2]
            for frame in frames(progress):
                picture: Any = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
                container.mux(stream.encode(picture))
                yield view.cut(frame)
            container.mux(stream.encode(None))

    video.write(close, seen(), fps=film.options.fps, metadata=film.metadata)
    progress("measuring", 0, 0)
    receipts = [each.measure(progress) for each in films]
    movie = close.read_bytes()
    close.unlink()
    return Rendered(asked, films, receipts, movie, master)
