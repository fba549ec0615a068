"""Boundaries calibrated on finished films: the last link of the chain counts, not the generator's crops.

What reaches the photo is not what the generator draws: the transfer loses some of a small movement and completes a
large one. So every AU is filmed on a few portraits at each of `LEVELS` and measured as `check` measures it; its map
from intensity to distance is bent until an asked 0.6 is measured as 0.6 of what the same face's muscles show. A map
from which the measurements do not differ by more than they are sure of is left alone.

What landmarks read of other AUs in most people's films is taken out first (`lab.fit.remove_leakage`): as much as some
two of three show at least, since stray readings say nothing, and other photos than these have to gain by it.

People differ, too. Flow and landmarks see a film each with errors of its own: by as much as they agree on who shows
more of an AU than others, a single face's flow is believed (`boundary.Response`). Where MediaPipe reads the photos,
dlib reads them, too: by as much as the two agree, a single face's landmarks are believed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from facsmith import measure
from facsmith._types import Array, Image
from facsmith.boundary import BoundarySet, LandmarkResponse, Response
from facsmith.facs import DISFA
from facsmith.lab.evaluate.check import LEVELS, Check, Reading, animator_render, check
from facsmith.lab.fit import recalibrate, remove_leakage

if TYPE_CHECKING:
    from facsmith.animator import Animator
    from facsmith.options import AnimateOptions

__all__ = ["calibrate_on_films"]


_REACH = 1.5  # times the old range, at most, in one go
_SURE = 2.0  # standard errors
_OWN_WORD = 0.5  # trust in flow where landmarks cannot say whether it is right
_MINORITY = 1 / 3  # of the people may show less of another AU than what is taken out
_LEAST = 0.03  # of another AU at 1: less is not worth a turn
_FEWEST = 8  # photos from which anything can be said about how people differ
_TINY = 1e-3


def calibrate_on_films(
    animator: "Animator",
    photos: Sequence[tuple[str, Image]],
    *,
    aus: Sequence[int] | None = None,
    options: "AnimateOptions | None" = None,
    provider: str = "auto",
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> BoundarySet:
    """The animator's boundaries, recalibrated.

    Everyone gets the same step here, whatever the options say. What an AU shows of another is taken out where both are
    calibrated; other AUs' edits stay as they are. Each Boundary's report gains ``films``: on how many photos, by
    landmarks or by flow, what each asked level showed before its scale was bent and shows now, and what was taken out
    of other AUs, in all.

    Parameters
    ----------
    photos
        (name, (H, W, 3) uint8 RGB), portraits that neither the boundaries nor their judgement were made from; ten and
        more, as people differ.
    aus
        The AUs to calibrate; by default all that have a boundary.

    Raises
    ------
    InputError
        No photo shows a usable face.
    BoundaryError
        An AU moves nothing, or has no boundary.
    """
    from facsmith.options import AnimateOptions

    chosen = tuple(animator.networks.boundaries[au].au for au in aus or animator.networks.boundaries.aus)
    same_step = replace(options or AnimateOptions(), mode="paste", personal=False)

    def films(boundaries: BoundarySet, stage: str, second: str | None = None) -> Check:
        return check(
            animator_render(animator.with_boundaries(boundaries), same_step),
            photos,
            aus=chosen,
            provider=provider,
            second=second,
            progress=lambda _, done, total: progress(stage, done, total),
        )

    bent = animator.networks.boundaries
    before = films(bent, "calibrate")
    others = others_shown(before, bent.aus)
    if others.any():
        bent = remove_leakage(bent, others)
        before = films(bent, "calibrate untangled")
    for row in before.rows:
        if is_off(before, row.au):
            bent = recalibrate(bent, row.au, LEVELS, _shown(before, row.au, _judge(before, row.au)), reach=_REACH)
    after = films(bent, "verify", "dlib" if before.providers == ("mediapipe",) else None)
    responses = person_responses(after)
    known = (
        replace(
            b,
            report={**b.report, "films": _report(before, after, b.au) | _taken_out(bent.aus, leaks, b.report)},
            response=responses.get(b.au),
        )
        if b.au in chosen
        else b
        for b, leaks in zip(bent.boundaries, others, strict=True)
    )
    return BoundarySet(tuple(known), bent.generator_id)


def others_shown(result: Check, aus: Sequence[int]) -> Array:
    """(K, K): how much of AU j some two people of three show in films of AU i at 1.

    0 where too few were filmed to say, where it is little, and where landmarks hardly see AU j.
    """
    found = np.zeros((len(aus), len(aus)))
    visible = [row.au for row in result.rows if row.judged_by == "landmarks"]
    for row, au in zip(found, aus, strict=True):
        seen = [r.shown for r in _readings(result, au) if np.isfinite(r.shown).all()]
        if len(seen) >= _FEWEST:
            row[:] = np.quantile(seen, _MINORITY, axis=0)[[DISFA.index(other) for other in aus]]
    np.fill_diagonal(found, 0.0)
    return np.where((found >= _LEAST) & np.isin(aus, visible), found, 0.0)


def _taken_out(aus: Sequence[int], leaks: Array, report: Mapping[str, Any]) -> dict[str, Any]:
    """report: of the boundary until now."""
    known = dict(report.get("films", {}).get("taken_out", {}))
    new = {str(au): round(float(x) + known.get(str(au), 0.0), 3) for au, x in zip(aus, leaks, strict=True) if x > 0}
    return {"taken_out": known | new}


def _shown(result: Check, au: int, judge: str) -> Array:
    """(levels,) what each of LEVELS showed, over the photos, as a share of the muscles at 1."""
    return _average(_readings(result, au), judge)


def _average(readings: Sequence[Reading], judge: str) -> Array:
    if judge == "flow":
        return np.median([r.flow for r in readings], axis=0)
    return np.sum([r.along for r in readings], axis=0) / np.sum([r.muscles for r in readings])


def is_off(result: Check, au: int) -> bool:
    """Whether any level differs from what was asked by more than the choice of photos explains (jackknife)."""
    readings, judge = _readings(result, au), _judge(result, au)
    count = len(readings)
    if count < 2:
        return True
    without = np.array([_average([*readings[:i], *readings[i + 1 :]], judge) for i in range(count)])
    error = np.sqrt((count - 1) * without.var(axis=0))
    return bool((np.abs(_average(readings, judge) - LEVELS) > _SURE * error).any())


def person_responses(result: Check) -> dict[int, Response]:
    """How much one person's reading at intensity 1 says of an AU, by AU, as far as enough people were filmed.

    What landmarks see is regressed on flow. All shares are logarithms. A few dozen people tell slopes to within some
    .2, so each AU's is drawn to the mean of all by what it may owe to chance: a random-effects mean and empirical Bayes
    (DerSimonian and Laird 1986). One AU alone is shrunk towards 0 (James and Stein 1961). Where MediaPipe and dlib were
    asked, what the one sees is regressed on flow and on what the other sees, too. There the mean itself counts for all
    AUs: on other people single AUs' slopes said no more (AU5 and AU20 less, where the two had agreed best).
    """
    found: dict[int, Response] = {}
    shares: dict[int, tuple[Array, Array, Array]] = {}  # (people,) by flow, by landmarks, by the other landmarker
    for au in (row.au for row in result.rows):
        readings = _readings(result, au)
        if len(readings) < _FEWEST:
            continue
        typical = float(np.median([r.flow[-1] for r in readings]))
        if typical < _TINY:
            continue
        if _judge(result, au) == "flow":
            found[au] = Response(typical, _OWN_WORD)
            continue
        rows = [(r.flow[-1], measure.relative_response(r.along[-1], r.muscles), r.second_share) for r in readings]
        found[au], shares[au] = Response(typical, 0.0), tuple(np.array(rows).T)
    flow_alone = _trusts({au: _slopes(seen, flow) for au, (flow, seen, _) in shares.items()})
    first_trusts = _beside_flow([*shares.values()])
    second_trusts = _beside_flow([(flow, second, first) for flow, first, second in shares.values()])
    for au, (_, first, second) in shares.items():
        landmarks = {
            name: LandmarkResponse(float(np.nanmedian(seen)), trust=trusts[1], flow=trusts[0])
            for name, seen, trusts in (("mediapipe", first, first_trusts), ("dlib", second, second_trusts))
            if trusts is not None and np.isfinite(seen).any() and np.nanmedian(seen) >= _TINY
        }
        found[au] = replace(found[au], trust=flow_alone.get(au, 0.0), landmarks=landmarks)
    return found


def _beside_flow(shares: Sequence[tuple[Array, Array, Array]]) -> tuple[float, float] | None:
    """Trust in flow and in a landmarker, for all AUs; None where too few people were seen by both. shares: by AU,
    (people,) by flow, by the landmarker, by the other one.

    Where flow says nothing of its own, the landmarker's trust is what it is without flow.
    """
    both = [found for flow, seen, judge in shares if (found := _slopes(judge, flow, seen)) is not None]
    alone = [found for _, seen, judge in shares if (found := _slopes(judge, seen)) is not None]
    if not both:
        return None
    flow, landmarks = (_common(column)[0] for column in np.moveaxis(np.array(both), 2, 0))
    if flow <= 0:
        flow, landmarks = 0.0, _common(np.array(alone)[:, :, 0])[0]
    flow, landmarks = np.clip([flow, landmarks], 0.0, 1.0)
    most = max(flow + landmarks, 1.0)
    return float(flow / most), float(landmarks / most)


def _slopes(seen: Array, *told: Array) -> Array | None:
    """(2, P): slopes of the logarithm of shares (N,) over those of P others, and their variances; None where too few
    people have all of them, or one is the same for all."""
    rows = np.stack([seen, *told], axis=1)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < _FEWEST:
        return None
    logs = np.log(np.maximum(rows, _TINY))
    middle = np.median(logs, axis=0)
    near = np.clip(logs, middle - np.log(Response.FAR), middle + np.log(Response.FAR))
    y, x = np.split(near - near.mean(axis=0), [1], axis=1)
    if np.ptp(x, axis=0).min() < 1e-9 or np.linalg.matrix_rank(x) < x.shape[1]:
        return None
    inverse = np.linalg.pinv(x)
    slopes = (inverse @ y)[:, 0]
    error = float(np.sum((y[:, 0] - x @ slopes) ** 2)) / (len(y) - x.shape[1] - 1)
    return np.stack([slopes, np.maximum(error * (inverse**2).sum(axis=1), 1e-9)])


def _trusts(slopes: Mapping[int, Array | None]) -> dict[int, float]:
    """AU -> its slope (2, 1), in [0, 1], drawn to what it has in common with the other AUs'."""
    known = {au: slope[:, 0] for au, slope in slopes.items() if slope is not None}
    if not known:
        return {}
    return dict(zip(known, np.clip(_shrunk(np.array([*known.values()])), 0.0, 1.0).tolist(), strict=True))


