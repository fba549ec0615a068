"""The stage of a build that takes natural faces of the generator's own, and those of a source that the user names."""

from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from facsmith.batch import Job
from facsmith.bundle import FILES
from facsmith.lab.build.bench import Bench
from facsmith.lab.fit.collect_codes import collect
from facsmith.lab.fit.encoding import encoding
from facsmith.lab.fit.encoding_job import CodesJob
from facsmith.lab.fit.folder import LabelledCodes, read_codes
from facsmith.lab.fit.sources import SampleOptions, Samples, open_source
from facsmith.lab.fit.sources.samples import measured

__all__ = ["CODED", "NATURAL", "collected", "samples"]

NATURAL: Final = "samples"
CODED: Final = "source"
_MOST: Final = 3000
_FEWEST: Final = 100


def samples(bench: Bench) -> dict[str, Any]:
    """Natural faces, scored by `measure`, and those of a source, encoded -> build/samples-codes/, source-codes/."""
    report: dict[str, Any] = {}
    room, small, options = bench.options.seconds("samples"), bench.networks.small, bench.options
    score = partial(measured, provider=options.provider)
    # The first ones tell how long one takes; they are scored again.
    tried = sum(1 for _ in Samples(small, 8, score, SampleOptions(seed=options.seed)).items())
    count = min(_MOST, int(8 * room * bench.runner.workers / max(bench.spent, 1e-6)))
    if tried and count >= _FEWEST:
        report["scored"] = len(_collect(bench, NATURAL, f"samples:{count}").ws)
    else:
        report["note"] = "no time for natural faces" if tried else "no natural face can be measured"
    if options.source:
        report["coded"] = len(_collect(bench, CODED, options.source).ws)
    return report


def collected(bench: Bench) -> list[tuple[str, LabelledCodes]]:
    """The codes that `samples` left."""
    folders = [(name, bench.work / f"{name}-codes") for name in (NATURAL, CODED)]
    return [(name, read_codes(folder)) for name, folder in folders if (folder / "ws.npy").is_file()]


def _collect(bench: Bench, name: str, source: str) -> LabelledCodes:
    options, small = bench.options, bench.networks.small
    encode = None
    if name == CODED and not bench.has_workers:
        encode = encoding(small, bench.networks.descriptor, bench.networks.encoder)
    codes = collect(
        open_source(source, small, seed=options.seed, provider=options.provider),
        bench.work / name,
        small,
        encode,
        name=source.partition(":")[0] if name == NATURAL else source,
        provider=options.provider,
        job=_job(bench, source),
        runner=bench.runner if bench.has_workers else None,
        progress=lambda _, done, total: bench.tell("samples", done, total),
    )
    folder = bench.work / f"{name}-codes"
    folder.mkdir(exist_ok=True)
    for part, values in codes._asdict().items():
        np.save(folder / f"{part}.npy", values)
    return codes


def _job(bench: Bench, source: str) -> Job:
    generator, descriptor, encoder = (str((bench.folder / name).absolute()) for name in FILES[:3])
    kind, _, where = source.partition(":")
    placed = f"{kind}:{Path(where).absolute()}" if Path(where).exists() else source
    return CodesJob(
        placed,
        generator,
        descriptor,
        encoder,
        provider=bench.options.provider,
        seed=bench.options.seed,
        threads=torch.get_num_threads(),
        device=bench.worker_device,
        reduced=True,
    )
