"""face.palette: colours are those that a photo can hold."""

import numpy as np
import pytest

from facsmith.face.palette import Palette


def photo(tint: tuple[float, float, float]) -> np.ndarray:
    light = np.random.default_rng(0).integers(20, 250, (64, 64, 1))
    return np.clip(np.rint(light * np.array(tint)), 0, 255).astype(np.uint8)


RED = np.full((4, 4, 3), (180, 60, 50), np.float32)


def test_a_grey_photo_holds_grey_alone():
    toned = Palette.of(photo((1, 1, 1))).toned(RED)
    assert np.ptp(toned, axis=2).max() < 2
    assert 60 < toned.mean() < 130


def test_a_sepia_photo_holds_its_own_tone():
    red, green, blue = Palette.of(photo((1.0, 0.86, 0.7))).toned(RED)[0, 0]
    assert green / red == pytest.approx(0.86, abs=0.05)
    assert blue / red == pytest.approx(0.7, abs=0.06)


def test_a_photo_in_colour_holds_every_colour():
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    assert Palette.of(noise).toned(RED) is RED
