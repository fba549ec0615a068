"""torch modules as a pickle describes them: a class name and attributes, nothing instantiated."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

from facsmith._json import is_record
from facsmith.checkpoint._arrays import Array, StoredTensor
from facsmith.checkpoint._pickle import Record
from facsmith.errors import CheckpointError

__all__ = ["MAX_PARTS", "MAX_PATH", "Module", "as_module"]

MAX_PARTS: Final = 4096
"""Modules, or tensors, of one network; a StyleGAN2 of 1024 px has about 100 and 200."""
MAX_PATH: Final = 1000


@dataclass(frozen=True)
class Module:
    """A torch module as the pickle describes it: a class name and attributes."""

    class_name: str
    state: dict[str, Any]

    def child(self, name: str) -> "Module":
        """A submodule by its name."""
        found = self.children().get(name)
        if found is None:
            raise CheckpointError(f"Its {self.class_name} has no {name}; that is no network we know.")
        return found

    def children(self) -> dict[str, "Module"]:
        """Submodules by name."""
        items: Any = self.state.get("_modules", {})
        found = {str(name): as_module(item) for name, item in _pairs(items)}
        return {name: item for name, item in found.items() if item is not None}

    def tensors(self) -> dict[str, Array]:
        """Parameters and buffers of the module and all below, under the names of a state dict."""
        found: dict[str, Array] = {}
        waiting: list[tuple[str, Module]] = [("", self)]
        visited = 0
        while waiting:
            prefix, module = waiting.pop()
            visited += 1
            for group in ("_parameters", "_buffers"):
                for name, item in _pairs(module.state.get(group, {})):
                    path = f"{prefix}{name}"
                    if isinstance(item, StoredTensor) and len(path) <= MAX_PATH:
                        found[path] = item
            below = module.children()
            if visited + len(waiting) + len(below) > MAX_PARTS or len(found) > MAX_PARTS or len(prefix) > MAX_PATH:
                raise CheckpointError(
                    f"Its {self.class_name} has parts beyond any network we know, or contains itself."
                )
            waiting.extend((f"{prefix}{name}.", child) for name, child in below.items())
        return found


def as_module(value: Any) -> Module | None:
    """The module that a value of a pickle describes; None where it is something else."""
    if isinstance(value, Module):
        return value
    state: Any = value.state if isinstance(value, Record) else None
    if not is_record(state) or "_modules" not in state:
        return None
    return Module(cast(Record, value).name.name, state)


def _pairs(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if is_record(value) else ()
