"""The photos of a data set in one small file: to carry them to another machine, where the data set is built anew.

A data set of 4,500 photos in 8 expressions at 128 px is 1.8 GB; the photos it is made of, cut to their faces and
compressed, are 30 MB, and build it again in a minute on 16 cores, with no landmarks to be found: they lie inside.

The file is safetensors: ``pictures`` uint8, WebP files end to end; ``ends`` (N,) int64, where each ends; ``landmarks``
(N, 68, 2) float32 in each picture's pixels; ``age``, ``gender`` (N,); the names and groups as JSON in the
metadata; where it was decided who is held out, ``held_out`` (N,); and, where all photos are known from another data set
(`lab.train.reuse_codes`), ``codes`` (N, K) float16.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from facsmith._arrays import read_tensors, write_tensors
from facsmith._types import Image
from facsmith.errors import InputError
from facsmith.face.align import crop_transform
from facsmith.framing import FACSMITH, Framing
from facsmith.lab.train.photos import Photo

__all__ = ["PackOptions", "pack", "unpack"]


_FORMAT = "facsmith-photos-2"
_QUALITIES = (95, 90, 85, 80, 70, 60)
_TRIED = 48  # photos on which the quality is chosen
_MARGIN = 0.08  # of the crop's side, around it
_MAX_FILE = 1 << 30
_MAX_SIDE = 4096


@dataclass(frozen=True)
class PackOptions:
    """How faces are packed into one file.

    Parameters
    ----------
    megabytes
        The file's size at most; the quality follows from it.
    side
        Side of a face's crop in pixels, at most.
    framing
        Framing of the crops that are to be cut from it.
    """

    megabytes: float = 56.0
    side: int = 256
    framing: Framing = FACSMITH

    def __post_init__(self) -> None:
        if not self.megabytes > 0 or not 32 <= self.side <= _MAX_SIDE // 2:
            raise InputError(
                f"A pack has megabytes above 0 and a side from 32 to {_MAX_SIDE // 2}; got {self.megabytes:g} and "
                f"{self.side}."
            )


def pack(photos: Sequence[Photo], file: str | Path, options: PackOptions | None = None) -> Path:
    """Write the faces of photos, with a margin, to one file; returns it.

    Raises
    ------
    InputError
        No photo, or too many for the size at the lowest quality.
    """
    options = options or PackOptions()
    if not photos:
        raise InputError("There is no photo to pack; give a folder of photos with a face each.")
    faces = [_cut(photo, options.side, options.framing) for photo in photos]
    labels = sum(face.landmarks.size * 4 + (0 if face.codes is None else face.codes.size * 2) for face in faces)
    room = options.megabytes * 1e6 - labels - 64 * len(faces)
    tried = faces[:: max(1, len(faces) // _TRIED)]
    for quality in _QUALITIES:
        expected = np.mean([len(_encoded(face.image, quality)) for face in tried]) * len(faces)
        if expected > room:
            continue
        pictures = [_encoded(face.image, quality) for face in faces]
        if sum(map(len, pictures)) <= room:
            _write(Path(file), faces, pictures)
            return Path(file)
    raise InputError(
        f"{len(faces)} faces do not fit into {options.megabytes:g} MB; give more, a smaller side, or fewer photos."
    )


def unpack(file: str | Path) -> list[Photo]:
    """The photos of a file that `pack` wrote, in its order.

    Raises
    ------
    InputError
        No such file, or it is damaged.
    """
    tensors, metadata = read_tensors(file, max_bytes=_MAX_FILE, error=InputError)
    if metadata.get("format") != _FORMAT:
        raise InputError(f"{file} holds no packed photos; give a folder, or a file of `facsmith train data --packed`.")
    try:
        names: list[str] = json.loads(metadata["names"])
        starts = np.concatenate([[0], tensors["ends"][:-1]])
        groups: list[str] = json.loads(metadata["groups"])
        rows = zip(
            names, groups, starts, tensors["ends"], tensors["landmarks"], tensors["age"], tensors["gender"], strict=True
        )
        photos = [
            Photo(
                str(name),
                _decoded(tensors["pictures"][start:end].tobytes()),
                landmarks.reshape(68, 2).astype(np.float64),
                int(age),
                int(gender),
                group,
            )
            for name, group, start, end, landmarks, age, gender in rows
        ]
        if "held_out" in tensors:
            photos = [replace(p, held_out=bool(held)) for p, held in zip(photos, tensors["held_out"], strict=True)]
        if "codes" in tensors:
            known = zip(photos, tensors["codes"], strict=True)
            photos = [replace(photo, codes=codes.astype(np.float32)) for photo, codes in known]
        return photos
    except (KeyError, ValueError, TypeError, IndexError, OSError, SyntaxError) as error:
        raise InputError(f"{file} holds damaged photos ({error}); pack them again.") from error


def _cut(photo: Photo, side: int, framing: Framing) -> Photo:
    """The part of a photo that its crop needs, no finer than ``side`` pixels for the crop."""
    transform = crop_transform(photo.landmarks, side, framing)
    half = side * _MARGIN
    corners = transform.to_photo([[x, y] for x in (-half, side + half) for y in (-half, side + half)])
    height, width = photo.image.shape[:2]
    x0, y0 = np.floor(corners.min(axis=0)).astype(int).clip(0, [width - 1, height - 1])
    x1, y1 = np.ceil(corners.max(axis=0)).astype(int).clip(0, [width - 1, height - 1]) + 1
    image, landmarks = photo.image[y0:y1, x0:x1], photo.landmarks - [x0, y0]
    if transform.scale < 1:  # finer than wanted
        size = tuple(max(1, round(transform.scale * length)) for length in (x1 - x0, y1 - y0))
        landmarks = (landmarks + 0.5) * [size[0] / (x1 - x0), size[1] / (y1 - y0)] - 0.5
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return replace(photo, image=np.ascontiguousarray(image), landmarks=landmarks)


def _encoded(image: Image, quality: int) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(image).save(stream, "WEBP", quality=quality, method=4)
    return stream.getvalue()


def _decoded(data: bytes) -> Image:
    with Pillow.open(io.BytesIO(data), formats=["WEBP"]) as picture:
        if max(picture.size) > _MAX_SIDE:
            raise ValueError(f"a picture of {picture.size[0]} x {picture.size[1]} pixels")
        return np.array(picture.convert("RGB"), np.uint8)


def _write(file: Path, faces: list[Photo], pictures: list[bytes]) -> None:
    tensors: dict[str, npt.NDArray[Any]] = {
        "pictures": np.frombuffer(b"".join(pictures), np.uint8),
        "ends": np.cumsum([len(picture) for picture in pictures]).astype(np.int64),
        "landmarks": np.stack([face.landmarks for face in faces]).astype(np.float32),
        "age": np.array([face.age for face in faces], np.int16),
        "gender": np.array([face.gender for face in faces], np.int8),
    }
    codes = [face.codes for face in faces if face.codes is not None]
    if len(codes) == len(faces):
        tensors["codes"] = np.stack(codes).astype(np.float16)
    if any(face.held_out is not None for face in faces):
        tensors["held_out"] = np.array([bool(face.held_out) for face in faces], np.uint8)
    names, groups = (json.dumps([getattr(face, column) for face in faces]) for column in ("name", "group"))
    write_tensors(file, tensors, {"format": _FORMAT, "names": names, "groups": groups})
