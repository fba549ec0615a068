"""Photos on their way into a data set: chosen, packed into one small file, and known from another data set."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sketches import sketch
from typer.testing import CliRunner

from facsmith.__main__ import app
from facsmith.errors import InputError
from facsmith.lab.train.data import DataOptions, build_dataset, codes_along
from facsmith.lab.train.packed import PackOptions, pack, unpack
from facsmith.lab.train.photos import archive_photos, read_names
from facsmith.lab.train.reuse_codes import known_in
from facsmith.lab.train.select import Selection, pitch_degrees, selected, sharpness

PHOTOS = [replace(sketch(seed), age=20 + seed) for seed in range(5)]


def test_blurred_turned_tilted_small_and_young_faces_are_left_out_and_named():
    sharp = PHOTOS[0]
    blurred = replace(sharp, name="blurred", image=np.asarray(cv2.GaussianBlur(sharp.image, (0, 0), 3), np.uint8))
    nose, jaw = np.zeros((68, 2)), np.zeros((68, 2))
    nose[27:36, 0] = 15
    jaw[[0, 16], 1] = -12
    turned = replace(sharp, name="turned", landmarks=sharp.landmarks + nose)
    tilted = replace(sharp, name="tilted", landmarks=sharp.landmarks + jaw)
    young = replace(sharp, name="young", age=9)
    told: list[str] = []
    wanted = Selection(sharpness=30, yaw=20, pitch=abs(pitch_degrees(sharp.landmarks)) + 8, age=16)
    found = list(selected([sharp, blurred, turned, tilted, young], wanted, resolution=128, progress=told.append))
    assert [photo.name for photo in found] == [sharp.name]
    assert [line.split(":")[0] for line in told] == [f"skipped {n}" for n in ("blurred", "turned", "tilted", "young")]
    assert "sharpness" in told[0]
    assert list(selected([sharp], Selection(interocular=60), resolution=128)) == []
    assert len(list(selected([sharp, blurred, turned, tilted], Selection(), resolution=128))) == 4
    assert sharpness(sharp.image) > 3 * sharpness(blurred.image)
    with pytest.raises(InputError, match="0 or more"):
        Selection(yaw=-1)


@pytest.mark.slow
def test_a_packed_file_builds_the_data_set_that_the_photos_build(tmp_path: Path):
    file = pack(PHOTOS, tmp_path / "faces.safetensors", PackOptions(side=128))
    back = unpack(file)
    assert [(p.name, p.age, p.gender) for p in back] == [(p.name, p.age, p.gender) for p in PHOTOS]
    options = DataOptions(resolution=32, variants=2, codes=3, workers=1)
    one, other = (build_dataset(photos, tmp_path / name, options) for photos, name in ((PHOTOS, "a"), (back, "b")))
    a, b = (np.load(root / "images.npy").astype(int) for root in (one, other))
    assert np.abs(a - b).mean() < 2
    np.testing.assert_allclose(np.load(one / "landmarks.npy"), np.load(other / "landmarks.npy"), atol=0.2)
    np.testing.assert_array_equal(np.load(one / "inside.npy") > 127, np.load(other / "inside.npy") > 127)


def test_a_pack_keeps_its_size_or_says_so(tmp_path: Path):
    small = pack(PHOTOS, tmp_path / "small.safetensors", PackOptions(megabytes=0.009, side=128))
    assert small.stat().st_size <= 9_000 < pack(PHOTOS, tmp_path / "large.safetensors").stat().st_size
    with pytest.raises(InputError, match="do not fit"):
        pack(PHOTOS, tmp_path / "none.safetensors", PackOptions(megabytes=0.003))
    with pytest.raises(InputError, match="no photo"):
        pack([], tmp_path / "none.safetensors")


def test_a_damaged_or_foreign_pack_is_refused(tmp_path: Path):
    from facsmith._arrays import read_tensors, write_tensors

    file = pack(PHOTOS, tmp_path / "faces.safetensors")
    tensors, metadata = read_tensors(file, max_bytes=1 << 30, error=InputError)
    for name, change in (
        ("pictures", np.zeros_like(tensors["pictures"])),
        ("ends", tensors["ends"][:-1]),
        ("landmarks", tensors["landmarks"][:, :60]),
    ):
        write_tensors(tmp_path / "bad.safetensors", {**tensors, name: change}, metadata)
        with pytest.raises(InputError, match="damaged"):
            unpack(tmp_path / "bad.safetensors")
    write_tensors(tmp_path / "bad.safetensors", tensors, {"format": "something else"})
    with pytest.raises(InputError, match="no packed photos"):
        unpack(tmp_path / "bad.safetensors")


@pytest.mark.slow
def test_codes_and_held_out_people_come_from_the_older_data_set(tmp_path: Path):
    options = DataOptions(resolution=32, variants=2, codes=1, held_out=0.4, workers=1)
    old = build_dataset(PHOTOS[:4], tmp_path / "old", options)
    told: list[str] = []
    known = list(known_in(old, reversed(PHOTOS), progress=told.append))
    assert [p.name for p in known] == [p.name for p in reversed(PHOTOS[:4])]
    assert told == [f"skipped {PHOTOS[4].name}: {old} has no photo of this name"]
    packed = unpack(pack(known, tmp_path / "faces.safetensors"))
    new = build_dataset(packed, tmp_path / "new", replace(options, seed=5))
    np.testing.assert_allclose(np.load(new / "codes.npy")[::-1], np.load(old / "codes.npy"), rtol=2e-3, atol=1e-3)
    assert (np.load(new / "attributes.npz")["held_out"][::-1] == np.load(old / "attributes.npz")["held_out"]).all()
    with pytest.raises(InputError, match="no data set"):
        list(known_in(tmp_path, PHOTOS))


@pytest.mark.slow
def test_soft_photos_join_a_data_set_along_its_own_axes(tmp_path: Path):
    sharp = [sketch(seed) for seed in range(12)]
    file = pack(sharp, tmp_path / "sharp.safetensors", PackOptions(side=160))
    soft = pack([replace(photo, name=f"soft-{photo.name}") for photo in sharp[:5]], tmp_path / "soft.safetensors")
    run = CliRunner().invoke

    def build(name: str, *more: str) -> Path:
        base = ["train", "data", str(file), "-o", str(tmp_path / name), "--resolution", "64", "--variants", "1"]
        done = run(app, [*base, "--workers", "1", *more])
        assert done.exit_code == 0, done.exception
        return tmp_path / name

    old = build("old")
    new = build("new", "--soft", str(soft), "--codes-of", str(old))
    with np.load(old / "attributes.npz") as was, np.load(new / "attributes.npz") as now:
        assert list(now["name"]) == [*was["name"], *(f"soft-{photo.name}" for photo in sharp[:5])]
        assert list(now["soft"]) == [False] * 12 + [True] * 5
        assert list(now["held_out"]) == [*was["held_out"], *[False] * 5]
        training = ~was["held_out"]
    known, codes = np.load(old / "codes.npy"), np.load(new / "codes.npy")
    np.testing.assert_allclose(codes[:12], known, atol=1e-5)
    assert np.isfinite(codes).all() and codes[12:].any(axis=1).all()
    along = codes_along(old, np.load(old / "images.npy"), np.load(old / "au.npy"))
    np.testing.assert_allclose(along[training], known[training], atol=1e-3)
    held_out = np.load(build("fresh", "--soft", str(soft)) / "attributes.npz")["held_out"]
    assert held_out[:12].any() and not held_out[12:].any()
    refused = run(app, ["train", "data", str(file), "--soft", str(soft), "--packed", str(tmp_path / "x")])
    assert isinstance(refused.exception, InputError) and "--soft" in str(refused.exception)


def test_the_command_packs_builds_and_says_what_is_missing(tmp_path: Path):
    file = pack(PHOTOS, tmp_path / "faces.safetensors")
    run = CliRunner().invoke
    arguments = ["train", "data", str(file), "-o", str(tmp_path / "data"), "--resolution", "32", "--variants", "2"]
    done = run(app, [*arguments, "--min-age", "22", "--workers", "1"])
    assert done.exit_code == 0, done.exception
    assert np.load(tmp_path / "data/images.npy").shape == (3, 2, 32, 32, 3)
    assert isinstance(run(app, ["train", "data", str(file)]).exception, InputError)


def test_a_tar_is_read_with_the_landmarks_beside_it(tmp_path: Path):
    def packed(stem: str, **table: object) -> Path:
        with tarfile.open(tmp_path / f"{stem}.tar", "w") as file:
            for photo in PHOTOS:
                data = cv2.imencode(".png", photo.image[..., ::-1])[1].tobytes()
                member = tarfile.TarInfo(photo.name)
                member.size = len(data)
                file.addfile(member, io.BytesIO(data))
        np.savez(tmp_path / f"{stem}.npz", **table)  # type: ignore[arg-type]
        return tmp_path / f"{stem}.tar"

    names = np.array([photo.name for photo in PHOTOS] + ["absent.png"])
    points = np.stack([photo.landmarks for photo in [*PHOTOS, PHOTOS[0]]])
    groups = np.array(["a", "b", "a", "b", "a", "b"])
    told: list[str] = []
    read = list(archive_photos(packed("faces", name=names, landmarks68=points, group=groups), progress=told.append))
    assert [(p.name, p.group, p.age) for p in read] == [(p.name, g, -1) for p, g in zip(PHOTOS, groups, strict=False)]
    assert len(told) == 1 and "absent.png" in told[0]
    for one, other in zip(read, PHOTOS, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_allclose(one.landmarks, other.landmarks)
    for table in (
        {},
        {"name": names},
        {"name": names, "landmarks68": points[:2]},
        {"name": names, "landmarks68": points * np.nan},
    ):
        with pytest.raises(InputError, match=r"bad\.npz"):
            list(archive_photos(packed("bad", **table)))


def test_names_on_lists_are_left_out_and_held_out(tmp_path: Path):
    file = pack([replace(photo, group="g") for photo in PHOTOS], tmp_path / "faces.safetensors")
    (tmp_path / "out.txt").write_text(f"# too young\n{PHOTOS[1].name}\n")
    (tmp_path / "held.txt").write_text(f"{PHOTOS[3].name}\n")
    arguments = ["train", "data", str(file), "-o", str(tmp_path / "data"), "--resolution", "32", "--variants", "1"]
    lists = ["--leave-out", str(tmp_path / "out.txt"), "--held-out", str(tmp_path / "held.txt"), "--workers", "1"]
    done = CliRunner().invoke(app, [*arguments, *lists])
    assert done.exit_code == 0, done.exception
    with np.load(tmp_path / "data/attributes.npz") as stored:
        assert list(stored["name"]) == [PHOTOS[k].name for k in (0, 2, 3, 4)]
        assert list(stored["held_out"]) == [False, False, True, False]
        assert set(stored["group"]) == {"g"}
    with pytest.raises(InputError, match="one name a line"):
        read_names(tmp_path / "nothing.txt")
