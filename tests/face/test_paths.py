"""paths: the best path avoids dear steps; points know how far along a line they lie; a box holds its mask."""

from itertools import product

import numpy as np
import pytest

from facsmith.face.paths import beside_line, best_path, box_of


@pytest.mark.parametrize("seed", range(4))
def test_no_other_path_is_worth_more(seed):
    worth = np.random.default_rng(seed).normal(size=(5, 4))
    price = 0.7 * np.abs(np.arange(-1, 2)).astype(float)

    def total(path):
        steps = np.diff(path)
        if np.abs(steps).max() > 1:
            return -np.inf
        return worth[np.arange(5), list(path)].sum() - price[steps + 1].sum()

    best = max(total(path) for path in product(range(4), repeat=5))
    assert total(best_path(worth, price)) == pytest.approx(best)


def test_points_beside_a_line():
    line = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0]])
    squared, position = beside_line(np.array([[1.0, 0.5], [3.0, 1.0], [-1.0, 0.0]]), line)
    np.testing.assert_allclose(squared, [0.25, 1.0, 1.0])
    np.testing.assert_allclose(position, [0.25, 0.75, 0.0])


def test_a_box_holds_its_mask_and_no_more():
    mask = np.zeros((6, 8), bool)
    mask[2, 3] = mask[4, 5] = True
    assert box_of(mask) == (slice(2, 5), slice(3, 6))
