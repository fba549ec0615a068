"""The faces of a photo on the 68 iBUG points, by whichever library is at hand.

Every face is found roughly in the photo, then read twice in its upright crop, as it is and mirrored, and the two
readings are averaged. Moving, turning and scaling eleven portraits moved the points by .0024 (MediaPipe) and .0035
(dlib) IOD that way; a single reading: .0070 and .0125. What reads differently in the mirror is no face.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

import numpy as np

from facsmith._types import Image, Points
from facsmith.errors import FacsmithError, InputError, ModelUnavailableError, NoFaceError
from facsmith.face import mediapipe_provider
from facsmith.face.align import CropTransform, crop_transform
from facsmith.face.dlib_provider import DlibProvider
from facsmith.face.points import MIRROR, eye_centers, interocular, yaw_degrees
from facsmith.face.types import Choice, Face, Provider
from facsmith.image import enlarged

__all__ = [
    "MAX_YAW_DEGREES",
    "MIN_INTEROCULAR",
    "PROVIDERS",
    "READABLE_SIDE",
    "choose",
    "find",
    "find_small",
    "follow",
    "usable",
    "why_not_mediapipe",
]

PROVIDERS: Final = ("auto", "mediapipe", "dlib")
MAX_YAW_DEGREES: Final = 40.0
"""A face turned further is in profile: half of it is not in the photo."""
READABLE_SIDE: Final = 384
"""Pixels of the shorter side of a picture, from which on landmarkers are sure."""
MIN_INTEROCULAR: Final = 24.0
"""Smallest usable distance between the eye centres, in photo pixels."""

_READ_RESOLUTION: Final = 384
_MAX_DISAGREEMENT: Final = 0.2  # in IOD, between the picture and its mirror image; faces: .01 to .09


def find(image: Image, *, provider: str = "auto") -> list[Face]:
    """The faces of a photo, largest first; an empty list where there is none.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    provider
        "mediapipe", "dlib", or "auto": MediaPipe where its model file is at hand or can be fetched, else dlib.

    Raises
    ------
    ModelUnavailableError
        The named provider cannot work on this machine.
    """
    _check(image)
    reader = _provider(provider)
    faces: list[Face] = []
    for rough in _locate(reader, image):
        face = _read(reader, image, rough)
        if face is None and abs(yaw_degrees(rough)) > MAX_YAW_DEGREES:
            face = _face(reader, rough, score=0.0)  # too far turned to read, but there: `choose` says so
        if face is not None and not any(_same(face, other) for other in faces):
            faces.append(face)
    return sorted(faces, key=lambda face: face.area, reverse=True)


def find_small(image: Image, *, find: Callable[[Image], list[Face]] = find) -> list[Face]:
    """`find` for a picture that may be too small for a landmarker, such as a generator's: an enlarged one is looked at.

    Returns the faces in the picture's own pixels.
    """
    large, factor = enlarged(image, READABLE_SIDE)
    shift = (factor - 1) / 2
    return [face.at((face.landmarks - shift) / factor) for face in find(large)]


def follow(image: Image, face: Face) -> Face:
    """The same face in another picture of the same framing, such as a frame of its film, looked for only where it was.

    The reading depends on nothing but the crop, so that equal pictures give equal points.

    Raises
    ------
    NoFaceError
        No face shows at that place any more.
    """
    _check(image)
    followed = _read(_provider(face.provider), image, face.landmarks)
    if followed is None:
        raise NoFaceError("The face cannot be seen in this frame any more; compare frames of one film of one photo.")
    return followed


def choose(faces: list[Face], index: int | None = None) -> Choice:
    """The face to work on: the one asked for (0 = the largest), else the largest that can be used.

    Raises
    ------
    NoFaceError
        There is none, or the chosen one is in profile or too small.
    """
    if not faces:
        raise NoFaceError(
            "No face was found in this photo; give one in which a face looks into the camera, upright and not covered."
        )
    count = len(faces)
    if index is None:
        index = next(iter(usable(faces)), 0)
    elif not 0 <= index < count:
        allowed = "its face is number 0" if count == 1 else f"its faces are numbers 0 (the largest) to {count - 1}"
        raise NoFaceError(f"There is no face number {index} in this photo; {allowed}.")
    reason = _why_unusable(faces[index])
    if reason is not None:
        raise NoFaceError(reason)
    return Choice(faces[index], index, count)


def usable(faces: list[Face]) -> list[int]:
    """The numbers of the faces that `choose` would give."""
    return [number for number, face in enumerate(faces) if _why_unusable(face) is None]


def why_not_mediapipe() -> str | None:
    """Why provider "auto" works with dlib on this machine, in one sentence; None where it works with MediaPipe."""
    try:
        mediapipe_provider.load()
    except FacsmithError as error:
        return str(error)
    return None


def _provider(name: str) -> Provider:
    if name == "mediapipe":
        return mediapipe_provider.load(retry=True)
    if name == "dlib":
        return DlibProvider()
    if name == "auto":
        try:
            return mediapipe_provider.load()
        except FacsmithError:
            return DlibProvider()
    raise InputError(f"There is no face provider {name!r}; choose one of {', '.join(PROVIDERS)}.")


def _locate(reader: Provider, image: Image) -> list[Points]:
    rough = reader.locate(image)
    if not rough and reader.name != DlibProvider.name:
        # MediaPipe's detector needs a face of an eighth of the photo and some room around it; dlib's has sharper eyes.
        with suppress(ModelUnavailableError):
            rough = DlibProvider().locate(image)
    return rough


def _read(reader: Provider, image: Image, rough: Points) -> Face | None:
    if float(interocular(rough)) < 1:
        return None
    transform = _reading_crop(rough)
    crop = transform.crop(image)
    seen, mirrored = reader.read(crop), reader.read(np.ascontiguousarray(crop[:, ::-1]))
    if seen is None or mirrored is None:
        return None
    back = mirrored.points[np.array(MIRROR)] * [-1, 1] + [_READ_RESOLUTION - 1, 0]
    mean = (seen.points + back) / 2
    disagreement = float(np.linalg.norm(seen.points - back, axis=1).mean() / max(float(interocular(mean)), 1e-6))
    if disagreement > _MAX_DISAGREEMENT:
        return None
    return replace(
        _face(reader, transform.to_photo(mean), score=1 - disagreement / _MAX_DISAGREEMENT),
        blendshapes=_both(seen.blendshapes, mirrored.blendshapes),
    )


def _both(seen: Mapping[str, float] | None, mirrored: Mapping[str, float] | None) -> Mapping[str, float] | None:
    """The mean of a picture's scores and its mirror image's, sides exchanged."""
    if seen is None or mirrored is None:
        return None
    return {name: (score + mirrored.get(_other_side(name), score)) / 2 for name, score in seen.items()}


def _reading_crop(rough: Points) -> CropTransform:
    """The upright crop, as large as if the face looked ahead: turning brings its eyes closer, not its ears."""
    transform = crop_transform(rough, _READ_RESOLUTION)
    turned = float(np.cos(np.radians(min(abs(yaw_degrees(rough)), 60.0))))
    middle = (_READ_RESOLUTION - 1) / 2
    return CropTransform(transform.matrix * turned + [[0, 0, middle * (1 - turned)]], _READ_RESOLUTION)


def _face(reader: Provider, landmarks: Points, *, score: float) -> Face:
    x0, y0, x1, y1 = (float(v) for v in (*landmarks.min(axis=0), *landmarks.max(axis=0)))
    return Face(
        landmarks=landmarks,
        box=(x0, y0, x1, y1),
        score=score,
        provider=reader.name,
        yaw_degrees=yaw_degrees(landmarks),
    )


def _why_unusable(face: Face) -> str | None:
    if abs(face.yaw_degrees) > MAX_YAW_DEGREES:
        return (
            f"This face is in profile (turned by about {abs(face.yaw_degrees):.0f} degrees, at most "
            f"{MAX_YAW_DEGREES:.0f} can be used); give a photo in which it looks into the camera."
        )
    if face.interocular < MIN_INTEROCULAR:
        return (
            f"This face is too small: {face.interocular:.0f} pixels from eye to eye, at least {MIN_INTEROCULAR:.0f} "
            "are needed; give a larger photo."
        )
    return None


def _other_side(name: str) -> str:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


def _same(a: Face, b: Face) -> bool:
    apart = eye_centers(a.landmarks).mean(axis=0) - eye_centers(b.landmarks).mean(axis=0)
    return float(np.hypot(*apart)) < 0.5 * max(a.interocular, b.interocular)


def _check(image: Image) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 1:
        raise InputError(f"Expected an image of shape (H, W, 3) in uint8, RGB; got {image.shape} in {image.dtype}.")
