"""Generators of NVIDIA's own pickles: StyleGAN1 and StyleGAN2 of TensorFlow, StyleGAN2-ADA of PyTorch."""

from torch import Tensor

from facsmith._json import is_record
from facsmith.checkpoint._modules import Module
from facsmith.checkpoint._network import Config, checked_state
from facsmith.checkpoint._nvidia import read_nvidia
from facsmith.checkpoint._stylegan2 import from_ada, from_tensorflow
from facsmith.checkpoint._tensorflow import average_generator, stylegan1_from
from facsmith.errors import CheckpointError
from facsmith.generator import StyleGAN1Config

__all__ = ["read_pickled"]


def read_pickled(data: memoryview, *, source: str) -> tuple[str, Config, dict[str, Tensor], tuple[str, ...]]:
    """The averaged generator of a pickle: title, config, state and notes, as `read_exchanged` gives them.

    Raises
    ------
    CheckpointError
        Refused, damaged, or no network that is run here.
    """
    value = read_nvidia(data, source=source)
    if is_record(value):
        generator = value.get("G_ema")
        if not isinstance(generator, Module):
            raise CheckpointError("It is a pickle without the network G_ema; no StyleGAN2-ADA file.")
        config, arrays, notes = from_ada(generator)
        return "NVIDIA StyleGAN2-ADA pickle", config, checked_state(config, arrays), notes
    network = average_generator(value)
    if network.family == StyleGAN1Config.family:
        config, state = stylegan1_from(network)
        return "NVIDIA StyleGAN1 TensorFlow pickle", config, checked_state(config, state), ()
    config, arrays = from_tensorflow(network)
    return "NVIDIA StyleGAN2 TensorFlow pickle", config, checked_state(config, arrays), ()
