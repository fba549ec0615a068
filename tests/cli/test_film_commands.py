"""Films on the command line: several faces, a new performance, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import FakeFaces, face_at, fake_animator

from facsmith import image, measure, video
from facsmith.__main__ import main
from facsmith.animator import Animator

TWO = face_at(60, 60, 28), face_at(200, 70, 26)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A film of two faces, and an animator that sees them; no network looks at the pictures."""
    from facsmith.footage import people
    from facsmith.measure import NeutralFace

    y, x = np.mgrid[:160, :260]
    two = np.stack([120 + 60 * np.sin(x / 9 + y / 31), x * 0.9, 1.5 * y], 2).astype(np.uint8)
    video.write(tmp_path / "two.mp4", (two for _ in range(4)), fps=10)
    image.write(tmp_path / "her.png", two)
    animator = fake_animator(FakeFaces(TWO))
    monkeypatch.setattr(Animator, "from_pretrained", classmethod(lambda cls, name, *, boundaries=None: animator))
    monkeypatch.setattr(people, "available_readout", lambda: None)
    monkeypatch.setattr(NeutralFace, "scale", None)
    monkeypatch.setattr(measure, "embedding", lambda picture, at: np.eye(128)[int(np.mean(at, axis=0)[0] > 130)])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_every_face_of_a_film(folder, capsys):
    assert main(["edit", "two.mp4", "--face", "all", "--relative", "AU4=+0.5", "-o", "out.mp4"]) == 0
    said = capsys.readouterr().out
    for number in (0, 1):
        receipt = json.loads(Path(f"out.mp4.face{number}.json").read_text())
        assert receipt["change"]["relative"] == {"AU4": 0.5} and receipt["summary"]["edited"] == 4
        assert f"face {number}: AU4: asked +0.50" in said


def test_a_new_performance_on_each_face(folder):
    times = ["--onset", "0.1", "--apex", "0.1", "--offset", "0.1"]
    faces = ["--face", "0", "-e", "AU12=D", "--face", "1", "-e", "AU4=C"]
    assert main(["animate", "--film", "two.mp4", *faces, *times, "-o", "out.mp4"]) == 0
    for number, au, most in ((0, "AU12", 0.8), (1, "AU4", 0.6)):
        receipt = json.loads(Path(f"out.mp4.face{number}.json").read_text())
        assert receipt["change"]["performance"] == [au]
        asked = receipt["frames"][au]["asked"]
        assert asked[0] == 0 and max(asked) == pytest.approx(most)


def test_a_change_is_not_written_over_the_film_itself(folder, capsys):
    before = Path("two.mp4").read_bytes()
    assert main(["edit", "two.mp4", "--gain", "AU12=0", "-o", f"../{folder.name}/two.mp4"]) == 2
    assert "the film itself" in capsys.readouterr().err and Path("two.mp4").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-e", "fear", "--timeline", "wave.yaml"], "--timeline is of films"),
        (["--gain", "AU12=0", "--from", "1"], "--from is of films"),
        (["--gain", "AU12=0", "--to", "0"], "--to is of films"),
        (["-e", "fear", "--neutral", "1"], "--neutral is of films"),
        (["-e", "fear", "--contact-sheet", "a.png"], "--contact-sheet is of films"),
        (["--gain", "AU12=0", "--gain", "AU6=0"], "one face and 2 changes"),
    ],
)
def test_what_a_photo_cannot_have_is_refused_before_a_model_is_loaded(folder, capsys, monkeypatch, arguments, reason):
    monkeypatch.setattr(Animator, "from_pretrained", None)
    assert main(["edit", "her.png", *arguments, "-o", "out.png"]) == 2
    assert reason in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["animate", "her.png", "--film", "two.mp4", "-e", "fear"], "not both"),
        (["animate", "-e", "fear"], "Give a photo, or --film"),
        (["animate", "her.png", "-e", "fear", "--neutral", "1"], "photos need none"),
        (["animate", "--film", "none.mp4", "-e", "fear"], "There is no film"),
        (["animate", "--film", "two.mp4", "-e", "fear", "--mode", "paste"], "Mode paste is of photos"),
        (["animate", "--film", "two.mp4", "-e", "fear", "--no-receipt"], "--no-receipt is of photos"),
        (["edit", "her.png", "-e", "fear", "--face", "all"], "one face at a time"),
        (["edit", "two.mp4", "--face", "0", "--face", "0", "--gain", "AU12=0"], "twice"),
        (["edit", "two.mp4", "--face", "0", "--face", "00", "--gain", "AU12=0", "--gain", "AU6=0"], "twice"),
        (["edit", "two.mp4", "--face", "²", "--gain", "AU12=0"], "is no face"),
        (["edit", "two.mp4", "--face", "all", "--gain", "AU12=0", "--neutral", "her.png"], "one person's"),
        (["edit", "two.mp4", "--gain", "AU12=0", "--no-receipt"], "--no-receipt is of photos"),
        (["edit", "two.mp4", "--gain", "AU12=0", "--latent", "her.safetensors"], "--latent is of photos"),
        (["edit", "two.mp4", "--face", "all", "--gain", "AU12=0", "--contact-sheet", "a.png"], "shows one face"),
        (["edit", "two.mp4", "--gain", "AU12=0", "--gain", "AU6=0"], "one face and 2 changes"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_no_file(folder, capsys, arguments, reason):
    assert main([*arguments, "-o", "out.mp4"]) == 2
    assert reason in " ".join(capsys.readouterr().err.split())
    assert not list(folder.glob("out*"))
