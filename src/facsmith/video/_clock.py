"""The one clock of a film: seconds since its first picture, for pictures and sound alike.

A file's own clock may begin anywhere: cameras and cutting programs leave time stamps that do not begin at 0, and sound
that begins before the first picture, or after it.
"""

from pathlib import Path

from facsmith.video._av import open_film

__all__ = ["first_picture"]


def first_picture(path: Path) -> float | None:
    """The file's own second of its first picture; None of a file without pictures, such as a sound."""
    with open_film(path) as container:
        if not container.streams.video:
            return None
        for frame in container.decode(container.streams.video[0]):
            if frame.pts is not None and frame.time_base is not None:
                return float(frame.pts * frame.time_base)
    return None
