"""From a source of labelled faces to labelled codes on disk, in parts, so that a run that was cut short goes on.

A folder holds ``source.json`` (what is collected, and how far it got) and parts ``00000.safetensors`` of up to 256
codes.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import cv2
import numpy as np
import numpy.typing as npt

from facsmith import face as face_module
from facsmith._arrays import read_tensors, write_tensors
from facsmith._files import atomic_path
from facsmith.boundary_fit.folder import LabelledCodes
from facsmith.boundary_fit.sources import Item, Source
from facsmith.errors import BoundaryError, NoFaceError

if TYPE_CHECKING:
    from torch import Tensor

    from facsmith.generator import Generator

__all__ = ["collect", "source_name"]

Image = npt.NDArray[np.uint8]
Encode = Callable[["Tensor"], "Tensor"]
Progress = Callable[[str, int, int], None]

_PART: Final = 256
_BATCH: Final = 16
_MAX_PART_BYTES: Final = 1 << 30


def collect(
    source: Source,
    folder: str | Path,
    generator: "Generator",
    encode: Encode | None,
    *,
    name: str,
    provider: str = "auto",
    progress: Progress = lambda stage, done, total: None,
) -> LabelledCodes:
    """Encode what the source yields and keep it in ``folder``; what lies there of an earlier run is not done again.

    encode: images (N, 3, R, R) in [-1, 1] -> ws (N, num_ws, w_dim), for sources without latents. name: of the source
    and its settings; a folder of another one is refused. provider: of the landmarks by which faces are cut out.

    Raises:
        BoundaryError: the folder belongs to another source or generator, or nothing could be used.
    """
    store = _Store(Path(folder), f"{name} for {generator.generator_id}")
    total = len(source)
    if not store.finished:
        batch: list[tuple[Item, Image | None]] = []
        for item in source.items(store.next_index, kept=store.labels()):
            crop = _crop(item, generator.resolution, provider) if item.latent is None else None
            if item.latent is not None or crop is not None:
                batch.append((item, crop))
            if len(batch) >= _BATCH:
                store.add(batch, _codes(batch, generator, encode))
                batch = []
            progress("encode", min(item.index + 1, total), total)
        store.add(batch, _codes(batch, generator, encode))
        store.finish()
    progress("encode", total, total)
    return store.read()


class _Store:
    def __init__(self, root: Path, identity: str) -> None:
        self._root, self._identity = root, identity
        self._waiting: list[tuple[Item, npt.NDArray[np.float32]]] = []
        root.mkdir(parents=True, exist_ok=True)
        state = self._state()
        if state["identity"] != identity:
            raise BoundaryError(
                f"{root} holds faces of {state['identity']}, not of {identity}. Remove that folder, or write elsewhere."
            )
        self.next_index, self.finished = int(state["next"]), bool(state["finished"])
        self._parts, self._people = int(state["parts"]), cast("list[str]", state["people"])

    def add(self, batch: list[tuple[Item, Image | None]], codes: npt.NDArray[np.float32]) -> None:
        self._waiting += [(item, code) for (item, _), code in zip(batch, codes, strict=True)]
        if len(self._waiting) >= _PART:
            self._write()

    def finish(self) -> None:
        self._write()
        self.finished = True
        self._save()

    def labels(self) -> npt.NDArray[np.float64] | None:
        """(N, 12) of what is kept already."""
        return self.read().au.astype(np.float64) if self._parts else None

    def read(self) -> LabelledCodes:
        parts = [
            read_tensors(self._root / f"{part:05d}.safetensors", max_bytes=_MAX_PART_BYTES, error=BoundaryError)[0]
            for part in range(self._parts)
        ]
        if not parts:
            raise BoundaryError(f"No face of {self._identity} could be used; check that its pictures show faces.")
        ws, au, people = (np.concatenate([part[key] for part in parts]) for key in ("ws", "au", "people"))
        return LabelledCodes(ws, au, people)

    def _write(self) -> None:
        if not self._waiting:
            return
        numbers = {person: number for number, person in enumerate(self._people)}
        for item, _ in self._waiting:
            numbers.setdefault(item.person, len(numbers))
        self._people = list(numbers)
        write_tensors(
            self._root / f"{self._parts:05d}.safetensors",
            {
                "ws": np.stack([code for _, code in self._waiting]).astype(np.float32),
                "au": np.stack([item.au for item, _ in self._waiting]).astype(np.float32),
                "people": np.array([numbers[item.person] for item, _ in self._waiting], dtype=np.int64),
            },
            {},
        )
        self._parts += 1
        self.next_index = self._waiting[-1][0].index + 1
        self._waiting = []
        self._save()

    def _save(self) -> None:
        state = {
            "identity": self._identity,
            "next": self.next_index,
            "parts": self._parts,
            "people": self._people,
            "finished": self.finished,
        }
        with atomic_path(self._root / "source.json") as temporary:
            temporary.write_text(json.dumps(state), encoding="utf-8")

    def _state(self) -> dict[str, Any]:
        path = self._root / "source.json"
        if not path.is_file():
            return {"identity": self._identity, "next": 0, "parts": 0, "people": [], "finished": False}
        try:
            state: Any = json.loads(path.read_text(encoding="utf-8"))
            return {key: state[key] for key in ("identity", "next", "parts", "people", "finished")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BoundaryError(f"{path} is damaged ({error}); remove its folder and fit again.") from error


def _crop(item: Item, resolution: int, provider: str) -> Image | None:
    assert item.image is not None
    if item.aligned:
        return np.asarray(cv2.resize(item.image, (resolution, resolution), interpolation=cv2.INTER_AREA), np.uint8)
    try:
        found = face_module.choose(face_module.find(item.image, provider=provider)).face
    except NoFaceError:
        return None
    return face_module.crop_transform(found.landmarks, resolution).crop(item.image)


def _codes(
    batch: list[tuple[Item, Image | None]], generator: "Generator", encode: Encode | None
) -> npt.NDArray[np.float32]:
    """(N, num_ws, w_dim)"""
    import torch

    codes = np.zeros((len(batch), generator.num_ws, generator.w_dim), np.float32)
    known = [place for place, (item, _) in enumerate(batch) if item.latent is not None]
    for place in known:
        codes[place] = cast("npt.NDArray[np.float32]", batch[place][0].latent)
    pictures = [(place, crop) for place, (_, crop) in enumerate(batch) if crop is not None]
    if pictures:
        if encode is None:
            raise BoundaryError("This source holds pictures without latents; an encoder is needed.")
        tensor = torch.tensor(np.stack([crop for _, crop in pictures]), device=generator.w_avg.device)
        found = encode(tensor.permute(0, 3, 1, 2).float() / 127.5 - 1).float().cpu().numpy()
        codes[[place for place, _ in pictures]] = found
    return codes


def source_name(text: str) -> str:
    """A source as it is told apart from others: its text, and a hash of what it says where that is a file."""
    path = Path(text.partition(":")[2])
    if path.is_file():
        with path.open("rb") as file:
            return f"{text} ({hashlib.file_digest(file, 'sha256').hexdigest()[:12]})"
    return text
