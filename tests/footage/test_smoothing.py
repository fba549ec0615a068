"""Noise goes, movement stays, and nothing crosses a cut."""

import numpy as np
import pytest

from facsmith.footage.smoothing import runs_of, smoothed

SECONDS = np.arange(90) / 30


def test_noise_goes():
    noise = 0.01 * np.sin(np.arange(90) * 2.9)[:, None]
    out = smoothed(noise, SECONDS, np.zeros(90, np.int64), time=0.05, noise=0.03)
    assert out[5:-5].std() < 0.4 * noise.std()


def test_a_step_stays_a_step_without_lag():
    step = (SECONDS >= 1.5).astype(float)[:, None]
    assert smoothed(step, SECONDS, np.zeros(90, np.int64), time=0.05, noise=0.05) == pytest.approx(step, abs=1e-6)


def test_nothing_crosses_a_cut_or_a_lost_frame():
    present, cuts = np.ones(90, np.bool_), np.zeros(90, np.bool_)
    present[30], cuts[60] = False, True
    runs = runs_of(present, cuts)
    assert runs[30] == -1 and len({runs[0], runs[31], runs[60]}) == 3
    levels = np.repeat([0.0, 0.02, 0.04], 30)[:, None]
    levels[30] = np.nan
    out = smoothed(levels, SECONDS, runs, time=0.1, noise=1.0)
    assert np.isnan(out[30]).all()
    assert np.delete(out, 30, axis=0) == pytest.approx(np.delete(levels, 30, axis=0))


def test_uneven_time_stamps_weigh_by_seconds():
    seconds = np.concatenate([np.arange(45) / 30, 10 + np.arange(45) / 30])
    values = np.repeat([0.0, 0.01], 45)[:, None]
    assert smoothed(values, seconds, np.zeros(90, np.int64), time=0.1, noise=1.0) == pytest.approx(values)