def _shrunk(slopes: Array) -> Array:
    """(K,): of (K, 2) values and their variances, each drawn to what it has in common with the others."""
    values, variances = slopes.T
    if len(values) < 2:
        return values - variances / np.maximum(np.abs(values), 1e-9)
    centre, between = _common(slopes)
    return centre + between / (between + variances) * (values - centre)


def _common(slopes: Array) -> tuple[float, float]:
    """What (K, 2) values, with their variances, have in common: a random-effects mean, and the variance around it."""
    values, variances = slopes.T
    weights = 1 / variances
    centre = weights @ values / weights.sum()
    excess = float(weights @ (values - centre) ** 2) - (len(values) - 1)
    spare = weights.sum() - weights @ weights / weights.sum()
    between = max(excess, 0.0) / spare if len(values) > 1 else 0.0
    weights = 1 / (variances + between)
    return float(weights @ values / weights.sum()), between


def _readings(result: Check, au: int) -> list[Reading]:
    return [r for r in result.readings if r.au == au and _seen(r)]


def _judge(result: Check, au: int) -> str:
    return next(row.judged_by for row in result.rows if row.au == au)


def _seen(reading: Reading) -> bool:
    return bool(np.isfinite([*reading.along, reading.muscles, reading.leak, *reading.flow]).all())


def _report(before: Check, after: Check, au: int) -> dict[str, Any]:
    readings, judge = _readings(after, au), _judge(before, au)
    if not readings:
        return {"photos": 0, "judged_by": judge}
    return {
        "photos": len(readings),
        "judged_by": judge,
        "asked": list(LEVELS),
        "showed": [round(float(x), 3) for x in _shown(before, au, judge)],
        "shows": [round(float(x), 3) for x in _shown(after, au, judge)],
        "leak": round(fmean(r.leak for r in readings), 4),
    }
