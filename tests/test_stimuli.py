"""Batteries: the whole design is there, under stable names, and the same seed gives the same bytes."""

import csv
import hashlib
import itertools
from dataclasses import replace

import numpy as np
import pytest
from conftest import QUICK
from PIL import Image

from facsmith import image, video
from facsmith.__main__ import main
from facsmith.animate import Animator
from facsmith.errors import InputError, LatentError, PhotoError
from facsmith.facs import ActionUnits
from facsmith.latent import Latent
from facsmith.stimuli import Condition, Design, find_photos, parse_aus, parse_levels, render_battery

DESIGN = Design(parse_aus("12,L4"), (0.4, 1.0))


@pytest.fixture
def folder(tmp_path, photo):
    image.write(tmp_path / "photos/her.png", photo)
    image.write(tmp_path / "photos/him (2).png", photo[:, ::-1].copy())
    (tmp_path / "photos/notes.txt").write_text("no photo")
    return tmp_path


def manifest(place):
    with open(place / "manifest.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_the_whole_design_is_rendered_and_in_the_manifest(make_animator, folder, photo):
    options = replace(QUICK, fps=5)
    battery = render_battery(
        make_animator(), find_photos(folder / "photos"), folder / "out", design=DESIGN, options=options
    )
    rows = manifest(folder / "out")
    assert len(rows) == len(battery.rows) == 2 * 5 * 2
    conditions = ["neutral", "AU12-040", "AU12-100", "L04-040", "L04-100"]
    names = {f"{who}_{c}.{end}" for who in ("her", "him-2-") for c in conditions for end in ("png", "mp4")}
    assert (
        {p.name for p in (folder / "out").iterdir()}
        == names | {"manifest.csv"}
        == {r["stimulus"] for r in rows} | {"manifest.csv"}
    )
    half = next(row for row in rows if row["stimulus"] == "her_L04-040.mp4")
    assert (half["kind"], half["photo"], half["condition"], half["side"]) == ("film", "her.png", "L04-040", "left")
    assert float(half["AU04"]) == 0.4 and float(half["AU12"]) == 0
    assert int(half["frames"]) == len(list(video.read(folder / "out/her_L04-040.mp4"))) == 6
    for row in rows:
        assert row["sha256"] == hashlib.sha256((folder / "out" / row["stimulus"]).read_bytes()).hexdigest()
    assert all(name.isidentifier() for name in rows[0]), "PsychoPy takes the columns as variables"


def test_the_same_seed_gives_the_same_bytes(make_animator, folder):
    design = Design(parse_aus("L12"), (1.0,))
    for out in ("one", "two"):
        render_battery(
            make_animator(), find_photos(folder / "photos/her.png"), folder / out, design=design, options=QUICK
        )
    one, two = ({p.name: p.read_bytes() for p in (folder / out).iterdir()} for out in ("one", "two"))
    assert one == two


def test_films_begin_and_end_neutral_and_stills_show_the_apex(make_animator, folder):
    photos = find_photos(folder / "photos/her.png")
    render_battery(
        make_animator(), photos, folder / "out", design=Design((("AU", 12),), (1.0,)), options=replace(QUICK, batch=1)
    )
    neutral, still = (image.read(folder / f"out/her_{c}.png") for c in ("neutral", "AU12-100"))
    frames = list(video.read(folder / "out/her_AU12-100.mp4"))

    def distance(a, b):
        return float(np.abs(a.astype(int) - b).mean())

    assert distance(frames[0], neutral) < distance(frames[0], still)
    assert distance(frames[-1], neutral) < distance(frames[-1], still)
    assert distance(frames[4], still) < distance(frames[4], neutral)


def test_crossed_designs_hold_every_combination():
    crossed = Design((("AU", 1), ("AU", 4)), (0.2, 0.6, 1.0), cross=True)
    conditions = [*crossed.conditions()]
    assert len(conditions) == len({c.name for c in conditions}) == 16
    assert conditions[0].name == "neutral"
    assert Condition((("AU", 1, 0.2), ("R", 4, 1.0))).action_units == ActionUnits({1: 0.2}, right={4: 1.0})
    assert len([*Design((("AU", 1), ("AU", 4)), (0.2, 0.6, 1.0)).conditions()]) == 7


def test_a_photo_without_a_face_is_left_out_and_named(make_animator, folder, faces):
    find = faces.find
    faces.find = lambda picture, provider="auto": find(picture, provider=provider) if picture[0, 0, 1] == 0 else []
    battery = render_battery(
        make_animator(),
        find_photos(folder / "photos"),
        folder / "out",
        design=replace(DESIGN, films=False),
        options=QUICK,
    )
    assert [*battery.skipped] == ["him (2).png"]
    assert {row["photo"] for row in manifest(folder / "out")} == {"her.png"}
    faces.find = lambda picture, provider="auto": []
    with pytest.raises(PhotoError, match="No photo could be used"):
        render_battery(make_animator(), find_photos(folder / "photos"), folder / "none", design=DESIGN, options=QUICK)
    assert not (folder / "none").exists()


def test_levels_and_aus_are_read():
    assert parse_levels("A-E") == (0.2, 0.4, 0.6, 0.8, 1.0)
    assert parse_levels("b, D 0.5") == (0.4, 0.8, 0.5)
    assert parse_aus("1,au4 L12") == (("AU", 1), ("AU", 4), ("L", 12))
    for wrong in ("F", "", "A-", "AU1"):
        with pytest.raises(InputError, match="level"):
            parse_levels(wrong)
    for wrong in ("smile", "", "M12"):
        with pytest.raises(InputError, match="Action Unit"):
            parse_aus(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"aus": (("AU", 34),)},
        {"aus": (("L", 61),)},
        {"aus": ()},
        {"aus": (("AU", 1), ("AU", 1))},
        {"levels": ()},
        {"levels": (0.0,)},
        {"levels": (1.5,)},
        {"levels": (float("nan"),)},
        {"levels": (0.5, 0.501)},
        {"stills": False, "films": False},
        {"aus": tuple(("AU", au) for au in (1, 2, 4, 5, 6, 9)), "levels": (0.2, 0.4, 0.6, 0.8), "cross": True},
    ],
)
def test_designs_are_validated(wrong):
    with pytest.raises(InputError):
        replace(DESIGN, **wrong)


