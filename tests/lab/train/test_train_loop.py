import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from facsmith.errors import CheckpointError, InputError
from facsmith.lab.train.loop import Budget, Run, seeded


def fit(folder: Path, *, steps: int, stop_at: int | None = None, settings: Mapping[str, Any] | None = None) -> Run:
    """Least squares by AdamW; presses Ctrl-C in step stop_at."""
    with seeded(0):
        net = nn.Linear(3, 1)
    run = Run(
        folder, budget=Budget(steps=steps), modules={"net": net}, learning_rate=0.1, settings=settings or {"a": (1, 2)}
    )
    for step in run.steps():
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        loss = (net(x)[:, 0] - x.sum(1)).square().mean()
        run.descend(loss)
        run.log(loss=float(loss.detach()))
        if step == stop_at:
            signal.raise_signal(signal.SIGINT)
    return run


def test_ctrl_c_finishes_the_step_and_a_second_call_ends_in_the_same_bytes(tmp_path: Path) -> None:
    fit(tmp_path / "whole", steps=12)
    cut = fit(tmp_path / "cut", steps=12, stop_at=4)
    assert cut.step == 5
    resumed = fit(tmp_path / "cut", steps=12)
    assert resumed.resumed
    assert resumed.step == 12
    lines = [
        [json.loads(line) for line in (tmp_path / n / "metrics.jsonl").read_text().splitlines()]
        for n in ("whole", "cut")
    ]
    assert [line["loss"] for line in lines[0]] == [line["loss"] for line in lines[1]]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_spent_budget_takes_no_step_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    fit(tmp_path, steps=3)
    before = len((tmp_path / "metrics.jsonl").read_text().splitlines())
    assert fit(tmp_path, steps=3).step == 3
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == before == 3
    assert fit(tmp_path, steps=5).step == 5


def test_a_run_is_not_continued_with_other_settings_or_from_a_damaged_state(tmp_path: Path) -> None:
    fit(tmp_path, steps=1)
    with pytest.raises(CheckpointError, match="other settings"):
        fit(tmp_path, steps=2, settings={"a": (1, 3)})
    (tmp_path / "state.safetensors").write_bytes(b"\0" * 40)
    with pytest.raises(CheckpointError, match="damaged"):
        fit(tmp_path, steps=2)


def test_budgets_end_with_whichever_is_spent_first() -> None:
    budget = Budget(steps=100, minutes=1)
    assert budget.spent(50, 0) == 0.5
    assert budget.spent(1, 60) == 1.0
    for steps, minutes in ((None, None), (0, None), (None, float("nan")), (None, -1.0)):
        with pytest.raises(InputError, match="--minutes"):
            Budget(steps, minutes)


def test_seeded_layers_leave_the_global_generator_as_it_was() -> None:
    state = torch.get_rng_state()
    with seeded(1):
        one = nn.Linear(2, 2)
    with seeded(1):
        two = nn.Linear(2, 2)
    assert torch.equal(one.weight, two.weight)
    assert torch.equal(torch.get_rng_state(), state)
