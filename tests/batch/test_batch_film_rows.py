"""Rows whose source is a film: what they ask for is what single runs make, and what was killed goes on."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from facsmith import video
from facsmith.__main__ import main
from facsmith.animator import Animator
from facsmith.batch.manifest import read_manifest
from facsmith.errors import InputError
from facsmith.footage import FilmOptions
from facsmith.options import AnimateOptions

HERE = ["--engine", "here"]


@pytest.fixture
def folder(tmp_path, photo, monkeypatch):
    video.write(tmp_path / "her.mp4", (photo for _ in range(12)), fps=0.5)
    (tmp_path / "wave.yaml").write_text("timeline: 1\nexpressions:\n  - {show: AU12=C}\n")
    (tmp_path / "bad.yaml").write_text("expressions: [")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def animator(make_animator, monkeypatch):
    """No network looks at the pictures: seconds instead of minutes."""
    from facsmith.footage import people
    from facsmith.measure import NeutralFace

    tiny = make_animator()
    monkeypatch.setattr(Animator, "from_pretrained", classmethod(lambda cls, name, *, boundaries=None: tiny))
    monkeypatch.setattr(people, "available_readout", lambda: None)
    monkeypatch.setattr(NeutralFace, "scale", None)
    return tiny


def read(text, folder):
    (folder / "m.csv").write_text(text)
    return list(read_manifest(str(folder / "m.csv"), AnimateOptions()))


def status(out):
    with open(Path(out, "status.csv"), newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_row_s_film_is_that_of_a_single_run_and_what_was_stopped_goes_on(folder, photo, animator, monkeypatch):
    video.write(folder / "her.mp4", [photo] * 5, fps=0.2)  # three parts of ten seconds
    (folder / "m.csv").write_text("film,relative,output,face\nher.mp4,AU4=+0.6,out/frown.mp4,0\n")
    animator.edit_film("her.mp4", "single.mp4", relative="AU4=+0.6", options=FilmOptions(face=0))
    write, made = video.write_part, []

    class KilledError(BaseException):
        pass

    def killed(path, footage, frames):
        if len(made) == 1:
            raise KilledError
        made.append(path.name)
        return write(path, footage, frames)

    monkeypatch.setattr(video, "write_part", killed)
    with pytest.raises(KilledError):
        main(["batch", "m.csv", "-o", "films", *HERE])
    made[:] = []
    monkeypatch.setattr(video, "write_part", lambda path, *rest: (made.append(path.name), write(path, *rest))[1])
    assert main(["batch", "m.csv", "-o", "films", *HERE]) == 0
    assert made == ["part-00001.nut", "part-00002.nut"], "the first ten seconds were done"
    assert Path("films/out/frown.mp4").read_bytes() == Path("single.mp4").read_bytes()
    assert Path("films/out/frown.mp4.json").exists() and not list(folder.rglob("*.nut"))
    assert main(["batch", "m.csv", "-o", "films", *HERE]) == 0
    assert [row["status"] for row in status("films")] == ["kept"]


def test_a_row_whose_face_turns_out_unusable_leaves_no_parts(folder, animator):
    (folder / "m.csv").write_text("film,gain,output\nher.mp4,AU28=0,out.mp4\n")
    assert main(["batch", "m.csv", "-o", "films", *HERE]) == 3
    (row,) = status("films")
    assert row["status"] == "refused" and "AU28" in row["reason"]
    assert not list(folder.rglob("survey.npz"))


def test_no_row_writes_over_a_film_that_another_reads(folder, animator):
    before = Path("her.mp4").read_bytes()
    (folder / "m.csv").write_text("film,relative,output\nher.mp4,AU4=+0.6,her.mp4\n")
    assert main(["batch", "m.csv", "-o", ".", *HERE]) == 3
    assert "an input of row 1" in status(".")[0]["reason"] and Path("her.mp4").read_bytes() == before


def test_what_rows_of_films_ask(folder):
    head = "film,relative,gain,timeline,expression,from,to,neutral,output\n"
    rows = read(
        head
        + "her.mp4,AU12=-0.4,AU6=0,,,1,2.5,0.5,a.mp4\nher.mp4,,,wave.yaml,,,,,b.mov\nher.mp4,,,,happiness,,,,c.mkv\n",
        folder,
    )
    assert rows[0].settings["film"] == {
        "relative": "AU12=-0.4", "gain": "AU6=0", "from": 1.0, "to": 2.5, "neutral": 0.5
    }  # fmt: skip
    assert [Path(url).name for url in rows[1].inputs] == ["her.mp4", "wave.yaml"]
    assert rows[2].settings["film"]["expression"] == ["happiness"]
    assert rows[0].weight == 48


@pytest.mark.parametrize(
    ("columns", "row", "reason"),
    [
        ("film,relative,output", "her.mp4,AU12=-0.4,a.gif", "edited films end in"),
        ("film,relative,output", "him.mp4,AU12=-0.4,a.mp4", "There is no film"),
        ("film,relative,output", "her.mp4,,a.mp4", "Say what the film's face does"),
        ("film,relative,output", "her.mp4,AU12=-4,a.mp4", "allowed: -1 to 1"),
        ("film,relative,expression,output", "her.mp4,AU12=-0.4,happiness,a.mp4", "a new performance"),
        ("film,AU12,output", "her.mp4,C,a.mp4", "AU columns are of photos"),
        ("film,photo,relative,output", "her.mp4,her.png,AU12=-0.4,a.mp4", "not both"),
        ("film,relative,from,output", "her.mp4,AU12=-0.4,soon,a.mp4", "give seconds"),
        ("film,relative,neutral,output", "her.mp4,AU12=-0.4,-1,a.mp4", "seconds count from 0"),
        ("film,relative,neutral,output", "her.mp4,AU12=-0.4,nan,a.mp4", "seconds count from 0"),
        ("film,relative,neutral,output", "her.mp4,AU12=-0.4,gone.png,a.mp4", "There is no photo"),
        ("film,expression,output", "her.mp4,;,a.mp4", "The expression is empty"),
        ("film,expression,output", "her.mp4,hapiness,a.mp4", "hapiness"),
        ("film,expression,mode,output", "her.mp4,happiness,paste,a.mp4", "Mode paste is of photos"),
        ("film,expression,edit,output", "her.mp4,happiness,relative,a.mp4", "A performance replaces"),
        ("film,expression,loop,output", "her.mp4,happiness,yes,a.mp4", "begins and ends at rest"),
        ("film,timeline,relative,output", "her.mp4,wave.yaml,AU12=-0.4,a.mp4", "asked for in two ways"),
        ("film,timeline,from,to,output", "her.mp4,wave.yaml,3,2,a.mp4", "the end comes after"),
        ("film,timeline,output", "her.mp4,bad.yaml,a.mp4", "bad.yaml"),
        ("photo,gain,output", "her.png,AU12=0.5,a.mp4", "gain is of films"),
    ],
)
def test_bad_rows_are_named_before_anything_is_rendered(folder, columns, row, reason):
    (refused,) = read(f"{columns}\n{row}\n", folder)
    assert reason in refused.reason


def test_a_manifest_needs_a_source(folder):
    with pytest.raises(InputError, match="lacks the column photo"):
        read("relative,output\nAU12=-0.4,a.mp4\n", folder)


@pytest.mark.slow
def test_killed_for_good_and_with_ray_the_bytes_are_the_same(tmp_path, monkeypatch, ray):
    """The bundled model, real landmarks; a process killed by the kernel between two parts."""
    monkeypatch.chdir(tmp_path)
    face = np.ascontiguousarray(skimage.data.astronaut()[:256, 96:352])
    video.write("her.mp4", (np.roll(face, k, axis=1) for k in range(4)), fps=0.2)
    Path("m.csv").write_text("film,relative,output\nher.mp4,AU12=-0.4,out.mp4\n")
    run = ["batch", "m.csv", "--provider", "dlib", "--threads", "1", "-o"]
    process = subprocess.Popen([sys.executable, "-m", "facsmith", *run, "killed", *HERE])
    deadline = time.monotonic() + 600
    while not list(tmp_path.glob("killed/**/part-00000.npz")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not Path("killed/out.mp4").exists()
    assert main([*run, "killed", *HERE]) == 0
    assert main([*run, "ray", "--engine", "ray", "--workers", "1"]) == 0
    assert Path("killed/out.mp4").read_bytes() == Path("ray/out.mp4").read_bytes(), "resumed here; in one go by Ray"
