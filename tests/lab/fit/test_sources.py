"""Sources of AU-labelled faces, on small folders in exactly the layouts that people hold."""

import csv
import shutil
from dataclasses import replace

import av
import numpy as np
import pytest
import torch
from skimage.data import astronaut

from facsmith import face, image, measure
from facsmith.bundle import DEFAULT_BUNDLE, FILES, bundle_folder
from facsmith.checkpoint import load_generator
from facsmith.errors import BoundaryError, InputError
from facsmith.facs import DISFA
from facsmith.generator import TinyGenerator
from facsmith.lab.fit import FitOptions, fit_boundaries
from facsmith.lab.fit.sources import (
    DISFAOptions,
    DISFASource,
    MuscleOptions,
    MuscleSource,
    SampleOptions,
    Samples,
    TableOptions,
    TableSource,
    open_source,
)
from facsmith.lab.fit.sources.samples import Keeper

ROW = {au: k for k, au in enumerate(DISFA)}
FRAMES = 30


def shade(subject: int, frame: int) -> int:
    """What a frame looks like, so that a wrong frame is seen."""
    return 20 + 60 * subject + 4 * frame


@pytest.fixture(scope="module")
def disfa(tmp_path_factory):
    """Two subjects, both cameras, 30 frames: AU12 at 5 in frames 11-20, AU4 at 3 in 21-25, AU26 at 4 in frame 30."""
    root = tmp_path_factory.mktemp("DISFA")
    for subject in (1, 2):
        name = f"SN{subject:03d}"
        labels = root / "ActionUnit_Labels" / name
        labels.mkdir(parents=True)
        for au in DISFA:
            levels = np.zeros(FRAMES, int)
            if au == 12:
                levels[10:20] = 5
            if au == 4:
                levels[20:25] = 3
            if au == 26:
                levels[29] = 4
            lines = [f"{frame + 1},{level}" for frame, level in enumerate(levels)]
            (labels / f"{name}_au{au}.txt").write_text("\n".join(lines) + "\n")
        for side, folder in (("Left", "Videos_LeftCamera"), ("Right", "Video_RightCamera")):
            (root / folder).mkdir(exist_ok=True)
            write_avi(root / folder / f"{side}Video{name}_comp.avi", [shade(subject - 1, k) for k in range(FRAMES)])
    return root


def write_avi(path, shades):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=20)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuvj420p"
        for value in shades:
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), value, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_disfa_frames_come_with_their_own_labels(disfa):
    source = DISFASource(disfa, DISFAOptions(active=4, neutral=6))
    assert source.subjects == ("SN001", "SN002")
    items = list(source.items())
    assert len(items) == len(source) == 2 * 2 * (6 + 4 + 1)
    assert [item.index for item in items] == list(range(len(items)))
    for item in items:
        frame = round((float(item.image.mean()) - 20 - 60 * (item.person == "SN002")) / 4)
        assert item.au[ROW[12]] == (1.0 if 10 <= frame < 20 else 0.0)
        assert item.au[ROW[26]] == (0.8 if frame == 29 else 0.0)
        assert not 20 <= frame < 25  # intensity 3 is neither active nor neutral


def test_disfa_takes_as_many_frames_of_each_subject_spread_over_the_video(disfa):
    items = list(DISFASource(disfa, DISFAOptions(active=3, neutral=5, camera="left")).items())
    for subject in ("SN001", "SN002"):
        own = [item for item in items if item.person == subject]
        assert sum(item.au[ROW[12]] == 1 for item in own) == 3
        assert sum(item.au.max() == 0 for item in own) == 5
        frames = [
            round((float(i.image.mean()) - 20 - 60 * (subject == "SN002")) / 4) for i in own if i.au[ROW[12]] == 1
        ]
        assert frames == [10, 14, 19]


def test_disfas_threshold_is_a_choice(disfa):
    items = list(DISFASource(disfa, DISFAOptions(threshold=3, camera="right")).items())
    assert sum(item.au[ROW[4]] == pytest.approx(0.6) for item in items) == 2 * 5


@pytest.mark.parametrize(("start", "stop"), [(1, 7), (7, None), (25, 30), (11, 11)])
def test_any_frames_of_disfa_can_be_had(disfa, start, stop):
    source = DISFASource(disfa, DISFAOptions(active=4, neutral=6))
    whole, some = list(source.items())[start:stop], list(source.items(start, stop))
    assert [item.index for item in some] == [item.index for item in whole]
    assert all((one.image == other.image).all() for one, other in zip(some, whole, strict=True))


