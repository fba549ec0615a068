"""Several faces of a film: each as if it were edited alone, in one film."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import FakeFaces, face_at, fake_animator

from facsmith import image, measure, video
from facsmith.cli._films import changes_of
from facsmith.errors import InputError, NoFaceError
from facsmith.footage import FilmChange, FilmOptions, edit_footage, edit_footage_faces, film_faces
from facsmith.footage.follow import FaceFollower
from facsmith.footage.people import check_apart
from facsmith.footage.survey import survey_film
from facsmith.receipt.frame_stats import near_face
from facsmith.receipt.receipt import face_receipt_path

TWO = face_at(60, 60, 28), face_at(200, 70, 26)
QUICKLY = FilmOptions(fitted=False, part_seconds=1.0)
FROWN, SMILE = FilmChange.read(relative="AU4=+0.6"), FilmChange.read(relative="AU12=+0.6")


@pytest.fixture(autouse=True)
def landmarks_alone(monkeypatch):
    from facsmith.footage import people
    from facsmith.measure import NeutralFace

    monkeypatch.setattr(people, "available_readout", lambda: None)
    monkeypatch.setattr(NeutralFace, "scale", None)
    monkeypatch.setattr(measure, "embedding", _whose)


def _whose(picture, landmarks):
    """Who stands on the left, and who on the right."""
    return np.eye(128)[int(np.mean(landmarks, axis=0)[0] > 130)]


@pytest.fixture
def film(tmp_path):
    y, x = np.mgrid[:160, :260]
    two = np.stack([120 + 60 * np.sin(x / 9 + y / 31), x * 0.9, 1.5 * y], 2).astype(np.uint8)
    path = tmp_path / "two.mp4"
    video.write(path, (two for _ in range(6)), fps=10)
    return path


@pytest.fixture
def networks():
    return fake_animator(FakeFaces(TWO)).networks


@pytest.fixture
def handed(monkeypatch):
    """Every frame that goes to the encoder, as it became."""
    kept = []
    write = video.write_part

    def noted(path, footage, frames):
        return write(path, footage, ((frame, kept.append(now) or now) for frame, now in frames))

    monkeypatch.setattr(video, "write_part", noted)
    return kept


@pytest.mark.slow
def test_each_face_is_as_if_alone_and_has_its_receipt(film, networks, tmp_path, handed):
    out = tmp_path / "out.mp4"
    receipts = edit_footage_faces(film, out, {0: FROWN, 1: SMILE}, networks, options=QUICKLY)
    together = handed[:]
    for number, change in ((0, FROWN), (1, SMILE)):
        handed.clear()
        receipt = edit_footage(
            film, tmp_path / f"{number}.mp4", change, networks, options=replace(QUICKLY, face=number)
        )
        other = near_face(TWO[1 - number].landmarks, (160, 260), 0.5) > 0
        for both, alone in zip(together, handed, strict=True):
            assert np.array_equal(both[~other], alone[~other])
        assert (handed[3] != together[3])[other].any()
        assert receipts[number].frames == receipt.frames
        said = json.loads(face_receipt_path(out, number).read_text())
        assert said["change"] == change.to_json() and said["settings"]["face"] == number
    assert out.exists() and not (tmp_path / "out.mp4.json").exists()


def test_all_are_those_of_the_first_frame_that_can_be_edited(film, networks):
    assert film_faces(video.open_footage(film), networks.faces, provider="auto") == [0, 1]


def test_a_face_that_is_not_there_is_named_and_the_others_stay(film, networks, tmp_path):
    with pytest.raises(NoFaceError, match="Face 5"):
        edit_footage_faces(film, tmp_path / "out.mp4", {0: FROWN, 5: SMILE}, networks, options=QUICKLY)
    assert (tmp_path / "out.mp4.parts/face0-survey.npz").exists()


@pytest.mark.slow
def test_a_neutral_photo_is_one_person_s(film, networks, tmp_path):
    image.write(tmp_path / "her.png", np.zeros((160, 260, 3), np.uint8))
    both = {0: FROWN, 1: SMILE}
    options = replace(QUICKLY, neutral=tmp_path / "her.png")
    with pytest.raises(InputError, match="one person's"):
        edit_footage_faces(film, tmp_path / "out.mp4", both, networks, options=options)
    receipts = edit_footage_faces(film, tmp_path / "out.mp4", both, networks, options=replace(QUICKLY, neutral=0.2))
    assert set(receipts) == {0, 1}


def test_two_numbers_of_one_person_are_refused(film):
    footage = video.open_footage(film)
    seen = {
        number: survey_film(footage.read(), FaceFollower(FakeFaces(TWO), face=face, embed=_whose), readout=None)
        for number, face in ((0, 0), (1, 0), (2, 1))
    }
    check_apart({0: seen[0], 2: seen[2]})
    with pytest.raises(InputError, match="Face 0 and face 1 are one person"):
        check_apart({0: seen[0], 1: seen[1]})


def test_which_change_is_whose():
    both = changes_of(["0", "1"], ["AU12=-0.5", "AU4=+0.3"], None, None)
    assert {face: dict(change.relative) for face, change in both.items()} == {
        "0": {("L", 12): -0.5, ("R", 12): -0.5},
        "1": {("L", 4): 0.3, ("R", 4): 0.3},
    }
    assert set(changes_of(["0", "1"], ["AU12=-0.5"], None, None)) == {"0", "1"}
    assert set(changes_of(None, None, ["AU12=0.5"], ["AU6=0"])) == {None}
    with pytest.raises(InputError, match="2 faces and 3 changes"):
        changes_of(["0", "1"], ["AU1=+B", "AU2=+B", "AU4=+B"], None, None)
    with pytest.raises(InputError, match="Whose is what"):
        changes_of(["0", "1"], ["AU1=+B"], ["AU12=0"], None)
    with pytest.raises(InputError, match="leave the other"):
        changes_of(["all", "1"], ["AU1=+B"], None, None)
