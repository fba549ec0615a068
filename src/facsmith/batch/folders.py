"""The files of a folder as units: each gives one result of its own name."""

from collections.abc import Iterator, Sequence

from facsmith.batch.manifest import RESERVED
from facsmith.batch.places import Place, absolute, check_name
from facsmith.batch.units import Plain, Refusal, Unit
from facsmith.errors import InputError

__all__ = ["is_folder", "read_folder"]


def is_folder(url: str) -> bool:
    """Whether it is one, on this machine or behind a URL."""
    place = Place(url)
    return place.fs.isdir(place.root)


def read_folder(
    url: str, suffixes: Sequence[str], ending: str, settings: Plain, *, also: Sequence[str] = ()
) -> Iterator[Unit | Refusal]:
    """Yield a unit for every file below a folder, in the order of names.

    Parameters
    ----------
    suffixes
        Endings of the files that count, in lower case.
    ending
        Replaces a file's own ending in its result's name.
    settings
        Settings of all units.
    also
        Further inputs of all units.

    Raises
    ------
    InputError
        There is no such folder, or nothing in it.
    """
    place = Place(url)
    number = 0
    for name in _names(place):
        if not name.lower().endswith(tuple(suffixes)):
            continue
        number += 1
        source = absolute(place.at(name)) if place.is_local else place.fs.unstrip_protocol(place.at(name))
        try:
            output = check_name(f"{name.rpartition('.')[0]}{ending}", reserved=RESERVED)
            yield Unit(number, (source, *map(absolute, also)), dict(settings), output)
        except InputError as error:
            yield Refusal(number, str(error), name)
    if not number:
        raise InputError(f"Nothing that ends in {', '.join(suffixes)} lies in {url}. Check the path.")


def _names(place: Place) -> Iterator[str]:
    """Names of all files below, folder by folder; hidden folders are passed over."""
    for folder, folders, files in place.fs.walk(place.root, detail=True):
        shown = {name: folders[name] for name in sorted(folders) if not name.startswith(".")}
        folders.clear()
        folders.update(shown)
        inner = str(folder)[len(place.root.rstrip("/")) :].strip("/")
        for name in sorted(files):
            yield f"{inner}/{name}" if inner else name
