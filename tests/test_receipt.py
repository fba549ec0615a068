"""Receipts: what is measured as a film streams by, the JSON, and the page drawn of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import QUICK, face_at, tiny_boundaries
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facsmith.__main__ import main
from facsmith.boundary import BoundarySet
from facsmith.errors import InputError, OutputError
from facsmith.face_region import FaceRegion
from facsmith.facs import DISFA, ActionUnits
from facsmith.film import Animation
from facsmith.receipt import KeyframeRecord, read_receipt, write_page
from facsmith.receipt.frame_stats import FrameStats
from facsmith.receipt.summary import excess, leakage, measured_frames, summary
from facsmith.ways import weak_aus

FACE = face_at(60, 35, 28)


def watching(frames: list[np.ndarray], *, keep: frozenset[int] = frozenset()) -> FrameStats:
    watch = FrameStats(frames[0], FACE, FaceRegion.of(frames[0].shape), keep=keep)
    for frame in frames:
        watch.see(frame)
    return watch


def record(seconds: float, measured: dict[str, float] | None, **more) -> KeyframeRecord:
    return KeyframeRecord(seconds, round(seconds * 10), {}, measured, None if measured is None else 0.9, **more)


# --- what streams by --------------------------------------------------------------------------------------------------


def test_background_is_what_moves_outside_the_face(photo):
    inside, outside = photo.copy(), photo.copy()
    inside[50:54, 56:64] ^= 255  # on the nose
    outside[90:, :10] = photo[90:, :10] // 2
    watch = watching([photo, inside, outside])
    assert watch.background[:2] == [0, 0]
    assert watch.background[2] > 0.1
    assert watch.largest_background == np.abs(outside.astype(int) - photo).max()


def test_even_motion_does_not_flicker_and_a_jump_does(photo):
    ramp = [np.full_like(photo, 40 + 5 * t) for t in range(6)]
    assert watching(ramp).flicker == [0] * 4
    jump = [*ramp[:3], np.full_like(photo, 150), *ramp[4:]]
    flicker = watching(jump).flicker
    assert flicker == pytest.approx([0, 95, 190, 95])
    assert watching([photo]).flicker == [] and watching([photo]).background == [0]


def test_flicker_outside_the_face_does_not_count(photo):
    frames = [photo.copy() for _ in range(5)]
    frames[2][80:, 100:] ^= 255
    assert max(watching(frames).flicker) == 0


def test_of_a_film_only_close_ups_of_some_frames_are_kept():
    large = np.zeros((1200, 1000, 3), np.uint8)
    face = face_at(500, 400, 200)
    watch = FrameStats(large, face, FaceRegion.of(large.shape, longest=300), keep=frozenset({3, 9}))
    for step in range(20):
        watch.see(np.full_like(large, step))
    assert sorted(watch.kept) == [3, 9]
    assert all(frame.shape == (300, 250, 3) and (frame == index).all() for index, frame in watch.kept.items())
    held = [value for value in vars(watch).values() if isinstance(value, np.ndarray)] + watch._greys
    assert len(watch._greys) == 3 and sum(array.nbytes for array in held) < 10 * large.nbytes / 3


@given(st.integers(1, 5000), st.data())
def test_measured_frames_hold_the_key_frames_and_are_few(count, data):
    keys = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=12))
    found = measured_frames(count, keys)
    assert keys <= set(found) and {0, count - 1} <= set(found) <= set(range(count))
    assert list(found) == sorted(found)
    assert len(found) <= max(18, count // 16 + 2) and len(found) <= 60


# --- figures ----------------------------------------------------------------------------------------------------------


def test_leakage_is_measured_less_asked_once_a_pose():
    smile, rest = ActionUnits({12: 0.8}), ActionUnits()
    frames = [record(t, {"AU12": 0.7 * on, "AU6": 0.3 * on}) for t, on in ((0, 0), (1, 1), (2, 1), (3, 0))]
    rows = leakage(frames, [rest, smile, smile, rest])
    assert [row.aus for row in rows] == [(), ("AU12",)]
    assert rows[1].seconds == 1
    assert rows[1].excess["AU12"] == pytest.approx(-0.1) and rows[1].excess["AU6"] == 0.3
    assert len(rows[1].excess) == 12
    assert leakage([record(0, None)], [smile]) == ()


def test_the_side_that_is_farther_off_counts():
    found = excess({"L12": 0.1, "R12": 0.4}, ActionUnits(right={12: 0.6}))
    assert found["AU12"] == pytest.approx(-0.2)
    assert excess({"L12": 0.4, "R12": 0.6}, ActionUnits(right={12: 0.6}))["AU12"] == pytest.approx(0.4)


def test_aus_that_cannot_be_told_do_not_count(photo):
    watch = watching([photo] * 3)
    told = [record(0, {"AU12": 0.5, "AU20": 1.0}), record(1, {"AU12": 0.5, "AU20": 1.0}, unsure=("AU20",))]
    both, without = (summary([r], [ActionUnits({12: 0.6})], watch) for r in told)
    assert both["off"] == without["off"] == pytest.approx(0.1)
    assert both["leak"] > 0.08 and without["leak"] == 0
    assert summary([record(0, None)], [ActionUnits()], watch)["identity"] is None


def test_what_a_model_cannot_reach_is_told_from_its_reports():
    known = tiny_boundaries("g", aus=tuple(au for au in DISFA if au != 9))
    reports = {1: {"shown": {"share_of_muscles": [0.1, 0.4]}}, 2: {"accuracy_within_person": 0.55},
               4: {"shown": {"share_of_muscles": [0.2, 0.9]}}}  # fmt: skip
    changed = BoundarySet(tuple(replace(b, report=reports.get(b.au, b.report)) for b in known.boundaries), "g")
    found = weak_aus(changed)
    assert sorted(found) == [1, 2]
    assert "40%" in found[1] and "55%" in found[2]


def test_what_cannot_be_reached_is_named_before_rendering(make_animator, photo):
    generator_id = make_animator().networks.generator.generator_id
    known = tiny_boundaries(generator_id)
    weak = tuple(
        replace(b, report={"shown": {"share_of_muscles": [0.5]}}) if b.au in (5, 26) else b for b in known.boundaries
    )
    film = make_animator(boundaries=BoundarySet(weak, generator_id)).animate(
        photo, "AU5=C", options=QUICK, mode="paste"
    )
    (told,) = [note for note in film.notes if "AU5" in note]
    assert "50%" in told and "more was asked" in told
    assert sorted(film.unreached) == ["AU26", "AU5"]


# --- the whole receipt ------------------------------------------------------------------------------------------------


_FILMS: list[Animation] = []


@pytest.fixture
def film(make_animator, photo):
    """One for all tests: nothing of it changes."""
    if not _FILMS:
        _FILMS.append(make_animator().animate(photo, "happiness", options=QUICK))
    return _FILMS[0]


@pytest.mark.slow
def test_every_receipt_has_all_figures(film, tmp_path):
    film.save(tmp_path / "happy.gif")
    text = (tmp_path / "happy.gif.json").read_text()
    account = json.loads(text)
    frames = account["output"]["frames"]
    assert account["curves"]["fps"] == 10
    assert len(account["curves"]["asked"]["AU12"]) == len(account["curves"]["background"]) == frames
    assert max(account["curves"]["asked"]["AU12"]) == 1
    assert len(account["curves"]["flicker"]) == frames - 2
    assert account["summary"].keys() == {
        "off", "leak", "identity", "lowest_identity", "background", "largest_background", "flicker", "largest_flicker",
    }  # fmt: skip
    assert account["summary"]["largest_background"] == 0  # only the face moves
    assert account["summary"]["lowest_identity"] <= account["summary"]["identity"]
    assert any(row["aus"] == ["AU6", "AU12", "AU25"] for row in account["leakage"])
    assert len(account["keyframes"]) + len(account["between"]) > len(account["keyframes"])
    assert max(map(len, text.splitlines())) > 30 and "[0.0, " in text  # lists of numbers are lines
    assert account["settings"]["inversion"]["seed"] == 0 and account["versions"]["numpy"]


def test_a_film_looked_into_and_left_is_still_measured_whole(make_animator, photo):
    film = make_animator().animate(photo, "happiness", options=QUICK)
    for _, _frame in zip(range(3), film.frames(), strict=False):
        pass
    assert len(film._rendered().background) == len(film)


def test_a_receipt_comes_back_from_its_file(film, tmp_path):
    film.receipt.write(tmp_path / "r.json")
    again = read_receipt(tmp_path / "r.json")
    again.write(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == (tmp_path / "r.json").read_text()
    assert again.moments == read_receipt(tmp_path / "again.json").moments


def test_in_crop_mode_the_background_is_the_generators(make_animator, photo):
    film = make_animator().animate(photo, "AU12=E", options=replace(QUICK, mode="crop"))
    receipt = film.receipt
    assert receipt.output["width"] == 16
    background = receipt.curves.background
    assert not background or (background[0] == 0 and max(background) >= 0)


def test_relative_films_are_judged_by_what_the_face_shall_show(make_animator, photo):
    film = make_animator().animate(photo, "AU4=C", options=replace(QUICK, edit="relative"))
    own = film.subject.photo_aus
    (first, *_) = film.receipt.curves.asked[f"AU{next(iter(own))}"] if own else (0.0,)
    assert first == pytest.approx(own.get(next(iter(own)), 0.0) if own else 0.0, abs=1e-3)


# --- the page ---------------------------------------------------------------------------------------------------------

BLUE, ORANGE = (15, 98, 168), (194, 65, 12)


def coloured(page: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(page.astype(int) - colour).max(axis=2) < 12).sum())


@pytest.mark.slow
def test_the_page_is_a4_and_shows_the_curves_and_the_key_frames(film, tmp_path):
    film.save_page(tmp_path / "page.png")
    page = np.array(Image.open(tmp_path / "page.png").convert("RGB"))
    assert page.shape[0] / page.shape[1] == pytest.approx(297 / 210, abs=0.01) and page.shape[1] > 1200
    assert coloured(page, BLUE) > 500 and coloured(page, ORANGE) > 500
    border = np.concatenate([page[:20].reshape(-1, 3), page[-20:].reshape(-1, 3), page[:, :20].reshape(-1, 3)])
    assert (border == 255).all()  # nothing runs off the paper
    write_page(film.receipt, tmp_path / "plain.png")
    plain = np.array(Image.open(tmp_path / "plain.png").convert("RGB"))
    assert (page < 250).any(axis=2).sum() > 1.3 * (plain < 250).any(axis=2).sum()  # the pictures
    with Image.open(tmp_path / "page.png") as picture:
        assert "ynthetic" in picture.info["comment"]


@pytest.mark.slow
def test_the_pdf_is_one_page_and_the_same_again(film, tmp_path):
    receipt = film.receipt
    for name in ("a.pdf", "b.pdf"):
        write_page(receipt, tmp_path / name)
    data = (tmp_path / "a.pdf").read_bytes()
    assert data == (tmp_path / "b.pdf").read_bytes()
    assert data.startswith(b"%PDF") and data.count(b"/Type /Page ") == 1 and b"CreationDate" not in data


def test_a_page_needs_neither_face_nor_curves_nor_kind_names(film, tmp_path):
    receipt = film.receipt
    strange = replace(
        receipt,
        photo={"name": "$\\frac{1}{0$ 漢字\n\x07 " + "long " * 40},
        notes=("$x^$ % & " * 200,) * 9,
        curves=None,
        inversion=None,
        keyframes=tuple(replace(k, measured=None, identity=None) for k in receipt.keyframes),
        between=(),
        leakage=(),
    )
    write_page(strange, tmp_path / "page.png")
    assert np.array(Image.open(tmp_path / "page.png").convert("L")).min() < 100
    many = replace(receipt, leakage=receipt.leakage * 9, unreached={f"AU{au}": "shows nothing" for au in DISFA})
    write_page(many, tmp_path / "many.png")
    page = np.array(Image.open(tmp_path / "many.png").convert("RGB"))
    assert (page[-20:] == 255).all() and (page[:, -20:] == 255).all()


@pytest.mark.slow
def test_a_long_track_of_all_twelve_fits_on_the_page(make_animator, photo, tmp_path):
    from facsmith.timeline import Keyframe, Timeline

    random = np.random.default_rng(0)
    tracks = {au: tuple(Keyframe(t / 8, float(random.random())) for t in range(20)) for au in DISFA}
    film = make_animator().animate(photo, Timeline(tracks), options=QUICK)
    film.save_page(tmp_path / "page.png")
    page = np.array(Image.open(tmp_path / "page.png").convert("RGB"))
    assert (page[-20:] == 255).all() and coloured(page, BLUE) > 1000


@pytest.mark.parametrize(
    "damage",
    ["", "[]", "{}", '{"made_by": "somebody"}', "[" * 5000, "\x00", '{"made_by": "facsmith 1", "photo": 3}'],
)
def test_what_is_no_receipt_is_refused(tmp_path, damage):
    path = tmp_path / "r.json"
    path.write_text(damage)
    with pytest.raises(InputError, match="no receipt"):
        read_receipt(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_receipt(tmp_path / "nothing.json")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("curves", "fps"), 0),
        (("curves", "asked"), {"AU12": [1.0], "AU6": []}),
        (("curves", "asked"), {"AU99": [1.0]}),
        (("curves", "background"), "many"),
        (("summary", "off"), "NaN"),
        (("summary", "off"), float("nan")),
        (("output", "seconds"), None),
        (("leakage",), [{"aus": ["__class__"], "seconds": 0, "excess": {}}]),
        (("keyframes",), [3]),
    ],
)
def test_a_receipt_whose_numbers_are_none_is_refused(film, tmp_path, where, value):
    account = json.loads(film.receipt.to_json())
    inner = account
    for name in where[:-1]:
        inner = inner[name]
    inner[where[-1]] = value
    (tmp_path / "r.json").write_text(json.dumps(account))
    with pytest.raises(InputError, match="no receipt"):
        read_receipt(tmp_path / "r.json")


def test_the_command_draws_a_page(film, tmp_path, capsys):
    film.receipt.write(tmp_path / "r.json")
    assert main(["receipt", str(tmp_path / "r.json"), "-o", str(tmp_path / "r.pdf")]) == 0
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")
    assert main(["receipt", str(tmp_path / "r.json"), "-o", str(tmp_path / "r.doc")]) == 2
    assert ".png or .pdf" in capsys.readouterr().err


def test_a_page_of_another_kind_is_refused_before_the_work(film, tmp_path):
    with pytest.raises(OutputError, match=r"\.png or \.pdf"):
        film.save(tmp_path / "x.gif", page=tmp_path / "x.jpg")
    assert list(tmp_path.iterdir()) == []
    film.save(tmp_path / "x.gif", page=tmp_path / "x.pdf")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.gif", "x.gif.json", "x.pdf"]


def test_animate_refuses_a_wrong_page_at_once(tmp_path, capsys):
    arguments = ["animate", "nobody.jpg", "-e", "happiness", "-o", str(tmp_path / "x.mp4")]
    assert main([*arguments, "--receipt", str(tmp_path / "x.txt")]) == 2
    assert ".png or .pdf" in capsys.readouterr().err


def test_a_receipt_of_an_earlier_version_is_read_and_drawn(film, tmp_path):
    """The first ones ended with their key frames; what came since is optional, and so is all that may come."""
    known = json.loads(film.receipt.to_json())
    for later in ("tuning", "summary", "unreached", "leakage", "curves", "between", "ways"):
        del known[later]
    for record in known["keyframes"]:
        del record["unsure"]
    (tmp_path / "r.json").write_text(json.dumps({**known, "made_by": "facsmith 0.1", "of tomorrow": 1}))
    receipt = read_receipt(tmp_path / "r.json")
    assert [r.measured for r in receipt.moments] == [r.measured for r in film.receipt.keyframes]
    assert receipt.curves is None and not receipt.ways and not receipt.between
    write_page(receipt, tmp_path / "r.png", pictures=[])
    with Image.open(tmp_path / "r.png") as page:
        assert page.size[0] > 500
