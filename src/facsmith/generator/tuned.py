"""A generator some of whose weights were changed for one face, under the name that latents and boundaries know."""

import copy
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from facsmith.errors import CheckpointError, InputError
from facsmith.generator.derived import DerivedGenerator
from facsmith.generator.layers import GeneratorModule
from facsmith.generator.protocol import Generator

__all__ = ["TunedGenerator", "tunable"]


def tunable(generator: Generator) -> dict[str, nn.Parameter]:
    """The synthesis network's parameters that may be changed for a face: all but the strength of noise.

    Raises
    ------
    InputError
        A generator that is none of ours, or tuned already.
    """
    if not isinstance(generator, GeneratorModule):
        raise InputError(
            f"A {type(generator).__name__} cannot be tuned to a face; take a StyleGAN as it was trained, not one that "
            "is tuned already."
        )
    return _parameters(cast(nn.Module, generator.synthesis))


class TunedGenerator(DerivedGenerator):
    """Satisfies the ``Generator`` protocol. ``generator_id`` is that of the base: W+ means what it meant there.

    Parameters
    ----------
    delta
        Changes of some of `tunable`'s parameters, by their names.

    Raises
    ------
    InputError
        A base that cannot be tuned.
    CheckpointError
        Changes of another generator, or not finite.
    """

    def __init__(self, base: Generator, delta: Mapping[str, Tensor]) -> None:
        known = tunable(base)
        for name, change in delta.items():
            if name not in known or change.shape != known[name].shape or not bool(torch.isfinite(change).all()):
                raise CheckpointError(
                    f"The change of {name}, {tuple(change.shape)}, does not belong to {base.generator_id}; tune the "
                    "face again with this generator."
                )
        super().__init__(base)
        self.synthesis: nn.Module = copy.deepcopy(cast(nn.Module, base.synthesis)).requires_grad_(False)
        with torch.no_grad():
            for name, parameter in self.tunable.items():
                if name in delta:
                    parameter += delta[name].to(parameter)

    @property
    def tunable(self) -> dict[str, nn.Parameter]:
        """Its own parameters that may be changed."""
        return _parameters(self.synthesis)


def _parameters(synthesis: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in synthesis.named_parameters() if not name.endswith("noise_strength")}
