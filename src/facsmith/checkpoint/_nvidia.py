"""NVIDIA's network pickles: their names, and the modules of StyleGAN2-ADA and StyleGAN3's repository as plain records.

Such a pickle holds the source text of its classes and asks its loader to run it. The text is not looked at.
"""

from dataclasses import dataclass
from typing import Any, Final, cast

from facsmith.checkpoint._arrays import StoredTensor
from facsmith.checkpoint._pickle import Builder, Name, Record, read_pickle
from facsmith.checkpoint._torch import container_builders, read_legacy, tensor_builders
from facsmith.errors import CheckpointError

__all__ = ["NETWORK", "Module", "read_nvidia"]

NETWORK: Final = Name("dnnlib.tflib.network", "Network")
"""The class of TensorFlow networks (StyleGAN 1 and 2); read as a Record."""

MAX_DEPTH: Final = 8
MAX_TENSORS: Final = 4096


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

    def tensors(self, prefix: str = "", depth: int = 0) -> dict[str, StoredTensor]:
        """Parameters and buffers of the module and all below, under the names of a state dict."""
        found: dict[str, StoredTensor] = {}
        for group in ("_parameters", "_buffers"):
            for name, item in cast(dict[str, Any], self.state.get(group, {})).items():
                if isinstance(item, StoredTensor):
                    found[f"{prefix}{name}"] = item
        for name, module in self.children().items():
            if depth < MAX_DEPTH:
                found.update(module.tensors(f"{prefix}{name}.", depth + 1))
            if depth == MAX_DEPTH or len(found) > MAX_TENSORS:
                raise CheckpointError(f"Its {self.class_name} is nested or crowded beyond any network we know.")
        return found


def read_nvidia(data: memoryview, *, source: str) -> Any:
    """The pickle's value: a dict of Modules (PyTorch), or a tuple of Records of class `NETWORK` (TensorFlow)."""

    def module(args: tuple[Any, ...]) -> Module:
        meta = cast(dict[str, Any], args[0])
        if not isinstance(meta["state"], dict):
            raise TypeError("a module without state")
        return Module(str(meta["class_name"]), cast(dict[str, Any], meta["state"]))

    def nested(args: tuple[Any, ...]) -> Any:
        stream = args[0]
        if not isinstance(stream, memoryview):
            raise TypeError("a tensor's stream that is no bytes")
        return read_legacy(cast(memoryview, stream), source=source, names=inner)

    inner = tensor_builders(source)
    names: dict[Name, Builder] = {**inner, Name("torch.storage", "_load_from_bytes"): nested}
    names[Name("torch_utils.persistence", "_reconstruct_persistent_obj")] = module
    names[Name("dnnlib.util", "EasyDict")] = container_builders()[Name("collections", "OrderedDict")]
    names[NETWORK] = lambda args: Record(NETWORK, args)
    value, _ = read_pickle(data, source=source, names=names)
    return value
