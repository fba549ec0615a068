"""Landmarks by MediaPipe's Face Landmarker (Tasks API); its model file is at hand or fetched once (3.8 MB, Apache-2.0).

MediaPipe's binary posts usage statistics to play.googleapis.com, now and then and when a landmarker is closed (seen
with 1.2.2, which has no setting against it). A photo tool shall not call home: it is given no certificates to trust,
so that its connection fails before anything is said.
"""

import importlib
import os
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final

import cv2
import numpy as np

from facsmith._late_imports import late
from facsmith._types import Image, Points
from facsmith.errors import FacsmithError, ModelUnavailableError
from facsmith.face.points import to_ibug
from facsmith.face.types import Reading

__all__ = ["MODEL", "MediaPipeProvider", "load"]

MODEL: Final = "face-landmarker"
"""Its name in the registry of models."""

_PROBE_SECONDS: Final = 3.0
_FAILURE_REMEMBERED_SECONDS: Final = 24 * 3600.0
_MAX_SIDE: Final = 1280  # the detector looks at 128 x 128 pixels, the landmark network at 256 x 256
_MAX_FACES: Final = 10
_UNUSED: Final = ("matplotlib", "matplotlib.pyplot", "sounddevice")
"""What MediaPipe imports for drawing and for microphones: seven eighths of its own import."""

_lock: Final = Lock()


class MediaPipeProvider:
    """BlazeFace detector and the 478-point face mesh."""

    name = "mediapipe"

    def __init__(self, landmarker: Any) -> None:
        self._landmarker = landmarker

    def locate(self, image: Image) -> list[Points]:
        """See `Provider.locate`."""
        scale = min(1.0, _MAX_SIDE / max(image.shape[:2]))
        if scale < 1:
            resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            image = np.asarray(resized, dtype=np.uint8)
        return [(face + 0.5) / scale - 0.5 for face in _points(self._result(image), image)]

    def read(self, crop: Image) -> Reading | None:
        """See `Provider.read`."""
        result, middle = self._result(crop), (crop.shape[0] - 1) / 2
        readings = [
            Reading(points, {score.category_name: float(score.score) for score in scores})
            for points, scores in zip(_points(result, crop), result.face_blendshapes, strict=True)
        ]
        return min(readings, key=lambda face: float(np.hypot(*(face.points.mean(axis=0) - middle))), default=None)

    def mesh(self, image: Image) -> Points | None:
        """The whole mesh of the widest face, (478, 2) in pixels; None where there is none."""
        height, width = image.shape[:2]
        meshes = [
            np.array([(p.x * width - 0.5, p.y * height - 0.5) for p in face])
            for face in self._result(image).face_landmarks
        ]
        return max(meshes, key=lambda mesh: float(np.ptp(mesh[:, 0])), default=None)

    def _result(self, image: Image) -> Any:
        with _lock:
            return self._landmarker.detect(_as_mediapipe(image))


def _points(result: Any, image: Image) -> list[Points]:
    height, width = image.shape[:2]
    return [
        to_ibug([(p.x * width - 0.5, p.y * height - 0.5) for p in mesh])  # from pixel edges to pixel centres
        for mesh in result.face_landmarks
    ]


def load(*, retry: bool = False) -> MediaPipeProvider:
    """The landmarker of this process.

    Parameters
    ----------
    retry
        Ask the network again even where a recent attempt failed.

    Raises
    ------
    ModelUnavailableError
        The library does not load, or its model file is neither here nor to be had.
    """
    path = _model_file(retry=retry)
    with _lock:
        return _load(path)


@lru_cache(maxsize=1)
def _load(path: Path) -> MediaPipeProvider:
    try:
        with _quiet_stderr(), late(*_UNUSED):
            vision: Any = importlib.import_module("mediapipe.tasks.python.vision")
            base_options: Any = importlib.import_module("mediapipe.tasks.python").BaseOptions
            base = _without_statistics(base_options(model_asset_buffer=path.read_bytes()))
            options = vision.FaceLandmarkerOptions(
                base_options=base, num_faces=_MAX_FACES, output_face_blendshapes=True
            )
            landmarker = vision.FaceLandmarker.create_from_options(options)
            # Its destructor closes it: a post of statistics, a traceback at Python's exit, a wait for ever in a fork.
            landmarker.close = _leave_open
            landmarker.detect(_as_mediapipe(np.zeros((64, 64, 3), np.uint8)))  # its last start-up messages come here
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelUnavailableError(
            f"MediaPipe does not start with {path} ({reason}). Remove that file to fetch it anew, install libegl1 and "
            "libgles2 where they are missing, or use the provider dlib."
        ) from error
    return MediaPipeProvider(landmarker)


# A forked child has the landmarker but not its threads, and would wait for them for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_load.cache_clear)


def _leave_open() -> None:
    pass


def _without_statistics(base_options: Any) -> Any:
    make = base_options.to_ctypes

    def to_ctypes() -> Any:
        options = make()
        options.ca_bundle_path = os.fsencode(os.devnull)
        return options

    base_options.to_ctypes = to_ctypes
    return base_options


def _as_mediapipe(image: Image) -> Any:
    mediapipe: Any = importlib.import_module("mediapipe")
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))


def _model_file(*, retry: bool) -> Path:
    from facsmith.checkpoint import MODELS, cache_dir, pull

    entry = MODELS[MODEL]
    path = cache_dir() / entry.filename
    if path.is_file():
        return path
    failure = path.with_suffix(".unreachable")
    advice = f"Fetch {entry.url} and put it there, or use the provider dlib."
    if not retry and _age(failure) < _FAILURE_REMEMBERED_SECONDS:
        raise ModelUnavailableError(f"MediaPipe's model file is not at {path}, and fetching it failed lately. {advice}")
    try:
        _probe(entry.url)
        return pull(MODEL)
    except (OSError, FacsmithError) as error:
        with suppress(OSError):
            failure.parent.mkdir(parents=True, exist_ok=True)
            failure.touch()
        if isinstance(error, FacsmithError):
            raise
        raise ModelUnavailableError(f"MediaPipe's model file is not at {path} ({error}). {advice}") from error


def _probe(url: str) -> None:
    """Raise OSError unless the address answers soon; a timeout alone does not bound a name look-up."""
    outcome: list[Exception | None] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=_PROBE_SECONDS):
                outcome.append(None)
        except Exception as error:
            outcome.append(error)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS + 1)
    if not outcome:
        raise TimeoutError("the network does not answer")
    if outcome[0] is not None:
        raise OSError(f"no connection: {outcome[0]}") from outcome[0]


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


@contextmanager
def _quiet_stderr() -> Generator[None]:
    """Silence what C++ code writes to file descriptor 2 past Python."""
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
