"""A model from a checkpoint: every stage leaves what the next one and a later run need."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from checkpoint_forge import ada_pickle, images, rosinality_state
from typer.testing import CliRunner

from facsmith import image
from facsmith.__main__ import app, main
from facsmith._arrays import write_tensors
from facsmith.batch import Here, OnRay, RayOptions
from facsmith.bundle import DEFAULT_BUNDLE, FILES, bundle_folder, load_bundle, parts_folder
from facsmith.checkpoint import load_generator, save_generator
from facsmith.descriptor import NAMED, BundledDescriptor, DescriptorConfig, keep_descriptor, load_descriptor
from facsmith.errors import BoundaryError, CheckpointError, InputError, ModelUnavailableError
from facsmith.facs import DISFA
from facsmith.framing import PRESETS
from facsmith.generator import StyleGAN2, StyleGAN2Config
from facsmith.lab.build import BuildOptions, build_model, check_stage, estimate
from facsmith.lab.build.bench import Bench
from facsmith.lab.build.candidate_moves import candidate_moves, ranked
from facsmith.lab.build.card import verdict
from facsmith.lab.build.networks import BuildNetworks
from facsmith.lab.build.options import FEWEST_FACES, SHARES, STAGES
from facsmith.lab.build.record import Record
from facsmith.lab.build.search_stage import rounds
from facsmith.lab.build.stages import WORK
from facsmith.lab.evaluate.check import Check, Reading, Thresholds, rows_of
from facsmith.lab.fit.collect_codes import collect
from facsmith.lab.fit.encoding import encoding
from facsmith.lab.fit.encoding_job import CodesJob
from facsmith.lab.fit.estimate_framing import estimate_framing
from facsmith.lab.fit.moves import shown_by
from facsmith.lab.fit.own_faces import own_faces
from facsmith.lab.fit.search_known import SearchOptions, search_moves, w_spread
from facsmith.lab.fit.sources import open_source


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    config = StyleGAN2Config(16, z_dim=8, w_dim=8, mapping_layers=1, channel_base=64, channel_max=4)
    return StyleGAN2(config).eval()


@pytest.fixture(scope="module")
def checkpoint(network, tmp_path_factory):
    """Random weights in rosinality's layout: no face is in its pictures, and every stage runs."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.save({"g_ema": rosinality_state(network), "latent_avg": network.w_avg}, folder / "random.pt")
    small = DescriptorConfig(resolution=32, widths=(4, 4), convs=(1, 1), squeeze=4)
    BundledDescriptor(small).save(folder / "descriptor.safetensors")
    return folder / "random.pt"


def options(checkpoint, **changed: Any) -> BuildOptions:
    given: dict[str, Any] = {
        "minutes": 0.02,
        "framing": "ffhq",
        "descriptor": str(checkpoint.parent / "descriptor.safetensors"),
        "faces": 3,
        "photos": 1,
        "provider": "dlib",
    }
    return BuildOptions(**{**given, **changed})


class KilledError(Exception):
    """As a process is."""


@pytest.fixture(scope="module")
def built(checkpoint, tmp_path_factory):
    """Killed once in every stage that takes time; and the stages that each run began with."""
    folder, begun = tmp_path_factory.mktemp("models") / "mine", []
    data: Any = skimage.data
    photos = [("astronaut", data.astronaut())]
    for stage in ("search", "encoder", "boundaries"):
        first: list[str] = []

        def progress(
            name: str, done: int, total: int, left: float, stage: str = stage, first: list[str] = first
        ) -> None:
            first.append(name)
            assert left >= 0
            if name == stage and (done > 0 or stage == "boundaries"):
                raise KilledError

        with pytest.raises(KilledError):
            build_model(checkpoint, folder, options(checkpoint), photos=photos, progress=progress)
        begun.append(first[0])
    made = build_model(checkpoint, folder, options(checkpoint), photos=photos)
    return made, begun


