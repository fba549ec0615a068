"""Fitting boundaries on codes whose truth is known: W+ = identity + A e."""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from facsmith.boundary import Boundary, BoundarySet, Calibration
from facsmith.errors import BoundaryError
from facsmith.facs import DISFA, ActionUnits
from facsmith.lab.fit import FitOptions, fit_boundaries, recalibrate
from facsmith.lab.fit.fit import fit_separable
from facsmith.latent import Latent

NUM_WS, W_DIM, GENERATOR = 4, 32, "tiny-1"
SIZE = NUM_WS * W_DIM
ROW = {au: k for k, au in enumerate(DISFA)}
TRAP = ((6, 12), (25, 26), (1, 2))  # DISFA's co-occurrences


class Faces(NamedTuple):
    """W+ = identity + A e + noise, identities orthogonal to the span of the oblique directions A."""

    ws: np.ndarray  # (N, num_ws, w_dim)
    labels: np.ndarray  # (N, 12)
    people: np.ndarray  # (N,)
    directions: np.ndarray  # (12, num_ws * w_dim)


def make_faces(people: int = 60, each: int = 12, *, noise: float = 0.02, together: float = 0.8, seed: int = 0) -> Faces:
    random = np.random.default_rng(seed)
    frame = np.linalg.qr(random.standard_normal((SIZE, SIZE)))[0]
    oblique = np.eye(12) + 0.25 * random.standard_normal((12, 12))
    directions = 2.0 * oblique / np.linalg.norm(oblique, axis=1, keepdims=True) @ frame[:12]
    identities = random.standard_normal((people, 60)) @ frame[12:72]
    who = np.repeat(np.arange(people), each)
    shown = random.random((len(who), 12)) < 0.4
    for first, second in TRAP:
        tied = random.random(len(who)) < together
        shown[tied, ROW[second]] = shown[tied, ROW[first]]
    labels = shown * random.uniform(0.05, 1, shown.shape)
    labels[::each] = 0
    ws = identities[who] + labels @ directions + noise * random.standard_normal((len(who), SIZE))
    return Faces(ws.reshape(-1, NUM_WS, W_DIM).astype(np.float32), labels, who, directions)


def fit(faces: Faces, options: FitOptions | None = None) -> BoundarySet:
    return fit_boundaries(
        faces.ws, faces.labels, groups=faces.people, generator_id=GENERATOR, options=options or FitOptions()
    )


def displacement(boundaries: BoundarySet, face: np.ndarray, au: int, *, entangled: bool = False) -> np.ndarray:
    """(num_ws * w_dim,) how an edit from neutral to AU at full intensity moves a face."""
    latent = Latent(face, GENERATOR)
    edited = boundaries.edit(latent, ActionUnits({au: 1.0}), source=np.zeros(12), entangled=entangled)
    return (edited.ws[0].astype(np.float64) - latent.ws).ravel()


@pytest.fixture(scope="module")
def faces() -> Faces:
    return make_faces()


@pytest.fixture(scope="module")
def fitted(faces: Faces) -> BoundarySet:
    return fit(faces)


@pytest.mark.parametrize("au", DISFA)
def test_the_joint_edit_recovers_each_aus_own_displacement(faces: Faces, fitted: BoundarySet, au: int) -> None:
    truth = faces.directions[ROW[au]]
    moved = displacement(fitted, faces.ws[0], au)
    assert np.linalg.norm(moved - truth) < 0.05 * np.linalg.norm(truth)
    # Other AUs' distances stay: in float64 exactly, after rounding to float32 to a millionth.
    others = np.array(DISFA) != au
    assert np.abs(fitted.normals[others] @ moved).max() < 1e-6


def test_the_entangled_sum_does_not(faces: Faces, fitted: BoundarySet) -> None:
    truth = faces.directions[ROW[12]]
    moved = displacement(fitted, faces.ws[0], 12, entangled=True)
    assert np.linalg.norm(moved - truth) > 0.2 * np.linalg.norm(truth)
    assert np.abs(fitted.normals[np.array(DISFA) != 12] @ moved).max() > 0.1


