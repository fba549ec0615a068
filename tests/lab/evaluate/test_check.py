"""The bar's check: the muscles themselves pass it, doing nothing fails, and what fails says where."""

import io
import itertools
import json
from typing import Any

import numpy as np
import pytest
import skimage.data
from rich.console import Console

from facsmith import face
from facsmith.compose.motion import Motion
from facsmith.errors import InputError, NoFaceError
from facsmith.face import Face, choose, crop_transform, find
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.face.muscles import basis
from facsmith.facs import AUS, DISFA
from facsmith.lab.evaluate import Check, Row, Thresholds, check, table

pytestmark = pytest.mark.slow

PROVIDER = "dlib"
SEEN = (12, 15, 26)  # dlib loses her brows, once raised, under the fringe


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """(400, 400, 3): the astronaut's head and shoulders."""
    photo: Any = skimage.data.astronaut()
    return np.ascontiguousarray(photo[:400, 50:450])


@pytest.fixture(scope="module")
def muscles(portrait: np.ndarray):
    """A renderer that is the reference itself."""
    warp = MuscleWarp(choose(find(portrait, provider=PROVIDER)).face.landmarks, portrait.shape)
    return lambda photo, intensities: warp(photo, intensities)


@pytest.fixture(scope="module")
def passed(portrait: np.ndarray, muscles) -> Check:
    return check(muscles, [("astronaut", portrait)], aus=SEEN, provider=PROVIDER)


def row(result: Check, au: int) -> Row:
    return next(row for row in result.rows if row.au == au)


def test_the_muscles_reach_themselves_and_pass(passed: Check):
    assert passed.passed
    for found in passed.rows:
        assert found.share == pytest.approx(1, abs=0.05)
        assert found.flow == pytest.approx(1, abs=0.06)
        assert found.leak < 0.03
        assert (found.reached, found.still, found.monotone) == (1, 1, 1)


def test_doing_nothing_fails(portrait: np.ndarray):
    result = check(lambda photo, _: photo, [("astronaut", portrait)], aus=(12,), provider=PROVIDER)
    assert not result.passed
    for found in result.rows:
        assert not found.passed
        assert (found.share, found.flow, found.leak) == pytest.approx((0, 0, 0), abs=1e-9)
        assert (found.reached, found.still, found.monotone) == (0, 1, 0)


def test_half_of_the_movement_is_half_a_share(portrait: np.ndarray, muscles):
    result = check(lambda photo, e: muscles(photo, e / 2), [("astronaut", portrait)], aus=(12,), provider=PROVIDER)
    found = row(result, 12)
    assert not found.passed
    assert found.share == pytest.approx(0.5, abs=0.1)
    assert found.flow == pytest.approx(0.5, abs=0.05)
    assert found.monotone == 1


def test_a_renderer_that_moves_the_brows_with_the_mouth_leaks(portrait: np.ndarray, muscles):
    brows = np.isin(DISFA, (1, 2))
    result = check(
        lambda photo, e: muscles(photo, e + 3 * brows * e.max()),
        [("astronaut", portrait)],
        aus=(12,),
        provider=PROVIDER,
    )
    found = row(result, 12)
    assert found.still == 0
    assert not found.passed
    assert found.leak_max > found.leak > 0.03


def test_where_landmarks_do_not_see_the_muscles_flow_judges(portrait: np.ndarray, muscles):
    blind = Thresholds(visible=9.0)
    result = check(muscles, [("astronaut", portrait)], aus=(6,), provider=PROVIDER, bar=blind)
    found = row(result, 6)
    assert found.judged_by == "flow"
    assert (found.reached, found.monotone) == (1, 1)
    assert found.lowest == pytest.approx(found.flow)


def test_a_frame_without_a_face_fails_and_is_null_in_json(portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    def follow(picture: np.ndarray, known: Face) -> Face:
        if not picture.any():
            raise NoFaceError("black")
        return known

    monkeypatch.setattr(face, "follow", follow)
    black = np.zeros_like(portrait)
    result = check(
        lambda photo, e: black if e.max() == 1 else photo, [("astronaut", portrait)], aus=(12,), provider=PROVIDER
    )
    assert not result.passed
    shown = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert shown["readings"][0]["along"] == [0, 0, 0, None]


def test_one_lost_face_does_not_change_the_judge(portrait: np.ndarray, muscles, monkeypatch: pytest.MonkeyPatch):
    calls, follow = itertools.count(), face.follow

    def lose(picture: np.ndarray, known: Face) -> Face:
        if next(calls) == 24:  # of eighteen a photo, the one after 2 at rest and 4 others: the muscles' own picture
            raise NoFaceError("lost")
        return follow(picture, known)

    monkeypatch.setattr(face, "follow", lose)
    twice = [("her", portrait), ("lost", portrait)]
    result = check(muscles, twice, aus=(6,), provider=PROVIDER, bar=Thresholds(visible=9.0))
    assert np.isnan([reading.muscles for reading in result.readings]).tolist() == [False, True]
    found = row(result, 6)
    assert found.photos == 2
    assert found.judged_by == "flow"  # landmarks hardly see her cheeks rise
    assert found.reached == 2


def test_photos_without_a_face_are_named_and_none_at_all_is_an_error(portrait: np.ndarray, muscles):
    noise = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    result = check(muscles, [("wall", noise), ("her", portrait)], aus=(26,), provider=PROVIDER)
    assert list(result.skipped) == ["wall"]
    assert row(result, 26).photos == 1
    with pytest.raises(InputError, match="None of 2 photos"):
        check(muscles, [("wall", noise), ("floor", noise[::-1])], aus=(26,), provider=PROVIDER)
    with pytest.raises(InputError, match="No face was found in this photo"):
        check(muscles, [("wall", noise)], aus=(26,), provider=PROVIDER)


def test_json_and_table_carry_every_au(passed: Check):
    shown = json.loads(json.dumps(passed.to_json()))
    assert shown["passed"] is True
    assert [row["au"] for row in shown["rows"]] == list(SEEN)
    assert len(shown["readings"]) == len(SEEN)
    assert len(shown["readings"][0]["along"]) == len(shown["levels"]) == 4
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(table(passed))
    text = console.export_text()
    assert all(f"AU{au}" in text for au in SEEN)
    assert "3 of 3 AUs pass" in text


def test_flow_reads_known_motion_and_at_points_where_it_is(portrait: np.ndarray):
    points = choose(find(portrait, provider=PROVIDER)).face.landmarks
    transform = crop_transform(points, 128)
    crop, at = transform.crop(portrait), transform.to_crop(points)
    motion, warp = Motion(crop, at), MuscleWarp(at, crop.shape)
    smile = np.eye(12)[DISFA.index(12)]
    shares = [motion.share(motion.flow(warp(crop, level * smile)), 12) for level in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert shares == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.06)
    brow = motion.at_points(motion.muscles(2))[24]
    assert brow == pytest.approx(basis()[AUS.index(2), 24], abs=0.05)  # the table's; the crop is coarse
    assert brow[1] < -0.04
    assert motion.share(motion.flow(crop), 12) == 0
