"""The engine: it resumes to the step, trains in a team, begins from another run, augments adaptively, and survives what
makes second derivatives infinite."""

import json
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sketches import sketch

from facsmith.errors import CheckpointError, InputError
from facsmith.train.augment import Augmenter, draw_augmentation
from facsmith.train.data import DataOptions, build_dataset
from facsmith.train.discriminator import Discriminator, gradient_penalty
from facsmith.train.faces import Faces
from facsmith.train.generator import AdversaryOptions, GeneratorOptions, train_generator
from facsmith.train.start import keep

OPTIONS = GeneratorOptions(
    resolution=16,
    w_dim=6,
    channel_base=256,
    channel_max=16,
    steps=10,
    grow=((8, 0.3),),
    batch=4,
    log_every=1,
    samples=0,
    adversary=AdversaryOptions(begin=0.3, path_every=2, r1_every=2, augment_images=100),
)
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
    train_generator(dataset, whole, OPTIONS)

    def press_ctrl_c(row: dict[str, float]) -> None:
        if row["step"] == 6 and "loss" in row:
            signal.raise_signal(signal.SIGINT)

    train_generator(dataset, parts, OPTIONS, progress=press_ctrl_c)
    assert [row["step"] for row in losses(parts)] == list(range(1, 7))
    train_generator(dataset, parts, OPTIONS)
    assert losses(parts) == losses(whole)
    assert losses(whole)[-1]["augment"] > 0
    assert {"fool", "path", "critic"} <= losses(whole)[-2].keys()
    one, other = load_file(whole / "state.safetensors"), load_file(parts / "state.safetensors")
    assert all(torch.equal(one[name], other[name]) for name in one)


