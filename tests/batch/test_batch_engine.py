"""The engine in one process: what is there is never made again, and what is made is there whole."""

import csv
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from jobs import PATIENCE, Shout, rows, worked, write_inputs

from facsmith.batch import Here, Place, Refusal, Task, run_batch
from facsmith.batch.ledger import Ledger
from facsmith.batch.units import Entry
from facsmith.errors import InputError, OutputError

TEXTS = ["one", "two", "three note", "four"]


@pytest.fixture
def units(tmp_path):
    return write_inputs(tmp_path / "in", TEXTS)


@pytest.fixture
def task(tmp_path):
    return make_task(tmp_path)


def make_task(tmp_path, url=None, **options):
    job = Shout(str(tmp_path / "log"), **options)
    return Task(job, Place(url or str(tmp_path / "out")), job.identity, retries=2, pause=0)


def run(task, units, **options):
    return run_batch(task, units, Here(), **options)


def report(task):
    text = task.place.read("status.csv").decode()
    return list(csv.DictReader(text.splitlines()))


def test_every_row_has_its_result_and_a_line(task, units, tmp_path):
    summary = run(task, units)
    assert summary.counts == {"done": 4}
    assert summary.complete and not summary.named
    assert [(tmp_path / f"out/0{i}.out").read_text() for i in range(4)] == [text.upper() for text in TEXTS]
    lines = report(task)
    assert [line["status"] for line in lines] == ["done"] * 4
    assert [line["row"] for line in lines] == ["1", "2", "3", "4"]
    assert lines[2]["notes"] == "noted"
    assert all(len(line["sha256"]) == 64 for line in lines)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        ".facsmith",
        "status.csv",
        *(f"0{i}.out{end}" for i in range(4) for end in ("", ".json")),
    }
    assert not list((tmp_path / "out/.facsmith/pending").iterdir()), "the journal has them"
    assert not list((tmp_path / "out/.facsmith/scratch").iterdir())


def test_nothing_is_made_twice(task, units, tmp_path):
    run(task, units)
    first = report(task)
    assert run(task, units).counts == {"kept": 4}
    assert set(worked(tmp_path / "log").values()) == {1}
    assert [line["sha256"] for line in report(task)] == [line["sha256"] for line in first]


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (lambda out, source: source.write_text("changed"), 1),
        (lambda out, source: os.utime(source, (1, 1)), 0),
        (lambda out, source: (out / "00.out").unlink(), 1),
        (lambda out, source: (out / "00.out.json").unlink(), 1),
        (lambda out, source: (out / "00.out").write_text("half"), 1),
        (lambda out, source: shutil.rmtree(out / ".facsmith"), 4),
    ],
    ids=["input changed", "input touched", "result lost", "receipt lost", "result cut", "books lost"],
)
def test_only_what_changed_is_made_again(task, units, tmp_path, change, again):
    run(task, units)
    change(tmp_path / "out", tmp_path / "in/00.txt")
    summary = run(task, units)
    assert (summary.counts.get("done", 0), summary.counts.get("kept", 0)) == (again, 4 - again)
    assert (tmp_path / "out/00.out").read_text() == (tmp_path / "in/00.txt").read_text().upper()
    assert run(task, units).counts == {"kept": 4}


def test_other_settings_or_another_version_are_other_results(task, units, tmp_path):
    run(task, units)
    other = rows(tmp_path / "in", 4, suffix="!")
    assert run(task, other).counts == {"done": 4}
    assert (tmp_path / "out/00.out").read_text() == "ONE!"
    assert run(task, units).counts == {"done": 4}, "back again: the file under this name is another's"
    assert (tmp_path / "out/00.out").read_text() == "ONE"
    assert run(make_task(tmp_path, flavour="new"), units).counts == {"done": 4}


def test_a_study_that_moved_is_the_same_study(units, tmp_path):
    run(make_task(tmp_path), units)
    (tmp_path / "in").rename(tmp_path / "moved")
    (tmp_path / "out").rename(tmp_path / "there")
    task = make_task(tmp_path, str(tmp_path / "there"))
    assert run(task, rows(tmp_path / "moved", 4)).counts == {"kept": 4}, "by what is in the files"
    assert run(task, rows(tmp_path / "moved", 4)).counts == {"kept": 4}
    assert set(worked(tmp_path / "log").values()) == {1}


def test_rows_may_come_go_and_move(task, units, tmp_path):
    run(task, units[:2])
    moved = [replace(unit, row=row) for row, unit in enumerate(reversed(units), 1)]
    assert run(task, moved).counts == {"done": 2, "kept": 2}
    assert set(worked(tmp_path / "log").values()) == {1}


