"""Teeth are painted where lips part and the generator draws something bright, and nowhere else."""

import numpy as np
import pytest
from conftest import face_points

from facsmith.compose.teeth import Teeth

IOD, SHAPE = 80.0, (256, 256)


def points(gap: float = 0.0) -> np.ndarray:
    """(68, 2) a face whose inner lips are so far apart, IOD."""
    at = face_points(128, 90, IOD)
    at[60:68, 1] = at[60:68, 1].mean()
    at[61:64, 1] -= gap * IOD / 2
    at[65:68, 1] += gap * IOD / 2
    return at


def made(gap: float = 0.0, light: float = 1.0) -> tuple[Teeth, np.ndarray, np.ndarray]:
    """Teeth, the photo they are for, and where its lips part: a band above the mouth's line."""
    at = points(gap)
    photo = np.full((*SHAPE, 3), 160 * light, np.float32)
    rows = np.arange(SHAPE[0])[:, None]
    mouth = slice(int(at[48, 0]), int(at[54, 0]))
    photo[int(at[51, 1]) : int(at[57, 1]), mouth] = np.float32(110 * light)
    line = at[60, 1]
    parted = np.zeros(SHAPE, np.float32)
    parted[:, int(at[60, 0]) : int(at[64, 0])] = (rows > line - 0.1 * IOD) & (rows < line)
    return Teeth(at, IOD, photo, np.ones(SHAPE, np.float32)), photo, parted


def test_something_bright_becomes_single_teeth():
    teeth, _, parted = made()
    bright = np.full((*SHAPE, 3), 150, np.float32)
    filled = teeth.between(bright, parted)
    assert np.array_equal(filled[parted == 0], bright[parted == 0])
    line = int(points()[60, 1]) - 4
    row = filled[line, parted[line] > 0]
    inner = row[len(row) // 4 : -len(row) // 4].mean(axis=1)
    assert inner.mean() > 165  # brighter than what was drawn
    assert np.ptp(inner) > 10  # gaps between them
    assert np.all(bright == 150)  # what was given stays


def test_the_mouths_depth_stays():
    teeth, _, parted = made()
    dark = np.full((*SHAPE, 3), 60, np.float32)
    assert np.array_equal(teeth.between(dark, parted), dark)


def test_a_closed_mouth_shows_none():
    teeth, photo, parted = made()
    assert np.array_equal(teeth.between(photo, np.zeros_like(parted)), photo)


def test_who_shows_teeth_gets_no_others():
    teeth, _, parted = made(gap=0.1)
    bright = np.full((*SHAPE, 3), 150, np.float32)
    assert np.array_equal(teeth.between(bright, parted), bright)


@pytest.mark.parametrize("light", [0.4, 0.7])
def test_teeth_in_a_dark_photo_are_dark(light: float):
    well, dim = (
        made(light=shade)[0].between(np.full((*SHAPE, 3), 150 * shade, np.float32), made()[2])[made()[2] > 0].mean()
        for shade in (1.0, light)
    )
    assert dim == pytest.approx(light * well, rel=0.1)
