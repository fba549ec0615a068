"""Model files: safe readers, the registry of published models, the cache.

Nothing in a checkpoint is ever executed, whoever made it:

>>> from facsmith.checkpoint import load_generator
>>> generator = load_generator("network-snapshot.pkl")  # doctest: +SKIP
"""

from facsmith.checkpoint.download import cache_dir, cached_path, pull
from facsmith.checkpoint.reader import Checkpoint, read_checkpoint, read_state_dict, read_stored_tensors
from facsmith.checkpoint.registry import MODELS, ModelEntry
from facsmith.checkpoint.store import convert, entries, info, load_generator, save_generator

__all__ = [
    "MODELS",
    "Checkpoint",
    "ModelEntry",
    "cache_dir",
    "cached_path",
    "convert",
    "entries",
    "info",
    "load_generator",
    "pull",
    "read_checkpoint",
    "read_state_dict",
    "read_stored_tensors",
    "save_generator",
]
