"""train.muscles: codes are read as coders write them; the fit finds what a population of drawn peaks does."""

from pathlib import Path

import numpy as np
import pytest

from facsmith.errors import InputError
from facsmith.face.muscle_table import muscle_table
from facsmith.facs import AUS
from facsmith.lab.train.blendshapes import BLENDSHAPES
from facsmith.lab.train.coded_peaks import CodedPeak, read_coded_peaks
from facsmith.lab.train.muscles import MusclesOptions, fit_muscles

ROW = {au: row for row, au in enumerate(BLENDSHAPES)}
COLUMNS = [AUS.index(au) for au in BLENDSHAPES]


@pytest.fixture(scope="module")
def prior(tmp_path_factory) -> Path:
    """Blendshapes that move as the packaged table does, but half as far."""
    table = muscle_table()
    left, right = table.sides / 2
    shapes, moves = [], []
    for au, parts in BLENDSHAPES.items():
        for name, share in parts:
            shapes += [f"{name}_L", f"{name}_R"]
            moves += [side[AUS.index(au)] / share / len(parts) for side in (left, right)]
    path = tmp_path_factory.mktemp("prior") / "sites.npz"
    flip = np.array([1.0, -1.0, 1.0])
    names, first = np.unique(shapes, return_index=True)
    np.savez(
        path,
        shapes=names,
        displacement=np.stack([moves[i] for i in first]) * flip,
        neutral=table.neutral * flip,
        site_names=np.array(table.sites),
    )
    return path


def peaks(count: int, *, letters: bool = True) -> list[CodedPeak]:
    """People who smile and frown as the packaged table says, each a little differently; without letters coders saw
    only that they did."""
    table, random = muscle_table(), np.random.default_rng(0)
    rows = [ROW[au] for au in (4, 12, 17)]
    made = []
    for person in range(count):
        e = np.zeros((2, len(BLENDSHAPES)))
        e[:, rows] = random.uniform(0.3, 1, len(rows))
        moved = np.tensordot(e, table.sides[:, COLUMNS, :, :2], 2)
        moved += 0.003 * random.normal(size=moved.shape)
        shading = np.tensordot(e.astype(np.float32), table.side_shading[:, COLUMNS], 2)
        unlettered = np.zeros(e.shape, bool) if letters else e > 0
        coded = np.where(unlettered, 0.7, e)
        made.append(CodedPeak(f"p{person}", coded, unlettered, moved, table.neutral[:, :2], shading))
    return made


@pytest.mark.slow
def test_what_people_do_is_found(prior):
    table = fit_muscles(peaks(60), prior, MusclesOptions(ridge=0.1))
    report = table.report["residual"]
    assert report["people"] < 0.5 * report["blendshapes"]
    truth = muscle_table().sides.sum(axis=0)[AUS.index(12), 48, :2]
    np.testing.assert_allclose(table.sides.sum(axis=0)[AUS.index(12), 48, :2], truth, atol=0.02)


@pytest.mark.slow
def test_intensities_that_coders_left_open_are_fitted(prior):
    fitted = "people, fitted intensities"
    guessed, known = (fit_muscles(peaks(60, letters=letters), prior).report["residual"] for letters in (False, True))
    assert known[fitted] == known["people"], "what coders wrote stays"
    assert guessed[fitted] < 0.6 * guessed["people"]


@pytest.mark.slow
def test_an_au_nobody_showed_stays_with_its_blendshape(prior):
    table = fit_muscles(peaks(10), prior)
    packaged = muscle_table().sides.sum(axis=0)[AUS.index(2)]
    np.testing.assert_allclose(table.sides.sum(axis=0)[AUS.index(2)], packaged / 2, atol=1e-5)


def test_too_few_people_are_refused(prior):
    with pytest.raises(InputError, match="5 folds need as many people"):
        fit_muscles(peaks(3), prior)


def test_a_table_without_its_columns_is_refused(tmp_path, prior):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("peak,rest\na.png,b.png\n")
    with pytest.raises(InputError, match="columns peak and neutral"):
        read_coded_peaks(pairs, tmp_path, prior)
