"""Charts, drawn by matplotlib without its global state."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facsmith.facs import DISFA
from facsmith.lab.reproduce.parts import Figure

__all__ = ["Band", "convergence_chart", "leakage_chart", "scatter_chart"]

Array = npt.NDArray[np.float64]
Band = tuple[Array, Array, Array]
"""Lower quartile, median and upper quartile, (T,) each."""

_COLOURS: Final = {"encoder": "#1f5aa0", "mean": "#3d7a3d", "random": "#b3541e"}


def convergence_chart(name: str, bands: Mapping[str, Band], *, threshold: float, loss: str, caption: str) -> Figure:
    """Median and quartiles over iterations, one curve per start. Iteration 0 stands left of 1 on a logarithmic axis."""
    figure, (axes,) = _figure(1, 1, (8.4, 4.6))
    for start, (low, median, high) in bands.items():
        x = np.arange(len(median))
        axes.fill_between(x, low, high, color=_COLOURS[start], alpha=0.18, linewidth=0)
        axes.plot(x, median, color=_COLOURS[start], linewidth=2, label=f"{start} start")
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
    return _saved(figure, name, caption)


def scatter_chart(name: str, asked: Sequence[float], shown: Array, judges: Sequence[str], *, caption: str) -> Figure:
    """One panel per AU: what was measured over what was asked, every face a dot, their median a line.

    shown: (faces, 12, levels).
    """
    figure, panels = _figure(3, 4, (10.5, 7.6), share=True)
    levels = np.array(asked)
    for k, axes in enumerate(panels):
        axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1.5)
        for face in shown[:, k]:
            axes.plot(levels, face, "o", color="#1f5aa0", alpha=0.35, markersize=4, markeredgewidth=0)
        seen = np.nanmedian(shown[:, k], axis=0) if np.isfinite(shown[:, k]).any(axis=0).all() else levels * np.nan
        axes.plot([0, *levels], [0, *seen], color="#b3541e", linewidth=2)
        axes.set_title(f"AU{DISFA[k]} (by {judges[k]})", fontsize=10)
        axes.set_xlim(0, 1.05)
        axes.set_ylim(-0.15, 1.8)
        axes.grid(alpha=0.3)
    figure.supxlabel("asked intensity")
    figure.supylabel("measured, 1 = what the same face's muscles show")
    return _saved(figure, name, caption)


def leakage_chart(name: str, matrices: Mapping[str, Array], *, caption: str) -> Figure:
    """Side by side: (12, 12) of what is read of each AU (column) when one (row) is asked at 1."""
    figure, panels = _figure(1, len(matrices), (5.4 * len(matrices), 5.2))
    names = [f"AU{au}" for au in DISFA]
    for axes, (title, matrix) in zip(panels, matrices.items(), strict=True):
        axes.imshow(np.clip(matrix, 0, 1.2), cmap="Blues", vmin=0, vmax=1.2)
        for row, column in np.ndindex(matrix.shape):
            value = matrix[row, column]
            if np.isfinite(value) and value >= 0.05:
                ink = "white" if value > 0.7 else "#222222"
                axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=7.5, color=ink)
        axes.set_xticks(range(len(DISFA)), names, fontsize=8, rotation=90)
        axes.set_yticks(range(len(DISFA)), names, fontsize=8)
        axes.set_xlabel("measured")
        axes.set_ylabel("asked at 1")
        axes.set_title(title, fontsize=11)
    return _saved(figure, name, caption)


def _figure(rows: int, columns: int, size: tuple[float, float], *, share: bool = False) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure as Drawing

    figure: Any = Drawing(figsize=size, layout="constrained", dpi=110)
    panels: Any = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    return figure, list(panels.ravel())


def _saved(figure: Any, name: str, caption: str) -> Figure:
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    return Figure(name, data.getvalue(), "png", caption)
