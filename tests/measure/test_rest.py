"""Several resting frames are one neutral: what wanders averages out, and an AU counts only above it."""

import numpy as np
import pytest
from conftest import face_points

from facsmith.errors import InputError
from facsmith.face.muscles import basis
from facsmith.facs import DISFA
from facsmith.measure import aligned_displacement, from_displacement, rest_of, resting_frames

IOD = 60.0
REST = face_points(100, 80, IOD)
RANDOM = np.random.default_rng(3)


def wandering(count, size=0.008):
    return REST + RANDOM.normal(0, size * IOD, (count, 68, 2))


def test_the_mean_wanders_less_than_one_frame():
    one = aligned_displacement(wandering(1)[0], REST)
    mean = aligned_displacement(rest_of([*wandering(25)]).landmarks, REST)
    assert np.linalg.norm(mean) < 0.5 * np.linalg.norm(one)


def test_resting_frames_are_those_alike_and_near():
    shapes = wandering(90, 0.002)
    shapes[30:] += basis((12,))[0] * IOD * 0.8  # a smile from second 1 on
    seconds = np.arange(90) / 30
    chosen = resting_frames(seconds, shapes, 0.4)
    assert chosen[0] == 12 and chosen.max() < 30 and len(chosen) >= 15
    assert len(set(chosen.tolist())) == len(chosen)


def test_what_wanders_is_no_action_unit_and_what_is_strong_still_is():
    responses = 0.5 * basis(DISFA)
    responses[DISFA.index(6)] *= 0.2  # landmarks hardly see AU6
    rest = rest_of([*wandering(25)])
    noise = rest.noise(responses)
    still = [
        from_displacement(aligned_displacement(face, rest.landmarks), responses=responses, noise=noise)
        for face in wandering(40)
    ]
    plain = [from_displacement(aligned_displacement(face, REST), responses=responses) for face in wandering(40)]
    assert np.mean(still) < 0.25 * np.mean(plain)
    smile = REST + 0.9 * responses[DISFA.index(12)] * IOD
    read = from_displacement(aligned_displacement(smile, rest.landmarks), responses=responses, noise=noise)
    assert read[DISFA.index(12)] > 0.7 and read.argmax() == DISFA.index(12)


def test_a_few_frames_tell_no_spread():
    rest = rest_of([*wandering(2)])
    assert rest.noise(basis(DISFA)) == pytest.approx(0.01)
    with pytest.raises(InputError):
        rest_of([])
