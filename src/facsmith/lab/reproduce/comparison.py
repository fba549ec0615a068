"""Asked against measured, what leaks, likeness, flicker and seconds: of the default, its ablations and baselines."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from facsmith._types import Array
from facsmith.facs import AU_NAMES, DISFA
from facsmith.lab.evaluate.check import LEVELS
from facsmith.lab.evaluate.model import AuRow, Judgement, summarise
from facsmith.lab.evaluate.reconstruction import evaluation_descriptor
from facsmith.lab.reproduce.agreement import Agreement, agree
from facsmith.lab.reproduce.bench import Bench
from facsmith.lab.reproduce.judging import Judged
from facsmith.lab.reproduce.methods import DEFAULT, Method
from facsmith.lab.reproduce.parts import Cell, Figure, Section, Table
from facsmith.plots import leakage_chart, scatter_chart

__all__ = ["comparison"]


_UNIT = (
    "Unit: what the same landmarks report for the same face's muscles (face.muscles) at intensity 1; AUs whose "
    "movement landmarks hardly see are read by optical flow in the same unit."
)
_BESIDE = ("as in the paper", "plain sum", "crop")


def comparison(bench: Bench, methods: Sequence[Method], read: Mapping[str, Sequence[Judged]]) -> list[Section]:
    """The section that compares the methods.

    Parameters
    ----------
    read
        Method -> the faces on which its films could be read.
    """
    usable = [method for method in methods if read.get(method.key)]
    judgements = {method.key: summarise([one.control for one in read[method.key]]) for method in usable}
    sections = [_methods(bench, usable, read, judgements)]
    if DEFAULT in judgements:
        sections[:0] = [_control(bench, read[DEFAULT], judgements[DEFAULT]), _leakage(bench, usable, read)]
    return sections


def _control(bench: Bench, read: Sequence[Judged], judgement: Judgement) -> Section:
    shown = np.stack([_shown(one, judgement.rows) for one in read])
    judges = [row.judged_by for row in judgement.rows]
    caption = (
        f"Measured over asked, {len(read)} faces (dots), their median (line), each AU alone at "
        f"{', '.join(f'{e:g}' for e in LEVELS)}. {_UNIT}"
    )
    rows: list[tuple[Cell, ...]] = []
    for k, row in enumerate(judgement.rows):
        alone, mixed = agree(np.broadcast_to(LEVELS, shown[:, k].shape), shown[:, k]), _mixed(read, k)
        rows.append(
            (f"AU{row.au}", AU_NAMES[row.au], row.judged_by, *_cells(alone), row.spearman, *_cells(mixed), row.leakage)
        )
    heads = ("AU", "name", "read by", "MAE", "ICC(3,1)", "Pearson", "Spearman")
    heads += ("MAE, mixed", "ICC(3,1), mixed", "Pearson, mixed", "others move")
    count = len(read) * bench.plan.expressions
    return Section(
        "control",
        "Asked against measured, per AU",
        "Not measured in the paper.",
        text=(
            f"Alone: {len(read)} faces x {len(LEVELS)} levels. Mixed: {count} random expressions, each AU with a "
            "chance of one in four; all twelve are read by landmarks there, so AUs that landmarks see badly do worse.",
        ),
        figures=[Figure("control", scatter_chart(LEVELS, shown, judges), "png", caption)],
        tables=[Table("control", heads, tuple(rows), _UNIT)],
    )


def _leakage(bench: Bench, methods: Sequence[Method], read: Mapping[str, Sequence[Judged]]) -> Section:
    known = [method.key for method in methods]
    beside = next((key for key in _BESIDE if key in known), None)
    keys = [DEFAULT, *([beside] if beside else [])]
    matrices = {key: _matrix(read[key]) for key in keys}
    titles = {DEFAULT: "facsmith (default)", **{key: key for key in keys[1:]}}
    caption = (
        f"What is read of every AU (column) when one AU (row) is asked at 1: mean of {len(read[DEFAULT])} faces, below "
        f"0.05 left blank. All twelve are read by landmarks here; rows of AUs that these see badly are faint. {_UNIT}"
    )
    rows = [(key, f"AU{au}", *map(float, matrix[k])) for key, matrix in matrices.items() for k, au in enumerate(DISFA)]
    heads = ("method", "asked", *(f"AU{au}" for au in DISFA))
    return Section(
        "leakage",
        "What moves that was not asked for",
        "Not measured in the paper.",
        figures=[Figure("leakage", leakage_chart({titles[key]: m for key, m in matrices.items()}), "png", caption)],
        tables=[Table("leakage", heads, tuple(rows), "The matrices.", shown=False)],
    )


def _methods(
    bench: Bench,
    methods: Sequence[Method],
    read: Mapping[str, Sequence[Judged]],
    judgements: Mapping[str, Judgement],
) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for method in methods:
        found, judged = read[method.key], judgements[method.key]
        shown = np.stack([_shown(one, judged.rows) for one in found])
        agreed = [agree(np.broadcast_to(LEVELS, shown[:, k].shape), shown[:, k]) for k in range(len(DISFA))]
        rows.append(
            (
                method.key,
                method.group,
                len(found),
                judged.au_mae,
                _mean([a.icc for a in agreed]),
                _mean([a.pearson for a in agreed]),
                judged.au_leakage,
                judged.inter_au_correlation,
                _mean([one.identity_distance for one in found]),
                _mean([one.lpips for one in found]),
                fmean(one.flicker for one in found),
                fmean(one.seconds for one in found),
            )
        )
    heads = ("method", "what differs", "faces", "AU error", "ICC(3,1)", "Pearson", "others move", "AUs entangled")
    heads += ("identity distance", "perceptual distance", "flicker", "CPU s a frame")
    features = evaluation_descriptor(bench.networks).name
    missing = [
        f"{method.key} knows no {', '.join(f'AU{au}' for au in method.missing)}: asked for, nothing moves."
        for method in methods
        if method.missing
    ]
    what = [(method.key, method.group, method.what) for method in methods]
    chance = judgements[methods[0].key].chance if methods else float("nan")
    return Section(
        "methods",
        "Ablations and baselines, on the same faces",
        "Not in the paper.",
        text=(
            *(f"{method.key}: {method.what}." for method in methods),
            *missing,
            "AU error, others move and AUs entangled are au_mae, au_leakage and inter_au_correlation of `facsmith "
            f"evaluate model` (of what was asked, the last is {chance:.2f} by chance). Distances: the photo against "
            "its frames with one AU at 1, mean over the AUs; whoever does nothing is at 0: read them beside the error. "
            f"Perceptual distance: {features}, unit length (LPIPS without its learned weights). Flicker: mean "
            "second difference over time, grey levels, on a ramp to happiness. The muscles' warp is the ruler that all "
            "are read by, so its error is the ruler's own; what it cannot do is show what a photo does not hold.",
        ),
        tables=[
            Table("methods", heads, tuple(rows), f"Means of {bench.plan.judged} faces. {_UNIT}"),
            Table("methods-what", ("method", "group", "what"), tuple(what), "What each method is.", shown=False),
        ],
    )


def _shown(one: Judged, rows: Sequence[AuRow]) -> Array:
    """(12, levels) as the judge of each AU reads it."""
    control = one.control
    return np.stack(
        [control.shares[k] if row.judged_by == "landmarks" else control.flow[k] for k, row in enumerate(rows)]
    )


def _mixed(read: Sequence[Judged], k: int) -> Agreement:
    asked = np.concatenate([one.control.asked[:, k] for one in read])
    return agree(asked, np.concatenate([one.control.mixed[:, k] for one in read]))


def _matrix(read: Sequence[Judged]) -> Array:
    """(12, 12) at intensity 1; NaN where no face was seen."""
    stacked = np.stack([one.control.measured[:, -1] for one in read])
    seen = np.isfinite(stacked)
    return np.where(seen, stacked, 0).sum(axis=0) / np.where(seen.any(axis=0), seen.sum(axis=0), np.nan)


def _cells(agreement: Agreement) -> tuple[float, float, float]:
    return agreement.mae, agreement.icc, agreement.pearson


def _mean(values: Sequence[float] | Sequence[Array]) -> float:
    flat = np.concatenate([np.atleast_1d(value) for value in values])
    flat = flat[np.isfinite(flat)]
    return float(flat.mean()) if flat.size else float("nan")
