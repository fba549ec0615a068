"""Photos that another data set knows already: with its codes and its held-out people, a generator trained there can go
on here. Codes are principal components, and those of no two data sets are the same axes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from facsmith.lab.train.dataset import known_people
from facsmith.lab.train.photos import Photo

__all__ = ["known_in"]


def known_in(
    dataset: str | Path, photos: Iterable[Photo], *, progress: Callable[[str], None] = lambda _: None
) -> Iterator[Photo]:
    """The photos that a data set has, by name, with their codes and whether they were held out; in the given order.
    Soft ones that it lacks follow as they are: they join it.

    Parameters
    ----------
    progress
        Told of photos that the data set lacks.

    Raises
    ------
    InputError
        No such data set.
    """
    names, codes, held_out = known_people(dataset)
    row = {str(name): index for index, name in enumerate(names)}
    for photo in photos:
        if photo.name in row:
            at = row[photo.name]
            yield replace(photo, codes=codes[at], held_out=bool(held_out[at]))
        elif photo.soft:
            yield photo
        else:
            progress(f"skipped {photo.name}: {dataset} has no photo of this name")
