"""Blinks: the eye goes, the brow stays, and an open eye is the photo bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
from test_animate import QUICK
from test_compose import LANDMARKS, Scene

from facsmith.compose import Lids
from facsmith.facs import ActionUnits
from facsmith.timeline import BLINK, Keyframe, Timeline, parse_yaml


@pytest.fixture(scope="module")
def scene():
    return Scene.of(scale=1.5)


def around(points, margin):
    low, high = points.min(0) - margin, points.max(0) + margin
    return slice(int(low[1]), int(high[1]) + 1), slice(int(low[0]), int(high[0]) + 1)


@pytest.mark.parametrize(("left", "right"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_the_asked_eye_closes_and_the_other_stays(scene, left, right):
    closed = Lids(scene.landmarks).closed(scene.photo, left, right)
    for eye, closure in ((slice(42, 48), left), (slice(36, 42), right)):
        where = around(scene.landmarks[eye], 0)
        before, after = scene.photo[where].mean(axis=2), closed[where].mean(axis=2)
        if closure:
            middle = slice(before.shape[1] // 4, -before.shape[1] // 4)
            # The pupil and the white beside it are gone: skin is even.
            assert after[: len(after) // 2, middle].std() < 0.6 * before[: len(after) // 2, middle].std()
            assert after[:, middle].min() > before[:, middle].min()
        else:
            assert np.array_equal(closed[where], scene.photo[where])


def test_brows_nose_and_cheeks_stay(scene):
    closed = Lids(scene.landmarks).closed(scene.photo, 1.0, 1.0)
    changed = (closed != scene.photo).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    iod = 42 * 1.5
    assert rows[0] > scene.landmarks[17:27, 1].mean() - 0.02 * iod
    assert rows[-1] < scene.landmarks[[41, 40, 46, 47], 1].max() + 0.1 * iod
    assert columns[0] > scene.landmarks[36, 0] - 0.2 * iod and columns[-1] < scene.landmarks[45, 0] + 0.2 * iod


def test_an_open_eye_is_the_photo_itself(scene):
    assert Lids(scene.landmarks).closed(scene.photo, 0.0, 0.0) is scene.photo


def test_more_closure_changes_more(scene):
    lids = Lids(scene.landmarks)
    changes = [np.abs(lids.closed(scene.photo, c, c).astype(int) - scene.photo).sum() for c in (0.05, 0.3, 0.6, 1.0)]
    assert changes == sorted(changes) and changes[0] < 0.3 * changes[-1]


@pytest.mark.parametrize("shift", [(-225, 0), (300, 0), (0, -105), (1000, 1000)])
def test_eyes_at_or_beyond_the_border_do_no_harm(shift):
    photo = Scene.of().photo
    assert Lids(LANDMARKS + shift).closed(photo, 1.0, 1.0).shape == photo.shape


def test_a_film_blinks_where_its_timeline_does(make_animator, photo):
    timeline = Timeline({BLINK: (Keyframe(0, 0), Keyframe(0.3, 1), Keyframe(0.6, 0))}, 1.0)
    film = make_animator().animate(photo, timeline, options=replace(QUICK, edit="relative"))
    frames = list(film.frames())
    assert np.array_equal(frames[0], photo) and np.array_equal(frames[-1], photo)
    assert not np.array_equal(frames[3], photo)
    assert np.array_equal(frames[3][50:], photo[50:]), "nothing but the eyes"


def test_a_wink_is_one_eye(make_animator, photo):
    wink = parse_yaml("timeline: 1\nblinks: [{at: 0.1, side: left, seconds: 0.6}]")
    film = make_animator().animate(photo, wink, options=replace(QUICK, edit="relative"))
    changed = (list(film.frames())[3] != photo).any(axis=(0, 2))
    assert changed[60:].any() and not changed[:60].any()


def test_without_a_known_face_it_does_not_blink_and_says_so(make_animator, faces):
    faces.faces = ()
    animator = make_animator()
    film = animator.animate(animator.sample(3), Timeline({BLINK: (Keyframe(0, 1.0),)}), options=QUICK)
    assert any("neither close nor turn" in note for note in film.receipt.notes)
    still = animator.animate(animator.sample(3), Timeline.sequence([(0.0, ActionUnits())]), options=QUICK)
    assert not any("eyes" in note for note in still.receipt.notes)
