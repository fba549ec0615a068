"""What a visitor takes home: the picture, films, frames, tracks, the face's code. Films are written from one render."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from facsmith import image
from facsmith.errors import InputError
from facsmith.film import provenance
from facsmith.options import Progress
from facsmith.receipt import Receipt
from facsmith.receipt.receipt import receipt_path
from facsmith.several_faces import composed, face_receipt_path
from facsmith.studio.rendered import Rendered
from facsmith.studio.session import StudioSession
from facsmith.subject import Subject

__all__ = ["EXPORTS", "FILMS", "OTHERS", "export"]

FILMS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "mp4": ("MP4 film", ".mp4"),
        "gif": ("GIF", ".gif"),
        "webp": ("WebP", ".webp"),
        "png": ("PNG frames", "_frames.zip"),
        "sheet": ("Contact sheet", "_sheet.png"),
        "page": ("Receipt PDF", "_receipt.pdf"),
        "receipt": ("Receipt JSON", "_receipt.json"),
    }
)
"""Kind -> text that people read, ending of the file's name: what is written from the render, in the page's order."""
OTHERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "openface": ("OpenFace CSV", "_openface.csv"),
        "livelink": ("Live Link CSV", "_livelink.csv"),
        "yaml": ("Timeline", "_timeline.yaml"),
        "latent": ("Face code", "_code.safetensors"),
        "picture": ("Picture", ".png"),
    }
)
EXPORTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({**FILMS, **OTHERS})


def export(session: StudioSession, kind: str, progress: Progress) -> list[Path]:
    """Write one of ``EXPORTS`` into the session's folder, named after photo and condition; receipts follow their file.

    Raises
    ------
    InputError
        There is no such kind.
    """
    if kind not in EXPORTS:
        raise InputError(f"There is no export {kind!r}; choose {', '.join(EXPORTS)}.")
    condition = "" if kind == "latent" else f"_{session.condition}"  # the code is the photo's, whatever it shows
    name = f"{session.stem}{condition}{EXPORTS[kind][1]}"
    if kind in OTHERS:
        path = session.keep(name)
        _write_other(session, kind, path, progress)
    else:
        rendered = session.render(progress)
        path = rendered.files.get(kind)
        if path is None or not path.exists():
            path = rendered.files[kind] = session.keep(name)
            _write_film(rendered, kind, path)
    return [path, *sorted(path.parent.glob(f"{path.name}.*json"))]


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
        _write_receipts(path, [film.subject for film in rendered.films], rendered.receipts)


def _write_receipts(path: Path, subjects: Sequence[Subject], receipts: Sequence[Receipt]) -> None:
    """Beside the file: one of a face alone, one of each of several."""
    for subject, receipt in zip(subjects, receipts, strict=True):
        receipt.write(receipt_path(path) if len(receipts) == 1 else face_receipt_path(path, subject.face_index))


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


def _write_other(session: StudioSession, kind: str, path: Path, progress: Progress) -> None:
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
        parts, options = session.parts(progress), session.options.animate
        shown = [session.animator.edit(of, moment.pose.action_units, options=options) for of, moment in parts]
        if len(shown) == 1:
            shown[0].save(path)
        else:
            whole = composed(subject.photo, [picture.image for picture in shown])
            image.write(path, whole, metadata=provenance(shown[0].model))
            _write_receipts(path, [of for of, _ in parts], [picture.receipt for picture in shown])
