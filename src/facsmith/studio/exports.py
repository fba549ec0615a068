"""What a visitor takes home: the picture, films, frames, tracks, the face's code. Films are written from one render."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from facsmith import image
from facsmith.compose.several import composed
from facsmith.errors import InputError
from facsmith.options import Progress
from facsmith.receipt import Receipt
from facsmith.receipt.receipt import face_receipt_path, receipt_path
from facsmith.studio.rendered import Rendered
from facsmith.studio.session import StudioSession
from facsmith.subject import Subject
from facsmith.synthetic import provenance

__all__ = ["EXPORTS", "FILMS", "OTHERS", "export"]

FILMS: Final = {
    "mp4": ("MP4 film", ".mp4"),
    "gif": ("GIF", ".gif"),
    "webp": ("WebP", ".webp"),
    "png": ("PNG frames", "_frames.zip"),
    "sheet": ("Contact sheet", "_sheet.png"),
    "page": ("Receipt PDF", "_receipt.pdf"),
    "receipt": ("Receipt JSON", "_receipt.json"),
}
"""Kind -> text that people read, ending of the file's name: what is written from the render, in the page's order."""
OTHERS: Final = {
    "openface": ("OpenFace CSV", "_openface.csv"),
    "livelink": ("Live Link CSV", "_livelink.csv"),
    "yaml": ("Timeline", "_timeline.yaml"),
    "latent": ("Face code", "_code.safetensors"),
    "picture": ("Picture", ".png"),
}
EXPORTS: Final = {**FILMS, **OTHERS}


def export(session: StudioSession, kind: str, progress: Progress) -> list[Path]:
    """Write one of ``EXPORTS`` into the session's folder, named after photo and condition; receipts follow their file.

    Of faces that move together, each has its own receipt, page and contact sheet: ``two_receipt.face1.pdf``.

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
        return _written(path)
    rendered = session.render(progress)
    path = rendered.files.get(kind)
    if path is None or not path.parent.exists():
        path = session.keep(name)
        _write_film(rendered, kind, path)
        rendered.files[kind] = path
    return _written(path)


def _written(path: Path) -> list[Path]:
    """What lies in an export's own folder: the file, if it is one, then receipts or each face's files."""
    return sorted(path.parent.iterdir(), key=lambda file: (file != path, file.name))


def _write_film(rendered: Rendered, kind: str, path: Path) -> None:
    if kind == "png":
        _write_frames(rendered, path)
    elif kind in ("sheet", "page", "receipt"):
        alone = len(rendered.films) == 1
        for film, receipt in zip(rendered.films, rendered.receipts, strict=True):
            own = path if alone else path.with_stem(f"{path.stem}.face{film.subject.face_index}")
            if kind == "sheet":
                image.write(own, film.contact_sheet(), metadata=film.metadata)
            elif kind == "page":
                film.save_page(own, receipt=receipt)
            else:
                receipt.write(own)
    else:
        rendered.write(path)
        _write_receipts(path, [film.subject for film in rendered.films], rendered.receipts)


def _write_receipts(path: Path, subjects: Sequence[Subject], receipts: Sequence[Receipt]) -> None:
    """Beside the file: one of a face alone, one of each of several."""
    for subject, receipt in zip(subjects, receipts, strict=True):
        receipt.write(receipt_path(path) if len(receipts) == 1 else face_receipt_path(path, subject.face_index))


def _write_frames(rendered: Rendered, path: Path) -> None:
    """Numbered PNGs and receipts in one archive; PNGs are compressed already, so they are stored as they are."""
    folder = path.with_suffix("")
    rendered.write(folder)
    _write_receipts(Path(folder, "receipt"), [film.subject for film in rendered.films], rendered.receipts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name if file.suffix == ".json" else f"frames/{file.name}")
            file.unlink()
    folder.rmdir()


def _write_other(session: StudioSession, kind: str, path: Path, progress: Progress) -> None:
    subject = session.scene_or_raise().subject
    if kind in ("openface", "livelink"):
        session.film().save_tracks(**{kind: path})
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
