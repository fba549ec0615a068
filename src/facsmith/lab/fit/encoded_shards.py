"""From labelled faces to labelled codes, a portion of a source at a time: what `facsmith boundaries fit` keeps on disk.

A portion's file is safetensors: ``ws`` (N, num_ws, w_dim), or (N, 1, w_dim) where all layers have the same code; ``au``
(N, 12); ``people`` (N,), numbers of the names in the metadata. It may hold no face at all.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import cv2
import numpy as np
import numpy.typing as npt

from facsmith import face as face_module
from facsmith._arrays import read_tensors, write_tensors
from facsmith._files import file_sha256
from facsmith._json import parse_json
from facsmith._types import Array, Codes, Image
from facsmith.errors import BoundaryError
from facsmith.facs import DISFA
from facsmith.framing import Framing, framing_of
from facsmith.lab.fit.folder import LabelledCodes
from facsmith.lab.fit.own_faces import usable_face
from facsmith.lab.fit.sources import Item, Portion, Source

if TYPE_CHECKING:
    from facsmith.generator import Generator
    from facsmith.lab.fit.encoding import Encode

__all__ = ["encode_portion", "read_portions", "source_name"]


_BATCH: Final = 16
_NAMED: Final = 10
_MAX_BYTES: Final = 1 << 30


def encode_portion(
    path: str | Path,
    source: Source,
    portion: Portion,
    generator: "Generator",
    encode: "Encode | None",
    *,
    provider: str = "auto",
) -> list[str]:
    """Encode what the source has at these places, into a file. Returns what to say of pictures that were of no use.

    Parameters
    ----------
    encode
        Makes codes of pictures, for sources without latents.
    provider
        Library that finds the landmarks by which faces are cut out.

    Raises
    ------
    InputError
        The source's file cannot be read.
    BoundaryError
        It holds pictures and there is no encoder.
    """
    taken: list[tuple[Array, str]] = []
    codes: list[Codes] = []
    missing: list[str] = []
    batch: list[tuple[Codes | None, Image | None]] = []
    for item in source.items(portion.start, portion.stop):
        crop = _crop(item, generator.resolution, provider, framing_of(generator))
        if item.latent is None and crop is None:
            missing.append(item.name or f"place {item.index}")
            continue
        taken.append((item.au, item.person))
        batch.append((item.latent, crop))
        if len(batch) == _BATCH:
            codes.append(_codes(batch, generator, encode))
            batch = []
    codes.append(_codes(batch, generator, encode))
    _write(Path(path), taken, np.concatenate(codes))
    if not missing:
        return []
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return [f"No usable face in {', '.join(missing[:_NAMED])}{more}."]


def read_portions(paths: Iterable[str | Path], source: Source, num_ws: int) -> LabelledCodes:
    """What the source selects of portions' files, given in order. People are counted as they come.

    Raises
    ------
    BoundaryError
        A file is damaged, or nothing is left.
    """
    numbers: dict[str, int] = {}
    found: list[tuple[Codes, npt.NDArray[np.float32], npt.NDArray[np.int64]]] = []
    wanted = source.selection()
    for path in paths:
        part, metadata = read_tensors(path, max_bytes=_MAX_BYTES, error=BoundaryError)
        names = _names(metadata, path)
        if set(part) != {"ws", "au", "people"} or part["au"].shape != (len(part["ws"]), len(DISFA)):
            raise BoundaryError(f"{path} holds no labelled codes; remove it and fit again.")
        rows = [row for row, au in enumerate(part["au"].astype(np.float64)) if wanted(au)]
        people = np.array([numbers.setdefault(names[int(k)], len(numbers)) for k in part["people"][rows]], np.int64)
        found.append((part["ws"][rows], part["au"][rows], people))
    if not any(len(people) for *_, people in found):
        raise BoundaryError("No face of this source could be used; check that its pictures show faces.")
    ws = [np.broadcast_to(codes, (len(codes), num_ws, codes.shape[2])) for codes, *_ in found if len(codes)]
    return LabelledCodes(
        np.concatenate(ws), np.concatenate([au for _, au, _ in found]), np.concatenate([who for *_, who in found])
    )


def source_name(text: str) -> str:
    """A source as it is told apart from others: its text, and a hash of what it says where that is a file."""
    path = Path(text.partition(":")[2])
    if path.is_file():
        return f"{text} ({file_sha256(path)[:12]})"
    return text


def _write(path: Path, items: list[tuple[Array, str]], ws: Codes) -> None:
    people = list(dict.fromkeys(person for _, person in items))
    if (ws == ws[:, :1]).all():
        ws = ws[:, :1]
    au = np.array([au for au, _ in items], np.float32).reshape(-1, len(DISFA))
    who = np.array([people.index(person) for _, person in items], np.int64)
    write_tensors(path, {"ws": ws, "au": au, "people": who}, {"people": json.dumps(people)})


def _names(metadata: dict[str, str], path: str | Path) -> list[str]:
    try:
        names: Any = parse_json(metadata["people"])
        return [str(name) for name in names]
    except (KeyError, ValueError, TypeError) as error:
        raise BoundaryError(f"{path} does not say whose faces it holds; remove it and fit again.") from error


def _crop(item: Item, resolution: int, provider: str, framing: Framing) -> Image | None:
    if item.image is None:
        return None
    if item.aligned:
        return np.asarray(cv2.resize(item.image, (resolution, resolution), interpolation=cv2.INTER_AREA), np.uint8)
    found = usable_face(item.image, provider=provider)
    if found is None:
        return None
    return face_module.crop_transform(found.landmarks, resolution, framing).crop(item.image)


def _codes(batch: list[tuple[Codes | None, Image | None]], generator: "Generator", encode: "Encode | None") -> Codes:
    """(N, num_ws, w_dim)"""
    import torch

    codes = np.zeros((len(batch), generator.num_ws, generator.w_dim), np.float32)
    for place, (latent, _) in enumerate(batch):
        if latent is not None:
            codes[place] = latent
    pictures = [(place, crop) for place, (latent, crop) in enumerate(batch) if latent is None and crop is not None]
    if pictures:
        if encode is None:
            raise BoundaryError("This source holds pictures without latents; an encoder is needed.")
        tensor = torch.tensor(np.stack([crop for _, crop in pictures]), device=generator.w_avg.device)
        found = encode(tensor.permute(0, 3, 1, 2).float() / 127.5 - 1).float().cpu().numpy()
        codes[[place for place, _ in pictures]] = found
    return cast(Codes, codes)
