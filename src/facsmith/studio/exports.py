"""What a visitor takes home: films, frames, tracks, the face's latent."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from facsmith.errors import InputError
from facsmith.options import Progress
from facsmith.receipt.receipt import receipt_path
from facsmith.studio.session import StudioSession

__all__ = ["EXPORTS", "export"]

Exporter = Callable[[StudioSession, Path, Progress], None]


class Kind(NamedTuple):
    """label: what people read. file: its name. write: who writes it."""

    label: str
    file: str
    write: Exporter


def export(session: StudioSession, kind: str, progress: Progress) -> Path:
    """Write one of ``EXPORTS`` into the session's folder; the file's name is ours, the folder is new.

    Raises:
        InputError: another kind.
    """
    if kind not in EXPORTS:
        raise InputError(f"There is no export {kind!r}; choose {', '.join(EXPORTS)}.")
    path = session.place(EXPORTS[kind].file)
    EXPORTS[kind].write(session, path, progress)
    return path


def _film(session: StudioSession, path: Path, progress: Progress) -> None:
    session.film().save(path, progress=progress)


def _frames(session: StudioSession, path: Path, progress: Progress) -> None:
    """Numbered PNGs with their receipt, in one archive; PNGs are compressed already, so they are stored as they are."""
    folder = path.with_suffix("")
    session.film().save(f"{folder}/", progress=progress)
    receipt = receipt_path(folder)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"frames/{file.name}")
            file.unlink()
        archive.write(receipt, "receipt.json")
    folder.rmdir()
    receipt.unlink()


def _sheet(session: StudioSession, path: Path, progress: Progress) -> None:
    film = session.film()
    for _ in film.frames(progress):
        pass
    from facsmith import image

    image.write(path, film.contact_sheet())


def _receipt(session: StudioSession, path: Path, progress: Progress) -> None:
    film = session.film()
    for _ in film.frames(progress):
        pass
    film.receipt.write(path)


def _page(session: StudioSession, path: Path, progress: Progress) -> None:
    film = session.film()
    for _ in film.frames(progress):
        pass
    film.save_page(path)


def _latent(session: StudioSession, path: Path, progress: Progress) -> None:
    session.scene_or_raise().subject.latent.save(path)


def _openface(session: StudioSession, path: Path, progress: Progress) -> None:
    session.film().save_tracks(openface=path)


def _livelink(session: StudioSession, path: Path, progress: Progress) -> None:
    session.film().save_tracks(livelink=path)


def _yaml(session: StudioSession, path: Path, progress: Progress) -> None:
    session.timeline.to_yaml(path)


EXPORTS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "mp4": Kind("MP4 film", "film.mp4", _film),
        "gif": Kind("GIF", "film.gif", _film),
        "webp": Kind("WebP", "film.webp", _film),
        "png": Kind("PNG sequence", "frames.zip", _frames),
        "sheet": Kind("Contact sheet", "contact-sheet.png", _sheet),
        "page": Kind("Receipt PDF", "receipt.pdf", _page),
        "receipt": Kind("Receipt JSON", "receipt.json", _receipt),
        "openface": Kind("OpenFace CSV", "openface.csv", _openface),
        "livelink": Kind("Live Link CSV", "livelink.csv", _livelink),
        "yaml": Kind("Timeline YAML", "timeline.yaml", _yaml),
        "latent": Kind("Latent", "face.safetensors", _latent),
    }
)
"""In the order of the page."""
