"""Eyes that close and turn: round irises under lids that move, nothing else touched, nothing asked nothing changed."""

import cv2
import numpy as np
import pytest
from conftest import face_points

from facsmith.compose import Eyes

IOD, RADIUS = 160.0, 11.5
LANDMARKS = face_points(200, 160, IOD)
PERSONS_LEFT, PERSONS_RIGHT = slice(42, 48), slice(36, 42)
BROWN, WHITE, SKIN = (70, 45, 30), (225, 222, 220), (200, 160, 140)


def outline(points):
    """(N, 2) of an opening through its corners and its lids' points, as lids are drawn."""
    lengthwise = np.linspace(0, 1, 40)
    width = points[3, 0] - points[0, 0]
    edges = []
    for pair in (points[1:3], points[5:3:-1]):
        s = (pair[:, 0] - points[0, 0]) / width
        bow = np.polyfit(s, (pair[:, 1] - points[0, 1]) / (4 * s * (1 - s)), 1)
        edges.append(4 * lengthwise * (1 - lengthwise) * np.polyval(bow, lengthwise))
    x = points[0, 0] + lengthwise * width
    return np.concatenate([np.stack([x, points[0, 1] + edges[0]], 1), np.stack([x, points[0, 1] + edges[1]], 1)[::-1]])


def drawn(landmarks=LANDMARKS, *, irises=((280.0, 159.0), (120.0, 159.0)), iris=BROWN, white=WHITE):
    """(400, 400, 3): skin, two openings, two discs in them, a dark line where the lashes are."""
    fine = 4
    size = (400 * fine, 400 * fine, 3)
    picture = np.full(size, SKIN, np.uint8)
    ball = np.full(size, white, np.uint8)
    for x, y in irises:
        cv2.circle(ball, (round(x * fine), round(y * fine)), round(RADIUS * fine), iris, -1)
    mask = np.zeros(size[:2], np.uint8)
    for eye in (PERSONS_LEFT, PERSONS_RIGHT):
        contour = np.rint(outline(landmarks[eye]) * fine).astype(np.int32)
        cv2.fillPoly(mask, [contour], (1,))
    picture[mask > 0] = ball[mask > 0]
    for eye in (PERSONS_LEFT, PERSONS_RIGHT):
        lashes = np.rint(outline(landmarks[eye])[:40] * fine).astype(np.int32)
        cv2.polylines(picture, [lashes], False, (50, 35, 30), 2 * fine)
    return cv2.resize(picture, (400, 400), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def photo():
    return drawn()


@pytest.fixture(scope="module")
def eyes(photo):
    return Eyes(photo, LANDMARKS)


def dark(frame, eye, margin=(6, 4)):
    """(h, w) of an eye's opening without its lashes: where it is nearer to the iris than to the sclera."""
    points = LANDMARKS[eye]
    x0, x1 = points[0, 0] + margin[0], points[3, 0] - margin[0]
    mask = np.zeros(frame.shape[:2], np.uint8)
    contour = outline(points) + np.repeat([[0, margin[1]], [0, -margin[1]]], 40, axis=0)
    cv2.fillPoly(mask, [np.rint(contour).astype(np.int32)], (1,))
    mask[:, : int(x0)] = mask[:, int(x1) :] = 0
    grey = frame.mean(axis=2)
    return (mask > 0) & (grey < 135), mask > 0


def centre(frame, eye):
    """Mean column and row of the iris."""
    rows, columns = np.nonzero(dark(frame, eye)[0])
    return np.array([columns.mean(), rows.mean()])


def middle_width(frame, eye):
    """The iris's width in the row through the opening's middle, to a fraction of a pixel."""
    row = round(float(LANDMARKS[eye][[0, 3], 1].mean())) - 1
    columns = np.arange(int(LANDMARKS[eye][0, 0]) + 6, int(LANDMARKS[eye][3, 0]) - 5)
    values = frame[row, columns].mean(axis=1)
    return float(np.clip((215 - values) / (215 - np.mean(BROWN)), 0, 1).sum())


def test_nothing_asked_is_the_frame_itself(eyes, photo):
    assert eyes.notes == ()
    assert eyes.apply(photo) is photo
    assert eyes.apply(photo, LANDMARKS, 0.0, 0.0, (0.0, 0.0)) is photo
    assert eyes.apply(photo, LANDMARKS, gaze=(0, 0)) is photo


def test_a_little_changes_little(eyes, photo):
    for asked in ((0.01, 0.0, (0.0, 0.0)), (0.0, 0.0, (0.005, 0.0)), (0.0, 0.0, (0.0, 0.005))):
        change = np.abs(eyes.apply(photo, None, *asked).astype(int) - photo)
        assert change.sum() > 0 and change.mean(axis=2).max() < 60


@pytest.mark.parametrize("gaze", [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)])
def test_both_eyes_turn_alike_to_where_they_are_asked(eyes, photo, gaze):
    turned = eyes.apply(photo, None, 0.0, 0.0, gaze)
    ways = np.array([centre(turned, eye) - centre(photo, eye) for eye in (PERSONS_LEFT, PERSONS_RIGHT)])
    assert np.abs(ways[0] - ways[1]).max() < 0.12 * RADIUS
    if gaze[0]:  # the person's own left is the image's right
        assert np.all(ways[:, 0] * gaze[0] > 0.6 * RADIUS)
    else:
        assert np.all(ways[:, 1] * -gaze[1] > 0.07 * RADIUS), (
            "what lids hide is not counted; upwards is towards smaller rows"
        )


