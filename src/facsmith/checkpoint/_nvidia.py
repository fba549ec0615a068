"""NVIDIA's network pickles: their names, and the modules of StyleGAN2-ADA and StyleGAN3's repository as plain records.

Such a pickle holds the source text of its classes and asks its loader to run it. The text is not looked at.
"""

from dataclasses import dataclass
from typing import Any, Final, cast

from facsmith.checkpoint._arrays import StoredTensor
from facsmith.checkpoint._pickle import Budget, Builder, Name, Record, read_pickle
from facsmith.checkpoint._torch import container_builders, read_legacy, tensor_builders
from facsmith.errors import CheckpointError

__all__ = ["NETWORK", "Module", "read_nvidia"]

NETWORK: Final = Name("dnnlib.tflib.network", "Network")
"""The class of TensorFlow networks (StyleGAN 1 and 2); read as a Record."""

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
        items = cast(dict[str, Any], self.state.get("_modules", {}))
        return {name: item for name, item in items.items() if isinstance(item, Module)}

    def tensors(self) -> dict[str, StoredTensor]:
        """Parameters and buffers of the module and all below, under the names of a state dict."""
        found: dict[str, StoredTensor] = {}
        waiting: list[tuple[str, Module]] = [("", self)]
        visited = 0
        while waiting:
            prefix, module = waiting.pop()
            visited += 1
            for group in ("_parameters", "_buffers"):
                for name, item in cast(dict[str, Any], module.state.get(group, {})).items():
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


def read_nvidia(data: memoryview, *, source: str) -> Any:
    """The pickle's value: a dict of Modules (PyTorch), or a tuple of Records of class `NETWORK` (TensorFlow)."""

    def module(args: tuple[Any, ...]) -> Module:
        meta = cast(dict[str, Any], args[0])
        name, state = meta["class_name"], meta["state"]
        if not isinstance(name, str) or not isinstance(state, dict):
            raise TypeError("a module without class name or state")
        return Module(name, cast(dict[str, Any], state))

    def nested(args: tuple[Any, ...]) -> Any:
        stream = args[0]
        if not isinstance(stream, memoryview):
            raise TypeError("a tensor's stream that is no bytes")
        return read_legacy(cast(memoryview, stream), source=source, budget=budget)

    budget = Budget(source)
    names: dict[Name, Builder] = {**tensor_builders(source), Name("torch.storage", "_load_from_bytes"): nested}
    names[Name("torch_utils.persistence", "_reconstruct_persistent_obj")] = module
    names[Name("dnnlib.util", "EasyDict")] = container_builders()[Name("collections", "OrderedDict")]
    names[NETWORK] = lambda args: Record(NETWORK, args)
    value, _ = read_pickle(data, source=source, names=names, budget=budget)
    return value
