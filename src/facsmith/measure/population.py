"""What is known of faces in general, for pictures of people whose neutral face is not at hand.

One file, ``measure.safetensors``, made by `facsmith train measure` from people moved by their muscles (`face.muscles`):
how neutral faces differ from one another, what landmarks report for each AU on average, a linear head that reads AUs
from the descriptor's numbers, and how far each source was off on people held out.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

import numpy as np

from facsmith._types import Array
from facsmith.errors import CheckpointError
from facsmith.facs import DISFA

if TYPE_CHECKING:
    from facsmith.descriptor import Descriptor

__all__ = ["FILE", "SOURCES", "Population", "Source", "default_population"]


Source = Literal["landmarks", "blendshapes", "appearance"]
"""Who says what a face shows."""
SOURCES: Final[tuple[Source, ...]] = get_args(Source)
FILE: Final = "measure.safetensors"
"""Its name in a model's folder, beside the descriptor whose numbers it reads."""

_KIND: Final = "measure"
_CM: Final = 100.0  # shapes are stored in hundredths of an IOD: half precision knows no numbers below 6e-8


@dataclass(frozen=True, eq=False)
class Population:
    """What is known of faces in general.

    Parameters
    ----------
    descriptor
        Name of the network that `weight` (12, F) and `bias` (12,) read.
    means
        Provider -> (68, 2), the mean neutral face, mirror-symmetric, eyes' midpoint at 0, unit IOD.
    covariance
        (136, 136), covariance of neutral faces around it.
    responses
        (12, 68, 2) IOD, what landmarks report for each AU at intensity 1, mean over people.
    errors
        Source -> (12,), root mean square error on people held out.
    skill
        Source or "combined" -> (12,), correlation with the truth there.
    card
        How it was made.
    """

    descriptor: str
    weight: Array
    bias: Array
    means: Mapping[str, Array]
    covariance: Array
    responses: Array
    errors: Mapping[str, Array]
    skill: Mapping[str, Array]
    card: Mapping[str, Any]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one safetensors file."""
        import torch

        from facsmith._weights import save_weights

        arrays = {
            "weight": self.weight,
            "bias": self.bias,
            "covariance": self.covariance * _CM**2,
            "responses": self.responses * _CM,
            **{f"mean.{provider}": mean * _CM for provider, mean in self.means.items()},
            **{f"error.{source}": error for source, error in self.errors.items()},
            **{f"skill.{source}": skill for source, skill in self.skill.items()},
        }
        tensors = {name: torch.tensor(array, dtype=torch.float32) for name, array in arrays.items()}
        save_weights(path, tensors, kind=_KIND, config={"descriptor": self.descriptor, "card": dict(self.card)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Population":
        """Read what `save` wrote.

        Raises
        ------
        CheckpointError
            No such file, damaged, or of another kind.
        """
        from facsmith._weights import load_weights

        config, tensors = load_weights(path, kind=_KIND)
        arrays = {name: tensor.numpy().astype(np.float64) for name, tensor in tensors.items()}

        def named(prefix: str) -> dict[str, Array]:
            return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

        try:
            weight = arrays["weight"]
            found = cls(
                descriptor=str(config["descriptor"]),
                weight=weight,
                bias=_shaped(arrays["bias"], (len(DISFA),)),
                means={name: _shaped(mean, (68, 2)) / _CM for name, mean in named("mean.").items()},
                covariance=_shaped(arrays["covariance"], (136, 136)) / _CM**2,
                responses=_shaped(arrays["responses"], (len(DISFA), 68, 2)) / _CM,
                errors={name: _shaped(error, (len(DISFA),)) for name, error in named("error.").items()},
                skill={name: _shaped(skill, (len(DISFA),)) for name, skill in named("skill.").items()},
                card=cast("Mapping[str, Any]", config["card"]),
            )
            _shaped(weight, (len(DISFA), weight.shape[-1]))
        except (KeyError, ValueError, IndexError) as error:
            raise CheckpointError(f"{path} is damaged ({error}); make it again: facsmith train measure.") from error
        if not found.means or "landmarks" not in found.errors:
            raise CheckpointError(f"{path} knows no face; make it again: facsmith train measure.")
        return found

    def mean(self, provider: str) -> Array:
        """(68, 2): the mean neutral face as this provider reports it, or as another does where it was never seen."""
        return self.means[provider] if provider in self.means else next(iter(self.means.values()))


@lru_cache(maxsize=1)
def default_population() -> "tuple[Population, Descriptor]":
    """The bundled model's, and the descriptor that its head reads.

    Raises
    ------
    CheckpointError
        The file is missing, is not the one that the model's card names, or was made for another descriptor.
    """
    from facsmith.bundle import DEFAULT_BUNDLE, FILES, bundle_folder, verified
    from facsmith.descriptor import load_descriptor

    folder = bundle_folder(DEFAULT_BUNDLE)
    population, descriptor = Population.load(verified(folder, FILE)), load_descriptor(folder / FILES[1])
    if population.descriptor != descriptor.name:
        raise CheckpointError(
            f"{folder / FILE} reads the descriptor {population.descriptor}, but {descriptor.name} lies beside it. "
            f"Fit it again: facsmith train measure DATA -o {folder / FILE}"
        )
    return population, descriptor


def _shaped(array: Array, shape: tuple[int, ...]) -> Array:
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"an array of shape {array.shape} instead of {shape}, or not finite")
    return array
