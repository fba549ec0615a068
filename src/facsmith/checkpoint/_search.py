"""Finding the generator inside a torch or safetensors file, whatever it is wrapped in, and naming what cannot be read.

People hang generators on many pegs: ``g_ema``, ``params_ema``, ``generator_smooth``, ``state_dict`` with ``decoder.``
before each name, ``module.`` of parallel training, whole modules. All of these only lengthen the tensors' names. So the
file is flattened into one table of dotted names, and a layout is known by the names that its generators alone have;
what stands before them is the wrapping.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from facsmith.checkpoint._arrays import Array, LoadedArray, StoredTensor
from facsmith.checkpoint._modules import MAX_PATH, as_module
from facsmith.errors import CheckpointError

__all__ = ["Found", "find_generator", "flattened"]

MAX_ENTRIES: Final = 100_000

_LAYOUTS: Final[dict[str, tuple[str, ...]]] = {
    "nvidia": ("synthesis.b4.const", "mapping.fc0.weight"),
    "rosinality": ("input.input", "style.1.weight"),
    "basicsr": ("constant_input.weight", "style_mlp.1.weight"),
    "genforce-stylegan2": ("synthesis.early_layer.const", "mapping.dense0.weight"),
    "genforce-stylegan1": ("synthesis.layer0.const", "mapping.dense0.weight"),
    "rosinality-stylegan1": ("generator.progression.0.conv1.input", "style.1.linear.weight_orig"),
}
"""Tensors that a generator of each layout has, and no other."""

_ELSEWHERE: Final[tuple[tuple[str, str], ...]] = (
    (
        "hypernet.",
        "HyperStyle, which changes a generator's weights for every photo; give the generator it was built on",
    ),
    ("backbone.synthesis.b4.const", "EG3D, which draws in three dimensions"),
    ("GE.initial_conv.", "lucidrains' stylegan2-pytorch, whose network is not NVIDIA's"),
    ("GE.initial_block", "lucidrains' stylegan2-pytorch, whose network is not NVIDIA's"),
    ("GAN.GE.", "lucidrains' stylegan2-pytorch, whose network is not NVIDIA's"),
    ("GAN.S.net.", "lucidrains' stylegan2-pytorch, whose network is not NVIDIA's"),
    ("mapping.embed_proj.", "StyleGAN-XL"),
    ("synthesis.input.freqs", "StyleGAN3"),
    ("synthesis.layer0.epilogue.", "InterFaceGAN's own port of StyleGAN1; genforce's of the same network is read"),
    ("mapping.dense0.linear.weight", "InterFaceGAN's own port of StyleGAN1; genforce's of the same network is read"),
    ("g_mapping.dense0.weight", "lernapparat's port of StyleGAN1; NVIDIA's .pkl or genforce's .pth of it is read"),
    ("style_mapping.1.weight", "MMGeneration; rosinality's or NVIDIA's file of the same network is read"),
)
"""What a name of these is found in."""

_AVERAGES: Final = ("ema", "running", "smooth", "avg", "average")


_ACCEPTED: Final = "Read are StyleGAN1 and StyleGAN2 of NVIDIA, rosinality, genforce, BasicSR, pSp, e4e and ReStyle."


@dataclass(frozen=True)
class Found:
    """One generator's tensors, under its layout's names.

    Parameters
    ----------
    where
        The prefix of the names in the file, such as ``state_dict.decoder.``.
    others
        Prefixes of further generators in the file.
    latent_avg
        The mean of W, where it lies beside the network.
    attributes
        Attributes of whole modules, by dotted path.
    """

    layout: str
    tensors: Mapping[str, Array]
    where: str
    others: tuple[str, ...]
    latent_avg: Array | None
    attributes: Mapping[str, Mapping[str, Any]]


def find_generator(value: Any) -> Found:
    """The generator of a file that was read; the averaged one, where the file holds several.

    Parameters
    ----------
    value
        What the file holds: nested dictionaries of tensors, a module, or modules in dictionaries.

    Raises
    ------
    CheckpointError
        None, or one that is not run here; says which.
    """
    tensors, attributes = flattened(value)
    for mark, name in _ELSEWHERE:
        if any(f".{key}".find(f".{mark}") >= 0 for key in tensors):
            raise CheckpointError(f"It is a network of {name}. {_ACCEPTED}")
    found = [(layout, prefix) for layout, marks in _LAYOUTS.items() for prefix in _prefixes(tensors, marks)]
    if not found:
        raise CheckpointError(_nothing(tensors))
    found.sort(key=lambda item: (not _is_average(item[1]), len(item[1])))
    layout, where = found[0]
    averages = sorted((name for name in tensors if f".{name}".endswith(".latent_avg")), key=len)
    inside = {n.removeprefix(where): item for n, item in tensors.items() if n.startswith(where) and n not in averages}
    parts = {f"{path}."[len(where) :].rstrip("."): s for path, s in attributes.items() if f"{path}.".startswith(where)}
    others = tuple(prefix for _, prefix in found[1:])
    return Found(layout, inside, where, others, tensors[averages[0]] if averages else None, parts)


def flattened(value: Any) -> tuple[dict[str, Array], dict[str, Mapping[str, Any]]]:
    """(tensors, attributes of modules), by dotted path, of nested dictionaries and modules; optimisers left out.

    Raises
    ------
    CheckpointError
        More entries, or longer names, than any model file has.
    """
    tensors: dict[str, Array] = {}
    attributes: dict[str, Mapping[str, Any]] = {}
    waiting: list[tuple[str, Any]] = [("", value)]
    entries = 0
    while waiting:
        path, item = waiting.pop()
        for name, inner in _items(path, item, attributes):
            entries += 1
            at = f"{path}.{name}" if path else name
            if entries > MAX_ENTRIES or len(at) > MAX_PATH:
                raise CheckpointError(
                    "It holds more entries, or longer names, than any model file, or contains itself."
                )
            if isinstance(inner, StoredTensor | LoadedArray):
                tensors[at] = inner
            elif "optim" not in name:
                waiting.append((at, inner))
    return tensors, attributes


def _items(path: str, value: Any, attributes: dict[str, Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Names and values inside a dictionary or a module; of anything else, none."""
    if isinstance(value, dict):
        yield from ((str(name)[:MAX_PATH], inner) for name, inner in cast(dict[Any, Any], value).items())
    module = as_module(value)
    if module is None:
        return
    attributes[path] = module.state
    for group in ("_parameters", "_buffers", "_modules"):
        inner: Any = module.state.get(group)
        if isinstance(inner, dict):
            yield from ((str(name)[:MAX_PATH], item) for name, item in cast(dict[Any, Any], inner).items())
    if "latent_avg" in module.state:
        yield "latent_avg", module.state["latent_avg"]


