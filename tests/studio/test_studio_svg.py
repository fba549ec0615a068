"""Drawings of the page: what they say can be read."""

from itertools import combinations

from facsmith.facs import AUS
from facsmith.studio.svg import COLOURS


def channels(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance."""
    red, green, blue = ((v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4) for v in channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_label_contrasts_with_white_and_no_two_are_alike() -> None:
    assert sorted(COLOURS) == list(AUS)
    for au, colour in COLOURS.items():
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5, f"AU{au}"
    for one, other in combinations(COLOURS.values(), 2):
        assert sum(abs(a - b) for a, b in zip(channels(one), channels(other), strict=True)) > 0.15
