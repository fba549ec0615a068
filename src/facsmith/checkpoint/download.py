"""Fetching published models into the cache: with progress, verified, whole or not at all."""

import os
import re
from pathlib import Path
from typing import Any

from facsmith._files import atomic_path, file_sha256
from facsmith.checkpoint._files import kind_of, map_file
from facsmith.checkpoint.registry import ModelEntry, find_entry
from facsmith.errors import CheckpointError, ModelUnavailableError

__all__ = ["cache_dir", "cached_path", "pull"]


def cache_dir() -> Path:
    """Where models are kept: the environment variable FACSMITH_CACHE, else the user's cache folder."""
    chosen = os.environ.get("FACSMITH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("facsmith", appauthor=False))


def cached_path(name: str) -> Path:
    """Where the file of this model lies, or would lie, in the cache."""
    return cache_dir() / find_entry(name).filename


def pull(name: str, *, progress: bool = True) -> Path:
    """Return the model's file, downloading it where the cache has none.

    A download is checked (size and sha256 where published, else its kind) before it appears under its name; a file put
    there by hand is checked in the same way.

    Raises
    ------
    CheckpointError
        No model of this name, or its file is not the published one.
    ModelUnavailableError
        It is not here and cannot be downloaded; says which file to put where.
    """
    entry = find_entry(name)
    path = cache_dir() / entry.filename
    if path.is_file():
        _verify(path, entry, f"{path}, in the cache, is not the published file; delete it and pull again")
        return path
    with atomic_path(path) as temporary:
        _download(entry, temporary, path, progress=progress)
        _verify(temporary, entry, f"What {entry.url} gave is not the published file, so it was not kept")
    return path


def _download(entry: ModelEntry, temporary: Path, path: Path, *, progress: bool) -> None:
    import pooch  # pyright: ignore[reportMissingTypeStubs]
    import requests

    fetch: Any = pooch.HTTPDownloader(progressbar=progress, timeout=30)
    try:
        fetch(_direct(entry.url), str(temporary), None)
    except requests.RequestException as error:
        if error.response is not None:
            reason = f"its server answered {error.response.status_code}"
        else:
            reason = "no answer in time" if isinstance(error, requests.Timeout) else "no connection"
        raise ModelUnavailableError(
            f"{entry.name} is not on this machine and could not be downloaded ({reason}). Get {entry.url} on a machine "
            f"with a connection and put it here as {path}, or set FACSMITH_CACHE to the folder that has it."
        ) from error


def _direct(url: str) -> str:
    """Google Drive asks for a click before large files; this is the address behind the click."""
    found = re.fullmatch(r"https://drive\.google\.com/uc\?id=([\w-]+)", url)
    return f"https://drive.usercontent.google.com/download?id={found[1]}&export=download&confirm=t" if found else url


def _verify(path: Path, entry: ModelEntry, complaint: str) -> None:
    size = path.stat().st_size
    if entry.size is not None and size != entry.size:
        raise CheckpointError(f"{complaint}: it has {size:,} bytes instead of {entry.size:,}.")
    if entry.sha256 is None:
        try:
            kind_of(map_file(path), path)
        except CheckpointError as error:
            raise CheckpointError(f"{complaint}: {error}") from error
        return
    found = file_sha256(path)
    if found != entry.sha256:
        raise CheckpointError(f"{complaint}: its sha256 is {found} instead of {entry.sha256}.")
