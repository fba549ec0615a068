"""Plots show the numbers where they are, the same for the same input, and without touching the caller's style."""

import io

import matplotlib
import numpy as np
import pytest
from conftest import tiny_boundaries
from PIL import Image

from facsmith import plots
from facsmith.errors import InputError
from facsmith.plots import calibration_plot, convergence_chart, leakage_chart, scatter_chart, timeline_plot
from facsmith.timeline import Keyframe, Timeline

RISE = (Keyframe(0, 0), Keyframe(2, 1, "linear"))


def near(picture: np.ndarray, colour: str) -> np.ndarray:
    """(H, W) bool: where a picture has a colour, given as ``#rrggbb``."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return np.abs(picture.astype(int) - wanted).sum(axis=2) < 60


def test_each_moving_au_has_a_lane():
    one = timeline_plot(Timeline({12: RISE}))
    two = timeline_plot(Timeline({12: RISE, 4: (Keyframe(0, 0.5),), 1: (Keyframe(0, 0),)}))
    three = timeline_plot(Timeline({12: RISE, 4: (Keyframe(0, 0.5),), 1: (Keyframe(0, 1),)}))
    assert one.shape[1] == two.shape[1] == 1200
    assert two.shape[0] - one.shape[0] == three.shape[0] - two.shape[0] > 0


def test_the_curve_is_where_the_intensity_is():
    picture = timeline_plot(Timeline({12: RISE}))
    blue = near(picture, plots.ASKED)
    rows, columns = np.nonzero(blue)
    left, right, low, high = columns.min(), columns.max(), rows.max(), rows.min()
    for share in (0.25, 0.5, 0.75):
        at = np.flatnonzero(blue[:, round(left + share * (right - left))])
        assert at.mean() == pytest.approx(low + share * (high - low), abs=2)


def test_sides_have_colours_of_their_own():
    picture = timeline_plot(Timeline(left={12: RISE}))
    assert near(picture, plots.LEFT).any() and near(picture, plots.RIGHT).any()
    assert not near(picture, plots.ASKED).any()


def test_a_timeline_of_nothing_is_drawn_and_a_width_that_is_none_refused():
    assert timeline_plot(Timeline(), width=500).shape[1] == 500
    with pytest.raises(InputError, match="give 400 to 8000"):
        timeline_plot(Timeline(), width=40)


def test_a_calibration_has_a_panel_for_each_au():
    one, five = (calibration_plot(tiny_boundaries("tiny", aus)) for aus in ((12,), (1, 2, 4, 5, 6)))
    assert five.shape == (2 * one.shape[0], 4 * one.shape[1], 3)
    assert near(one, plots.ASKED).any()
    empty = five[one.shape[0] :, 2 * one.shape[1] :]
    assert (empty == 255).all()


def test_charts_are_pictures_whatever_is_missing():
    rng = np.random.default_rng(0)
    loss = np.sort(rng.uniform(0.1, 1, (3, 9)), axis=0)
    shown = rng.uniform(0, 1, (3, 12, 4))
    shown[1, 4] = np.nan
    matrix = np.eye(12)
    matrix[2, 3] = np.nan
    for data in (
        convergence_chart({"encoder": tuple(loss), "mean": tuple(2 * loss)}, threshold=0.3, loss="L1"),
        scatter_chart((0.25, 0.5, 0.75, 1.0), shown, ["landmarks"] * 12),
        leakage_chart({"ours": matrix, "plain": 0.5 * matrix}),
    ):
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.format == "PNG" and min(picture.size) > 300


def test_the_callers_style_neither_shows_nor_changes():
    plain = timeline_plot(Timeline({12: RISE}))
    with matplotlib.rc_context({"axes.facecolor": "black", "lines.linewidth": 9.0}):
        styled = timeline_plot(Timeline({12: RISE}))
        assert matplotlib.rcParams["axes.facecolor"] == "black"
    assert np.array_equal(plain, styled)
