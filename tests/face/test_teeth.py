"""A painted mouth: two rows on their jaws, in the photo's light."""

import numpy as np
import pytest
from conftest import face_points

from facsmith.face.mouth import LipLine
from facsmith.face.teeth import Dentition, mouth_light

X, Y = np.meshgrid(np.linspace(-0.5, 0.5, 320), np.linspace(0.75, 1.7, 300))
PLACES = np.stack([X, Y], axis=-1)


def moved(risen: float = 0.1, lowered: float = 0.1) -> LipLine:
    face = face_points()
    face[60:68, 1] = 1.05
    face[61:64, 1] -= risen
    face[65:68, 1] += lowered
    return LipLine(face)


def rest() -> LipLine:
    return moved(0.0, 0.0)


def column(picture: np.ndarray, x: float = 0.06) -> np.ndarray:
    """Brightness down a column within a central incisor."""
    return picture[:, int(np.abs(X[0] - x).argmin())].mean(axis=1)


def test_single_teeth_stand_in_the_upper_row():
    picture = Dentition(rest()).paint(PLACES, moved(), jaw=0.0)
    row = picture[int(np.abs(Y[:, 0] - 1.03).argmin())].mean(axis=1)
    near = np.abs(X[0]) < 0.3
    dips = np.flatnonzero((row[1:-1] < row[:-2]) & (row[1:-1] <= row[2:]) & near[1:-1])
    assert 3 <= len(dips) <= 9
    between = np.abs(X[0, dips + 1]).min()
    assert between < 0.02  # the two central incisors meet in the middle
    assert row[near].max() > 170


def test_a_row_is_as_wide_as_teeth_are():
    """A central incisor has some .135 IOD: 8.5 mm."""
    picture = Dentition(rest()).paint(PLACES, moved(), jaw=0.0)
    row = picture[int(np.abs(Y[:, 0] - 1.03).argmin())].mean(axis=1)
    dips = np.flatnonzero((row[1:-1] < row[:-2]) & (row[1:-1] <= row[2:])) + 1
    right = X[0, dips][X[0, dips] > 0.05].min()
    assert 0.11 < right < 0.16


def test_the_lower_row_goes_with_the_jaw_and_the_upper_one_stays():
    mouth = moved(0.02, 0.2)
    near, far = (Dentition(rest()).paint(PLACES, mouth, jaw=jaw) for jaw in (0.3, 0.4))
    upper = slice(0, int(np.abs(Y[:, 0] - 1.08).argmin()))
    assert np.allclose(column(near)[upper], column(far)[upper])
    ends = [Y[np.flatnonzero((column(p) > 45) & (Y[:, 0] > 1.25))[0], 0] for p in (near, far)]
    assert ends[1] - ends[0] == pytest.approx(0.1, abs=0.02)


def test_an_opening_jaw_shows_depth_between_the_rows():
    picture = Dentition(rest()).paint(PLACES, moved(0.02, 0.4), jaw=0.3)
    middle = column(picture)[int(np.abs(Y[:, 0] - 1.2).argmin())]
    assert middle < 60


@pytest.mark.parametrize("level", [0.3, 0.6])
def test_teeth_in_a_dark_photo_are_dark(level: float):
    well, dim = (Dentition(rest(), light=np.full(3, light)).paint(PLACES, moved(), jaw=0.1) for light in (1.0, level))
    assert dim.mean() == pytest.approx(level * well.mean(), rel=0.05)


def test_the_photos_own_enamel_is_taken_where_it_can_be_one():
    own = np.array([200, 180, 150], np.float32)
    shown = Dentition(rest(), enamel=own).paint(PLACES, moved(), jaw=0.0)
    lips = np.array([90, 80, 95], np.float32)
    unbelieved, without = (Dentition(rest(), enamel=enamel).paint(PLACES, moved(), jaw=0.0) for enamel in (lips, None))
    at = np.unravel_index(shown.mean(axis=2).argmax(), X.shape)
    assert np.abs(shown[at] / shown[at][0] - own / own[0]).max() < 0.03
    assert np.array_equal(unbelieved, without)


def test_a_turned_head_shows_less_of_its_far_side():
    straight, turned = (
        Dentition(rest(), yaw=np.radians(yaw)).paint(PLACES, moved(), jaw=0.0).mean(axis=2) for yaw in (0, 30)
    )
    row = int(np.abs(Y[:, 0] - 1.03).argmin())
    left, right = turned[row, X[0] < 0].mean(), turned[row, X[0] > 0].mean()
    assert right < left
    assert straight[row, X[0] < 0].mean() == pytest.approx(straight[row, X[0] > 0].mean(), rel=0.03)


def test_light_is_read_from_the_eyes_where_skin_is_dark():
    face = face_points()
    x, y = np.meshgrid(np.linspace(-1, 1, 200), np.linspace(-0.5, 1.5, 200))
    places, picture = np.stack([x, y], axis=-1), np.full((200, 200, 3), 70, np.float32)
    dark = mouth_light(picture, places, face)
    white = picture.copy()
    for eye in (face[36:42], face[42:48]):
        low, high = eye.min(axis=0), eye.max(axis=0)
        white[(x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1])] = 180
    assert dark.max() < 0.7 < 1.1 < mouth_light(white, places, face).min()


def test_gums_darken_to_the_sides_as_their_teeth_do() -> None:
    """Left as bright as in the middle, they ended in a red square beside the row."""
    picture = Dentition(rest()).paint(PLACES, moved(0.25, 0.1), jaw=0.0)
    gums = picture[int(np.abs(Y[:, 0] - 0.86).argmin())].mean(axis=1)
    middle, side = np.abs(X[0]) < 0.1, (np.abs(X[0]) > 0.3) & (np.abs(X[0]) < 0.4)
    assert gums[side].max() < 0.6 * gums[middle].max()
    assert np.abs(np.diff(gums[np.abs(X[0]) < 0.45])).max() < 12  # nowhere cut off


def test_a_mouth_that_is_drawn_up_shows_teeth_not_gums() -> None:
    """Disgust lifts both lips; with the row left behind, necks of teeth stood as beads under a band of gum."""
    picture = Dentition(rest()).paint(PLACES, moved(0.133, -0.077), jaw=0.0)
    shown = (Y > 1.05 - 0.125) & (Y < 1.05 - 0.085) & (np.abs(X) < 0.2)
    red = picture[shown][:, 0] / picture[shown][:, 1]
    assert np.mean(red < 1.4) > 0.85
