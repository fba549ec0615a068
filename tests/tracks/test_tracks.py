"""Recorded tracks: what was recorded is what the timeline shows, and what cannot be used is said."""

import csv
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from facsmith.errors import InputError, TimelineError
from facsmith.facs import AUS, OCCURRENCE, ActionUnits
from facsmith.timeline import BLINK, Keyframe, Timeline
from facsmith.tracks import OneEuro, Resampler, TrackOptions, read_track, write_livelink, write_openface

AU12, AU25 = AUS.index(12), AUS.index(25)


def table(path, head, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
    return path


@pytest.fixture
def openface(tmp_path):
    """Writes rows of (timestamp, success, confidence, AU12 on 0-5) as OpenFace does, leading spaces and all."""

    def write(rows, name="of.csv"):
        head = [
            "frame",
            " face_id",
            " timestamp",
            " confidence",
            " success",
            " AU12_r",
            " AU45_r",
            " AU12_c",
            " pose_Tx",
        ]
        full = [[i + 1, 0, t, conf, ok, au, 0, int(au > 1), 3.5] for i, (t, ok, conf, au) in enumerate(rows)]
        return table(tmp_path / name, head, full)

    return write


class TestOpenFace:
    def test_intensities_are_a_fifth_of_the_numbers(self, openface):
        timeline = read_track(openface([(i / 25, 1, 0.98, i / 10) for i in range(51)]))
        assert timeline.duration == pytest.approx(2.0)
        frames = timeline.sample(25)
        assert len(frames) == 51
        np.testing.assert_allclose(frames[:, AU12], np.linspace(0, 1, 51), atol=1e-9)
        assert not np.delete(frames, AU12, axis=1).any()
        assert any("AU1, AU2" in note and "nothing moves" in note for note in timeline.notes)

    @pytest.mark.parametrize("rate", [10, 24, 30, 60, 240])
    def test_any_rate_is_brought_to_the_film_s(self, openface, rate):
        rows = [(i / rate, 1, 0.9, 2.5 - 2.5 * np.cos(i / rate * np.pi)) for i in range(2 * rate + 1)]
        shown = read_track(openface(rows), options=TrackOptions(fps=25)).sample(25)[:, AU12]
        truth = 0.5 - 0.5 * np.cos(np.arange(51) / 25 * np.pi)
        assert np.abs(shown - truth).max() < 0.02

    def test_unsuccessful_rows_are_bridged_and_it_is_said(self, openface):
        rows = [
            (i / 25, 0 if 20 <= i < 40 else 1, 0.5 if i == 45 else 0.9, 5 if 20 <= i < 40 else 1) for i in range(75)
        ]
        timeline = read_track(openface(rows))
        np.testing.assert_allclose(timeline.sample(25)[:, AU12], 0.2, atol=1e-9)
        assert any("21 of the track's 75 rows" in note for note in timeline.notes)
        assert any("1 gap(s), the longest 0.84 s from 0.76 s" in note for note in timeline.notes)

    def test_only_the_first_person_is_followed(self, tmp_path):
        head = ["face_id", "timestamp", "success", "AU12_r"]
        rows = [[face, i / 25, 1, 5 * face] for i in range(25) for face in (0, 1)]
        assert not read_track(table(tmp_path / "two.csv", head, rows)).sample(25).any()

    def test_occurrences_alone_are_no_intensities(self, tmp_path):
        path = table(tmp_path / "c.csv", ["timestamp", "success", "AU12_c"], [[0, 1, 1], [1, 1, 0]])
        with pytest.raises(TimelineError, match="not how much"):
            read_track(path)

    def test_a_part_can_be_read(self, openface):
        path = openface([(i / 25, 1, 0.9, i / 100) for i in range(500)])
        part = read_track(path, options=TrackOptions(start=4.0, seconds=2.0))
        assert part.duration == pytest.approx(2.0)
        assert part.at(0.0)[0, AU12] == pytest.approx(0.2)

    def test_blinks_are_kept(self, tmp_path):
        path = table(tmp_path / "b.csv", ["timestamp", "success", "AU12_r", "AU45_r"], [[0, 1, 0, 0], [1, 1, 0, 5]])
        assert read_track(path).blinks(1.0).tolist() == [[1.0, 1.0]]


class TestPyFeat:
    def test_frames_need_a_rate_and_probabilities_are_named(self, tmp_path):
        path = table(
            tmp_path / "feat.csv", ["frame", "FaceScore", "AU12", "AU43"], [[i, 0.99, 0.5, 0] for i in range(31)]
        )
        with pytest.raises(TimelineError, match="--track-fps"):
            read_track(path)
        timeline = read_track(path, options=TrackOptions(source_fps=30))
        assert timeline.duration == pytest.approx(1.0)
        assert timeline.sample(25)[:, AU12] == pytest.approx(0.0)  # a probability that stands still is rest
        assert any("AU12 0.50" in note for note in timeline.notes)
        assert any("probable" in note for note in timeline.notes)

    def test_rows_without_a_face_are_left_out(self, tmp_path):
        rows = [[i, "" if i % 2 else 0.25, "" if i % 2 else 0] for i in range(30)]
        timeline = read_track(
            table(tmp_path / "f.csv", ["frame", "AU12", "AU43"], rows), options=TrackOptions(source_fps=30)
        )
        assert any("15 of the track's 30 rows" in note for note in timeline.notes)
        assert timeline.sample(25)[:, AU12] == pytest.approx(0.25)


class TestLiveLink:
    HEAD = (
        "Timecode",
        "BlendShapeCount",
        "EyeBlinkLeft",
        "EyeBlinkRight",
        "MouthSmileLeft",
        "MouthSmileRight",
        "JawOpen",
    )

    def rows(self, count, rate=60):
        for i in range(count):
            yield [f"10:59:{59 - 59 + i // rate:02d}:{i % rate:02d}.123", 61, 0, i / count, i / count, 0, 0.5]

    def test_sides_are_kept_and_the_rate_is_learned(self, tmp_path):
        timeline = read_track(table(tmp_path / "ll.csv", self.HEAD, self.rows(241)))
        assert timeline.duration == pytest.approx(4.0, abs=0.02)
        assert any("60 frames a second" in note for note in timeline.notes)
        left, right = timeline.sample(25, "left"), timeline.sample(25, "right")
        assert left[-1, AU12] > 0.95 and not right[:, AU12].any()
        jaw = left[:, [AUS.index(26), AUS.index(27)]]  # jawOpen .4 is a full AU26, .9 a full AU27
        assert jaw == pytest.approx(np.tile([0.8, 0.2], (len(jaw), 1)))
        assert timeline.blinks(4.0)[0] == pytest.approx([0.0, 0.99], abs=0.02)

    def test_a_rate_that_is_given_is_taken(self, tmp_path):
        path = table(tmp_path / "ll.csv", self.HEAD, self.rows(61, rate=30))
        assert read_track(path, options=TrackOptions(source_fps=30)).duration == pytest.approx(2.0, abs=0.02)
        with pytest.raises(TimelineError, match="does not exist at 25"):
            read_track(path, options=TrackOptions(source_fps=25))

    def test_rows_without_a_face_are_left_out(self, tmp_path):
        rows = list(self.rows(120))
        rows[10:20] = [[row[0], 0] for row in rows[10:20]]
        timeline = read_track(table(tmp_path / "ll.csv", self.HEAD, rows))
        assert any("10 of the track's 120 rows" in note for note in timeline.notes)

    def test_apple_s_own_spelling_is_read(self, tmp_path):
        path = table(tmp_path / "arkit.csv", ["timestamp", "mouthSmile_L", "browInnerUp"], [[0, 0, 0.5], [1, 1, 0.5]])
        assert read_track(path).at(1.0, "left")[0, [0, AU12]].tolist() == [0.5, 1.0]


TIMELINE = Timeline(
    {26: (Keyframe(0, 0), Keyframe(1, 0.5)), BLINK: (Keyframe(0.2, 0), Keyframe(0.4, 1))},
    left={12: (Keyframe(0, 0), Keyframe(0.5, 1.0), Keyframe(1.5, 0.25, "relax"))},
)


def test_openface_out_and_in_is_the_same(tmp_path):
    write_openface(tmp_path / "out.csv", TIMELINE, fps=25)
    again = read_track(tmp_path / "out.csv")
    np.testing.assert_allclose(again.sample(25), TIMELINE.sample(25), atol=1e-4)
    np.testing.assert_allclose(again.blinks([0.2, 0.4])[:, 0], [0, 1], atol=1e-4)
    assert again.notes == ()


WINK = Timeline(
    {
        au: (Keyframe(0, 0), Keyframe(1, e))
        for au, e in {7: 0.4, 16: 0.3, 18: 0.5, 22: 0.6, 24: 0.7, 27: 0.5, 26: 0.5, 28: 0.2, 61: 0.8, 64: 0.3}.items()
    },
    left={14: (Keyframe(0, 0), Keyframe(1, 1)), 45: (Keyframe(0, 0), Keyframe(1, 1)), 25: (Keyframe(0, 0.75),)},
)


def test_further_aus_go_out_and_in_by_openface(tmp_path):
    write_openface(tmp_path / "out.csv", WINK, fps=25)
    np.testing.assert_allclose(read_track(tmp_path / "out.csv").sample(25), WINK.sample(25), atol=2e-4)


def test_further_aus_go_out_and_in_by_livelink(tmp_path):
    write_livelink(tmp_path / "out.csv", WINK, fps=25)
    again = read_track(tmp_path / "out.csv", options=TrackOptions(source_fps=25))
    np.testing.assert_allclose(again.sides([0, 1]), WINK.sides([0, 1]), atol=1e-4)
    assert any("tongueOut" in note for note in again.notes)


def test_gaze_turns_one_eye_inwards_and_the_other_outwards(tmp_path):
    write_livelink(tmp_path / "out.csv", Timeline({61: (Keyframe(0, 1.0), Keyframe(1, 1.0))}), fps=25)
    with open(tmp_path / "out.csv", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    looks = {name for name, value in row.items() if name.startswith("EyeLook") and float(value) == 1}
    assert looks == {"EyeLookOutLeft", "EyeLookInRight"}


def test_openface_tells_only_that_au28_occurs(tmp_path):
    path = table(tmp_path / "of.csv", ["timestamp", "success", "AU12_r", "AU28_c"], [[0, 1, 5, 0], [1, 1, 5, 1]])
    track = read_track(path)
    assert track.at([0.0, 1.0])[:, AUS.index(28)].tolist() == [0.0, OCCURRENCE]
    assert any("AU28" in note for note in track.notes)


def test_livelink_out_and_in_keeps_the_sides(tmp_path):
    write_livelink(tmp_path / "out.csv", TIMELINE, fps=60)
    with open(tmp_path / "out.csv") as file:
        header, first, *_ = csv.reader(file)
    assert len(header) == 63 and len(set(header)) == 63
    assert first[:2] == ["00:00:00:00.000", "61"]
    again = read_track(tmp_path / "out.csv", options=TrackOptions(fps=60, source_fps=60))
    for side in ("left", "right"):
        np.testing.assert_allclose(again.sample(60, side), TIMELINE.sample(60, side), atol=1e-4)


@pytest.mark.parametrize("fps", [24, 25, 29.97, 60])
def test_timecodes_grow(tmp_path, fps):
    write_livelink(tmp_path / "t.csv", Timeline(minimum_duration=62.0), fps=fps)
    again = read_track(tmp_path / "t.csv", options=TrackOptions(fps=fps, source_fps=fps))
    assert again.duration == pytest.approx(62.0, abs=0.1)


GOOD = [[0, 1, 0.0], [0.5, 1, 1.0], [1.0, 1, 2.0]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[1].__setitem__(2, "nan"), "row 3, column 3 is nan"),
        (lambda rows: rows[1].__setitem__(2, "inf"), "row 3, column 3 is inf"),
        (lambda rows: rows[1].__setitem__(2, "smile"), "'smile', not a number"),
        (lambda rows: rows[0].__setitem__(0, -0.5), "row 2 is at -0.5 s"),
        (lambda rows: rows[2].__setitem__(0, 0.25), "row 4 is at 0.25 s, after one at 0.5 s"),
        (lambda rows: rows[2].__setitem__(0, 0.5), "time grows"),
        (lambda rows: rows[2].__setitem__(0, "nan"), "nan s"),
        (lambda rows: rows[2].__setitem__(0, "noon"), "'noon'"),
        (lambda rows: rows[1].pop(), "row 3 has 2 columns"),
        (lambda rows: rows.__delitem__(slice(1, None)), "holds 1 usable row"),
        (lambda rows: rows.clear(), "holds 0 usable row"),
        (lambda rows: [row.__setitem__(1, 0) for row in rows], "holds 0 usable row"),
        (lambda rows: rows[2].__setitem__(0, 5000), "3600 s"),
    ],
)
def test_bad_rows_are_named(tmp_path, change, said):
    rows = [list(row) for row in GOOD]
    change(rows)
    with pytest.raises(TimelineError, match=r"^bad\.csv: ") as caught:
        read_track(table(tmp_path / "bad.csv", ["timestamp", "success", "AU12_r"], rows))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"a,b,c\n1,2,3\n", "of no known kind"),
        (b"timestamp,AU34_r\n0,1\n1,1\n", "none of its AUs"),
        (b"success,AU12_r\n1,1\n", "has no time"),
        (b"\x00\x01\x80\x81", "no text"),
        (b"timestamp,AU12_r\n" + b"9" * 200_000, "line is longer"),
        (b"Timecode,JawOpen\nnoon,1\n", "HH:MM:SS:FF"),
    ],
)
def test_bad_files_are_refused_in_a_sentence(tmp_path, content, said):
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(TimelineError, match=said):
        read_track(tmp_path / "bad.csv")