@pytest.mark.slow
def test_a_build_goes_on_where_it_was_killed(built):
    made, begun = built
    assert list(made.stages) == list(STAGES)
    order = [STAGES.index(stage) for stage in begun]
    assert order == sorted(order) and begun[0] == "read" and begun[-1] in ("encoder", "samples")
    assert len([*(made.folder / "build" / "moves").glob("*.safetensors")]) == 3


@pytest.mark.slow
def test_what_was_built_is_a_model_that_says_what_it_is(built):
    made, _ = built
    bundle = load_bundle(made.folder)
    assert bundle.framing == PRESETS["ffhq"]
    assert "does not say" in bundle.card["licence"] and bundle.card["framing"]["formula"] == "ffhq"
    assert bundle.card["generator"]["format"] == "rosinality StyleGAN2 checkpoint"
    assert {*bundle.card["shown_by_the_generator"]} == {f"AU{au}" for au in DISFA}
    left = {int(au[2:]) for au in bundle.card["left_to_muscles"]}
    assert left | set(bundle.boundaries.aus) == set(DISFA) and not left & set(bundle.boundaries.aus)
    assert bundle.card["check"]["photos"] == 1


@pytest.mark.slow
def test_the_verdict_is_plain_about_a_network_of_noise(built):
    made, _ = built
    assert "landmarker" in made.stages["framing"]["note"]
    assert "12 of 12" not in made.verdict.split("The generator itself")[1]
    assert "moved by the muscles" in made.verdict or "The generator itself shows 12" in made.verdict


@pytest.mark.slow
def test_boundaries_can_be_fitted_before_there_are_any(built, tmp_path, capsys):
    made, _ = built
    folder = tmp_path / "half-made"
    folder.mkdir()
    for name in ("generator", "descriptor", "encoder"):
        (folder / f"{name}.safetensors").write_bytes((made.folder / f"{name}.safetensors").read_bytes())
    assert parts_folder(folder) == folder
    random = np.random.default_rng(0)
    au = np.tile(np.vstack([np.zeros(12), np.eye(12)]), (9, 1)).astype(np.float32)
    shape = (6, 8)
    ws = np.einsum("nk,kld->nld", au, random.normal(size=(12, *shape))) + 0.01 * random.normal(size=(len(au), *shape))
    (tmp_path / "codes").mkdir()
    np.save(tmp_path / "codes" / "ws.npy", ws.astype(np.float32))
    np.save(tmp_path / "codes" / "au.npy", au)
    np.save(tmp_path / "codes" / "people.npy", np.repeat(np.arange(9), 13))
    out = tmp_path / "b.safetensors"
    assert main(["boundaries", "fit", str(tmp_path / "codes"), "--model", str(folder), "-o", str(out)]) == 0, capsys
    assert out.is_file()
    with pytest.raises(ModelUnavailableError):
        parts_folder(tmp_path / "nowhere")


@pytest.mark.slow
def test_another_build_in_the_same_folder_is_refused(built, checkpoint):
    made, _ = built
    with pytest.raises(InputError, match="seed"):
        build_model(checkpoint, made.folder, options(checkpoint, seed=7))


def test_a_network_that_draws_no_faces_needs_a_framing(checkpoint, tmp_path):
    with pytest.raises(InputError, match="--framing"):
        build_model(checkpoint, tmp_path / "m", options(checkpoint, framing=None))


def test_the_shares_are_the_whole():
    assert sum(SHARES.values()) == pytest.approx(1) and SHARES.keys() <= {*STAGES}


@pytest.mark.parametrize(
    "wrong", [{"minutes": 0}, {"minutes": float("nan")}, {"psi": 0}, {"framing": "square"}, {"batch": 0}, {"faces": 2}]
)
def test_options_are_checked_at_once(wrong):
    with pytest.raises(InputError):
        BuildOptions(**wrong)


def test_a_damaged_record_is_named(tmp_path):
    for text in ("{", "[]", '{"identity": 3}', "[" * 200_000):
        (tmp_path / "build.json").write_text(text)
        with pytest.raises(InputError, match="damaged"):
            Record(tmp_path, {})