def test_portions_cover_all_places_and_name_their_files(disfa, pictures):
    films = list((source := DISFASource(disfa)).portions())
    assert [part.files[0].name for part in films] == [
        f"{side}VideoSN{subject:03d}_comp.avi" for subject in (1, 2) for side in ("Right", "Left")
    ]
    assert all(len(part.files) == 13 for part in films)  # and its label files
    table = TableSource(write_csv(pictures / "t.csv", [{"input": f"p{k}.png", "AU12_r": k} for k in range(5)]))
    rows = list(table.portions())
    assert [path.name for path in rows[0].files] == ["t.csv", "p0.png", "p1.png", "p2.png", "p3.png"]  # p4 is not there
    for which, parts in ((source, films), (table, rows)):
        assert [place for part in parts for place in range(part.start, part.stop)] == list(range(len(which)))


@pytest.mark.parametrize(
    ("text", "says"),
    [("1,0\n3,0\n", "without a gap"), ("1,0\n2,9\n", "0 to 5"), ("frame one\n", "frame,intensity")],
)
def test_disfa_labels_that_are_none_are_refused(disfa, tmp_path, text, says):
    broken = tmp_path / "DISFA"
    shutil.copytree(disfa, broken)
    (broken / "ActionUnit_Labels" / "SN001" / "SN001_au12.txt").write_text(text)
    with pytest.raises(InputError, match=says):
        DISFASource(broken)


def test_what_is_no_disfa_is_named(tmp_path, disfa):
    with pytest.raises(InputError, match="ActionUnit_Labels"):
        DISFASource(tmp_path)
    (tmp_path / "ActionUnit_Labels").mkdir()
    with pytest.raises(InputError, match="LeftVideoSN001"):
        DISFASource(tmp_path)
    with pytest.raises(InputError, match="1 to 5"):
        DISFAOptions(threshold=6)
    with pytest.raises(InputError, match="camera"):
        DISFAOptions(camera="middle")


@pytest.fixture
def pictures(tmp_path):
    for k in range(4):
        image.write(tmp_path / f"p{k}.png", np.full((40, 40, 3), 50 * k, np.uint8))
    return tmp_path


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def test_openface_rows_without_success_or_confidence_are_skipped(pictures):
    rows = [
        {"input": "p0.png", " confidence": "0.98", " success": "1", " AU12_r": "4.0", " AU25_r": "0.2", "AU12_c": "1"},
        {"input": "p1.png", " confidence": "0.98", " success": "0", " AU12_r": "5.0", " AU25_r": "0.0", "AU12_c": "1"},
        {"input": "p2.png", " confidence": "0.5", " success": "1", " AU12_r": "5.0", " AU25_r": "0.0", "AU12_c": "1"},
        {"input": "p3.png", " confidence": "0.8", " success": "1", " AU12_r": "0.0", " AU25_r": "5.0", "AU12_c": "0"},
    ]
    source = TableSource(write_csv(pictures / "t.csv", rows))
    items = list(source.items())
    assert [int(item.image.mean()) for item in items] == [0, 150]
    assert items[0].au[ROW[12]] == pytest.approx(0.8)
    assert items[0].au[ROW[25]] == 0  # an estimate of .04 is neutral
    assert items[1].au[ROW[25]] == 1
    assert any("2 rows" in sentence for sentence in source.notes)
    assert items[0].person != items[1].person
    assert len(list(source.items(1))) == 1
    assert len(TableSource(pictures / "t.csv", TableOptions(confidence=0.4))) == 3


def test_pyfeats_probabilities_are_taken_with_a_note(pictures):
    rows = [{"input": f"p{k}.png", "AU12": "0.9", "AU01": "0.3", "subject": "her"} for k in range(2)]
    source = TableSource(write_csv(pictures / "feat.csv", rows))
    assert any("probabilities" in sentence for sentence in source.notes)
    (first, second) = source.items()
    assert first.au[ROW[12]] == pytest.approx(0.9)
    assert first.person == second.person == "her"


def test_openfaces_frames_are_those_of_the_film_beside_it(tmp_path):
    write_avi(tmp_path / "walk.avi", [10, 60, 110, 160])
    rows = [{"frame": k + 1, "success": 1, "confidence": 0.9, "AU26_r": k} for k in range(4)]
    items = list(TableSource(write_csv(tmp_path / "walk.csv", rows)).items())
    assert [round(float(item.image.mean()) / 50) for item in items] == [0, 1, 2, 3]
    assert [item.au[ROW[26]] for item in items] == pytest.approx([0, 0.2, 0.4, 0.6])
    assert {item.person for item in items} == {"walk"}