def test_normals_are_the_dual_directions(faces: Faces, fitted: BoundarySet) -> None:
    dual = np.linalg.pinv(faces.directions).T
    dual /= np.linalg.norm(dual, axis=1, keepdims=True)
    assert np.diagonal(fitted.normals @ dual.T).min() > 0.995
    assert np.allclose(np.linalg.norm(fitted.normals, axis=1), 1)


def test_other_aus_leak_into_plain_svm_normals_and_not_into_ours(faces: Faces, fitted: BoundarySet) -> None:
    plain = fit(faces, FitOptions(unmix=False))

    def worst(boundaries: BoundarySet) -> float:
        response = faces.directions @ boundaries.normals.T
        return float(np.abs(response / np.diagonal(response) - np.eye(12)).max())

    assert worst(fitted) < 0.03
    assert worst(plain) > 5 * worst(fitted)
    assert max(b.report["worst_leak"]["share"] for b in fitted.boundaries) < 0.05
    assert max(b.report["worst_leak"]["share"] for b in plain.boundaries) > 0.2


def test_intensities_of_unseen_people_are_read_back(fitted: BoundarySet, faces: Faces) -> None:
    unseen = faces.people >= 50
    read = fitted.intensities(Latent(faces.ws[unseen], GENERATOR))
    assert np.abs(read - faces.labels[unseen]).mean() < 0.05


def test_an_asked_intensity_is_reached(fitted: BoundarySet, faces: Faces) -> None:
    asked = ActionUnits({12: 0.6, 6: 0.3, 4: 0.9})
    edited = fitted.edit(Latent(faces.ws[12], GENERATOR), asked, source=faces.labels[12])
    shown = np.linalg.lstsq(faces.directions.T, (edited.ws[0].astype(np.float64) - faces.ws[12]).ravel(), rcond=None)[0]
    assert np.abs(faces.labels[12] + shown - asked.vector(aus=DISFA)).max() < 0.06


def test_the_report_counts_and_judges(fitted: BoundarySet, faces: Faces, tmp_path: Path) -> None:
    for boundary in fitted.boundaries:
        report = boundary.report
        assert report["training"]["people"] + report["held_out"]["people"] == 60
        assert report["held_out"]["people"] == 15
        e = faces.labels[:, ROW[boundary.au]]
        assert report["training"]["active"] + report["held_out"]["active"] == np.sum(e >= 0.7)
        assert report["training"]["neutral"] + report["held_out"]["neutral"] == np.sum(e == 0)
        assert report["accuracy"] > 0.97
        low, high = report["residual_band"]
        assert -0.1 < low <= 0 <= high < 0.1
        assert report["svm"] == {
            "baseline": "mean", "unmixed": True, "converged": True, "c": 0.01, "scaling": "whole",
        }  # fmt: skip
    fitted.save(tmp_path / "b.safetensors")
    loaded = BoundarySet.load(tmp_path / "b.safetensors")
    assert json.dumps([dict(b.report) for b in loaded.boundaries]) == json.dumps(
        [dict(b.report) for b in fitted.boundaries]
    )


