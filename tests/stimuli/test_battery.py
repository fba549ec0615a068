"""Batteries: the whole design is there, under stable names, and the same seed gives the same bytes."""

import csv
import hashlib
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import QUICK, face_at, fake_animator, waves
from PIL import Image

from facsmith import image, video
from facsmith.__main__ import main
from facsmith.animator import Animator
from facsmith.errors import InputError, LatentError, PhotoError
from facsmith.facs import ActionUnits
from facsmith.latent import Latent
from facsmith.stimuli import Condition, Design, Norms, find_photos, parse_aus, parse_levels, render_battery
from facsmith.synthetic import CAPTURED, COMPOSITE, read_source_type

pytestmark = pytest.mark.usefixtures("landmarks_alone")
TABLES = {"manifest.csv", "measured.csv", "codebook.csv", "settings.json"}
DESIGN = Design(parse_aus("12,L4"), (0.4, 1.0))


def photographed(place):
    """Two photos, and what is none."""
    image.write(place / "photos/her.png", waves())
    image.write(place / "photos/him (2).png", waves()[:, ::-1].copy())
    (place / "photos/notes.txt").write_text("no photo")
    return place


@pytest.fixture
def folder(tmp_path):
    return photographed(tmp_path)


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
    assert {p.name for p in (folder / "out").iterdir()} == names | TABLES == {r["stimulus"] for r in rows} | TABLES
    half = next(row for row in rows if row["stimulus"] == "her_L04-040.mp4")
    assert (half["kind"], half["photo"], half["condition"], half["side"]) == ("film", "her.png", "L04-040", "left")
    assert float(half["AU04"]) == 0.4 and float(half["AU12"]) == 0
    assert int(half["frames"]) == len(list(video.read(folder / "out/her_L04-040.mp4"))) == 6
    for row in rows:
        assert row["sha256"] == hashlib.sha256((folder / "out" / row["stimulus"]).read_bytes()).hexdigest()
    assert all(name.isidentifier() for name in rows[0]), "PsychoPy takes the columns as variables"


@pytest.mark.slow
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


@pytest.mark.slow
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


