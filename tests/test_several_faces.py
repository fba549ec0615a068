"""Several faces of a photo: each as if it were animated alone, in one film."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import QUICK, FakeFaces, face_at, fake_animator

from facsmith import video
from facsmith.cli._face_choice import per_face
from facsmith.compose.several import composed
from facsmith.errors import InputError, NoFaceError
from facsmith.receipt.frame_stats import near_face
from facsmith.receipt.receipt import face_receipt_path

SHORT = replace(QUICK, fps=4)
TWO = face_at(60, 60, 28), face_at(200, 70, 26)


@pytest.fixture
def two():
    """(160, 260, 3): a picture of two faces."""
    y, x = np.mgrid[:160, :260]
    return np.stack([120 + 60 * np.sin(x / 9 + y / 31), x * 0.9, 1.5 * y], 2).astype(np.uint8)


@pytest.fixture
def animator():
    return fake_animator(FakeFaces(TWO))


def test_each_face_is_as_if_alone(animator, two):
    film = animator.animate_faces(two, {0: "happiness", 1: "AU4=E"}, options=SHORT)
    together = list(film.frames())
    alone = [
        list(animator.animate(two, what, options=SHORT, face=face).frames())
        for face, what in ((0, "happiness"), (1, "AU4=E"))
    ]
    assert len(together) == max(map(len, alone))
    for k, face in enumerate(TWO):
        other = near_face(TWO[1 - k].landmarks, two.shape[:2], 0.5) > 0
        for frame, own in zip(together, alone[k], strict=False):
            assert np.array_equal(frame[~other], own[~other])
        middle = len(alone[k]) // 2
        assert (together[middle] != two)[near_face(face.landmarks, two.shape[:2], 0) > 0].any()


def test_all_faces_do_the_same(animator, two):
    film = animator.animate_faces(two, "surprise", options=SHORT)
    assert [each.subject.face_index for each in film.films] == [0, 1]


@pytest.mark.slow
def test_each_has_its_receipt(animator, two, tmp_path):
    film = animator.animate_faces(two, {0: "happiness", 1: "surprise"}, options=SHORT)
    receipts = film.save(tmp_path / "two.mp4")
    assert len(list(video.read(tmp_path / "two.mp4"))) == len(film)
    for face, receipt in enumerate(receipts):
        said = json.loads(face_receipt_path(tmp_path / "two.mp4", face).read_text())
        assert said["photo"]["face"] == receipt.photo["face"] == face


def test_faces_of_which_one_is_there(animator, two):
    with pytest.raises(NoFaceError, match="no face number 2"):
        animator.animate_faces(two, {0: "happiness", 2: "surprise"}, options=SHORT)
    with pytest.raises(InputError, match="No face was chosen"):
        animator.animate_faces(two, {}, options=SHORT)
    with pytest.raises(InputError, match="Mode crop"):
        animator.animate_faces(two, "happiness", options=SHORT, mode="crop")


def test_composed_keeps_what_nobody_changed(two):
    one, other = two.copy(), two.copy()
    one[10:20, 10:20], other[15:30, 15:30] = 0, 255
    both = composed(two, [one, other])
    assert (both[15:30, 15:30] == 255).all() and (both[10:15, 10:20] == 0).all()
    rest = np.ones(two.shape[:2], np.bool_)
    rest[10:20, 10:20] = rest[15:30, 15:30] = False
    assert np.array_equal(both[rest], two[rest])


def test_what_is_said_for_each_face():
    assert per_face(["0", "1"], ["happiness", "fear"]) == {0: "happiness", 1: "fear"}
    assert per_face(["2", "0"], ["fear"]) == {2: "fear", 0: "fear"}
    assert per_face(["all"], ["fear"]) == "fear" and per_face(["all"], ["fear", "neutral"]) == ["fear", "neutral"]
    for faces, expressions in ((["0", "1"], None), (["all", "1"], ["fear"]), (["0", "0"], ["fear"]),
                               (["0", "1", "2"], ["fear", "neutral"])):  # fmt: skip
        with pytest.raises(InputError):
            per_face(faces, expressions)
