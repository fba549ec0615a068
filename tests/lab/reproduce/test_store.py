"""Pieces: computed once, kept whole or not at all, and never taken for one another."""

from pathlib import Path

import numpy as np
import pytest

from facsmith.lab.reproduce.store import Store


class Counted:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.times += 1
        return {"numbers": np.arange(6.0).reshape(2, 3), "picture": np.full((2, 2, 3), 7, np.uint8), "one": np.array(4)}


def test_a_piece_is_computed_once_and_read_back_the_same(tmp_path: Path) -> None:
    compute = Counted()
    first = Store(tmp_path, {"model": "a"}).piece("search", {"face": 1}, compute)
    again = Store(tmp_path, {"model": "a"})
    second = again.piece("search", {"face": 1}, compute)
    assert compute.times == 1
    assert (again.made, again.found) == (0, 1)
    for key in ("numbers", "picture", "one"):
        assert np.array_equal(first[key], second[key])
        assert first[key].dtype == second[key].dtype
        assert first[key].shape == second[key].shape


def test_other_settings_another_name_or_another_model_are_another_piece(tmp_path: Path) -> None:
    compute = Counted()
    store = Store(tmp_path, {"model": "a"})
    store.piece("search", {"face": 1}, compute)
    store.piece("search", {"face": 2}, compute)
    store.piece("films", {"face": 1}, compute)
    Store(tmp_path, {"model": "b"}).piece("search", {"face": 1}, compute)
    assert compute.times == 4


def test_a_piece_that_was_cut_short_leaves_nothing_and_a_damaged_one_is_made_again(tmp_path: Path) -> None:
    store, compute = Store(tmp_path, {}), Counted()

    def interrupted() -> dict[str, np.ndarray]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.piece("search", {}, interrupted)
    assert list(tmp_path.iterdir()) == []
    store.piece("search", {}, compute)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:40])
    store.piece("search", {}, compute)
    assert compute.times == 2
    assert (store.made, store.found) == (2, 0)
    # A file that says it holds other settings than its name is not believed.
    other = tmp_path / path.name
    elsewhere = Store(tmp_path / "x", {"model": "z"})
    elsewhere.piece("search", {}, compute)
    (foreign,) = (tmp_path / "x").iterdir()
    other.write_bytes(foreign.read_bytes())
    store.piece("search", {}, compute)
    assert compute.times == 4