def test_same_seed_same_boundaries(faces: Faces) -> None:
    first, again, other = (fit(faces, FitOptions(aus=(6, 12), seed=seed)).normals for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_names_as_groups(faces: Faces) -> None:
    names = np.array([f"SN{who:03d}" for who in faces.people])
    options = FitOptions(aus=(6, 12))
    named = fit_boundaries(faces.ws, faces.labels, groups=names, generator_id=GENERATOR, options=options)
    assert np.array_equal(named.normals, fit(faces, options).normals)


def test_paired_differences_recover_the_displacement_too(faces: Faces) -> None:
    paired = fit(faces, FitOptions(baseline="neutral"))
    truth = faces.directions[ROW[12]]
    assert np.linalg.norm(displacement(paired, faces.ws[0], 12) - truth) < 0.08 * np.linalg.norm(truth)
    without = faces.labels.max(axis=1) > 0
    with pytest.raises(BoundaryError, match=r"people have no neutral sample.*mean"):
        fit(
            Faces(faces.ws[without], faces.labels[without], faces.people[without], faces.directions),
            FitOptions(baseline="neutral"),
        )


def test_people_seen_once_still_give_boundaries() -> None:
    """No baseline to take: the SVM must see past identities by itself, and does so less well."""
    faces = make_faces(1500, 1, together=0.5)
    neutral = np.arange(1500) % 8 == 0
    faces.labels[:] = np.where(neutral[:, None], 0, make_faces(100, 15, together=0.5, seed=3).labels)
    ws = faces.ws.reshape(1500, -1) + faces.labels @ faces.directions
    codes = ws.reshape(faces.ws.shape).astype(np.float32)
    once = fit(Faces(codes, faces.labels, faces.people, faces.directions))
    truth = faces.directions[ROW[12]]
    moved = displacement(once, ws[0].reshape(NUM_WS, W_DIM), 12)
    assert moved @ truth / np.linalg.norm(moved) / np.linalg.norm(truth) > 0.9
    assert once[12].report["accuracy"] > 0.9


def test_small_and_large_movements_side_by_side() -> None:
    """A raised lid is a tenth of a dropped jaw, or less."""
    faces = make_faces(100, 16, noise=0.002)
    size = np.geomspace(0.05, 2, 12)[:, None]
    codes = faces.ws.reshape(-1, SIZE) + faces.labels @ ((size - 1) * faces.directions)
    uneven = fit(Faces(codes.reshape(faces.ws.shape), faces.labels, faces.people, faces.directions))
    for au in DISFA:
        truth = (size * faces.directions)[ROW[au]]
        moved = displacement(uneven, codes[0].reshape(NUM_WS, W_DIM), au)
        assert np.linalg.norm(moved - truth) < 0.1 * np.linalg.norm(truth)


def test_some_aus_only(faces: Faces) -> None:
    few = fit(faces, FitOptions(aus=(12, 6)))
    assert few.aus == (12, 6)
    truth = faces.directions[ROW[12]]
    moved = displacement(few, faces.ws[0], 12)
    # AU6 stays though it mostly comes with AU12; AUs without boundary are not promised.
    assert abs(few.normals[1] @ moved) < 1e-6
    assert moved @ truth > 0.5 * truth @ truth


def test_aus_that_always_come_together_keep_a_finite_edit(faces: Faces) -> None:
    labels = faces.labels.copy()
    labels[:, ROW[12]] = labels[:, ROW[6]]
    codes = (faces.ws.reshape(-1, SIZE) + (labels - faces.labels) @ faces.directions).reshape(faces.ws.shape)
    tied = fit(Faces(codes, labels, faces.people, faces.directions))
    assert tied.cosines()[ROW[6], ROW[12]] > 0.999
    both = displacement(tied, codes[0], 6) + displacement(tied, codes[0], 12)
    truth = faces.directions[ROW[6]] + faces.directions[ROW[12]]
    assert np.linalg.norm(both - truth) < 0.1 * np.linalg.norm(truth)


def test_duplicate_rows_change_nothing_much(faces: Faces, fitted: BoundarySet) -> None:
    twice = Faces(*(np.concatenate([x, x]) for x in faces[:3]), faces.directions)
    assert np.diagonal(fit(twice).normals @ fitted.normals.T).min() > 0.99


def test_twenty_samples() -> None:
    faces = make_faces(4, 5)
    faces.labels[:, ROW[12]] = np.tile([0, 1, 0, 0.8, 0], 4)
    ws = faces.labels @ faces.directions + np.repeat(faces.ws[::5].reshape(4, -1), 5, axis=0)
    small = fit(Faces(ws.reshape(faces.ws.shape), faces.labels, faces.people, faces.directions), FitOptions(aus=(12,)))
    moved = displacement(small, ws[0].reshape(NUM_WS, W_DIM), 12)
    assert np.isfinite(moved).all()
    assert moved @ faces.directions[ROW[12]] > 0


def test_one_person_has_nobody_to_hold_out() -> None:
    faces = make_faces(1, 400)
    one = fit(faces)
    assert one[12].report["held_out"] == {"people": 0, "neutral": 0, "active": 0}
    truth = faces.directions[ROW[12]]
    assert np.linalg.norm(displacement(one, faces.ws[0], 12) - truth) < 0.15 * np.linalg.norm(truth)


def test_a_bent_response_is_calibrated() -> None:
    """Distances that grow with the square root of the intensity: the map bends with them."""
    faces = make_faces(together=0.0)
    root = np.sqrt(faces.labels)
    codes = faces.ws.reshape(-1, SIZE) + (root - faces.labels) @ faces.directions
    bent = fit(Faces(codes.reshape(faces.ws.shape), faces.labels, faces.people, faces.directions))
    d = bent[12].calibration.distance([0.0, 0.25, 0.5, 1.0])
    assert (d[1:] - d[0]) / (d[3] - d[0]) == pytest.approx([0.5, math.sqrt(0.5), 1], abs=0.04)


def test_letters_as_labels() -> None:
    """FACS letters only (DISFA): six levels."""
    faces = make_faces()
    labels = np.rint(faces.labels * 5) / 5
    codes = faces.ws.reshape(-1, SIZE) + (labels - faces.labels) @ faces.directions
    letters = fit(Faces(codes.reshape(faces.ws.shape), labels, faces.people, faces.directions), FitOptions(aus=(12,)))
    assert letters[12].calibration.intensities == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 1))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_refusals(faces: Faces, value: float) -> None:
    ws = faces.ws.copy()
    ws[3, 0, 0] = value
    with pytest.raises(BoundaryError, match="NaN"):
        fit(faces._replace(ws=ws))
    for bad in (value, 5.0, -0.2):
        labels = faces.labels.copy()
        labels[3, 0] = bad
        with pytest.raises(BoundaryError, match=r"\[0, 1\]"):
            fit(faces._replace(labels=labels))
    with pytest.raises(BoundaryError, match="shape"):
        fit(faces._replace(labels=faces.labels[:, :11]))
    with pytest.raises(BoundaryError, match="shape"):
        fit(faces._replace(people=faces.people[:5]))
    with pytest.raises(BoundaryError, match="shape"):
        fit(Faces(np.zeros((0, 4, 32)), np.zeros((0, 12)), np.zeros(0), faces.directions))


