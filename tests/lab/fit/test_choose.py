"""What the data decide: C by cross-validation over people, layers by what two halves of them agree in."""

import numpy as np
import pytest

from facsmith.boundary import Boundary, BoundarySet, Calibration, export_directions, import_direction
from facsmith.errors import BoundaryError
from facsmith.facs import DISFA
from facsmith.lab.fit import FitOptions, fit_boundaries
from facsmith.lab.fit.choose import cross_validated, layer_shares, masked_layers
from facsmith.lab.fit.fit import enough
from facsmith.lab.fit.svm_normals import SCALINGS, svm_normal

CANDIDATES = (1e-4, 1e-2, 1.0, 100.0)


def people_and_codes(count=40, each=6, size=60, noise=0.5, seed=0):
    """An AU along the first axis, people's own offsets within the class means, noise everywhere."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(count), each)
    active = random.random(len(who)) < 0.5
    codes = noise * random.standard_normal((len(who), size)) + 0.5 * random.standard_normal((count, size))[who]
    codes[:, 0] += np.where(active, 1.0, -1.0)
    return codes / np.sqrt(np.mean(np.sum(codes**2, axis=1))), active, who


def test_the_chosen_c_is_the_best_on_people_left_out():
    codes, active, who = people_and_codes()
    chosen, _, scores = cross_validated(codes, active, who, weights=np.ones(len(who)), candidates=CANDIDATES, seed=0)
    assert set(scores) == {"0.0001", "0.01", "1", "100"}
    assert scores[f"{chosen:g}"] >= max(scores.values()) - 1e-3
    assert 0.7 < scores[f"{chosen:g}"] <= 1


def test_cross_validation_never_sees_a_person_twice():
    """Labels that only a memory of the person could tell are no better than chance."""
    random = np.random.default_rng(1)
    who = np.repeat(np.arange(30), 6)
    codes = random.standard_normal((30, 80))[who] + 0.01 * random.standard_normal((180, 80))
    active = (random.random(30) < 0.5)[who]
    *_, scores = cross_validated(codes / 9, active, who, weights=np.ones(180), candidates=CANDIDATES, seed=0)
    assert max(scores.values()) < 0.75


def test_too_few_people_choose_nothing():
    codes, active, who = people_and_codes(count=1, each=12)
    chosen, _, scores = cross_validated(codes, active, who, weights=np.ones(12), candidates=CANDIDATES, seed=0)
    assert chosen in CANDIDATES
    assert scores == {}


def quiet_and_loud(*, quiet: float, count=60, each=6, size=40, seed=0):
    """An AU that shows in one number whose spread is ``quiet`` times that of the others: people and noise."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(count), each)
    active = random.random(len(who)) < 0.5
    codes = random.standard_normal((len(who), size)) + random.standard_normal((count, size))[who]
    codes[:, 0] = quiet * (np.where(active, 1.0, -1.0) + 0.7 * random.standard_normal(len(who)))
    return codes / np.sqrt(np.mean(np.sum(codes**2, axis=1))), active, who


def test_what_shows_in_numbers_that_hardly_vary_needs_each_scaled():
    codes, active, who = quiet_and_loud(quiet=0.02)
    chosen = cross_validated(
        codes, active, who, weights=np.ones(len(who)), candidates=CANDIDATES, scalings=SCALINGS, seed=0
    )
    assert chosen.scaling == "each"
    one = max(score for name, score in chosen.scores.items() if "each" not in name)
    own = max(score for name, score in chosen.scores.items() if "each" in name)
    assert own > one + 0.05 and own > 0.85
    normal, _ = svm_normal(codes, active, weights=np.ones(len(who)), c=chosen.c, seed=0, scaling="each")
    assert np.linalg.norm(normal) == pytest.approx(1)
    assert abs(normal[0]) > 0.9  # in the codes' own units: what a step of unit length must move


def test_where_all_numbers_vary_alike_scaling_each_changes_nothing():
    codes, active, who = people_and_codes()
    weights = np.ones(len(who))
    alone = cross_validated(codes, active, who, weights=weights, candidates=CANDIDATES, seed=0)
    both = cross_validated(codes, active, who, weights=weights, candidates=CANDIDATES, scalings=SCALINGS, seed=0)
    assert both[:2] == alone[:2] == (alone.c, "whole")
    even = codes / codes.std(axis=0) * codes.std()
    normals = [svm_normal(even, active, weights=weights, c=0.1, seed=0, scaling=scaling)[0] for scaling in SCALINGS]
    assert normals[0] @ normals[1] > 0.999


def test_a_number_that_never_varies_is_left_alone():
    codes, active, who = people_and_codes()
    codes[:, 5] = 0.3
    codes[:, 6] = 0.0
    normal, _ = svm_normal(codes, active, weights=np.ones(len(who)), c=0.1, seed=0, scaling="each")
    assert np.isfinite(normal).all() and abs(normal[6]) == 0


def test_boundaries_tell_their_scaling_and_read_unseen_people_by_it():
    codes, active, who = quiet_and_loud(quiet=0.02, count=80)
    labels = np.zeros((len(who), 12))
    labels[active, DISFA.index(4)] = 0.9
    codes = codes - codes.mean(axis=0)
    accuracy: dict[str, float] = {}
    for name, scalings in (("whole", ("whole",)), ("chosen", SCALINGS)):
        options = FitOptions(aus=(4,), candidates=CANDIDATES, scalings=scalings)
        fitted = fit_boundaries(codes.reshape(-1, 4, 10), labels, groups=who, generator_id="g", options=options)
        accuracy[name] = fitted[4].report["accuracy_within_person"]
    assert fitted[4].report["svm"]["scaling"] == "each"
    assert any("each" in name for name in fitted[4].report["svm"]["cross_validation"])
    assert accuracy["chosen"] > accuracy["whole"] + 0.03


