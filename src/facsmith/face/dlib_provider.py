"""Landmarks by dlib, with the weights that the package face-recognition-models carries: nothing is ever downloaded.

The 68-point model was trained on iBUG 300-W, whose licence excludes commercial use; the embedding model is in the
public domain.
"""

import importlib
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Final

import cv2
import numpy as np

from facsmith._types import Image, Points
from facsmith.errors import ModelUnavailableError
from facsmith.face.types import Reading
from facsmith.framing import FACSMITH

__all__ = ["LICENCE_NOTE", "DlibProvider", "embed"]

LICENCE_NOTE: Final = "dlib's 68-point model was trained on iBUG 300-W, whose licence excludes commercial use"

# The detector's template is 80 pixels wide: a look at this many pixels along the longer side, then a closer one.
_LOOKS: Final = (1000, 2200)
_MAX_ENLARGEMENT: Final = 4.0
# Where the detector frames a face (measured on eleven portraits), in IOD: side of its square, centre below the eyes.
_BOX_SIDE: Final = 2.45
_BOX_BELOW_EYES: Final = 0.51
# The predictor depends on the frame it starts from; the mean over these (x, y, scale) is three times as steady as one.
_STARTS: Final = (
    (0, 0, 1.0),
    (0.06, 0, 1.0),
    (-0.06, 0, 1.0),
    (0, 0.06, 1.0),
    (0, -0.06, 1.0),
    (0, 0, 1.08),
    (0, 0, 0.93),
)

# dlib sets the inner eye corners this much further out than MediaPipe (300 faces), which would make every crop larger.
_INNER_CORNER_SHIFT: Final = 0.031

_lock: Final = Lock()  # dlib's detector and networks keep scratch space inside


class DlibProvider:
    """HOG detector and 68-point regression trees."""

    name = "dlib"

    def locate(self, image: Image) -> list[Points]:
        """See `Provider.locate`."""
        for scaled, scale in _looks(image):
            with _lock:
                boxes = _detector()(scaled, 0)
            if len(boxes) > 0:
                return [(_points(scaled, box) + 0.5) / scale - 0.5 for box in boxes]
        return []

    def read(self, crop: Image) -> Reading | None:
        """See `Provider.read`."""
        size = crop.shape[0]
        iod = size / FACSMITH.side
        center = np.array([(size - 1) / 2, (size - 1) / 2 + (_BOX_BELOW_EYES - FACSMITH.below) * iod])
        pixels = np.ascontiguousarray(crop)
        readings: list[Points] = []
        for x, y, scale in _STARTS:
            half = _BOX_SIDE * iod * scale / 2
            corners = np.concatenate([center + np.array([x, y]) * iod - half, center + np.array([x, y]) * iod + half])
            readings.append(_points(pixels, _dlib().rectangle(*(round(float(c)) for c in corners))))
        points = np.mean(readings, axis=0)
        points[[39, 42], 0] += np.array([1, -1]) * _INNER_CORNER_SHIFT * iod
        return Reading(points)


def embed(image: Image, landmarks: Points) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The identity of a face as dlib's ResNet sees it (128,): closer than 0.6 is the same person (King 2017).

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    landmarks
        (68, 2) pixels of the image.
    """
    dlib = _dlib()
    x0, y0, x1, y1 = (int(v) for v in (*landmarks.min(axis=0), *landmarks.max(axis=0)))
    parts = [dlib.point(int(x), int(y)) for x, y in np.rint(landmarks)]
    shape = dlib.full_object_detection(dlib.rectangle(x0, y0, x1, y1), parts)
    with _lock:
        vector = _embedder().compute_face_descriptor(np.ascontiguousarray(image), shape)
    return np.array(vector, dtype=np.float64)


def _looks(image: Image) -> Iterator[tuple[Image, float]]:
    longest = max(image.shape[:2])
    for target in _LOOKS:
        scale = min(target / longest, _MAX_ENLARGEMENT)
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=kind)
        yield np.asarray(scaled, dtype=np.uint8), scale


def _points(image: Image, box: Any) -> Points:
    shape = _predictor()(image, box)
    return np.array([(part.x, part.y) for part in shape.parts()], dtype=np.float64)


def _dlib() -> Any:
    try:
        return importlib.import_module("dlib")
    except ImportError as error:
        raise ModelUnavailableError(f"dlib does not load ({error}). Install it: pip install dlib-bin") from error


@lru_cache(maxsize=1)
def _detector() -> Any:
    return _dlib().get_frontal_face_detector()


@lru_cache(maxsize=1)
def _predictor() -> Any:
    return _dlib().shape_predictor(str(_weights("shape_predictor_68_face_landmarks.dat")))


@lru_cache(maxsize=1)
def _embedder() -> Any:
    return _dlib().face_recognition_model_v1(str(_weights("dlib_face_recognition_resnet_model_v1.dat")))


def _weights(name: str) -> Path:
    # The package's own functions need pkg_resources, which current setuptools no longer has: its files are enough.
    spec = find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise ModelUnavailableError(f"The weights {name} are missing. Install them: pip install face-recognition-models")
