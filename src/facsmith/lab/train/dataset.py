"""A data set of `lab.train.data` opened and checked, for what learns from all its variants."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.errors import InputError
from facsmith.facs import AUS, columns
from facsmith.framing import FACSMITH, Framing, parse_framing

__all__ = [
    "FRAMING", "REST", "Dataset", "KnownPeople", "check_framing", "dataset_framing", "known_people", "open_dataset",
    "reading",
]  # fmt: skip


REST: Final = 1
"""The variant that shows each person at rest."""
FRAMING: Final = "framing.json"
"""How the crops of a data set frame the faces; without it, as `FACSMITH`."""


class Dataset(NamedTuple):
    """N people in V variants.

    Attributes
    ----------
    images
        (N, V, R, R, 3) uint8, memory-mapped.
    au
        (N, V, 12) in [0, 1], DISFA's.
    landmarks
        (N, V, 68, 2) crop pixels.
    held_out
        (N,), which people are kept from training.
    """

    images: npt.NDArray[np.uint8]
    au: Array
    landmarks: Array
    held_out: npt.NDArray[np.bool_]


class KnownPeople(NamedTuple):
    """names (N,). codes (N, C) float32. held_out (N,), which people are kept from training."""

    names: npt.NDArray[np.str_]
    codes: npt.NDArray[np.float32]
    held_out: npt.NDArray[np.bool_]


def known_people(folder: str | Path) -> KnownPeople:
    """By which codes a data set knows its people.

    Raises
    ------
    InputError
        No such data set.
    """
    root = Path(folder)
    with reading(root):
        codes = np.load(root / "codes.npy", allow_pickle=False).astype(np.float32)
        with np.load(root / "attributes.npz", allow_pickle=False) as attributes:
            return KnownPeople(attributes["name"], codes, attributes["held_out"].astype(bool))


@contextmanager
def reading(folder: str | Path) -> Generator[None]:
    """Around whatever reads a data set's files: InputError where they are missing, damaged or others."""
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder} is no data set of faces ({error}); make one: facsmith train data PHOTOS -o FOLDER."
        ) from error


def dataset_framing(folder: str | Path) -> Framing:
    """How the crops of a data set frame the faces.

    Raises
    ------
    InputError
        Its file is damaged.
    """
    file = Path(folder) / FRAMING
    with reading(folder):
        return parse_framing(file.read_text(encoding="utf-8")) if file.is_file() else FACSMITH


def check_framing(folder: str | Path, framing: Framing) -> None:
    """Refuse crops of a data set for a generator that frames faces otherwise: it could not draw them.

    Raises
    ------
    InputError
        They differ.
    """
    own = dataset_framing(folder)
    if own != framing:
        raise InputError(
            f"The crops in {folder} are {own}, but the generator's faces are {framing}. Cut the photos anew: facsmith "
            f"train data PHOTOS -o FOLDER --framing {framing.name}"
        )


def open_dataset(folder: str | Path, *, resolution: int | None = None, framing: Framing | None = None) -> Dataset:
    """Open a data set and check its files.

    Parameters
    ----------
    resolution, framing
        What the crops must have. None takes any.

    Raises
    ------
    InputError
        No such data set, files that do not fit together, or fewer than two people on either side.
    """
    root = Path(folder)
    if framing is not None:
        check_framing(root, framing)
    with reading(root):
        images = np.load(root / "images.npy", mmap_mode="r", allow_pickle=False)
        au = np.load(root / "au.npy", allow_pickle=False)
        landmarks = np.load(root / "landmarks.npy", allow_pickle=False)
        with np.load(root / "attributes.npz", allow_pickle=False) as attributes:
            held_out = attributes["held_out"].astype(bool)
    n, v, *picture = images.shape if images.ndim == 5 else (0, 0)
    side = resolution or (picture or [0])[0]
    if v <= REST or (picture, au.shape, landmarks.shape, held_out.shape) != (
        [side, side, 3],
        (n, v, len(AUS)),
        (n, v, 68, 2),
        (n,),
    ):
        raise InputError(
            f"The data set {root} holds images {images.shape}, AUs {au.shape} and landmarks {landmarks.shape}; wanted "
            f"are (N, V, {side}, {side}, 3), (N, V, {len(AUS)}) and (N, V, 68, 2), V >= 2. Make it "
            "again: facsmith train data."
        )
    if held_out.sum() < 2 or (~held_out).sum() < 2:
        raise InputError(f"The data set {root} needs photos to train on and held-out ones, 2 of each at least.")
    return Dataset(images, np.clip(columns(au), 0, 1), landmarks.astype(np.float64), held_out)