def test_one_class_is_refused_by_name(faces: Faces) -> None:
    labels = faces.labels.copy()
    labels[:, ROW[9]] = 0
    with pytest.raises(BoundaryError, match=rf"AU9 has {len(labels)} neutral samples and 0 of"):
        fit(faces._replace(labels=labels))
    labels[:, ROW[9]] = 1
    with pytest.raises(BoundaryError, match="AU9 has 0 neutral"):
        fit(faces._replace(labels=labels))
    assert fit(faces._replace(labels=labels), FitOptions(aus=(6, 12))).aus == (6, 12)


def test_codes_without_the_au_are_refused(faces: Faces) -> None:
    with pytest.raises(BoundaryError, match="same"):
        fit(faces._replace(ws=np.ones_like(faces.ws)))
    labels = faces.labels.copy()
    labels[:, ROW[9]] = np.random.default_rng(0).permutation(labels[:, ROW[9]])
    # Labels that have nothing to do with the codes: refused, or reported as no better than chance.
    try:
        report = fit(faces._replace(labels=labels), FitOptions(aus=(9,)))[9].report
    except BoundaryError as error:
        assert "AU9" in str(error)  # noqa: PT017
    else:
        assert report["accuracy"] < 0.65


@pytest.mark.parametrize(
    "options",
    [
        {"aus": ()},
        {"aus": (12, 12)},
        {"aus": (7,)},
        {"threshold": 0},
        {"threshold": math.nan},
        {"c": 0},
        {"c": math.nan},
        {"held_out": 1},
        {"max_per_class": 1},
    ],
)
def test_options_that_make_no_sense(options: dict[str, object]) -> None:
    with pytest.raises(BoundaryError):
        FitOptions(**options)  # type: ignore[arg-type]


# --- recalibration along the edit path ---


def one_boundary(full: float = 4.0) -> BoundarySet:
    normal = np.zeros((NUM_WS, W_DIM))
    normal[0, 0] = 1
    other = np.zeros((NUM_WS, W_DIM))
    other[1, 1] = 1
    line = Calibration((0.0, 1.0), (1.0, 1.0 + full))
    return BoundarySet((Boundary(12, normal, 0.0, line), Boundary(4, other, 0.5, line)), GENERATOR)


