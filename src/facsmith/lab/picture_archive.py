"""Pictures by name, out of a folder or a tar archive; nothing is unpacked to disk."""

import os
import tarfile
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith import image
from facsmith.errors import InputError

__all__ = ["PictureArchive"]

_MAX_BYTES: Final = 64 << 20  # of one picture's file


class PictureArchive:
    """A folder or a tar archive of pictures.

    >>> with PictureArchive("faces.tar") as pictures:  # doctest: +SKIP
    ...     pictures.read("a.png").shape
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._tar: tarfile.TarFile | None = None
        self._members: dict[str, tarfile.TarInfo] = {}
        if self._path.is_dir():
            return
        try:
            self._tar = tarfile.open(self._path)  # noqa: SIM115 - open as long as this object
            self._members = {member.name.removeprefix("./"): member for member in self._tar if member.isfile()}
        except (tarfile.TarError, OSError, EOFError) as error:
            raise InputError(f"{path} is neither a folder nor a readable .tar ({error}); give one.") from error

    def __enter__(self) -> "PictureArchive":
        return self

    def __exit__(self, *_: object) -> None:
        if self._tar is not None:
            self._tar.close()

    def read(self, name: str) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of one picture.

        Raises
        ------
        InputError
            There is no such picture here, or it is larger than 64 MB. PhotoError: it cannot be read as one.
        """
        if self._tar is None:
            path = self._path / name
            if not path.resolve().is_relative_to(self._path.resolve()) or not path.is_file():
                raise InputError(f"{self._path} has no picture {name[:80]!r}.")
            return image.read(path)
        member = self._members.get(name)
        if member is None or member.size > _MAX_BYTES:
            raise InputError(f"{self._path} has no picture {name[:80]!r} of at most {_MAX_BYTES >> 20} MB.")
        file = self._tar.extractfile(member)
        assert file is not None
        with file:
            return image.decode(file.read(), name=name)
