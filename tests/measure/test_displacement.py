"""AUs and identity measured on landmarks and pictures of one face."""

import numpy as np
import pytest
from conftest import face_points
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import astronaut

from facsmith import measure
from facsmith.errors import ActionUnitError, InputError
from facsmith.face import choose, find
from facsmith.face.muscles import basis
from facsmith.facs import DISFA

REST = face_points(200, 150, 60)


def shown(intensities: np.ndarray, *, degrees: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """The schematic face with the table's movements, in a head that moved."""
    a = np.radians(degrees)
    moved = REST + 60 * np.tensordot(intensities, basis(DISFA), axes=1)
    return scale * moved @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + [15, -8]


def one(au: int, intensity: float = 1.0) -> np.ndarray:
    return intensity * np.eye(len(DISFA))[DISFA.index(au)]


@given(degrees=st.floats(-60, 60), scale=st.floats(0.3, 3))
def test_a_head_that_only_moves_displaces_nothing(degrees, scale):
    moved = measure.aligned_displacement(shown(np.zeros(12), degrees=degrees, scale=scale), REST)
    np.testing.assert_allclose(moved, 0, atol=1e-9)


@given(degrees=st.floats(-60, 60), scale=st.floats(0.3, 3), au=st.sampled_from(DISFA))
def test_an_expression_is_seen_whole_whatever_the_head_does(degrees, scale, au):
    moved = measure.aligned_displacement(shown(one(au, 0.7), degrees=degrees, scale=scale), REST)
    assert measure.along(moved, au) == pytest.approx(0.7, abs=0.05)  # AU9 moves the nose bridge a little


def test_the_displacement_is_in_the_neutral_faces_own_axes():
    a = np.radians(30)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    straight = measure.aligned_displacement(shown(one(12)), REST)
    np.testing.assert_allclose(measure.aligned_displacement(shown(one(12)) @ turn, REST @ turn), straight, atol=1e-9)
    corner = straight[48]  # a smile takes the viewer-left mouth corner outwards and up
    assert corner[0] < -0.05
    assert corner[1] < -0.1


def test_eyes_on_one_spot_measure_nothing():
    with pytest.raises(InputError, match="eyes"):
        measure.aligned_displacement(REST, np.zeros((68, 2)))


@pytest.mark.parametrize("au", DISFA)
def test_the_tables_own_movement_measures_1_and_does_not_leak(au):
    movement = basis(DISFA)[DISFA.index(au)]
    assert measure.along(movement, au) == pytest.approx(1)
    assert measure.along(-0.5 * movement, au) == pytest.approx(-0.5)
    assert measure.leak(movement, au).largest < 0.016


def test_empty_points_are_those_the_table_does_not_move():
    smile = measure.empty_points(12)
    assert smile.shape == (68,)
    assert smile[[17, 26, 36, 45]].all()
    assert not smile[[48, 54, 8]].any()
    for au in DISFA:
        moved = np.linalg.norm(basis(DISFA)[DISFA.index(au)], axis=1)
        assert (measure.empty_points(au) == (moved <= 0.015)).all()


def test_leak_is_the_mean_and_the_largest_movement_of_the_empty_points():
    displacement = np.where(measure.empty_points(12)[:, None], 0.0, basis(DISFA)[DISFA.index(12)])
    displacement[17] = [0.03, 0.04]
    leak = measure.leak(displacement, 12)
    assert leak.largest == pytest.approx(0.05)
    assert leak.mean == pytest.approx(0.05 / measure.empty_points(12).sum())


@pytest.mark.parametrize("call", [lambda: measure.along(np.zeros((68, 2)), 7), lambda: measure.empty_points(7)])
def test_an_unknown_au_is_named(call):
    with pytest.raises(ActionUnitError, match=r"AU7.*AU26"):
        call()


@pytest.mark.parametrize("aus", [(6, 12, 25), (1, 4, 15), (1, 2, 5, 26), (4, 5), (9, 15), (4, 17)])
def test_the_aus_of_an_emotion_are_told_apart_up_to_the_price(aus):
    asked = np.sum([one(au, 0.8) for au in aus], axis=0)
    displacement = np.tensordot(asked, basis(DISFA), axes=1)
    measured = measure.from_displacement(displacement)
    assert (measured >= 0).all()
    assert np.abs(measured - asked).max() < 0.45  # of 1 and 4 together, brows that hardly move
    assert np.abs(np.tensordot(measured, basis(DISFA), axes=1) - displacement).max() < 0.04


def test_movement_as_faint_as_the_landmarkers_noise_is_no_expression():
    noise = np.random.default_rng(0).normal(0, 0.003, (68, 2))
    assert measure.from_displacement(noise).max() < 0.1
    assert (measure.from_displacement(np.zeros((68, 2))) == 0).all()
    assert measure.from_displacement(-basis(DISFA)[DISFA.index(12)])[DISFA.index(12)] == 0


def test_known_responses_correct_what_is_under_reported():
    seen = 0.4 * basis(DISFA)
    measured = measure.from_displacement(0.5 * seen[DISFA.index(2)], responses=seen)
    assert measured[DISFA.index(2)] == pytest.approx(0.5, abs=0.1)


def test_repeated_responses_still_give_an_answer():
    same = np.repeat(basis(DISFA)[:1], 12, axis=0)
    assert np.isfinite(measure.from_displacement(same[0], responses=same)).all()


@pytest.fixture(scope="module")
def her():
    photo = astronaut()[0:256, 100:356].copy()
    return photo, choose(find(photo, provider="dlib")).face


def test_the_muscles_of_a_real_face_are_reported_along_their_own_aus(her):
    responses = measure.NeutralFace(*her, sources=("landmarks",)).responses
    assert responses.shape == (12, 68, 2)
    for row, au in enumerate(DISFA):
        least = {2: 0.2, 6: 0.0}.get(au, 0.3)  # lids that rise are hard to see, and outer brows below a fringe
        assert measure.along(responses[row], au) > least
        assert measure.leak(responses[row], au).mean < 0.03


def test_a_person_is_like_herself_in_dimmer_light_and_unlike_noise(her):
    photo, face = her
    dimmed = (photo * 0.8).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 255, photo.shape, dtype=np.uint8)
    at = (face.landmarks, face.landmarks)
    same = measure.identity(photo, photo, landmarks=at)
    close, far = measure.identity(photo, dimmed, landmarks=at), measure.identity(photo, noise, landmarks=at)
    assert same.cosine == pytest.approx(1)
    assert same.distance == 0
    assert close.cosine > 0.97 > far.cosine
    assert close.distance < 0.4 < 0.6 < far.distance
