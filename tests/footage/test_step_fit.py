"""Steps are fitted to a face that answers otherwise than the table says."""

import numpy as np
import pytest

from facsmith.facs import AUS
from facsmith.footage.step_fit import Steps, fit_steps, fitting_frames

READ = (4, 12, 20, 1)
SMILE, STRETCH, INNER = READ.index(12), READ.index(20), READ.index(1)


def asked(*smiles):
    wanted = np.zeros((len(smiles), len(READ)))
    wanted[:, SMILE] = smiles
    return wanted


def fitted(wanted, answer):
    """answer: changes made (F, 28) -> measured (F, K)."""
    columns = [AUS.index(au) for au in READ]

    def measured(steps):
        whole = np.zeros((len(wanted), 2, len(AUS)))
        whole[:, :, columns] = wanted[:, None]
        return answer(steps.change(whole)[:, 0][:, columns])

    return fit_steps(wanted, measured, aus=READ, on_round=lambda done, of: None)


def test_a_face_that_answers_weakly_gets_longer_steps():
    steps = fitted(asked(-0.5, -0.4, -0.3), lambda made: 0.8 * made)
    assert steps.longer == {12: pytest.approx(1.25, abs=0.01)} and not steps.held


def test_a_step_does_not_run_away():
    assert fitted(asked(-0.5), lambda made: 0.0 * made).longer == {12: 1.4}
    assert fitted(asked(-0.5), lambda made: np.full_like(made, np.nan)).longer == {12: 1.0}


def test_what_moves_along_is_held_back():
    def answer(made):
        shown = made.copy()
        shown[:, STRETCH] += 0.12 * np.abs(made[:, SMILE])
        return shown

    steps = fitted(asked(-0.5, -0.4), answer)
    assert steps.held[12][20] == pytest.approx(-0.12, abs=0.02)


def test_a_brow_that_is_only_read_otherwise_is_left_alone():
    def answer(made):
        shown = made.copy()
        shown[:, INNER] += 0.3 * np.abs(made[:, SMILE])
        return shown

    assert not fitted(asked(-0.5, -0.4), answer).held


def test_holding_back_that_does_not_help_is_given_up():
    def answer(made):
        shown = made.copy()
        shown[:, STRETCH] = 0.1 * np.abs(made[:, SMILE]) + 0.2 * np.abs(made[:, STRETCH])
        return shown

    assert not fitted(asked(-0.5, -0.4), answer).held


def test_what_is_held_belongs_to_the_au_that_moves_it():
    steps = Steps(held={12: {20: -0.1}})
    change = np.zeros((2, len(AUS)))
    change[:, AUS.index(4)] = 0.5
    assert np.array_equal(steps.change(change), change)
    change[0, AUS.index(12)] = -0.5
    assert steps.change(change)[0, AUS.index(20)] == pytest.approx(-0.05) and not steps.change(change)[1, AUS.index(20)]


def test_frames_are_chosen_for_each_au():
    changes = np.zeros((100, 2, len(AUS)))
    changes[:, :, AUS.index(4)] = 0.3
    changes[90:95, :, AUS.index(12)] = -0.5
    chosen = fitting_frames(changes)
    assert ((chosen >= 90) & (chosen < 95)).sum() >= 5 and (chosen < 90).sum() >= 3
    assert len(fitting_frames(np.zeros((9, 2, len(AUS))))) == 0
