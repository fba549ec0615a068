"""Options are declared once: what front ends offer comes from the fields and docstrings alone."""

from dataclasses import fields
from typing import get_type_hints

import pytest

from facsmith.errors import InputError
from facsmith.options import (
    EDIT,
    ENCODE,
    FILM,
    AnimateOptions,
    InversionOptions,
    changed,
    choices,
    chosen,
    read_choice,
)


def test_every_field_is_offered_with_what_its_docstring_says():
    offered = choices(AnimateOptions)
    named = {each.name for kind in (AnimateOptions, InversionOptions) for each in fields(kind)} - {"inversion"}
    assert set(offered) == named
    for choice in offered.values():
        assert choice.help.endswith("."), choice
        assert "None" not in choice.help, choice
        optional = type(None) in getattr(get_type_hints(AnimateOptions).get(choice.name), "__args__", ())
        assert bool(choice.unset) == optional or choice.within, choice


def test_names_that_front_ends_offer_exist():
    assert set(ENCODE) < set(EDIT) < set(FILM) < set(choices(AnimateOptions))


def test_the_default_is_the_field_s():
    plain = AnimateOptions()
    for name, choice in choices(AnimateOptions).items():
        assert choice.default == getattr(plain.inversion if choice.within else plain, name)


def test_nested_options_are_chosen_beside_the_others():
    found = chosen(AnimateOptions(), {"fps": 30.0, "seed": 7, "start": "mean"})
    assert found == AnimateOptions(fps=30.0, inversion=InversionOptions(start="mean", seed=7))
    with pytest.raises(InputError, match="iterations"):
        chosen(AnimateOptions(), {"iterations": -1})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("fps", "12.5", 12.5),
        ("seed", " 3 ", 3),
        ("loop", "yes", True),
        ("personal", "0", False),
        ("mode", "crop", "crop"),
    ],
)
def test_values_are_read_from_tables(name, text, value):
    assert read_choice(choices(AnimateOptions)[name], text) == value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("fps", "fast", "a number"),
        ("seed", "1.5", "whole"),
        ("loop", "maybe", "yes or no"),
        ("mode", "x", "transfer or"),
    ],
)
def test_others_are_refused(name, text, said):
    with pytest.raises(InputError, match=said):
        read_choice(choices(AnimateOptions)[name], text)


def test_an_unknown_name_is_refused_with_the_one_meant():
    with pytest.raises(InputError, match="Did you mean onset"):
        changed(None, {"onsett": 1.0})
