"""What the training runs share: a budget, a clean stop, metrics as JSON lines, and a state from which a run goes on.

A run lives in one folder: ``metrics.jsonl`` (one JSON object a line) and ``state.safetensors`` (networks, optimiser,
step, seconds). The same command again continues it, towards the same budget or a larger one.
"""

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from facsmith.errors import CheckpointError, InputError, OutputError
from facsmith.lab.train.state import load_state, save_state

__all__ = ["Budget", "Report", "Run", "interruptible", "seeded"]

Report = Callable[[Mapping[str, Any]], None]

_STATE = "state.safetensors"
_SAVE_SECONDS = 300.0
_WARM_UP_STEPS = 100
_ONE_WISH_SECONDS = 1.0


@dataclass(frozen=True)
class Budget:
    """Total steps, total minutes of training, or both: whichever ends first."""

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        given = [x for x in (self.steps, self.minutes) if x is not None]
        if not given or not all(math.isfinite(x) and x > 0 for x in given):
            raise InputError(
                f"Training needs a budget above 0; got steps={self.steps} and minutes={self.minutes}. "
                "Give --steps, --minutes, or both."
            )

    def spent(self, steps: int, seconds: float) -> float:
        """The part of the budget that is used up; 1 or more: stop."""
        parts = (
            0.0 if self.steps is None else steps / self.steps,
            0.0 if self.minutes is None else seconds / (60 * self.minutes),
        )
        return max(parts)


class Run:
    """A training run: the loop's counters, its learning rate, its metrics, and its state on disk.

    ``steps()`` yields step numbers until the budget is spent or Ctrl-C is pressed (once: finish the step, save, return;
    twice: stop at once). The learning rate rises over 100 steps and falls by a cosine over the budget.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        budget: Budget,
        modules: dict[str, nn.Module],
        learning_rate: float,
        weight_decay: float = 0.0,
        settings: Mapping[str, Any],
        report: Report | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.budget = budget
        self.step, self.seconds = 0, 0.0
        self.resumed = False
        self._modules = modules
        self._settings: dict[str, Any] = json.loads(json.dumps(dict(settings)))
        self._report = report
        self._rate = learning_rate
        self._parameters = [p for m in modules.values() for p in m.parameters()]
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=learning_rate, weight_decay=weight_decay, betas=(0.9, 0.99)
        )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Could not make the folder {folder}: {error.strerror}. Choose another.") from error
        if (self.folder / _STATE).exists():
            self._resume()

    def steps(self) -> Iterator[int]:
        """Yield the number of each step to take; saves at the end, and every five minutes."""
        saved = time.monotonic()
        with interruptible() as interrupted:
            while (spent := self.budget.spent(self.step, self.seconds)) < 1 and not interrupted():
                began = time.monotonic()
                warm = min(1.0, (self.step + 1) / _WARM_UP_STEPS)
                for group in self._optimizer.param_groups:
                    group["lr"] = self._rate * warm * (0.5 + 0.5 * math.cos(math.pi * spent))
                yield self.step
                self.step += 1
                self.seconds += time.monotonic() - began
                if time.monotonic() - saved > _SAVE_SECONDS:
                    self.save()
                    saved = time.monotonic()
            self.save()

    def descend(self, loss: Tensor) -> None:
        """One step of AdamW down the loss, the gradient's norm clipped to 1."""
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()  # pyright: ignore[reportUnknownMemberType]

    def log(self, **values: Any) -> None:
        """Append one line of metrics, with step and seconds, and pass it to the report."""
        line = {"step": self.step, "seconds": round(self.seconds, 1), **values}
        try:
            with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise OutputError(f"Could not write {self.folder / 'metrics.jsonl'}: {error.strerror}.") from error
        if self._report is not None:
            self._report(line)

    def save(self) -> None:
        """Write the state, whole or not at all."""
        counters = {"settings": self._settings, "step": self.step, "seconds": self.seconds}
        save_state(self.folder / _STATE, self._modules, {"adam": self._optimizer}, counters)

    def _resume(self) -> None:
        path = self.folder / _STATE
        try:
            counters = load_state(path, self._modules, {"adam": self._optimizer})
            self.step, self.seconds = int(counters["step"]), float(counters["seconds"])
        except (SafetensorError, KeyError, ValueError) as error:
            raise CheckpointError(f"{path} is damaged ({error}); delete it to begin again.") from error
        if counters.get("settings") != self._settings:
            raise CheckpointError(
                f"{path} belongs to a run with other settings; give those again to continue it, or another folder."
            )
        self.resumed = True


@contextmanager
def seeded(seed: int) -> Generator[None]:
    """Layers made inside start from this seed; torch initialises from its global generator, put back afterwards."""
    state = torch.get_rng_state()
    try:
        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
        yield
    finally:
        torch.set_rng_state(state)


@contextmanager
def interruptible() -> Generator[Callable[[], bool]]:
    """While inside, the first Ctrl-C, or SIGTERM as schedulers send it, only raises a flag; another one stops at once.

    What comes within a second is the same wish: `timeout` and `torchrun` pass a signal on that a terminal sent to all.
    """
    pressed = 0.0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        now = time.monotonic()
        if pressed and now - pressed > _ONE_WISH_SECONDS:
            raise KeyboardInterrupt
        pressed = pressed or now

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: pressed > 0
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
