"""What the data decide about an SVM: how firm its margin is, how codes are scaled, which layers of W+ it looks at."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from facsmith import _optional
from facsmith._types import Array
from facsmith.errors import BoundaryError
from facsmith.lab.fit.svm_normals import Scaling, svm_normal

__all__ = ["Choice", "cross_validated", "layer_shares", "masked_layers"]

Mask = npt.NDArray[np.bool_]

_FOLDS: Final = 3
_MOST: Final = 1500  # samples that are enough to tell one C from another
_CLEARLY: Final = 5e-3  # by how much accuracy scaling each number must win: its normals reach into what hardly varies


class Choice(NamedTuple):
    """The settings of an SVM that tell people best whom it has not seen.

    Parameters
    ----------
    c, scaling
        The SVM's C and the scaling of its codes.
    scores
        Candidate (``"0.01"`` or ``"0.01 each"``) -> balanced accuracy on people left out; empty where people were too
        few.
    """

    c: float
    scaling: Scaling
    scores: dict[str, float]


def cross_validated(
    features: npt.NDArray[Any],
    active: Mask,
    people: npt.NDArray[np.intp],
    *,
    weights: Array,
    candidates: Sequence[float],
    scalings: Sequence[Scaling] = ("whole",),
    seed: int,
) -> Choice:
    """The C and the scaling whose SVM tells people it has not seen best.

    Where people are too few to leave some out, the middle candidate and the first scaling are taken. Of equal ones the
    first scaling wins unless another is clearly better, and the smallest C: its normal averages over more samples.

    Parameters
    ----------
    features
        (N, D).
    active
        (N,), which rows show the AU.
    people
        (N,) numbers; folds are whole people.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(features))[:_MOST])
    x, y, who, weight = features[rows], active[rows], people[rows], weights[rows]
    folds = min(_FOLDS, *(len(np.unique(who[side])) for side in (y, ~y)))
    untold = Choice(sorted(candidates)[len(candidates) // 2], scalings[0], {})
    if folds < 2:
        return untold
    splitter = _optional.load("sklearn.model_selection").StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    scores: dict[tuple[Scaling, float], list[float]] = {(s, c): [] for s in scalings for c in sorted(candidates)}
    for train, test in splitter.split(x, y, who):
        if not _both(y[train]) or not _both(y[test]):
            continue
        for (scaling, c), found in scores.items():
            try:
                normal, _ = svm_normal(x[train], y[train], weights=weight[train], c=c, seed=seed, scaling=scaling)
            except BoundaryError:
                continue
            found.append(_accuracy(x[train] @ normal, y[train], x[test] @ normal, y[test]))
    means = {candidate: float(np.mean(found)) for candidate, found in scores.items() if found}
    if not means:
        return untold
    best = {s: max((mean for (scaling, _), mean in means.items() if scaling == s), default=0.0) for s in scalings}
    scaling = max(scalings, key=lambda s: best[s] - (_CLEARLY if s != scalings[0] else 0.0))
    c = next(c for (s, c), mean in means.items() if s == scaling and mean >= best[s] - 1e-3)
    return Choice(c, scaling, {f"{c:g}{' each' if s == 'each' else ''}": round(m, 4) for (s, c), m in means.items()})


def layer_shares(
    features: npt.NDArray[Any], active: Mask, people: npt.NDArray[np.intp], *, num_ws: int, seed: int
) -> Array:
    """(num_ws,) how the difference between active and neutral codes is spread over the layers; sums to 1.

    Two halves of the people each give a mean difference; what they agree in is the AU, what they do not is chance, so a
    layer that carries nothing has a share of about 0.

    Parameters
    ----------
    features
        (N, num_ws * w_dim), less each person's baseline.
    """
    numbers = np.random.default_rng(seed).permutation(people.max() + 1)
    half = (numbers < (people.max() + 1) / 2)[people]
    parts = [half, ~half] if all(_both(active[part]) for part in (half, ~half)) else [np.ones(len(people), bool)] * 2
    differences = [
        (features[part & active].mean(axis=0) - features[part & ~active].mean(axis=0)).reshape(num_ws, -1)
        for part in parts
    ]
    agreed = np.clip((differences[0] * differences[1]).sum(axis=1), 0.0, None).astype(np.float64)
    total = float(agreed.sum())
    return agreed / total if total > 0 else np.full(num_ws, 1 / num_ws)


def masked_layers(shares: Array, kept: float) -> Mask:
    """(num_ws,) the fewest layers that hold ``kept`` of the shares (num_ws,)."""
    order = np.argsort(-shares, kind="stable")
    needed = int(np.searchsorted(np.cumsum(shares[order]), min(kept, float(shares.sum())) - 1e-9)) + 1
    mask = np.zeros(len(shares), dtype=bool)
    mask[order[:needed]] = True
    return mask


def _both(active: Mask) -> bool:
    return bool(active.any() and not active.all())


def _accuracy(seen: Array, shown: Mask, d: Array, active: Mask) -> float:
    """Balanced accuracy of a threshold set midway between the classes that were seen."""
    level = (np.median(seen[shown]) + np.median(seen[~shown])) / 2
    return float(np.mean(d[active] > level) + np.mean(d[~active] < level)) / 2
