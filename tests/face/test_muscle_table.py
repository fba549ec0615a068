"""face.muscle_table: the packaged table, and the file it lives in."""

import numpy as np
import pytest

from facsmith.errors import InputError
from facsmith.face.muscle_table import MuscleTable, muscle_table
from facsmith.facs import AUS


def test_the_right_side_mirrors_the_left():
    table = muscle_table()
    left, right = table.sides
    np.testing.assert_allclose(right, left[:, table.mirror] * [-1, 1, 1], atol=1e-9)
    np.testing.assert_array_equal(table.side_shading[1], table.side_shading[0][..., ::-1])


def test_every_au_that_moves_skin_has_a_row():
    moves = np.abs(muscle_table().sides).max(axis=(0, 2, 3))
    assert {au for au, most in zip(AUS, moves, strict=True) if most > 0.01} == set(AUS) - {61, 62, 63, 64}


def test_it_is_better_than_the_blendshapes_it_began_from_on_people_it_was_not_fitted_to():
    residual = muscle_table().report["residual"]
    assert residual["people"] < 0.42 < 0.55 < residual["blendshapes"]
    assert muscle_table().report["shading_explained"] > 0.25


def test_folds_are_dark_where_faces_fold():
    """The nasolabial fold of a smile, the glabella of a frown, the chin of AU17."""
    table = muscle_table()
    grid = table.grid

    def at(au: int, x: float, y: float) -> float:
        row, column = round((y - grid.top) / grid.step), round((x - grid.left) / grid.step)
        return float(table.side_shading.sum(axis=0)[AUS.index(au), row, column])

    nasolabial = table.neutral[table.sites.index("nasolabial_mid_R"), :2]
    assert at(12, *nasolabial) < -0.1
    chin = table.neutral[table.sites.index("mentolabial"), :2]
    assert at(17, *chin) < -0.05
    brow = (table.neutral[21, :2] + table.neutral[22, :2]) / 2
    assert at(4, brow[0] + 0.12, brow[1] + 0.1) < -0.02


def test_save_and_load_give_the_same_table(tmp_path):
    table = muscle_table()
    table.save(tmp_path / "muscles.safetensors")
    again = MuscleTable.load(tmp_path / "muscles.safetensors")
    np.testing.assert_array_equal(again.left, table.left)
    np.testing.assert_array_equal(again.shading, table.shading)
    assert (again.aus, again.sites, again.grid, again.report) == (table.aus, table.sites, table.grid, table.report)


def test_other_files_are_refused(tmp_path):
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    with pytest.raises(InputError, match="muscle table"):
        MuscleTable.load(other)
