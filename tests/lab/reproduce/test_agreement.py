import numpy as np
import pytest

from facsmith.lab.reproduce.agreement import agree


def test_agreement_is_whole_for_equals_and_for_a_constant_more() -> None:
    asked = np.linspace(0, 1, 21)
    assert agree(asked, asked)[:3] == pytest.approx((0, 1, 1))
    assert agree(asked, asked + 0.2)[:3] == pytest.approx((0.2, 1, 1))  # consistency: ICC(3,1) forgives an offset


def test_the_icc_punishes_a_wrong_scale_which_pearson_does_not_see() -> None:
    asked = np.linspace(0, 1, 21)
    twice = agree(asked, 2 * asked)
    assert twice.pearson == pytest.approx(1)
    assert twice.icc == pytest.approx(0.8)  # 2 s1 s2 / (s1^2 + s2^2)
    assert agree(asked, -asked).icc == pytest.approx(-1)


def test_noise_agrees_with_nothing() -> None:
    random = np.random.default_rng(0)
    found = agree(random.random(4000), random.random(4000))
    assert abs(found.icc) < 0.05
    assert abs(found.pearson) < 0.05
    assert found.mae == pytest.approx(1 / 3, abs=0.02)


def test_what_was_not_seen_does_not_count_and_little_is_not_judged() -> None:
    some = agree([0, 0.5, np.nan, 1], [0, 0.5, 0.2, 1])
    assert (some.pairs, some.mae, some.icc) == (3, 0, pytest.approx(1))
    assert np.isnan(agree([0.5, 0.5, 0.5], [0.1, 0.2, 0.3]).pearson)
    nothing = agree([np.nan], [1.0])
    assert nothing.pairs == 0
    assert np.isnan([nothing.mae, nothing.icc, nothing.pearson]).all()
