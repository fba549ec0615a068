"""Eyes in layers: lids close, irises stay round and go where they are asked to, and nothing else changes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import QUICK, face_points
from test_compose import LANDMARKS, Scene

from facsmith.compose import Eyes
from facsmith.facs import ActionUnits
from facsmith.timeline import BLINK, Keyframe, Timeline, parse_yaml

SKIN, WHITE, IRIS, PUPIL = (205, 160, 140), (225, 220, 215), (60, 95, 130), (20, 18, 16)
IOD, RADIUS = 160.0, 13.0
SIZE = (320, 400)
LEFT, RIGHT = slice(42, 48), slice(36, 42)  # the person's own


@pytest.fixture(scope="module")
def scene():
    return Scene.of(scale=1.5)


@pytest.fixture
def eyes():
    return Eyes(drawn(), drawn_landmarks())


def drawn_landmarks(*, raised=0.0):
    """A face whose eyes are 60 pixels wide and 24 high, the upper lids ``raised`` by so many pixels."""
    points = face_points(200.0, 120.0, IOD)
    for centre, first in ((120.0, 36), (280.0, 42)):
        points[first : first + 6, 0] = centre + np.array([-30, -10, 10, 30, 10, -10])
        points[first : first + 6, 1] = 120 + np.array([0, -11 - raised, -11 - raised, 0, 11, 11])
    return points


def drawn(*, centre=(0.0, 0.0), raised=0.0, open_eyes=True):
    """Skin, and in it two eyes with a round iris each."""
    photo = np.full((*SIZE, 3), SKIN, np.uint8)
    if not open_eyes:
        return photo
    ball = np.full_like(photo, WHITE)
    for x in (120, 280):
        at = np.rint((np.array([x, 120]) + centre) * 16).astype(int).tolist()
        cv2.circle(ball, at, round(RADIUS * 16), IRIS, -1, cv2.LINE_AA, 4)
        cv2.circle(ball, at, 5 * 16, PUPIL, -1, cv2.LINE_AA, 4)
    mask = np.zeros(SIZE, np.uint8)
    s = np.linspace(0, 1, 60)
    bow = 4 * s * (1 - s) * 11 / (8 / 9)
    for x in (90, 250):
        edge = np.concatenate(
            [np.stack([x + 60 * s, 120 - bow * (11 + raised) / 11], 1), np.stack([x + 60 * s, 120 + bow], 1)[::-1]]
        )
        cv2.fillPoly(mask, [np.rint(edge * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    share = mask[..., None] / 255
    return np.rint(photo + share * (ball.astype(float) - photo)).astype(np.uint8)


def dark(picture):
    """Where iris or pupil is."""
    return picture[..., 0] < 130


def middle(mask, x):
    """(x, y) of a mask's centre of mass within an eye."""
    ys, xs = np.nonzero(mask[:, x - 40 : x + 40])
    return np.array([xs.mean() + x - 40, ys.mean()])


def around(points, margin):
    low, high = points.min(0) - margin, points.max(0) + margin
    return slice(int(low[1]), int(high[1]) + 1), slice(int(low[0]), int(high[0]) + 1)