def test_names_that_would_collide_are_refused_before_any_work(make_animator, folder, photo, faces):
    image.write(folder / "photos/her.jpg", photo)
    with pytest.raises(InputError, match=r"her\.jpg and her\.png"):
        render_battery(make_animator(), find_photos(folder / "photos"), folder / "out", design=DESIGN, options=QUICK)
    assert faces.found == 0


class TestCommands:
    @pytest.fixture(autouse=True)
    def animator(self, make_animator, monkeypatch):
        tiny = make_animator()
        monkeypatch.setattr(Animator, "from_pretrained", classmethod(lambda cls, name, *, boundaries=None: tiny))
        return tiny

    def test_stimuli(self, folder, capsys):
        arguments = ["stimuli", str(folder / "photos"), "--aus", "1", "--levels", "C,E", "-o", str(folder / "out")]
        assert main([*arguments, "--fps", "5", "--apex", "0", "--offset", "0", "--iterations", "0"]) == 0
        assert "12 stimuli of 2 photos" in capsys.readouterr().out
        assert main(["stimuli", str(folder / "nowhere"), "--aus", "1", "-o", str(folder / "x")]) == 2
        assert "no folder" in capsys.readouterr().err

    def test_morph(self, animator, folder, capsys):
        for seed in (1, 2):
            animator.sample(seed).latent.save(folder / f"{seed}.safetensors")
        ends = [str(folder / "1.safetensors"), str(folder / "2.safetensors")]
        assert main(["morph", *ends, "--steps", "11", "-o", str(folder / "continuum")]) == 0
        frames = list(video.read(folder / "continuum"))
        assert len(frames) == 11
        for frame, seed in ((frames[0], 1), (frames[-1], 2)):
            assert np.abs(frame.astype(int) - animator.sample(seed).photo).max() <= 1
        steps = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(frames)]
        assert max(steps) < 0.5 * np.abs(frames[0].astype(int) - frames[-1]).mean(), "no jump"
        assert main(["morph", *ends, "--share", "0.5", "-o", str(folder / "both.png")]) == 0
        with Image.open(folder / "both.png") as both:
            assert np.abs(np.asarray(both).astype(int) - frames[5]).max() <= 1
        assert main(["morph", *ends, "--share", "2", "-o", str(folder / "x.png")]) == 2

    def test_a_morph_needs_latents_of_its_generator(self, animator):
        own = animator.sample(1).latent
        with pytest.raises(LatentError, match="other"):
            animator.morph(own, Latent(own.ws, "other"), shares=[0.5])
        with pytest.raises(LatentError, match="one face"):
            animator.morph(own, Latent(np.stack([own.ws, own.ws]), own.generator_id), shares=[0.5])
