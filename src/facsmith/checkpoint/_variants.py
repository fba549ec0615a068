"""Whether a StyleGAN2-ADA network computes what NVIDIA's classes compute: every attribute against what it would be.

Weights do not show an activation, a gain or a missing noise. A network that differs there would be read without error
and draw other pictures; so what differs is refused, and what is unknown is said.
"""

import math
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from facsmith.checkpoint._modules import Module
from facsmith.errors import CheckpointError
from facsmith.generator import StyleGAN2Config

__all__ = ["check_modules", "check_variant", "layers_without_noise"]

_SQRT2: Final = math.sqrt(2.0)
_RATE: Final = 0.01
_CLASSES: Final = frozenset(
    {
        "Generator",
        "MappingNetwork",
        "SynthesisNetwork",
        "SynthesisBlock",
        "SynthesisLayer",
        "ToRGBLayer",
        "FullyConnectedLayer",
        "Conv2dLayer",
    }
)
_WITHOUT_EFFECT: Final = frozenset(
    (
        "training",
        "use_fp16",
        "num_fp16_res",
        "channels_last",
        "fused_modconv_default",
        "w_avg_beta",
        "img_resolution_log2",
        "trainable",
    )
)
"""Attributes of NVIDIA's classes that change speed, precision or training, not what is drawn."""


def check_variant(generator: Module, config: StyleGAN2Config) -> tuple[str, ...]:
    """What must be said of the network; nothing where every attribute is NVIDIA's.

    Raises
    ------
    CheckpointError
        An attribute that contradicts the tensors, or another arithmetic than StyleGAN2's.
    """
    unknown: dict[str, None] = {}
    for path, module in _walk(generator):
        if module.class_name not in _CLASSES:
            raise CheckpointError(
                f"Its {path or 'network'} is of the class {reprlib.repr(module.class_name)}, which StyleGAN2 has not; "
                "what it computes is not known here."
            )
        expected = _expected(path, module, config)
        for name, value in module.state.items():
            if name.startswith("_") or name in _WITHOUT_EFFECT:
                continue
            if name not in expected:
                unknown[f"{module.class_name}.{name}"] = None
            elif not _equal(value, expected[name]):
                raise CheckpointError(
                    f"It says {name} = {reprlib.repr(value)} for {path or 'the network'}, where its tensors and "
                    f"NVIDIA's class give {expected[name]!r}; not run here."
                )
    if not unknown:
        return ()
    names = [*unknown]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (
        f"it has attributes that NVIDIA's classes have not ({', '.join(names[:5])}{more}); should they change its "
        "pictures, they do not here",
    )


def layers_without_noise(generator: Module) -> list[str]:
    """Dotted paths of the layers that were built without noise."""
    return [p for p, m in _walk(generator) if m.class_name == "SynthesisLayer" and m.state.get("use_noise") is False]


def check_modules(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    """Attributes of rosinality's modules, by dotted path, where a file holds the modules themselves.

    Raises
    ------
    CheckpointError
        The arithmetic is another than StyleGAN2's.
    """
    for path, state in attributes.items():
        *_, name = path.split(".")
        rate = _RATE if path.startswith("style.") else 1.0
        wanted = {"negative_slope": 0.2, "eps": 1e-8, "demodulate": "to_rgb" not in path, "downsample": False}
        wanted |= {"lr_mul": rate} | ({"scale": _SQRT2} if name == "activate" else {})
        for attribute, value in wanted.items():
            if attribute in state and not _equal(state[attribute], value):
                raise CheckpointError(
                    f"It says {attribute} = {reprlib.repr(state[attribute])} for {path}, where StyleGAN2 has "
                    f"{value!r}; not run here."
                )


def _walk(generator: Module) -> Iterator[tuple[str, Module]]:
    waiting = [("", generator)]
    while waiting:
        path, module = waiting.pop()
        yield path, module
        waiting.extend((f"{path}.{name}".lstrip("."), child) for name, child in module.children().items())


def _expected(path: str, module: Module, config: StyleGAN2Config) -> Mapping[str, Any]:
    """The attributes of the module at ``path`` in NVIDIA's network of this configuration."""
    w, rgb, kind = config.w_dim, config.img_channels, module.class_name
    *_, block, name = ["", "", *path.split(".")]
    if kind == "Generator":
        return _sizes(config) | {"img_resolution": config.resolution, "img_channels": rgb}
    if kind == "MappingNetwork":
        return _sizes(config) | {"num_layers": config.mapping_layers}
    if kind == "SynthesisNetwork":
        return {
            "w_dim": w,
            "img_resolution": config.resolution,
            "img_channels": rgb,
            "block_resolutions": list(config.block_resolutions),
            "num_ws": config.num_ws,
        }
    if kind == "FullyConnectedLayer":
        return _fully_connected(path, module, config)
    resolution = _number(name if kind == "SynthesisBlock" else block)
    channels = config.channels(resolution)
    below = config.channels(resolution // 2) if resolution > 4 else 0
    if kind == "SynthesisBlock":
        last = resolution == config.resolution
        return {
            "in_channels": below,
            "w_dim": w,
            "resolution": resolution,
            "img_channels": rgb,
            "is_last": last,
            "architecture": config.architecture,
            "num_conv": 1 if resolution == 4 else 2,
            "num_torgb": int(last or config.architecture == "skip"),
        }
    if kind == "ToRGBLayer":
        own = {"in_channels": channels, "out_channels": rgb, "w_dim": w, "conv_clamp": config.conv_clamp}
        return own | {"weight_gain": 1 / math.sqrt(channels)}
    up = 2 if name in ("conv0", "skip") else 1
    own = {"in_channels": below if up == 2 else channels, "out_channels": channels, "up": up}
    if kind == "Conv2dLayer":
        gain = 1 / math.sqrt(max(below, 1))
        linear = {"down": 1, "activation": "linear", "act_gain": 1, "weight_gain": gain, "padding": 0}
        return own | linear | {"conv_clamp": None}
    layer = {"w_dim": w, "resolution": resolution, "activation": "lrelu", "act_gain": _SQRT2, "padding": 1}
    return own | layer | {"conv_clamp": config.conv_clamp, "use_noise": module.state.get("use_noise") is not False}


def _sizes(config: StyleGAN2Config) -> dict[str, Any]:
    return {"z_dim": config.z_dim, "c_dim": config.c_dim, "w_dim": config.w_dim, "num_ws": config.num_ws}


def _fully_connected(path: str, module: Module, config: StyleGAN2Config) -> Mapping[str, Any]:
    mapping = path.startswith("mapping.fc")
    weight = module.tensors().get("weight")
    features = tuple(weight.shape) if weight is not None and len(weight.shape) == 2 else (0, 1)
    rate = _RATE if mapping else 1.0
    return {
        "in_features": features[1],
        "out_features": features[0],
        "activation": "lrelu" if mapping else "linear",
        "weight_gain": rate / math.sqrt(max(features[1], 1)),
        "bias_gain": rate,
    }


def _number(block: str) -> int:
    digits = block.removeprefix("b")
    if not digits.isdigit() or len(digits) > 5 or int(digits) < 4:
        raise CheckpointError(f"It has a part {reprlib.repr(block)} where StyleGAN2 has its blocks; not run here.")
    return int(digits)


def _equal(given: Any, wanted: Any) -> bool:
    if isinstance(given, int | float) and isinstance(wanted, int | float):
        return math.isclose(given, wanted, rel_tol=1e-6)
    return given == wanted if isinstance(given, str | list | None) else False
