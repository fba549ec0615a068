"""An AU's strength, fitted to one face: drawn here by muscles that are too weak or too strong."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import tiny_boundaries

from facsmith.animator import Animator
from facsmith.boundary import BoundarySet, LandmarkResponse, Response
from facsmith.errors import NoFaceError
from facsmith.face import Face, follow
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import AUS, DISFA
from facsmith.inversion import InversionOptions
from facsmith.options import AnimateOptions
from facsmith.strengths import fit_strengths

OPTIONS = AnimateOptions(provider="dlib", inversion=InversionOptions(iterations=0))


def trusting(boundaries: BoundarySet, trust: dict[int, float]) -> BoundarySet:
    """The boundaries with responses of a typical share of 1 for the AUs named."""
    return BoundarySet(
        tuple(
            replace(b, response=Response(1.0, trust[b.au]) if b.au in trust else None) for b in boundaries.boundaries
        ),
        boundaries.generator_id,
    )


Fit = Callable[..., dict[int, float]]


def fitting(boundaries: BoundarySet, found: Face, draw: Any, *, follow: Any = follow) -> Fit:
    neutral = draw(boundaries, np.zeros(len(AUS)))

    def fit(*aus: int, progress: Any = None) -> dict[int, float]:
        return fit_strengths(neutral, found, draw, boundaries, aus, follow=follow, progress=progress)

    return fit


@pytest.fixture
def drawn(portrait: np.ndarray, found: Face) -> Callable[..., Any]:
    def fit(strength: float, trust: dict[int, float]) -> tuple[Fit, list[np.ndarray]]:
        warp, asked = MuscleWarp(found.landmarks, portrait.shape), []

        def draw(boundaries: BoundarySet, intensities: np.ndarray) -> np.ndarray:
            asked.append(intensities)
            ends = [boundaries[au].calibration.distance(1.0) for au in DISFA]
            steps = (np.array(ends) + 1) / 2  # distances are -1 at neutral and 1 at full intensity
            shown = intensities[[AUS.index(au) for au in DISFA]]
            return warp(portrait, np.clip(strength * steps * shown, 0, 1.5))

        return fitting(trusting(tiny_boundaries("tiny"), trust), found, draw), asked

    return fit


@pytest.fixture
def fading(portrait: np.ndarray, found: Face) -> Callable[..., Any]:
    """Drawing that shows all of what is asked for up to a half, then less and less."""
    warp = MuscleWarp(found.landmarks, portrait.shape)

    def draw(boundaries: BoundarySet, intensities: np.ndarray) -> np.ndarray:
        step = (boundaries[9].calibration.distance(1.0) + 1) / 2
        shown = intensities[[AUS.index(au) for au in DISFA]]
        return warp(portrait, step * max(0, 1.5 - step) * shown)

    return draw


@pytest.mark.parametrize("strength", [0.75, 1.0, 1.3])
def test_a_face_that_shows_less_gets_a_longer_step(drawn: Callable[..., Any], strength: float):
    fit, _ = drawn(strength, {9: 1.0, 12: 0.5})
    factors = fit(9, 12)
    assert factors[9] == pytest.approx(1 / strength, rel=0.1)
    assert factors[12] == pytest.approx(strength**-0.5, rel=0.1)


def test_a_face_that_shows_less_of_more_gets_the_step_that_shows_most(
    fading: Callable[..., Any], found: Face, drawn: Callable[..., Any]
):
    """All of what was asked up to a half, then less and less: eyes fade behind their glasses."""
    assert fitting(trusting(tiny_boundaries("tiny"), {9: 1.0}), found, fading)(9)[9] == pytest.approx(
        0.75
    )  # .5, .56 and .5 at .5, .75 and 1, and nothing at 1.5
    weak, _ = drawn(0.5, {9: 1.0})
    assert weak(9)[9] == pytest.approx(1.5)  # weak all along: a longer step


def by_landmarks(trust: float, *, provider: str = "dlib", flow: float = 0.0, typical: float = 1.0) -> BoundarySet:
    """Boundaries with a response for AU9 alone. flow: trust in it. typical: its share."""
    response = Response(typical, flow, {provider: LandmarkResponse(1.0, trust, flow=0.0)})
    tiny = tiny_boundaries("tiny")
    known = (replace(b, response=response if b.au == 9 else None) for b in tiny.boundaries)
    return BoundarySet(tuple(known), tiny.generator_id)


@pytest.fixture
def shown(portrait: np.ndarray, found: Face) -> Callable[[float], Any]:
    """Drawing that shows so much of what is asked for."""
    warp = MuscleWarp(found.landmarks, portrait.shape)

    def drawing(strength: float) -> Any:
        def draw(boundaries: BoundarySet, intensities: np.ndarray) -> np.ndarray:
            step = (boundaries[9].calibration.distance(1.0) + 1) / 2
            return warp(portrait, np.clip(strength * step * intensities[[AUS.index(au) for au in DISFA]], 0, 1.5))

        return draw

    return drawing


@pytest.mark.parametrize("strength", [0.75, 1.3])
def test_landmarks_are_heard_as_far_as_they_are_trusted(shown: Callable[..., Any], found: Face, strength: float):
    for trust in (0.5, 1.0):
        assert fitting(by_landmarks(trust), found, shown(strength))(9, 12) == {
            9: pytest.approx(strength**-trust, rel=0.1)
        }


def test_landmarks_of_another_library_are_not_taken_at_their_word(shown: Callable[..., Any], found: Face):
    assert fitting(by_landmarks(1.0, provider="mediapipe"), found, shown(0.75))(9) == {}


def test_a_face_that_landmarks_lose_is_fitted_by_flow_as_if_they_were_not_known(shown: Callable[..., Any], found: Face):
    def lost(picture: np.ndarray, known: Face) -> Face:
        raise NoFaceError("lost")

    boundaries = by_landmarks(1.0, flow=0.6)
    assert fitting(boundaries, found, shown(0.8), follow=lost)(9)[9] == pytest.approx(0.8**-0.6, rel=0.1)
    # Now flow has no say; landmarks see .72 of the .8.
    assert fitting(boundaries, found, shown(0.8))(9)[9] == pytest.approx(1.25, rel=0.15)


def test_steps_are_judged_by_who_is_believed(fading: Callable[..., Any], found: Face):
    """A face that fades away with longer steps, as only landmarks are asked to see."""
    assert fitting(by_landmarks(1.0), found, fading)(9)[9] == pytest.approx(0.75)


def test_a_step_on_which_landmarks_lose_the_face_is_not_taken(shown: Callable[..., Any], found: Face):
    readings = 0

    def losing(picture: np.ndarray, known: Face) -> Face:
        nonlocal readings
        readings += 1
        if readings > 5:  # the neutral face, twice in its picture and once in a crop, the muscles, the first step
            raise NoFaceError("lost")
        return follow(picture, known)

    assert fitting(by_landmarks(1.0), found, shown(0.6), follow=losing)(9)[9] == 1


def test_landmarks_that_are_not_to_be_asked_are_not_read(shown: Callable[..., Any], found: Face):
    def never(picture: np.ndarray, known: Face) -> Face:
        raise AssertionError("read")

    fitting(trusting(tiny_boundaries("tiny"), {9: 1.0}), found, shown(0.8), follow=never)(9)


def test_only_what_is_asked_for_and_trusted_is_drawn(drawn: Callable[..., Any]):
    fit, asked = drawn(1.2, {4: 1.0, 9: 1.0, 12: 0.0})
    del asked[:]  # the neutral frame
    assert (fit(1, 12), asked) == ({}, [])
    told: list[tuple[str, int, int]] = []
    assert set(fit(9, 1, progress=lambda *step: told.append(step))) == {9}
    assert [np.flatnonzero(a).tolist() for a in asked] == [[AUS.index(9)]]
    assert told == [("strengths", 1, 2), ("strengths", 2, 2)]


@pytest.mark.slow
def test_films_use_the_fitted_step_and_say_so(portrait: np.ndarray):
    boundaries = trusting(Animator.from_pretrained().networks.boundaries, {15: 1.0})
    weak = BoundarySet(
        tuple(replace(b, response=b.response and Response(2.0, 1.0)) for b in boundaries.boundaries),
        boundaries.generator_id,
    )  # people show twice as much
    animator = Animator.from_pretrained(boundaries=weak)
    pasted = replace(OPTIONS, mode="paste")  # where the muscles move the photo, a step changes nothing
    fitted = animator.edit(portrait, "AU15=D", options=pasted)
    same = animator.edit(portrait, "AU15=D", options=replace(pasted, personal=False))
    assert dict(fitted.receipt.personal) == {"AU15": 1.5}
    assert dict(same.receipt.personal) == {}
    moved, less = (np.abs(p.image.astype(int) - portrait).sum() for p in (fitted, same))
    assert moved > less