def test_rows_beyond_the_end_of_a_film_are_named(tmp_path, disfa):
    write_avi(tmp_path / "walk.avi", [10, 60])
    rows = [{"frame": k + 1, "success": 1, "confidence": 0.9, "AU26_r": k} for k in range(4)]
    items = list(TableSource(write_csv(tmp_path / "walk.csv", rows)).items())
    assert [(i.index, i.image is None, i.name) for i in items[2:]] == [(2, True, "frame 3"), (3, True, "frame 4")]
    short = shutil.copytree(disfa, tmp_path / "DISFA")
    write_avi(next(short.rglob("LeftVideoSN001*")), [shade(0, k) for k in range(12)])
    whole, cut = (list(DISFASource(root, DISFAOptions(camera="left")).items()) for root in (disfa, short))
    assert sorted(i.index for i in cut) == sorted(i.index for i in whole)
    gone = [i.name for i in cut if i.image is None]
    assert gone and all(int(name.rpartition(" ")[2]) > 12 for name in gone)


def test_frames_may_be_a_folder_of_pictures(pictures):
    folder = pictures / "frames"
    folder.mkdir()
    for k in range(3):
        image.write(folder / f"{k:03d}.png", np.full((40, 40, 3), 80 * k, np.uint8))
    rows = [{"frame": k, "AU12_r": 5} for k in (1, 3, 9)]
    *items, beyond = TableSource(write_csv(pictures / "frames.csv", rows)).items()
    assert [int(item.image.mean()) for item in items] == [0, 160]
    assert (beyond.image, beyond.name) == (None, "frame 9")


def test_tables_that_tell_nothing_are_refused(pictures):
    with pytest.raises(InputError, match="no column of AUs"):
        TableSource(write_csv(pictures / "a.csv", [{"input": "p0.png", "smile": 1}]))
    with pytest.raises(InputError, match="names no pictures"):
        TableSource(write_csv(pictures / "b.csv", [{"frame": 1, "AU12_r": 1}]))
    with pytest.raises(InputError, match="no usable row"):
        TableSource(write_csv(pictures / "c.csv", [{"input": "p0.png", "success": 0, "AU12_r": 1}]))
    with pytest.raises(InputError, match="CSV"):
        TableSource(pictures / "none.csv")


def scored(picture):
    """AU12 where the picture is bright, AU26 with it in most of those, nothing elsewhere; every tenth has no face."""
    level = float(picture.mean()) / 255
    if round(level * 1e4) % 10 == 0:
        return None
    au = np.zeros(12)
    if level > 0.5:
        au[ROW[12]] = 0.5 + level / 2
        au[ROW[26]] = 0.9 if level > 0.51 else 0.05
    return au


def selected(source, items):
    """What is fitted of them."""
    wanted = source.selection()
    return [item for item in items if wanted(item.au)]


def test_samples_carry_their_latents_and_what_was_measured():
    generator = TinyGenerator(num_ws=4, w_dim=8, resolution=16)
    source = Samples(generator, 60, scored, SampleOptions(quota=5))
    items = selected(source, source.items())
    assert 0 < len(items) < len(list(source.items()))
    for item in items:
        with torch.inference_mode():
            picture = image.to_uint8(generator.synthesis(torch.tensor(item.latent[None])))[0]
        expected = scored(picture)
        assert expected is not None
        assert item.au == pytest.approx(np.where(expected < 0.15, 0, expected))
    assert len({item.person for item in items}) == len(items)
    neutral = [item for item in items if item.au.max() == 0]
    assert len(neutral) <= 5


def test_samples_are_the_same_again_from_any_place():
    source = Samples(TinyGenerator(num_ws=4, w_dim=8, resolution=16), 60, scored, SampleOptions(quota=6))
    whole = list(source.items())
    first, rest = list(source.items(0, 17)), list(source.items(17))
    assert [item.index for item in first + rest] == [item.index for item in whole]
    assert max(item.index for item in first) < 17
    for item, again in zip(whole, first + rest, strict=True):
        np.testing.assert_array_equal(item.latent, again.latent)


def by_dlib(picture: np.ndarray) -> np.ndarray | None:
    """As `measured` does it, with the landmarks that every machine has."""
    large = image.resize(picture, (384, 384))
    found = face.find(large, provider="dlib")
    return measure.alone(large, found[0]).intensities if found else None


@pytest.mark.slow
def test_the_bundled_generator_s_samples_make_a_boundary_of_the_only_au_they_show():
    generator = load_generator(bundle_folder(DEFAULT_BUNDLE) / FILES[0])
    source = Samples(generator, 32, by_dlib, SampleOptions(threshold=0.25))
    items = selected(source, source.items())
    shown = np.stack([item.au for item in items])
    with torch.inference_mode():
        again = image.to_uint8(generator.synthesis(torch.as_tensor(items[-1].latent[None])))[0]
    read = np.nan_to_num(by_dlib(again))  # the label is what this very picture shows
    np.testing.assert_allclose(shown[-1], np.where(read < 0.15, 0, read), atol=0.05)
    assert [item.index for item in selected(source, source.items(0, 8))] == [i.index for i in items if i.index < 8]
    assert ROW[12] in (shown >= 0.25).sum(axis=0).argsort()[-2:]  # smiles are what its faces at rest differ in
    assert shown[:, ROW[4]].max() < 0.25
    codes, people = np.stack([item.latent for item in items]), np.arange(len(items))
    options = FitOptions(aus=(12,), threshold=0.25, held_out=0)
    one, two = (
        fit_boundaries(codes, shown, groups=people, generator_id=generator.generator_id, options=options)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one[12].normal, two[12].normal)
    assert one[12].report["accuracy"] > 0.8  # on the faces it has seen: of others, 32 samples tell nothing
    with pytest.raises(BoundaryError, match="AU4 has"):
        fit_boundaries(codes, shown, groups=people, generator_id="g", options=replace(options, aus=(4,)))