def test_a_bad_row_is_named_and_the_rest_finishes(task, tmp_path):
    units = write_inputs(tmp_path / "in", ["one", "refuse", "fault", "four"])
    gone = replace(units[0], row=5, inputs=(str(tmp_path / "in/gone.txt"),), output="gone.out")
    summary = run(task, [*units, gone, Refusal(6, "No photo was given.", "x.mp4")])
    assert summary.counts == {"done": 2, "refused": 3, "failed": 1}
    assert [row for row, _, _ in summary.named] == [2, 3, 5, 6]
    reasons = [reason for _, _, reason in summary.named]
    assert reasons[0] == "No face."
    assert reasons[1] == "RuntimeError: A cosmic ray."
    assert "There is no file" in reasons[2]
    assert worked(tmp_path / "log") == {"00.txt": 1, "01.txt": 1, "02.txt": 3, "03.txt": 1}, "two more tries for faults"

    again = run(task, [*units, gone])
    assert again.counts == {"kept": 2, "refused": 2, "failed": 1}
    assert worked(tmp_path / "log")["01.txt"] == 1, "what was refused stays so"
    assert worked(tmp_path / "log")["02.txt"] == 6, "what failed may succeed"
    assert run(task, units[:2], retry=True).counts == {"kept": 1, "refused": 1}
    assert worked(tmp_path / "log")["01.txt"] == 2

    (tmp_path / "in/01.txt").write_text("better")
    (tmp_path / "in/gone.txt").write_text("found")
    assert run(task, [*units, gone]).counts == {"done": 2, "kept": 2, "failed": 1}


def test_outputs_that_collide_are_refused_both(task, units, tmp_path):
    same = [units[0], replace(units[1], output="00.OUT"), units[2], replace(units[3], output="02.out/inner")]
    summary = run(task, same)
    assert summary.counts == {"refused": 3, "done": 1}
    assert [(row, reason) for row, _, reason in summary.named] == [
        (1, "The output is that of row 2, too; every row needs its own."),
        (2, "The output is that of row 1, too; every row needs its own."),
        (3, "The output of row 4 lies within this one; give them separate names."),
    ]
    assert set(worked(tmp_path / "log")) == {"03.txt"}


def test_no_output_replaces_an_input(units, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "in")
    task = make_task(tmp_path, str(tmp_path / "link"))
    summary = run(task, [replace(units[0], output="01.txt"), units[1]])
    assert summary.counts == {"refused": 1, "done": 1}
    assert summary.named == ((1, "01.txt", "The output would replace an input of row 2; give it another name."),)
    assert (tmp_path / "in/01.txt").read_text() == "two"
    above = replace(units[3], output="in")
    summary = run(make_task(tmp_path, str(tmp_path)), [above])
    assert summary.counts == {"refused": 1} and "an input of row 4" in summary.named[0][2]


def test_a_folder_of_frames_is_a_result(task, units, tmp_path):
    framed = [replace(units[0], output="a/frames")]
    assert run(task, framed).counts == {"done": 1}
    assert sorted(p.name for p in (tmp_path / "out/a").iterdir()) == ["frames", "frames.json"]
    assert len(list((tmp_path / "out/a/frames").iterdir())) == 3
    (tmp_path / "out/a/frames/frame_00001.png").unlink()
    assert run(task, framed).counts == {"done": 1}
    assert run(task, framed).counts == {"kept": 1}


def test_a_link_does_not_lead_out_of_the_folder(task, units, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path / "elsewhere")
    summary = run(task, [replace(units[0], output="link/00.out"), units[1]])
    assert summary.counts == {"failed": 1, "done": 1}
    assert "leads elsewhere" in summary.named[0][2]
    assert not list((tmp_path / "elsewhere").iterdir())


def test_memory_in_and_out(tmp_path):
    files = fsspec.filesystem("memory")
    files.pipe({"/batch-in/a.txt": b"one", "/batch-in/b.txt": b"two"})
    units = [replace(unit, inputs=(f"memory://batch-in/{x}.txt",)) for unit, x in zip(rows(tmp_path, 2), "ab")]  # noqa: B905
    units.append(replace(units[0], row=3, output="frames"))
    task = make_task(tmp_path, "memory://batch-out")
    try:
        assert run(task, units).counts == {"done": 3}
        assert files.cat("/batch-out/00.out") == b"ONE"
        assert len(files.ls("/batch-out/frames")) == 3
        assert run(task, units).counts == {"kept": 3}
        files.pipe("/batch-in/b.txt", b"changed")
        assert run(task, units).counts == {"kept": 2, "done": 1}
        assert files.cat("/batch-out/01.out") == b"CHANGED"
    finally:
        files.rm("/batch-in", recursive=True)
        files.rm("/batch-out", recursive=True)


