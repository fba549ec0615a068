"""Every plot that facsmith draws as a picture, by matplotlib without its global state: timelines, calibrations, charts.

Conventions: pictures are (H, W, 3) uint8 RGB; colours mean the same everywhere (blue: asked or set, orange: measured;
brown and green: the person's left and right side). The same input gives the same bytes, whatever style the caller's own
plots have. Needs the extra ``plots``.
"""

import io
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

import numpy as np

from facsmith import _optional
from facsmith._json import is_record
from facsmith._types import Array, Pixels
from facsmith.boundary import Boundary, BoundarySet
from facsmith.errors import InputError
from facsmith.facs import AU_NAMES, AUS, DISFA
from facsmith.timeline import Timeline

__all__ = ["Band", "calibration_plot", "convergence_chart", "leakage_chart", "scatter_chart", "timeline_plot"]

Band = tuple[Array, Array, Array]
"""Lower quartile, median and upper quartile, (T,) each."""

ASKED, MEASURED, LEFT, RIGHT, INK, SOFT, GRID = (
    "#0f62a8",
    "#c2410c",
    "#b3541e",
    "#3d7a3d",
    "#222222",
    "#777777",
    "#dddddd",
)
_DPI: Final = 100
_STARTS: Final = {"encoder": ASKED, "mean": RIGHT, "random": LEFT}

_LANE, _GAP, _LABELS, _MARGIN, _FOOT = 54, 14, 190, 24, 44
"""Pixels of a timeline's lane, between lanes, left and right of them, and below."""
_STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 600)

_PANEL: Final = (3.0, 2.4)  # inches
_COLUMNS: Final = 4


def timeline_plot(timeline: Timeline, *, width: int = 1200) -> Pixels:
    """Intensity over seconds, one lane for each AU that moves.

    Parameters
    ----------
    timeline
        A lane runs from 0 at its bottom to 1 at its top. Where the sides differ, the person's left is brown and the
        right is green.
    width
        Pixels, 400 to 8000; the height follows from the lanes.

    Raises
    ------
    InputError
        The width is another.
    """
    if not 400 <= width <= 8000:
        raise InputError(f"A plot {width} pixels wide; give 400 to 8000.")
    times = np.linspace(0.0, timeline.duration, 2 * (width - _LABELS - _MARGIN))
    lanes = _lanes(timeline, times)
    height = _GAP + len(lanes) * (_LANE + _GAP) + _FOOT
    step = next((s for s in _STEPS if timeline.duration / s <= 12), _STEPS[-1])
    with _figure((width / _DPI, height / _DPI)) as figure:
        for row, (label, name, curves) in enumerate(lanes):
            top = _GAP + row * (_LANE + _GAP)
            axes = figure.add_axes(
                (_LABELS / width, 1 - (top + _LANE) / height, 1 - (_LABELS + _MARGIN) / width, _LANE / height)
            )
            for index, (curve, colour) in enumerate(curves):
                # Where both sides move alike, the one behind still shows.
                axes.plot(times, curve, color=colour, linewidth=1.5 * (len(curves) - index), clip_on=False)
            axes.set_xlim(0, max(timeline.duration, 1e-9))
            axes.set_ylim(0, 1)
            axes.set_yticks([])
            axes.set_xticks(np.arange(0, timeline.duration + 1e-9, step))
            axes.tick_params(length=0, labelsize=9, labelbottom=row == len(lanes) - 1)
            axes.grid(axis="x", color=GRID, linewidth=0.8)
            axes.set_axisbelow(True)
            for spine in axes.spines.values():
                spine.set_color(GRID)
            place = {"transform": axes.transAxes, "va": "top", "clip_on": False}
            left = -(_LABELS - 12) / (width - _LABELS - _MARGIN)
            axes.text(left, 0.85, label, color=INK, fontsize=11, **place)
            axes.text(left, 0.42, name, color=SOFT, fontsize=9, **place)
        figure.text(
            1 - _MARGIN / width,
            4 / height,
            f"seconds (of {timeline.duration:g})",
            color=SOFT,
            fontsize=9,
            ha="right",
            va="bottom",
        )
        return _pixels(figure)


