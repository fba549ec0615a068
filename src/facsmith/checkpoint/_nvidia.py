"""NVIDIA's network pickles: their names, and the modules of StyleGAN2-ADA and StyleGAN3's repository as plain records.

Such a pickle holds the source text of its classes and asks its loader to run it. The text is not looked at.
"""

from typing import Any, Final, cast

from facsmith._json import is_record
from facsmith.checkpoint._modules import Module
from facsmith.checkpoint._pickle import Budget, Builder, Name, Record, read_pickle
from facsmith.checkpoint._torch import container_builders, read_legacy, tensor_builders

__all__ = ["NETWORK", "read_nvidia"]

NETWORK: Final = Name("dnnlib.tflib.network", "Network")
"""The class of TensorFlow networks (StyleGAN 1 and 2); read as a Record."""


def read_nvidia(data: memoryview, *, source: str) -> Any:
    """The pickle's value: a dict of Modules (PyTorch), or a tuple of Records of class `NETWORK` (TensorFlow)."""

    def module(args: tuple[Any, ...]) -> Module:
        meta = cast(dict[str, Any], args[0])
        name, state = meta["class_name"], meta["state"]
        if not isinstance(name, str) or not is_record(state):
            raise TypeError("a module without class name or state")
        return Module(name, state)

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