class Quota(MemoryFileSystem):
    """A disk that holds ``room`` bytes, and no put of which is whole by nature."""

    protocol = "quota"
    store: ClassVar[dict] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    room = 10**9

    def pipe_file(self, path, value, mode="overwrite", **kwargs):
        if sum(len(file.getvalue()) for file in self.store.values()) + len(value) > type(self).room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().pipe_file(path, value, mode=mode, **kwargs)

    def put_file(self, lpath, rpath, **kwargs):
        self.pipe_file(rpath, Path(lpath).read_bytes())

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(str(path).replace("quota://", "memory://"))


@pytest.fixture
def quota():
    fsspec.register_implementation("quota", Quota, clobber=True)
    yield Quota
    Quota.store.clear()
    Quota.room = 10**9


@pytest.mark.parametrize("room", range(0, 2600, 250))
def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path, units, quota, room):
    quota.room = room
    task = make_task(tmp_path, "quota://out")
    many = rows(tmp_path / "in", 4)
    summary = run(task, many)
    assert "full" in summary.stopped or "No space left" in summary.stopped, "be it that only the books found no room"
    assert summary.counts.get("failed", 0) <= 1, "no row after the first is tried"
    finished = {name for name in ("00", "01", "02", "03") if f"/out/{name}.out" in quota.store}
    assert not [name for name in quota.store if name.endswith(".part")]
    quota.room = 10**9
    again = run(task, many)
    assert again.complete
    counts = worked(tmp_path / "log")
    assert all(counts[f"{name}.txt"] == 1 for name in finished), "what was there is not made again"
    assert sum(counts.values()) <= 5


def test_one_file_too_large_is_one_row_that_failed(tmp_path):
    """A limit on the size of files, as another way for a disk to say no."""
    code = (
        "import resource, sys; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "import test_batch_engine as t\n"
        "root = Path(sys.argv[1]); units = t.write_inputs(root / 'in', ['one', 'x' * 200_000, 'three'])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "s = t.run(t.make_task(root), units); print(s.counts, s.named)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path, Path(__file__).parent], capture_output=True, text=True, check=False
    )
    assert "{'done': 2, 'failed': 1}" in done.stdout, done.stderr
    assert "File too large" in done.stdout
    assert not (tmp_path / "out/01.out").exists()


HARNESS = """
import os, signal, sys
from pathlib import Path
from typing import ClassVar
sys.path.insert(0, sys.argv[2])
import test_batch_engine as t
root = Path(sys.argv[1])
"""


def test_killed_at_any_moment_nothing_is_lost_or_done_twice(tmp_path):
    """The driver dies at each of its renames in turn: every change of what lies on the disk is one."""
    code = HARNESS + (
        "real = os.replace\n"
        "for moment in range(1, 100):\n"
        "    place = root / str(moment)\n"
        "    place.mkdir()\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        left = [moment]\n"
        "        def replace(a, b):\n"
        "            left[0] -= 1\n"
        "            if not left[0]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "            real(a, b)\n"
        "        os.replace = replace\n"
        "        t.run(t.make_task(place), t.write_inputs(place / 'in', ['one', 'two', 'three']))\n"
        "        os._exit(0)\n"
        "    if not os.waitpid(child, 0)[1]: break\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path, Path(__file__).parent], check=True, timeout=PATIENCE)
    killed = sorted(tmp_path.iterdir(), key=lambda path: int(path.name))[:-1]
    assert len(killed) >= 14, "two renames of the books and two of the results for each of three rows, and the report"
    for place in killed:
        finished = {path.stem for path in (place / "out").glob("*.out")}
        assert all(
            (place / f"out/{name}.out").read_text() == (place / f"in/{name}.txt").read_text().upper()
            for name in finished
        )
        summary = run(make_task(place), rows(place / "in", 3))
        assert summary.complete, (place.name, summary)
        counts = worked(place / "log")
        assert all(counts[f"{name}.txt"] == 1 for name in finished), (place.name, counts)
        assert sum(counts.values()) <= 4, "only what was at work when the process died is done again"
        assert not list((place / "out/.facsmith/pending").iterdir())
        assert not list((place / "out/.facsmith/working").iterdir())
        assert not list((place / "out").glob(".*.part"))


def test_a_photo_that_kills_the_process_is_found_out(tmp_path):
    units = write_inputs(tmp_path / "in", ["one", "poison", "three"])
    code = HARNESS + "print(t.run(t.make_task(root), t.rows(root / 'in', 3)).counts)"
    command = [sys.executable, "-c", code, tmp_path, Path(__file__).parent]
    died = [subprocess.run(command, capture_output=True, check=False).returncode for _ in range(3)]
    assert died == [-signal.SIGKILL] * 3
    summary = run(make_task(tmp_path), units)
    assert summary.counts == {"done": 1, "kept": 1, "crashed": 1}
    assert summary.named[0][0] == 2 and "died 3 times" in summary.named[0][2]
    assert run(make_task(tmp_path), units).counts == {"kept": 2, "crashed": 1}, "it is not tried again"
    assert worked(tmp_path / "log") == {"00.txt": 1, "01.txt": 3, "02.txt": 1}
    (tmp_path / "in/01.txt").write_text("cured")
    assert run(make_task(tmp_path), units).counts == {"kept": 2, "done": 1}


def test_the_driver_killed_from_outside(tmp_path):
    units = write_inputs(tmp_path / "in", ["one", "nap 60", "three"])
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HARNESS + "t.run(t.make_task(root), t.rows(root / 'in', 3))",
            tmp_path,
            Path(__file__).parent,
        ]
    )
    deadline = time.monotonic() + PATIENCE
    while worked(tmp_path / "log")["01.txt"] == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        with pytest.raises(OutputError, match="Another batch writes"):
            run(make_task(tmp_path), units)
    finally:
        process.kill()
        process.wait()
    (tmp_path / "in/01.txt").write_text("two")
    assert run(make_task(tmp_path), units).counts == {"kept": 1, "done": 2}
    assert not list((tmp_path / "out/.facsmith/scratch").iterdir())


