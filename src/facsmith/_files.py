"""Atomic writing: a result appears whole under its name, or not at all."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from facsmith.errors import OutputError

LEAST_FREE = 16 << 20
"""Bytes of a disk below which no work is begun."""


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Generator[Path]:
    """Yield a temporary path beside ``path`` (same suffix) that replaces it when the block succeeds.

    Raises
    ------
    OutputError
        The folder cannot be made or written, or the disk is full. The temporary file is removed on any failure.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(
            f"Could not write {target}: {error.strerror or error}. Choose a folder you can write to, with free space."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def file_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(folder: Path) -> None:
    """Try, by a file that is gone at once, whether a folder that exists can be written and its disk has room.

    Raises
    ------
    OutputError
        It cannot, or less than ``LEAST_FREE`` bytes are free.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
            probe.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise OutputError(
            f"Could not write in {folder}: {error.strerror or error}. Choose a folder you can write to, with space."
        ) from error
    if free < LEAST_FREE:
        raise OutputError(
            f"The disk of {folder} has {free / 1e6:.0f} MB free, too little for a result. Free some, or choose another."
        )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