def test_layers_that_carry_the_au_hold_its_shares():
    random = np.random.default_rng(0)
    who = np.repeat(np.arange(50), 4)
    active = np.tile([False, True, False, True], 50)
    codes = 0.5 * random.standard_normal((200, 4, 8))
    codes[active, 1] += 0.9
    codes[active, 2] += 0.3
    shares = layer_shares(codes.reshape(200, -1), active, who, num_ws=4, seed=0)
    assert shares.sum() == pytest.approx(1)
    assert shares[1] == pytest.approx(0.9, abs=0.05)
    assert shares[2] == pytest.approx(0.1, abs=0.05)
    assert masked_layers(shares, 0.8).tolist() == [False, True, False, False]
    assert masked_layers(shares, 0.95).tolist() == [False, True, True, False]
    assert masked_layers(shares, 1.0).sum() >= 2


def test_one_class_has_no_layers_of_its_own():
    shares = layer_shares(np.ones((6, 8)), np.array([True] * 5 + [False]), np.arange(6), num_ws=4, seed=0)
    assert shares.tolist() == [0.25] * 4


@pytest.mark.parametrize("layers", [0.9, 1.0])
def test_masked_layers_are_empty_in_the_normal(layers):
    random = np.random.default_rng(3)
    who = np.repeat(np.arange(40), 6)
    labels = np.zeros((240, 12))
    labels[:, DISFA.index(12)] = np.tile([0, 0, 0, 0.8, 1.0, 0.9], 40)
    codes = 0.1 * random.standard_normal((240, 4, 8)) + random.standard_normal((40, 4, 8))[who]
    codes[:, 2] += 2 * labels[:, DISFA.index(12), None]
    options = FitOptions(aus=(12,), layers=layers)
    (boundary,) = fit_boundaries(codes, labels, groups=who, generator_id="g", options=options).boundaries
    lengths = np.linalg.norm(boundary.normal, axis=1)
    assert lengths[2] > 0.9
    assert (lengths[[0, 1, 3]] == 0).all() == (layers < 1)
    assert boundary.report["layers"][2] > 0.9


def test_the_price_of_decorrelation_is_reported():
    random = np.random.default_rng(4)
    who = np.repeat(np.arange(60), 8)
    labels = (random.random((480, 12)) < 0.3) * random.uniform(0.3, 1, (480, 12))
    labels[::8] = 0
    oblique = random.standard_normal((12, 32))
    oblique[DISFA.index(6)] = oblique[DISFA.index(12)] + 0.5 * oblique[DISFA.index(6)]
    codes = labels @ oblique + random.standard_normal((60, 32))[who] + 0.05 * random.standard_normal((480, 32))
    fitted = fit_boundaries(codes.reshape(480, 4, 8), labels, groups=who, generator_id="g")
    price = fitted[6].report["decorrelation"]
    assert price["leak_before"] > 2 * fitted[6].report["worst_leak"]["share"]
    assert price["cosine"] < 0.99
    assert 0.5 < price["accuracy_before"] <= 1


def test_paired_differences_stand_beside_means():
    codes, active, who = people_and_codes(count=50, each=6)
    labels = np.zeros((300, 12))
    labels[active, DISFA.index(4)] = 0.9
    for person in range(50):  # everybody at rest once
        labels[6 * person] = 0
        codes[6 * person, 0] = -abs(codes[6 * person, 0])
    options = FitOptions(aus=(4,), compare=True)
    (boundary,) = fit_boundaries(
        codes.reshape(300, 4, 15), labels, groups=who, generator_id="g", options=options
    ).boundaries
    methods = boundary.report["methods"]
    assert set(methods) == {"mean", "neutral"}
    assert methods["mean"] == boundary.report["accuracy_within_person"]


def test_aus_that_are_hardly_shown_are_left_out():
    labels = np.zeros((40, 12))
    labels[:10, DISFA.index(12)] = 1
    labels[:3, DISFA.index(4)] = 1
    labels[:, DISFA.index(25)] = 1
    assert enough(labels, 0.7) == (12,)
    with pytest.raises(BoundaryError, match="lower threshold"):
        enough(labels * 0.5, 0.7)


@pytest.mark.parametrize(
    "wrong", [{"layers": 0}, {"layers": 1.5}, {"candidates": (0.1, -1)}, {"scalings": ()}, {"scalings": ("log",)}]
)
def test_choices_that_make_no_sense(wrong):
    with pytest.raises(BoundaryError):
        FitOptions(**wrong)


def test_exported_directions_come_back(tmp_path):
    random = np.random.default_rng(0)
    shared = random.standard_normal((1, 8)).repeat(4, axis=0)
    apart = random.standard_normal((4, 8))
    apart -= apart.mean(axis=0)
    line = Calibration((0.0, 1.0), (-1.0, 5.0))
    boundaries = BoundarySet(
        tuple(Boundary(au, n / np.linalg.norm(n), 0.0, line) for au, n in ((12, shared), (4, apart))), "g"
    )
    names = sorted(path.name for path in export_directions(boundaries, tmp_path))
    assert names == ["AU12_interfacegan.npy", "AU12_wplus.npy", "AU4_wplus.npy"]  # AU4's layers cancel out
    one = np.load(tmp_path / "AU12_interfacegan.npy")
    assert one.shape == (1, 8)
    assert np.linalg.norm(one) == pytest.approx(1)
    back = import_direction(tmp_path / "AU4_wplus.npy", au=4, num_ws=4, w_dim=8, reach=1)
    np.testing.assert_allclose(back.normal, boundaries[4].normal, atol=1e-6)
    assert back.calibration.distance(1.0) - back.calibration.distance(0.0) == pytest.approx(6)