def test_an_estimate_grows_with_the_minutes_and_memory_with_the_batch(network):
    short, long = (estimate(network, BuildOptions(minutes=m, faces=10_000)) for m in (1, 100))
    assert long.faces >= short.faces and long.steps > short.steps
    assert estimate(network, BuildOptions(minutes=1e-6)).faces == FEWEST_FACES
    small, large = (estimate(network, BuildOptions(batch=b)).gigabytes for b in (1, 4000))
    assert large > small


def test_a_dry_run_writes_nothing(checkpoint, tmp_path):
    found = CliRunner().invoke(app, ["models", "build", str(checkpoint), "-o", str(tmp_path / "m"), "--dry-run"])
    assert found.exit_code == 0, found.output
    assert "encoder" in found.output and not (tmp_path / "m").exists()
    found = CliRunner().invoke(
        app, ["models", "build", str(checkpoint), "-o", str(tmp_path / "m"), "--dry-run", "--json"]
    )
    assert json.loads(found.stdout)["side"] == 16


def test_descriptors_with_a_name_are_kept_by_it(tmp_path):
    path = tmp_path / "descriptor.safetensors"
    try:
        keep_descriptor("efficientnet-lite0", path)
    except ModelUnavailableError as error:
        pytest.skip(str(error))
    assert path.stat().st_size < 1000 and load_descriptor(path).name == "efficientnet-lite0"
    assert "vgg16" in NAMED


def test_a_descriptors_file_names_no_others(tmp_path):
    from facsmith._weights import save_weights

    path = tmp_path / "descriptor.safetensors"
    for named in ("/etc/passwd", 7, ["vgg16"]):
        save_weights(path, {"named": torch.zeros(1)}, kind="descriptor", config={"named": named})
        with pytest.raises(CheckpointError, match="not known"):
            load_descriptor(path)


def test_a_verdict_names_what_fails_and_what_is_left_to_muscles():
    done = {
        "boundaries": {
            "latent": ["AU12", "AU26"],
            "weak": {},
            "muscles": {"AU9": "shows 20 % of what the muscles move"},
        },
        "check": {"photos": 10, "portraits": True, "passed": ["AU12"] * 11, "failed": ["AU4"]},
        "encoder": {"note": "The encoder had time for 5 steps."},
    }
    said = verdict(done)
    assert "time for 5 steps" in said
    assert "11 of 12 AUs on 10 portraits" in said and "AU4 fails" in said and "AU9 shows 20 %" in said


@pytest.fixture(scope="module")
def stranger():
    """A StyleGAN2 that was trained in FFHQ's framing, and says nothing about it."""
    return load_generator(Path(__file__).parent / "stranger128.safetensors")


def test_a_strangers_framing_is_read_from_its_faces(stranger):
    assert stranger.framing is None
    faces = [face.landmarks for face in own_faces(stranger, 5, provider="dlib")]
    found = estimate_framing(faces, stranger.resolution)
    assert found.framing in (PRESETS["ffhq"], PRESETS["celebahq"])
    assert found.misses["ffhq"] < 0.06 < 0.2 < found.misses["facsmith"]


def test_a_strangers_moves_are_found_from_its_known_codes(stranger):
    """A smile that one face's search finds shows on another, and nothing else does."""
    one, other = own_faces(stranger, 2, first=30, provider="dlib")
    descriptor = load_descriptor(bundle_folder(DEFAULT_BUNDLE) / FILES[1])
    options = SearchOptions(steps=12)
    found = search_moves(one, stranger, descriptor, aus=(12,), sigma=w_spread(stranger), options=options)
    assert found.left[0] < 0.9 * found.begun[0]
    (shown,) = shown_by(found.moves, (12,), [other], stranger)
    assert shown.share > 0.5 and shown.leak < 0.06


def make_bench(checkpoint, folder: Path, *, runner: Any = None, **changed: Any) -> Bench:
    """As far as the descriptor; with time for everything."""
    (folder / "build").mkdir(parents=True)
    chosen = options(checkpoint, minutes=1000, **changed)
    bench = Bench(folder, str(checkpoint), chosen, Record(folder / "build", {}), runner=runner or Here())
    for stage in ("read", "framing", "descriptor"):
        bench.record.finish(stage, WORK[stage](bench), seconds=0, cpu=0)
    return bench


