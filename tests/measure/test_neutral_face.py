"""Relative responses by landmarks: the muscles' own pictures read as what they were asked."""

from dataclasses import replace

import numpy as np
import pytest

from facsmith.errors import NoFaceError
from facsmith.face import Face, follow
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import DISFA
from facsmith.measure import NeutralFace


@pytest.mark.parametrize("au", [9, 12, 15, 26])
def test_muscles_are_read_as_themselves_and_rest_as_nothing(portrait: np.ndarray, found: Face, au: int):
    neutral, warp = NeutralFace(portrait, found), MuscleWarp(found.landmarks, portrait.shape)
    one = np.eye(len(DISFA))[DISFA.index(au)]
    assert neutral.relative_response(portrait, au) == pytest.approx(0, abs=1e-9)
    assert neutral.relative_response(warp(portrait, one), au) == pytest.approx(1, abs=0.1)
    assert neutral.relative_response(warp(portrait, 0.6 * one), au) == pytest.approx(0.6, abs=0.15)


def test_a_picture_without_the_face_and_muscles_that_nobody_sees_tell_nothing(portrait: np.ndarray, found: Face):
    def seeing(picture: np.ndarray, known: Face) -> Face:
        if not picture.any():
            raise NoFaceError("nothing there")
        return follow(picture, known)

    dark = np.zeros_like(portrait)
    assert np.isnan(NeutralFace(portrait, found, follow=seeing).relative_response(dark, 26))
    with pytest.raises(NoFaceError):
        NeutralFace(dark, found, follow=seeing)

    blind = NeutralFace(portrait, found, follow=lambda picture, known: known)  # sees no movement, not even the muscles'
    assert np.isnan(blind.relative_response(portrait, 26))


def test_the_face_may_lie_anywhere(portrait: np.ndarray, found: Face):
    """Readings are made in an upright crop: a wide picture changes nothing but rounding."""
    wide = np.pad(portrait, ((40, 0), (80, 0), (0, 0)), mode="edge")
    there = follow(wide, replace(found, landmarks=found.landmarks + [80, 40]))
    jaw = np.eye(len(DISFA))[DISFA.index(26)]
    moved = MuscleWarp(found.landmarks, portrait.shape)(portrait, 0.5 * jaw)
    wide_moved = np.pad(moved, ((40, 0), (80, 0), (0, 0)), mode="edge")
    here = NeutralFace(portrait, found).relative_response(moved, 26)
    assert NeutralFace(wide, there).relative_response(wide_moved, 26) == pytest.approx(here, abs=0.1)
