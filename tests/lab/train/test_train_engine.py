"""The engine: it resumes to the step, trains in a team, begins from another run, takes photographs alone for real."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sketches import TinyFeatures, sketch

from facsmith.errors import CheckpointError, InputError
from facsmith.lab.train.data import DataOptions, build_dataset
from facsmith.lab.train.distributed import Team
from facsmith.lab.train.faces import Faces
from facsmith.lab.train.generator import GeneratorOptions, train_generator
from facsmith.lab.train.generator_run import GeneratorRun
from facsmith.lab.train.reuse_codes import known_in
from facsmith.lab.train.start import keep
from facsmith.lab.train.views import whole_face

pytestmark = pytest.mark.slow

OPTIONS = GeneratorOptions(
    resolution=16,
    w_dim=6,
    channel_base=256,
    channel_max=16,
    steps=10,
    grow=((8, 24),),
    batch=4,
    log_every=1,
    samples=0,
)
FEATURES = TinyFeatures()
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = DataOptions(resolution=32, variants=3, held_out=0.2, codes=6, workers=1)
    return build_dataset([sketch(seed) for seed in range(8)], tmp_path_factory.mktemp("faces"), options)


def losses(folder: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "minutes"} for row in rows if "loss" in row]


def test_an_interrupted_run_goes_on_with_the_losses_it_would_have_had(dataset: Path, tmp_path: Path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_generator(dataset, whole, OPTIONS, features=FEATURES)

    def press_ctrl_c(row: dict[str, float]) -> None:
        if row["step"] == 6 and "loss" in row:
            signal.raise_signal(signal.SIGINT)

    train_generator(dataset, parts, OPTIONS, progress=press_ctrl_c, features=FEATURES)
    assert [row["step"] for row in losses(parts)] == list(range(1, 7))
    train_generator(dataset, parts, OPTIONS, features=FEATURES)
    assert losses(parts) == losses(whole)
    assert {"fool", "match", "critic"} <= losses(whole)[-1].keys()
    assert "critic" not in losses(whole)[0]  # it has grown
    one, other = load_file(whole / "state.safetensors"), load_file(parts / "state.safetensors")
    assert all(torch.equal(one[name], other[name]) for name in one)


TEAM = """
import sys
from pathlib import Path
import torch
from test_train_engine import FEATURES, OPTIONS
from dataclasses import replace
from facsmith.lab.train import generator

snapshot = generator._snapshot
def shown(root, run, looks, progress):
    snapshot(root, run, looks, progress)
    parts = (run.generator, run.latents, run.critic)
    torch.save([part.state_dict() for part in parts], root / f"rank{run.team.rank}.pt")
