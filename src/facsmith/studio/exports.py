"""What a visitor takes home: the picture, films, frames, tracks, the face's code. Films are written from one render."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from facsmith import image
from facsmith.errors import InputError
from facsmith.options import Progress
from facsmith.receipt.receipt import receipt_path
from facsmith.studio.rendered import Rendered
from facsmith.studio.session import StudioSession

__all__ = ["EXPORTS", "FILMS", "OTHERS", "export"]


class Kind(NamedTuple):
    """One kind of file that the studio makes.

    Parameters
    ----------
    label
        The text that people read.
    ending
        The file name's ending.
    """

    label: str
    ending: str


FILMS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "mp4": Kind("MP4 film", ".mp4"),
        "gif": Kind("GIF", ".gif"),
        "webp": Kind("WebP", ".webp"),
        "png": Kind("PNG frames", "_frames.zip"),
        "sheet": Kind("Contact sheet", "_sheet.png"),
        "page": Kind("Receipt PDF", "_receipt.pdf"),
        "receipt": Kind("Receipt JSON", "_receipt.json"),
    }
)
"""What is written from the render, in the order of the page."""
OTHERS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "openface": Kind("OpenFace CSV", "_openface.csv"),
        "livelink": Kind("Live Link CSV", "_livelink.csv"),
        "yaml": Kind("Timeline", "_timeline.yaml"),
        "latent": Kind("Face code", "_code.safetensors"),
        "picture": Kind("Picture", ".png"),
    }
)
EXPORTS: Final[Mapping[str, Kind]] = MappingProxyType({**FILMS, **OTHERS})


def export(session: StudioSession, kind: str, progress: Progress) -> list[Path]:
    """Write one of ``EXPORTS`` into the session's folder, named after photo and condition; a receipt follows its file.

    Raises
    ------
    InputError
        There is no such kind.
    """
    if kind not in EXPORTS:
        raise InputError(f"There is no export {kind!r}; choose {', '.join(EXPORTS)}.")
    condition = "" if kind == "latent" else f"_{session.condition}"  # the code is the photo's, whatever it shows
    name = f"{session.stem}{condition}{EXPORTS[kind].ending}"
    if kind in OTHERS:
        path = session.keep(name)
        _write_other(session, kind, path)
    else:
        rendered = session.render(progress)
        path = rendered.files.get(kind)
        if path is None or not path.exists():
            path = rendered.files[kind] = session.keep(name)
            _write_film(rendered, kind, path)
    return [path, *filter(Path.exists, [receipt_path(path)])]


def _write_film(rendered: Rendered, kind: str, path: Path) -> None:
    if kind == "png":
        _write_frames(rendered, path)
    elif kind == "sheet":
        image.write(path, rendered.film.contact_sheet(), metadata=rendered.film.metadata)
    elif kind == "page":
        rendered.film.save_page(path, receipt=rendered.receipt)
    elif kind == "receipt":
        rendered.receipt.write(path)
    else:
        rendered.write(path)
        rendered.receipt.write(receipt_path(path))


def _write_frames(rendered: Rendered, path: Path) -> None:
    """Numbered PNGs with their receipt, in one archive; PNGs are compressed already, so they are stored as they are."""
    folder = path.with_suffix("")
    rendered.write(folder)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"frames/{file.name}")
            file.unlink()
        archive.writestr("receipt.json", rendered.receipt.to_json())
    folder.rmdir()


def _write_other(session: StudioSession, kind: str, path: Path) -> None:
    subject = session.scene_or_raise().subject
    if kind == "openface":
        session.film().save_tracks(openface=path)
    elif kind == "livelink":
        session.film().save_tracks(livelink=path)
    elif kind == "yaml":
        session.timeline.to_yaml(path)
    elif kind == "latent":
        subject.latent.save(path)
    else:
        session.animator.edit(subject, session.pose.action_units, options=session.options.animate).save(path)
