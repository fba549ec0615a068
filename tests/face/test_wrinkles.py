"""Wrinkles: thin lines where FACS describes them, each side its own, none where nothing is asked."""

import numpy as np
import pytest

from facsmith.face.muscle_table import muscle_table
from facsmith.face.muscles import FaceMuscles
from facsmith.face.shading import FaceShading
from facsmith.face.wrinkles import EXTENT, STEP, wrinkle_maps
from facsmith.facs import AUS, spread


@pytest.fixture(scope="module")
def shading():
    """Of the mean face, 100 pixels an IOD."""
    return FaceShading(FaceMuscles(100 * muscle_table().neutral[:68, :2] + 200))


def lines(shading, intensities):
    """(h, w) gain of the maps' region beside that of shading without wrinkles, which is smooth."""
    x, y = np.meshgrid(np.arange(-1, 1, STEP), np.arange(-0.9, 1.6, STEP))
    return shading.gain(np.stack([x, y], axis=-1), intensities), x, y


def both(au, e):
    return np.stack([spread([e], (au,))] * 2)


def test_the_sides_mirror_each_other():
    for sides in wrinkle_maps().values():
        assert np.array_equal(sides[0], sides[1][:, ::-1])
        assert sides.min() < -0.05


def test_a_side_draws_on_its_own_half(shading):
    one_sided = np.zeros((2, len(AUS)))
    one_sided[0, AUS.index(14)] = 1  # the person's left is the picture's right
    with_lines, x, _ = lines(shading, one_sided)
    rough = np.abs(np.diff(with_lines, 2, axis=0))
    assert rough[:, x[0] > 0.1].max() > 5 * rough[:, x[0] < -0.1].max()


def test_drawn_together_brows_are_parted_by_two_dark_lines(shading):
    gain, x, y = lines(shading, both(4, 1.0))
    across = gain[np.abs(y[:, 0] + 0.3).argmin()]
    middle = np.abs(x[0]) < 0.12
    darkest = x[0][middle][np.argsort(across[middle])[:4]]
    assert np.allclose(np.abs(darkest), 0.085, atol=0.02)
    assert across[np.abs(x[0]).argmin()] > across[middle].min() + 0.1, "light between them"


def test_lines_grow_with_the_action_and_none_is_taken_away(shading):
    at = np.array([[[-0.085, -0.3], [-0.04, -0.3]]])
    depth = [float(np.diff(shading.gain(at, both(4, e)))[0, 0]) for e in (0.0, 0.25, 0.5, 1.0)]
    assert depth[0] == 0
    assert depth == sorted(depth) and depth[-1] > 0.1
    undone = float(np.diff(shading.gain(at, both(4, -1.0)))[0, 0])
    assert abs(undone) < 0.05


def test_every_line_lies_within_the_maps():
    left, right, top, bottom = EXTENT
    for sides in wrinkle_maps().values():
        assert sides.shape[1:] == (len(np.arange(top, bottom, STEP)), len(np.arange(left, right, STEP)))
        for edge in (sides[:, 0], sides[:, -1], sides[..., 0], sides[..., -1]):
            assert np.abs(edge).max() < 0.01
