"""Faces of the generator's own, scored by `facsmith.measure`: boundaries for any StyleGAN, without any database.

Seeds 0, 1, 2, ... are drawn, measured and mostly thrown away. What is kept is what an AU still needs: faces that show
it, faces that do not, and of those that show it no more that show another AU too than that one's share (FACTS.md: AU6
comes with AU12, AU25 with AU26).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from facsmith._types import Array, Image
from facsmith.errors import InputError
from facsmith.facs import DISFA
from facsmith.lab.fit.sources.types import SOME, Item, Portion, portions

if TYPE_CHECKING:
    import torch

    from facsmith.generator import Generator

__all__ = ["Keeper", "SampleOptions", "Samples", "Score"]

Score = Callable[[Image], Array | None]
"""(H, W, 3) uint8 RGB -> (12,) intensities in [0, 1], NaN where an AU cannot be told; None without a usable face."""

_LARGE: Final = 384  # landmarkers are unsure in smaller pictures
_BATCH: Final = 8


@dataclass(frozen=True)
class SampleOptions:
    """Which of the generator's samples are kept.

    Parameters
    ----------
    psi
        Truncation of the samples.
    threshold
        Measured intensity from which a face shows an AU.
    neutral
        Measured intensity below which it does not.
    quota
        Faces per AU and side.
    company
        Largest part of the faces kept for an AU that may show one and the same other AU.
    """

    psi: float = 0.8
    threshold: float = 0.4
    neutral: float = 0.15
    quota: int = 400
    company: float = 0.6
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.neutral < self.threshold <= 1 and 0 < self.company <= 1 and self.quota >= 2):
            raise InputError(
                f"Samples need neutral < threshold, both in [0, 1], company in (0, 1] and a quota of 2 or more; got "
                f"{self.neutral:g}, {self.threshold:g}, {self.company:g} and {self.quota}."
            )
        if not 0 <= self.psi <= 1:
            raise InputError(f"Truncation psi is {self.psi:g}; give a number from 0 to 1.")


class Keeper:
    """Decides, face by face, what is kept.

    Attributes
    ----------
    shown
        (12, 12), row i: of the faces kept for AU i, how many show AU j.
    """

    _FIRST = 10  # faces of an AU that are kept whatever their company

    def __init__(self, options: SampleOptions) -> None:
        self._options = options
        self._neutral = 0
        self.shown = np.zeros((len(DISFA), len(DISFA)), dtype=np.int64)

    def offer(self, au: Array) -> bool:
        """Whether a face of these intensities (12,) is wanted; if so, it counts from now on."""
        active = au >= self._options.threshold
        wanted = False
        for k in np.flatnonzero(active):
            count = self.shown[k, k]
            company = self.shown[k] + active
            company[k] = 0
            balanced = count < self._FIRST or company[active].max(initial=0) <= self._options.company * (count + 1)
            if count < self._options.quota and balanced:
                self.shown[k] += active
                wanted = True
        if not active.any() and self._neutral < self._options.quota:
            self._neutral += 1
            wanted = True
        return wanted


class Samples:
    """A source (`lab.fit.sources`) of `count` faces of a generator, each a person of its own.

    Parameters
    ----------
    score
        Measures a face's AUs; by default `facsmith.measure` on the enlarged picture.
    """

    notes = ("Labels are measured on pictures of strangers (facsmith measure): AU4, AU6 and AU15 are told least well.",)

    def __init__(
        self, generator: "Generator", count: int, score: Score | None = None, options: SampleOptions | None = None
    ) -> None:
        if count < 1:
            raise InputError(f"{count} samples; give 1 or more, 50000 for good boundaries.")
        self._generator, self._count = generator, count
        self._score = score or measured
        self._options = options or SampleOptions()

    def __len__(self) -> int:
        return self._count

    def portions(self) -> Iterator[Portion]:
        """See `Source.portions`."""
        return portions(len(self), SOME)

    def items(self, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """See `Source.items`; a face on which nothing can be measured is left out."""
        import torch

        from facsmith import image

        generator, end = self._generator, len(self) if stop is None else stop
        for first in range(start - start % _BATCH, end, _BATCH):
            numbers = range(first, min(first + _BATCH, len(self)))
            z = torch.stack([self._z(number) for number in numbers]).to(generator.w_avg)
            with torch.inference_mode():
                ws = generator.mapping(z, psi=self._options.psi)
                pictures = image.to_uint8(generator.synthesis(ws))
            for number, code, picture in zip(numbers, ws.float().cpu().numpy(), pictures, strict=True):
                au = self._score(picture) if start <= number < end else None
                if au is not None:
                    known = np.nan_to_num(au)
                    labels = np.where(known < self._options.neutral, 0.0, np.clip(known, 0.0, 1.0))
                    yield Item(number, labels, f"sample-{number}", latent=code, name=f"sample {number}")

    def selection(self) -> Callable[[Array], bool]:
        """See `Source.selection`: what an AU still needs."""
        return Keeper(self._options).offer

    def _z(self, number: int) -> "torch.Tensor":
        import torch

        random = torch.Generator().manual_seed((self._options.seed << 32) + number)
        return torch.randn(self._generator.z_dim, generator=random)


def measured(picture: Image, *, provider: str = "auto") -> Array | None:
    """A generated face as `facsmith.measure` reads it; None where it shows no usable face."""
    from facsmith import face, image, measure
    from facsmith.errors import NoFaceError

    factor = -(-_LARGE // min(picture.shape[:2]))
    large = image.resize(picture, (factor * picture.shape[0], factor * picture.shape[1])) if factor > 1 else picture
    try:
        return measure.alone(large, face.choose(face.find(large, provider=provider)).face).intensities
    except NoFaceError:
        return None
