"""Drawings for the page: curves over time, calibrations, and how the boundaries lie to each other.

Conventions: an SVG is a string; sizes are in its own units, the page scales it. Colours come from the page's style
sheet where they must follow it, and from ``COLOURS`` for the AUs.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    """Intensity over time, one curve an AU, its name at its highest point."""
    width, height, left, bottom, top = 720, 260, 34, 30, 14
    seconds = max(timeline.duration, 0.1)
    times = np.linspace(0, seconds, _POINTS)
    curves = _curves(timeline, times)
    x = left + times / seconds * (width - left - 12)
    parts = [_grid(left, width - 12, height - bottom, top), _seconds(seconds, left, width - 12, height - bottom)]
    taken: list[tuple[float, float]] = []
    for name, au, values in curves:
        y = height - bottom - values * (height - bottom - top)
        dashes = ' stroke-dasharray="7 4"' if name.startswith("L") else ""
        parts.append(f'<path d="{line(x, y)}" fill="none" stroke="{COLOURS[au]}" stroke-width="2.5"{dashes}/>')
        peak = int(np.flatnonzero(values >= values.max() - 1e-9).mean())
        at = _free(float(x[peak]), float(y[peak]) - 4, taken)
        parts.append(_text(*at, name, anchor="middle", fill=COLOURS[au], bold=True))
    reach = f'data-left="{left}" data-right="{width - 12}" transform="translate({left} 0)"'
    parts.append(f'<path d="M0 {top}V{height - bottom}" class="cursor" {reach}/>')
    shown = ", ".join(f"{name} {AU_NAMES[au]}" for name, au, _ in curves)
    title = f"Intensity over {seconds:.1f} seconds of {shown or 'nothing: the face rests'}"
    return _svg(width, height, title, parts)


def curve(xs: npt.ArrayLike, ys: npt.ArrayLike, *, title: str, size: tuple[int, int], colour: str = "") -> str:
    """One curve in a frame that it fills, (width, height)."""
    (width, height), pad = size, 8
    x, y = (np.asarray(values, float) for values in (xs, ys))
    x = pad + (x - x.min()) / max(float(np.ptp(x)), 1e-9) * (width - 2 * pad)
    y = height - pad - (y - y.min()) / max(float(np.ptp(y)), 1e-9) * (height - 2 * pad)
    look = f'stroke="{colour}"' if colour else 'class="curve"'
    frame = f'<path d="M{pad} {pad}V{height - pad}H{width - pad}" class="axis"/>'
    return _svg(width, height, title, [frame, f'<path d="{line(x, y)}" fill="none" {look} stroke-width="2"/>'])


def cosine_table(aus: Sequence[int], cosines: npt.NDArray[np.float64]) -> str:
    """How much each boundary shares with each other: blue where they agree, red where they oppose."""
    cell, head = 30, 44
    side = head + cell * len(aus)
    parts: list[str] = []
    for row, au in enumerate(aus):
        middle = head + cell * row + cell / 2
        parts.append(_text(head - 6, middle + 4, f"AU{au}", anchor="end"))
        parts.append(_text(middle, head - 8, str(au), anchor="middle"))
        for column in range(len(aus)):
            value = float(cosines[row, column])
            fill = f"rgba({'15,98,168' if value >= 0 else '194,65,12'},{min(1.0, abs(value)):.2f})"
            place = f'x="{head + cell * column}" y="{head + cell * row}" width="{cell - 2}" height="{cell - 2}"'
            note = f"AU{au} and AU{aus[column]}: {value:.2f}"
            parts.append(f'<rect {place} rx="3" fill="{fill}" class="cell"><title>{note}</title></rect>')
    return _svg(side, side, "Cosines between the boundaries", parts)


def _curves(timeline: Timeline, times: npt.NDArray[np.float64]) -> list[tuple[str, int, npt.NDArray[np.float64]]]:
    """(name, AU, intensities) of every curve that leaves 0: one an AU, or one a side where they differ."""
    left, right = timeline.at(times, "left"), timeline.at(times, "right")
    curves: list[tuple[str, int, npt.NDArray[np.float64]]] = []
    for column, au in enumerate(AUS):
        a, b = left[:, column], right[:, column]
        curves += [(f"AU{au}", au, a)] if np.array_equal(a, b) else [(f"R{au}", au, b), (f"L{au}", au, a)]
    return [curve for curve in curves if curve[2].max() > 0]


def _svg(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" class="fs-plot">'
        f"{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", fill: str = "", bold: bool = False) -> str:
    style = (f' style="fill:{fill}"' if fill else "") + (' font-weight="700"' if bold else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(text)}</text>'


def _grid(left: float, right: float, bottom: float, top: float) -> str:
    parts: list[str] = []
    for letter, level in {"0": 0.0, **INTENSITY_LETTERS}.items():
        y = bottom - level * (bottom - top)
        parts.append(f'<path d="M{left} {y:.1f}H{right}" class="grid"/>' + _text(left - 8, y + 4, letter, anchor="end"))
    return "".join(parts)


def _seconds(seconds: float, left: float, right: float, bottom: float) -> str:
    step = next(s for s in (0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600) if seconds / s <= 12)
    ticks = np.arange(0, seconds + 1e-9, step)
    return "".join(
        _text(left + t / seconds * (right - left), bottom + 20, f"{t:g} s", anchor="middle" if t else "start")
        for t in ticks.tolist()
    )


def _free(x: float, y: float, taken: list[tuple[float, float]]) -> tuple[float, float]:
    """A place for a label that lies over no other one: further along."""
    while any(abs(x - a) < 38 and abs(y - b) < 13 for a, b in taken):
        x += 38
    taken.append((x, y))
    return x, y