def calibration_plot(boundaries: BoundarySet) -> Pixels:
    """One panel for each AU: how far each intensity lies, and what showed of it where that was tried.

    Blue is the distance in W+ over the intensity (its range stands beside the axis); orange is the part of the muscles'
    motion that showed on judges; the diagonal is what was asked.
    """
    count = len(boundaries.boundaries)
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    with _figure((columns * _PANEL[0], rows * _PANEL[1]), layout="constrained") as figure:
        panels = _panels(figure, rows, columns)
        for axes, boundary in zip(panels, boundaries.boundaries, strict=False):
            _calibration(axes, boundary)
        for axes in panels[count:]:
            axes.axis("off")
        return _pixels(figure)


def convergence_chart(bands: Mapping[str, Band], *, threshold: float, loss: str) -> bytes:
    """A PNG: median and quartiles over iterations, one curve for each start.

    Iteration 0 stands left of 1 on a logarithmic axis.
    """
    with _figure((8.4, 4.6), layout="constrained", dpi=110) as figure:
        (axes,) = _panels(figure, 1, 1)
        for start, (low, median, high) in bands.items():
            x = np.arange(len(median))
            axes.fill_between(x, low, high, color=_STARTS[start], alpha=0.18, linewidth=0)
            axes.plot(x, median, color=_STARTS[start], linewidth=2, label=f"{start} start")
        axes.axhline(threshold, color="#555555", linestyle="--", linewidth=1, label="threshold (median)")
        axes.set_xscale("symlog", base=2, linthresh=1, linscale=0.6)
        last = max(len(median) for _, median, _ in bands.values()) - 1
        ticks = [0, *(1 << k for k in range(last.bit_length()))]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set_xlim(0, last)
        axes.set_yscale("log")
        axes.set_xlabel("iterations")
        axes.set_ylabel(loss)
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False)
        return _png(figure)


def scatter_chart(asked: Sequence[float], shown: Array, judges: Sequence[str]) -> bytes:
    """A PNG with a panel for each AU: what was measured over what was asked, every face a dot, their median a line.

    Parameters
    ----------
    asked
        The levels, intensities in [0, 1].
    shown
        (faces, 12, levels) measured intensities.
    judges
        What each AU was measured by.
    """
    with _figure((10.5, 7.6), layout="constrained", dpi=110) as figure:
        levels = np.array(asked)
        for k, axes in enumerate(_panels(figure, 3, 4, share=True)):
            axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1.5)
            for face in shown[:, k]:
                axes.plot(levels, face, "o", color=ASKED, alpha=0.35, markersize=4, markeredgewidth=0)
            seen = np.nanmedian(shown[:, k], axis=0) if np.isfinite(shown[:, k]).any(axis=0).all() else levels * np.nan
            axes.plot([0, *levels], [0, *seen], color=MEASURED, linewidth=2)
            axes.set_title(f"AU{DISFA[k]} (by {judges[k]})", fontsize=10)
            axes.set_xlim(0, 1.05)
            axes.set_ylim(-0.15, 1.8)
            axes.grid(alpha=0.3)
        figure.supxlabel("asked intensity")
        figure.supylabel("measured, 1 = what the same face's muscles show")
        return _png(figure)


def leakage_chart(matrices: Mapping[str, Array]) -> bytes:
    """A PNG, side by side: (12, 12) of what is read of each AU (column) when one (row) is asked at 1."""
    with _figure((5.4 * len(matrices), 5.2), layout="constrained", dpi=110) as figure:
        names = [f"AU{au}" for au in DISFA]
        for axes, (title, matrix) in zip(_panels(figure, 1, len(matrices)), matrices.items(), strict=True):
            axes.imshow(np.clip(matrix, 0, 1.2), cmap="Blues", vmin=0, vmax=1.2)
            for row, column in np.ndindex(matrix.shape):
                value = matrix[row, column]
                if np.isfinite(value) and value >= 0.05:
                    ink = "white" if value > 0.7 else INK
                    axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=7.5, color=ink)
            axes.set_xticks(range(len(DISFA)), names, fontsize=8, rotation=90)
            axes.set_yticks(range(len(DISFA)), names, fontsize=8)
            axes.set_xlabel("measured")
            axes.set_ylabel("asked at 1")
            axes.set_title(title, fontsize=11)
        return _png(figure)


