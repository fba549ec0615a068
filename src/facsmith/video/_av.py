"""PyAV's containers, untyped: its stubs know neither all options nor what a stream is."""

import os
from typing import Any

import av

__all__ = ["open_film"]


def open_film(path: str | os.PathLike[str], mode: str = "r", **options: Any) -> Any:
    """What ``av.open`` gives."""
    opening: Any = av.open
    return opening(path, mode, **options)
