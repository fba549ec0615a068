"""Calibration on finished films: what was asked is what is measured afterwards."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import skimage.data

from facsmith import Animator
from facsmith.animate import AnimateOptions
from facsmith.boundary import BoundarySet, Calibration
from facsmith.errors import InputError
from facsmith.evaluate import calibrate_on_films
from facsmith.inversion import InversionOptions

AUS = (2, 26)
OPTIONS = AnimateOptions(provider="dlib", inversion=InversionOptions(iterations=0))


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """(400, 400, 3): the astronaut's head and shoulders."""
    photo: Any = skimage.data.astronaut()
    return np.ascontiguousarray(photo[:400, 50:450])


def shy(boundaries: BoundarySet) -> BoundarySet:
    """Two AUs whose scales end too early."""
    kept: list[Any] = []
    for au in AUS:
        curve = boundaries[au].calibration
        rest = curve.distances[0]
        shortened = Calibration(curve.intensities, tuple(rest + 0.7 * (d - rest) for d in curve.distances))
        kept.append(replace(boundaries[au], calibration=shortened))
    return BoundarySet(tuple(kept), boundaries.generator_id)


def test_a_scale_that_ends_too_early_is_stretched(portrait: np.ndarray):
    whole = Animator.from_pretrained().networks.boundaries
    animator = Animator.from_pretrained(boundaries=shy(whole))
    told: list[tuple[str, int, int]] = []
    calibrated = calibrate_on_films(
        animator,
        [("astronaut", portrait)],
        options=OPTIONS,
        provider="dlib",
        progress=lambda *step: told.append(step),
    )
    assert told == [("calibrate", 1, 1), ("verify", 1, 1)]
    assert calibrated.aus == AUS
    for boundary in calibrated.boundaries:
        films = boundary.report["films"]
        assert films["photos"] == 1
        before, after = (np.abs(np.array(films[when]) - films["asked"]) for when in ("showed", "shows"))
        assert after[:2].mean() < 0.6 * before[:2].mean()  # within the old scale; beyond it the curve is a guess
        assert after[2:].mean() < before[2:].mean()
        assert boundary.calibration.distances[-1] > animator.networks.boundaries[boundary.au].calibration.distances[-1]


def test_no_face_no_calibration():
    with pytest.raises(InputError, match="face"):
        calibrate_on_films(
            Animator.from_pretrained(), [("grey", np.full((256, 256, 3), 128, np.uint8))], provider="dlib"
        )
