"""The allocator's tuning is applied where it helps, and only where the user left the choice."""

import os
import subprocess
import sys

import pytest

from facsmith import _alloc


def _tune_in_fresh_process(**environment: str) -> str:
    code = "from facsmith import _alloc; import sys; print(_alloc.tune(), 'torch' in sys.modules)"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_") and k != "GLIBC_TUNABLES"}
    result = subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux" or "glibc" not in os.confstr("CS_GNU_LIBC_VERSION"), reason="needs glibc")  # type: ignore[operator]
def test_glibc_takes_the_settings_without_torch() -> None:
    assert _tune_in_fresh_process() == "True False"


@pytest.mark.parametrize(
    "choice",
    [
        {"FACSMITH_MALLOC": "0"},
        {"MALLOC_ARENA_MAX": "4"},
        {"MALLOC_TRIM_THRESHOLD_": "131072"},
        {"GLIBC_TUNABLES": "glibc.malloc.arena_max=4"},
    ],
)
def test_a_choice_of_the_users_is_kept(choice: dict[str, str]) -> None:
    assert _tune_in_fresh_process(**choice) == "False False"


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert _alloc.tune() is False


def _spied(code: str) -> list[str]:
    """What a fresh process prints: ``tune`` says so there when it is called."""
    spy = "from facsmith import _alloc; _alloc.tune = lambda: print('tuned'); import sys\n"
    result = subprocess.run([sys.executable, "-c", spy + code], capture_output=True, text=True, check=True)
    return result.stdout.split()


@pytest.mark.slow
def test_importing_the_library_changes_nothing() -> None:
    everything = "from facsmith import Animator; import facsmith.generator, facsmith.batch, facsmith.lab.train.loop"
    assert _spied(everything) == []


def test_the_command_line_tunes_its_own_process() -> None:
    assert _spied("sys.argv = ['facsmith', '--version']; from facsmith.__main__ import run; run()")[0] == "tuned"
