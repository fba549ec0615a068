"""Drawings for the page: curves over time, calibrations, and how the boundaries lie to each other.

Conventions: an SVG is a string; sizes are in its own units, the page scales it. Colours come from the page's style
sheet where they must follow it, and from ``COLOURS`` for the AUs.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith.facs import AU_NAMES, AUS, INTENSITY_LETTERS
from facsmith.timeline import Timeline

__all__ = ["COLOURS", "cosine_table", "curve", "line", "timeline_plot"]

COLOURS: Final[Mapping[int, str]] = {
    **{1: "#0b4a82", 2: "#2f78b7", 4: "#0b5560", 5: "#1b8078", 7: "#005ce6"},
    **{6: "#6b4fa0", 9: "#8a5cb8", 10: "#b800e6"},
    **{12: "#c2410c", 14: "#99002e", 15: "#a16207", 16: "#833f5a", 17: "#65730a", 18: "#af5a73", 20: "#be185d"},
    **{22: "#b82eaa", 23: "#8e0b8e", 24: "#470066", 25: "#dc2626", 26: "#7c2d12", 27: "#52142d", 28: "#6100c2"},
    **{43: "#006600", 45: "#2f4521", 61: "#230aff", 62: "#000099", 63: "#3f833f", 64: "#3b3bce"},
}
"""Blues and greens for the upper face and the eyes, violets for the middle, warm ones for the mouth; 4.5:1 on white for
the lines' labels."""

_POINTS = 240


def line(xs: npt.ArrayLike, ys: npt.ArrayLike) -> str:
    """The ``d`` of a path through points already in the drawing's units."""
    points = np.column_stack([np.asarray(xs, float), np.asarray(ys, float)])
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def timeline_plot(timeline: Timeline) -> str:
    """Intensity over time as HTML, one curve an AU, its name at its highest point.

    It is as wide and as high as its place: the curves are stretched, the letters over them are not.
    """
    seconds = max(timeline.duration, 0.1)
    times = np.linspace(0, seconds, _POINTS)
    paths: list[str] = []
    marks: list[str] = []
    for letter, level in {"0": 0.0, **INTENSITY_LETTERS}.items():
        paths.append(f'<path d="M0 {100 - 100 * level:.1f}H1000" class="grid"/>')
        marks.append(_mark("level", 0, level, letter))
    step = next(s for s in (0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600) if seconds / s <= 10)
    marks += [_mark("second", t / seconds, 0, f"{t:g} s") for t in np.arange(0, seconds + 1e-9, step).tolist()]
    curves, taken = _curves(timeline, times), list[tuple[float, float]]()
    for name, au, values in curves:
        dashes = ' stroke-dasharray="7 4"' if name.startswith("L") else ""
        drawn = line(1000 * times / seconds, 100 - 100 * values)
        paths.append(f'<path d="{drawn}" fill="none" stroke="{COLOURS[au]}" stroke-width="2.5"{dashes}/>')
        peak = int(np.flatnonzero(values >= values.max() - 1e-9).mean())
        at = _free(float(times[peak] / seconds), float(values[peak]), taken)
        marks.append(_mark("name", *at, name, f";color:{COLOURS[au]}"))
    shown = ", ".join(f"{name} {AU_NAMES[au]}" for name, au, _ in curves)
    title = f"Intensity over {seconds:.1f} seconds of {shown or 'nothing: the face rests'}"
    return (
        f'<div class="fs-curves"><svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}">{"".join(paths)}</svg>'
        f'<div aria-hidden="true">{"".join(marks)}<i class="cursor" hidden></i></div></div>'
    )


def curve(xs: npt.ArrayLike, ys: npt.ArrayLike, *, title: str, size: tuple[int, int], colour: str = "") -> str:
    """One curve in a frame that it fills, (width, height)."""
    (width, height), pad = size, 8
    x, y = (np.asarray(values, float) for values in (xs, ys))
    x = pad + (x - x.min()) / max(float(np.ptp(x)), 1e-9) * (width - 2 * pad)
    y = height - pad - (y - y.min()) / max(float(np.ptp(y)), 1e-9) * (height - 2 * pad)
    look = f'stroke="{colour}"' if colour else 'class="curve"'
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" class="fs-plot">'
        f'<path d="M{pad} {pad}V{height - pad}H{width - pad}" class="axis"/>'
        f'<path d="{line(x, y)}" fill="none" {look} stroke-width="2"/></svg>'
    )


def cosine_table(aus: Sequence[int], cosines: npt.NDArray[np.float64]) -> str:
    """How much each boundary shares with each other, as HTML: blue where they agree, red where they oppose."""
    head = "".join(f'<th scope="col">{au}</th>' for au in aus)
    rows = "".join(
        f'<tr><th scope="row">AU{au}</th>' + "".join(_cosine(au, other, v) for other, v in zip(aus, row, strict=True))
        for au, row in zip(aus, cosines.tolist(), strict=True)
    )
    return f'<table class="fs-cosines"><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _cosine(au: int, other: int, value: float) -> str:
    colour = f"rgba({'15,98,168' if value >= 0 else '194,65,12'},{min(1.0, abs(value)):.2f})"
    return f'<td style="background:{colour}" title="AU{au} and AU{other}: {value:.2f}"></td>'


def _curves(timeline: Timeline, times: npt.NDArray[np.float64]) -> list[tuple[str, int, npt.NDArray[np.float64]]]:
    """(name, AU, intensities) of every curve that leaves 0: one an AU, or one a side where they differ."""
    left, right = timeline.at(times, "left"), timeline.at(times, "right")
    curves: list[tuple[str, int, npt.NDArray[np.float64]]] = []
    for column, au in enumerate(AUS):
        a, b = left[:, column], right[:, column]
        curves += [(f"AU{au}", au, a)] if np.array_equal(a, b) else [(f"R{au}", au, b), (f"L{au}", au, a)]
    return [curve for curve in curves if curve[2].max() > 0]


def _mark(kind: str, x: float, y: float, text: str, style: str = "") -> str:
    """A text over a drawing; x, y: its place in shares of the width and, from below, of the height."""
    return f'<span class="{kind}" style="left:{100 * x:.1f}%;bottom:{100 * y:.1f}%{style}">{text}</span>'


def _free(x: float, y: float, taken: list[tuple[float, float]]) -> tuple[float, float]:
    """The nearest place for a name that lies over no other one: to the right, to the left, then lower."""
    across, down = 0.09, 0.18
    places = [(x + across * side, y - down * row) for row in range(6) for side in (0, 1, -1, 2, -2)]
    free = (
        (a, b)
        for a, b in places
        if 0.02 <= a <= 0.97 and all(abs(a - c) > 0.9 * across or abs(b - d) > 0.9 * down for c, d in taken)
    )
    taken.append(next(free, (x, y)))
    return taken[-1]
