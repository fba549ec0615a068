"""The data engine: face photos in, aligned crops with AU-labelled variants out.

Every photo yields `variants` crops: the photo itself; the photo at rest (its smile and lip opening undone); and random
AU vectors by `face.muscles`. Labels are total intensities: what the photo shows by itself (AU12, AU25 and AU26, read
from the landmarks) plus what the warp added. One variant: photographs alone, with nothing warped.

A data set is a folder of plain arrays, N photos by V variants by R x R pixels, memory-mapped on reading:

    images.npy      (N, V, R, R, 3) uint8 RGB
    inside.npy      (N, R, R) uint8, 255 where the crop lies inside the photo
    au.npy          (N, V, K) float32 total intensities of `facs.AUS`
    landmarks.npy   (N, V, 68, 2) float32 crop pixels
    codes.npy       (N, C) float32 whitened PCA codes of the photographs, with the AUs' part removed
    attributes.npz  name, age, gender, group, held_out, soft (see `Photo`)
    framing.json    how the crops frame the faces (`facsmith.framing`)

At 256 px a crop is 0.2 MB: 3,500 photos take 0.7 GB a variant, on disk and, once read, in the system's page cache.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from facsmith import _optional
from facsmith._types import Array, Image
from facsmith.errors import InputError
from facsmith.face.align import crop_transform
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.face.muscles import displacement
from facsmith.face.own import own_expression
from facsmith.facs import AUS, EYE_AUS, spread
from facsmith.framing import FACSMITH, Framing
from facsmith.lab.train.dataset import FRAMING, known_people, reading
from facsmith.lab.train.photos import Photo

__all__ = ["DataOptions", "build_dataset", "codes_along", "random_expression"]


@dataclass(frozen=True)
class DataOptions:
    """How a data set is made.

    Parameters
    ----------
    resolution
        Side of the crops in pixels.
    variants
        Crops per photo, 1: as photographed.
    held_out
        Share of photos kept from training, where the photos themselves do not say.
    framing
        Framing of the faces in them.
    """

    resolution: int = 256
    variants: int = 6
    held_out: float = 0.06
    codes: int = 320
    framing: Framing = FACSMITH
    workers: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.variants < 1 or self.resolution < 16 or not 0 < self.held_out < 1:
            raise InputError(
                f"The data set needs variants >= 1, resolution >= 16 and held_out in (0, 1); got {self.variants}, "
                f"{self.resolution} and {self.held_out}."
            )


_WARPED = [column for column, au in enumerate(AUS) if au not in EYE_AUS]


def random_expression(random: np.random.Generator) -> Array:
    """A random AU vector, (K,) of `facs.AUS` in [0, 1]: half the time one AU, else two to four together."""
    e = np.zeros(len(AUS))
    count = 1 if random.random() < 0.5 else int(random.integers(2, 5))
    e[random.choice(_WARPED, size=count, replace=False)] = random.uniform(0.25, 1.0, size=count)
    return e


def build_dataset(
    photos: list[Photo], out: str | Path, options: DataOptions | None = None, *, codes_of: str | Path | None = None
) -> Path:
    """Write the data set of `photos` to the folder `out` and return it.

    Parameters
    ----------
    codes_of
        The data set where photos that bring codes have them from: those that bring none get codes along the same axes.
    """
    options = options or DataOptions()
    sharp = sum(not photo.soft for photo in photos)
    if sharp < 2:
        raise InputError(f"A data set needs at least 2 photos with a face that are not soft; got {sharp}.")
    root = Path(out)
    root.mkdir(parents=True, exist_ok=True)
    n, v, r = len(photos), options.variants, options.resolution
    images = np.lib.format.open_memmap(root / "images.npy", "w+", np.uint8, (n, v, r, r, 3))
    inside = np.lib.format.open_memmap(root / "inside.npy", "w+", np.uint8, (n, r, r))
    au, landmarks = np.zeros((n, v, len(AUS)), np.float32), np.zeros((n, v, 68, 2), np.float32)
    jobs = [(photo, index, options) for index, photo in enumerate(photos)]
    # Spawned, not forked: a fork of a process whose libraries (OpenCV, torch, MediaPipe) run threads can hang for ever.
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for index, made in enumerate(pool.map(_variants, jobs, chunksize=16)):
            images[index], inside[index], au[index], landmarks[index] = made
    images.flush()
    inside.flush()
    held_out = _held_out(photos, options)
    (root / FRAMING).write_text(json.dumps(options.framing.to_json()) + "\n", encoding="utf-8")
    np.save(root / "au.npy", au)
    np.save(root / "landmarks.npy", landmarks)
    np.savez(
        root / "attributes.npz",
        name=np.array([p.name for p in photos]),
        age=np.array([p.age for p in photos], np.int16),
        gender=np.array([p.gender for p in photos], np.int8),
        group=np.array([p.group for p in photos]),
        held_out=held_out,
        soft=np.array([p.soft for p in photos]),
    )
    np.save(root / "codes.npy", _codes(photos, images, au, held_out, options, codes_of))
    return root


def _codes(
    photos: list[Photo],
    images: Image,
    au: NDArray[np.float32],
    held_out: NDArray[np.bool_],
    options: DataOptions,
    codes_of: str | Path | None,
) -> NDArray[np.float32]:
    known = {row: photo.codes for row, photo in enumerate(photos) if photo.codes is not None}
    if not known:
        return photograph_codes(images, au, held_out, count=options.codes)
    codes = np.zeros((len(photos), len(next(iter(known.values())))), np.float32)
    codes[list(known)] = list(known.values())
    new = [row for row in range(len(photos)) if row not in known]
    if new:
        if codes_of is None:
            raise InputError(f"{len(new)} of {len(photos)} photos bring no codes; say which data set has the others'.")
        codes[new] = codes_along(codes_of, images[new, :1], au[new, :1])
    return codes


def codes_along(dataset: str | Path, images: Image, au: NDArray[np.float32]) -> NDArray[np.float32]:
    """Codes of other photos along the axes of a data set's own: by the linear map from pixels to codes found there.

    Parameters
    ----------
    images
        (N, V, R, R, 3), of which the first variant counts; framed as the data set's.
    au
        (N, V, K).

    Raises
    ------
    InputError
        No such data set.
    """
    root = Path(dataset)
    _, codes, held_out = known_people(root)
    with reading(root):
        seen = np.load(root / "images.npy", mmap_mode="r", allow_pickle=False)
        shown = np.load(root / "au.npy", allow_pickle=False)
    training = ~held_out
    axes = _Principal.of(_floats(seen)[training], count=codes.shape[1])

    def terms(pictures: Image, intensities: NDArray[np.float32]) -> Array:
        parts = [axes(_floats(pictures)), intensities[:, 0], np.ones((len(pictures), 1))]
        return np.concatenate([np.asarray(part, np.float64) for part in parts], axis=1)

    known: Array = cast(Any, np.linalg).lstsq(terms(seen, shown)[training], codes[training], rcond=None)[0]
    return np.asarray(terms(images, au) @ known, np.float32)


def _held_out(photos: list[Photo], options: DataOptions) -> NDArray[np.bool_]:
    if any(photo.held_out is not None for photo in photos):
        return np.array([bool(photo.held_out) for photo in photos])
    held_out = np.zeros(len(photos), bool)
    sharp = np.flatnonzero([not photo.soft for photo in photos])
    chosen = np.random.default_rng(options.seed).permutation(sharp)
    held_out[chosen[: max(1, round(options.held_out * len(sharp)))]] = True
    return held_out


def _variants(job: tuple[Photo, int, DataOptions]) -> tuple[Image, Image, NDArray[np.float32], NDArray[np.float32]]:
    photo, index, options = job
    cv2.setNumThreads(1)
    random = np.random.default_rng([options.seed, index])
    work = max(options.resolution, 160)
    transform = crop_transform(photo.landmarks, work, options.framing)
    crop = transform.crop(photo.image)
    whole = np.full(photo.image.shape[:2], 255, np.uint8)
    inside = np.asarray(cv2.warpAffine(whole, transform.matrix, (work, work)), np.uint8)
    crop = _fill_border(crop, inside)
    points = transform.to_crop(photo.landmarks)
    own = spread(own_expression(points))
    move = MuscleWarp(points, crop.shape[:2], seed=index) if options.variants > 1 else None
    tiles: list[Image] = []
    labels: list[Array] = []
    moved: list[Array] = []
    scale = options.resolution / work
    for variant in range(options.variants):
        if variant == 0:
            added = np.zeros(len(AUS))
        elif variant == 1:
            added = -own
        else:
            wanted = random_expression(random)
            # Half from the face at rest, half on top of what the face shows.
            added = wanted - own if variant % 2 == 0 else np.minimum(wanted, 1 - own)
        image, to = crop, points
        if move is not None and added.any():
            image, to = move(crop, added), points + displacement(points, added)
        tiles.append(_shrink(image, options.resolution))
        labels.append(own + added)
        moved.append((to + 0.5) * scale - 0.5)
    small = _shrink(inside, options.resolution)
    return np.stack(tiles), small, np.stack(labels).astype(np.float32), np.stack(moved).astype(np.float32)


def _shrink(image: Image, side: int) -> Image:
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _fill_border(crop: Image, inside: Image) -> Image:
    """Beyond the photo: its border colours, blurred more and more, so that no mirrored face is learned."""
    hole = 255 - inside
    if not hole.any():
        return crop
    blurred = cv2.GaussianBlur(crop, (0, 0), 12)
    alpha = cv2.GaussianBlur(cv2.dilate(hole, np.ones((5, 5), np.uint8)), (0, 0), 3)[..., None].astype(np.float32) / 255
    return np.asarray(crop + alpha * (blurred.astype(np.float32) - crop), np.uint8)


def photograph_codes(
    images: NDArray[np.uint8], au: NDArray[np.float32], held_out: NDArray[np.bool_], *, count: int
) -> NDArray[np.float32]:
    """Whitened PCA codes (N, count) of the photographs at 64 px, the linear trace of their AUs regressed out.

    Fitted on the photos not held out.
    """
    data = _floats(images)
    codes = _Principal.of(data[~held_out], count=count)(data)
    own = np.concatenate([au[:, 0], np.ones((len(au), 1), np.float32)], axis=1)
    trace: Array = cast(Any, np.linalg).lstsq(own[~held_out], codes[~held_out], rcond=None)[0]
    return np.asarray(codes - own @ trace, np.float32)


class _Principal(NamedTuple):
    """Principal components of pictures: mean (D,), basis (count, D), and the spread (count,) along each."""

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    spread: NDArray[np.float32]

    @classmethod
    def of(cls, data: NDArray[np.float32], *, count: int) -> "_Principal":
        """Of (N, D) pictures."""
        mean = data.mean(axis=0)
        svd: Any = _optional.load("sklearn.utils.extmath").randomized_svd
        _, singular, basis = svd(data - mean, min(count, *data.shape), n_iter=4, random_state=0)
        singular = np.maximum(singular, 1e-6 * singular[0])  # fewer photos than codes: the last ones say nothing
        return cls(mean, basis, singular / np.float32(np.sqrt(len(data))))

    def __call__(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, D) -> (N, count), white on the pictures that this was found on."""
        return np.asarray((data - self.mean) @ self.basis.T / self.spread, np.float32)


def _floats(images: Image) -> NDArray[np.float32]:
    """(N, 64 * 64 * 3) in [-1, 1] of each photo's first variant."""
    small = np.stack([_shrink(image, 64).ravel() for image in images[:, 0]])
    return small.astype(np.float32) / 127.5 - 1
