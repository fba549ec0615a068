"""A model's report: the muscles themselves are perfect, leaking and shouting are named, and the table holds what is
promised."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from typer.testing import CliRunner

from facsmith import face
from facsmith.__main__ import app
from facsmith.animator import Animator
from facsmith.boundary import LandmarkResponse, Response
from facsmith.descriptor import perceptual_distance
from facsmith.errors import InputError
from facsmith.face import Face, choose, find
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA
from facsmith.lab.evaluate.control import Control, entanglement, mixed_expressions, read_control
from facsmith.lab.evaluate.faces import age_band, held_out, photographed, skin_band
from facsmith.lab.evaluate.model import ModelOptions, ModelReport, evaluate_model, summarise
from facsmith.lab.evaluate.model_tables import tables
from facsmith.lab.evaluate.reconstruction import Principal
from facsmith.lab.evaluate.resting import Resting
from facsmith.lab.frechet import frechet_distance
from facsmith.tuning import TuningOptions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    photo: Any = skimage.data.astronaut()
    return np.ascontiguousarray(photo[20:260, 100:340])


@pytest.fixture(scope="module")
def found(portrait: np.ndarray):
    return choose(find(portrait, provider="dlib")).face


def controlled(portrait: np.ndarray, found: Any, change) -> Control:
    at = face.follow(portrait, found).landmarks  # where the judge sees them: what it compares with is moved there
    muscles = MuscleWarp(at, portrait.shape)
    asked = mixed_expressions(np.random.default_rng(0), 8)
    return read_control(lambda photo, e: muscles(photo, change(e)), portrait, found, asked)


@pytest.fixture(scope="module")
def perfect(portrait: np.ndarray, found: Any) -> Control:
    return controlled(portrait, found, lambda e: e)


def test_the_muscles_are_read_as_what_was_asked(perfect: Control):
    judged = summarise([perfect])
    assert judged.au_mae < 0.08
    assert judged.au_leakage < 0.03
    assert judged.au_spearman_min > 0.85
    for row in judged.rows:
        assert row.measured[-1] == pytest.approx(1, abs=0.1)


def test_half_of_it_and_a_brow_that_goes_with_everything_are_seen(portrait: np.ndarray, found: Any, perfect: Control):
    brow = np.eye(12)[DISFA.index(2)]
    weak = summarise([controlled(portrait, found, lambda e: np.clip(e / 2 + 0.8 * brow * e.max(), 0, 1))])
    whole = summarise([perfect])
    assert weak.rows[DISFA.index(26)].mae == pytest.approx(0.31, abs=0.08)  # the mean of half the levels
    assert weak.au_mae > whole.au_mae + 0.1
    assert weak.au_leakage > whole.au_leakage + 0.03


def test_a_face_that_was_lost_counts_for_nothing(perfect: Control):
    nothing = {name: np.full_like(getattr(perfect, name), np.nan) for name in ("shares", "flow", "measured", "mixed")}
    lost = Control(visible=perfect.visible, asked=perfect.asked, **nothing)
    assert summarise([perfect, lost]) == summarise([perfect])


def test_muscles_that_landmarks_hardly_report_are_no_measure(
    portrait: np.ndarray, found: Any, perfect: Control, monkeypatch: pytest.MonkeyPatch
):
    responses = Resting.responses.func

    def faint(resting: Resting) -> np.ndarray:
        seen = responses(resting)
        seen[0] *= 0.05  # a face whose inner brows a landmarker does not see
        return seen

    monkeypatch.setattr(Resting, "responses", property(faint))
    read = controlled(portrait, found, lambda e: e)
    assert np.isnan(read.shares[0]).all()
    assert np.isfinite(read.shares[DISFA.index(12)]).all()
    both, one = (summarise(faces, visible=0.0) for faces in ([perfect, read], [perfect]))
    assert both.rows[0].mae == one.rows[0].mae


def test_random_expressions_are_hardly_correlated():
    asked = mixed_expressions(np.random.default_rng(1), 200)
    assert entanglement(asked) < 0.05
    assert 0.2 < (asked > 0).mean() < 0.3
    assert asked[asked > 0].min() >= 0.25
    assert asked.max() <= 1
    assert entanglement(np.column_stack([asked[:, 0], asked[:, 0]])) == pytest.approx(1)


def test_the_frechet_distance_of_gaussians_is_the_formula_s():
    random = np.random.default_rng(0)
    a = random.standard_normal((4000, 3)) * [1, 2, 3]
    b = random.standard_normal((4000, 3)) * [2, 2, 1] + [1, 0, 0]
    assert frechet_distance(a, b) == pytest.approx(1 + 1 + 0 + 4, rel=0.1)  # |mean|^2 + sum (s - t)^2
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    few, many = a[:2, :], np.tile(b, (1, 1))
    assert frechet_distance(few, many) == pytest.approx(frechet_distance(many, few), rel=1e-6)
    with pytest.raises(InputError, match="N and M from 2"):
        frechet_distance(a[:1], b)


def test_principal_components_keep_what_they_were_made_of():
    crops = np.random.default_rng(0).integers(0, 255, (6, 8, 8, 3), dtype=np.uint8)
    assert np.abs(Principal(crops, components=512)(crops).astype(int) - crops).max() <= 1
    other = np.random.default_rng(1).integers(0, 255, (2, 8, 8, 3), dtype=np.uint8)
    assert np.abs(Principal(crops, components=2)(other).astype(int) - other).mean() > 10


def test_bands():
    assert [age_band(a) for a in (-1, 0, 29, 30, 80)] == ["unknown", "0-29", "0-29", "30-44", "60+"]
    assert [skin_band(a) for a in (-60, 0, 35, 60)] == ["dark", "brown", "intermediate", "light"]


@pytest.fixture(scope="module")
def report(portrait: np.ndarray) -> ModelReport:
    faces, skipped = photographed([("her", portrait), ("noise", np.zeros((64, 64, 3), np.uint8))], 128, provider="dlib")
    assert list(skipped) == ["noise"]
    training = np.stack([np.roll(faces[0].crop, shift, axis=1) for shift in range(4)])
    options = ModelOptions(fidelity="high", iterations=2, expressions=2, samples=8, provider="dlib")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facsmith.tuning.TuningOptions", lambda: TuningOptions(steps=12))
        return evaluate_model(Animator.from_pretrained(), faces, training=training, options=options)


def test_the_report_holds_what_is_promised(report: ModelReport):
    told = json.loads(json.dumps(report.to_json()))
    for key in ("au_mae", "au_leakage", "au_spearman_min", "inter_au_correlation", "identity", "reconstruction_lpips"):
        assert np.isfinite(told[key]), key
    assert told["sample_count"] == 1
    assert [row["au"] for row in told["aus"]] == list(DISFA)
    ways = {row["way"]: row["lpips"] for row in told["reconstructions"]}
    assert list(ways) == ["high", "inversion", "encoder", "mean", "pca-3"]
    assert told["reconstruction_lpips"] == ways["high"] < ways["inversion"]
    assert ways["pca-3"] < ways["mean"]  # she is in its training set
    assert told["reconstruction_features"].startswith(("face-128-", "vgg16"))
    assert told["frechet"] > 0
    assert {group["kind"] for group in told["groups"]} == {"age", "skin"}
    assert 0 < told["au_mae"] < 0.5
    assert len(list(tables(report))) == 3


def test_the_judge_reads_frames_that_another_fitted(portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    """Here the judge is dlib under another name."""
    fitters: set[str] = set()
    judges: set[str] = set()
    real = face.follow

    class Fitter:
        find = staticmethod(face.find)

        def follow(self, picture: np.ndarray, known: Face) -> Face:
            fitters.add(known.provider)
            return real(picture, known)

    def follow(picture: np.ndarray, known: Face) -> Face:
        judges.add(known.provider)
        return replace(real(picture, replace(known, provider="dlib")), provider=known.provider)

    monkeypatch.setattr(face, "follow", follow)
    bundled = Animator.from_pretrained().networks
    response = Response(1.0, 0.1, {"dlib": LandmarkResponse(1.0, 0.5, flow=0.1)})
    boundaries = replace(
        bundled.boundaries, boundaries=tuple(replace(b, response=response) for b in bundled.boundaries.boundaries)
    )
    animator = Animator(
        bundled.generator,
        descriptor=bundled.descriptor,
        encoder=bundled.encoder,
        boundaries=boundaries,
        faces=Fitter(),
    )
    faces, _ = photographed([("her", portrait)], 128, provider="dlib")
    options = ModelOptions(iterations=0, expressions=2, samples=0, provider="dlib", judge="mediapipe")
    told = evaluate_model(animator, faces, options=options).to_json()
    assert (fitters, judges) == ({"dlib"}, {"mediapipe"})
    assert (told["fitted_by"], told["landmarks"]) == (["dlib"], ["mediapipe"])
    with pytest.raises(InputError, match="dlib fits AUs"):
        evaluate_model(animator, faces, options=replace(options, judge="dlib"))


def test_equal_pictures_are_at_no_distance(report: ModelReport):
    glass = Animator.from_pretrained().networks.descriptor
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    assert float(perceptual_distance(glass, picture, picture)) == 0
    assert float(perceptual_distance(glass, picture, -picture)) > 0.1


def test_a_folder_without_faces_and_nobody_at_all_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no data set"):
        held_out(tmp_path, 128, count=2)
    with pytest.raises(InputError, match="no face to judge"):
        evaluate_model(Animator.from_pretrained(), [])
    result = CliRunner().invoke(app, ["evaluate", "model"])
    assert isinstance(result.exception, InputError)
