"""Where a batch reads and writes: local folders, or any fsspec URL (``s3://``, ``gs://``, ``memory://``, ...).

A file appears under its name whole or not at all. On this machine it is renamed into place; an object store's put is
whole by nature; any other file system gets a temporary name first.
"""

import errno
import functools
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, cast

from facsmith.errors import InputError, OutputError

__all__ = [
    "FOLDER",
    "Fetched",
    "Place",
    "absolute",
    "check_name",
    "fetch",
    "is_full",
    "local_path",
    "parent_of",
    "stamp",
]

_WHOLE: Final = frozenset({"memory", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "oss", "r2"})
"""Protocols whose put shows a file whole or not at all."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_STAMPS: Final = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")
_CHUNK: Final = 1 << 20
FOLDER: Final = ".facsmith"
"""Where a batch keeps its books, within the folder of its results."""
_SCRATCH: Final = f"{FOLDER}/scratch"
_PARTS: Final = f"{FOLDER}/parts"
MAX_INPUT_BYTES: Final = 64 << 30
"""Largest file fetched from elsewhere; hours of video are tens of gigabytes."""


@dataclass(frozen=True)
class Place:
    """A folder, here or elsewhere.

    Parameters
    ----------
    url
        A local path, kept absolute, or a URL that fsspec knows.
    """

    url: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", absolute(self.url))
        _open(self.url)

    @property
    def fs(self) -> Any:
        """The fsspec file system."""
        return _open(self.url)[0]

    @property
    def root(self) -> str:
        """The folder's path on its file system."""
        return _open(self.url)[1]

    @property
    def is_local(self) -> bool:
        """Whether it lies in this machine's file system."""
        return _is_local(self.fs)

    @property
    def is_private(self) -> bool:
        """Whether no other process sees it: memory://."""
        return "memory" in _protocols(self.fs)

    def at(self, name: str) -> str:
        """The path of a name in it, on its file system."""
        return f"{self.root.rstrip('/')}/{name}"

    def size(self, name: str) -> int | None:
        """Bytes of a file; 0 of a folder; None where there is none."""
        try:
            if self.is_local:
                path = Path(self.at(name))
                return 0 if path.is_dir() else path.stat().st_size
            info: dict[str, Any] = self.fs.info(self.at(name))
            return 0 if info.get("type") == "directory" else int(info.get("size") or 0)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder of it, sorted; none where there is no such folder."""
        try:
            found: list[dict[str, Any]] = self.fs.ls(self.at(folder), detail=True, refresh=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except TypeError:  # a file system whose ls knows no refresh
            found: list[dict[str, Any]] = self.fs.ls(self.at(folder), detail=True)
        return sorted(PurePosixPath(str(entry["name"])).name for entry in found if entry.get("type") == "file")

    def read(self, name: str) -> bytes:
        """A small file of our own."""
        return cast(bytes, self.fs.cat_file(self.at(name)))

    def write(self, name: str, data: bytes) -> None:
        """A small file of our own, whole or not at all."""
        with _writing(self, name):
            if self.is_local:
                target = self._inside(name)
                with self.scratch() as folder:
                    (folder / "part").write_bytes(data)
                    os.replace(folder / "part", target)
            elif _protocols(self.fs) & _WHOLE:
                self.fs.pipe_file(self.at(name), data)
            else:
                self._through_temporary(name, partial(_pipe, self.fs, data))

    def publish(self, source: Path, name: str) -> None:
        """Move a finished local file or folder of frames under its name.

        On this machine ``source`` lies on the same file system (see `scratch`), so that it is renamed.
        """
        with _writing(self, name):
            if self.is_local:
                self._rename(source, self._inside(name))
            elif source.is_dir():
                for file in sorted(source.iterdir()):
                    self.publish(file, f"{name}/{file.name}")
            elif _protocols(self.fs) & _WHOLE:
                self.fs.put_file(str(source), self.at(name))
            else:
                self._through_temporary(name, partial(self.fs.put_file, str(source)))

    def remove(self, name: str) -> None:
        """A file of our own; nothing happens where it is gone already."""
        with suppress(OSError):
            self.fs.rm_file(self.at(name))

    def remove_all(self, names: list[str]) -> None:
        """Many files of our own: of an object store by the thousand, where one by one would hold everything up."""
        if not self.is_local and len(names) > 1:
            with suppress(Exception):  # of a file that is gone, or a store without it: one by one, then
                self.fs.rm([self.at(name) for name in names])
                return
        for name in names:
            self.remove(name)

    @contextmanager
    def scratch(self) -> Generator[Path]:
        """A new local folder for work under way, removed at the end: on the same disk where this place is local, else
        among the machine's temporary files."""
        base = Path(self.at(_SCRATCH)) if self.is_local else None
        with _writing(self, _SCRATCH):
            if base is not None:
                base.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix="facsmith-", dir=base))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def parts(self, address: str) -> str:
        """A local folder for one unit's work under way that outlives its process; "" where this place is not local."""
        return self.at(f"{_PARTS}/{address}") if self.is_local else ""

    def remove_parts(self, address: str = "") -> None:
        """One unit's work under way is of no use any more; by default, nothing is under way at all."""
        if self.is_local:
            shutil.rmtree(self.parts(address), ignore_errors=True)

    def sweep(self) -> None:
        """Remove what killed processes left of work under way."""
        if self.is_local:
            shutil.rmtree(self.at(_SCRATCH), ignore_errors=True)

    def _inside(self, name: str) -> Path:
        """Its local path, the folders above it made; refuses to follow a link out of this place."""
        target = Path(self.at(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(Path(self.root).resolve()):
            raise OutputError(f"{name} would lie outside {self.url}: a link there leads elsewhere. Remove the link.")
        return target

    def _rename(self, source: Path, target: Path) -> None:
        if source.is_dir():
            if target.exists():
                if any(not entry.name.startswith("frame_") for entry in target.iterdir()):
                    raise OutputError(f"{target} holds other files than frames. Name another output.")
                shutil.rmtree(target)
            os.replace(source, target)
            return
        with source.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(source, target)

    def _through_temporary(self, name: str, put: Callable[[str], object]) -> None:
        folder, _, last = name.rpartition("/")
        temporary = self.at(f"{folder}/.{last}-{uuid.uuid4().hex}.part".lstrip("/"))
        self.fs.makedirs(temporary.rpartition("/")[0], exist_ok=True)
        try:
            put(temporary)
            self.fs.mv(temporary, self.at(name))
        except BaseException:
            with suppress(Exception):
                self.fs.rm_file(temporary)
            raise


@dataclass(frozen=True)
class Fetched:
    """An input that is at hand as a local file.

    Parameters
    ----------
    path
        Where it lies on this machine.
    sha256
        Hash of its bytes.
    stamp
        What changes when the file does, see the function `stamp`.
    """

    path: Path
    sha256: str
    stamp: str


def absolute(url: str) -> str:
    """The same file or folder from wherever it is asked for: a local path from the root, a URL as it is."""
    return url if "://" in url or not url.strip() else os.path.abspath(os.path.expanduser(url))


def local_path(url: str) -> str | None:
    """Where a file lies on this machine, links followed; None of one that lies elsewhere, or whose URL is none."""
    try:
        fs, path = _open(url)
    except InputError:
        return None
    return os.path.realpath(path) if _is_local(fs) else None


def stamp(url: str) -> str | None:
    """What changes when a file does, without reading it: its size, and its ETag or time. None: there is no such file.

    Raises
    ------
    InputError
        It may not be read, or its kind of URL is unknown.
    """
    fs, path = _open(url)
    try:
        if _is_local(fs):
            status = os.stat(path)
            return f"{status.st_size} {status.st_mtime_ns}"
        info: dict[str, Any] = fs.info(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise InputError(f"{url} may not be read ({error}). Check who may read it.") from error
    return f"{info.get('size')} {next((info[key] for key in _STAMPS if info.get(key) is not None), '')}"


def fetch(url: str, folder: Path) -> Fetched:
    """An input, hashed: where it lies on this machine, or as a copy in ``folder`` under its own name.

    Raises
    ------
    InputError
        No such file, a folder, or too large.
    """
    before = stamp(url)
    if before is None:
        raise InputError(f"There is no file {url}. Check the path.")
    fs, path = _open(url)
    try:
        if _is_local(fs):
            with open(path, "rb") as file:
                return Fetched(Path(path), hashlib.file_digest(file, "sha256").hexdigest(), before)
        return _download(fs, path, url, folder, before)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{url} could not be read ({error.strerror or error}). Give a file.") from error


def check_name(name: str, *, reserved: tuple[str, ...] = ()) -> str:
    """A result's name within its folder, normalised: ``a//./b.mp4`` is ``a/b.mp4``, a final slash is left out.

    Parameters
    ----------
    reserved
        First parts, in lower case, that are taken.

    Raises
    ------
    InputError
        It is empty, absolute, leads out of the folder, or is no name every file system takes.
    """
    given = name.strip()
    parts = [part for part in given.split("/") if part not in ("", ".")]
    if not parts:
        raise InputError("No output was given; name one, as in her-happy.mp4.")
    if given.startswith(("/", "~")) or "://" in given or "\\" in given or ".." in parts or given[1:2] == ":":
        raise InputError(f"The output {given[:80]!r} leads out of the output folder; give a name within it.")
    if any(len(part.encode()) > 200 or part != part.strip() or not part.isprintable() for part in parts):
        raise InputError(f"The output {given[:80]!r} has a part longer than 200 bytes, or odd characters; shorten it.")
    if parts[0].casefold() in reserved:
        raise InputError(f"The output {given[:80]!r}: the batch keeps {parts[0]} for itself; choose another name.")
    return "/".join(parts)


def parent_of(url: str) -> str:
    """The folder that a path or URL lies in, to which names in a manifest are relative."""
    folder, slash, _ = url.rpartition("/")
    return folder if slash else "."


def is_full(error: BaseException) -> bool:
    """Whether a disk or a quota was full, anywhere in the chain of causes."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


def _download(fs: Any, path: str, url: str, folder: Path, before: str) -> Fetched:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / PurePosixPath(path).name
    digest, size = hashlib.sha256(), 0
    with fs.open(path, "rb") as source, target.open("wb") as copy:
        while chunk := cast(bytes, source.read(_CHUNK)):
            size += len(chunk)
            if size > MAX_INPUT_BYTES:
                raise InputError(f"{url} is larger than {MAX_INPUT_BYTES >> 30} GiB. Cut it into parts.")
            digest.update(chunk)
            copy.write(chunk)
    return Fetched(target, digest.hexdigest(), before)


@functools.lru_cache(maxsize=1024)
def _open(url: str) -> tuple[Any, str]:
    """The file system, which fsspec keeps one of, and the path on it."""
    from fsspec.core import url_to_fs  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]
    from fsspec.implementations.local import LocalFileSystem  # pyright: ignore[reportMissingTypeStubs]

    if not url.strip() or ("::" in url and "://" in url) or "\x00" in url:
        raise InputError(f"{url[:80]!r} is neither a path nor a URL. Give one, as in out/ or s3://bucket/out.")
    if "://" not in url:
        return LocalFileSystem(), absolute(url)
    try:
        fs, path = cast("tuple[Any, str]", cast(Any, url_to_fs)(absolute(url)))
    except ImportError as error:
        raise InputError(f"{url} needs another package: {error}.") from error
    except ValueError as error:
        raise InputError(f"{url} cannot be opened: {error}. Give a path, or a URL that fsspec knows.") from error
    return fs, path


def _pipe(fs: Any, data: bytes, path: str) -> None:
    fs.pipe_file(path, data)


def _protocols(fs: Any) -> frozenset[str]:
    protocol = fs.protocol
    return frozenset((protocol,) if isinstance(protocol, str) else cast("tuple[str, ...]", protocol))


def _is_local(fs: Any) -> bool:
    return "file" in _protocols(fs)


@contextmanager
def _writing(place: Place, name: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"Could not write {name} into {place.url}: {error.strerror or error}. Choose a place you can write to, "
            "with free space."
        ) from error