TEAM = """
import sys
from pathlib import Path
import torch
from test_train_engine import OPTIONS
from dataclasses import replace
from facsmith.train import generator

snapshot = generator._snapshot
def shown(root, run, looks, progress):
    snapshot(root, run, looks, progress)
    parts = (run.generator, run.latents, run.critic, run.augmenter, run.paths)
    torch.save([part.state_dict() for part in parts], root / f"rank{run.team.rank}.pt")
generator._snapshot = shown
generator.train_generator(sys.argv[1], sys.argv[2], replace(OPTIONS, accumulate=2))
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
            if name not in ("mapping.w_avg", "signs", "count"):  # what each process sees of its own
                assert torch.equal(a[name], b[name]), name
    assert one[1]["delta.weight"].abs().amax(dim=1).min() > 0  # both shares of the photos were trained
    images = [row["images"] for row in losses(out)]
    assert images == sorted(set(images))  # one process writes
    assert images[-1] - images[-2] == (2 * OPTIONS.batch) * 2 * 2  # small pictures, two parts, two processes


def test_a_run_begins_from_another_s_essence(dataset: Path, tmp_path: Path):
    train_generator(dataset, tmp_path / "old", replace(OPTIONS, steps=4))
    old = load_file(tmp_path / "old/state.safetensors")
    slim = keep(tmp_path / "old/state.safetensors", tmp_path / "slim.safetensors")
    full = keep(tmp_path / "old/state.safetensors", tmp_path / "full.safetensors", corrections=True)
    assert slim.stat().st_size < full.stat().st_size < 0.5 * (tmp_path / "old/state.safetensors").stat().st_size
    for name, file in (("a", slim), ("b", full)):
        # One step of no learning rate (it warms up from 0): what is saved is what was begun from.
        train_generator(dataset, tmp_path / name, replace(OPTIONS, steps=1), start=file)
        new = load_file(tmp_path / name / "state.safetensors")
        for part in ("generator/synthesis.b4.conv1.weight", "critic/head0.weight", "latents/raw"):
            torch.testing.assert_close(new[part], old[part], atol=2e-3, rtol=1e-3)
        wanted = old["latents/delta.weight"] if name == "b" else torch.zeros_like(old["latents/delta.weight"])
        torch.testing.assert_close(new["latents/delta.weight"], wanted, atol=float(wanted.abs().max()) / 100, rtol=0)
    with pytest.raises(CheckpointError, match="other sizes"):
        train_generator(dataset, tmp_path / "c", replace(OPTIONS, channel_max=8), start=slim)
    with pytest.raises(InputError, match="no state of"):
        keep(slim, tmp_path / "again.safetensors")


def test_the_training_state_in_the_repository_is_that_of_the_bundled_model(dataset: Path, tmp_path: Path):
    state = Path(__file__).parents[2] / "training/face128-state.safetensors"
    from facsmith import Animator
    from facsmith.generator import StyleGAN2, StyleGAN2Config
    from facsmith.train.latents import LabelledLatents
    from facsmith.train.start import begin_from, kept_model

    defaults = GeneratorOptions()
    config = StyleGAN2Config(
        128, z_dim=256, w_dim=256, mapping_layers=2, channel_base=defaults.channel_base, channel_max=128
    )
    modules = {
        "generator": StyleGAN2(config),
        "average": StyleGAN2(config),
        "critic": Discriminator(128),
        "latents": LabelledLatents(3, config.num_ws, 256),
    }
    assert begin_from(state, modules) > 100_000
    model = kept_model(state)
    assert model is not None
    bundled = Animator.from_pretrained().networks
    assert model[0].generator_id == bundled.generator.generator_id
    for name, value in model[1].state_dict().items():
        torch.testing.assert_close(value.half(), bundled.encoder.state_dict()[name].half())
    assert modules["latents"].directions().abs().max() > 0
    assert not modules["latents"].delta.weight.any()


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


def test_no_chance_changes_nothing_and_a_sure_one_every_picture_alike_for_a_pair():
    images = torch.rand(6, 3, 32, 32) * 2 - 1
    random = torch.Generator().manual_seed(0)
    kept = draw_augmentation(6, torch.tensor(0.0), resolution=32, random=random)(images)
    torch.testing.assert_close(kept, images, atol=1e-5, rtol=1e-5)
    sure = draw_augmentation(6, torch.tensor(1.0), resolution=32, random=random)
    moved = sure(images)
    assert (moved - images).abs().mean(dim=(1, 2, 3)).min() > 0.05
    torch.testing.assert_close(sure(images), moved)
    grey = torch.full((6, 3, 32, 32), 0.25)
    shown = sure(grey)
    torch.testing.assert_close(shown, shown[:, :1, :1, :1].expand_as(shown), atol=1e-4, rtol=1e-4)  # grey stays grey


def test_augmentation_keeps_faces_upright():
    """Half of them mirrored, never turned by more than ten degrees and never upside down."""
    random = torch.Generator().manual_seed(0)
    plane = draw_augmentation(2000, torch.tensor(1.0), resolution=64, random=random).plane
    assert 0.3 < (plane[:, 0, 0] < 0).float().mean() < 0.7
    assert plane[:, 1, 1].min() > 0
    angle = torch.atan2(plane[:, 1, 0].abs(), plane[:, 1, 1])
    assert torch.rad2deg(angle).max() < 10.01


def test_the_chance_follows_the_verdict_on_photos():
    augmenter = Augmenter(target=0.6, every=4, images=1000, most=0.5)
    for _ in range(10):
        augmenter.note(torch.ones(10, 1, 2, 2))
        augmenter.adjust(augmenter.signs, augmenter.count)
    assert float(augmenter.chance) == pytest.approx(0.1)
    for _ in range(200):
        augmenter.note(torch.ones(10, 1, 2, 2))
        augmenter.adjust(augmenter.signs, augmenter.count)
    assert float(augmenter.chance) == pytest.approx(0.5)
    augmenter.note(torch.cat([torch.ones(5, 1, 1, 1), -torch.ones(5, 1, 1, 1)]))
    augmenter.adjust(augmenter.signs, augmenter.count)
    assert float(augmenter.chance) == pytest.approx(0.49)


def test_the_penalty_is_finite_where_all_photos_agree():
    torch.manual_seed(0)
    critic = Discriminator(16, channel_base=64, channel_max=8)
    penalty = gradient_penalty(critic, torch.zeros(4, 3, 16, 16))
    penalty.backward()
    assert all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in critic.parameters())


def test_a_diverged_run_stops_and_keeps_its_last_state(dataset: Path, tmp_path: Path):
    train_generator(dataset, tmp_path, replace(OPTIONS, steps=2))
    good = (tmp_path / "state.safetensors").read_bytes()
    with pytest.raises(InputError, match="diverged"):
        train_generator(dataset, tmp_path, replace(OPTIONS, steps=400, learning_rate=1e8))
    assert (tmp_path / "state.safetensors").read_bytes() == good


def test_a_state_from_before_augmentation_goes_on(dataset: Path, tmp_path: Path):
    train_generator(dataset, tmp_path, replace(OPTIONS, steps=2))
    state = tmp_path / "state.safetensors"
    with safe_open(state, framework="pt") as file:
        metadata = file.metadata()
    old = {name: t for name, t in load_file(state).items() if not name.startswith(("augmenter/", "paths/"))}
    save_file(old, state, metadata=metadata)
    train_generator(dataset, tmp_path, replace(OPTIONS, steps=4))
    assert [row["step"] for row in losses(tmp_path)] == [1, 2, 3, 4]
    save_file({n: t for n, t in old.items() if not n.startswith("critic/")}, state, metadata=metadata)
    with pytest.raises(CheckpointError, match="other options"):
        train_generator(dataset, tmp_path, replace(OPTIONS, steps=4))


def test_half_precision_trains_as_well(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a GPU does by itself: bfloat16 everywhere but in the penalties."""
    for name, precision in (
        ("half", lambda _: torch.autocast("cpu", torch.bfloat16)),
        ("full", lambda _: nullcontext()),
    ):
        for module in ("players", "generator_run"):
            monkeypatch.setattr(f"facsmith.train.{module}.mixed_precision", precision)
        train_generator(dataset, tmp_path / name, replace(OPTIONS, steps=6))
    half, full = losses(tmp_path / "half"), losses(tmp_path / "full")
    assert half != full
    assert [row["loss"] for row in half] == pytest.approx([row["loss"] for row in full], rel=0.05)
    assert half[-2]["path"] == pytest.approx(full[-2]["path"], rel=0.1)
