"""Action Units: what is written is what is read, and nothing out of range gets in."""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facsmith.errors import ActionUnitError
from facsmith.facs import (
    AU_NAMES,
    AUS,
    DISFA,
    EMOTIONS,
    EYE_AUS,
    INTENSITY_LETTERS,
    OCCURRENCE,
    UNSIDED,
    ActionUnits,
    parse_expression,
    unlettered,
)

hundredths = st.integers(0, 100).map(lambda n: n / 100)
sides = st.dictionaries(st.sampled_from([au for au in AUS if au not in UNSIDED]), hundredths)


def test_aus_are_in_their_order_and_those_of_the_paper_are_among_them() -> None:
    assert DISFA == (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
    assert tuple(sorted({*DISFA, 7, 10, 14, 16, 18, 22, 23, 24, 27, 28, *EYE_AUS})) == AUS
    assert set(AUS) < set(AU_NAMES)


@given(sides, sides)
def test_parse_reads_back_what_str_wrote(left: dict[int, float], right: dict[int, float]) -> None:
    written = ActionUnits(left=left, right=right)
    assert ActionUnits.parse(str(written)) == written
    assert hash(ActionUnits.parse(str(written))) == hash(written)


@pytest.mark.parametrize("aus", [AUS, DISFA])
@given(data=st.data())
def test_vector_round_trip(aus: tuple[int, ...], data: st.DataObject) -> None:
    values = data.draw(st.lists(st.floats(0, 1), min_size=len(aus), max_size=len(aus)))
    action_units = ActionUnits.from_vector(values, aus=aus)
    assert np.array_equal(action_units.vector(aus=aus), np.abs(values))
    assert action_units.is_symmetric
    assert dict(action_units) == {au: v for au, v in zip(aus, values, strict=True) if v}


def test_a_vector_has_the_columns_that_are_named() -> None:
    shown = ActionUnits({12: 0.5, 7: 0.3}, left={14: 1})
    assert shown.vector().shape == (28,)
    assert shown.vector()[AUS.index(7)] == 0.3
    assert shown.vector(aus=DISFA).tolist() == [0, 0, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0]
    assert shown.vector("left", aus=(14, 12)).tolist() == [1, 0.5]
    with pytest.raises(ActionUnitError, match="FACS has no AU3"):
        shown.vector(aus=(3,))


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
    column = AUS.index(12)
    assert mixed.vector("left")[column] == 0.4
    assert mixed.vector("right")[column] == mixed.vector()[column] == 0.6
    assert [ActionUnits.parse(f"1={letter}")[1] for letter in INTENSITY_LETTERS] == [0.2, 0.4, 0.6, 0.8, 1.0]


def test_coders_write_that_an_au_occurs_and_a_wink_is_a_blink_of_one_side() -> None:
    assert ActionUnits.parse("6+12") == ActionUnits({6: OCCURRENCE, 12: OCCURRENCE})
    assert ActionUnits.parse("AU7") == ActionUnits({7: OCCURRENCE})
    assert ActionUnits.parse("1+2D+R12") == ActionUnits({1: OCCURRENCE, 2: 0.8}, right={12: OCCURRENCE})
    assert ActionUnits.parse("L45") == ActionUnits(left={45: OCCURRENCE})
    assert ActionUnits.parse("AU45=C")[45] == 0.6
    assert unlettered("6+12C, r12 AU4=0.3") == ("AU6", "R12")
    assert unlettered("happiness") == unlettered("neutral") == unlettered("6C+12D") == ()


def test_eyes_turn_together() -> None:
    assert ActionUnits.parse("61C").left == ActionUnits.parse("61C").right == {61: 0.6}
    for au in UNSIDED:
        assert ActionUnits(left={au: 0.5}, right={au: 0.5})[au] == 0.5
        with pytest.raises(ActionUnitError, match=f"AU{au} .* has no sides"):
            ActionUnits.parse(f"L{au}=C")


def test_an_au_of_facs_is_never_taken_for_a_typing_error() -> None:
    for au in AU_NAMES:
        if au in AUS:
            assert parse_expression(f"AU{au}=C")[au] == 0.6
            continue
        with pytest.raises(ActionUnitError) as refusal:
            parse_expression(f"AU{au}=C")
        said = str(refusal.value)
        assert f"AU{au} ({AU_NAMES[au]}) is in FACS" in said
        assert "Playable: AU1, " in said
        assert "Did you mean" not in said


def test_display() -> None:
    assert str(ActionUnits({12: 0.6, 6: 0.6})) == "AU6=0.60 AU12=0.60"
    assert str(ActionUnits(right={12: 0.5})) == "R12=0.50"
    assert str(ActionUnits()) == "neutral"
    assert not ActionUnits()
    assert eval(repr(ActionUnits(left={1: 0.3}, right={4: 1}))) == ActionUnits(left={1: 0.3}, right={4: 1})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("AU3=1", "FACS has no AU3"),
        ("AU34=1", "cheek puff"),
        ("AU46", "L45 or R45"),
        ("AU12=1.5", "from 0 to 1"),
        ("AU12=-0.1", "from 0 to 1"),
        ("AU12=nan", "from 0 to 1"),
        ("AU12=inf", "from 0 to 1"),
        ("AU12=F", "A-E"),
        ("AU12=", "intensity"),
        ("lips", "Unknown emotion"),
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
    for bad in ({3: 1.0}, {34: 1.0}, {"12": 1.0}, {12: math.nan}, {12: 1.01}, {12: -1}):
        with pytest.raises(ActionUnitError):
            ActionUnits(bad)
    with pytest.raises(ActionUnitError, match=r"\(28,\)"):
        ActionUnits.from_vector([0.0] * 12)
    with pytest.raises(ActionUnitError, match=r"\(12,\)"):
        ActionUnits.from_vector([0.0] * 11, aus=DISFA)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        ActionUnits({12: 1})._left = ()  # type: ignore[misc]


def test_emotions_are_the_seven_whole_prototypes_and_neutral() -> None:
    assert set(EMOTIONS) == {"neutral", "happiness", "sadness", "surprise", "fear", "anger", "disgust", "contempt"}
    # The paper's happy.
    assert EMOTIONS["happiness"].action_units.vector(aus=DISFA).tolist() == [0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0]
    assert set(EMOTIONS["anger"].action_units) == {4, 5, 7, 15, 17, 23, 24}
    assert set(EMOTIONS["disgust"].action_units) == {4, 7, 9, 10, 15, 17}
    assert set(EMOTIONS["contempt"].action_units.right) == {12, 14}
    assert not EMOTIONS["contempt"].action_units.left
    assert all(emotion.source for emotion in EMOTIONS.values())
    assert parse_expression(" Surprise ") == EMOTIONS["surprise"].action_units
    assert parse_expression("neutral") == ActionUnits()
