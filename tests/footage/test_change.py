"""What is asked of a film: laws, sides, parts, fades."""

import numpy as np
import pytest

from facsmith.errors import ActionUnitError, TimelineError
from facsmith.facs import AUS, ActionUnits
from facsmith.footage import FilmChange, read_changes
from facsmith.timeline import Keyframe, Timeline

SMILE, BROW, BLINK = (AUS.index(au) for au in (12, 4, 45))


def source(*smiles):
    shown = np.zeros((len(smiles), len(AUS)))
    shown[:, SMILE] = smiles
    return shown


def change(law, text, **parts):
    return FilmChange(**{law: read_changes(text, law)}, **parts)


def test_changes_are_read_with_signs_letters_and_sides():
    read = read_changes("AU12=-0.4, L4=+B; R4=0.1", "relative")
    assert read == {("L", 12): -0.4, ("R", 12): -0.4, ("L", 4): 0.4, ("R", 4): 0.1}


@pytest.mark.parametrize(
    ("text", "law", "said"),
    [
        ("AU12", "relative", "no change"),
        ("AU12=2", "relative", "allowed: -1 to 1"),
        ("AU12=-0.1", "gain", "allowed: 0 to 3"),
        ("AU12=1.5", "absolute", "allowed: 0 to 1"),
        ("AU12=.1,12=.2", "relative", "given twice"),
        ("AU3=.1", "relative", "AU3"),
        ("R63=.1", "relative", "no sides"),
        (" ", "gain", "No Action Unit"),
    ],
)
def test_what_is_no_change_is_said(text, law, said):
    with pytest.raises(ActionUnitError, match=said):
        read_changes(text, law)


def test_relative_takes_no_more_than_there_is():
    changed = change("relative", "AU12=-0.5").of(source(0.0, 0.2, 0.9, 1.3), np.arange(4.0), last=3.0)
    assert changed[:, 0, SMILE] == pytest.approx([0, -0.2, -0.5, -0.5])
    assert not np.delete(changed, SMILE, axis=2).any(), "what was not asked changes by exactly nothing"


def test_relative_adds_up_to_the_whole_intensity():
    changed = change("relative", "AU12=+0.5").of(source(0.0, 0.8, 1.2), np.arange(3.0), last=2.0)
    assert changed[:, 0, SMILE] == pytest.approx([0.5, 0.2, 0.0])


def test_gain_and_absolute():
    shown, seconds = source(0.0, 0.4, 1.0), np.arange(3.0)
    assert change("gain", "AU12=0.5").of(shown, seconds, last=2.0)[:, 1, SMILE] == pytest.approx([0, -0.2, -0.5])
    assert change("absolute", "AU12=0.3").of(shown, seconds, last=2.0)[:, 1, SMILE] == pytest.approx([0.3, -0.1, -0.7])


def test_one_side():
    changed = change("relative", "L12=-0.3").of(source(0.8), np.zeros(1), last=0.0)
    assert changed[0, 0, SMILE] == pytest.approx(-0.3) and not changed[0, 1].any()


def test_a_part_of_the_film_fades_inside_its_ends_only():
    seconds = np.linspace(0, 4, 41)
    weights = change("gain", "AU12=0", begin=1.0, end=3.0, fade=0.5).weights(seconds, last=4.0)
    assert not weights[(seconds <= 1) | (seconds >= 3)].any()
    assert (weights[(seconds >= 1.5) & (seconds <= 2.5)] == 1).all()
    assert np.abs(np.diff(weights)).max() < 0.45
    assert (change("gain", "AU12=0").weights(seconds, last=4.0) == 1).all()
    assert (change("gain", "AU12=0", end=4.0).weights(seconds, last=4.0) == 1).all(), "the film's own end is no fade"


def test_a_timeline_sets_its_own_aus_over_time():
    timeline = Timeline({12: (Keyframe(0.0, 0.0), Keyframe(1.0, 1.0)), 45: (Keyframe(0.0, 0.0), Keyframe(1.0, 1.0))})
    changed = FilmChange(timeline=timeline).of(source(0.5, 0.5), np.array([0.0, 1.0]), last=1.0)
    assert changed[:, 0, SMILE] == pytest.approx([-0.5, 0.5])
    assert changed[:, 0, BLINK] == pytest.approx([0.0, 1.0])
    assert not changed[:, :, BROW].any()


def test_contradictions_are_refused():
    with pytest.raises(ActionUnitError, match="two ways"):
        FilmChange(relative=read_changes("AU12=.1", "relative"), absolute=read_changes("L12=.1", "absolute"))
    with pytest.raises(ActionUnitError, match="Say what shall change"):
        FilmChange()
    with pytest.raises(ActionUnitError, match="cannot be opened"):
        change("relative", "AU45=-0.5")
    with pytest.raises(TimelineError, match="comes after"):
        change("gain", "AU12=0", begin=2, end=1)


def test_a_photo_takes_the_same_changes():
    shown = ActionUnits({12: 0.6}, left={4: 0.5})
    target = change("relative", "AU12=-0.4,R4=+0.2").applied(shown)
    assert target.left == pytest.approx({12: 0.2, 4: 0.5}) and target.right == pytest.approx({12: 0.2, 4: 0.2})
    assert change("gain", "AU12=0").applied(shown)[4] == 0.5
