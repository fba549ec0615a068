"""The stage of a build that trains the encoder."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import torch

from facsmith._files import atomic_path
from facsmith.bundle import FILES
from facsmith.lab.build.bench import Bench
from facsmith.lab.build.search_stage import found_moves
from facsmith.lab.train.encoder import EncoderTraining, train_encoder
from facsmith.lab.train.loop import Budget

__all__ = ["encode"]

_STEPS: Final = 600
"""Of the encoder at least: its batch is made smaller for them."""


def encode(bench: Bench) -> dict[str, Any]:
    """-> encoder.safetensors, trained on the generator's own pictures, some of them moved by what the search found."""
    _, moves = found_moves(bench)
    budget = bench.options.seconds("encoder")
    speed = bench.speed
    # A picture of a batch is drawn and looked at; every fourth of them twice, once with gradients.
    each = speed.draw + bench.look + (1.6 * speed.step + 3 * bench.look) / 4
    size = int(np.clip(budget / _STEPS / each, 4, 32))
    options = EncoderTraining(
        batch=size,
        drawn=max(1, min(8, bench.batch, size // 4)),
        survey=int(np.clip(0.06 * budget / (speed.draw + bench.look), 2 * size, 2048)),
        measured=int(np.clip(0.03 * budget / (2 * (speed.draw + bench.look)), 8, 64)),
        at_once=max(1, min(32, 3 * bench.batch)),
        evaluate_every=2000,
        psi=min(0.5, bench.options.psi),
        seed=bench.options.seed,
    )
    options = _as_begun(bench, options)

    def report(line: Mapping[str, Any]) -> None:
        seconds = float(line["seconds"])
        bench.tell("encoder", min(round(seconds), round(budget)), round(budget))

    encoder = train_encoder(
        bench.networks.small,
        bench.networks.descriptor,
        bench.work / "encoder",
        budget=Budget(minutes=budget / 60),
        directions=torch.tensor(moves.mean(axis=0)),
        options=options,
        report=report,
    )
    encoder.save(bench.folder / FILES[2])
    lines = (bench.work / "encoder" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(lines[-1])
    done: dict[str, Any] = {"steps": last["step"], "held_out": last.get("held_out", {})}
    if last["step"] < _STEPS:
        done["note"] = (
            f"The encoder had time for {last['step']} steps; with fewer than {_STEPS}, photos look little like the "
            "person in the modes paste and crop. Build anew with more --minutes for these."
        )
    return done


def _as_begun(bench: Bench, options: EncoderTraining) -> EncoderTraining:
    """The options that this build's encoder began with: what a machine's speed says differs from run to run."""
    file = bench.work / "encoder" / "options.json"
    if file.is_file():
        return EncoderTraining(**json.loads(file.read_text(encoding="utf-8")))
    file.parent.mkdir(exist_ok=True)
    with atomic_path(file) as temporary:  # a kill leaves no half of it
        temporary.write_text(json.dumps(asdict(options)), encoding="utf-8")
    return options
