"""Does a face show what it is asked for? One photo's films, read as Action Units in the unit of its own muscles.

Unit of every intensity here: what the same landmarks report for `face.muscles` at intensity 1 on the same photo's
neutral frame (`measure.NeutralFace`), so that a landmarker that under-reports does so on both sides.
"""

from dataclasses import dataclass

import numpy as np

from facsmith import measure
from facsmith._types import Array, Image
from facsmith.face import Face
from facsmith.facs import DISFA
from facsmith.lab.evaluate.check import LEVELS
from facsmith.lab.evaluate.resting import Render, Resting

__all__ = ["Control", "entanglement", "mixed_expressions", "read_control"]


@dataclass(frozen=True, eq=False)
class Control:
    """What one photo's frames show. NaN where no face could be seen in a frame.

    Parameters
    ----------
    visible
        (12,), the muscles' displacement at 1 as reported, in the table's full intensities (FACTS.md).
    shares, flow
        (12, levels), the asked AU's own movement by landmarks (NaN where less than .1 of the muscles' is visible) and
        by optical flow.
    measured
        (12, levels, 12), all AUs read in each frame of one AU.
    asked, mixed
        (M, 12), random expressions and what was read in their frames.
    """

    visible: Array
    shares: Array
    flow: Array
    measured: Array
    asked: Array
    mixed: Array


def mixed_expressions(random: np.random.Generator, count: int, *, active: float = 0.25, tries: int = 100) -> Array:
    """(count, 12): each AU on its own, with the chance ``active`` of an intensity from .25 to 1.

    Of ``tries`` draws the one whose columns are correlated least: few expressions are never quite independent.
    """
    draws = (_expressions(random, count, active) for _ in range(tries))
    return min(draws, key=entanglement)


def entanglement(values: Array) -> float:
    """(N, K): mean |correlation| of different columns; a column that never changes goes with none."""
    centred = values - values.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    unit = centred / np.where(length > 1e-9, length, np.inf)
    return float(np.abs(unit.T @ unit)[np.triu_indices(values.shape[1], 1)].mean())


def _expressions(random: np.random.Generator, count: int, active: float) -> Array:
    levels = random.standard_normal((count, len(DISFA)))
    if count > len(DISFA):  # uncorrelated columns: what is made of them by rank is hardly correlated either
        levels = np.linalg.qr(levels - levels.mean(axis=0))[0]
    rank = (np.argsort(np.argsort(levels, axis=0), axis=0) + random.random((count, len(DISFA)))) / count
    return np.where(rank > 1 - active, 0.25 + 0.75 * (rank - 1 + active) / active, 0.0)


def read_control(render: Render, photo: Image, found: Face, asked: Array) -> Control:
    """Film every AU alone at `LEVELS`, and the expressions ``asked`` (M, 12), each against the neutral frame.

    Raises
    ------
    NoFaceError
        No face in the neutral frame, or in one of its muscles' warps.
    """
    resting = Resting(render, photo, found)
    responses = resting.responses

    def shown(displacement: Array) -> Array:
        if np.isnan(displacement).any():
            return np.full(len(DISFA), np.nan)
        return measure.from_displacement(displacement, responses=responses)

    visible = np.array([measure.along(r, au) for r, au in zip(responses, DISFA, strict=True)])
    shares, flow = np.zeros((2, len(DISFA), len(LEVELS)))
    measured = np.zeros((len(DISFA), len(LEVELS), len(DISFA)))
    for k, au in enumerate(DISFA):
        for column, level in enumerate(LEVELS):
            frame = render(photo, level * np.eye(len(DISFA))[k])
            displacement = resting.moved(frame)
            shares[k, column] = measure.relative_response(measure.along(displacement, au), visible[k])
            flow[k, column] = resting.flow_share(frame, au)
            measured[k, column] = shown(displacement)
    mixed = np.array([shown(resting.moved(render(photo, row))) for row in asked]).reshape(-1, len(DISFA))
    return Control(visible, shares, flow, measured, asked, mixed)