class TestIris:
    @pytest.mark.parametrize("centre", [(0, 0), (6, 0), (-8, 1)])
    def test_a_drawn_iris_is_found(self, centre):
        eyes = Eyes(drawn(centre=centre), drawn_landmarks())
        for iris, x in zip(eyes.irises, (280, 120), strict=True):
            assert abs(iris.centre[0] - x - centre[0]) < 1.5
            assert abs(iris.centre[1] - 120 - centre[1]) < 3
            assert abs(iris.radius - RADIUS) < 2
        assert eyes.irises[0].radius == eyes.irises[1].radius and not eyes.notes

    def test_both_irises_of_the_astronaut_are_found(self, scene):
        eyes = Eyes(scene.photo, scene.landmarks)
        for iris, eye in zip(eyes.irises, (LEFT, RIGHT), strict=True):
            points = scene.landmarks[eye]
            assert points[0, 0] < iris.centre[0] - 0.5 * iris.radius < iris.centre[0] + 0.5 * iris.radius < points[3, 0]
            disc = scene.photo[around(iris.centre[None], 0.6 * iris.radius)].mean(axis=2)
            assert np.median(disc) < 0.7 * scene.photo[around(points, 0)].mean()

    def test_covered_eyes_have_no_gaze_and_it_says_so(self):
        photo = drawn(open_eyes=False)
        eyes = Eyes(photo, drawn_landmarks())
        assert not eyes.can_turn and "gaze" in eyes.notes[0]
        assert np.array_equal(eyes.apply(photo, gaze=(1, 0)), photo)

    def test_closed_eyes_have_no_gaze(self):
        points = drawn_landmarks()
        points[36:48, 1] = 120 + 0.1 * (points[36:48, 1] - 120)
        assert not Eyes(drawn(), points).can_turn


class TestGaze:
    @pytest.mark.parametrize(("gaze", "way"), [((1, 0), (1, 0)), ((-1, 0), (-1, 0)), ((0, 1), (0, -1))])
    def test_both_irises_go_where_they_are_asked_to(self, eyes, gaze, way):
        """The person's own left is the picture's right."""
        photo = drawn()
        turned = eyes.apply(photo, gaze=gaze)
        for x in (120, 280):
            step = middle(dark(turned), x) - middle(dark(photo), x)
            assert step @ way > 2 and abs(step @ way[::-1]) < 2

    def test_looking_down_lowers_the_upper_lid(self, eyes):
        photo = drawn()
        turned = eyes.apply(photo, gaze=(0, -1))
        assert np.abs(turned[111:114, 280].astype(int) - SKIN).mean() < 40
        assert np.abs(photo[111:114, 280].astype(int) - SKIN).mean() > 60

    def test_the_iris_stays_round_on_its_way(self, eyes):
        turned = dark(eyes.apply(drawn(), gaze=(0.4, 0)))
        row = np.flatnonzero(turned[120, 240:320])
        assert abs(len(row) - 2 * RADIUS) <= 3
        x, y = middle(turned, 280)
        # As far from the centre on the diagonals as across: a disc, cut by the lids above and below.
        for sign in (-1, 1):
            inside = turned[round(y), round(x + sign * 0.8 * RADIUS)]
            beyond = turned[round(y), round(x + sign * 1.25 * RADIUS)]
            assert inside and not beyond

    def test_the_place_it_left_is_white(self, eyes):
        turned = eyes.apply(drawn(), gaze=(1, 0))
        for x in (120, 280):
            left = turned[118:123, x - 13 : x - 6].astype(int)
            assert np.abs(left - WHITE).max() < 25

    def test_nothing_but_the_eyes_changes(self, scene):
        eyes = Eyes(scene.photo, scene.landmarks)
        changed = (eyes.apply(scene.photo, gaze=(1, 0.5)) != scene.photo).any(axis=2)
        assert changed.any()
        for eye in (LEFT, RIGHT):
            changed[around(scene.landmarks[eye], 0.2 * 63)] = False
        assert not changed.any()

    def test_more_gaze_changes_more(self, scene):
        eyes = Eyes(scene.photo, scene.landmarks)
        changes = [
            np.abs(eyes.apply(scene.photo, gaze=(h, 0)).astype(int) - scene.photo).sum() for h in (0.02, 0.3, 0.6, 1)
        ]
        assert changes == sorted(changes) and changes[0] < 0.3 * changes[-1]


