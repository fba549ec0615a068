"""Action Units as human FACS coders see them: a linear map learned from coded peaks of people and their neutral faces.

Input is what differs from the same person's neutral: the 68 points' displacement and the features of eyes and mouth
(`measure.appearance_features`), both made mirror-symmetric. The map is a ridge regression on two kinds of samples:
peaks with their coders' intensities, and the same people's neutral faces moved by the muscles, which give it its scale.
`facsmith train readout` makes its file.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from facsmith._types import Array, Image
from facsmith.errors import CheckpointError, ModelUnavailableError
from facsmith.face.points import MIRROR
from facsmith.measure.appearance_features import APPEARANCE_LENGTH, part_features
from facsmith.measure.displacement import aligned_displacement, unmixed

__all__ = ["LENGTH", "Appearance", "Readout", "available_readout", "default_readout", "difference", "observe"]


LENGTH: Final = 2 * 68 + APPEARANCE_LENGTH
_KIND: Final = "readout"
_FILE: Final = "readout.safetensors"
_SCALES: Final = (0.9, 55.0)
"""Length of the displacement (IOD) and of the features' difference, root mean square over coded peaks: both count
alike."""
_NOISE: Final = 0.02
"""A score fainter than this is nothing."""
_SIDE_SCORES: Final = 0.5
"""Of what an AU's muscles score for other AUs, the part that is taken away from readings: muscles are not people. In
folds by subject, all of it reads people with a mean AUC of .950 and mixtures of muscles with an error of .073; a half
.967 and .073; nothing .967 and .093."""
_LEAST: Final = 0.15
"""An AU whose muscles score less on a face has the population's scale there: 1."""


class Appearance(NamedTuple):
    """landmarks: (68, 2) in pixels. parts: (1792,) features of eyes and mouth."""

    landmarks: Array
    parts: Array


def observe(image: Image, landmarks: npt.ArrayLike) -> Appearance:
    """image: (H, W, 3) uint8 RGB. landmarks: (68, 2) in its pixels."""
    points = np.asarray(landmarks, dtype=np.float64)
    return Appearance(points, part_features(image, points))


def difference(shown: Appearance, neutral: Appearance) -> Array:
    """(1928,): how a picture differs from the same person's neutral one, displacement first."""
    moved = aligned_displacement(shown.landmarks, neutral.landmarks)
    even = (moved + moved[np.array(MIRROR)] * [-1.0, 1.0]) / 2
    return np.concatenate([even.ravel() / _SCALES[0], (shown.parts - neutral.parts) / _SCALES[1]])


@dataclass(frozen=True, eq=False)
class Readout:
    """A linear readout of AUs from how a face differs from its neutral.

    Parameters
    ----------
    aus
        That it tells, (K,).
    weights
        Provider of landmarks -> (1928, K).
    card
        How it was made, and how well it reads people left out.
    """

    aus: tuple[int, ...]
    weights: Mapping[str, Array]
    card: Mapping[str, Any]

    def scores(self, differences: Array, provider: str) -> Array:
        """The readout's scores of differences from the neutral face.

        Parameters
        ----------
        differences
            (..., 1928).

        Returns
        -------
        (..., K), not yet in one person's scale.
        """
        return differences @ self._weight(provider)

    def moved_scores(self, moved: Array, provider: str) -> Array:
        """Scores of the landmarks' part.

        Parameters
        ----------
        moved
            (68, 2) displacement in IOD.

        Returns
        -------
        The part (K,) of `scores` that comes from it.
        """
        even = (moved + moved[np.array(MIRROR)] * [-1.0, 1.0]) / 2
        return even.ravel() / _SCALES[0] @ self._weight(provider)[: 2 * 68]

    def part_scores(self, parts: Array, provider: str) -> Array:
        """Scores of the appearance's part.

        Parameters
        ----------
        parts
            (1792,) of `Appearance`.

        Returns
        -------
        (K,); the difference of two is the other part of `scores`.
        """
        return parts / _SCALES[1] @ self._weight(provider)[2 * 68 :]

    def picture_scores(self, image: Image, landmarks: npt.ArrayLike, provider: str) -> Array:
        """`part_scores` (K,) of a picture (H, W, 3) uint8 RGB with landmarks (68, 2) in its pixels."""
        return self.part_scores(observe(image, landmarks).parts, provider)

    def _weight(self, provider: str) -> Array:
        return self.weights[provider] if provider in self.weights else next(iter(self.weights.values()))

    def scale(self, muscles: Mapping[int, Array], provider: str) -> Array:
        """One person's scale: (K, K), what is scored for each AU at intensity 1.

        Parameters
        ----------
        muscles
            AU -> (1928,) difference of the neutral face moved by that AU. Rows of AUs that the muscles do not play, or
            hardly show, are the unit vector.
        """
        rows = np.eye(len(self.aus))
        for row, au in enumerate(self.aus):
            if au in muscles:
                score = self.scores(muscles[au], provider)
                if score[row] >= _LEAST:
                    rows[row] = np.where(np.isin(self.aus, list(muscles)), _SIDE_SCORES * score, 0.0)
                    rows[row, row] = score[row]
        return rows

    def read(self, seen: Array, scale: Array, provider: str) -> Array:
        """(K,) in [0, 1]: the intensities whose scores add up to that of a difference (1928,)."""
        return np.clip(unmixed(scale, self.scores(seen, provider), noise=_NOISE), 0.0, 1.0)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one safetensors file."""
        import torch

        from facsmith._weights import save_weights

        tensors = {name: torch.tensor(weight, dtype=torch.float32) for name, weight in self.weights.items()}
        save_weights(path, tensors, kind=_KIND, config={"aus": list(self.aus), "card": dict(self.card)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Readout":
        """Read what `save` wrote.

        Raises
        ------
        CheckpointError
            No such file, damaged, or of another kind.
        """
        from facsmith._weights import load_weights

        config, tensors = load_weights(path, kind=_KIND)
        weights = {name: tensor.numpy().astype(np.float64) for name, tensor in tensors.items()}
        try:
            aus = tuple(int(au) for au in cast("list[int]", config["aus"]))
            card: Mapping[str, Any] = config["card"]
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} is damaged ({error}); make it again: facsmith train readout.") from error
        if not weights or any(w.shape != (LENGTH, len(aus)) or not np.isfinite(w).all() for w in weights.values()):
            raise CheckpointError(f"{path} has weights of another shape; make it again: facsmith train readout.")
        return cls(aus, weights, card)


@lru_cache(maxsize=1)
def default_readout() -> Readout:
    """The one in the package."""
    return Readout.load(Path(__file__).with_name(_FILE))


def available_readout() -> Readout | None:
    """The one in the package; None where the package of the network that it sees with is not installed."""
    from facsmith.efficientnet import load_efficientnet

    try:
        load_efficientnet()
    except ModelUnavailableError:  # a damaged file is an error
        return None
    return default_readout()