NORMED = Norms(
    align=True, size=(96, 96), eye_distance=28.0, oval=True, crop=True, grey=True, luminance=True, mirror=True
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return photographed(tmp_path_factory.mktemp("normed"))


@pytest.fixture(scope="module")
def normed(place):
    def render(out, norms=NORMED, **more):
        given = {"design": Design((("L", 12),), (1.0,)), "options": replace(QUICK, fps=5), **more}
        return render_battery(fake_animator(), find_photos(place / "photos"), place / out, norms=norms, **given)

    return render


@pytest.fixture(scope="module")
def battery(normed):
    """In ``out``: made once and looked at by several tests."""
    return normed("out", frames=True)


class TestNormed:
    """A small set with all norms, by fakes: two photos, one AU, one level."""

    @pytest.mark.slow
    def test_made_again_it_is_the_same_byte_for_byte(self, battery, normed, place):
        normed("again", frames=True)
        one, two = (
            {p.relative_to(place / out): p.read_bytes() for p in sorted((place / out).rglob("*")) if p.is_file()}
            for out in ("out", "again")
        )
        assert one == two and len(one) > 20

    def test_luminance_is_one_over_the_set_and_measured_so(self, battery, place):
        levels = [row["luminance"] for row in battery.measured]
        assert len(levels) == 2 * 2 * 2 and np.ptp(levels) < 1
        assert np.ptp([row["contrast"] for row in battery.measured]) < 0.02
        still = image.read(place / "out/her_neutral.png")
        assert np.ptp(still.astype(int), axis=-1).max() == 0 and (still[0, 0] == 128).all()
        level = json.loads((place / "out/settings.json").read_text())["luminance"]["level"]
        assert np.abs(np.array(levels) - level).max() < 1

    def test_twins_are_mirrored_and_say_so(self, battery, place):
        rows = {row["stimulus"]: row for row in battery.rows}
        twin = rows["her_L12-100_mirror.png"]
        assert (twin["condition"], twin["mirror"], twin["side"]) == ("R12-100", 1, "right")
        one, other = (image.read(place / f"out/her_L12-100{end}.png") for end in ("", "_mirror"))
        assert np.array_equal(one[:, ::-1], other)
        assert rows["her_L12-100_mirror.mp4"]["frames_folder"] == "her_L12-100_mirror_frames"
        frames = [list(video.read(place / f"out/her_L12-100{end}_frames")) for end in ("", "_mirror")]
        assert (
            len(frames[0])
            == int(rows["her_L12-100.mp4"]["frames"])
            == len(list(video.read(place / "out/her_L12-100.mp4")))
        )
        assert all(np.array_equal(a[:, ::-1], b) for a, b in zip(*frames, strict=True))
        measured = {row["stimulus"]: row for row in battery.measured}
        assert measured["her_L12-100_mirror.png"]["asked_AU12"] == 1

    def test_looks_to_the_left_are_looks_to_the_right_in_a_mirror(self):
        assert Condition((("AU", 61, 0.5), ("L", 4, 1.0))).mirrored == Condition((("AU", 62, 0.5), ("R", 4, 1.0)))

    @pytest.mark.slow
    def test_films_are_made_alike_with_their_stills(self, normed, place):
        normed("coloured", replace(NORMED, mirror=False, grey=False))
        still = image.read(place / "coloured/her_neutral.png")
        first = next(iter(video.read(place / "coloured/her_neutral.mp4")))
        assert first.shape == still.shape and np.abs(first.astype(int) - still).mean() < 6

    def test_every_column_is_in_the_codebook(self, battery, place):
        with open(place / "out/codebook.csv", newline="") as file:
            known = {(row["file"], row["column"]) for row in csv.DictReader(file)}
        for name in ("manifest.csv", "measured.csv"):
            with open(place / "out" / name, newline="") as file:
                columns = next(csv.reader(file))
            assert {(name, column) for column in columns} == {key for key in known if key[0] == name}

    @pytest.mark.slow
    def test_signed_stimuli_verify_and_unsigned_carry_iptc(self, battery, normed, place):
        pytest.importorskip("c2pa")
        from facsmith.signing import Credentials, verify

        for path in (place / "out").glob("*.[pm][np][g4]"):
            assert read_source_type(path) == COMPOSITE and verify(path) is None
        normed("signed", sign_with=Credentials.self_signed())
        verdict = verify(place / "signed/her_L12-100.mp4")
        assert verdict.intact and verdict.manifest["org.facsmith.request"]["condition"] == "L12-100"
        with open(place / "signed/manifest.csv", newline="") as file:
            for row in csv.DictReader(file):
                data = (place / "signed" / row["stimulus"]).read_bytes()
                assert row["sha256"] == hashlib.sha256(data).hexdigest(), "of the signed file"


class TestRandomDesigns:
    def test_they_are_drawn_by_the_seed_and_all_different(self):
        design = Design(tuple(("AU", au) for au in (1, 2, 4, 5, 12)), (0.4, 1.0), random=30, at_most=3, seed=5)
        conditions = [*design.conditions()]
        assert conditions == [*design.conditions()] != [*replace(design, seed=6).conditions()]
        assert len(conditions) == len({c.name for c in conditions}) == 31 and conditions[0].name == "neutral"
        counts = [len(c.shown) for c in conditions[1:]]
        assert set(counts) == {1, 2, 3}
        assert {e for c in conditions for _, _, e in c.shown} == {0.4, 1.0}
        assert all([au for _, au, _ in c.shown] == sorted({au for _, au, _ in c.shown}) for c in conditions)

    def test_more_than_there_are_is_refused(self):
        with pytest.raises(InputError, match="could not be drawn, only 2"):
            [*Design((("AU", 1),), (0.5, 1.0), random=3).conditions()]
        for wrong in ({"random": -1}, {"random": 5, "at_most": 0}, {"random": 5, "cross": True}, {"random": 20_000}):
            with pytest.raises(InputError):
                replace(DESIGN, **wrong)


class TestCommands:
    @pytest.fixture(autouse=True)
    def animator(self, make_animator, monkeypatch):
        tiny = make_animator()
        monkeypatch.setattr(Animator, "from_pretrained", classmethod(lambda cls, name, *, boundaries=None: tiny))
        return tiny

    @pytest.mark.slow
    def test_stimuli(self, folder, capsys):
        arguments = ["stimuli", str(folder / "photos"), "--aus", "1", "--levels", "C,E", "-o", str(folder / "out")]
        assert main([*arguments, "--fps", "5", "--apex", "0", "--offset", "0", "--iterations", "0"]) == 0
        assert "12 stimuli of 2 photos" in capsys.readouterr().out
        assert main(["stimuli", str(folder / "nowhere"), "--aus", "1", "-o", str(folder / "x")]) == 2
        assert "no folder" in capsys.readouterr().err

    @pytest.mark.slow
    def test_stimuli_with_norms_and_a_page(self, folder, capsys):
        out = folder / "out"
        arguments = [
            "stimuli",
            str(folder / "photos"),
            "--aus",
            "1",
            "--levels",
            "E",
            "-o",
            str(out),
            "--iterations",
            "0",
        ]
        norms = ["--align", "eyes", "--size", "96x96", "--eye-distance", "28", "--oval", "--grey", "--luminance"]
        assert main([*arguments, *norms, "--no-films", "--ratings", "all"]) == 0
        captured = capsys.readouterr()
        assert "4 stimuli of 2 photos" in captured.out and str(out / "ratings.html") in captured.out
        assert {p.name for p in out.iterdir()} >= {"ratings.html", "psychopy.csv", "measured.csv", "codebook.csv"}
        assert main([*arguments, "--fps", "5", "--apex", "0", "--offset", "0"]) == 0
        assert "psychopy issue 7567" in capsys.readouterr().err
        for wrong, said in (
            (["--size", "big"], "no size"),
            (["--ratings", "beauty"], "no question"),
            (["--frames", "--no-films"], "--frames"),
            (["--random", "3", "--cross"], "take one"),
            (["--key", "key.pem"], "without --sign"),
        ):
            assert main([*arguments, *wrong]) == 2
            assert said in capsys.readouterr().err

    def test_average(self, folder, photo, monkeypatch, capsys):
        monkeypatch.setattr("facsmith.face.find", lambda picture, provider="auto": [face_at(60, 35, 28)])
        image.write(folder / "photos/it.png", photo // 2)
        photos = str(folder / "photos")
        assert main(["average", photos, "-o", str(folder / "mean.png"), "--size", "120"]) == 0
        assert image.read(folder / "mean.png").shape == (120, 120, 3)
        assert read_source_type(folder / "mean.png") == CAPTURED
        assert main(["average", photos, "-o", str(folder / "pairs"), "--of", "2", "--count", "3"]) == 0
        with open(folder / "pairs/averages.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len({row["photos"] for row in rows}) == 3 and (folder / "pairs/average_003.png").exists()
        assert main(["average", photos, "-o", str(folder / "x.png"), "--of", "9"]) == 2
        assert "9 out of 3 faces" in capsys.readouterr().err

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
