"""A change comes and goes with the face, without a jump; landmarks rest where the face rests."""

import numpy as np
from conftest import face_points

from facsmith.footage.follow import Sight
from facsmith.footage.presence import presence, steady_landmarks
from facsmith.footage.survey import Survey


def survey(count=90, *, lost=(), cuts=(), shapes=None):
    sight = np.zeros(count, np.uint8)
    sight[list(lost)] = Sight.NONE
    begins = np.zeros(count, np.bool_)
    begins[list(cuts)] = True
    points = np.repeat(face_points(100, 80, 50)[None], count, axis=0) if shapes is None else shapes
    points = points.astype(np.float32)
    points[list(lost)] = np.nan
    return Survey(
        np.arange(count) / 30, points, np.zeros((count, 0), np.float32), np.ones(count), sight, begins,
        np.array(["dlib"]),
    )  # fmt: skip


def test_a_change_fades_before_the_face_is_lost_and_comes_back():
    weight = presence(survey(lost=range(40, 50)))
    assert weight[0] == weight[-1] == 1 and not weight[40:50].any()
    assert weight[39] < 0.1 and weight[50] < 0.1
    assert np.abs(np.diff(weight)).max() < 0.25


def test_at_a_cut_nothing_fades():
    weight = presence(survey(lost=range(40, 50), cuts=(40, 50)))
    assert (weight[:40] == 1).all() and (weight[50:] == 1).all()


def test_a_head_that_turns_away_takes_less_and_less():
    shapes = np.repeat(face_points(100, 80, 50)[None], 90, axis=0)
    turn = np.linspace(0, 0.62, 90)  # IOD by which the nose moves aside: to some 40 degrees
    shapes[:, 27:36, 0] += (turn * 50)[:, None]
    weight = presence(survey(shapes=shapes))
    assert weight[0] == 1 and weight[-1] < 0.3
    assert (np.diff(weight) <= 1e-6).all() and np.abs(np.diff(weight)).max() < 0.1


def test_landmarks_that_wander_are_held_and_lips_that_move_are_not():
    shapes = np.repeat(face_points(100, 80, 50)[None], 90, axis=0)
    wandering = 0.2 * np.sin(np.arange(90) * 2.7)[:, None, None] * np.ones((1, 68, 2))
    moved = shapes + wandering
    moved[45:, 66, 1] += 15  # the lower lip falls from one frame to the next
    steady = steady_landmarks(survey(shapes=moved))
    assert (steady[5:40] - shapes[5:40]).std() < 0.5 * wandering.std()
    assert abs(steady[44, 66, 1] - shapes[44, 66, 1]) < 0.5 and abs(steady[45, 66, 1] - moved[45, 66, 1]) < 0.5
