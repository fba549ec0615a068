"""From a generator's checkpoint to a model's folder: the stages in their order, each once."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from facsmith import __version__
from facsmith._files import file_sha256
from facsmith.bundle import seal
from facsmith.errors import OutputError
from facsmith.facs import DISFA
from facsmith.lab.build import boundary_stages, stages
from facsmith.lab.build.bench import Bench, Progress
from facsmith.lab.build.options import STAGES, BuildOptions
from facsmith.lab.build.record import Record

if TYPE_CHECKING:
    from facsmith.lab.evaluate.check import Check

__all__ = ["Built", "build_model"]

Image = npt.NDArray[np.uint8]

_UNSAID: Final = "as the generator's, which its file does not say"


@dataclass(frozen=True)
class Built:
    """What a build came to.

    Parameters
    ----------
    folder
        The model's folder.
    stages
        What each stage found, with its seconds by the clock and of the processor.
    check
        Rows of the check's table. None where an earlier run checked.
    verdict
        The outcome, in a sentence or two.
    """

    folder: Path
    stages: Mapping[str, Mapping[str, Any]]
    check: "Check | None"
    verdict: str


def build_model(
    checkpoint: str | Path,
    folder: str | Path,
    options: BuildOptions | None = None,
    *,
    photos: Sequence[tuple[str, Image]] = (),
    progress: Progress = lambda stage, done, total, left: None,
) -> Built:
    """Build a model of a generator, or go on where a build of it was left.

    Parameters
    ----------
    checkpoint
        A file that `checkpoint.read_checkpoint` reads, or a name of `MODELS`.
    folder
        The model's folder; parts that only building needs lie in ``folder/build``, which may be removed at the end.
    photos
        (name, (H, W, 3) uint8 RGB) to check on.

    Raises
    ------
    InputError
        The folder holds another build, or the generator draws no faces.
    ModelUnavailableError
        The checkpoint or a descriptor is not at hand.
    CheckpointError
        The checkpoint or a descriptor cannot be read.
    """
    options = options or BuildOptions()
    root = Path(folder)
    work = root / "build"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"Could not make the folder {work}: {error.strerror}. Choose another.") from error
    path = Path(checkpoint)
    source = file_sha256(path) if path.is_file() else str(checkpoint)
    record = Record(work, {"checkpoint": source, **options.identity})
    bench = Bench(root, str(checkpoint), options, record, progress)
    found: list[Check] = []

    def check(bench: Bench) -> dict[str, Any]:
        seal(root, _card(record))
        return boundary_stages.check(bench, photos, found)

    work_of: dict[str, Callable[[Bench], dict[str, Any]]] = {
        "read": stages.read,
        "framing": stages.frame,
        "descriptor": stages.take_descriptor,
        "search": stages.search,
        "encoder": stages.encode,
        "samples": boundary_stages.samples,
        "boundaries": boundary_stages.fit,
        "check": check,
        "card": lambda bench: _sealed(root, record),
    }
    for stage in STAGES:
        if stage in record:
            continue
        bench.begin()
        bench.tell(stage, 0, 1)
        cpu = time.process_time()
        report = work_of[stage](bench)
        record.finish(stage, report, seconds=bench.spent, cpu=time.process_time() - cpu)
        bench.tell(stage, 1, 1)
    return Built(root, record.stages, found[0] if found else None, verdict(record.stages))


def verdict(done: Mapping[str, Mapping[str, Any]]) -> str:
    """What a build came to, said plainly."""
    fitted, checked = done["boundaries"], done["check"]
    total = len(DISFA)
    on = f"{checked['photos']} portrait{'s' if checked['photos'] != 1 else ''}"
    if not checked["portraits"]:
        on = "NASA's portrait" + (f" and {checked['photos'] - 1} of its own faces" if checked["photos"] > 1 else "")
    sentences = [f"Films pass the check for {len(checked['passed'])} of {total} AUs on {on}."]
    if checked["failed"]:
        sentences.append(f"{', '.join(checked['failed'])} fail{'s' if len(checked['failed']) == 1 else ''}.")
    shown = [au for au in fitted["latent"] if au not in fitted["weak"]]
    sentences.append(
        f"The generator itself shows {len(shown)} of {total} ({', '.join(shown) or 'none'}) on its own faces."
    )
    named = {**fitted["muscles"], **fitted["weak"]}
    if named:
        reasons = "; ".join(f"{au} {why}" for au, why in named.items())
        sentences.append(f"The rest is moved by the muscles alone: {reasons}.")
    return " ".join(sentences)


def _sealed(root: Path, record: Record) -> dict[str, Any]:
    seal(root, _card(record))
    return {}


def _card(record: Record) -> dict[str, Any]:
    read, fitted = record.numbers("read", "metadata"), record["boundaries"]
    encoder, searched = record["encoder"], record["search"]
    card: dict[str, Any] = {
        "version": 1,
        "made_by": f"facsmith {__version__}, models build",
        "licence": read.get("licence", _UNSAID),
        "generator": {key: read[key] for key in ("title", "source", "source_sha256", "format", "url") if key in read},
        "framing": record["framing"]["card"],
        "descriptor": record["descriptor"]["name"],
        "encoder": f"{encoder['steps']} steps on the generator's own pictures, {encoder['seconds'] / 60:.0f} minutes",
        "boundaries": f"moves searched from the known codes of {searched['faces']} of the generator's own faces, moved "
        f"by muscles; chosen and calibrated on {sum(fitted['judges'])} others",
        "ways": fitted["ways"],
        "shown_by_the_generator": fitted["shown"],
        "left_to_muscles": fitted["muscles"],
    }
    if "check" in record:
        checked = record["check"]
        card["check"] = {key: checked[key] for key in ("photos", "portraits", "passed", "failed")}
    return card
