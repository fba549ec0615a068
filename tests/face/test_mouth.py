"""What a photo shows between its own lips: rows keep to their jaws, nothing is drawn out."""

import numpy as np
import pytest
from conftest import face_points

from facsmith.face.mouth import LipLine, OwnMouth, curve, upper_row


def opened(gap: float = 0.2) -> LipLine:
    """(68, 2) a face whose lips are so far apart, IOD."""
    face = face_points()
    face[60:68, 1] = face[60:68, 1].mean()
    face[61:64, 1] -= gap / 2
    face[65:68, 1] += gap / 2
    return LipLine(face)


def inside(lips: LipLine) -> np.ndarray:
    """(n, 1, 2) a column of places between the lips, in the middle."""
    x = np.full(41, lips.middle)
    y = np.linspace(float(lips.upper(x)[0]) + 0.02, float(lips.lower(x)[0]) - 0.02, 41)
    return np.stack([x, y], axis=-1)[:, None]


def test_lips_that_stay_show_the_photo_itself():
    lips = opened()
    pixels = inside(lips)
    source, trust = OwnMouth(lips, 0.5).seen(pixels, 0.0, 0.0)
    assert np.all(trust == 1)
    assert np.abs(source - pixels).max() < 0.011


def test_the_upper_row_stays_on_the_skull_and_the_rest_goes_with_the_jaw():
    lips = opened()
    lowered = 0.1
    pixels = inside(opened(0.2)) * [1, 1.1] - [0, 0.1 * 0.95]  # down to where the lower lip is now
    source, trust = OwnMouth(lips, 0.4).seen(pixels, 0.0, lowered)
    at = (pixels[..., 1] - lips.upper(pixels[..., 0])) / lips.gap
    row = (at < 0.37) & (trust > 0.99)
    below = (at > 0.4 + lowered / lips.gap + 0.05) & (trust > 0.99)
    assert row.any() and below.any()
    assert np.abs(source[row] - pixels[row]).max() < 1e-6
    assert np.abs(source[below][:, 1] - (pixels[below][:, 1] - lowered)).max() < 1e-6
    between = (at > 0.45) & (at < 0.4 + lowered / lips.gap - 0.05)
    assert between.any() and trust[between].max() < 0.05  # new: neither jaw has it


@pytest.mark.parametrize("risen", [0.02, 0.05, 0.1, 0.3])
def test_no_row_is_drawn_out_into_streaks(risen):
    lips = opened(0.15)
    x = np.full(161, lips.middle)
    top = float(lips.upper(x)[0])
    pixels = np.stack([x, np.linspace(top - risen, top + 0.15, 161)], axis=-1)[:, None]
    source, trust = OwnMouth(lips).seen(pixels, risen, 0.0)
    step = np.diff(source[:, 0, 1]) / np.diff(pixels[:, 0, 1])
    seen = trust[:-1, 0] > 0.5
    assert not seen.any() or step[seen].min() > 1 / 1.5
    if risen > 0.12:
        assert not seen.any()


def test_a_row_that_ends_behind_the_lower_lip_goes_on_there():
    """No dark rim opens between a row of teeth and a lip that hid its edge."""
    lips = opened(0.2)
    x = np.full(101, lips.middle)
    pixels = np.stack([x, np.linspace(float(lips.upper(x)[0]), float(lips.lower(x)[0]) + 0.02, 101)], axis=-1)[:, None]
    source, trust = OwnMouth(lips).seen(pixels, 0.0, 0.02)
    assert trust[:-3].min() > 0.9
    assert source[..., 1].max() < float(lips.lower(x)[0]) + 1e-9
    opened_jaw = OwnMouth(lips).seen(pixels, 0.0, 0.02, 0.02)[1]
    assert opened_jaw[-9:].max() < 0.1  # but teeth do not grow with the jaw


def test_closed_lips_have_nothing_to_show():
    lips = opened(0.0)
    pixels = inside(opened(0.2))
    assert OwnMouth(lips).seen(pixels, 0.1, 0.1)[1].max() == 0


def seen_mouth(rows: list[tuple[float, tuple[int, int, int]]]) -> tuple[np.ndarray, np.ndarray, LipLine]:
    """A picture of an open mouth with bands of colours, each down to a part of the opening."""
    lips = opened(0.25)
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 200), np.linspace(0.7, 1.4, 140))
    part = (y - lips.upper(x)) / np.maximum(lips.lower(x) - lips.upper(x), 1e-6)
    picture = np.full((*x.shape, 3), 120, np.float32)
    above = 0.0
    for until, colour in rows:
        picture[(part >= above) & (part < until)] = colour
        above = until
    return picture, np.stack([x, y], axis=-1), lips


def test_where_the_upper_row_ends_is_seen():
    part, colour = upper_row(*seen_mouth([(0.4, (225, 215, 200)), (1.0, (50, 20, 20))]))
    assert part == pytest.approx(0.4, abs=0.1)
    assert colour is not None and np.abs(colour - (225, 215, 200)).max() < 12


def test_a_tongue_is_no_row_of_teeth():
    assert upper_row(*seen_mouth([(1.0, (210, 100, 105))]))[1] is None


def test_lips_whose_points_a_landmarker_crossed_are_lips():
    face = face_points()
    face[[61, 62]] = face[[62, 61]]
    lips = LipLine(face)
    assert np.isfinite(lips.upper(np.linspace(lips.left, lips.right, 9))).all()


def test_a_curve_through_crowded_points_does_not_overshoot():
    """As of a turned head's lips, whose far side has them all."""
    x, y = np.array([0, 0.6, 0.8, 0.9, 1.0]), np.array([0, 0.1, 0.12, 0.1, 0])
    heights = curve(x, y, np.linspace(0, 1, 101))
    assert heights.min() >= 0 and heights.max() <= 0.12
