"""Timeline files: what is written is what is read, and a file that says no timeline is refused where it is wrong."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facsmith.errors import TimelineError
from facsmith.facs import AUS, UNSIDED, ActionUnits, parse_expression
from facsmith.timeline import BLINK, EASINGS, Keyframe, Samples, Timeline, dump_yaml, parse_yaml

EXAMPLES = sorted((Path(__file__).parents[2] / "docs/examples").glob("*.yaml"))
AU12 = AUS.index(12)


def read(body: str) -> Timeline:
    return parse_yaml("timeline: 1\n" + body)


def test_there_are_three_examples():
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_read_and_move(path):
    timeline = Timeline.from_yaml(path)
    frames = timeline.sample(25)
    assert 2 < timeline.duration < 10
    assert frames.max() > 0.3
    open_eyed = np.delete(frames, AUS.index(BLINK), axis=1)
    assert np.abs(np.diff(open_eyed, axis=0)).max() < 0.4, "no jumps"
    again = parse_yaml(dump_yaml(timeline))
    np.testing.assert_allclose(again.sides(np.linspace(0, 6, 50)), timeline.sides(np.linspace(0, 6, 50)))


def test_an_expression_rises_stands_and_falls():
    timeline = read("expressions: [{at: 1, show: 'AU12=D', onset: 0.5, apex: 1, offset: 0.5}]")
    shown = timeline.at([0, 1, 1.5, 2.0, 2.5, 3.0, 9])[:, AU12]
    np.testing.assert_allclose(shown, [0, 0, 0.8, 0.8, 0.8, 0, 0], atol=1e-9)
    assert timeline.duration == 3.0


def test_a_later_expression_takes_over_from_where_the_first_stands():
    timeline = read(
        "expressions:\n"
        "  - {at: 0, show: AU12=E, onset: 0.5, apex: 0.5, offset: 1}\n"
        "  - {at: 1.4, show: AU12=C, onset: 0.5, apex: 0, offset: 0}\n"
    )
    frames = timeline.sample(100)[:, AU12]
    assert np.abs(np.diff(frames)).max() < 0.06
    assert timeline.at(1.9)[0, AU12] == pytest.approx(0.6)
    assert timeline.at(9.0)[0, AU12] == pytest.approx(0.6), "an offset of 0 stays"
    assert 0.05 < timeline.at(1.4)[0, AU12] < 0.95


def test_natural_timings_and_variants():
    lengths = {
        variant: read(f"variant: {variant}\nexpressions: [{{show: happiness}}]").duration
        for variant in ("posed", "spontaneous", "null")
    }
    assert lengths["posed"] < lengths["null"] < lengths["spontaneous"]
    spread = read("variant: spontaneous\nseed: 3\nexpressions: [{at: 1, show: happiness}]")
    onsets = {track[1].seconds - track[0].seconds for track in spread.tracks.values()}
    starts = {track[0].seconds for track in spread.tracks.values()}
    assert len(starts) == 3 and max(starts) - min(starts) < 0.08
    assert max(onsets) == pytest.approx(min(onsets))
    together = read("expressions: [{at: 1, show: happiness}]")
    assert len({track[0].seconds for track in together.tracks.values()}) == 1


def test_the_same_seed_gives_the_same_timeline():
    body = "variant: spontaneous\nseed: {}\nexpressions: [{{show: happiness}}]"
    assert read(body.format(1)) == read(body.format(1))
    assert read(body.format(1)) != read(body.format(2))


def test_sides_in_expressions_and_keyframes():
    timeline = read(
        "expressions: [{show: 'R12=E', onset: 1, apex: 1, offset: 0}]\n"
        "keyframes: {AU4: [[0, 0], [1, B]], L2: [[0, E]], AU1: [[0, A]], R1: [[0, 0]]}\n"
    )
    pose = timeline.pose(1.0)
    assert pose.right[12] == 1 and 12 not in pose.left
    assert pose.left[2] == 1 and 2 not in pose.right
    assert pose[4] == pytest.approx(0.4)
    assert pose.left[1] == pytest.approx(0.2) and 1 not in pose.right


def test_blinks_close_and_open_again():
    timeline = read("blinks: [1.0, {at: 2, side: right}]")
    eyes = timeline.blinks(np.linspace(0, 3, 301))
    assert eyes[:, 0].max() == 1 and eyes[150:, 0].max() == 0
    assert eyes[150:, 1].max() == 1
    assert eyes[0].tolist() == eyes[-1].tolist() == [0, 0]
    shown = timeline.sides(np.linspace(0, 3, 301))
    assert np.array_equal(shown[:, :, AUS.index(45)], eyes), "a blink is AU45"
    assert not np.delete(shown, AUS.index(45), axis=2).any()


def test_a_loop_has_no_jump():
    timeline = read("loop: true\nexpressions: [{show: 'AU12=E', onset: 1, apex: 1, offset: 0}]")
    for fps in (12, 25, 29.97):
        frames = timeline.sample(fps)
        around = np.concatenate([frames, frames])[:, AU12]
        inside = np.abs(np.diff(around)).max()
        assert inside < 4 / fps
        assert abs(frames[0, AU12] - frames[-1, AU12]) < 0.05
    assert timeline.sample(25)[-1, AU12] > 0, "the first frame is not shown twice"
    assert timeline.loop


def test_a_loop_that_closes_already_is_not_made_longer():
    closed = Timeline.onset_apex_offset(ActionUnits({12: 1.0}), onset=1, apex=0.5, offset=1)
    assert closed.looped().duration == closed.duration
    assert len(closed.looped().sample(10)) == len(closed.sample(10)) - 1


tracks = st.lists(st.floats(0, 1), min_size=1, max_size=5).flatmap(
    lambda values: st.lists(st.sampled_from(EASINGS), min_size=len(values), max_size=len(values)).map(
        lambda easings: tuple(Keyframe(0.3 * k, v, e) for k, (v, e) in enumerate(zip(values, easings, strict=True)))
    )
)
sides = st.dictionaries(st.sampled_from([au for au in AUS if au not in UNSIDED]), tracks, max_size=3)


@settings(max_examples=50)
@given(sides, sides, sides, st.floats(0, 5))
def test_written_and_read_it_is_the_same(both, left, right, duration):
    timeline = Timeline(
        both,
        duration,
        left={a: t for a, t in left.items() if a not in both},
        right={a: t for a, t in right.items() if a not in both},
    )
    if timeline.duration == 0 and not any((timeline.tracks, timeline.left, timeline.right)):
        return
    assert parse_yaml(dump_yaml(timeline)) == timeline


def test_samples_become_keyframes(tmp_path):
    timeline = Timeline({12: Samples(np.array([0.0, 0.5, 2.0]), np.array([0.1, 0.9, 0.2]))})
    timeline.to_yaml(tmp_path / "t.yaml")
    times = np.linspace(0, 3, 40)
    np.testing.assert_allclose(Timeline.from_yaml(tmp_path / "t.yaml").at(times), timeline.at(times))
    long = Timeline({au: Samples(np.arange(90_000) / 25, np.zeros(90_000)) for au in AUS})
    with pytest.raises(TimelineError, match="CSV"):
        long.to_yaml(tmp_path / "long.yaml")
    assert not (tmp_path / "long.yaml").exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "asks for nothing"),
        ("expressions: [{show: hapiness}]", r"expressions\[0\]: Unknown emotion 'hapiness'. Did you mean happiness"),
        ("expressions: [{show: 'AU34=C'}]", r"expressions\[0\]: AU34"),
        ("expressions: [{at: 1}]", r"expressions\[0\].show is missing"),
        ("expressions: [{show: fear, onset: -1}]", r"expressions\[0\].onset is -1"),
        ("expressions: [{show: fear, onset: .nan}]", r"expressions\[0\].onset is nan"),
        ("expressions: [{show: fear, onset: 4000}]", "3600"),
        ("expressions: [{show: fear, onest: 1}]", "has the key 'onest'; allowed: at, show"),
        ("expressions: [{show: fear, strength: 2}]", "strength of 2"),
        ("expressions: [{show: fear, easing: bounce}]", "available: linear"),
        ("expressions: [{show: fear, variant: acted}]", "available: posed, spontaneous"),
        ("expressions: [{show: fear, asynchrony: 5}]", "asynchrony of 5"),
        ("expressions: fear", "give a list"),
        ("keyframes: {AU34: [[0, 1]]}", r"keyframes.AU34: AU34 \(cheek puff\)"),
        ("keyframes: {AU3: [[0, 1]]}", "keyframes.AU3: FACS has no AU3"),
        ("keyframes: {L61: [[0, 1]]}", "AU61 has no sides"),
        ("keyframes: {hello: [[0, 1]]}", "keyframes.hello is no Action Unit"),
        ("keyframes: {X12: [[0, 1]]}", "keyframes.X12"),
        ("keyframes: {AU12: []}", "keyframes.AU12 is a list"),
        ("keyframes: {AU12: [[0]]}", r"keyframes.AU12\[0\] has 1 values"),
        ("keyframes: {AU12: [[0, 2]]}", r"keyframes.AU12\[0\]: A keyframe with intensity 2"),
        ("keyframes: {AU12: [[0, F]]}", r"keyframes.AU12\[0\].intensity is 'F'"),
        ("keyframes: {AU12: [[1, 1], [0, 1]]}", "growing seconds"),
        ("keyframes: {AU12: [{at: 1}]}", "no `intensity`"),
        ("keyframes: {AU12: [[yes, 1]]}", "is True; give a number"),
        ("keyframes: {AU12: [[0, 1]], L12: [[0, 1]], R12: [[0, 1]]}", "never be seen"),
        (
            "keyframes: {AU12: [[0, 1]]}\nexpressions: [{show: happiness}]",
            "AU12 is in `expressions` and in `keyframes`",
        ),
        ("keyframes: {AU12: [[0, 1]], AU12: [[0, 0]]}", "given twice"),
        ("blinks: [1, 1.1]", "further apart"),
        ("blinks: [{at: 1, side: up}]", "give both, left or right"),
        ("duration: forever", "duration is 'forever'"),
        ("duration: 1.0e+400", "duration is inf"),
        ("loop: 1", "give true or false"),
        ("seed: -1", "seed is -1"),
        ("speed: 2", "the key 'speed'"),
        ("expressions: [&a {show: fear}, *a]", "aliases"),
        ("expressions: !!python/object/apply:os.system [ls]", "no valid YAML"),
        ("expressions: [", "no valid YAML"),
        ("a: 2001-99-99", "no valid YAML"),
        ("? [a]\n: 1", "no name for a value"),
        ("a: " + "[" * 30 + "]" * 30, "nested"),
    ],
)
def test_refusals_say_where(body, said):
    with pytest.raises(TimelineError, match=said):
        read(body)


@pytest.mark.parametrize(
    "text", ["", "[]", "timeline: 2", "timeline: true", "duration: 3", "42", "timeline: 1\n---\na: 1"]
)
def test_files_that_are_no_timelines(text):
    with pytest.raises(TimelineError, match=r"^timeline: "):
        parse_yaml(text)


def test_a_file_is_not_read_when_it_is_too_large(tmp_path):
    (tmp_path / "large.yaml").write_text("timeline: 1\n" + "#" * (1 << 20))
    with pytest.raises(TimelineError, match=r"large\.yaml is larger"):
        Timeline.from_yaml(tmp_path / "large.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TimelineError, match="UTF-8"):
        Timeline.from_yaml(tmp_path / "bytes.yaml")
    with pytest.raises(TimelineError, match="no timeline file"):
        Timeline.from_yaml(tmp_path / "none.yaml")


class TestTimelines:
    def test_scattered_aus_come_apart_but_begin_and_end_together(self):
        timeline = Timeline.onset_apex_offset(parse_expression("happiness"), onset=0.7, apex=1, offset=1)
        apart = timeline.scattered(0.08, seed=1)
        assert apart.duration == timeline.duration
        peaks = [track[1].seconds for track in apart.tracks.values()]
        assert 0 < max(peaks) - min(peaks) < 0.08
        np.testing.assert_allclose(apart.at([0, apart.duration]), timeline.at([0, timeline.duration]))

    def test_led_in_begins_with_the_face_s_own_expression(self):
        own = ActionUnits({25: 0.7}, left={12: 0.5}, right={12: 0.3})
        samples = Samples(np.array([0.0, 1.0]), np.array([0.2, 0.4]))
        timeline = Timeline({4: (Keyframe(0.5, 0.5), Keyframe(1, 1)), 6: samples}).led_in(own, rise=0.6, hold=0.4)
        assert timeline.duration == pytest.approx(2.0)
        for seconds in (0.0, 0.4):
            assert timeline.pose(seconds) == own
        pose = timeline.pose(1.0)
        assert pose[4] == pytest.approx(0.5) and pose[6] == pytest.approx(0.2)
        assert 12 not in pose and 25 not in pose
        assert timeline.at(2.0)[0, AUS.index(4)] == pytest.approx(1)
        assert np.abs(np.diff(timeline.sides(np.linspace(0, 2, 200)), axis=0)).max() < 0.05

    def test_blinking_is_seeded_and_ends_open(self):
        timeline = Timeline(minimum_duration=30.0)
        a, b = timeline.blinking(seed=1), timeline.blinking(seed=1)
        assert a == b != timeline.blinking(seed=2)
        closed = a.blinks(np.linspace(0, 30, 3001))[:, 0]
        assert 4 <= ((closed[1:] == 1) & (closed[:-1] < 1)).sum() <= 12
        assert closed[0] == closed[-1] == 0
        assert a.blinking(seed=2) == a, "its own blinks stay"