generator._snapshot = shown
generator.train_generator(sys.argv[1], sys.argv[2], replace(OPTIONS, accumulate=2), features=FEATURES)
"""


@pytest.mark.slow
def test_two_processes_train_one_network(dataset: Path, tmp_path: Path):
    (tmp_path / "team.py").write_text(TEAM)
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), *sys.path])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    out = tmp_path / "run"
    done = subprocess.run(
        [*command, str(tmp_path / "team.py"), str(dataset), str(out)],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, other = (torch.load(out / f"rank{rank}.pt") for rank in (0, 1))
    for a, b in zip(one, other, strict=True):
        for name in a:
            if not name.endswith(("mapping.w_avg", "._u", "._v")):  # what each process sees of its own
                assert torch.equal(a[name], b[name]), name
    assert one[1]["delta.weight"].abs().amax(dim=1).min() > 0  # both shares of the photos were trained
    images = [row["images"] for row in losses(out)]
    assert images == sorted(set(images))  # one process writes
    assert images[-1] - images[-2] == (2 * OPTIONS.batch) * 2 * 2  # small pictures, two parts, two processes


def test_a_run_begins_from_another_s_essence(dataset: Path, tmp_path: Path):
    train_generator(dataset, tmp_path / "old", replace(OPTIONS, steps=4), features=FEATURES)
    old = load_file(tmp_path / "old/state.safetensors")
    slim = keep(tmp_path / "old/state.safetensors", tmp_path / "slim.safetensors")
    full = keep(tmp_path / "old/state.safetensors", tmp_path / "full.safetensors", corrections=True)
    assert slim.stat().st_size < full.stat().st_size < 0.5 * (tmp_path / "old/state.safetensors").stat().st_size
    for name, file in (("a", slim), ("b", full)):
        # One step of no learning rate (it warms up from 0): what is saved is what was begun from.
        train_generator(dataset, tmp_path / name, replace(OPTIONS, steps=1), start=file, features=FEATURES)
        new = load_file(tmp_path / name / "state.safetensors")
        head = next(part for part in old if part.startswith("critic/face.heads.0") and part.endswith("original"))
        for part in ("average/synthesis.b4.conv1.weight", head, "latents/raw"):
            torch.testing.assert_close(new[part], old[part], atol=2e-3, rtol=1e-3)
        kept = old["average/synthesis.b4.conv1.weight"]
        torch.testing.assert_close(new["generator/synthesis.b4.conv1.weight"], kept, atol=2e-3, rtol=1e-3)
        wanted = old["latents/delta.weight"] if name == "b" else torch.zeros_like(old["latents/delta.weight"])
        torch.testing.assert_close(new["latents/delta.weight"], wanted, atol=float(wanted.abs().max()) / 100, rtol=0)
    with pytest.raises(CheckpointError, match="other sizes"):
        train_generator(dataset, tmp_path / "c", replace(OPTIONS, channel_max=8), start=slim, features=FEATURES)
    with pytest.raises(InputError, match="no state of"):
        keep(slim, tmp_path / "again.safetensors")


def test_a_data_set_in_memory_gives_the_batches_of_one_on_disk(dataset: Path):
    disk, memory = Faces(dataset, code_size=6), Faces(dataset, code_size=6, resident=CPU)
    for random in (3, 4):
        a, b = (faces.batch(np.random.default_rng(random), 6, 16, CPU) for faces in (disk, memory))
        for name in ("images", "inside", "au", "codes", "photos"):
            torch.testing.assert_close(getattr(a, name), getattr(b, name))
    shares = [Faces(dataset, code_size=6, share=(rank, 2)).own for rank in (0, 1)]
    assert sorted(np.concatenate(shares)) == list(range(len(disk.photos)))
    with pytest.raises(InputError, match="too few"):
        Faces(dataset, code_size=6, share=(99, 100))


def test_a_diverged_run_stops_and_keeps_its_last_state(dataset: Path, tmp_path: Path):
    train_generator(dataset, tmp_path, replace(OPTIONS, steps=2), features=FEATURES)
    good = (tmp_path / "state.safetensors").read_bytes()
    with pytest.raises(InputError, match="diverged"):
        train_generator(dataset, tmp_path, replace(OPTIONS, steps=400, learning_rate=1e8), features=FEATURES)
    assert (tmp_path / "state.safetensors").read_bytes() == good


def test_half_precision_trains_as_well(dataset: Path, tmp_path: Path):
    for name, half in (("half", True), ("full", False)):
        train_generator(dataset, tmp_path / name, replace(OPTIONS, steps=6, half=half), features=FEATURES)
    half, full = losses(tmp_path / "half"), losses(tmp_path / "full")
    assert half != full
    assert [row["loss"] for row in half] == pytest.approx([row["loss"] for row in full], rel=0.05)


def test_discriminators_take_photographs_alone_for_real(dataset: Path, tmp_path: Path):
    seen: list[torch.Tensor] = []

    class Watched(TinyFeatures):
        def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
            if not torch.is_grad_enabled():
                seen.append(images)
            return super().forward(images)

    options = replace(OPTIONS, grow=(), steps=1)
    run = GeneratorRun(Faces(dataset, code_size=6), tmp_path, options, Team(0, 1, CPU), Watched())
    judged: list[int] = []
    run.shared_judge.register_forward_pre_hook(
        lambda _, given: judged.extend(len(shown.photographs[0]) for shown in given[0].values())
    )
    run.train_step()
    assert judged == [8, 8]  # of four people and four more; the four warped pictures are matched, not believed
    images = np.load(dataset / "images.npy")
    photographs = torch.tensor(images[:, 0]).permute(0, 3, 1, 2).float() / 127.5 - 1
    inside = torch.tensor(np.load(dataset / "inside.npy"))[:, None].float() / 255
    pool = torch.nn.functional.adaptive_avg_pool2d
    known = whole_face(pool(photographs, 16) * pool(inside, 16))
    shown = seen[0]
    nearest = torch.cdist(shown.flatten(1), known.flatten(1)).amin(dim=1)
    assert len(shown) == 12
    assert nearest[[0, 2, 4, 6, 8, 9, 10, 11]].max() < 1e-3 < nearest[[1, 3, 5, 7]].max()


def test_soft_photos_are_drawn_but_never_taken_for_real(tmp_path: Path):
    photos = [replace(sketch(seed), soft=seed >= 8) for seed in range(16)]
    options = DataOptions(resolution=32, variants=2, held_out=0.2, codes=6, workers=1)
    faces = Faces(build_dataset(photos, tmp_path / "data", options), code_size=6)
    random = np.random.default_rng(0)
    batch = faces.batch(random, 200, 16, CPU)
    soft = batch.photos.numpy() >= (~np.load(tmp_path / "data/attributes.npz")["held_out"][:8]).sum()
    assert soft.any() and not soft.all()
    assert (batch.photographed.numpy()[::2] == ~soft[::2]).all()  # the first of each pair is as it was photographed
    pool = torch.nn.functional.adaptive_avg_pool2d
    sharp = torch.tensor(np.load(tmp_path / "data/images.npy")[:8, 0]).permute(0, 3, 1, 2).float() / 127.5 - 1
    shown = faces.photographs(random, 50, 16, CPU)[0]
    assert float(torch.cdist(shown.flatten(1), pool(sharp, 16).flatten(1)).amin(dim=1).max()) < 0.1
    assert len(faces.photographed(99, held_out=False)) == len(faces.photos) - 8

    train_generator(tmp_path / "data", tmp_path / "run", replace(OPTIONS, grow=(), steps=2), features=FEATURES)
    with pytest.raises(InputError, match="not soft; got 0"):
        build_dataset([replace(p, soft=True) for p in photos], tmp_path / "soft", options)


def test_a_run_begins_with_the_corrections_of_the_photos_that_were_there_before(dataset: Path, tmp_path: Path):
    train_generator(dataset, tmp_path / "old", replace(OPTIONS, steps=4), features=FEATURES)
    known = load_file(tmp_path / "old/state.safetensors")["latents/delta.weight"]
    photos = [*known_in(dataset, [sketch(seed) for seed in range(8)]), *(replace(sketch(k), soft=True) for k in (8, 9))]
    options = DataOptions(resolution=32, variants=3, codes=6, workers=1)
    more = build_dataset(photos, tmp_path / "more", options, codes_of=dataset)
    start = tmp_path / "old/state.safetensors"
    train_generator(more, tmp_path / "new", replace(OPTIONS, steps=1), start=start, features=FEATURES)
    found = load_file(tmp_path / "new/state.safetensors")["latents/delta.weight"]
    assert len(found) == len(known) + 2
    torch.testing.assert_close(found[:-2], known)
    assert not found[-2:].any()


def test_people_are_drawn_by_their_groups_chances(tmp_path: Path):
    photos = [replace(sketch(seed), group="many" if seed < 9 else "few") for seed in range(12)]
    options = DataOptions(resolution=16, variants=1, held_out=0.1, codes=4, workers=1)
    root = build_dataset(photos, tmp_path, options)
    groups = np.load(root / "attributes.npz")["group"]
    share: list[float] = []
    for balance in (0.0, 0.5, 1.0):
        faces = Faces(root, code_size=4, balance=balance)
        batch = faces.batch(np.random.default_rng(0), 2000, 16, CPU)
        assert bool(batch.photographed.all())
        assert not batch.moved.any()
        share.append(float((groups[faces.photos[batch.photos.numpy()]] == "few").mean()))
    few = float((groups[faces.photos] == "few").mean())
    assert share[0] == pytest.approx(few, abs=0.04)
    assert share[0] < share[1] < share[2] == pytest.approx(0.5, abs=0.04)


def test_a_run_goes_on_with_other_variants_of_the_same_photos(dataset: Path, tmp_path: Path):
    alone = build_dataset(
        [sketch(seed) for seed in range(8)],
        tmp_path / "alone",
        DataOptions(resolution=32, variants=1, held_out=0.2, codes=6, workers=1),
    )
    np.testing.assert_allclose(np.load(alone / "codes.npy"), np.load(dataset / "codes.npy"), atol=1e-4)
    train_generator(alone, tmp_path / "run", replace(OPTIONS, steps=3), features=FEATURES)
    before = load_file(tmp_path / "run/state.safetensors")["latents/delta.weight"]
    train_generator(dataset, tmp_path / "run", replace(OPTIONS, steps=4), features=FEATURES)
    after = load_file(tmp_path / "run/state.safetensors")["latents/delta.weight"]
    assert before.shape == after.shape
    assert [row["step"] for row in losses(tmp_path / "run")] == [1, 2, 3, 4]
