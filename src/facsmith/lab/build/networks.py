"""The networks of a model that is being built, each loaded when it is first needed."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from facsmith.bundle import FILES
from facsmith.checkpoint import load_generator
from facsmith.descriptor import Descriptor, load_descriptor
from facsmith.encoder import Encoder
from facsmith.generator import Generator
from facsmith.lab.fit.own_faces import working

__all__ = ["BuildNetworks"]


@dataclass(eq=False)
class BuildNetworks:
    """A model's networks, as far as they are made.

    Parameters
    ----------
    folder
        The model's.
    device
        Where they run.
    """

    folder: Path
    device: str = "cpu"

    @cached_property
    def generator(self) -> Generator:
        """The generator at its full resolution."""
        network: Any = load_generator(self.folder / FILES[0])
        return network.to(self.device)

    @cached_property
    def small(self) -> Generator:
        """The generator at the working resolution."""
        return working(self.generator)

    @cached_property
    def descriptor(self) -> Descriptor:
        """The descriptor."""
        network: Any = load_descriptor(self.folder / FILES[1])
        return network.to(self.device) if hasattr(network, "to") else network

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder."""
        return Encoder.load(self.folder / FILES[2]).to(self.device)
