"""fit_boundaries: AU-labelled W+ codes in, a calibrated BoundarySet with its report out (the paper's 3.3)."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facsmith.boundary import Boundary, BoundarySet
from facsmith.boundary_fit.calibrate import Fitted, calibrate
from facsmith.boundary_fit.separate import Baseline, balanced_weights, own_baseline, svm_normal, unmix
from facsmith.errors import BoundaryError
from facsmith.facs import AUS

__all__ = ["FitOptions", "fit_boundaries"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_SPLITS = 20


@dataclass(frozen=True)
class FitOptions:
    """How boundaries are fitted.

    aus: which; best all that the faces show, as the edit holds still only what has a boundary.
    threshold: intensity from which a face shows the AU (0.7: the paper's DISFA levels 4 and 5).
    c: the SVM's C on codes of unit root-mean-square length. By default 0.01 with a person's baseline (nearly all
    samples count), 1 without (people differ more than expressions do, and only a firm margin sees past them).
    baseline: what is subtracted from a person's codes before the SVM: their "mean", their "neutral" codes (paired
    differences), or "none", as in the paper. unmix: make each normal independent of the other AUs; False leaves the
    SVM's own. held_out: share of the people kept for accuracy and calibration. max_per_class: at most so many samples
    in one class of an SVM.
    """

    aus: tuple[int, ...] = AUS
    threshold: float = 0.7
    c: float | None = None
    baseline: Baseline = "mean"
    unmix: bool = True
    held_out: float = 0.25
    max_per_class: int = 4000
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.aus or len(set(self.aus)) < len(self.aus) or not set(self.aus) <= set(AUS):
            raise BoundaryError(f"Boundaries of the AUs {self.aus}; give some of {AUS}, each once.")
        if not 0 < self.threshold <= 1:
            raise BoundaryError(
                f"A threshold of {self.threshold:g}; an AU counts as shown from an intensity in (0, 1]."
            )
        if self.c is not None and not (math.isfinite(self.c) and self.c > 0):
            raise BoundaryError(f"An SVM with C = {self.c:g}; give a number above 0.")
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

    ws: (N, num_ws, w_dim) codes. labels: (N, 12) intensities in [0, 1] in the order of AUS. groups: (N,) who it is (any
    numbers or names); whole people are held out. An AU without enough neutral or active samples raises BoundaryError.
    Each Boundary's report holds counts, held-out accuracy, leakage and the residual band of its calibration.
    """
    options = options or FitOptions()
    _check(ws, labels, groups)
    # The fitted AUs come first, the others after them.
    columns = [AUS.index(au) for au in options.aus] + [k for k, au in enumerate(AUS) if au not in options.aus]
    shown = labels.astype(np.float64)[:, columns]
    people = np.unique(groups, return_inverse=True)[1].astype(np.intp)
    codes = np.ascontiguousarray(ws, dtype=np.float32).reshape(len(ws), -1)
    _check_classes(shown, options)

    held = _held_out(people, shown, options)
    normals, converged = _normals(codes[~held], shown[~held], people[~held], options)
    distances = (codes @ normals.T.astype(np.float32)).astype(np.float64)

    judged = held if held.any() else ~held
    leaks = _leaks(distances[judged], shown[judged], people[judged])
    boundaries: list[Boundary] = []
    for k, au in enumerate(options.aus):
        e, d = shown[:, k], distances[:, k]
        active = e >= options.threshold
        intercept = float(np.median(d[~held & (e == 0)]) + np.median(d[~held & active])) / 2
        fitted = calibrate(d[judged] - intercept, e[judged], people[judged])
        if fitted is None:
            raise BoundaryError(
                f"AU{au}'s distance does not grow with its intensity where it was tried: the codes do not show it. "
                "Give more samples, or leave it out of FitOptions.aus."
            )
        strongest = int(np.argmax(leaks[k]))
        report = {
            "svm": {"baseline": options.baseline, "unmixed": options.unmix, "converged": converged[k]},
            "training": _counts(e[~held], people[~held], options),
            "held_out": _counts(e[held], people[held], options),
            **_quality(d[judged] - intercept, e[judged], fitted, options),
            "worst_leak": {"au": AUS[columns[strongest]], "share": round(float(leaks[k, strongest]), 4)},
        }
        normal = normals[k].reshape(ws.shape[1:])
        boundaries.append(Boundary(au, normal, intercept, fitted.calibration, report))
    return BoundarySet(tuple(boundaries), generator_id)


