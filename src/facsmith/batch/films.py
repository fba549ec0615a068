"""The job of `facsmith batch`: a film or a picture of a photo, or a film edited, by the very calls that the single
commands make."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facsmith import __version__
from facsmith._files import file_sha256
from facsmith.batch.film_rows import edited_film
from facsmith.batch.manifest import PICTURES
from facsmith.batch.units import Plain, Unit, Work
from facsmith.bundle import DEFAULT_BUNDLE, FILES, bundle_folder
from facsmith.errors import CheckpointError, InputError
from facsmith.options import AnimateOptions, chosen
from facsmith.signing import Credentials
from facsmith.timeline import Timeline

if TYPE_CHECKING:
    from facsmith.animator import Animator
    from facsmith.film import Animation, Picture

__all__ = ["FilmJob", "ModelOptions", "limit_threads", "sha256_of"]


@dataclass(frozen=True)
class ModelOptions:
    """Which model, and how it is run.

    Parameters
    ----------
    model
        A model of the package, or a folder.
    boundaries
        A file that replaces the model's own boundaries.
    threads
        Threads of a worker. None: as many as this process would take. Sums over another number of threads differ in
        their last bits.
    device
        As torch calls it; cpu or cuda.
    """

    model: str = DEFAULT_BUNDLE
    boundaries: str | None = None
    threads: int | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise InputError(f"{self.threads} threads; give 1 or more.")

    @property
    def identity(self) -> dict[str, Any]:
        """Version, hashes and whatever else decides results; the files' places do not."""
        folder = bundle_folder(self.model)
        hashes = {name: sha256_of(folder / name) for name in FILES}
        if self.boundaries is not None:
            hashes[FILES[3]] = sha256_of(Path(self.boundaries))
        return {"facsmith": __version__, "models": hashes, "threads": self.threads, "device": self.device}

    def load(self) -> "Animator":
        """The animator, in this process."""
        from facsmith.animator import Animator

        limit_threads(self.threads)
        return Animator.from_pretrained(self.model, boundaries=self.boundaries).to(self.device)


@dataclass(frozen=True)
class FilmJob:
    """A film or picture of each row.

    Parameters
    ----------
    options
        Options of every film; a unit brings its seed, and what its row says of options.
    credentials
        What signs the results; by default nothing is signed.
    """

    options: AnimateOptions = field(default_factory=AnimateOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    credentials: Credentials | None = None

    @property
    def identity(self) -> Plain:
        """See `units.Job`."""
        signed = {} if self.credentials is None else {"signed": self.credentials.identity}
        return {"work": "film", **self.model.identity, "options": asdict(self.options), **signed}

    def open(self) -> Work:
        """See `units.Job`."""
        return _Films(self.model.load(), self.options, self.credentials)


class _Films:
    def __init__(self, animator: "Animator", options: AnimateOptions, credentials: Credentials | None) -> None:
        self._animator, self._options, self._credentials = animator, options, credentials

    def __call__(self, unit: Unit, inputs: Sequence[Path], output: Path) -> Iterable[str]:
        if "film" in unit.settings:
            return edited_film(self._animator, unit, [*inputs], output, self._options_of(unit), self._credentials).notes
        receipt = self._made(unit, inputs).save(output, sign_with=self._credentials)
        return receipt.notes if receipt else ()

    def _options_of(self, unit: Unit) -> AnimateOptions:
        return chosen(self._options, {"seed": int(unit.settings["seed"]), **unit.settings.get("options", {})})

    def _made(self, unit: Unit, inputs: Sequence[Path]) -> "Animation | Picture":
        options = self._options_of(unit)
        if unit.settings.get("timeline"):
            return self._animator.animate(inputs[0], Timeline.from_yaml(inputs[1]), options=options)
        expression: list[str] = unit.settings["expression"]
        if unit.output.lower().endswith(PICTURES):
            return self._animator.edit(inputs[0], expression[0], options=options)
        asked = expression if len(expression) > 1 else expression[0]
        return self._animator.animate(inputs[0], asked, options=options)


def limit_threads(threads: int | None) -> None:
    """Of torch and the linear algebra libraries, in this process."""
    import torch
    from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

    if threads is not None:
        torch.set_num_threads(threads)
        threadpool_limits(threads)


def sha256_of(path: Path) -> str:
    """The sha256 of a model's file.

    Raises
    ------
    CheckpointError
        It cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise CheckpointError(f"{path} could not be read: {error.strerror or error}. Check the model.") from error
