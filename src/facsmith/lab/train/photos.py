"""Photos to train on and their landmarks: a folder of pictures, or a tar of pictures with a table of landmarks."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facsmith._types import Array, Image
from facsmith.errors import InputError, PhotoError
from facsmith.face.points import to_ibug
from facsmith.lab.picture_archive import PictureArchive

__all__ = ["Photo", "archive_photos", "folder_photos", "read_names"]


@dataclass(frozen=True)
class Photo:
    """One face to train on.

    Parameters
    ----------
    landmarks
        (68, 2) photo pixels.
    age, gender
        -1 where unknown.
    group
        Group of people, to be balanced against others (`GeneratorOptions.balance`), "" where unknown.
    codes, held_out
        (K,) codes, and whether it was held out, as in another data set, where this one goes on from it
        (`lab.train.reuse_codes`).
    soft
        Less sharp than pictures are to become: it teaches who there is at half its size, as a warped one does, and
        never what a photograph looks like.
    """

    name: str
    image: Image
    landmarks: Array
    age: int = -1
    gender: int = -1
    group: str = ""
    codes: NDArray[np.float32] | None = None
    held_out: bool | None = None
    soft: bool = False


def folder_photos(folder: str | Path, *, progress: Callable[[str], None] = lambda _: None) -> Iterator[Photo]:
    """Photos of a folder with the largest face of each; `attributes.csv` (name, age, gender, group) is read where
    present.

    Photos without a usable face are skipped and reported to `progress`.
    """
    from facsmith import face, image

    root = Path(folder)
    known: dict[str, dict[str, str]] = {}
    if (root / "attributes.csv").is_file():
        with (root / "attributes.csv").open(newline="") as file:
            known = {row["name"]: row for row in csv.DictReader(file)}
    for path in sorted(p for p in root.iterdir() if p.suffix.lower() in image.PHOTO_SUFFIXES):
        try:
            pixels = image.read(path)
            found = face.choose(face.find(pixels))
        except PhotoError as error:
            progress(f"skipped {path.name}: {error}")
            continue
        row = known.get(path.name, {})
        yield Photo(
            path.name,
            pixels,
            np.asarray(found.face.landmarks, np.float64),
            int(row.get("age", -1)),
            int(row.get("gender", -1)),
            row.get("group", ""),
        )


def archive_photos(tar: str | Path, *, progress: Callable[[str], None] = lambda _: None) -> Iterator[Photo]:
    """Photos of a tar whose landmarks lie beside it, in an .npz of the same name: no face has to be found.

    The table holds ``name`` (N,), the pictures' names in the tar, and ``landmarks68`` (N, 68, 2) or MediaPipe's
    ``landmarks`` (N, 478, 2 or 3) in their pixels; ``age``, ``gender``, ``group`` (N,) are read where present.

    Damaged pictures are skipped and reported to ``progress``.

    Raises
    ------
    InputError
        No such table, or a damaged one.
    """
    path = Path(tar)
    table = path.with_suffix(".npz")
    try:
        with np.load(table, allow_pickle=False) as stored:
            columns = {name: np.asarray(stored[name]) for name in stored.files}
        rows = _rows(columns)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise InputError(
            f"{path} needs {table.name} beside it, with name (N,) and landmarks68 (N, 68, 2) or landmarks (N, 478, 2); "
            f"found: {error}."
        ) from error
    with PictureArchive(path) as pictures:
        for name, landmarks, age, gender, group in rows:
            try:
                yield Photo(name, pictures.read(name), landmarks, age, gender, group)
            except (InputError, PhotoError) as error:
                progress(f"skipped {name}: {error}")


def read_names(file: str | Path) -> frozenset[str]:
    """Names of photos, one a line; lines that begin with # are comments.

    Raises
    ------
    InputError
        No such file, or not text.
    """
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Could not read names from {file} ({error}); give a text file, one name a line.") from error
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _rows(columns: dict[str, NDArray[Any]]) -> list[tuple[str, Array, int, int, str]]:
    names = [str(name) for name in columns["name"]]
    count = len(names)
    if "landmarks68" in columns:
        points = columns["landmarks68"].astype(np.float64).reshape(count, 68, 2)
    else:
        mesh = columns["landmarks"].astype(np.float64)
        points = np.stack([to_ibug(face) for face in mesh])
    if len(points) != count or not np.isfinite(points).all():
        raise ValueError(f"{len(points)} landmarks for {count} names, or not finite")
    unknown = np.full(count, -1)
    age, gender = columns.get("age", unknown), columns.get("gender", unknown)
    group = columns.get("group", np.full(count, ""))
    return [(n, p, int(a), int(g), str(q)) for n, p, a, g, q in zip(names, points, age, gender, group, strict=True)]
