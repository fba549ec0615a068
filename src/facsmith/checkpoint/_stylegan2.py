"""StyleGAN2 weights of every origin under NVIDIA's PyTorch names, and the configuration that their shapes imply."""

import re
import reprlib
from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from facsmith.checkpoint._arrays import Array, as_numpy
from facsmith.checkpoint._modules import Module
from facsmith.checkpoint._tensorflow import AverageGenerator
from facsmith.checkpoint._variants import check_variant, layers_without_noise
from facsmith.errors import CheckpointError, InputError
from facsmith.generator import StyleGAN2Config

__all__ = [
    "check_square",
    "config_from_shapes",
    "from_ada",
    "from_basicsr",
    "from_rosinality",
    "from_state",
    "from_tensorflow",
]

Arrays = dict[str, NDArray[Any] | Array]

_FILTER: Final = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64.0
MAX_BLOCKS: Final = 11
"""4 to 4096 px."""
MISSING_NOISE_SEED: Final = 0
_RUN_HERE: Final = "Give a StyleGAN1 or StyleGAN2 network, for instance `facsmith models pull stylegan2-ffhq-1024`."


def config_from_shapes(arrays: Mapping[str, NDArray[Any] | Array], *, conv_clamp: float | None) -> StyleGAN2Config:
    """The configuration of a network whose tensors have these shapes, under NVIDIA's names.

    Everything but the clamp shows in the shapes. Channels must follow ``min(base // r, max)``, as in all published.

    Raises
    ------
    CheckpointError
        They describe no StyleGAN2.
    """

    def shape(name: str, rank: int) -> tuple[int, ...]:
        if name not in arrays or len(arrays[name].shape) != rank:
            raise CheckpointError(f"It is no StyleGAN2: {name} is missing or of another rank.")
        return tuple(arrays[name].shape)

    resolutions = sorted({int(m[1]) for m in (re.match(r"synthesis\.b(\d+)\.", name) for name in arrays) if m})
    resolution = resolutions[-1] if resolutions else 0
    channels = {4: shape("synthesis.b4.const", 3)[0]}
    channels.update({r: shape(f"synthesis.b{r}.conv1.weight", 4)[0] for r in resolutions if r > 4})
    base, top = max(count * r for r, count in channels.items()), channels[4]
    if any(min(base // r, top) != count for r, count in channels.items()):
        raise CheckpointError(f"Its channels {channels} do not follow min(base // resolution, maximum); not run here.")
    (w_dim,) = shape("mapping.w_avg", 1)
    c_dim = shape("mapping.embed.weight", 2)[1] if "mapping.embed.weight" in arrays else 0
    try:
        return StyleGAN2Config(
            resolution=resolution,
            z_dim=shape("mapping.fc0.weight", 2)[1] - (w_dim if c_dim else 0),
            w_dim=w_dim,
            c_dim=c_dim,
            mapping_layers=sum(bool(re.fullmatch(r"mapping\.fc\d+\.weight", name)) for name in arrays),
            channel_base=base,
            channel_max=top,
            architecture=_architecture(arrays),
            conv_clamp=conv_clamp,
            img_channels=shape(f"synthesis.b{resolution}.torgb.weight", 4)[0],
        )
    except InputError as error:
        raise CheckpointError(f"It is no StyleGAN2: {error}") from error


def _architecture(arrays: Mapping[str, Any]) -> Literal["skip", "resnet"]:
    return "resnet" if any(re.fullmatch(r"synthesis\.b\d+\.skip\.weight", name) for name in arrays) else "skip"


def from_ada(generator: Module) -> tuple[StyleGAN2Config, Arrays, tuple[str, ...]]:
    """G_ema of a StyleGAN2-ADA or StyleGAN3-repository pickle; and what must be said of it.

    Raises
    ------
    CheckpointError
        It is a StyleGAN3, or a variant whose arithmetic is not StyleGAN2's.
    """
    synthesis = generator.child("synthesis")
    inner = {module.class_name for module in synthesis.children().values()}
    if generator.class_name == "SuperresGenerator" or "embed_proj" in generator.child("mapping").children():
        raise CheckpointError(f"It is a StyleGAN-XL network, which facsmith does not run. {_RUN_HERE}")
    if "SynthesisInput" in inner:
        raise CheckpointError(f"It is a StyleGAN3 network, which facsmith does not run. {_RUN_HERE}")
    arrays: Arrays = {}
    for name, tensor in generator.tensors().items():
        if name.endswith("resample_filter"):
            _check_filter(name, tensor.numpy(), gain=1)
        else:
            arrays[name] = tensor
    check_square(arrays.get("synthesis.b4.const"))
    first = synthesis.child("b4").child("conv1")
    clamp = first.state.get("conv_clamp")
    config = config_from_shapes(arrays, conv_clamp=None if clamp is None else float(clamp))
    notes = check_variant(generator, config)
    for path in layers_without_noise(generator):
        side = _resolution(path)
        arrays[f"{path}.noise_strength"] = np.zeros((), np.float32)
        arrays.setdefault(f"{path}.noise_const", np.zeros((side, side), np.float32))
    return config, arrays, notes


def from_state(tensors: Mapping[str, Array]) -> tuple[StyleGAN2Config, Arrays, tuple[str, ...]]:
    """A state dict of NVIDIA's names, and what must be said of it: w_avg is zero where it is missing.

    Raises
    ------
    CheckpointError
        It is no StyleGAN2.
    """
    arrays: Arrays = {}
    for name, tensor in tensors.items():
        if name.endswith("resample_filter"):
            _check_filter(name, tensor.numpy(), gain=1)
        else:
            arrays[name] = tensor
    if "mapping.w_avg" not in arrays and "mapping.fc0.bias" in arrays:
        arrays["mapping.w_avg"] = np.zeros(arrays["mapping.fc0.bias"].shape, np.float32)
    notes = ("a state dict does not say at what value its activations are clamped; none is assumed",)
    return config_from_shapes(arrays, conv_clamp=None), arrays, notes


def check_square(const: Array | NDArray[Any] | None) -> None:
    """Refuse a generator whose pictures are not square.

    Parameters
    ----------
    const
        (..., H, W), the constant that drawing begins with.

    Raises
    ------
    CheckpointError
        H is not W.
    """
    if const is not None and len(const.shape) >= 2 and const.shape[-1] != const.shape[-2]:
        raise CheckpointError(
            f"Its pictures are not square ({const.shape[-2]} to {const.shape[-1]}), as StyleGAN-Human's; only square "
            f"ones are run here. {_RUN_HERE}"
        )


def _resolution(path: str) -> int:
    found = re.match(r"synthesis\.b(\d{1,4})\.", path)
    if found is None:
        raise CheckpointError(f"Its layer {path} lies in no block of a StyleGAN2; not run here.")
    return int(found[1])


def from_rosinality(state: Mapping[str, Array]) -> tuple[StyleGAN2Config, Arrays, tuple[str, ...]]:
    """rosinality's generator, w_avg zero; and what must be said of it.

    Raises
    ------
    CheckpointError
        It is another network.
    """
    if "input.input" not in state or "style.1.weight" not in state:
        raise CheckpointError(
            "It is a torch file but no rosinality StyleGAN2: style.1.weight or input.input is missing."
        )
    values = as_numpy(state)
    out: Arrays = {}
    layers = sum(bool(re.fullmatch(r"style\.\d+\.weight", name)) for name in values)
    for index in range(layers):
        out[f"mapping.fc{index}.weight"] = _take(values, f"style.{index + 1}.weight")
        out[f"mapping.fc{index}.bias"] = _take(values, f"style.{index + 1}.bias")
    w_dim = out["mapping.fc0.bias"].shape
    out["mapping.w_avg"] = np.zeros(w_dim, np.float32)
    check_square(values.get("input.input"))
    out["synthesis.b4.const"] = _first(_take(values, "input.input"))
    rng = np.random.default_rng(MISSING_NOISE_SEED)  # the oldest checkpoints store no noise planes
    stored = any(name.startswith("noises.") for name in values)
    blocks = 1 + sum(bool(re.fullmatch(r"to_rgbs\.\d+\.bias", name)) for name in values)
    if blocks > MAX_BLOCKS:
        raise CheckpointError(f"It announces {blocks} resolutions; a StyleGAN2 has at most {MAX_BLOCKS}.")
    for block in range(blocks):
        resolution = 4 * 2**block
        ours = f"synthesis.b{resolution}"
        convs = (
            {"conv1": "conv1"} if not block else {"conv0": f"convs.{2 * block - 2}", "conv1": f"convs.{2 * block - 1}"}
        )
        for name, theirs in convs.items():
            out[f"{ours}.{name}.weight"] = _first(_take(values, f"{theirs}.conv.weight"))
            out[f"{ours}.{name}.bias"] = _take(values, f"{theirs}.activate.bias")
            out[f"{ours}.{name}.noise_strength"] = _take(values, f"{theirs}.noise.weight").reshape(())
            _affine(out, f"{ours}.{name}", values, f"{theirs}.conv.modulation")
            plane = f"noises.noise_{2 * block - (name == 'conv0')}"
            side = (resolution, resolution)
            noise = _take(values, plane)[0, 0] if stored else rng.standard_normal(side, np.float32)
            out[f"{ours}.{name}.noise_const"] = noise
        theirs = f"to_rgbs.{block - 1}" if block else "to_rgb1"
        out[f"{ours}.torgb.weight"] = _first(_take(values, f"{theirs}.conv.weight"))
        out[f"{ours}.torgb.bias"] = _take(values, f"{theirs}.bias").reshape(-1)
        _affine(out, f"{ours}.torgb", values, f"{theirs}.conv.modulation")
    for name in [name for name in values if name.endswith(".kernel")]:
        _check_filter(name, values.pop(name), gain=4)
    if values:
        raise CheckpointError(f"It is no rosinality StyleGAN2: {next(iter(values))} is not one of its tensors.")
    notes = () if stored else ("it stores no noise planes, so one of each is drawn here",)
    return config_from_shapes(out, conv_clamp=None), out, notes


def from_basicsr(state: Mapping[str, Array]) -> tuple[StyleGAN2Config, Arrays, tuple[str, ...]]:
    """BasicSR's generator: rosinality's under other names.

    Raises
    ------
    CheckpointError
        It is another network.
    """
    return from_rosinality({_basicsr_name(name): array for name, array in state.items()})


def _basicsr_name(name: str) -> str:
    name = re.sub(r"^style_(conv1|convs\.\d+)\.weight$", r"style_\1.noise.weight", name)
    name = re.sub(r"^noises\.noise(\d+)$", r"noises.noise_\1", name.replace("modulated_conv", "conv"))
    return re.sub(r"^style_mlp", "style", re.sub(r"^style_conv", "conv", name)).replace(
        "constant_input.weight", "input.input"
    )


def from_tensorflow(network: AverageGenerator) -> tuple[StyleGAN2Config, Arrays]:
    """Gs of a TensorFlow StyleGAN2 or StyleGAN2-ADA pickle.

    Raises
    ------
    CheckpointError
        A variant that is not run (labels, or the architecture 'orig').
    """
    mapping, values = dict(network.mapping), dict(network.synthesis)
    out: Arrays = {"mapping.w_avg": _take(dict(network.own), "dlatent_avg")}
    layers = sum(bool(re.fullmatch(r"Dense\d+/weight", name)) for name in mapping)
    for index in range(layers):
        out[f"mapping.fc{index}.weight"] = _take(mapping, f"Dense{index}/weight").T
        out[f"mapping.fc{index}.bias"] = _take(mapping, f"Dense{index}/bias")
    out["synthesis.b4.const"] = _first(_take(values, "4x4/Const/const"))
    resolutions = sorted({int(m[1]) for m in (re.match(r"(\d+)x\1/", name) for name in values) if m} | {4})
    for block, resolution in enumerate(resolutions):
        theirs, ours = f"{resolution}x{resolution}", f"synthesis.b{resolution}"
        convs = {"conv0": "Conv0_up", "conv1": "Conv1"} if block else {"conv1": "Conv"}
        for name, layer in convs.items():
            _tf_layer(out, f"{ours}.{name}", values, f"{theirs}/{layer}", flip=name == "conv0")
            out[f"{ours}.{name}.noise_strength"] = _take(values, f"{theirs}/{layer}/noise_strength").reshape(())
            out[f"{ours}.{name}.noise_const"] = _take(values, f"noise{2 * block - (name == 'conv0')}")[0, 0]
        if f"{theirs}/ToRGB/weight" in values:
            _tf_layer(out, f"{ours}.torgb", values, f"{theirs}/ToRGB", flip=False)
        if f"{theirs}/Skip/weight" in values:
            out[f"{ours}.skip.weight"] = _take(values, f"{theirs}/Skip/weight")[::-1, ::-1].transpose(3, 2, 0, 1)
    left = [name for name in (*mapping, *values) if name != "lod"]
    if left:
        raise CheckpointError(f"It is a StyleGAN2 with {left[0]}, as in conditional ones of TensorFlow; not run here.")
    clamp = network.arguments.get("conv_clamp")
    config = config_from_shapes(out, conv_clamp=None if clamp is None else float(clamp))
    said = network.arguments.get("architecture", config.architecture)
    if said != config.architecture:
        raise CheckpointError(f"It is of architecture {reprlib.repr(said)}; only 'skip' and 'resnet' are run here.")
    return config, out


def _tf_layer(out: Arrays, ours: str, values: dict[str, NDArray[Any]], theirs: str, *, flip: bool) -> None:
    """A modulated convolution: TensorFlow's is [kh, kw, in, out], turned where up-sampling, style biases less 1."""
    weight = _take(values, f"{theirs}/weight")
    out[f"{ours}.weight"] = (weight[::-1, ::-1] if flip else weight).transpose(3, 2, 0, 1)
    out[f"{ours}.bias"] = _take(values, f"{theirs}/bias")
    out[f"{ours}.affine.weight"] = _take(values, f"{theirs}/mod_weight").T
    out[f"{ours}.affine.bias"] = _take(values, f"{theirs}/mod_bias") + 1


def _affine(out: Arrays, ours: str, values: dict[str, NDArray[Any]], theirs: str) -> None:
    out[f"{ours}.affine.weight"] = _take(values, f"{theirs}.weight")
    out[f"{ours}.affine.bias"] = _take(values, f"{theirs}.bias")


def _take(values: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in values:
        raise CheckpointError(f"It is no StyleGAN2: its tensor {name} is missing.")
    return values.pop(name)


def _first(array: NDArray[Any]) -> NDArray[Any]:
    """Without the leading axis of length 1."""
    return array.reshape(array.shape[1:])


def _check_filter(name: str, kernel: NDArray[Any], *, gain: float) -> None:
    if kernel.shape != _FILTER.shape or not np.allclose(kernel, _FILTER * gain, atol=1e-6):
        raise CheckpointError(
            f"Its {name} is not the [1, 3, 3, 1] filter that StyleGAN2 is defined with; not run here."
        )
