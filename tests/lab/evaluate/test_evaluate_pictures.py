"""Sheets of every expression, and warnings that fire on what is wrong and not else."""

import json

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from facsmith import image
from facsmith.animator import Animator
from facsmith.errors import InputError
from facsmith.face import choose, find
from facsmith.facs import AUS, EMOTIONS
from facsmith.inversion import InversionOptions
from facsmith.lab.evaluate.picture_warnings import BARS, film_jitter, fired, picture_warnings
from facsmith.lab.evaluate.pictures import GRADES, Edit, evaluate_pictures, expressions, grades_report, tables
from facsmith.options import AnimateOptions


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(astronaut()[0:256, 100:356])


@pytest.fixture(scope="module")
def points(photo):
    return choose(find(photo, provider="dlib")).face.landmarks


def warnings(photo, picture, points, change=None):
    nothing = np.zeros((2, len(AUS))) if change is None else change
    return picture_warnings(photo, picture, points, points, nothing, asked_smile=1.0, seen=points)


def test_a_picture_that_is_the_photo_is_not_warned_of(photo, points):
    assert fired(warnings(photo, photo, points)) == []


def test_a_dark_blot_is_warned_of(photo, points):
    blot = np.zeros(photo.shape[:2], np.float32)
    cv2.circle(blot, np.rint((points[36] + points[48]) / 2).astype(int).tolist(), 8, (1,), -1)
    dark = photo * (1 - 0.5 * cv2.GaussianBlur(blot, (0, 0), 3)[..., None])
    values = warnings(photo, dark.astype(np.uint8), points)
    assert "dark" in fired(values) and values["dark"] > warnings(photo, photo, points)["dark"]


def test_a_violet_mouth_is_warned_of(photo, points):
    violet = photo.copy()
    cv2.fillPoly(violet, [np.rint(points[60:68]).astype(np.int32)], (120, 40, 190))
    assert "hue" in fired(warnings(photo, violet, points))


def test_skin_drawn_out_is_warned_of(photo, points):
    far = np.zeros((2, len(AUS)))
    far[:, AUS.index(12)] = 4.0
    assert warnings(photo, photo, points, far)["streaks"] > BARS["streaks"]


def test_flicker_is_told_from_movement():
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    noise = cv2.GaussianBlur(noise, (0, 0), 3)
    steps = [np.clip(noise.astype(int) + 12 * k, 0, 255).astype(np.uint8) for k in range(6)]
    flicker = [steps[k % 2] for k in range(6)]
    assert film_jitter(steps) < 0.1 < 0.9 < film_jitter(flicker)
    assert film_jitter(steps[:2]) == 0


def test_every_emotion_and_au_is_made():
    assert [*expressions(emotions_only=True)] == [*EMOTIONS]
    assert len(expressions()) == len(EMOTIONS) + len(AUS)


def test_grades_say_what_warnings_are_worth():
    edits = [Edit("a", "fear", {"dark": 1.0}, ["dark"]), Edit("a", "anger", {"dark": 0.0}, []),
             Edit("b", "fear", {"dark": 1.0}, ["dark"]), Edit("c", "fear", {}, [])]  # fmt: skip
    given = {("a", "fear"): GRADES[2], ("a", "anger"): GRADES[2], ("b", "fear"): GRADES[0]}
    worth = grades_report(edits, given)
    assert worth.graded == 3
    assert worth.hits["dark"] == worth.hits["any"] == 0.5
    assert worth.false_alarms["dark"] == 1
    assert worth.shares == pytest.approx({"convincing": 1 / 3, "acceptable": 0, "sent back": 2 / 3})


@pytest.mark.slow
def test_a_folder_becomes_sheets(photo, tmp_path):
    image.write(tmp_path / "her.png", photo)
    image.write(tmp_path / "wall.png", np.full((64, 64, 3), 90, np.uint8))
    (tmp_path / "grades.csv").write_text("portrait,expression,grade\nher,happiness,convincing\n")
    options = AnimateOptions(provider="dlib", personal=False, inversion=InversionOptions(iterations=0))
    report = evaluate_pictures(
        Animator.from_pretrained(),
        [tmp_path / "her.png", tmp_path / "wall.png"],
        tmp_path,
        options=options,
        emotions_only=True,
        grades=tmp_path / "grades.csv",
    )
    assert [*report.skipped] == ["wall.png"]
    assert {edit.expression for edit in report.edits} == {*EMOTIONS}
    assert report.grades is not None and report.grades.graded == 1
    sheet = image.read(tmp_path / "her.png")
    assert sheet.shape[0] > photo.shape[0]
    assert json.loads(json.dumps(report.to_json()))["bars"] == dict(BARS)
    assert len(tables(report)) == 2


def test_a_wrong_grade_is_one_sentence(tmp_path):
    (tmp_path / "grades.csv").write_text("portrait,expression,grade\nher,fear,splendid\n")
    with pytest.raises(InputError, match=r"line 2.*convincing, acceptable, sent back"):
        evaluate_pictures(
            Animator.from_pretrained(), [], tmp_path, options=AnimateOptions(), grades=tmp_path / "grades.csv"
        )