def test_no_file(tmp_path):
    with pytest.raises(TimelineError, match="no track"):
        read_track(tmp_path / "none.csv")


def test_yaml_is_a_track_too(tmp_path):
    TIMELINE.to_yaml(tmp_path / "t.yaml")
    assert read_track(tmp_path / "t.yaml") == TIMELINE


def test_a_long_recording_takes_memory_by_its_seconds_not_by_its_rows():
    resampler = Resampler(1, 25)
    for i in range(20_000):
        resampler.add(i / 10_000, (0.5,))
    tracemalloc.start()
    for i in range(20_000, 200_000):  # 20 seconds at 10 kHz
        resampler.add(i / 10_000, (0.5,))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    seconds, values = resampler.points()
    assert len(seconds) == 501 and np.all(values == 0.5)


def test_rows_are_read_fast_enough_for_millions(openface):
    path = openface([(i / 1000, 1, 0.98, 2.5) for i in range(30_000)])
    began = time.process_time()
    read_track(path)
    assert time.process_time() - began < 3  # ten million in a quarter of an hour even on a slow machine


def test_smoothing_takes_the_noise_and_leaves_the_step(openface):
    noise = np.random.default_rng(0).normal(0, 0.1, 100)
    rows = [(i / 25, 1, 0.9, float((1 if i < 50 else 4) + noise[i])) for i in range(100)]
    raw = read_track(openface(rows)).sample(25)[:, AU12]
    smooth = read_track(openface(rows), options=TrackOptions(smoothing=OneEuro())).sample(25)[:, AU12]
    assert np.diff(smooth[10:45]).std() < 0.6 * np.diff(raw[10:45]).std()
    assert smooth[56] > 0.7 and smooth[48] < 0.3


