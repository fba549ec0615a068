"""fit_boundaries: AU-labelled W+ codes in, a calibrated BoundarySet with its report out (the paper's 3.3)."""

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from facsmith._types import Array
from facsmith.boundary import Boundary, BoundarySet
from facsmith.errors import BoundaryError
from facsmith.facs import DISFA
from facsmith.lab.fit import judge
from facsmith.lab.fit.calibrate import calibrate
from facsmith.lab.fit.choose import Choice, cross_validated, layer_shares, masked_layers
from facsmith.lab.fit.svm_normals import (
    SCALINGS,
    Baseline,
    Scaling,
    balanced_weights,
    own_baseline,
    svm_normal,
    unmix,
)

__all__ = ["FitOptions", "Separable", "enough", "fit_boundaries", "fit_separable"]

Mask = npt.NDArray[np.bool_]

_SPLITS = 20


@dataclass(frozen=True)
class FitOptions:
    """How boundaries are fitted.

    Parameters
    ----------
    aus
        The AUs to fit; best all that the faces show, as the edit holds still only what has a boundary.
    threshold
        Intensity from which a face shows the AU (0.7: the paper's DISFA levels 4 and 5).
    c
        The SVM's C on codes of unit root-mean-square length. By default 0.01 with a person's baseline (nearly all
        samples count), 1 without (people differ more than expressions do, and only a firm margin sees past them).
    baseline
        What is subtracted from a person's codes before the SVM: their "mean", their "neutral" codes (paired
        differences), or "none", as in the paper.
    unmix
        Make each normal independent of the other AUs; False leaves the SVM's own.
    held_out
        Share of the people kept for accuracy and calibration.
    max_per_class
        Largest number of samples in one class of an SVM.
    candidates
        If c is None, values of it to choose from by cross-validation over people; none by default.
    scalings
        Scalings of the codes to choose from, "whole" by one factor or "each" number by its own spread; where there are
        several, the same cross-validation chooses.
    layers
        Keep as many of each AU's layers as carry this share of it; 1 keeps all.
    compare
        Fit by the other baseline, too, and report both.
    """

    aus: tuple[int, ...] = DISFA
    threshold: float = 0.7
    c: float | None = None
    baseline: Baseline = "mean"
    unmix: bool = True
    held_out: float = 0.25
    max_per_class: int = 4000
    candidates: tuple[float, ...] = ()
    scalings: tuple[Scaling, ...] = ("whole",)
    layers: float = 1.0
    compare: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.aus or len(set(self.aus)) < len(self.aus) or not set(self.aus) <= set(DISFA):
            raise BoundaryError(f"Boundaries of the AUs {self.aus}; give some of {DISFA}, each once.")
        if not 0 < self.threshold <= 1:
            raise BoundaryError(
                f"A threshold of {self.threshold:g}; an AU counts as shown from an intensity in (0, 1]."
            )
        if self.c is not None and not (math.isfinite(self.c) and self.c > 0):
            raise BoundaryError(f"An SVM with C = {self.c:g}; give a number above 0.")
        if not all(math.isfinite(c) and c > 0 for c in self.candidates):
            raise BoundaryError(f"The candidates {self.candidates} for C; give numbers above 0.")
        if not self.scalings or not set(self.scalings) <= set(SCALINGS):
            raise BoundaryError(f"The scalings {self.scalings}; give one or more of {', '.join(SCALINGS)}.")
        if not 0 < self.layers <= 1:
            raise BoundaryError(f"Layers that carry {self.layers:g} of an AU; give a share in (0, 1].")
        if not 0 <= self.held_out < 1 or self.max_per_class < 2:
            raise BoundaryError("held_out is a share in [0, 1), max_per_class is 2 or more; the given ones are not.")


