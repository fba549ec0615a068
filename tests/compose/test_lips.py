"""Lips that close: nothing of the gap stays, nothing beyond the mouth's surroundings moves."""

import numpy as np
import pytest
from test_compose import LANDMARKS, Scene, change

from facsmith.compose.lips import lip_gap, seal
from facsmith.face.mouth import LipLine
from facsmith.face.muscles import FaceFrame


@pytest.fixture(scope="module")
def scene():
    return Scene.of(scale=1.5)


def closed_by(frame, points, amount):
    of = FaceFrame.of(points)
    seal(frame, of, LipLine(of.to_face(points)), amount)


def white(frame, points):
    """Pixels of her teeth: light and hardly coloured, between the lips."""
    (left, top), (right, bottom) = points[48:68].min(axis=0).astype(int), points[48:68].max(axis=0).astype(int)
    mouth = frame[top:bottom, left:right].astype(int)
    return int(((mouth.min(axis=2) > 150) & (np.ptp(mouth, axis=2) < 40)).sum())


def test_teeth_are_covered(scene):
    frame = scene.photo.copy()
    closed_by(frame, scene.landmarks, 1.0)
    assert white(scene.photo, scene.landmarks) > 150
    assert white(frame, scene.landmarks) < 0.35 * white(scene.photo, scene.landmarks)


def test_nose_cheeks_and_chin_stay(scene):
    frame = scene.photo.copy()
    closed_by(frame, scene.landmarks, 1.0)
    changed = (frame != scene.photo).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert rows[0] > scene.landmarks[30, 1] and rows[-1] < scene.landmarks[8, 1]
    assert columns[0] >= scene.landmarks[48, 0] - 1 and columns[-1] <= scene.landmarks[54, 0] + 1


def test_the_more_the_fewer_teeth(scene):
    seen = []
    for amount in (0.0, 0.3, 0.6, 1.0):
        frame = scene.photo.copy()
        closed_by(frame, scene.landmarks, amount)
        seen.append(white(frame, scene.landmarks))
    assert seen == sorted(seen, reverse=True) and seen[0] > seen[-1]


def test_nothing_asked_changes_nothing_and_closed_lips_do_not_move(scene):
    frame = scene.photo.copy()
    closed_by(frame, scene.landmarks, 0.0)
    closed = scene.landmarks.copy()
    closed[[65, 66, 67]] = closed[[63, 62, 61]]
    assert np.array_equal(frame, scene.photo)
    closed_by(frame, closed, 1.0)
    assert (frame <= scene.photo).all()  # nothing moves; bright specks go
    assert np.mean(frame != scene.photo) < 0.005
    assert lip_gap(closed) == 0 < lip_gap(scene.landmarks)


@pytest.mark.parametrize("shift", [(-225, 0), (290, 0), (0, -150), (1000, 1000)])
def test_a_mouth_at_or_beyond_the_border_does_no_harm(shift):
    frame = Scene.of().photo.copy()
    closed_by(frame, LANDMARKS + shift, 1.0)
    assert frame.shape == (512, 512, 3)


def test_the_compositor_closes_what_the_motion_leaves_open(scene):
    """The generator hardly closes her mouth; asked for none of the opening, the frame shows little but a gleam."""
    generated = scene.generated(scene.truth("AU17=.3"))
    asked = change("AU17=.3")
    as_it_comes, closed, half = (
        scene.compositor().frame(generated, change=asked, lips_open=share) for share in (1.0, 0.0, 0.6)
    )
    assert white(closed, scene.landmarks) < 0.35 * white(as_it_comes, scene.landmarks)
    assert white(closed, scene.landmarks) <= white(half, scene.landmarks) <= white(as_it_comes, scene.landmarks)
    assert np.array_equal(scene.compositor().frame(scene.reference, change=0 * asked, lips_open=0.0), scene.photo), (
        "at rest, the photo"
    )


def test_no_speck_of_teeth_is_left_along_closed_lips(scene: Scene) -> None:
    """Where motion has folded a lip over the teeth, single bright pixels lie on it."""
    closed = scene.landmarks.copy()
    closed[[67, 66, 65]] = closed[[61, 62, 63]]
    plain = np.full_like(scene.photo, (190, 120, 110))
    frame = plain.copy()
    specks = np.rint(closed[61:64]).astype(int)
    frame[specks[:, 1], specks[:, 0]] = 240
    closed_by(frame, closed, 1.0)
    assert np.abs(frame[specks[:, 1], specks[:, 0]].astype(int) - plain[0, 0]).max() < 8
    away = np.rint(scene.landmarks[33]).astype(int)  # the nose's tip keeps its light
    frame = plain.copy()
    frame[away[1], away[0]] = 240
    closed_by(frame, closed, 1.0)
    assert frame[away[1], away[0]].min() > 235
