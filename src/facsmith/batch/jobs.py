"""The jobs of `facsmith invert` and `facsmith measure` over many inputs, by the calls that the single commands make."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from facsmith import __version__, image
from facsmith.batch.films import ModelOptions, limit_threads
from facsmith.batch.units import Plain, Unit, Work
from facsmith.options import AnimateOptions

if TYPE_CHECKING:
    from facsmith.animator import Animator

__all__ = ["FILMS", "PHOTOS", "InvertJob", "MeasureJob"]

PHOTOS = image.PHOTO_SUFFIXES
FILMS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".gif")


@dataclass(frozen=True)
class InvertJob:
    """A photo's latent, or its tuning, as a safetensors file.

    Parameters
    ----------
    options
        Options of the search; a unit brings its seed.
    """

    options: AnimateOptions = field(default_factory=AnimateOptions)
    model: ModelOptions = field(default_factory=ModelOptions)

    @property
    def identity(self) -> Plain:
        """See `units.Job`."""
        return {"work": "invert", **self.model.identity, "options": asdict(self.options)}

    def open(self) -> Work:
        """See `units.Job`."""
        return _Latents(self.model.load(), self.options)


class _Latents:
    def __init__(self, animator: "Animator", options: AnimateOptions) -> None:
        self._animator, self._options = animator, options

    def __call__(self, unit: Unit, inputs: Sequence[Path], output: Path) -> Iterable[str]:
        options = replace(self._options, inversion=replace(self._options.inversion, seed=int(unit.settings["seed"])))
        subject = self._animator.prepare(inputs[0], options=options)
        (subject.tuned or subject.latent).save(output)
        return subject.notes


@dataclass(frozen=True)
class MeasureJob:
    """The AUs of a film's frames, or of a photo, as a CSV in OpenFace's columns.

    A unit's second input, where it has one, is a picture of the same person at rest.

    Parameters
    ----------
    neutral_at
        Seconds at which films show the person at rest.
    face, provider
        As in `facsmith.measure`.
    threads
        Threads of a worker.
    """

    neutral_at: float | None = None
    face: int | None = None
    provider: str = "auto"
    threads: int | None = None

    @property
    def identity(self) -> Plain:
        """See `units.Job`."""
        return {"work": "measure", "facsmith": __version__, **asdict(self)}

    def open(self) -> Work:
        """See `units.Job`."""
        limit_threads(self.threads)
        return self._measure

    def _measure(self, unit: Unit, inputs: Sequence[Path], output: Path) -> Iterable[str]:
        from facsmith.measure import action_units
        from facsmith.measure.film import read_film
        from facsmith.measure.table import Row, write_table

        source, rest = inputs[0], image.read(inputs[1]) if len(inputs) > 1 else None
        if source.suffix.lower() in FILMS:
            rows = read_film(source, neutral=rest, neutral_at=self.neutral_at, provider=self.provider, face=self.face)
            write_table(output, rows)
        else:
            found = action_units(image.read(source), rest, provider=self.provider, face=self.face)
            write_table(output, [Row(0, 0.0, found)])
        return ()
