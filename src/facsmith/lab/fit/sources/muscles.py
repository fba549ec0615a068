"""Any photos, moved by linear muscles (`face.muscles`): AU-labelled faces at any intensity, several of each person."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from facsmith import face, image
from facsmith._types import Array, Image
from facsmith.errors import InputError, PhotoError
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import AUS, DISFA, columns
from facsmith.framing import FACSMITH, Framing
from facsmith.lab.fit.sources.types import MANY, SOME, Item, Portion, everything, portions, readable
from facsmith.lab.train.dataset import check_framing

__all__ = ["MuscleOptions", "MuscleSource"]


_SIDE: Final = 256  # of the crop that is moved


@dataclass(frozen=True)
class MuscleOptions:
    """How photos are moved by muscles.

    Parameters
    ----------
    variants
        Pictures per photo, the first at rest.
    provider
        Library that finds landmarks.
    framing
        The generator's framing.
    """

    variants: int = 8
    provider: str = "auto"
    seed: int = 0
    framing: Framing = FACSMITH

    def __post_init__(self) -> None:
        if self.variants < 2:
            raise InputError(f"{self.variants} variants of a photo; give 2 or more: one at rest and one that is not.")


class MuscleSource:
    """A source (`lab.fit.sources`): a folder of photos, or a data set of `facsmith train data`."""

    notes: tuple[str, ...] = ()

    def __init__(self, folder: str | Path, options: MuscleOptions | None = None) -> None:
        self._options = options or MuscleOptions()
        self._root = root = Path(folder)
        self._dataset: tuple[Image, Array] | None = None
        self._photos: list[Path] = []
        if (root / "images.npy").is_file():
            check_framing(root, self._options.framing)
            self._dataset = _dataset(root)
        elif root.is_dir():
            self._photos = sorted(path for path in root.iterdir() if path.suffix.lower() in image.PHOTO_SUFFIXES)
        if self._dataset is None and not self._photos:
            raise InputError(f"{folder} holds neither photos nor a data set of `facsmith train data`; give a folder.")

    def __len__(self) -> int:
        if self._dataset is not None:
            return self._dataset[0].shape[0] * self._dataset[0].shape[1]
        return len(self._photos) * self._options.variants

    def portions(self) -> Iterator[Portion]:
        """See `Source.portions`."""
        if self._dataset is not None:
            yield from portions(len(self), MANY, (self._root / "images.npy", self._root / "au.npy"))
            return
        variants = self._options.variants
        for photos in portions(len(self._photos), max(1, SOME // variants)):
            files = readable(self._photos[photos.start : photos.stop])
            yield Portion(photos.start * variants, photos.stop * variants, files)

    def items(self, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """See `Source.items`."""
        end = len(self) if stop is None else stop
        if self._dataset is not None:
            images, au = self._dataset
            for index in range(start, end):
                person, variant = divmod(index, images.shape[1])
                picture = np.ascontiguousarray(images[person, variant])
                name = f"face {person} variant {variant}"
                yield Item(index, au[person, variant], f"{person:06d}", image=picture, aligned=True, name=name)
            return
        variants = self._options.variants
        for number in range(start // variants, -(-end // variants)):
            photo, first = self._photos[number].name, number * variants
            made = first
            for made, (au, picture) in enumerate(self._moved(number), first + 1):
                if start < made <= end:
                    yield Item(made - 1, au, photo, image=picture, aligned=True, name=photo)
            if made == first and start <= first:
                yield Item(first, np.zeros(len(DISFA)), photo, name=photo)

    def selection(self) -> Callable[[Array], bool]:
        """See `Source.selection`."""
        return everything

    def _moved(self, number: int) -> Iterator[tuple[Array, Image]]:
        try:
            photo = image.read(self._photos[number])
            found = face.choose(face.find(photo, provider=self._options.provider)).face
        except PhotoError:
            return  # no picture, or no usable face in it
        transform = face.crop_transform(found.landmarks, _SIDE, self._options.framing)
        crop, points = transform.crop(photo), transform.to_crop(found.landmarks)
        own = face.own_expression(points)
        muscles = MuscleWarp(points, crop.shape, seed=number)
        random = np.random.default_rng([self._options.seed, number])
        for variant in range(self._options.variants):
            wanted = np.zeros(len(DISFA)) if variant == 0 else _expression(random)
            yield wanted, muscles(crop, wanted - own)


def _expression(random: np.random.Generator) -> Array:
    """(12,): one to three AUs, anywhere from faint to full."""
    e = np.zeros(len(DISFA))
    some = random.choice(len(DISFA), size=random.integers(1, 4), replace=False)
    e[some] = random.uniform(0.2, 1.0, size=len(some))
    return e


def _dataset(root: Path) -> tuple[Image, Array]:
    try:
        images = np.load(root / "images.npy", mmap_mode="r", allow_pickle=False)
        au = np.load(root / "au.npy", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{root} is a damaged data set ({error}); make it again: facsmith train data.") from error
    if (
        images.ndim != 5
        or images.dtype != np.uint8
        or au.shape not in [(*images.shape[:2], count) for count in (len(DISFA), len(AUS))]
    ):
        raise InputError(f"{root} holds images {images.shape} and AUs {au.shape}, which do not fit together.")
    return images, np.clip(au if au.shape[-1] == len(DISFA) else columns(au), 0.0, 1.0).astype(np.float64)
