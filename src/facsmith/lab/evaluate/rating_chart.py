"""Ratings drawn: a panel for each scale, and one of the emotions chosen."""

from pathlib import Path
from typing import Any, cast

import numpy as np

from facsmith._files import atomic_path
from facsmith.errors import InputError
from facsmith.lab.evaluate.ratings import SCALES, Of, RatingReport

__all__ = ["draw_ratings"]

_ROW, _MOST = 0.28, 120  # inches; rows that can be told apart on one page


def draw_ratings(report: RatingReport, path: Path, *, of: Of = "condition") -> None:
    """Write a chart, .png or .pdf: means with 95 % intervals, and shares of the emotions.

    Raises
    ------
    InputError
        There are more rows than a page holds.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scales = [scale for scale in SCALES if any(mean.scale == scale for mean in report.means[of])]
    names = sorted({mean.of for mean in report.means[of]} | {each.of for each in report.choices[of]})
    if len(names) > _MOST:
        raise InputError(f"{len(names)} rows are too many for one chart; draw conditions, or fewer of them.")
    panels = len(scales) + bool(report.choices[of])
    figure: Any = Figure((4.2 * panels + 1.5, _ROW * len(names) + 1.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = cast("list[Any]", np.atleast_1d(figure.subplots(1, panels, sharey=True)).tolist())
    at = {name: row for row, name in enumerate(names)}
    for place, scale in zip(axes, scales, strict=False):
        shown = [mean for mean in report.means[of] if mean.scale == scale]
        rows = [at[mean.of] for mean in shown]
        errors = [0.0 if np.isnan(mean.half_interval) else mean.half_interval for mean in shown]
        place.errorbar([mean.mean for mean in shown], rows, xerr=errors, fmt="o", color="#24557a", capsize=2)
        place.set_title(scale)
        place.set_xlabel("mean, 95 % interval over raters")
        place.grid(alpha=0.3)
    if report.choices[of]:
        place = axes[-1]
        emotions = sorted({emotion for each in report.choices[of] for emotion in each.counts})
        shares = np.zeros((len(names), len(emotions)))
        for each in report.choices[of]:
            total = sum(each.counts.values())
            for emotion, count in each.counts.items():
                shares[at[each.of], emotions.index(emotion)] = count / total
        place.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for row, column in np.argwhere(shares > 0).tolist():
            share = shares[row, column]
            place.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=7,
                       color="white" if share > 0.6 else "#222222")  # fmt: skip
        place.set_xticks(range(len(emotions)), emotions, rotation=40, ha="right")
        place.set_title("emotion chosen")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120, format=path.suffix[1:].lower() or "png")
