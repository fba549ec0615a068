"""Makes checkpoints for tests: honest ones of every format, and the parts hostile ones are built from.

The packages whose classes NVIDIA's pickles name are not installed; stand-ins are put into `sys.modules` while a pickle
is written, and only then.
"""

import io
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facsmith.generator import StyleGAN2, StyleGAN2Config

SHARED = Path(__file__).resolve().parents[3] / "shared" / "vectors"
"""Reference vectors, where this machine has them; tests that use them skip where it has not."""


class Call:
    """Pickles as a call of ``function`` with ``args``."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.function = function
        self.args = args

    def __reduce__(self) -> Any:
        return self.function, self.args


def random_stylegan2(**settings: Any) -> StyleGAN2:
    """A small network in which no tensor is zero, so that every misplaced one shows."""
    config = StyleGAN2Config(
        **{"resolution": 16, "z_dim": 12, "w_dim": 10, "mapping_layers": 2, "channel_base": 64, "channel_max": 8}
        | settings
    )
    generator = torch.Generator().manual_seed(7)
    network = StyleGAN2(config)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor += torch.randn(tensor.shape, generator=generator) * 0.3
    return network.eval().requires_grad_(False)


def images(network: Any, *, seed: int = 0) -> Tensor:
    """Two images of a generator, with its stored noise."""
    z = torch.randn(2, network.z_dim, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return network.synthesis(network.mapping(z, psi=0.7))


@contextmanager
def nvidia_packages() -> Iterator[dict[str, Any]]:
    """Stand-ins for torch_utils.persistence and dnnlib, importable while a pickle is written."""
    made: dict[str, types.ModuleType] = {
        name: types.ModuleType(name)
        for name in ("torch_utils", "torch_utils.persistence", "dnnlib", "dnnlib.util", "dnnlib.tflib")
    }
    made["dnnlib.tflib.network"] = types.ModuleType("dnnlib.tflib.network")

    def rebuild(meta: Any) -> None:
        exec(meta["module_src"], {})  # what the real one does with the text inside the file

    class Network:
        pass

    rebuild.__module__, rebuild.__qualname__ = "torch_utils.persistence", "_reconstruct_persistent_obj"
    Network.__module__, Network.__qualname__ = "dnnlib.tflib.network", "Network"
    made["torch_utils.persistence"]._reconstruct_persistent_obj = rebuild  # type: ignore[attr-defined]
    made["dnnlib.tflib.network"].Network = Network  # type: ignore[attr-defined]
    sys.modules.update(made)
    try:
        yield {"rebuild": rebuild, "Network": Network}
    finally:
        for name in made:
            del sys.modules[name]


def ada_pickle(
    network: StyleGAN2,
    *,
    source: str = "",
    protocol: int = 4,
    changed: dict[str, Any] | None = None,
    attributes: dict[str, dict[str, Any]] | None = None,
    without: tuple[str, ...] = (),
) -> bytes:
    """A StyleGAN2-ADA pickle of the network. ``source`` is its module source; ``changed`` replaces G's attributes.

    attributes: further ones, by the module's dotted path. without: tensors left out, by theirs.
    """
    config = network.config
    filters = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64

    paths = {part: path for path, part in network.named_modules()}

    def module(class_name: str, part: torch.nn.Module, **state: Any) -> Any:
        children = OrderedDict((name, describe(name, child)) for name, child in part.named_children())
        path = paths[part]
        state |= (attributes or {}).get(path, {})
        kept = lambda items: OrderedDict((n, t) for n, t in items if f"{path}.{n}" not in without)  # noqa: E731
        state |= {
            "_parameters": kept(part.named_parameters(recurse=False)),
            "_buffers": kept(part.named_buffers(recurse=False)),
            "_modules": children,
        }
        if class_name == "SynthesisLayer":
            state["_buffers"]["resample_filter"] = filters
        return Call(
            packages["rebuild"],
            {"type": "class", "version": 6, "module_src": source, "class_name": class_name, "state": state},
        )

    def describe(name: str, part: torch.nn.Module) -> Any:
        clamp = {"conv_clamp": config.conv_clamp}
        if name in ("conv0", "conv1"):
            return module("SynthesisLayer", part, activation="lrelu", **clamp)
        if name == "torgb":
            return module("ToRGBLayer", part, **clamp)
        if name == "skip":
            return module("Conv2dLayer", part, activation="linear", conv_clamp=None)
        if name.startswith("fc"):
            return module("FullyConnectedLayer", part, bias_gain=0.01)
        if name in ("affine", "embed"):
            return module("FullyConnectedLayer", part, bias_gain=1.0)
        if name.startswith("b"):
            return module("SynthesisBlock", part, architecture=config.architecture)
        return module({"mapping": "MappingNetwork", "synthesis": "SynthesisNetwork"}[name], part)

    said = {
        "z_dim": config.z_dim,
        "w_dim": config.w_dim,
        "c_dim": config.c_dim,
        "img_resolution": config.resolution,
        "img_channels": config.img_channels,
    }
    with nvidia_packages() as packages:
        g_ema = module("Generator", network, **(said | (changed or {})))
        return pickle.dumps({"G": None, "D": None, "G_ema": g_ema, "augment_pipe": None}, protocol=protocol)


def tensorflow_pickle(
    own: dict[str, Any], mapping: dict[str, Any], synthesis: dict[str, Any], **arguments: Any
) -> bytes:
    """A pickle (G, D, Gs) of TensorFlow networks with these variables of Gs and its halves."""
    with nvidia_packages() as packages:

        def network(name: str, variables: dict[str, Any], **components: Any) -> Any:
            made = packages["Network"]()
            made.__dict__.update(
                version=4,
                name=name,
                static_kwargs=arguments,
                components=components,
                build_module_src="",
                build_func_name=name,
                variables=list(variables.items()),
            )
            return made

        g_s = network("Gs", own, synthesis=network("G_synthesis", synthesis), mapping=network("G_mapping", mapping))
        return pickle.dumps((network("G", {}), network("D", {}), g_s), protocol=4)


def stylegan2_variables(network: StyleGAN2) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The TensorFlow variables (of Gs, mapping, synthesis) that stand for this network.

    After rosinality's converter from that format (stylegan2-pytorch/convert_weight.py): up-sampling kernels are turned
    by 180 degrees, style biases lack their 1, noise planes are numbered from 4 x 4 upwards.
    """
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    mapping: dict[str, Any] = {}
    for index in range(network.config.mapping_layers):
        mapping[f"Dense{index}/weight"] = state[f"mapping.fc{index}.weight"].T.copy()
        mapping[f"Dense{index}/bias"] = state[f"mapping.fc{index}.bias"]
    synthesis: dict[str, Any] = {"lod": np.float32(0), "4x4/Const/const": state["synthesis.b4.const"][None]}
    for block, resolution in enumerate(network.config.block_resolutions):
        ours, theirs = f"synthesis.b{resolution}", f"{resolution}x{resolution}"
        names = (
            {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB"} if block else {"conv1": "Conv", "torgb": "ToRGB"}
        )
        for name, layer in names.items():
            if f"{ours}.{name}.weight" not in state:
                continue
            weight = state[f"{ours}.{name}.weight"].transpose(2, 3, 1, 0)
            synthesis[f"{theirs}/{layer}/weight"] = (weight[::-1, ::-1] if name == "conv0" else weight).copy()
            synthesis[f"{theirs}/{layer}/bias"] = state[f"{ours}.{name}.bias"]
            synthesis[f"{theirs}/{layer}/mod_weight"] = state[f"{ours}.{name}.affine.weight"].T.copy()
            synthesis[f"{theirs}/{layer}/mod_bias"] = state[f"{ours}.{name}.affine.bias"] - 1
            if name != "torgb":
                synthesis[f"{theirs}/{layer}/noise_strength"] = state[f"{ours}.{name}.noise_strength"]
                synthesis[f"noise{2 * block - (name == 'conv0')}"] = state[f"{ours}.{name}.noise_const"][None, None]
        if f"{ours}.skip.weight" in state:
            skip = state[f"{ours}.skip.weight"].transpose(2, 3, 1, 0)
            synthesis[f"{theirs}/Skip/weight"] = skip[::-1, ::-1].copy()
    return {"lod": np.float32(0), "dlatent_avg": state["mapping.w_avg"]}, mapping, synthesis


def rosinality_state(network: StyleGAN2) -> dict[str, Tensor]:
    """The network under rosinality's names (shared/vectors/naming has the table this follows)."""
    state = network.state_dict()
    out: dict[str, Tensor] = {"input.input": state["synthesis.b4.const"][None]}
    for index in range(network.config.mapping_layers):
        out[f"style.{index + 1}.weight"] = state[f"mapping.fc{index}.weight"]
        out[f"style.{index + 1}.bias"] = state[f"mapping.fc{index}.bias"]
    blur = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 16
    for block, resolution in enumerate(network.config.block_resolutions):
        ours = f"synthesis.b{resolution}"
        names = {"conv0": f"convs.{2 * block - 2}", "conv1": f"convs.{2 * block - 1}"} if block else {"conv1": "conv1"}
        for name, theirs in names.items():
            out[f"{theirs}.conv.weight"] = state[f"{ours}.{name}.weight"][None]
            out[f"{theirs}.conv.modulation.weight"] = state[f"{ours}.{name}.affine.weight"]
            out[f"{theirs}.conv.modulation.bias"] = state[f"{ours}.{name}.affine.bias"]
            out[f"{theirs}.noise.weight"] = state[f"{ours}.{name}.noise_strength"].reshape(1)
            out[f"{theirs}.activate.bias"] = state[f"{ours}.{name}.bias"]
            out[f"noises.noise_{2 * block - (name == 'conv0')}"] = state[f"{ours}.{name}.noise_const"][None, None]
            if name == "conv0":
                out[f"{theirs}.conv.blur.kernel"] = blur
        theirs = f"to_rgbs.{block - 1}" if block else "to_rgb1"
        out[f"{theirs}.conv.weight"] = state[f"{ours}.torgb.weight"][None]
        out[f"{theirs}.conv.modulation.weight"] = state[f"{ours}.torgb.affine.weight"]
        out[f"{theirs}.conv.modulation.bias"] = state[f"{ours}.torgb.affine.bias"]
        out[f"{theirs}.bias"] = state[f"{ours}.torgb.bias"].reshape(1, -1, 1, 1)
        if block:
            out[f"{theirs}.upsample.kernel"] = blur
    return out


def torch_bytes(value: Any, *, legacy: bool = False) -> bytes:
    """What torch.save writes, in its zip or its old form."""
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()