def fit_boundaries(
    ws: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    *,
    groups: npt.NDArray[Any],
    generator_id: str,
    options: FitOptions | None = None,
) -> BoundarySet:
    """Fit one boundary per AU.

    Each Boundary's report holds counts, held-out accuracy, leakage and its calibration's residual band.

    Parameters
    ----------
    ws
        (N, num_ws, w_dim) codes.
    labels
        (N, 12) intensities in [0, 1] in the order of DISFA.
    groups
        (N,) who it is (any numbers or names); whole people are held out.

    Raises
    ------
    BoundaryError
        An AU has not enough neutral or active samples.
    """
    options = options or FitOptions()
    _check(ws, labels, groups)
    # The fitted AUs come first, the others after them.
    columns = [DISFA.index(au) for au in options.aus] + [k for k, au in enumerate(DISFA) if au not in options.aus]
    shown = labels.astype(np.float64)[:, columns]
    people = np.unique(groups, return_inverse=True)[1].astype(np.intp)
    codes = np.ascontiguousarray(ws, dtype=np.float32).reshape(len(ws), -1)
    _check_classes(shown, options)

    held = _held_out(people, shown, options)
    separated = _normals(codes[~held], shown[~held], people[~held], options, num_ws=ws.shape[1])
    other = _compared(codes[~held], shown[~held], people[~held], options, num_ws=ws.shape[1])
    distances = _distances(codes, separated.normals)

    judged = held if held.any() else ~held
    leaked = judge.leaks(distances[judged], shown[judged], people[judged])
    plain_leaks = judge.leaks(_distances(codes[judged], separated.plain), shown[judged], people[judged])
    boundaries: list[Boundary] = []
    for k, au in enumerate(options.aus):
        e, d = shown[:, k], distances[:, k]
        intercept = judge.level(d, e, ~held, options.threshold)
        fitted = calibrate(d[judged] - intercept, e[judged], people[judged])
        if fitted is None:
            raise _UnfittedError(
                au,
                "cannot be told from these codes: the distance does not grow with its intensity where it was tried",
            )
        strongest = int(np.argmax(leaked[k]))
        quality = judge.quality(d[judged] - intercept, e[judged], fitted, options.threshold)
        plain = judge.tried(codes @ separated.plain[k].astype(np.float32), e, people, held, options.threshold)
        report = {
            "svm": {
                "baseline": options.baseline,
                "unmixed": options.unmix,
                "converged": separated.converged[k],
                "c": separated.chosen[k].c,
                "scaling": separated.chosen[k].scaling,
                **({"cross_validation": separated.chosen[k].scores} if separated.chosen[k].scores else {}),
            },
            "training": judge.counts(e[~held], people[~held], options.threshold),
            "held_out": judge.counts(e[held], people[held], options.threshold),
            **quality,
            "worst_leak": {"au": DISFA[columns[strongest]], "share": round(float(leaked[k, strongest]), 4)},
            "layers": [round(float(share), 4) for share in separated.layers[k]],
            "decorrelation": {
                "cosine": round(float(separated.plain[k] @ separated.normals[k]), 4),
                "accuracy_before": plain,
                "leak_before": round(float(plain_leaks[k].max()), 4),
            },
        }
        if other is not None:
            alternative = judge.tried(codes @ other.normals[k].astype(np.float32), e, people, held, options.threshold)
            report["methods"] = {options.baseline: quality["accuracy_within_person"], _other(options): alternative}
        normal = separated.normals[k].reshape(ws.shape[1:])
        boundaries.append(Boundary(au, normal, intercept, fitted.calibration, report))
    return BoundarySet(tuple(boundaries), generator_id)


class Separable(NamedTuple):
    """What `fit_separable` could fit.

    Parameters
    ----------
    boundaries
        Of at least one AU.
    left_out
        AU -> why it has none, to be read after its name.
    """

    boundaries: BoundarySet
    left_out: dict[int, str]


def fit_separable(
    ws: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    *,
    groups: npt.NDArray[Any],
    generator_id: str,
    options: FitOptions,
) -> Separable:
    """`fit_boundaries` of those AUs of ``options.aus`` that do not defeat it.

    Raises
    ------
    BoundaryError
        None of them can be separated.
    """
    aus, left_out = options.aus, dict[int, str]()
    while True:
        try:
            chosen = replace(options, aus=aus)
            fitted = fit_boundaries(ws, labels, groups=groups, generator_id=generator_id, options=chosen)
        except _UnfittedError as error:
            left_out[error.au] = error.why
            aus = tuple(au for au in aus if au != error.au)
            if not aus:
                reasons = "; ".join(f"AU{au} {why}" for au, why in left_out.items())
                raise BoundaryError(f"No AU can be fitted: {reasons}. Give more samples.") from error
        else:
            return Separable(fitted, left_out)


def _check(ws: npt.NDArray[Any], labels: npt.NDArray[Any], groups: npt.NDArray[Any]) -> None:
    if ws.ndim != 3 or labels.shape != (len(ws), len(DISFA)) or groups.shape != (len(ws),) or len(ws) == 0:
        raise BoundaryError(
            f"Codes of shape {ws.shape}, labels {labels.shape}, groups {groups.shape}; "
            f"give (N, num_ws, w_dim), (N, {len(DISFA)}) and (N,)."
        )
    if not np.isfinite(ws).all():
        raise BoundaryError("The codes hold NaN or infinite numbers; leave those samples out.")
    if not np.all((labels >= 0) & (labels <= 1)):
        raise BoundaryError("The labels are no intensities in [0, 1] (DISFA's and OpenFace's 0-5: divide by 5).")


def enough(labels: npt.NDArray[Any], threshold: float, *, fewest: int = 8) -> tuple[int, ...]:
    """The AUs of which labels (N, 12) hold at least so many neutral samples, and as many that show it.

    Raises
    ------
    BoundaryError
        There is none.
    """
    counts = np.minimum((labels == 0).sum(axis=0), (labels >= threshold).sum(axis=0))
    found = tuple(au for au, count in zip(DISFA, counts, strict=True) if count >= fewest)
    if not found:
        raise BoundaryError(
            f"No AU has {fewest} neutral samples and as many of intensity {threshold:g} or more among {len(labels)}; "
            "give more samples, or a lower threshold."
        )
    return found


