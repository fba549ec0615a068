"""What an AU's edit was seen to show of others is taken out, on boundaries whose pictures are known."""

import numpy as np
import pytest

from facsmith.boundary import Boundary, BoundarySet, Calibration
from facsmith.errors import BoundaryError
from facsmith.facs import ActionUnits
from facsmith.lab.fit import remove_leakage
from facsmith.latent import Latent

GENERATOR, DISFA = "tiny-1", (4, 9, 12)
CURVES = (
    Calibration((0.0, 1.0), (-1.0, 2.0)),
    Calibration((0.0, 0.5, 1.0), (0.5, 1.0, 2.5)),
    Calibration((0.0, 1.0), (0.0, 0.7)),
)


def oblique(seed: int = 0) -> BoundarySet:
    random = np.random.default_rng(seed)
    normals = random.standard_normal((3, 4, 8)) + 0.5 * random.standard_normal((4, 8))
    normals /= np.linalg.norm(normals, axis=(1, 2), keepdims=True)
    made = (Boundary(au, n, 0.3, c) for au, n, c in zip(DISFA, normals, CURVES, strict=True))
    return BoundarySet(tuple(made), GENERATOR)


FACE = Latent(np.random.default_rng(5).standard_normal((4, 8)).astype(np.float32), GENERATOR)


def seen(films: BoundarySet, eyes: np.ndarray) -> np.ndarray:
    """(3, 3): what pictures show of each AU (columns) when one alone is asked for at 1; eyes: (32, 3)."""
    moves = [films.edit(FACE, ActionUnits({au: 1.0}), source=np.zeros(12)).ws[0] - FACE.ws for au in DISFA]
    return np.stack([move.ravel() for move in moves]) @ eyes


def eyes_of(boundaries: BoundarySet, shown: np.ndarray) -> np.ndarray:
    """(32, 3): a linear look at pictures, in which the boundaries' edits show just that."""
    moves = seen(boundaries, np.eye(32))
    return np.linalg.pinv(moves) @ shown


SHOWN = np.array([[1.0, 0.0, 0.1], [0.3, 1.0, 0.15], [0.0, 0.05, 1.0]])


def test_the_turned_boundaries_show_one_au_each():
    boundaries = oblique()
    eyes = eyes_of(boundaries, SHOWN)
    assert np.allclose(seen(boundaries, eyes), SHOWN, atol=1e-5)
    assert np.allclose(seen(remove_leakage(boundaries, SHOWN), eyes), np.eye(3), atol=1e-5)


def test_the_joint_edit_still_moves_one_distance_only_and_along_the_calibration():
    turned = remove_leakage(oblique(), SHOWN)
    for k, au in enumerate(DISFA):
        edited = turned.edit(FACE, ActionUnits({au: 0.5}), source=np.zeros(12))
        moved = (turned.distances(edited) - turned.distances(FACE))[0]
        curve = turned[au].calibration
        assert np.isclose(moved[k], curve.distance(0.5) - curve.distance(0.0), atol=1e-5)
        assert np.allclose(np.delete(moved, k), 0, atol=1e-5)
        assert curve.intensities == CURVES[k].intensities


def test_a_face_at_rest_is_still_read_as_one():
    boundaries = oblique()
    rest = boundaries.edit(FACE, np.zeros(12))  # every distance brought to that of intensity 0
    assert np.allclose(remove_leakage(boundaries, SHOWN).intensities(Latent(rest.ws[0], GENERATOR)), 0, atol=1e-5)


def test_nothing_seen_changes_nothing():
    boundaries = oblique()
    same = remove_leakage(boundaries, np.eye(3))
    assert np.allclose(same.normals, boundaries.normals)
    assert np.allclose(same.intercepts, boundaries.intercepts)


@pytest.mark.parametrize("shown", [np.full((3, 3), 5.0), np.array([[1.0, 5, 0], [5, 1, 0], [0, 0, 1]])])
def test_aus_that_show_more_of_others_than_of_themselves_stay_apart(shown: np.ndarray):
    boundaries = oblique()
    wild = remove_leakage(boundaries, shown)
    assert np.linalg.eigvalsh(wild.cosines()).min() > 0.01  # ten times what the joint edit calls parallel
    before, after = (np.linalg.norm(seen(b, np.eye(32)), axis=1) for b in (boundaries, wild))
    assert (after < 4 * before).all()


@pytest.mark.parametrize("shown", [np.eye(2), -np.ones((3, 3)), np.full((3, 3), np.nan)])
def test_what_is_no_reading_of_these_aus_is_refused(shown: np.ndarray):
    with pytest.raises(BoundaryError, match=r"\(3, 3\)"):
        remove_leakage(oblique(), shown)
