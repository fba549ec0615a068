"""Generators by file or name: load, save, convert, describe."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from facsmith._files import file_sha256
from facsmith._weights import read_metadata, save_weights
from facsmith.checkpoint._arrays import size_text
from facsmith.checkpoint._files import kind_of, map_file
from facsmith.checkpoint._label import at_label, check_drawable
from facsmith.checkpoint._network import Network, config_to_json
from facsmith.checkpoint.download import cache_dir, cached_path, pull
from facsmith.checkpoint.reader import FRAMING, GENERATOR, Checkpoint, name_file, read_checkpoint
from facsmith.checkpoint.registry import MODELS, find_entry
from facsmith.errors import CheckpointError
from facsmith.framing import PRESETS
from facsmith.generator import Generator

__all__ = ["convert", "entries", "info", "load_generator", "save_generator"]


def load_generator(path_or_name: str | os.PathLike[str]) -> Network:
    """A generator from a file, or from a name of `MODELS` (pulled and converted once, into the cache).

    In evaluation mode, without gradients.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, refused or no generator, or one that draws by label or no RGB.
    ModelUnavailableError
        The named model is not here and cannot be downloaded.
    """
    path = _generator_file(path_or_name)
    checkpoint = read_checkpoint(path)
    _check_drawable(checkpoint, path)
    return checkpoint.build()


def save_generator(
    generator: Generator, path: str | os.PathLike[str], *, metadata: Mapping[str, str], half: bool = False
) -> None:
    """Write a generator as one safetensors file with its configuration and what is known of its origin.

    Parameters
    ----------
    half
        Store matrices as float16: half the size, and another generator (its ``generator_id`` changes; load it again
        before fitting anything to it).

    Raises
    ------
    CheckpointError
        It is not a generator of this package.
    OutputError
        The file cannot be written.
    """
    if not isinstance(generator, Network):
        raise CheckpointError(f"A {type(generator).__name__} cannot be saved; give a StyleGAN1 or StyleGAN2.")
    framed = {} if generator.framing is None else {FRAMING: json.dumps(generator.framing.to_json())}
    stored = {"network": config_to_json(generator.config), "metadata": {**metadata, **framed}}
    save_weights(path, generator.state_dict(), kind=GENERATOR, config=stored, half=half)


def convert(
    src: str | os.PathLike[str], dst: str | os.PathLike[str], *, half: bool = False, label: int | None = None
) -> Path:
    """Convert a generator of any supported format (a file, or a name of `MODELS`) to one safetensors file.

    Its metadata keep the source's name, sha256, format and, for a named model, licence, address and framing.

    Parameters
    ----------
    label
        Of a network that draws by label, the label to keep; the result draws without.

    Raises
    ------
    CheckpointError
        The source is refused, needs a label or takes none; or the destination is no .safetensors.
    OutputError
        The destination cannot be written.
    """
    target = Path(dst)
    if target.suffix != ".safetensors":
        raise CheckpointError(f"{target} has not the suffix .safetensors; name the result so.")
    named = _is_name(src)
    source = pull(str(src)) if named else Path(src)
    checkpoint = read_checkpoint(source)
    origin = {"format": checkpoint.format, "source": source.name, "source_sha256": file_sha256(source)}
    if label is not None:
        with name_file(source):
            config, state = at_label(checkpoint.config, checkpoint.state, label)
        checkpoint = replace(checkpoint, config=config, state=state)
        origin["label"] = str(label)
    _check_drawable(checkpoint, source)
    if checkpoint.notes:
        origin["notes"] = "; ".join(checkpoint.notes)
    network = checkpoint.build()
    if named:
        entry = find_entry(str(src))
        network.framing = network.framing or (PRESETS[entry.framing] if entry.framing else None)
        origin |= {"title": entry.title, "licence": entry.licence, "url": entry.url}
    save_generator(network, target, metadata={**checkpoint.metadata, **origin}, half=half)
    return target


def entries() -> list[dict[str, Any]]:
    """`info` of every known model."""
    return [info(name) for name in MODELS]


def info(name_or_file: str | os.PathLike[str]) -> dict[str, Any]:
    """What is known of a model: a name of `MODELS` (nothing is downloaded), or a file (nothing in it is run).

    Raises
    ------
    CheckpointError
        There is no such model and no such file, or the file is refused.
    """
    if _is_name(name_or_file):
        entry = find_entry(str(name_or_file))
        file = cached_path(entry.name)
        return {
            "name": entry.name,
            "kind": entry.kind,
            "title": entry.title,
            "licence": entry.licence,
            "homepage": entry.homepage,
            "url": entry.url,
            "size": size_text(entry.size) if entry.size else "not published",
            "sha256": entry.sha256 or "not published",
            "origin": entry.origin,
            "file": str(file),
            "in_cache": file.is_file() or _converted(entry.name).is_file(),
        }
    path = _existing(name_or_file)
    data = map_file(path)
    other = read_metadata(path).get("facsmith", GENERATOR) if kind_of(data, path) == "safetensors" else GENERATOR
    described = _describe(read_checkpoint(path)) if other == GENERATOR else {"kind": other}
    # Last, as the file is whole then: hashing gigabytes of something that is refused takes half a minute.
    return {"file": str(path), "size": size_text(len(data)), "sha256": file_sha256(path), **described}


def _describe(checkpoint: Checkpoint) -> dict[str, Any]:
    generator = checkpoint.build()
    return {
        "kind": GENERATOR,
        "format": checkpoint.format,
        **config_to_json(checkpoint.config),
        "num_ws": generator.num_ws,
        "parameters": sum(p.numel() for p in generator.parameters()),
        "generator_id": generator.generator_id,
        "framing": "not said in the file" if generator.framing is None else str(generator.framing),
        "metadata": dict(checkpoint.metadata),
        "notes": list(checkpoint.notes),
    }


def _check_drawable(checkpoint: Checkpoint, path: Path) -> None:
    with name_file(path):
        check_drawable(checkpoint.config)


def _is_name(value: str | os.PathLike[str]) -> bool:
    return isinstance(value, str) and value in MODELS and not Path(value).exists()


def _existing(value: str | os.PathLike[str]) -> Path:
    """The file; or, where there is none, an error that knows the models' names."""
    path = Path(value)
    if not path.exists() and path.suffix == "" and len(path.parts) == 1:
        find_entry(str(value))
    return path


def _converted(name: str) -> Path:
    return cache_dir() / f"{name}.safetensors"


def _generator_file(value: str | os.PathLike[str]) -> Path:
    if not _is_name(value):
        return _existing(value)
    entry = find_entry(str(value))
    if entry.kind != GENERATOR:
        raise CheckpointError(f"{entry.name} is no generator but a model for {entry.kind}.")
    target = _converted(entry.name)
    return target if target.is_file() else convert(entry.name, target)
