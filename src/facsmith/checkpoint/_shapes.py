"""The tensors a configuration stands for, without building its network: a forged file must not make us allocate one.

(`torch.device("meta")` would tell the same, but its first use imports two seconds' worth of torch's compiler.)
"""

from facsmith.generator import StyleGAN1Config, StyleGAN2Config

__all__ = ["expected_shapes"]

Shapes = dict[str, tuple[int, ...]]


def expected_shapes(config: StyleGAN1Config | StyleGAN2Config) -> Shapes:
    """Name and shape of every tensor in the network's state dict."""
    return _stylegan1(config) if isinstance(config, StyleGAN1Config) else _stylegan2(config)


def _stylegan2(config: StyleGAN2Config) -> Shapes:
    w, rgb = config.w_dim, config.img_channels
    out: Shapes = {"mapping.w_avg": (w,), "synthesis.b4.const": (config.channels(4), 4, 4)}
    if config.c_dim:
        out |= _linear("mapping.embed", config.c_dim, w)
    for index in range(config.mapping_layers):
        first = config.z_dim + (w if config.c_dim else 0)
        out |= _linear(f"mapping.fc{index}", w if index else first, w)
    for r in config.block_resolutions:
        count, block = config.channels(r), f"synthesis.b{r}"
        convs = {"conv1": count}
        if r > 4:
            convs["conv0"] = config.channels(r // 2)
        for name, below in convs.items():
            out |= _linear(f"{block}.{name}.affine", w, below)
            out |= {f"{block}.{name}.weight": (count, below, 3, 3), f"{block}.{name}.bias": (count,)}
            out |= {f"{block}.{name}.noise_strength": (), f"{block}.{name}.noise_const": (r, r)}
        if config.architecture == "resnet" and r > 4:
            out[f"{block}.skip.weight"] = (count, config.channels(r // 2), 1, 1)
        if config.architecture == "skip" or r == config.resolution:
            out |= _linear(f"{block}.torgb.affine", w, count)
            out |= {f"{block}.torgb.weight": (rgb, count, 1, 1), f"{block}.torgb.bias": (rgb,)}
    return out


def _stylegan1(config: StyleGAN1Config) -> Shapes:
    out: Shapes = {"mapping.w_avg": (config.w_dim,), "synthesis.b4.const": (config.channels[4], 4, 4)}
    if config.c_dim:
        out["mapping.label.weight"] = (config.z_dim, config.c_dim)
    width = config.z_dim * (2 if config.c_dim else 1)
    for index in range(config.mapping_layers):
        after = config.w_dim if index == config.mapping_layers - 1 else config.mapping_dim
        out |= _linear(f"mapping.fc{index}", width, after)
        width = after
    for r in config.block_resolutions:
        count = config.channels[r]
        for index, below in enumerate((config.channels[r // 2] if r > 4 else None, count)):
            layer = f"synthesis.b{r}.layer{index}"
            if below is not None:
                out[f"{layer}.weight"] = (count, below, 3, 3)
            out |= {f"{layer}.bias": (count,), f"{layer}.noise_weight": (count,), f"{layer}.noise_const": (r, r)}
            out |= _linear(f"{layer}.style", config.w_dim, 2 * count)
    out["synthesis.torgb.weight"] = (3, config.channels[config.resolution], 1, 1)
    return out | {"synthesis.torgb.bias": (3,)}


def _linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
