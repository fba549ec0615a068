import numpy as np
import pytest

from facsmith.errors import BoundaryError
from facsmith.lab.fit.folder import read_codes


def write(folder, **arrays):
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def test_the_first_axis_counts_the_people(tmp_path):
    ws = np.arange(3 * 2 * 4 * 5, dtype=np.float32).reshape(3, 2, 4, 5)
    write(tmp_path, ws=ws, au=np.zeros((3, 2, 12)))
    codes = read_codes(tmp_path)
    assert codes.ws.shape == (6, 4, 5)
    assert codes.au.shape == (6, 12)
    assert codes.people.tolist() == [0, 0, 1, 1, 2, 2]
    assert np.array_equal(codes.ws[3], ws[1, 1])


def test_people_may_be_named(tmp_path):
    write(tmp_path, ws=np.zeros((3, 4, 5)), au=np.zeros((3, 12)), people=np.array([7, 9, 7]))
    assert read_codes(tmp_path).people.tolist() == [7, 9, 7]


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({}, "ws.npy and au.npy"),
        ({"ws": np.zeros((3, 4, 5))}, "lacks au.npy"),
        ({"ws": np.zeros((3, 4, 5)), "au": np.zeros((2, 12))}, r"\(2, 12\)"),
        ({"ws": np.zeros((4, 5)), "au": np.zeros(12)}, "num_ws"),
        ({"ws": np.zeros((3, 4, 5)), "au": np.zeros((3, 12)), "people": np.zeros(2)}, "people.npy"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, says):
    write(tmp_path, **arrays)
    with pytest.raises(BoundaryError, match=says):
        read_codes(tmp_path)
