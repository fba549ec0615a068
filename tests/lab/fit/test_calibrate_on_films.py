"""Calibration on finished films: what was asked is what is measured afterwards."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data

from facsmith import Animator, face
from facsmith.boundary import BoundarySet, Calibration, Response
from facsmith.errors import InputError, NoFaceError
from facsmith.face import Face
from facsmith.inversion import InversionOptions
from facsmith.lab.evaluate.check import LEVELS, Check, Reading, Row, Thresholds
from facsmith.lab.fit.calibrate_on_films import calibrate_on_films, is_off, others_shown, person_responses
from facsmith.options import AnimateOptions

pytestmark = pytest.mark.slow

DISFA = (2, 26)
OPTIONS = AnimateOptions(provider="dlib", inversion=InversionOptions(iterations=0))


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """(400, 400, 3): the astronaut's head and shoulders."""
    photo: Any = skimage.data.astronaut()
    return np.ascontiguousarray(photo[:400, 50:450])


def shy(boundaries: BoundarySet) -> BoundarySet:
    """Two AUs whose scales end too early."""
    kept: list[Any] = []
    for au in DISFA:
        curve = boundaries[au].calibration
        rest = curve.distances[0]
        shortened = Calibration(curve.intensities, tuple(rest + 0.7 * (d - rest) for d in curve.distances))
        kept.append(replace(boundaries[au], calibration=shortened))
    return BoundarySet(tuple(kept), boundaries.generator_id)


def test_a_scale_that_ends_too_early_is_stretched(portrait: np.ndarray):
    whole = Animator.from_pretrained().networks.boundaries
    animator = Animator.from_pretrained(boundaries=shy(whole))
    told: list[tuple[str, int, int]] = []
    calibrated = calibrate_on_films(
        animator,
        [("astronaut", portrait)],
        options=OPTIONS,
        provider="dlib",
        progress=lambda *step: told.append(step),
    )
    assert told == [("calibrate", 1, 1), ("verify", 1, 1)]
    assert calibrated.aus == DISFA
    for boundary in calibrated.boundaries:
        films = boundary.report["films"]
        assert films["photos"] == 1
        before, after = (np.abs(np.array(films[when]) - films["asked"]) for when in ("showed", "shows"))
        assert after[:2].mean() < 0.6 * before[:2].mean()  # within the old scale; beyond it the curve is a guess
        assert after[2:].mean() < before[2:].mean()
        assert boundary.calibration.distances[-1] > animator.networks.boundaries[boundary.au].calibration.distances[-1]


