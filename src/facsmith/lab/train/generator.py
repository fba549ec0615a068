"""Train the bundled generator without a week of GPU: StyleGAN2's synthesis network as the decoder of labelled faces.

A GAN from scratch does not converge on a few cores. So every training photo has a known latent from the start
(`lab.train.latents`); the network grows from 16 px, and what it draws is compared with photographs in the features of a
network that has seen a million of them: as a reconstruction term, and by discriminators (`lab.train.projected`).
On a GPU the same command computes in bfloat16 with the data set in its memory; `torchrun` starts it on several.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from facsmith._arrays import write_tensors
from facsmith.errors import InputError
from facsmith.lab.train.distributed import joined
from facsmith.lab.train.faces import Faces
from facsmith.lab.train.generator_run import SETTLED, STATE, GeneratorRun
from facsmith.lab.train.image_features import FrozenEfficientNet, ImageFeatures
from facsmith.lab.train.loop import interruptible
from facsmith.lab.train.monitor import Monitor
from facsmith.lab.train.options import AdversaryOptions, GeneratorOptions
from facsmith.lab.train.start import begin_from

__all__ = ["AdversaryOptions", "GeneratorOptions", "train_generator"]

Progress = Callable[[dict[str, Any]], None]


def train_generator(
    dataset: str | Path,
    out: str | Path,
    options: GeneratorOptions | None = None,
    *,
    start: str | Path | None = None,
    features: ImageFeatures | None = None,
    progress: Progress = lambda _: None,
) -> Path:
    """Train on a data set of `lab.train.data`, resuming from ``out`` where a run was left.

    Writes into ``out``: ``generator.safetensors`` (the averaged weights), ``latents.safetensors`` (deltas and AU
    directions), ``state.safetensors`` (everything, to go on), ``metrics.jsonl`` and sample sheets. Ctrl-C saves and
    stops.

    Under `torchrun`, every process calls this.

    Parameters
    ----------
    start
        A state of another run, or its essence (`train.start`), to begin from.
    features
        What the discriminators see with, and what Fréchet distances are of. None: EfficientNet-Lite0's.
    """
    options = options or GeneratorOptions()
    root = Path(out)
    root.mkdir(parents=True, exist_ok=True)
    with joined() as team, interruptible() as interrupted:
        faces = Faces(
            Path(dataset),
            code_size=options.w_dim,
            resident=team.device if team.device.type == "cuda" else None,
            share=(team.rank, team.size),
            balance=options.balance,
        )
        seeing = features or FrozenEfficientNet(team.device)
        run = GeneratorRun(faces, root, options, team, seeing)
        monitor = Monitor(run.average, run.latents, faces, seeing, device=team.device)
        if (root / STATE).is_file():
            run.resume()
        elif start is not None:
            run.images = max(SETTLED, begin_from(start, run.modules()))
        snapshot = run.seconds
        while True:
            run.seconds, stop = team.told(run.seconds, float(interrupted()))
            if stop or run.progress >= 1:
                break
            if run.seconds - snapshot > 60 * options.snapshot_minutes:
                snapshot = run.seconds
                _snapshot(root, run, monitor, progress)
            began = time.monotonic()
            report = run.train_step()
            if run.step % options.log_every == 0:
                measured = {name: float(value) for name, value in report.items()}
                _check(measured, run, root)
                if team.first:
                    _log(root, run, measured, progress)
            run.seconds += time.monotonic() - began
        _snapshot(root, run, monitor, progress)
    return root


def _check(measured: dict[str, float], run: GeneratorRun, root: Path) -> None:
    lost = [name for name, value in measured.items() if not math.isfinite(value)]
    if lost:
        raise InputError(
            f"Training diverged: at step {run.step} {', '.join(lost)} became infinite or NaN. The last good state is "
            f"in {root}; go on from it with a lower learning rate."
        )


def _log(root: Path, run: GeneratorRun, report: Mapping[str, float | str], progress: Progress) -> None:
    row: dict[str, Any] = {"step": run.step, "images": run.images, "minutes": round(run.seconds / 60, 2)}
    row |= {name: round(value, 5) if isinstance(value, float) else value for name, value in report.items()}
    with (root / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    progress(row)


def _snapshot(root: Path, run: GeneratorRun, monitor: Monitor, progress: Progress) -> None:
    from facsmith import image
    from facsmith.checkpoint import save_generator

    run.gather_corrections()
    if not run.team.first:
        return
    run.save()
    save_generator(run.average, root / "generator.safetensors", metadata={"images": str(run.images)})
    latents = {
        "delta": run.latents.delta.weight,
        "spread": run.latents.spread.weight,
        "directions": run.latents.directions(),
    }
    write_tensors(
        root / "latents.safetensors", {name: value.detach().cpu().numpy() for name, value in latents.items()}, {}
    )
    resolution = run.options.stage(run.images)
    image.write(root / f"sheet-{run.images // 1000:05d}k.png", monitor.sheet(resolution))
    report: dict[str, float | str] = dict(monitor.held_out(resolution))
    if resolution >= min(run.options.adversary.resolution, run.options.resolution):
        image.write(root / f"samples-{run.images // 1000:05d}k.png", monitor.samples(resolution))
        if run.options.samples > 1:
            report |= monitor.frechet(run.options.samples, resolution)
    _log(root, run, report, progress)