def _check_classes(shown: Array, options: FitOptions) -> None:
    for k, au in enumerate(options.aus):
        neutral, active = (int(side.sum()) for side in judge.classes(shown[:, k], options.threshold))
        if min(neutral, active) < 2:
            raise _UnfittedError(
                au,
                f"has {neutral} neutral samples and {active} of intensity {options.threshold:g} or more; 2 of each are "
                "needed at least",
            )


def _held_out(people: npt.NDArray[np.intp], shown: Array, options: FitOptions) -> Mask:
    """(N,) a random share of whole people, both classes of every AU on both sides; nobody if that cannot be."""
    count = people.max() + 1
    wanted = round(options.held_out * count) or int(options.held_out > 0 and count > 1)
    random = np.random.default_rng(options.seed)
    for _ in range(_SPLITS if wanted else 0):
        held = np.isin(people, random.permutation(count)[:wanted])
        sides = [
            side[part].sum()
            for k in range(len(options.aus))
            for side in judge.classes(shown[:, k], options.threshold)
            for part in (held, ~held)
        ]
        if min(sides) >= 2:
            return held
    return np.zeros(len(people), dtype=bool)


class _UnfittedError(BoundaryError):
    """One AU defeats the fit."""

    def __init__(self, au: int, why: str) -> None:
        super().__init__(f"AU{au} {why}. Give more samples, or leave it out of FitOptions.aus.")
        self.au, self.why = au, why


class _Separated(NamedTuple):
    """normals: (K, D), of unit length, unmixed if asked; plain: (K, D), the SVMs' own. converged, chosen: of each SVM.
    layers: (K, num_ws), how each AU is spread over them."""

    normals: Array
    plain: Array
    converged: list[bool]
    chosen: list[Choice]
    layers: Array


def _normals(
    codes: npt.NDArray[np.float32], shown: Array, people: npt.NDArray[np.intp], options: FitOptions, *, num_ws: int
) -> _Separated:
    neutral = shown.max(axis=1) == 0
    people = np.unique(people, return_inverse=True)[1].astype(np.intp)
    features = codes - own_baseline(codes, people, options.baseline, neutral=neutral)
    scale = float(np.linalg.norm(features)) / math.sqrt(len(features))
    if not scale > 0:
        raise BoundaryError("All codes are the same; there is nothing to separate.")
    features /= scale
    repeated = options.baseline != "none" and len(codes) >= 2 * (people.max() + 1)
    random = np.random.default_rng(options.seed)
    found = _Separated(np.empty(0), np.empty(0), [], [], np.empty(0))
    normals: list[Array] = []
    layers: list[Array] = []
    for k in range(len(options.aus)):
        sides = [np.flatnonzero(side) for side in judge.classes(shown[:, k], options.threshold)]
        rows = np.sort(np.concatenate([random.permutation(side)[: options.max_per_class] for side in sides]))
        active, seen, who = shown[rows, k] > 0, features[rows], people[rows]
        weights = balanced_weights(np.delete(shown[rows], k, axis=1), active)
        layers.append(layer_shares(seen, active, who, num_ws=num_ws, seed=options.seed))
        if options.layers < 1:
            mask = np.repeat(masked_layers(layers[k], options.layers), codes.shape[1] // num_ws)
            seen = seen * mask.astype(np.float32)
        chosen = Choice(options.c or (0.01 if repeated else 1.0), options.scalings[0], {})
        candidates = options.candidates if options.c is None and options.candidates else (chosen.c,)
        if len(candidates) * len(options.scalings) > 1:
            chosen = cross_validated(
                seen,
                active,
                who,
                weights=weights,
                candidates=candidates,
                scalings=options.scalings,
                seed=options.seed,
            )
        normal, done = svm_normal(seen, active, weights=weights, c=chosen.c, seed=options.seed, scaling=chosen.scaling)
        normals.append(normal)
        found.converged.append(done)
        found.chosen.append(chosen)
    plain = np.stack(normals)
    unmixed = plain
    if options.unmix:
        unmixed = unmix(plain, features, shown - own_baseline(shown, people, options.baseline, neutral=neutral))
    return found._replace(normals=unmixed, plain=plain, layers=np.stack(layers))


def _other(options: FitOptions) -> Baseline:
    return "mean" if options.baseline == "neutral" else "neutral"


def _compared(
    codes: npt.NDArray[np.float32], shown: Array, people: npt.NDArray[np.intp], options: FitOptions, *, num_ws: int
) -> _Separated | None:
    """The same by the other baseline: paired differences, or each person's mean. None where nobody was asked, or some
    people have no neutral sample to pair with."""
    if not options.compare:
        return None
    try:
        return _normals(
            codes,
            shown,
            people,
            replace(options, baseline=_other(options), candidates=(), scalings=("whole",)),
            num_ws=num_ws,
        )
    except BoundaryError:
        return None


def _distances(codes: npt.NDArray[np.float32], normals: Array) -> Array:
    return (codes @ normals.T.astype(np.float32)).astype(np.float64)