class TestMovedLids:
    def test_an_iris_stretched_with_its_lids_is_round_again(self):
        photo, before, after = drawn(), drawn_landmarks(), drawn_landmarks(raised=8)
        # Both lids drawn apart take the iris with them, as a warp of the whole face does.
        stretched = drawn(raised=8)
        cv2.ellipse(stretched, (280, 118), (13, 18), 0, 0, 360, IRIS, -1, cv2.LINE_AA)
        eyes = Eyes(photo, before)
        laid = dark(eyes.apply(stretched, after))
        (x, y), radius = eyes.irises[0].centre, eyes.irises[0].radius  # the eye's corners stayed
        assert dark(stretched)[101:104, 280].all(), "the warp drew it out"
        top = np.flatnonzero(laid[:, round(x)])[0]
        assert abs(y - top - radius) <= 2, "its upper edge is where a round one has it"

    def test_landmarks_that_stay_change_nothing(self, scene):
        eyes = Eyes(scene.photo, scene.landmarks)
        assert np.array_equal(eyes.apply(scene.photo, scene.landmarks), scene.photo)

    def test_a_moved_head_takes_its_eyes_along(self):
        photo, points = drawn(), drawn_landmarks()
        moved = np.roll(photo, 7, axis=1)
        laid = Eyes(photo, points).apply(moved, points + [7, 0])
        inner = np.s_[114:127, 262:312]
        assert np.abs(laid[inner].astype(int) - moved[inner]).mean() < 4


class TestLids:
    @pytest.mark.parametrize(("left", "right"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
    def test_the_asked_eye_closes_and_the_other_stays(self, scene, left, right):
        closed = Eyes(scene.photo, scene.landmarks).apply(scene.photo, None, left, right)
        for eye, closure in ((LEFT, left), (RIGHT, right)):
            where = around(scene.landmarks[eye], 0)
            before, after = scene.photo[where].mean(axis=2), closed[where].mean(axis=2)
            if closure:
                middle = slice(before.shape[1] // 4, -before.shape[1] // 4)
                # The pupil and the white beside it are gone: skin is even.
                assert after[: len(after) // 2, middle].std() < 0.6 * before[: len(after) // 2, middle].std()
                assert after[:, middle].min() > before[:, middle].min()
            else:
                assert np.array_equal(closed[where], scene.photo[where])

    def test_brows_nose_and_cheeks_stay(self, scene):
        closed = Eyes(scene.photo, scene.landmarks).apply(scene.photo, None, 1.0, 1.0)
        changed = (closed != scene.photo).any(axis=2)
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        iod = 42 * 1.5
        assert rows[0] > scene.landmarks[17:27, 1].mean() - 0.02 * iod
        assert rows[-1] < scene.landmarks[[41, 40, 46, 47], 1].max() + 0.1 * iod
        assert columns[0] > scene.landmarks[36, 0] - 0.2 * iod and columns[-1] < scene.landmarks[45, 0] + 0.2 * iod

    def test_nothing_asked_is_the_frame_itself(self, scene):
        assert Eyes(scene.photo, scene.landmarks).apply(scene.photo) is scene.photo

    def test_the_frame_given_is_not_written_to(self, scene):
        before = scene.photo.copy()
        Eyes(scene.photo, scene.landmarks).apply(scene.photo, None, 0.5, 0.5, gaze=(0.5, -0.5))
        assert np.array_equal(scene.photo, before)

    def test_more_closure_changes_more(self, scene):
        eyes = Eyes(scene.photo, scene.landmarks)
        changes = [
            np.abs(eyes.apply(scene.photo, None, c, c).astype(int) - scene.photo).sum() for c in (0.05, 0.3, 0.6, 1.0)
        ]
        assert changes == sorted(changes) and changes[0] < 0.3 * changes[-1]

    @pytest.mark.parametrize("shift", [(-225, 0), (300, 0), (0, -105), (1000, 1000)])
    def test_eyes_at_or_beyond_the_border_do_no_harm(self, shift):
        photo = Scene.of().photo
        assert Eyes(photo, LANDMARKS + shift).apply(photo, None, 1.0, 1.0, gaze=(1, 1)).shape == photo.shape


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