def test_a_track_is_asked_as_it_was_recorded(openface):
    timeline = read_track(openface([(i / 25, 1, 0.9, 2.5) for i in range(10)]))
    assert timeline.pose(0.1) == ActionUnits({12: 0.5})
    assert timeline.scaled(1.5).pose(0.1)[12] == pytest.approx(0.75)


@pytest.mark.parametrize(
    "wrong",
    [{"fps": 0}, {"source_fps": -1}, {"start": -1}, {"seconds": 0}, {"min_confidence": 2}, {"fps": float("nan")}],
)
def test_options_are_validated(wrong):
    with pytest.raises(InputError):
        TrackOptions(**wrong)
    with pytest.raises(InputError):
        OneEuro(min_cutoff=0)


class TestOddTables:
    """What other programs and spreadsheets make of a track."""

    def write(self, tmp_path, text, *, encoding="utf-8", name="odd.csv"):
        (tmp_path / name).write_bytes(text.encode(encoding))
        return tmp_path / name

    @pytest.mark.parametrize(
        ("text", "encoding"),
        [
            ("timestamp,AU12_r\n0,0\n1,5\n", "utf-8"),
            ("timestamp_ms,AU12_r\n0,0\n1000,5\n", "utf-8"),
            ("frame_time_in_ms,au_12,au_12_intensity\n0,1,0\n1000,1,5\n", "utf-8"),
            ("timestamp;AU12_r\n0,0;0,0\n1,0;5,0\n", "utf-8"),
            ("sep=;\r\ntimestamp;AU12_r\r\n0;0\r\n1;5\r\n", "utf-8"),
            ("sep=|\ntimestamp|AU12_r\n0|0\n1|5\n", "utf-8"),
            ("timestamp,AU12_r\n0,0\n1,5\n", "utf-16"),
            ('timestamp,AU12_r\n0,"0,0"\n1,"5,0"\n', "utf-8"),
        ],
    )
    def test_all_read_alike(self, tmp_path, text, encoding):
        timeline = read_track(self.write(tmp_path, text, encoding=encoding))
        assert timeline.sample(25)[:, AU12] == pytest.approx(np.linspace(0, 1, 26))

    @pytest.mark.parametrize("name", ["AU1_r", "AU01_r", "au_1_intensity"])
    def test_unpadded_names_are_not_dropped(self, tmp_path, name):
        timeline = read_track(self.write(tmp_path, f"timestamp,{name}\n0,5\n1,5\n"))
        assert timeline.sample(25)[:, AUS.index(1)] == pytest.approx(1.0)

    def test_openface_3(self, tmp_path):
        head = ",".join(f"AU{au}" for au in (1, 2, 4, 6, 9, 12, 25, 26))
        timeline = read_track(
            self.write(tmp_path, f"timestamp,{head}\n" + "".join(f"{t}" + ",0.5" * 8 + "\n" for t in range(40)))
        )
        assert timeline.sample(25)[:, AU12] == pytest.approx(0.5)
        assert any("OpenFace 3" in note for note in timeline.notes)

    def test_aus_that_cannot_be_played_are_named(self, tmp_path):
        timeline = read_track(self.write(tmp_path, "timestamp,AU12_r,AU99_r\n0,0,1\n1,5,1\n"))
        assert any("AU99 cannot be played" in note for note in timeline.notes)

    def test_of_two_faces_the_identity_is_followed(self, tmp_path):
        rows = "".join(f"{i},a,{0.02 * i}\n{i},b,0.9\n" for i in range(31))
        timeline = read_track(self.write(tmp_path, "frame,Identity,AU12\n" + rows), options=TrackOptions(source_fps=30))
        assert timeline.sample(30)[0, AU12] < 0.01 < timeline.sample(30)[-1, AU12]
        assert any("31 rows are of other faces" in note for note in timeline.notes)

    def test_of_two_faces_without_identity_the_larger_is_followed(self, tmp_path):
        rows = "".join(f"{i},10,10,0.9\n{i},50,50,{0.02 * i}\n" for i in range(31))
        timeline = read_track(
            self.write(tmp_path, "frame,FaceRectWidth,FaceRectHeight,AU12\n" + rows),
            options=TrackOptions(source_fps=30),
        )
        assert timeline.sample(30)[-1, AU12] > 0.5
        assert any("31 rows are of other faces" in note for note in timeline.notes)

    def test_probabilities_rest_at_their_own_low_quantile(self, tmp_path):
        rows = "".join(f"{i},1.0,{0.4 if i < 40 else 1.0}\n" for i in range(80))
        timeline = read_track(self.write(tmp_path, "frame,AU20,AU12\n" + rows), options=TrackOptions(source_fps=25))
        curves = timeline.sample(25)
        assert np.all(curves[:, AUS.index(20)] == 0)
        assert curves[0, AU12] == pytest.approx(0) and curves[-1, AU12] == pytest.approx(1)
        assert any("AU20 1.00" in note and "AU12 0.40" in note for note in timeline.notes)

    def test_pyfeat_2_has_blendshapes_and_sides(self, tmp_path):
        path = self.write(tmp_path, "timestamp,AU12,mouthSmileLeft,mouthSmileRight\n0,1,0.2,0.8\n1,1,0.2,0.8\n")
        sides = read_track(path).sides(np.array([0.5]))
        assert sides[0, :, AU12] == pytest.approx([0.2, 0.8])
        path = self.write(tmp_path, "timestamp,AU12_L,AU12_R\n0,0.2,0.8\n1,0.2,0.8\n")
        assert read_track(path).sides(np.array([0.5]))[0, :, AU12] == pytest.approx([0.2, 0.8])

    def test_livelink_over_midnight(self, tmp_path):
        text = "Timecode,JawOpen\n23:59:59:00.0,0\n23:59:59:30.0,0\n00:00:00:00.0,1\n00:00:00:30.0,1\n"
        timeline = read_track(self.write(tmp_path, text), options=TrackOptions(source_fps=60))
        assert timeline.duration == pytest.approx(1.5)

    def test_equal_timecodes_are_averaged_and_named(self, tmp_path):
        text = "Timecode,JawOpen\n00:00:01:00,0\n00:00:01:30,0.1\n00:00:01:30,0.3\n00:00:02:00,1\n"
        timeline = read_track(self.write(tmp_path, text), options=TrackOptions(source_fps=60, fps=2))
        assert timeline.sample(2)[1, AUS.index(26)] == pytest.approx(0.5)  # of jawOpen, 0.4 is a full AU26
        assert any("1 rows have the timecode" in note for note in timeline.notes)

    @pytest.mark.parametrize(
        "frame",
        [
            '"faceBlendshapes": [{"categories": [{"categoryName": "jawOpen", "score": 0.2}]}]',
            '"face_blendshapes": [[{"category_name": "jawOpen", "score": 0.2}]]',
            '"blendshapes": {"jawOpen": 0.2}',
        ],
    )
    def test_mediapipe_json(self, tmp_path, frame):
        text = "[" + ",".join(f'{{"timestamp_ms": {t}, {frame}}}' for t in (0, 500, 1000)) + "]"
        timeline = read_track(self.write(tmp_path, text, name="faces.json"))
        assert timeline.duration == pytest.approx(1.0)
        assert timeline.sample(25)[:, AUS.index(26)] == pytest.approx(0.5)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{", "no JSON"),
            ("[]", "no list of frames"),
            ('[{"blendshapes": {"jawOpen": 1}}]', "no time"),
            ('[{"timestamp_ms": 0}]', "no blendshapes"),
        ],
    )
    def test_other_json_is_refused_with_the_way_out(self, tmp_path, text, said):
        with pytest.raises(TimelineError, match=said):
            read_track(self.write(tmp_path, text, name="faces.json"))


def recording(name):
    path = Path(__file__).parents[2] / "shared" / "tracks" / name
    if not path.is_file():
        pytest.skip("the recordings are not in this checkout")
    return path


@pytest.mark.parametrize("name", ["livelink_face.csv", "openface.csv"])
def test_real_recordings_play(name):
    curves = read_track(recording(name), options=TrackOptions(seconds=20)).sample(25)
    assert len(curves) > 2 and np.isfinite(curves).all() and curves.max() > curves.min()


def test_a_real_table_of_pyfeat(tmp_path):
    head, row = recording("pyfeat.csv").read_text().splitlines()[:2]  # a table of one photo
    (tmp_path / "one.csv").write_text(f"{head}\n{row}\n")
    with pytest.raises(TimelineError, match="needs two or more"):
        read_track(tmp_path / "one.csv", options=TrackOptions(source_fps=30))
    (tmp_path / "two.csv").write_text(f"{head}\n{row}\n1{row[row.index(',') :]}\n")
    assert read_track(tmp_path / "two.csv", options=TrackOptions(source_fps=30)).sample(30)[:, AU12].min() > 0.9
