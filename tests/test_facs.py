"""Action Units: what is written is what is read, and nothing out of range gets in."""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facsmith.errors import ActionUnitError
from facsmith.facs import AU_NAMES, DISFA, EMOTIONS, INTENSITY_LETTERS, ActionUnits, parse_expression

hundredths = st.integers(0, 100).map(lambda n: n / 100)
sides = st.dictionaries(st.sampled_from(DISFA), hundredths)


def test_aus_are_those_of_the_paper_in_its_order() -> None:
    assert DISFA == (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26) == tuple(AU_NAMES)


@given(sides, sides)
def test_parse_reads_back_what_str_wrote(left: dict[int, float], right: dict[int, float]) -> None:
    written = ActionUnits(left=left, right=right)
    assert ActionUnits.parse(str(written)) == written
    assert hash(ActionUnits.parse(str(written))) == hash(written)


@given(st.lists(st.floats(0, 1), min_size=12, max_size=12))
def test_vector_round_trip(values: list[float]) -> None:
    action_units = ActionUnits.from_vector(values)
    assert np.array_equal(action_units.vector(), np.abs(values))
    assert action_units.is_symmetric
    assert dict(action_units) == {au: v for au, v in zip(DISFA, values, strict=True) if v}


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_our_error(text: str) -> None:
    with contextlib.suppress(ActionUnitError):
        assert isinstance(parse_expression(text), ActionUnits)


def test_letters_sides_and_spellings() -> None:
    assert ActionUnits.parse("AU6=C,AU12=0.6") == ActionUnits({6: 0.6, 12: 0.6})
    assert ActionUnits.parse("6=c 12 = D") == ActionUnits.parse("au6C+12d") == ActionUnits({6: 0.6, 12: 0.8})
    mixed = ActionUnits.parse("L12=B, AU12=0.6")
    assert (mixed.left[12], mixed.right[12], mixed[12]) == (0.4, 0.6, 0.6)
    assert not mixed.is_symmetric
    assert mixed.vector("left")[6] == 0.4
    assert mixed.vector("right")[6] == mixed.vector()[6] == 0.6
    assert [ActionUnits.parse(f"1={letter}")[1] for letter in INTENSITY_LETTERS] == [0.2, 0.4, 0.6, 0.8, 1.0]


def test_display() -> None:
    assert str(ActionUnits({12: 0.6, 6: 0.6})) == "AU6=0.60 AU12=0.60"
    assert str(ActionUnits(right={12: 0.5})) == "R12=0.50"
    assert str(ActionUnits()) == "neutral"
    assert not ActionUnits()
    assert eval(repr(ActionUnits(left={1: 0.3}, right={4: 1}))) == ActionUnits(left={1: 0.3}, right={4: 1})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("AU7=1", "AU7 is not one of the twelve"),
        ("AU12=1.5", "from 0 to 1"),
        ("AU12=-0.1", "from 0 to 1"),
        ("AU12=nan", "from 0 to 1"),
        ("AU12=inf", "from 0 to 1"),
        ("AU12=F", "A-E"),
        ("AU12", "intensity"),
        ("AU12=1,12=0.5", "twice"),
        ("happines", "Did you mean happiness?"),
        ("happy", "Did you mean happiness?"),
        ("", "No Action Unit"),
        ("AU999999=1", "no Action Unit"),
    ],
)
def test_refusals_say_what_is_accepted(text: str, says: str) -> None:
    with pytest.raises(ActionUnitError, match=says.replace("?", r"\?")):
        parse_expression(text)


def test_numbers_are_refused_as_text_is() -> None:
    for bad in ({7: 1.0}, {12: math.nan}, {12: 1.01}, {12: -1}):
        with pytest.raises(ActionUnitError):
            ActionUnits(bad)
    with pytest.raises(ActionUnitError, match=r"\(12,\)"):
        ActionUnits.from_vector([0.0] * 11)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        ActionUnits({12: 1})._left = ()  # type: ignore[misc]


def test_emotions_are_the_seven_and_neutral_and_partial_ones_say_so() -> None:
    assert set(EMOTIONS) == {"neutral", "happiness", "sadness", "surprise", "fear", "anger", "disgust", "contempt"}
    # The paper's happy.
    assert EMOTIONS["happiness"].action_units.vector().tolist() == [0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0]
    assert {name for name, emotion in EMOTIONS.items() if emotion.note} == {"anger", "disgust", "contempt"}
    assert not EMOTIONS["contempt"].action_units.is_symmetric
    assert all(emotion.source for emotion in EMOTIONS.values())
    assert parse_expression(" Surprise ") == EMOTIONS["surprise"].action_units
    assert parse_expression("neutral") == ActionUnits()
