"""From a generator's checkpoint to a model's folder: the stages in their order, each once."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facsmith._files import file_sha256
from facsmith._types import Image
from facsmith.batch import Here, Runner
from facsmith.errors import OutputError
from facsmith.lab.build.bench import Bench, Progress
from facsmith.lab.build.card import verdict
from facsmith.lab.build.options import STAGES, BuildOptions
from facsmith.lab.build.record import Record
from facsmith.lab.build.stages import WORK

if TYPE_CHECKING:
    from facsmith.lab.evaluate.check import Check

__all__ = ["Built", "build_model"]


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
    runner: Runner | None = None,
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
    runner
        Who searches faces and measures samples, such as `batch.OnRay`, whose workers must see ``folder``. None: this
        process.

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
    bench = Bench(root, str(checkpoint), options, record, progress, photos, runner or Here())
    for stage in STAGES:
        if stage in record:
            continue
        bench.begin()
        bench.tell(stage, 0, 1)
        cpu = time.process_time()
        report = WORK[stage](bench)
        record.finish(stage, report, seconds=bench.spent, cpu=time.process_time() - cpu)
        bench.tell(stage, 1, 1)
    return Built(root, record.stages, bench.check, verdict(record.stages))