def _lanes(timeline: Timeline, times: Array) -> list[tuple[str, str, tuple[tuple[Array, str], ...]]]:
    """Label, name, and the curves (T,) of each lane with their colours."""
    shown = timeline.sides(times)  # (T, 2, K)
    lanes: list[tuple[str, str, tuple[tuple[Array, str], ...]]] = []
    for column, au in enumerate(AUS):
        left, right = shown[:, 0, column], shown[:, 1, column]
        if not (left.any() or right.any()):
            continue
        if np.array_equal(left, right):
            lanes.append((f"AU{au}", AU_NAMES[au], ((left, ASKED),)))
        else:
            lanes.append((f"L{au}  R{au}", AU_NAMES[au], ((left, LEFT), (right, RIGHT))))
    return lanes or [("neutral", "nothing moves", ((np.zeros(len(times)), ASKED),))]


def _calibration(axes: Any, boundary: Boundary) -> None:
    rest, full = (float(d) for d in boundary.calibration.distance([0.0, 1.0]))
    grid = np.linspace(0, 1, 61)
    axes.plot([0, 1], [0, 1], color=GRID, linewidth=2)
    axes.plot(grid, (boundary.calibration.distance(grid) - rest) / (full - rest), color=ASKED, linewidth=1.5)
    nodes = (np.array(boundary.calibration.distances) - rest) / (full - rest)
    axes.plot(boundary.calibration.intensities, nodes, "o", color=ASKED, markersize=4)
    shown = cast("dict[str, Any]", boundary.report.get("shown", {}))
    asked, seen = (cast("list[float]", shown.get(key, [])) for key in ("asked", "share_of_muscles"))
    if asked and seen:
        count = min(len(asked), len(seen))
        axes.plot([0, *asked[:count]], [0, *seen[:count]], "-", color=MEASURED, linewidth=1.5)
        axes.plot(asked[:count], seen[:count], "o", color=MEASURED, markersize=4)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(0, 1.15)
    axes.set_xticks((0, 0.25, 0.5, 0.75, 1))
    axes.set_yticks((0, 1), (f"{rest:.1f}", f"{full:.1f}"), color=ASKED)
    axes.tick_params(labelsize=7, length=2)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_title(f"AU{boundary.au} {AU_NAMES[boundary.au]}\n{_counts(boundary)}", fontsize=8, loc="left")


def _counts(boundary: Boundary) -> str:
    training = boundary.report.get("training")
    accuracy = boundary.report.get("accuracy_within_person")
    said: list[str] = []
    if is_record(training):
        known = training
        said.append(f"{known.get('active')} active, {known.get('neutral')} neutral")
    if accuracy is not None:
        said.append(f"accuracy {accuracy:.2f}")
    return "; ".join(said) or "not fitted here"


@contextmanager
def _figure(size: tuple[float, float], *, layout: str | None = None, dpi: int = _DPI) -> Generator[Any]:
    """A figure of ``size`` inches, drawn in memory, in matplotlib's own default style."""
    matplotlib = _optional.load("matplotlib")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = _optional.load("matplotlib.figure").Figure(figsize=size, layout=layout, dpi=dpi, facecolor="white")
        _optional.load("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
        yield figure


def _panels(figure: Any, rows: int, columns: int, *, share: bool = False) -> list[Any]:
    return list(figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share).ravel())


def _pixels(figure: Any) -> Pixels:
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba(), np.uint8)[..., :3].copy()


def _png(figure: Any) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()
