"""Timelines: what is asked at a keyframe is what stands there, and between keyframes nothing overshoots."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facsmith.errors import TimelineError
from facsmith.facs import AUS, DISFA, EMOTIONS, ActionUnits
from facsmith.timeline import EASINGS, NATURAL_TIMINGS, Easing, Keyframe, Timeline, ease

expressions = st.dictionaries(st.sampled_from(DISFA), st.floats(0, 1)).map(ActionUnits)
seconds = st.floats(0.01, 5)
SMILE = ActionUnits({6: 0.5, 12: 1.0})


@pytest.mark.parametrize("easing", EASINGS)
def test_easings_go_monotonically_from_0_to_1(easing: Easing) -> None:
    eased = ease(np.linspace(-0.5, 1.5, 401), easing)
    assert eased[0] == 0
    assert eased[-1] == 1
    assert np.all(np.diff(eased) >= 0)


def test_every_easing_but_linear_starts_and_stops_gently() -> None:
    for easing in EASINGS[1:]:
        slopes = np.diff(ease(np.linspace(0, 1, 1001), easing)) * 1000
        assert slopes[0] < 0.05
        assert slopes[-1] < 0.05


@settings(max_examples=40)
@given(expressions, expressions, seconds, st.floats(0, 5), seconds, st.floats(5, 60))
def test_rise_hold_and_fall(
    start: ActionUnits, apex: ActionUnits, onset: float, hold: float, offset: float, fps: float
) -> None:
    timeline = Timeline.onset_apex_offset(apex, onset=onset, apex=hold, offset=offset, start=start)
    frames = timeline.sample(fps)
    low, high = np.minimum(start.vector(), apex.vector()), np.maximum(start.vector(), apex.vector())
    assert np.array_equal(frames[0], start.vector())
    assert np.allclose(frames[-1], start.vector(), atol=1e-12)
    assert np.all((frames >= low - 1e-12) & (frames <= high + 1e-12))
    assert np.all((frames >= 0) & (frames <= 1))
    assert np.allclose(timeline.at([onset, onset + hold]), apex.vector(), atol=1e-6)
    # Monotone: each AU goes one way while rising and the other way while falling.
    rise = np.diff(timeline.at(np.linspace(0, onset, 50)), axis=0) * np.sign(apex.vector() - start.vector())
    fall = np.diff(timeline.at(np.linspace(onset + hold, timeline.duration, 50)), axis=0)
    assert np.all(rise >= -1e-12)
    assert np.all(fall * np.sign(start.vector() - apex.vector()) >= -1e-12)


def test_frames_include_both_ends_whatever_the_rate() -> None:
    timeline = Timeline.onset_apex_offset(SMILE, onset=1.0, apex=0, offset=0)
    assert timeline.duration == 1.0
    for fps, count in ((25, 26), (2.5, 4), (30, 31), (0.1, 2)):
        frames = timeline.sample(fps)
        assert len(frames) == count
        assert np.array_equal(frames[0], np.zeros(28))
        assert np.array_equal(frames[-1], SMILE.vector())


def test_the_offset_is_not_the_mirrored_onset() -> None:
    timeline = Timeline.onset_apex_offset(SMILE, onset=1, apex=0, offset=1)
    smile = timeline.at(np.linspace(0, 2, 101))[:, AUS.index(12)]
    assert np.abs(smile - smile[::-1]).max() > 0.1


def test_phases_of_no_length_are_left_out() -> None:
    held = Timeline.onset_apex_offset(SMILE, onset=0, apex=1, offset=0)
    assert np.array_equal(held.sample(10), np.tile(SMILE.vector(), (11, 1)))
    still = Timeline.onset_apex_offset(SMILE, onset=0, apex=0, offset=0)
    assert np.array_equal(still.sample(25), SMILE.vector()[None])


@given(st.lists(expressions, min_size=1, max_size=5), st.floats(0, 2))
def test_a_sequence_passes_through_its_poses(poses: list[ActionUnits], first: float) -> None:
    times = [first + 0.7 * k for k in range(len(poses))]
    timeline = Timeline.sequence(zip(times, poses, strict=True))
    assert timeline.duration == times[-1]
    assert np.allclose(timeline.at(times), [pose.vector() for pose in poses], atol=1e-12)
    assert np.allclose(timeline.at(0.0), poses[0].vector())


def test_a_neutral_sequence_still_lasts() -> None:
    frames = Timeline.sequence([(0, ActionUnits()), (2, ActionUnits())]).sample(10)
    assert frames.shape == (21, 28)
    assert not frames.any()


def test_aus_have_keyframes_of_their_own() -> None:
    timeline = Timeline({12: (Keyframe(0, 0), Keyframe(1, 1, "linear")), 1: (Keyframe(0.5, 0.25), Keyframe(2, 0.75))})
    assert timeline.duration == 2
    assert timeline.at(0.5)[0, [AUS.index(12), AUS.index(1)]] == pytest.approx([0.5, 0.25])
    assert timeline.at(9)[0, [AUS.index(12), AUS.index(1)]] == pytest.approx([1, 0.75])


@pytest.mark.parametrize("name", EMOTIONS)
def test_natural_timings_lie_in_the_published_ranges(name: str) -> None:
    timing = NATURAL_TIMINGS[name]
    assert 0.2 <= timing.onset <= 0.9
    assert 0.5 <= Timeline.natural(EMOTIONS[name]).duration <= 4
    assert timing.offset >= timing.onset
    apex = Timeline.natural(EMOTIONS[name]).at(timing.onset)
    assert np.allclose(apex, EMOTIONS[name].action_units.vector())


def test_refusals() -> None:
    with pytest.raises(TimelineError, match="onset lasts -1"):
        Timeline.onset_apex_offset(SMILE, onset=-1, apex=0, offset=0)
    with pytest.raises(TimelineError, match="nan"):
        Timeline.onset_apex_offset(SMILE, onset=math.nan, apex=0, offset=0)
    with pytest.raises(TimelineError, match="growing seconds"):
        Timeline.sequence([(1, SMILE), (1, ActionUnits())])
    with pytest.raises(TimelineError, match="without keyframes"):
        Timeline.sequence([])
    with pytest.raises(TimelineError, match=r"AU34 \(cheek puff\)"):
        Timeline({34: (Keyframe(0, 1),)})
    with pytest.raises(TimelineError, match="AU61 has no sides"):
        Timeline(left={61: (Keyframe(0, 1),)})
    with pytest.raises(TimelineError, match="intensity"):
        Keyframe(0, math.nan)
    with pytest.raises(TimelineError, match="Unknown easing"):
        Keyframe(0, 1, "bounce")  # type: ignore[arg-type]
    for fps in (0, -1, math.nan, math.inf, 1e6):
        with pytest.raises(TimelineError, match="frames per second"):
            Timeline.onset_apex_offset(SMILE, onset=1, apex=0, offset=0).sample(fps)