def _check(ws: npt.NDArray[Any], labels: npt.NDArray[Any], groups: npt.NDArray[Any]) -> None:
    if ws.ndim != 3 or labels.shape != (len(ws), len(AUS)) or groups.shape != (len(ws),) or len(ws) == 0:
        raise BoundaryError(
            f"Codes of shape {ws.shape}, labels {labels.shape}, groups {groups.shape}; "
            f"give (N, num_ws, w_dim), (N, {len(AUS)}) and (N,)."
        )
    if not np.isfinite(ws).all():
        raise BoundaryError("The codes hold NaN or infinite numbers; leave those samples out.")
    if not np.all((labels >= 0) & (labels <= 1)):
        raise BoundaryError("The labels are no intensities in [0, 1] (DISFA's and OpenFace's 0-5: divide by 5).")


def _classes(intensities: Array, options: FitOptions) -> tuple[Mask, Mask]:
    """Which samples are neutral, and which show the AU; those between are neither."""
    return intensities == 0, intensities >= options.threshold


def _check_classes(shown: Array, options: FitOptions) -> None:
    for k, au in enumerate(options.aus):
        neutral, active = (int(side.sum()) for side in _classes(shown[:, k], options))
        if min(neutral, active) < 2:
            raise BoundaryError(
                f"AU{au} has {neutral} neutral samples and {active} of intensity {options.threshold:g} or more; 2 of "
                "each are needed at least. Give more samples, or leave it out of FitOptions.aus."
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
            for side in _classes(shown[:, k], options)
            for part in (held, ~held)
        ]
        if min(sides) >= 2:
            return held
    return np.zeros(len(people), dtype=bool)


def _normals(
    codes: npt.NDArray[np.float32], shown: Array, people: npt.NDArray[np.intp], options: FitOptions
) -> tuple[Array, list[bool]]:
    """(K, D) unit normals of the SVMs, unmixed if asked, and whether each SVM converged."""
    neutral = shown.max(axis=1) == 0
    features = codes - own_baseline(codes, people, options.baseline, neutral=neutral)
    scale = float(np.linalg.norm(features)) / math.sqrt(len(features))
    if not scale > 0:
        raise BoundaryError("All codes are the same; there is nothing to separate.")
    features /= scale
    repeated = options.baseline != "none" and len(codes) >= 2 * (people.max() + 1)
    c = options.c or (0.01 if repeated else 1.0)
    random = np.random.default_rng(options.seed)
    normals: list[Array] = []
    converged: list[bool] = []
    for k in range(len(options.aus)):
        classes = [np.flatnonzero(side) for side in _classes(shown[:, k], options)]
        rows = np.sort(np.concatenate([random.permutation(side)[: options.max_per_class] for side in classes]))
        active = shown[rows, k] > 0
        weights = balanced_weights(np.delete(shown[rows], k, axis=1), active)
        normal, done = svm_normal(features[rows], active, weights=weights, c=c, seed=options.seed)
        normals.append(normal)
        converged.append(done)
    stacked = np.stack(normals)
    if options.unmix:
        stacked = unmix(stacked, features, shown - own_baseline(shown, people, options.baseline, neutral=neutral))
    return stacked, converged


def _leaks(distances: Array, shown: Array, people: npt.NDArray[np.intp]) -> Array:
    """(K, 12) how far each other AU, at full intensity, moves a distance, as share of what its own AU moves; own: 0."""
    response = np.linalg.lstsq(
        shown - own_baseline(shown, people, "mean"), distances - own_baseline(distances, people, "mean"), rcond=1e-3
    )[0].T
    own = np.abs(np.diagonal(response))[:, None]
    shares = np.minimum(np.abs(response) / np.maximum(own, 1e-12), 99.0)
    np.fill_diagonal(shares, 0.0)
    return shares


def _counts(intensities: Array, people: npt.NDArray[np.intp], options: FitOptions) -> dict[str, int]:
    neutral, active = _classes(intensities, options)
    return {"people": len(np.unique(people)), "neutral": int(neutral.sum()), "active": int(active.sum())}


def _quality(distances: Array, intensities: Array, fitted: Fitted, options: FitOptions) -> dict[str, Any]:
    """Balanced accuracy (absolute, and against the person's own level); 10-90 % band of the residuals, in intensity."""
    neutral, active = _classes(intensities, options)

    def accuracy(d: Array) -> float:
        return round(float(np.mean(d[neutral] < 0) + np.mean(d[active] > 0)) / 2, 4)

    low, high = fitted.calibration.distances[0], fitted.calibration.distances[-1]
    band = np.percentile(fitted.residuals, [10, 90]) / (high - low)
    return {
        "accuracy": accuracy(distances),
        "accuracy_within_person": accuracy(distances - fitted.offsets),
        "residual_band": [round(float(edge), 4) for edge in band],
        "levels": len(fitted.calibration.intensities),
    }