@pytest.mark.parametrize("curve", [lambda x: x**2, np.sqrt, lambda x: np.tanh(2 * x) / np.tanh(2), lambda x: 1.3 * x])
def test_what_is_asked_is_measured_after_recalibration(curve: object) -> None:
    """The face answers to a distance x = (d - d_0) / range with curve(x)."""
    before = one_boundary()
    asked = np.linspace(0, 1, 11)
    after = recalibrate(before, 12, asked, curve(asked))  # type: ignore[operator]
    e = np.linspace(0, 1, 41)
    measured = curve((after[12].calibration.distance(e) - 1) / 4)  # type: ignore[operator]
    assert np.abs(measured - e).max() < 0.02
    assert after[4].calibration == before[4].calibration
    assert after[12].calibration.distance(0) == before[12].calibration.distance(0)


def test_too_weak_an_answer_reaches_further_but_not_without_end() -> None:
    asked = np.linspace(0, 1, 6)
    weak = recalibrate(one_boundary(), 12, asked, 0.8 * asked)
    assert weak[12].calibration.distance(0.4) == pytest.approx(1 + 4 * 0.5)
    assert weak[12].calibration.distance(1) == pytest.approx(1 + 4 / 0.8)
    feeble = recalibrate(one_boundary(), 12, asked, 0.3 * asked)
    assert feeble[12].calibration.distance(1) == pytest.approx(1 + 4 * 1.5)


def test_noise_and_saturation_stay_monotone() -> None:
    random = np.random.default_rng(0)
    asked = np.repeat(np.linspace(0, 1, 9), 5)
    achieved = np.minimum(asked, 0.7) + 0.05 * random.standard_normal(45)
    e = np.linspace(0, 1, 101)
    d = recalibrate(one_boundary(), 12, asked, achieved)[12].calibration.distance(e)
    assert np.all(np.diff(d) > 0)
    assert d[50] == pytest.approx(1 + 4 * 0.5, abs=0.4)


def test_the_map_ends_where_a_face_shows_no_more() -> None:
    """A jaw that is open at a third of the range: full intensity lies there, not at the end of it."""
    asked = np.array([0.1, 0.2, 0.3, 0.5, 0.7, 1.0])
    achieved = np.array([0.33, 0.63, 0.95, 0.96, 0.97, 1.01])
    d = recalibrate(one_boundary(), 12, asked, achieved)[12].calibration
    assert d.distance(0.63) == pytest.approx(1 + 4 * 0.2)
    assert d.distance(1) == pytest.approx(1 + 4 * (0.3 + 0.1 * 0.05 / 0.32))


def test_refused_measurements() -> None:
    boundaries = one_boundary()
    with pytest.raises(BoundaryError, match="did not move"):
        recalibrate(boundaries, 12, [0, 0.5, 1], [0, 0, 0])
    with pytest.raises(BoundaryError, match="did not move"):
        recalibrate(boundaries, 12, [0.5, 1], [-0.2, -0.4])
    with pytest.raises(BoundaryError, match="did not move"):
        recalibrate(boundaries, 12, [0], [0])
    with pytest.raises(BoundaryError, match="shapes"):
        recalibrate(boundaries, 12, [0, 1], [0])
    with pytest.raises(BoundaryError, match="finite"):
        recalibrate(boundaries, 12, [0, 1], [0, math.nan])
    with pytest.raises(BoundaryError, match="finite"):
        recalibrate(boundaries, 12, [0, 2], [0, 1])
    with pytest.raises(BoundaryError, match="AU9 has no boundary"):
        recalibrate(boundaries, 9, [0, 1], [0, 1])


def test_an_au_that_cannot_be_fitted_takes_no_other_with_it(faces: Faces):
    labels = faces.labels.copy()
    labels[1:, ROW[4]] = 0
    labels[0, ROW[4]] = 1
    told = {"groups": faces.people, "generator_id": GENERATOR}
    with pytest.raises(BoundaryError, match="AU4"):
        fit_boundaries(faces.ws, labels, options=FitOptions(aus=(4, 12)), **told)
    fitted = fit_separable(faces.ws, labels, options=FitOptions(aus=(4, 12)), **told)
    assert fitted.boundaries.aus == (12,)
    assert fitted.left_out.keys() == {4} and "1 of intensity 0.7 or more" in fitted.left_out[4]
    labels[:, ROW[9]] = 0
    with pytest.raises(BoundaryError, match=r"AU4 has .*; AU9 has .* 0 of"):
        fit_separable(faces.ws, labels, options=FitOptions(aus=(4, 9)), **told)