def test_half_a_turn_goes_half_as_far(eyes, photo):
    ways = [
        (centre(eyes.apply(photo, None, 0.0, 0.0, (g, 0.0)), PERSONS_LEFT) - centre(photo, PERSONS_LEFT))[0]
        for g in (0.4, 0.8)
    ]
    assert ways[1] == pytest.approx(2 * ways[0], rel=0.15)


def test_the_iris_keeps_its_width_when_it_turns(eyes, photo):
    own = middle_width(photo, PERSONS_LEFT)
    for across in (-0.7, -0.3, 0.3, 0.7):
        turned = eyes.apply(photo, None, 0.0, 0.0, (across, 0.0))
        assert middle_width(turned, PERSONS_LEFT) == pytest.approx(own, rel=0.06)


def test_where_the_iris_was_is_sclera(eyes, photo):
    turned = eyes.apply(photo, None, 0.0, 0.0, (1.0, 0.0))
    for x in (280, 120):
        left_behind = turned[154:165, x - 11 : x - 5].reshape(-1, 3)
        assert np.abs(left_behind - np.array(WHITE)).max() < 45
        assert left_behind.std(axis=0).max() < 12, "no ring, no rest of the iris"


def test_pixels_away_from_the_eyes_stay_bit_for_bit(eyes, photo):
    far = np.ones(photo.shape[:2], bool)
    for eye in (PERSONS_LEFT, PERSONS_RIGHT):
        points = LANDMARKS[eye]
        far[int(points[:, 1].min() - 0.3 * IOD) : int(points[:, 1].max() + 0.12 * IOD),
            int(points[0, 0] - 0.15 * IOD) : int(points[3, 0] + 0.15 * IOD)] = False  # fmt: skip
    changed = eyes.apply(photo, None, 0.8, 0.4, (0.7, -0.6))
    assert not np.array_equal(changed, photo)
    assert np.array_equal(changed[far], photo[far])
    gazing = eyes.apply(photo, None, 0.0, 0.0, (1.0, 0.0))
    above = slice(0, int(LANDMARKS[42:48, 1].min() - 0.03 * IOD))
    assert np.array_equal(gazing[above], photo[above]), "eyes that turn sideways move no lid"


