"""The same promises with Ray's workers, which may die."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from jobs import PATIENCE, Shout, rows, worked, workers, write_inputs

from facsmith.batch import OnRay, Place, RayOptions, Task, run_batch
from facsmith.errors import FacsmithError, InputError


def parents():
    """Process -> its parent and its state, of all processes."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, *_ = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(path.parent.name)] = (int(parent), state)
    return found


def descendants(process):
    known = parents()
    found = {process}
    while more := {child for child, (parent, _) in known.items() if parent in found} - found:
        found |= more
    return found - {process}


def running(process):
    return parents().get(process, (0, "Z"))[1] != "Z"


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray")]


def make_task(tmp_path, **options):
    job = Shout(str(tmp_path / "log"))
    return Task(job, Place(str(tmp_path / "out")), job.identity, **{"retries": 1, "pause": 0, **options})


def run(task, units, **options):
    return run_batch(task, units, OnRay(RayOptions(**{"workers": 2, "chunk": 3, **options})))


def test_workers_share_the_rows_and_load_once_each(tmp_path):
    units = write_inputs(tmp_path / "in", ["nap 0.3"] * 20)
    assert run(make_task(tmp_path), units).counts == {"done": 20}
    assert len(workers(tmp_path / "log")) == 2
    assert set(worked(tmp_path / "log").values()) == {1}
    assert run(make_task(tmp_path), units).counts == {"kept": 20}
    assert set(worked(tmp_path / "log").values()) == {1}


def test_no_more_workers_than_there_is_work_for(tmp_path):
    units = write_inputs(tmp_path / "in", ["x"] * 2)
    assert run(make_task(tmp_path), units).counts == {"done": 2}
    assert len(workers(tmp_path / "log")) == 1
    assert run(make_task(tmp_path), []).counts == {}


def test_a_photo_that_kills_its_worker_is_named_and_the_rest_finishes(tmp_path):
    texts = ["x"] * 12
    texts[4], texts[9] = "poison", "refuse"
    units = write_inputs(tmp_path / "in", texts)
    summary = run(make_task(tmp_path), units)
    assert summary.counts == {"done": 10, "crashed": 1, "refused": 1}
    assert [row for row, _, _ in summary.named] == [5, 10]
    counts = worked(tmp_path / "log")
    assert counts["04.txt"] == 3, "once in its chunk, twice alone"
    del counts["04.txt"]
    assert set(counts.values()) == {1}, "those beside it were neither lost nor done twice"
    assert run(make_task(tmp_path), units).counts == {"kept": 10, "crashed": 1, "refused": 1}


def test_workers_killed_from_outside(tmp_path):
    units = write_inputs(tmp_path / "in", ["nap 0.2"] * 36)  # long enough for the slower of the two to start
    log = tmp_path / "log"

    def kill():
        deadline = time.monotonic() + PATIENCE
        while (sum(worked(log).values()) < 3 or len(workers(log)) < 2) and time.monotonic() < deadline:
            time.sleep(0.01)
        for process in workers(log):
            os.kill(process, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    summary = run(make_task(tmp_path), units)
    killer.join()
    assert summary.counts == {"done": 36}
    counts = worked(log)
    assert set(counts) == {f"{number:02d}.txt" for number in range(36)}
    assert sum(counts.values()) <= 38, "only what the two were at is done again"
    assert len(workers(log)) == 4


def test_what_waits_at_the_workers_is_bounded(tmp_path):
    units = write_inputs(tmp_path / "in", ["x"] * 60)
    ahead = []

    class Watching(OnRay):
        def run(self, task, units, ledger):
            taken = 0

            def counted():
                nonlocal taken
                for unit in units:
                    taken += 1
                    yield unit

            for done, outcome in enumerate(super().run(task, counted(), ledger)):
                ahead.append(taken - done)
                yield outcome

    for most in (2 * 3, 2 * 2 * 3):
        run_batch(make_task(tmp_path), units, Watching(RayOptions(workers=2, chunk=3)))
        assert 3 <= max(ahead) <= most, "a chunk at each; two where their results are there"
        ahead.clear()


def test_a_worker_that_cannot_start_says_why(tmp_path):
    units = write_inputs(tmp_path / "in", ["x"])
    task = make_task(tmp_path)
    with pytest.raises(FacsmithError, match="another version than"):
        run(Task(task.job, task.place, {**task.identity, "version": 7}), units)
    assert not worked(tmp_path / "log")


def test_what_ray_cannot_do_is_said_first(tmp_path):
    units = write_inputs(tmp_path / "in", ["x"] * 8)
    task = make_task(tmp_path)
    with pytest.raises(InputError, match="8 CPUs; Ray has 2"):
        run(task, units, workers=4, threads=2, chunk=1)
    with pytest.raises(InputError, match="1 GPUs; Ray has 0"):
        run(task, units, workers=2, gpus=0.5)
    with pytest.raises(InputError, match="one process"):
        run(Task(task.job, Place("memory://x"), task.identity), units)
    for wrong in ({"workers": 0}, {"threads": 0}, {"chunk": 0}, {"gpus": -1}, {"gpus": 1.5}):
        with pytest.raises(InputError):
            RayOptions(**wrong)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_the_driver_killed_takes_its_workers_along(tmp_path):
    texts = ["x"] * 4 + ["nap 60"] * 2 + ["x"] * 2
    write_inputs(tmp_path / "in", texts)
    code = (
        "import sys; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "import test_batch_ray as t\n"
        "root = Path(sys.argv[1])\n"
        "t.run(t.make_task(root), t.rows(root / 'in', 8), chunk=1)\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    driver = subprocess.Popen([sys.executable, "-c", code, tmp_path, Path(__file__).parent], env=environment)
    try:
        deadline = time.monotonic() + PATIENCE
        while not {"04.txt", "05.txt"} <= set(worked(tmp_path / "log")) and time.monotonic() < deadline:
            time.sleep(0.05)
        family = descendants(driver.pid)
    finally:
        driver.kill()
        driver.wait()
    assert len(family) >= 4, "Ray's own processes, and two workers"
    deadline = time.monotonic() + PATIENCE
    while (alive := [one for one in workers(tmp_path / "log") if running(one)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive, "they go on for nobody"
    for process in family:  # two of Ray's own would stay for another minute
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    for number in (4, 5):
        (tmp_path / f"in/{number:02d}.txt").write_text("x")
    summary = run(make_task(tmp_path), rows(tmp_path / "in", 8))
    assert summary.complete
    counts = worked(tmp_path / "log")
    assert [counts[f"{number:02d}.txt"] for number in range(8)] == [1, 1, 1, 1, 2, 2, 1, 1]