def _prefixes(tensors: Mapping[str, Array], marks: tuple[str, ...]) -> list[str]:
    """What stands before the marks, wherever all of them stand together."""
    first, *rest = marks
    before = [name.removesuffix(first) for name in tensors if f".{name}".endswith(f".{first}")]
    return [prefix for prefix in before if all(f"{prefix}{mark}" in tensors for mark in rest)]


def _is_average(prefix: str) -> bool:
    return any(word in _AVERAGES for part in prefix.lower().split(".") for word in part.split("_"))


def _nothing(tensors: Mapping[str, Array]) -> str:
    if any(name.startswith(("encoder.", "state_dict.encoder.")) for name in tensors):
        return f"It is an encoder without the generator it was trained for; give the whole checkpoint. {_ACCEPTED}"
    partly = sorted(
        {marks[0] for marks in _LAYOUTS.values() for name in tensors if f".{name}".endswith(f".{marks[0]}")}
    )
    if partly:
        missing = next(m[1] for m in _LAYOUTS.values() if m[0] == partly[0])
        return f"It is half a generator: it has {partly[0]}, and {missing} is missing beside it. {_ACCEPTED}"
    held = f"it holds {len(tensors):,} tensors, such as {min(tensors)}" if tensors else "it holds no tensors"
    return f"No generator that is known here lies in it: {held}. {_ACCEPTED}"