def test_an_input_that_changes_while_it_is_read_is_no_result(task, units, tmp_path):
    class Restless(Shout):
        def __call__(self, unit, inputs, output):
            notes = super().__call__(unit, inputs, output)
            if worked(self.log)["00.txt"] == 1:
                inputs[0].write_text("another")
            return notes

    job = Restless(str(tmp_path / "log"))
    assert run(replace(task, job=job), units).counts == {"done": 4}
    assert (tmp_path / "out/00.out").read_text() == "ANOTHER"


def test_books_that_were_damaged_are_read_as_far_as_they_go(task, units, tmp_path):
    run(task, units)
    (journal,) = (tmp_path / "out/.facsmith/journal").iterdir()
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + b'{"address": 3}\n[]\n\xff\n' + lines[2] + lines[3][:40])
    (tmp_path / "out/.facsmith/journal/notes.txt").write_text("not ours")
    assert run(task, units).counts == {"kept": 2, "done": 2}


def test_the_ledger_writes_as_it_goes(tmp_path):
    place = Place(str(tmp_path / "out"))
    with Ledger(place, lines=2, seconds=60) as ledger:
        for number in range(5):
            ledger.add(Entry(f"a{number}", f"{number}.out", "refused", reason="why"))
        assert len(place.names(".facsmith/journal")) == 2
    assert len(place.names(".facsmith/journal")) == 3
    with Ledger(place) as ledger:
        assert [entry.address for entry in ledger.replay()] == [f"a{number}" for number in range(5)]


def test_units_are_taken_as_they_are_done(task, tmp_path):
    units = write_inputs(tmp_path / "in", ["x"] * 20)
    ahead = []

    class Watching(Here):
        def run(self, task, units, ledger):
            taken = 0

            def counted():
                nonlocal taken
                for unit in units:
                    taken += 1
                    yield unit

            for done, outcome in enumerate(super().run(task, counted(), ledger), 1):
                ahead.append(taken - done)
                yield outcome

    run_batch(task, units, Watching())
    assert max(ahead) == 0


def test_progress_tells_rate_failures_and_what_is_left(task, tmp_path):
    units = write_inputs(tmp_path / "in", ["one", "refuse", "nap 0.05", "four"])
    seen = []
    run(task, units, progress=lambda standing: seen.append((standing.settled, standing.failures, standing.eta)))
    assert [settled for settled, _, _ in seen] == [0, 1, 2, 3, 4]
    assert seen[-1][1] == 1 and seen[-1][2] == 0
    assert seen[0][2] is None and seen[3][2] > 0


@pytest.mark.parametrize("url", ["", "nope://x", "a\x00b", "simplecache::memory://x"])
def test_places_are_checked(url):
    with pytest.raises(InputError):
        Place(url)


def test_a_worker_of_another_version_is_refused(task):
    with pytest.raises(InputError, match="another version than"):
        replace(task, identity={**task.identity, "version": 2}).worker()