@pytest.mark.parametrize("layout", ["nvidia", "rosinality", "facsmith"])
def test_a_build_begins_with_the_same_network_whatever_its_layout(layout, network, checkpoint, tmp_path):
    file = {"nvidia": tmp_path / "random.pkl", "facsmith": tmp_path / "random.safetensors"}.get(layout, checkpoint)
    if layout == "nvidia":
        file.write_bytes(ada_pickle(network))
    if layout == "facsmith":
        save_generator(network, file, metadata={"licence": "none"})
    descriptor = str(checkpoint.parent / "descriptor.safetensors")
    bench = make_bench(file, tmp_path / "m", descriptor=descriptor)
    torch.testing.assert_close(images(bench.networks.generator), images(network), atol=1e-5, rtol=0)
    assert bench.record["read"]["metadata"].get("licence") == ("none" if layout == "facsmith" else None)
    assert bench.networks.generator.framing == PRESETS["ffhq"]


def test_what_is_left_is_told_of_a_stage_that_takes_longer_than_planned(checkpoint, tmp_path):
    told: list[float] = []
    bench = Bench(
        tmp_path, str(checkpoint), options(checkpoint, minutes=1e-6), Record(tmp_path, {}), lambda *a: told.append(a[3])
    )
    bench._began -= 100
    bench.tell("check", 2, 10)
    assert told[0] == pytest.approx(400, rel=0.05)


def test_rounds_double():
    assert [*rounds(64, 4)] == [(0, 4), (4, 8), (8, 16), (16, 32), (32, 64)]
    assert [*rounds(3, 4)] == [(0, 3)]


@pytest.mark.slow
def test_workers_search_what_one_process_searches(checkpoint, tmp_path, ray):
    """Six faces: the last two begin at the mean of the first four."""
    found = []
    for name, runner in (("alone", None), ("ray", OnRay(RayOptions(workers=2, threads=torch.get_num_threads())))):
        bench = make_bench(checkpoint, tmp_path / name, runner=runner, faces=6)
        report = WORK["search"](bench)
        assert report["faces"] == 6
        files = sorted((tmp_path / name / "build" / "moves").glob("*.safetensors"))
        assert len(files) == 6
        found.append([report["explained"], *(file.read_bytes() for file in files)])
    assert found[0] == found[1]