@pytest.mark.parametrize(("left", "right"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_the_asked_eye_closes_and_the_other_stays(eyes, photo, left, right):
    closed = eyes.apply(photo, None, left, right)
    for eye, closure, side in ((PERSONS_LEFT, left, np.s_[:, 200:]), (PERSONS_RIGHT, right, np.s_[:, :200])):
        if closure:
            _, opening = dark(photo, eye)
            assert np.abs(closed[opening].astype(int) - SKIN).mean() < 12
        else:
            assert np.array_equal(closed[side], photo[side])


def test_the_more_an_eye_closes_the_less_of_it_shows(eyes, photo):
    shown = []
    for closure in (0.0, 0.25, 0.5, 0.75, 1.0):
        frame = eyes.apply(photo, None, closure, closure)
        whites = (frame[..., 2] > 205)[:, 200:].sum() + (frame[:, 200:].mean(axis=2) < 70).sum()
        shown.append(int(whites))
    assert shown == sorted(shown, reverse=True) and shown[-1] < 0.35 * shown[0]


def test_looking_down_lowers_the_lids_and_up_lifts_them(eyes, photo):
    lashes = [
        int((eyes.apply(photo, None, 0.0, 0.0, (0.0, up))[100:200, 262].mean(axis=1)).argmin()) for up in (1, 0, -1)
    ]
    assert lashes == sorted(lashes) and lashes[0] < lashes[2]


def test_moved_lids_show_the_photos_own_round_iris():
    """A warp squashes what it moves; the ball laid anew is as wide and as high as the photo's."""
    wide = LANDMARKS.copy()
    wide[[37, 38, 43, 44], 1] -= 6
    narrow = LANDMARKS.copy()
    narrow[[40, 41, 46, 47], 1] -= 5
    photo = drawn()
    eyes = Eyes(photo, LANDMARKS)
    for landmarks in (wide, narrow):
        truth = drawn(landmarks)
        squashed = truth.copy()
        for x in (280, 120):  # an iris that the warp has made an ellipse
            cv2.ellipse(squashed, (x, 159), (10, 5), 0, 0, 360, BROWN, -1)
        laid = eyes.apply(squashed, landmarks)
        difference = np.abs(laid.astype(int) - truth)[145:172].mean(axis=2)
        assert np.percentile(difference, 99) < 60 and difference.mean() < 3
        assert middle_width(laid, PERSONS_LEFT) == pytest.approx(middle_width(photo, PERSONS_LEFT), rel=0.05)
        assert np.array_equal(laid[:100], squashed[:100])


def test_a_seen_iris_and_one_looked_for_agree(photo):
    looked_for = Eyes(photo, LANDMARKS)
    seen = Eyes(photo, LANDMARKS, [[280, 159, RADIUS], [120, 159, RADIUS]])
    a, b = (e.apply(photo, None, 0.0, 0.0, (0.8, 0.0)).astype(int) for e in (looked_for, seen))
    assert np.abs(a - b).mean() < 0.1


@pytest.mark.parametrize("scale", [0.4, 2.0])
def test_small_and_large_faces_turn_alike(scale):
    photo = cv2.resize(drawn(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points = (LANDMARKS + 0.5) * scale - 0.5
    turned = Eyes(photo, points).apply(photo, None, 0.0, 0.0, (1.0, 0.0))
    back = cv2.resize(turned, (400, 400), interpolation=cv2.INTER_AREA)
    assert centre(back, PERSONS_LEFT)[0] - 280 > 0.6 * RADIUS


def test_shut_eyes_are_left_alone_and_said_so():
    shut = LANDMARKS.copy()
    shut[42:48, 1] = 160 + np.array([0, 0.5, 0.5, 0, 1, 1])
    photo = drawn(shut)
    eyes = Eyes(photo, shut)
    assert len(eyes.notes) == 1 and "left eye is shut" in eyes.notes[0]
    assert np.array_equal(eyes.apply(photo, None, 1.0, 0.0, (1.0, 0.0))[:, 210:], photo[:, 210:])


def test_dark_glass_is_left_alone_and_said_so():
    photo = drawn()
    photo[120:195, 70:330] = 25
    eyes = Eyes(photo, LANDMARKS)
    assert len(eyes.notes) == 2 and all("dark glass" in note for note in eyes.notes)
    assert eyes.apply(photo, None, 1.0, 1.0, (1.0, 1.0)) is photo


def test_an_eye_without_an_iris_closes_but_does_not_turn():
    photo = drawn(iris=WHITE)
    eyes = Eyes(photo, LANDMARKS)
    assert len(eyes.notes) == 2 and all("shows no iris" in note for note in eyes.notes)
    assert eyes.apply(photo, None, 0.0, 0.0, (1.0, 1.0)) is photo
    assert not np.array_equal(eyes.apply(photo, None, 1.0, 1.0), photo)


@pytest.mark.parametrize("shift", [(-300, 0), (250, 0), (0, -165), (1000, 1000)])
def test_eyes_at_or_beyond_the_border_do_no_harm(photo, shift):
    moved = Eyes(photo, LANDMARKS + shift).apply(photo, None, 1.0, 0.5, (1.0, 1.0))
    assert moved.shape == photo.shape


def test_a_frame_is_not_written_into_and_comes_out_the_same_again(eyes, photo):
    before = photo.copy()
    asked = (None, 0.3, 0.6, (0.5, -0.5))
    assert np.array_equal(eyes.apply(photo, *asked), eyes.apply(photo, *asked))
    assert np.array_equal(photo, before)
