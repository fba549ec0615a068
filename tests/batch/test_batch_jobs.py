"""Folders of photos to invert and of films to measure: byte for byte what the single commands make."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from test_batch_films import HERE, status

from facsmith import image, video
from facsmith.__main__ import main
from facsmith.animator import Animator
from facsmith.batch.folders import read_folder
from facsmith.errors import InputError


@pytest.fixture
def folder(tmp_path, photo, monkeypatch):
    for name in ("b.png", "inner/a.jpg", ".hidden/c.png"):
        image.write(tmp_path / "photos" / name, photo)
    (tmp_path / "photos/notes.txt").write_text("no photo")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def animator(make_animator, monkeypatch):
    tiny = make_animator()
    monkeypatch.setattr(Animator, "from_pretrained", classmethod(lambda cls, name, *, boundaries=None: tiny))
    return tiny


def test_a_folder_is_read_in_order_with_its_folders(folder):
    units = list(read_folder("photos", (".png", ".jpg"), ".safetensors", {"seed": 0}))
    assert [unit.output for unit in units] == ["b.safetensors", "inner/a.safetensors"]
    assert [unit.row for unit in units] == [1, 2]
    assert units[1].inputs == (str(folder / "photos/inner/a.jpg"),)
    with pytest.raises(InputError, match="Nothing that ends in"):
        list(read_folder("photos", (".mp4",), ".csv", {}))


def test_invert_a_folder_and_a_manifest(folder, animator, capsys):
    quick = ["--iterations", "1"]
    assert main(["invert", "photos", "-o", "latents", *HERE, *quick]) == 0
    assert "2 photos: 2 done" in capsys.readouterr().out
    assert main(["invert", "photos/b.png", "-o", "single.safetensors", *quick]) == 0
    assert Path("latents/b.safetensors").read_bytes() == Path("single.safetensors").read_bytes()
    Path("m.csv").write_text(
        "photo,output,seed\nphotos/b.png,x.safetensors,5\nphotos/b.png,x.png,\nphotos/gone.png,y.safetensors,\n"
    )
    assert main(["invert", "m.csv", "-o", "more", "--start", "random", *HERE, *quick]) == 3
    assert [row["status"] for row in status("more")] == ["done", "refused", "refused"]
    assert main(["invert", "photos/b.png", "-o", "single.safetensors", "--start", "random", "--seed", "5", *quick]) == 0
    assert Path("more/x.safetensors").read_bytes() == Path("single.safetensors").read_bytes()
    assert main(["invert", "photos", "-o", "latents", "--json", *quick]) == 2


def test_measure_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    face = np.ascontiguousarray(skimage.data.astronaut()[:384, 64:448])
    image.write("in/still.png", face)
    video.write("in/film.mp4", [face, face[:, ::-1].copy()], fps=25)
    (tmp_path / "in/damaged.mp4").write_bytes(b"no film")
    dlib = ["--provider", "dlib"]
    assert main(["measure", "in", "--csv", "tables", *HERE, *dlib]) == 3
    out, err = capsys.readouterr()
    assert "3 files: 2 done, 1 refused" in out
    assert "row 1 (damaged.csv)" in err
    for name in ("still.png", "film.mp4"):
        assert main(["measure", f"in/{name}", "--csv", "single.csv", *dlib]) == 0
        assert Path("tables", name).with_suffix(".csv").read_bytes() == Path("single.csv").read_bytes()
    assert len(Path("tables/film.csv").read_text().splitlines()) == 3
    assert main(["measure", "in"]) == 2