def test_company_is_bounded():
    keeper = Keeper(SampleOptions(quota=50, company=0.5))
    both, alone = np.zeros(12), np.zeros(12)
    both[[ROW[6], ROW[12]]] = 0.9
    alone[ROW[6]] = 0.9
    kept_both = sum(keeper.offer(both) for _ in range(100))
    assert kept_both <= 12  # the first ones, whatever their company
    kept_alone = sum(keeper.offer(alone) for _ in range(100))
    assert kept_alone > 30
    assert keeper.shown[ROW[6], ROW[12]] <= 0.5 * keeper.shown[ROW[6], ROW[6]] + 1


def test_photos_are_moved_by_their_muscles(tmp_path):
    image.write(tmp_path / "her.png", np.ascontiguousarray(astronaut()[0:256, 100:356]))
    image.write(tmp_path / "wall.png", np.full((200, 200, 3), 90, np.uint8))
    source = MuscleSource(tmp_path, MuscleOptions(variants=4, provider="dlib"))
    *items, wall = source.items()
    assert (wall.index, wall.image, wall.name) == (4, None, "wall.png")  # there is no face to move
    assert len(items) == 4
    assert items[0].au.max() == 0
    assert all(1 <= np.count_nonzero(item.au) <= 3 for item in items[1:])
    assert {item.person for item in items} == {"her.png"}
    assert all(item.aligned for item in items)
    assert len({item.image.tobytes() for item in items}) == 4
    rest = list(source.items(2, 4))
    assert [item.index for item in rest] == [2, 3]
    assert (rest[0].image == items[2].image).all()


def test_a_data_set_is_taken_as_it_is(tmp_path):
    np.save(tmp_path / "images.npy", np.arange(2 * 3 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 4, 3))
    np.save(tmp_path / "au.npy", np.full((2, 3, 12), 0.5, np.float32))
    items = list(MuscleSource(tmp_path).items(4))
    assert [(item.index, item.person) for item in items] == [(4, "000001"), (5, "000001")]


def test_coded_pairs_give_neutrals_once_and_peaks_with_their_codes(pictures):
    rows = [
        {"peak": "p1.png", "neutral": "p0.png", "subject": "5", "facs": "4+R12d+25"},
        {"peak": "p2.png", "neutral": "p0.png", "subject": "5", "facs": "1c+27"},
        {"peak": "p3.png", "neutral": "p0.png", "subject": "5", "facs": "23+24"},  # none of the twelve: no neutral
        {"peak": "gone.png", "neutral": "p3.png", "subject": "6", "facs": "17e"},
    ]
    source = open_source(f"pairs:{write_csv(pictures / 'pairs.csv', rows)}")
    items = list(source.items())
    assert [(item.name, item.person) for item in items] == [
        ("p0.png", "5"),
        ("p3.png", "6"),
        ("p1.png", "5"),
        ("p2.png", "5"),
        ("gone.png", "6"),
    ]
    shown = [dict(zip(DISFA, item.au.tolist(), strict=True)) for item in items]
    assert not any(shown[0].values()) and not any(shown[1].values())
    assert {au: e for au, e in shown[2].items() if e} == {4: 0.7, 12: 0.8, 25: 0.7}
    assert {au: e for au, e in shown[3].items() if e} == {1: 0.6, 26: 1.0}
    assert items[4].image is None and items[2].image[0, 0].tolist() == [50, 50, 50]
    assert [item.index for item in source.items(2, 4)] == [2, 3]
    (portion,) = source.portions()
    assert {path.name for path in portion.files} == {"pairs.csv", "p0.png", "p1.png", "p2.png", "p3.png"}
    with pytest.raises(InputError, match="facs"):
        open_source(f"pairs:{write_csv(pictures / 'none.csv', rows[2:3])}")


@pytest.mark.parametrize(
    "text", ["disfa", "pairs:/nowhere", "video:x", "samples:many", "samples:5", "muscles:/nowhere", "csv:"]
)
def test_unknown_sources_are_named(text):
    with pytest.raises(InputError, match=r"source|folder|CSV"):
        open_source(text)
