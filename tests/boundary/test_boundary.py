"""Boundaries: one AU moves and no other, a target equal to the source moves nothing, and damaged files are refused."""

import contextlib
import json
import math
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from scipy.interpolate import PchipInterpolator

from facsmith.boundary import (
    Boundary,
    BoundarySet,
    Calibration,
    LandmarkResponse,
    Response,
    conditional,
    import_direction,
    read_direction,
)
from facsmith.errors import ActionUnitError, BoundaryError, LatentError
from facsmith.facs import DISFA, ActionUnits
from facsmith.latent import Latent

NUM_WS, W_DIM, GENERATOR = 4, 16, "tiny-1"
VECTORS = SHARED / "vectors" / "boundaries"
vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"reference vectors are not at {VECTORS}")
faces = hnp.arrays(np.float32, (NUM_WS, W_DIM), elements=st.floats(-4, 4, width=32))
expressions = hnp.arrays(np.float64, 12, elements=st.floats(0, 1))


def make_set(aus: tuple[int, ...] = DISFA, *, seed: int = 0, shared: float = 1.0) -> BoundarySet:
    """Random boundaries that share a component (so they are entangled), with bent calibrations."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((NUM_WS, W_DIM))
    boundaries: list[Boundary] = []
    for au in aus:
        normal = rng.standard_normal((NUM_WS, W_DIM)) + shared * common
        distances = np.cumsum([rng.normal(), *rng.uniform(0.2, 1.5, 3)])
        calibration = Calibration((0.0, 0.3, 0.7, 1.0), tuple(distances))
        boundaries.append(Boundary(au, normal / np.linalg.norm(normal), rng.normal(), calibration, {"seed": seed}))
    return BoundarySet(tuple(boundaries), GENERATOR)


SET = make_set()


def neutral_distances() -> np.ndarray:
    return np.array([boundary.calibration.distances[0] for boundary in SET.boundaries])


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    steps = draw(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 5)), min_size=1, max_size=8))
    e = np.cumsum([0.0, *(step for step, _ in steps)])
    d = np.cumsum([draw(st.floats(-5, 5)), *(step for _, step in steps)])
    e /= e[-1]
    e[-1] = 1.0
    return Calibration(tuple(e), tuple(d))


@given(calibrations(), st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_calibration_is_monotone_and_its_own_inverse(calibration: Calibration, values: list[float]) -> None:
    e = np.sort(values)
    d = calibration.distance(e)
    assert np.all(np.diff(d) >= -1e-14 * np.abs(calibration.distances).max())  # neighbouring floats: a rounding apart
    assert np.allclose(calibration.distance(calibration.intensity(d)), d, atol=1e-9)
    assert np.allclose(calibration.distance(calibration.intensities), calibration.distances)
    assert calibration.intensity(calibration.distances[0] - 1) == 0
    assert calibration.intensity(calibration.distances[-1] + 1) == 1
    assert np.array_equal(d, PchipInterpolator(calibration.intensities, calibration.distances)(e))


@pytest.mark.parametrize(
    ("intensities", "distances"),
    [
        ((0, 1), (1, 1)),
        ((0, 1), (1, 0)),
        ((0, 0.5), (0, 1)),
        ((0, 0.5, 0.5, 1), (0, 1, 2, 3)),
        ((0, 1), (0, math.nan)),
        ((0, math.nan, 1), (0, 1, 2)),
        ((0, 1), (-1e308, 1e308)),
        ((0, 1), (0, math.inf)),
        ((0,), (0,)),
        ((0, 1), (0, 1, 2)),
        (tuple(np.linspace(0, 1, 300)), tuple(np.linspace(0, 1, 300))),
    ],
)
def test_calibrations_that_are_no_map(intensities: tuple[float, ...], distances: tuple[float, ...]) -> None:
    with pytest.raises(BoundaryError):
        Calibration(intensities, distances)


@settings(max_examples=30)
@given(faces, expressions)
def test_an_edit_to_the_source_changes_nothing(face: np.ndarray, source: np.ndarray) -> None:
    latent = Latent(face, GENERATOR)
    for entangled in (False, True):
        assert np.array_equal(SET.edit(latent, source, source=source, entangled=entangled).ws[0], latent.ws)
        assert np.array_equal(SET.edit(latent, np.zeros(12), mode="relative", entangled=entangled).ws[0], latent.ws)
        read = SET.intensities(latent)
        assert np.array_equal(SET.edit(latent, read, entangled=entangled).ws[0], latent.ws)


@settings(max_examples=40)
@given(faces, expressions)
def test_an_absolute_edit_reaches_the_asked_intensities(face: np.ndarray, target: np.ndarray) -> None:
    # A face within the calibrated range: then what is read is what it shows.
    short = neutral_distances() - SET.distances(Latent(face, GENERATOR))
    move = np.linalg.lstsq(SET.normals, short, rcond=None)[0].reshape(face.shape)
    edited = SET.edit(Latent((face + move).astype(np.float32), GENERATOR), target)
    assert edited.ws.shape == (1, NUM_WS, W_DIM)
    asked = [SET[au].calibration.distance(intensity) for au, intensity in zip(DISFA, target, strict=True)]
    assert np.allclose(SET.distances(edited)[0], asked, atol=1e-4)


@given(faces, st.sampled_from(DISFA), st.floats(0, 1))
def test_one_aus_move_leaves_all_other_distances(face: np.ndarray, au: int, intensity: float) -> None:
    latent = Latent(face.astype(np.float32), GENERATOR)
    source = np.full(12, 0.25)
    target = source.copy()
    target[DISFA.index(au)] = intensity
    moved = (SET.edit(latent, target, source=source).ws[0].astype(np.float64) - latent.ws).ravel() @ SET.normals.T
    wanted = SET[au].calibration.distance(intensity) - SET[au].calibration.distance(0.25)
    assert moved[DISFA.index(au)] == pytest.approx(wanted, abs=1e-5)
    assert np.abs(np.delete(moved, DISFA.index(au))).max() < 1e-5


def test_the_joint_edit_is_the_shortest_and_the_entangled_one_leaks() -> None:
    latent = Latent(np.zeros((NUM_WS, W_DIM)), GENERATOR)
    target = ActionUnits({12: 1.0})
    source = np.zeros(12)
    joint = SET.edit(latent, target, source=source).ws.astype(np.float64).ravel()
    # Minimum norm: the move lies in the span of the normals.
    inside = np.linalg.lstsq(SET.normals.T, joint, rcond=None)[0] @ SET.normals
    assert np.allclose(joint, inside, atol=1e-5)
    others = np.array(DISFA) != 12
    assert np.abs(SET.normals @ joint)[others].max() < 1e-6
    assert np.abs(SET.normals @ SET.edit(latent, target, source=source, entangled=True).ws.ravel())[others].max() > 0.1


def test_relative_adds_and_absolute_replaces() -> None:
    latent = Latent(np.zeros((NUM_WS, W_DIM)), GENERATOR)
    source = ActionUnits({12: 0.4, 1: 0.5})
    added = SET.edit(latent, ActionUnits({12: 0.2, 4: 1}), mode="relative", source=source)
    shown = SET.edit(latent, ActionUnits({12: 0.6, 1: 0.5, 4: 1}), source=source)
    assert np.allclose(added.ws, shown.ws, atol=1e-6)
    over = SET.edit(latent, ActionUnits({12: 0.9}), mode="relative", source=source)
    full = SET.edit(latent, ActionUnits({12: 1, 1: 0.5}), source=source)
    assert np.allclose(over.ws, full.ws, atol=1e-6)


def test_frames_and_batches() -> None:
    face = Latent(np.ones((NUM_WS, W_DIM)), GENERATOR)
    track = np.linspace(0, 1, 5)[:, None] * ActionUnits({12: 1, 4: 0.5}).vector(aus=DISFA)
    frames = SET.edit(face, track)
    assert frames.ws.shape == (5, NUM_WS, W_DIM)
    for row, frame in zip(track, frames.ws, strict=True):
        assert np.allclose(SET.edit(face, row).ws[0], frame, atol=1e-6)
    many = Latent(np.stack([face.ws * k for k in range(5)]), GENERATOR)
    assert np.allclose(SET.edit(many, track).ws[3], SET.edit(Latent(many.ws[3], GENERATOR), track[3]).ws[0], atol=1e-6)
    assert SET.distances(many).shape == SET.intensities(many).shape == (5, 12)
    with pytest.raises(LatentError, match="cannot be edited to 4 frames"):
        SET.edit(many, track[:4])


def test_orthonormal_normals_have_nothing_to_disentangle() -> None:
    rows = np.linalg.qr(np.random.default_rng(1).standard_normal((NUM_WS * W_DIM, 3)))[0].T
    line = Calibration((0.0, 1.0), (0.0, 2.0))
    plain = BoundarySet(
        tuple(Boundary(au, row.reshape(NUM_WS, W_DIM), 0.0, line) for au, row in zip((1, 4, 12), rows, strict=True)),
        GENERATOR,
    )
    assert np.allclose(plain.cosines(), np.eye(3))
    face = Latent(np.zeros((NUM_WS, W_DIM)), GENERATOR)
    target = ActionUnits({1: 0.3, 12: 1})
    assert np.allclose(plain.edit(face, target).ws, plain.edit(face, target, entangled=True).ws, atol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-6, 1e-3, 1e-2])
def test_parallel_normals_give_a_finite_short_move(angle: float) -> None:
    first, second = np.zeros((2, NUM_WS, W_DIM))
    first[0, 0] = 1
    second[0, 0], second[0, 1] = math.cos(angle), math.sin(angle)
    line = Calibration((0.0, 1.0), (0.0, 1.0))
    pair = BoundarySet((Boundary(6, first, 0.0, line), Boundary(12, second, 0.0, line)), GENERATOR)
    face = Latent(np.zeros((NUM_WS, W_DIM)), GENERATOR)
    both = pair.edit(face, ActionUnits({6: 1, 12: 1}), source=np.zeros(12))
    assert np.allclose(pair.normals @ both.ws.ravel(), 1, atol=1e-3)
    assert np.linalg.norm(pair.edit(face, ActionUnits({12: 1}), source=np.zeros(12)).ws) < 2


def test_aus_without_boundary() -> None:
    few = make_set((6, 12))
    face = Latent(np.zeros((NUM_WS, W_DIM)), GENERATOR)
    with pytest.raises(BoundaryError, match=r"AU1 has no boundary here; available: AU6, AU12\. Fit one: .*--au 1"):
        few.edit(face, ActionUnits({1: 0.5, 12: 1}))
    # What the photo shows is no request: an AU that cannot be moved stays.
    assert few.edit(face, ActionUnits({12: 1}), source=ActionUnits({1: 1})).ws.shape == (1, NUM_WS, W_DIM)


def test_refusals() -> None:
    face = Latent(np.zeros((NUM_WS, W_DIM)), GENERATOR)
    with pytest.raises(LatentError, match="other-2"):
        SET.edit(Latent(face.ws, "other-2"), np.zeros(12))
    with pytest.raises(LatentError, match="other-2"):
        SET.distances(Latent(face.ws, "other-2"))
    with pytest.raises(LatentError, match=r"\(\.\.\., 4, 16\)"):
        SET.distances(Latent(np.zeros((4, 8)), GENERATOR))
    for bad in (np.zeros(11), np.zeros((2, 2, 12)), np.full(12, math.nan), np.full(12, 1.1), np.full(12, -0.1)):
        with pytest.raises(ActionUnitError):
            SET.edit(face, bad)
        with pytest.raises(ActionUnitError):
            SET.edit(face, np.zeros(12), source=bad)
    with pytest.raises(BoundaryError, match="mode"):
        SET.edit(face, np.zeros(12), mode="half")  # type: ignore[arg-type]
    with pytest.raises(BoundaryError, match="two boundaries"):
        BoundarySet((SET[12], SET[12]), GENERATOR)
    with pytest.raises(BoundaryError, match="without boundaries"):
        BoundarySet((), GENERATOR)
    with pytest.raises(BoundaryError, match="unit length"):
        Boundary(12, np.ones((2, 2)), 0.0, SET[12].calibration)
    with pytest.raises(BoundaryError, match="unit length"):
        Boundary(12, np.full((2, 2), math.nan), 0.0, SET[12].calibration)
    with pytest.raises(BoundaryError, match="unit length"):
        Boundary(12, np.full((2, 2), 1e300), 0.0, SET[12].calibration)
    with pytest.raises(BoundaryError, match="AU45 cannot have a boundary"):
        Boundary(45, SET[12].normal, 0.0, SET[12].calibration)


def test_save_and_load_are_exact(tmp_path: Path) -> None:
    SET.save(tmp_path / "boundaries.safetensors")
    loaded = BoundarySet.load(tmp_path / "boundaries.safetensors")
    assert loaded.generator_id == GENERATOR
    assert loaded.aus == DISFA
    assert np.array_equal(loaded.normals, SET.normals)
    for a, b in zip(loaded.boundaries, SET.boundaries, strict=True):
        assert (a.intercept, a.calibration, dict(a.report)) == (b.intercept, b.calibration, dict(b.report))


def test_a_response_survives_saving_and_stretches_one_au(tmp_path: Path) -> None:
    known = replace(SET[9], response=Response(0.9, 0.7, {"mediapipe": LandmarkResponse(1.1, 0.3, flow=0.2)}))
    BoundarySet((known, SET[12]), GENERATOR).save(tmp_path / "b.safetensors")
    loaded = BoundarySet.load(tmp_path / "b.safetensors")
    assert (loaded[9].response, loaded[12].response) == (known.response, None)
    assert pickle.loads(pickle.dumps(loaded[9].response)) == known.response

    stretched = loaded.stretched({9: 1.25})
    before, after = (s[9].calibration.distance([0.0, 0.2, 0.6, 1.0]) for s in (loaded, stretched))
    assert after - after[0] == pytest.approx(1.25 * (before - before[0]))
    assert after[0] == before[0]
    assert stretched[12].calibration == loaded[12].calibration
    assert stretched[9].response == known.response


@given(st.floats(0.2, 3), st.floats(0, 1), st.floats(-1, 100))
def test_who_shows_more_gets_the_shorter_step(typical: float, trust: float, share: float) -> None:
    response = Response(typical, trust)
    assert response.factor(typical) == pytest.approx(1)
    assert 1 / 1.5 <= response.factor(share) <= 1.5
    assert response.factor(share) >= response.factor(share + 0.1)
    assert Response(typical, 0.0).factor(share) == 1


@given(st.floats(0.2, 3), st.floats(0, 1), st.floats(-1, 100))
def test_landmarks_count_where_they_can_say_and_are_trusted(typical: float, trust: float, seen: float) -> None:
    response = Response(1.0, 0.3, {"dlib": LandmarkResponse(typical, trust, flow=0.2)})
    alone, beside = 1.3**-0.3, 1.3**-0.2
    assert response.factor(1.3) == response.factor(1.3, "dlib") == pytest.approx(alone)
    assert response.factor(1.3, "mediapipe", seen) == pytest.approx(alone)
    assert response.factor(1.3, "dlib", typical) == pytest.approx(beside)
    assert 1 / 1.5 <= response.factor(1.3, "dlib", seen) <= 1.5
    assert response.factor(1.3, "dlib", seen) >= response.factor(1.3, "dlib", seen + 0.1)


@pytest.mark.parametrize("misread", [-0.5, 0.0, 1e-6, 100.0])
def test_who_is_misread_wildly_counts_as_half_or_double(misread: float) -> None:
    far = 2.0 if misread > 1 else 0.5
    response = Response(1.0, 0.2, {"dlib": LandmarkResponse(1.0, 0.2, flow=0.2)})
    assert response.factor(misread) == pytest.approx(response.factor(far))
    assert response.factor(1.0, "dlib", misread) == pytest.approx(response.factor(1.0, "dlib", far))


def test_a_response_tells_something_to_those_it_knows() -> None:
    def tells(trust: float, of_dlib: float, flow: float) -> list[bool]:
        response = Response(1.0, trust, {"dlib": LandmarkResponse(1.0, of_dlib, flow)})
        return [response.tells("dlib"), response.tells("mediapipe")]

    assert tells(0, 0, 0) == [False, False]
    assert tells(0.1, 0, 0) == [True, True]
    assert tells(0, 0.1, 0) == tells(0, 0, 0.1) == [True, False]


def test_boundaries_without_a_word_on_landmarks_are_written_as_before_there_were_any(tmp_path: Path) -> None:
    known = replace(SET[9], response=Response(typical=0.9, trust=0.7))
    BoundarySet((known,), GENERATOR).save(tmp_path / "b.safetensors")
    with safe_open(tmp_path / "b.safetensors", "numpy") as file:
        entry = json.loads(file.metadata()["boundaries"])[0]
    assert entry["response"] == {"typical": 0.9, "trust": 0.7}


def tampered() -> list[tuple[str, object]]:
    """Changes to one entry of a good file, each of which must be refused."""
    return [
        ("au", 45),
        ("au", "twelve"),
        ("au", 1e400),
        ("intercept", "x"),
        ("intercept", 1e400),
        ("intensities", [0, 2]),
        ("intensities", []),
        ("distances", [1, 0, 0, 0]),
        ("distances", [[0]]),
        ("distances", None),
        ("report", []),
        ("response", []),
        ("response", {"typical": 1.0, "trust": 2.0}),
        ("response", {"typical": 0.0, "trust": 1.0}),
        ("response", {"typical": "x", "trust": 1.0}),
        ("response", {"typical": 1.0, "trust": 1.0, "more": 1}),
        ("response", {"typical": 1.0, "trust": 1.0, "landmarks": ["dlib"]}),
        ("response", {"typical": 1.0, "trust": 1.0, "landmarks": {"dlib": {"typical": 1.0, "trust": 1.0}}}),
        ("response", {"typical": 1.0, "trust": 1.0, "landmarks": {"dlib": {"typical": 0.0, "trust": 1, "flow": 0}}}),
        ("response", {"typical": 1.0, "trust": 1.0, "landmarks": {"dlib": {"typical": 1, "trust": "x", "flow": 0}}}),
        ("response", {"typical": 1.0, "trust": 1.0, "landmarks": {"dlib": {"typical": 1, "trust": 0, "flow": 1.1}}}),
        ("extra", 1),
    ]


@pytest.mark.parametrize(("key", "value"), tampered())
def test_tampered_metadata_is_refused(tmp_path: Path, key: str, value: object) -> None:
    path = tmp_path / "b.safetensors"
    SET.save(path)
    entry = {"au": 12, "intercept": 0.0, "intensities": [0, 1], "distances": [0, 1], "report": {}}
    entry[key] = value
    metadata = {"format": "facsmith-boundaries-1", "generator_id": "g", "boundaries": json.dumps([entry])}
    save_file({"normals": SET.normals[:1].reshape(1, NUM_WS, W_DIM)}, path, metadata=metadata)
    with pytest.raises(BoundaryError):
        BoundarySet.load(path)


def test_hostile_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    normals = {"normals": SET.normals.reshape(-1, NUM_WS, W_DIM)}
    good = {"format": "facsmith-boundaries-1", "generator_id": "g"}
    for metadata in (
        None,
        good,
        {**good, "boundaries": "[" * 100_000},
        {**good, "boundaries": "{}"},
        {**good, "boundaries": "[1, 2]"},
        {**good, "boundaries": "[]"},
        {**good, "format": "other"},
    ):
        save_file(normals, path, metadata=metadata)
        with pytest.raises(BoundaryError):
            BoundarySet.load(path)
    for content in (b"", b"\xff" * 100, (1 << 50).to_bytes(8, "little") + b"{}"):
        path.write_bytes(content)
        with pytest.raises(BoundaryError):
            BoundarySet.load(path)
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BoundaryError, match="bytes"):
        BoundarySet.load(path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    good = tmp_path / "good.safetensors"
    if not good.exists():
        make_set((6, 12)).save(good)
    content = bytearray(good.read_bytes())
    content[data.draw(st.integers(0, 1600))] = data.draw(st.integers(0, 255))
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    with contextlib.suppress(BoundaryError):
        BoundarySet.load(bad)


@vectors
def test_published_directions_are_imported() -> None:
    path = VECTORS / "stylegan_ffhq_smile_w_boundary.npy"
    w_avg = np.random.default_rng(0).standard_normal(512)
    smile = import_direction(path, au=12, num_ws=18, w_dim=512, origin=w_avg)
    raw = np.load(path)
    assert np.allclose(smile.normal, np.tile(raw / math.sqrt(18), (18, 1)))
    boundaries = BoundarySet((smile,), "ffhq")
    face = Latent(np.tile(w_avg, (18, 1)), "ffhq")
    assert boundaries.intensities(face) == pytest.approx(0, abs=1e-6)
    # Intensity 1 is InterFaceGAN's step of 3 along its unit direction, in every layer.
    assert np.allclose(boundaries.edit(face, ActionUnits({12: 1})).ws[0] - face.ws, 3 * raw, atol=1e-5)

    puzer = import_direction(VECTORS / "puzer_ffhq_smile.npy", au=12, num_ws=18, w_dim=512, reach=1.5)
    assert np.linalg.norm(puzer.normal) == pytest.approx(1)
    assert puzer.calibration.distances == pytest.approx((0, 1.5 * 3.998377886143592))


@vectors
def test_conditional_directions_equal_the_reference() -> None:
    expected = load_file(VECTORS / "expected.safetensors")
    w = {k: np.load(VECTORS / f"stylegan_ffhq_{k}_w_boundary.npy") for k in ("smile", "pose", "age", "gender")}
    z = {k: np.load(VECTORS / f"stylegan_ffhq_{k}_boundary.npy") for k in ("age", "gender", "age_c_gender")}
    for name, ours in {
        "smile_given_gender": conditional(w["smile"], [w["gender"]]),
        "smile_given_pose_age": conditional(w["smile"], [w["pose"], w["age"]]),
        "smile_given_pose_age_gender": conditional(w["smile"], [w["pose"], w["age"], w["gender"]]),
        "age_given_gender_z": conditional(z["age"], [z["gender"]]),
    }.items():
        assert ours.shape == (1, 512)
        assert np.abs(ours.ravel() - expected[name]).max() < 1e-12
    assert np.abs(conditional(z["age"], [z["gender"]]) - z["age_c_gender"]).max() < 1e-12


def test_conditional_survives_parallel_and_repeated_conditions() -> None:
    rng = np.random.default_rng(0)
    primal, a, b = rng.standard_normal((3, NUM_WS, W_DIM))
    once = conditional(primal, [a, b])
    assert np.allclose(conditional(primal, [a, a, b, -3 * b, a]), once)
    assert abs(np.sum(once * a)) < 1e-12
    assert np.allclose(conditional(primal, []), primal / np.linalg.norm(primal))
    with pytest.raises(BoundaryError, match="explain the whole direction"):
        conditional(a, [2 * a])
    with pytest.raises(BoundaryError, match="explain the whole direction"):
        conditional(np.zeros(3), [])
    with pytest.raises(BoundaryError, match="shapes"):
        conditional(a, [np.zeros(3)])
    with pytest.raises(BoundaryError, match="NaN"):
        conditional(a, [np.full_like(a, math.nan)])


def test_direction_files_of_a_wrong_kind(tmp_path: Path) -> None:
    path = tmp_path / "d.npy"
    for bad in (
        np.zeros((1, 8)),
        np.full((1, 8), math.nan),
        np.full((1, 8), 1e300),
        np.ones((2, 8)),
        np.ones((1, 9)),
        np.array(["a"] * 8),
    ):
        np.save(path, bad)
        with pytest.raises(BoundaryError):
            read_direction(path, num_ws=4, w_dim=8)
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(BoundaryError):
        read_direction(path, num_ws=4, w_dim=8)
    np.save(path, np.ones(8))
    assert read_direction(path, num_ws=4, w_dim=8).shape == (4, 8)
    with pytest.raises(BoundaryError, match="reach"):
        import_direction(path, au=12, num_ws=4, w_dim=8, reach=0)
