"""A face model in one folder: generator, descriptor, encoder and boundaries that belong together, with their card.

Layout: ``generator.safetensors``, ``descriptor.safetensors``, ``encoder.safetensors``, ``boundaries.safetensors``,
``measure.safetensors`` where `facsmith train measure` made one, and ``card.json``, whose ``sha256`` names each file's
hash. Folders in ``facsmith/weights`` go by their name; any other folder by its path.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from facsmith._files import atomic_path, file_sha256
from facsmith._json import is_record, parse_json
from facsmith.boundary import BoundarySet
from facsmith.descriptor import Descriptor, load_descriptor
from facsmith.encoder import Encoder
from facsmith.errors import CheckpointError, InputError, ModelUnavailableError
from facsmith.framing import FACSMITH, Framing, framing_of
from facsmith.generator import Generator

__all__ = [
    "DEFAULT_BUNDLE",
    "EXTRAS",
    "FILES",
    "Bundle",
    "bundled_names",
    "load_bundle",
    "parts_folder",
    "seal",
    "verified",
]

DEFAULT_BUNDLE: Final = "face128"
FILES: Final = ("generator.safetensors", "descriptor.safetensors", "encoder.safetensors", "boundaries.safetensors")
EXTRAS: Final = ("measure.safetensors",)
"""What a model may have beside its four files; hashed with them where it is there."""
WEIGHTS: Final = Path(__file__).parent / "weights"
"""Where the package keeps its own models."""


@dataclass(frozen=True)
class Bundle:
    """Everything one photo needs.

    Parameters
    ----------
    card
        What was trained on what, for how long, how well, under which licence.

    Attributes
    ----------
    framing
        The square of a photo that the generator draws.
    """

    name: str
    generator: Generator
    descriptor: Descriptor
    encoder: Encoder
    boundaries: BoundarySet
    card: Mapping[str, Any]

    @property
    def framing(self) -> Framing:
        """Of the generator."""
        return framing_of(self.generator)


def bundled_names() -> list[str]:
    """The models inside the package."""
    return sorted(card.parent.name for card in WEIGHTS.glob("*/card.json"))


def bundle_folder(name: str | os.PathLike[str]) -> Path:
    """The folder of a model inside the package, or the folder given.

    Raises
    ------
    ModelUnavailableError
        There is no such model and no such folder.
    """
    for folder in (WEIGHTS / name, Path(name)):
        if (folder / "card.json").is_file():
            return folder
    raise ModelUnavailableError(
        f"There is no model {str(name)!r}: give {_names()}, or a folder with card.json and {', '.join(FILES)}."
    )


def parts_folder(name: str | os.PathLike[str]) -> Path:
    """As `bundle_folder`, or a folder of a model that is still being made: with a generator, and no card yet.

    Raises
    ------
    ModelUnavailableError
        There is no such model and no such folder.
    """
    folder = Path(name)
    return folder if (folder / FILES[0]).is_file() else bundle_folder(name)


def load_bundle(name: str | os.PathLike[str] = DEFAULT_BUNDLE) -> Bundle:
    """Load a model, every file checked against its hash.

    Raises
    ------
    ModelUnavailableError
        No such model.
    CheckpointError
        A file is missing, changed or does not fit the others.
    """
    from facsmith.checkpoint import load_generator

    folder = bundle_folder(name)
    card = read_card(folder)
    _verify(folder, card)
    generator = load_generator(folder / FILES[0])
    _check_framing(folder, card, framing_of(generator))
    encoder = Encoder.load(folder / FILES[2])
    boundaries = BoundarySet.load(folder / FILES[3])
    for what, owner in (("encoder", encoder.config.generator_id), ("boundaries", boundaries.generator_id)):
        if owner != generator.generator_id:
            raise CheckpointError(
                f"The {what} in {folder} belong to generator {owner}, but the generator there is "
                f"{generator.generator_id}; keep files of one training together."
            )
    return Bundle(folder.name, generator, load_descriptor(folder / FILES[1]), encoder, boundaries, card)


def read_card(folder: Path) -> dict[str, Any]:
    """card.json of a model's folder."""
    try:
        card = parse_json((folder / "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / 'card.json'} is not readable as JSON ({error}); fetch it again.") from error
    if not is_record(card):
        raise CheckpointError(f"{folder / 'card.json'} holds no JSON object; fetch it again.")
    return card


def seal(folder: Path, card: Mapping[str, Any]) -> None:
    """Write card.json for the files in ``folder``, with their hashes: the last step of making a model."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(f"{folder} lacks {', '.join(missing)}; make them before the card.")
    hashes = {name: file_sha256(folder / name) for name in (*FILES, *EXTRAS) if (folder / name).is_file()}
    with atomic_path(folder / "card.json") as temporary:
        temporary.write_text(json.dumps({**card, "sha256": hashes}, indent=2) + "\n", encoding="utf-8")


def verified(folder: Path, name: str, card: Mapping[str, Any] | None = None) -> Path:
    """The path of one file of a model, once its hash is the card's.

    Parameters
    ----------
    card
        Where it was read already.

    Raises
    ------
    CheckpointError
        The file is missing, or is not the one that the card names.
    """
    hashes: Any = (read_card(folder) if card is None else card).get("sha256")
    path = folder / name
    if not path.is_file():
        raise CheckpointError(f"{folder} lacks {name}; fetch the model again.")
    if not is_record(hashes) or hashes.get(name) != file_sha256(path):
        raise CheckpointError(f"{path} is not the file that card.json names by its sha256; fetch the model again.")
    return path


def _check_framing(folder: Path, card: Mapping[str, Any], framing: Framing) -> None:
    """What card and generator say of the framing is the same. Cards of before there were framings say nothing."""
    try:
        said = Framing.from_json(card["framing"]) if "framing" in card else FACSMITH
    except InputError as error:
        raise CheckpointError(f"{folder / 'card.json'}: {error}") from error
    if said != framing:
        raise CheckpointError(
            f"The card in {folder} says that faces are {said}, but its generator's are {framing}; keep files of one "
            "training together, or build the model again: facsmith models build."
        )


def _verify(folder: Path, card: Mapping[str, Any]) -> None:
    named: Any = card.get("sha256")
    extras = [name for name in EXTRAS if (folder / name).is_file() or (isinstance(named, dict) and name in named)]
    for name in (*FILES, *extras):
        verified(folder, name, card)


def _names() -> str:
    return " or ".join(map(repr, bundled_names())) or "none is in this installation"