def test_a_face_lost_in_a_frame_is_left_out_and_the_boundaries_can_be_saved(
    portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    whole = Animator.from_pretrained().networks.boundaries
    animator = Animator.from_pretrained(boundaries=BoundarySet((whole[26],), whole.generator_id))
    calls, follow = itertools.count(), face.follow

    def lose(picture: np.ndarray, known: Face) -> Face:
        if next(calls) == 53:  # eighteen a photo: in the second round, the first one's film at intensity 1
            raise NoFaceError("lost")
        return follow(picture, known)

    monkeypatch.setattr(face, "follow", lose)
    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    calibrated = calibrate_on_films(
        animator, [("lost", mirrored), ("astronaut", portrait)], options=OPTIONS, provider="dlib"
    )
    calibrated.save(tmp_path / "b.safetensors")
    films = BoundarySet.load(tmp_path / "b.safetensors")[26].report["films"]
    assert films["photos"] == 1
    assert 0 < films["leak"] < 0.1

    calls = itertools.count(18)  # of one photo alone: that same frame
    alone = calibrate_on_films(animator, [("lost", mirrored)], options=OPTIONS, provider="dlib")
    alone.save(tmp_path / "b.safetensors")
    assert alone[26].report["films"]["photos"] == 0


def test_no_face_no_calibration():
    with pytest.raises(InputError, match="face"):
        calibrate_on_films(
            Animator.from_pretrained(), [("grey", np.full((256, 256, 3), 128, np.uint8))], provider="dlib"
        )


def films(
    flow: np.ndarray, seen: np.ndarray, brows: np.ndarray | None = None, *, second: np.ndarray | None = None
) -> Check:
    """A check of AU9 on people of whom flow and landmarks see such shares (people,) at intensity 1.

    brows: (people,) how much of AU4 landmarks see there. second: (people,) what another landmarker sees of AU9.
    """
    levels = np.array(LEVELS)
    shown = np.zeros((len(flow), 12))
    shown[:, 2], shown[:, 5] = 0.0 if brows is None else brows, seen
    others = np.full(len(flow), np.nan) if second is None else second
    readings = tuple(
        Reading("name", 9, tuple(0.8 * s * levels), 0.8, tuple(f * levels), 0.01, 0.02, 0.01, tuple(all_aus), other)
        for f, s, all_aus, other in zip(flow, seen, shown.tolist(), others, strict=True)
    )
    rows = tuple(Row(au, len(flow), "landmarks", 1.0, 1.0, 0.8, 9, 0.01, 0.02, 0.01, 9, 9, True) for au in (4, 9))
    return Check(Thresholds(), rows, readings, {}, ("dlib",))


def test_flow_is_trusted_as_far_as_landmarks_agree_with_it():
    random = np.random.default_rng(0)
    people, noise = 0.2 * random.standard_normal((2, 40))
    flow = 0.9 * np.exp(people)
    agreeing, strangers = (person_responses(films(flow, np.exp(s)))[9] for s in (people + 0.3 * noise, noise))
    assert agreeing.typical == pytest.approx(np.median(flow))
    assert 0.8 < agreeing.trust <= 1
    assert strangers.trust < 0.1
    assert person_responses(films(flow[:5], np.exp(people[:5]))) == {}  # too few to say


def test_aus_that_say_little_are_trusted_like_the_others():
    people, noise = 0.2 * np.random.default_rng(0).standard_normal((2, 12))
    clear = people + 0.1 * noise
    checks = [films(np.exp(people), np.exp(seen)) for seen in (clear, clear, 6 * noise)]
    readings = [replace(r, au=au) for check, au in zip(checks, (4, 9, 12), strict=True) for r in check.readings]
    rows = tuple(replace(checks[0].rows[1], au=au) for au in (4, 9, 12))
    together = person_responses(Check(Thresholds(), rows, tuple(readings), {}, ("dlib",)))
    alone = person_responses(Check(Thresholds(), rows[2:], tuple(readings), {}, ("dlib",)))
    assert min(together[au].trust for au in (4, 9)) > 0.8
    assert alone[12].trust == 0 < 0.8 < together[12].trust


def test_landmarks_are_trusted_as_far_as_the_other_landmarker_agrees():
    random = np.random.default_rng(2)
    people, *errors = 0.15 * random.standard_normal((5, 200))
    deaf = np.exp(errors[3])  # a flow that hears nothing of people

    def response(first: np.ndarray, second: np.ndarray, flow: np.ndarray = deaf) -> Response:
        return person_responses(films(flow, np.exp(first), second=np.exp(second)))[9]

    half = response(people + errors[0], people + errors[1])  # half of what either reads is people
    for name, seen in (("mediapipe", people + errors[0]), ("dlib", people + errors[1])):
        assert half.landmarks[name].trust == pytest.approx(0.5, abs=0.15)
        assert half.landmarks[name].flow < 0.15
        assert half.landmarks[name].typical == pytest.approx(np.median(np.exp(seen)))
    assert response(errors[0], errors[1]).landmarks["dlib"].trust < 0.15
    good = response(people, people + 2 * errors[1])  # each is believed by what it is worth itself
    assert good.landmarks["mediapipe"].trust > 0.7
    assert good.landmarks["dlib"].trust < 0.35
    # Where all see the same, no more than all of it is believed; and flow alone is worth more than beside landmarks.
    same = response(people, people + 0.01 * errors[0], np.exp(people + errors[1]))
    assert 0.8 < same.landmarks["dlib"].trust + same.landmarks["dlib"].flow <= 1
    assert same.trust > same.landmarks["dlib"].flow + 0.2


def test_a_second_landmarker_who_sees_too_few_takes_nothing_away():
    people, error = 0.15 * np.random.default_rng(5).standard_normal((2, 20))
    second = np.exp(people)
    second[5:] = np.nan
    alone, beside = (person_responses(films(np.exp(people + error), np.exp(people), second=s)) for s in (None, second))
    assert alone == beside
    assert alone[9].trust > 0.2
    assert not alone[9].landmarks


@pytest.mark.parametrize("typical", [-0.3, 5e-4])
def test_aus_that_hardly_anybody_sees_get_no_response(typical: float):
    people, error = np.exp(0.15 * np.random.default_rng(5).standard_normal((2, 21)))
    few = np.where(np.arange(21) < 11, typical, people)
    assert person_responses(films(few, people, second=people)) == {}
    unseen = person_responses(films(error, few, second=people))[9]
    assert set(unseen.landmarks) == {"dlib"}


def test_a_flow_that_says_the_opposite_leaves_landmarks_what_they_are_worth_alone():
    people, first, second = 0.15 * np.random.default_rng(6).standard_normal((3, 400))
    told = person_responses(films(np.exp(first), np.exp(people + first), second=np.exp(people + second)))[9]
    assert told.landmarks["mediapipe"].flow == 0  # by regression on both, -1, and landmarks all of 1
    assert told.landmarks["mediapipe"].trust == pytest.approx(0.5, abs=0.1)


def test_who_is_misread_wildly_says_no_more_than_who_is_read_far_off():
    random = np.random.default_rng(3)
    people, error = 0.15 * random.standard_normal((2, 40))
    flow = np.exp(0.15 * random.standard_normal(40))
    trusts: list[float] = []
    for outlier in (1.0, 6.0):
        people[0], error[0] = -outlier, 0
        told = person_responses(films(flow, np.exp(people), second=np.exp(people + error)))
        trusts.append(told[9].landmarks["mediapipe"].trust)
    assert trusts[0] == pytest.approx(trusts[1])


@pytest.mark.parametrize("provider", ["mediapipe", "dlib"])
def test_dlib_is_asked_where_mediapipe_read_the_photos(provider: str, monkeypatch: pytest.MonkeyPatch):
    people, *errors = 0.15 * np.random.default_rng(4).standard_normal((4, 40))
    asked: list[str | None] = []

    def check(render: Any, photos: Any, *, aus: Any, provider: str, second: str | None, progress: Any) -> Check:
        asked.append(second)
        first, other = (people + error - (people + error).mean() for error in errors[:2])
        read = films(np.exp(errors[2]), np.exp(first), second=np.exp(other) if second else None)
        return replace(read, rows=read.rows[1:], providers=(provider,))

    monkeypatch.setattr("facsmith.lab.fit.calibrate_on_films.check", check)
    animator = Animator.from_pretrained()
    calibrated = calibrate_on_films(animator, [], aus=[9], options=OPTIONS, provider=provider)
    response = calibrated[9].response
    assert response is not None
    if provider == "dlib":
        assert set(asked) == {None}
        assert not response.landmarks
    else:
        assert asked[-1] == "dlib"
        assert min(one.trust for one in response.landmarks.values()) > 0.3
    assert calibrated[12].response == animator.networks.boundaries[12].response


def test_a_scale_is_bent_only_where_it_is_surely_off():
    random = np.random.default_rng(1)
    people = np.exp(0.2 * random.standard_normal(30))
    level = people / people.mean()
    assert not is_off(films(level, 1.02 * level), 9)
    assert is_off(films(level, 1.2 * level), 9)
    assert is_off(films(level[:1], level[:1]), 9)  # one photo's word is all there is


def test_what_two_peoples_films_of_three_show_of_another_au_is_to_be_taken_out():
    ones, brows = np.ones(10), np.array([0.4, 0.3, 0.5, 0.3, 0.3, 0.0, 0.0, 2.0, 0.0, 0.6])
    assert others_shown(films(ones, ones, brows), (4, 9)).tolist() == [[0, 0], [0.3, 0]]
    brows[:2] = 0.0  # now half of them
    assert not others_shown(films(ones, ones, brows), (4, 9)).any()
    assert not others_shown(films(ones, ones, 0.02 * ones), (4, 9)).any()


def test_what_landmarks_hardly_see_or_was_not_filmed_is_not_taken_out():
    ones = np.ones(10)
    filmed = films(ones, ones, 0.3 * ones)
    assert others_shown(filmed, (4, 9))[1, 0] == 0.3
    faint = tuple(replace(row, judged_by="flow") if row.au == 4 else row for row in filmed.rows)
    assert not others_shown(replace(filmed, rows=faint), (4, 9)).any()
    assert not others_shown(replace(filmed, rows=filmed.rows[1:]), (4, 9)).any()


def test_of_few_people_nothing_is_said_about_most():
    ones = np.ones(7)
    assert not others_shown(films(ones, ones, 0.3 * ones), (4, 9)).any()
