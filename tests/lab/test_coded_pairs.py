"""Coders' lines and tables of pairs."""

import pytest

from facsmith.errors import InputError
from facsmith.lab.coded_pairs import CodedPair, parse_codes, read_pairs


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (
            "4+R7+14+17d+24",
            {4: (None, None), 7: (0.0, None), 14: (None, None), 17: (0.8, 0.8), 24: (None, None)},
        ),
        ("L12a+R12C", {12: (0.2, 0.6)}),
        ("1e + 39", {1: (1.0, 1.0), 39: (None, None)}),
        ("25?+6", {6: (None, None)}),
        ("", {}),
    ],
)
def test_coders_lines(text, codes):
    assert parse_codes(text) == codes


def test_no_letter_is_no_intensity():
    shown = CodedPair("a", "n", "1", parse_codes("R12+1b+27c+38+R7a"))
    assert shown.truth(12) is None
    assert (shown.truth(1), shown.truth(2), shown.truth(7)) == (0.4, 0.0, 0.2)
    assert shown.intensities([12, 1, 2]).tolist() == [[0.0, 0.4, 0.0], [0.7, 0.4, 0.0]]
    assert shown.intensities([12], unlettered=0.5)[1, 0] == 0.5
    assert dict(shown.action_units.left) == {1: 0.4, 27: 0.6}
    assert dict(shown.action_units.right) == {1: 0.4, 7: 0.2, 12: 0.7, 27: 0.6}


def test_an_au_without_sides_takes_the_larger():
    assert dict(CodedPair("a", "n", "1", parse_codes("R27b")).action_units.left) == {27: 0.4}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("peak,neutral,facs\n", "names no pair"),
        ("peak,facs\na.png,12\n", "columns peak and neutral"),
        ("peak,neutral\na.png,\n", "row 2 names no pair"),
    ],
)
def test_bad_tables_are_told(tmp_path, text, told):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=told):
        read_pairs(tmp_path / "p.csv")


def test_no_table(tmp_path):
    with pytest.raises(InputError, match="no readable CSV"):
        read_pairs(tmp_path / "p.csv")


def test_other_column_names_are_known(tmp_path):
    (tmp_path / "p.csv").write_text("image,neutral_image,subject,facs\na.png,n.png,7,12c\n")
    (read,) = read_pairs(tmp_path / "p.csv")
    assert (read.peak, read.neutral, read.subject, dict(read.codes)) == ("a.png", "n.png", "7", {12: (0.6, 0.6)})