@pytest.mark.slow
def test_workers_measure_and_encode_what_one_process_does(tmp_path, ray):
    """Samples, and a portrait coded by hand."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in FILES[:3]:
        shutil.copy(bundle_folder(DEFAULT_BUNDLE) / name, folder / name)
    data: Any = skimage.data
    image.write(tmp_path / "her.png", data.astronaut()[:256, 100:356])
    (tmp_path / "pairs.csv").write_text("peak,neutral,facs\nher.png,her.png,12d+25\n")
    networks = BuildNetworks(folder)
    for source in ("samples:20", f"pairs:{tmp_path / 'pairs.csv'}"):
        made = []
        job = CodesJob(
            source,
            *(str(folder / name) for name in FILES[:3]),
            provider="dlib",
            threads=torch.get_num_threads(),
            reduced=True,
        )
        for runner in (None, OnRay(RayOptions(workers=2, threads=torch.get_num_threads(), chunk=1))):
            place = tmp_path / f"{source[:5]}-{runner is None}"
            codes = collect(
                open_source(source, networks.small, provider="dlib"),
                place,
                networks.small,
                encoding(networks.small, networks.descriptor, networks.encoder),
                name=source,
                provider="dlib",
                job=job,
                runner=runner,
            )
            assert len(codes.ws) >= 2
            made.append([path.read_bytes() for path in sorted(place.glob("*.safetensors"))])
        assert made[0] == made[1]


def test_what_nearly_all_natural_faces_show_a_little_is_told_by_rank():
    au = np.zeros((100, 12))
    smile, brow, jaw = (DISFA.index(k) for k in (12, 1, 26))
    au[:, smile] = np.linspace(0.2, 0.35, 100)
    au[:20, brow], au[20:30, jaw] = 0.6, 0.2
    labels = ranked(au)
    assert (labels[:25, smile] == 0).all() and (labels[-25:, smile] == 1).all()
    assert ((labels[30:70, smile] > 0) & (labels[30:70, smile] < 0.4)).all()
    rest = [k for k in range(12) if k != smile]
    assert (labels[:, rest] == au[:, rest]).all()


def test_every_portrait_is_checked_and_those_without_a_face_are_named(tmp_path, monkeypatch):
    """More than are checked of the generator's own faces; the films themselves are not made here."""
    shutil.copytree(bundle_folder(DEFAULT_BUNDLE), tmp_path / "model")
    (tmp_path / "model" / "build").mkdir()
    really = check_stage.run_check

    def filmed(render: Any, pictures: Any, *, provider: str) -> Check:
        ((name, picture),) = pictures
        if not picture.any():
            return really(render, pictures, provider=provider)
        four = (0.25, 0.5, 0.75, 1.0)
        readings = tuple(Reading(name, au, four, 1.0, four, 0.0, 0.0, 0.0, (0.0,) * 12) for au in DISFA)
        return Check(Thresholds(), rows_of(readings, DISFA, Thresholds()), readings, {}, (provider,))

    def bench(seen: list[int]) -> Bench:
        photos = [(f"{n}.jpg", np.full((64, 64, 3), n in seen, np.uint8)) for n in range(13)]
        record = Record(tmp_path, {})
        return Bench(tmp_path / "model", "", BuildOptions(provider="dlib"), record, photos=photos)

    monkeypatch.setattr(check_stage, "run_check", filmed)
    report = check_stage.check(bench([n for n in range(13) if n != 4]))
    assert report["photos"] == 12 and len(report["passed"]) == 12
    assert report["note"].startswith("Not checked: 4.jpg: No face was found")
    written = json.loads((tmp_path / "model" / "build" / "check.json").read_text())
    assert [*written["skipped"]] == ["4.jpg"] and written["rows"][0]["photos"] == 12
    assert "note" not in check_stage.check(bench([*range(13)]))
    with pytest.raises(BoundaryError, match=r"0\.jpg: No face .* 12\.jpg: No face"):
        check_stage.check(bench([]))


def test_aus_that_codes_cannot_tell_are_named(network, tmp_path):
    """Of coded faces whose codes show AU12, and nothing of AU4."""
    save_generator(network, tmp_path / FILES[0], metadata={})
    bench = Bench(tmp_path, "", BuildOptions(), Record(tmp_path, {}))
    (bench.work / "moves").mkdir(parents=True)
    random = np.random.default_rng(0)
    moves = random.normal(size=(12, *bench.networks.small.w_avg.expand(6, -1).shape)).astype(np.float32)
    for seed in range(9):
        notes = {"search": json.dumps({"begun": [1.0] * 12, "left": [0.0] * 12})}
        people = random.normal(size=moves.shape[1:]).astype(np.float32)
        write_tensors(bench.work / "moves" / f"{seed}.safetensors", {"ws": people, "moves": moves}, notes)
    coded = bench.work / "source-codes"
    coded.mkdir()
    frown, smile = np.eye(12)[[DISFA.index(4), DISFA.index(12)]]
    au = np.tile([0 * smile, frown, smile, frown + smile], (12, 1))
    ws = au[:, DISFA.index(12), None, None] * moves[DISFA.index(12)]
    for name, values in (("ws", ws), ("au", au), ("people", np.repeat(np.arange(12), 4))):
        np.save(coded / f"{name}.npy", values.astype(np.float32))
    ways, notes = candidate_moves(bench)
    assert {*ways["search"]} == {*ways["search by SVM"]} == {*DISFA} and {*ways["source"]} == {12}
    assert notes.keys() == {"source"}
    assert "AU4, which cannot be told" in notes["source"] and "AU26, as too few faces" in notes["source"]
