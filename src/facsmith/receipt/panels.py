"""The parts of a receipt's page. Places are in shares of the page, from its lower left corner.

Texts are never taken for formulas.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from facsmith._types import Image
from facsmith.facs import AU_NAMES, AUS, DISFA
from facsmith.receipt.receipt import KeyframeRecord, Leakage, Receipt
from facsmith.receipt.summary import ASKED

__all__ = ["MOST_ROWS", "curves", "facts", "figures", "head", "matrix", "over_time", "plain", "strip"]

MOST_ROWS: Final = 6
"""Of the leakage matrix."""
_MOST_PANELS: Final = 12
_MOST_PICTURES: Final = 7
_SEEN: Final = 0.15  # an AU that was not asked has a panel from this intensity on
_ASKED, _MEASURED, _INK, _SOFT, _LINE = "#0f62a8", "#c2410c", "#1c2430", "#4a5568", "#cbd2dc"
_LONGEST: Final = 1600  # characters of notes


def plain(text: str, most: int = 90) -> str:
    """One line without control characters, of at most ``most`` characters."""
    line = "".join(c for c in text if c.isprintable())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def head(figure: Any, receipt: Receipt, *, left: float, right: float, top: float) -> None:
    """Which film this is."""
    output, fps = receipt.output, receipt.settings.get("fps", 0)
    _text(figure, left, top, plain(str(receipt.photo.get("name", "photo")), 48), size=17, weight="bold")
    shape = f"{output.get('width')} × {output.get('height')} pixels"
    length = f"{output.get('frames')} frames" if output.get("frames") != 1 else "one picture"
    seconds = f"{float(output.get('seconds', 0)):.2f} s at {float(fps):g} frames a second, "
    _text(figure, left, top - 0.025, f"{length}, {seconds if output.get('frames') != 1 else ''}{shape}", colour=_SOFT)
    _text(figure, right, top, "Receipt", size=17, colour=_ASKED, weight="bold", align="right")
    _text(figure, right, top - 0.025, "synthetic: no recording of a person", colour=_SOFT, align="right")


def strip(figure: Any, pictures: Sequence[tuple[float, Image]], *, left: float, right: float, top: float) -> float:
    """Key frames side by side, their seconds below. Returns where the strip ends."""
    places: list[int] = (
        np.linspace(0, len(pictures) - 1, min(len(pictures), _MOST_PICTURES)).round().astype(int).tolist()
    )
    shown = [pictures[place] for place in places]
    page = figure.get_size_inches()
    gap, cell = 0.008, (right - left + 0.008) / max(len(shown), 4) - 0.008
    ratio = max(picture.shape[0] / picture.shape[1] for _, picture in shown)
    height = min(cell * page[0] / page[1] * ratio, 0.15)
    for place, (seconds, picture) in enumerate(shown):
        x = left + place * (cell + gap)
        axes = figure.add_axes((x, top - height, cell, height))
        axes.imshow(picture, interpolation="lanczos")
        axes.set_anchor("NW")
        axes.axis("off")
        _text(figure, x, top - height - 0.005, f"{seconds:.2f} s", size=6.5, colour=_SOFT)
    return top - height - 0.018


def figures(figure: Any, receipt: Receipt, *, left: float, width: float, top: float) -> None:
    """The whole film in six numbers."""
    said = receipt.summary
    shown = (
        ("off", "measured less asked,\nmean over asked AUs", "{:.2f}"),
        ("leak", "measured of AUs\nnot asked, mean", "{:.2f}"),
        ("lowest_identity", "identity at its lowest\n(cosine, photo: 1)", "{:.3f}"),
        ("background", "background moved,\nmean grey levels", "{:.2f}"),
        ("flicker", "flicker, mean\ngrey levels", "{:.2f}"),
        ("largest_flicker", "flicker of the\nworst frame", "{:.2f}"),
    )
    for place, (name, what, form) in enumerate(shown):
        x = left + place * width / len(shown)
        value = said.get(name)
        _text(figure, x, top - 0.004, "–" if value is None else form.format(value), size=15, weight="bold", colour=_INK)
        _text(figure, x, top - 0.027, what, size=6.5, colour=_SOFT)


def curves(figure: Any, receipt: Receipt, *, left: float, width: float, top: float, height: float) -> float:
    """Asked against measured over time, a panel for each AU that is either. Returns where they end."""
    names = _panels(receipt)
    _title(figure, left, top, "Asked and measured", "intensity 0 to 1 over seconds")
    _key(figure, left + width, top)
    if not names:
        _text(figure, left, top - 0.03, "Nothing was asked, and nothing shows.", colour=_SOFT)
        return top - 0.06
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    gap_x, gap_y, begin = 0.035, 0.034, 0.040
    cell = ((width + gap_x) / max(columns, 3) - gap_x, min((height - begin - 0.012) / rows - gap_y, 0.115))
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        corner = (left + column * (cell[0] + gap_x), top - begin - row * (cell[1] + gap_y) - cell[1])
        _curve(figure.add_axes((*corner, *cell)), receipt, name)
    return top - begin - rows * (cell[1] + gap_y)


def over_time(figure: Any, receipt: Receipt, *, left: float, width: float, top: float, height: float) -> None:
    """Identity, background and flicker, frame by frame."""
    curves_, moments = receipt.curves, receipt.moments
    frames = np.arange(0 if curves_ is None else len(curves_.background)) / (curves_.fps if curves_ else 1)
    inner = (np.arange(0 if curves_ is None else len(curves_.flicker)) + 1) / (curves_.fps if curves_ else 1)
    seen = [(r.seconds, r.identity) for r in moments if r.identity is not None]
    parts = (
        ("Identity", "cosine with the photo", [s for s, _ in seen], [i for _, i in seen], True),
        (
            "Background",
            "outside the face, grey levels",
            frames,
            curves_.background if curves_ else (),
            False,
        ),
        ("Flicker", "inside the face, grey levels", inner, curves_.flicker if curves_ else (), False),
    )
    gap = 0.045
    cell = (width + gap) / 3 - gap
    for place, (name, what, x, y, dots) in enumerate(parts):
        at = left + place * (cell + gap)
        _title(figure, at, top, name, what)
        axes = _axes(figure.add_axes((at, top - height + 0.030, cell, height - 0.062)), receipt)
        if not len(y):
            axes.text(
                0.5, 0.5, "not known", transform=axes.transAxes, ha="center", va="center", color=_SOFT, fontsize=8
            )
            axes.set_yticks([])
            continue
        axes.plot(x, y, color=_MEASURED, linewidth=1.1, marker="o" if dots else None, markersize=2.4)
        low, most = (min(0.9, min(y) - 0.01), 1.005) if dots else (0.0, max(1.0, 1.1 * max(y)))
        axes.set_ylim(low, most)


def matrix(figure: Any, rows: Sequence[Leakage], *, left: float, width: float, top: float, height: float) -> None:
    """Measured less asked of the AUs that are measured, at the poses asked for."""
    shown = rows[:MOST_ROWS]
    more = f"; {len(rows) - len(shown)} further poses are in the JSON" if len(rows) > len(shown) else ""
    _title(figure, left, top, "Leakage", f"measured less asked when the AUs on the left are asked (bold){more}")
    labels = 0.16
    cells = np.array([[row.excess.get(f"AU{au}", 0.0) for au in DISFA] for row in shown])
    axes = figure.add_axes((left + labels, top - height + 0.016, width - labels, height - 0.052))
    axes.imshow(cells, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(DISFA)), [f"AU{au}" for au in DISFA], fontsize=7)
    axes.xaxis.tick_top()
    names = [plain(" ".join(au.removeprefix("AU") for au in row.aus) or "neutral", 24) for row in shown]
    axes.set_yticks(
        range(len(shown)), [f"{n}   {r.seconds:.2f} s" for n, r in zip(names, shown, strict=True)], fontsize=7
    )
    axes.tick_params(length=0, colors=_INK)
    for edge in axes.spines.values():
        edge.set_visible(False)
    axes.set_xticks(np.arange(len(DISFA) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(shown) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    for y, row in enumerate(shown):
        for x, au in enumerate(DISFA):
            asked = str(au) in {name.strip("AULR") for name in row.aus}
            colour = "white" if abs(cells[y, x]) > 0.65 else _INK
            axes.text(x, y, f"{cells[y, x]:+.2f}", ha="center", va="center", fontsize=6.5, color=colour,
                      fontweight="bold" if asked else "normal")  # fmt: skip


def facts(figure: Any, receipt: Receipt, *, left: float, width: float, top: float) -> None:
    """Model, seed, settings and versions; then what the user should know."""
    settings, model = receipt.settings, receipt.model
    inversion: Mapping[str, Any] = receipt.inversion or {}
    chosen: Mapping[str, Any] = settings.get("inversion", {})
    versions = receipt.versions
    fitted = {au: factor for au, factor in receipt.personal.items() if abs(factor - 1) >= 0.005}
    rows = (
        ("model", f"{model.get('name')}, {model.get('generator_id')}"),
        ("photo", f"sha256 {str(receipt.photo.get('sha256'))[:16]}…, face {receipt.photo.get('face')} of "
                  f"{receipt.photo.get('faces')}, landmarks by {receipt.photo.get('provider', 'nobody')}"),
        ("seed", f"{chosen.get('seed')}"),
        ("settings", f"{settings.get('mode')}, {settings.get('edit')}"
                     f"{', entangled' if settings.get('entangled') else ''}"),
        ("inversion", f"{inversion.get('iterations')} steps from {inversion.get('start')}, "
                      f"loss {float(inversion.get('loss_at_start', 0)):.3f} → {float(inversion.get('loss', 0)):.3f}"
                      f"{'' if receipt.tuning is None else ', generator tuned to the face'}"
                      if inversion else "none: the latent was given, or the face is the generator's own"),
        ("ways", _ways(receipt)),
        ("steps", ", ".join(f"{au} × {factor:.2f}" for au, factor in fitted.items()) or "as for people at large"),
        ("versions", ", ".join(f"{name} {number}" for name, number in versions.items())),
    )  # fmt: skip
    figure.add_artist(_rule(left, left + width, top))
    y = top - 0.010
    for name, said in rows:
        lines = textwrap.wrap(plain(said, 260), 74)[:3] or ["–"]
        _text(figure, left, y, name, size=6.8, colour=_SOFT)
        _text(figure, left + 0.075, y, "\n".join(lines), size=6.8)
        y -= 0.0122 * len(lines) + 0.003
    _notes(figure, receipt, left=left + 0.565 * width, top=top - 0.010)


def _ways(receipt: Receipt) -> str:
    """``latent: AU6, AU12; muscles: AU7``."""
    aus: dict[str, list[str]] = {}
    for au, way in receipt.ways.items():
        aus.setdefault(way, []).append(au)
    return "; ".join(f"{way}: {', '.join(each)}" for way, each in aus.items()) or "–"


def _notes(figure: Any, receipt: Receipt, *, left: float, top: float) -> None:
    cannot = "; ".join(f"{au} {why}" for au, why in receipt.unreached.items()) or "none known"
    frames = receipt.output.get("frames")
    said = [
        f"AUs and identity were measured on {len(receipt.moments)} of {frames} frames, against the same person's "
        "neutral frame and in the scale of this face's own muscles; background and flicker on all of them.",
        f"Not reached by this model: {cannot}.",
    ]
    unsure = sorted({au for record in receipt.moments for au in record.unsure}, key=lambda au: int(au.strip("AULR")))
    if unsure:
        said.append(f"Not told from the other AUs on this face (hollow dots): {', '.join(unsure)}.")
    lines: list[str] = []
    for note in (*said, *receipt.notes):
        lines += textwrap.wrap(plain(note, _LONGEST), 62, initial_indent="• ", subsequent_indent="  ")
    shown = lines if len(lines) <= 11 else [*lines[:10], "  … the rest is in the JSON."]
    _text(figure, left, top, "\n".join(shown), size=6.8)


def _panels(receipt: Receipt) -> list[str]:
    """Names as the receipt has them, ``AU12`` or ``L12`` and ``R12``; the largest, in their usual order."""
    asked: Mapping[str, Sequence[float]] = {} if receipt.curves is None else receipt.curves.asked
    sided = {name[1:] for name in asked if not name.startswith("AU")}
    heights: dict[str, float] = {}
    for au in AUS:
        for name in (f"R{au}", f"L{au}") if str(au) in sided else (f"AU{au}",):
            most_asked = max(asked.get(name, asked.get(f"AU{au}", ())), default=0.0)
            seen = max((_value(record, name) or 0.0 for record in receipt.moments), default=0.0)
            if most_asked >= ASKED or seen >= _SEEN:
                heights[name] = 2 * (most_asked >= ASKED) + seen
    kept = sorted(heights, key=heights.__getitem__, reverse=True)[:_MOST_PANELS]
    return [name for name in heights if name in kept]


def _curve(axes: Any, receipt: Receipt, name: str) -> None:
    _axes(axes, receipt)
    number = int(name.strip("AULR"))
    asked = () if receipt.curves is None else receipt.curves.asked.get(name, ())
    if asked:
        times = np.arange(len(asked)) / receipt.curves.fps if receipt.curves is not None else ()
        axes.fill_between(times, asked, color=_ASKED, alpha=0.14, linewidth=0)
        axes.plot(times, asked, color=_ASKED, linewidth=1.4)
    told = [(r.seconds, _value(r, name), f"AU{number}" in r.unsure) for r in receipt.moments]
    points = [(s, v, unsure) for s, v, unsure in told if v is not None]
    axes.plot([s for s, *_ in points], [v for _, v, _ in points], color=_MEASURED, linewidth=0.9)
    for hollow in (False, True):
        some = [(s, v) for s, v, unsure in points if unsure == hollow]
        axes.plot([s for s, _ in some], [v for _, v in some], "o", markersize=3.2, color=_MEASURED,
                  markerfacecolor="white" if hollow else _MEASURED, clip_on=False, zorder=3)  # fmt: skip
    axes.set_ylim(0, 1.05)
    axes.set_yticks([0, 0.5, 1], ["0", "", "1"])
    axes.text(0, 1.04, name, transform=axes.transAxes, fontsize=8, fontweight="bold", color=_INK, va="bottom")
    axes.text(1, 1.04, AU_NAMES[number], transform=axes.transAxes, fontsize=6.5, color=_SOFT, va="bottom", ha="right")


def _value(record: KeyframeRecord, name: str) -> float | None:
    """What was measured; None where nothing was, and of AUs that are not measured. Of two sides, where ``name`` is
    both, the larger."""
    known, number = record.measured or {}, name.strip("AULR")
    sides = [known[side] for side in (f"L{number}", f"R{number}") if side in known]
    return known.get(name, known.get(f"AU{number}", max(sides, default=None)))


def _axes(axes: Any, receipt: Receipt) -> Any:
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    for edge in ("left", "bottom"):
        axes.spines[edge].set_color(_LINE)
    axes.tick_params(labelsize=6.5, colors=_SOFT, length=2, width=0.6)
    axes.grid(color=_LINE, linewidth=0.4, alpha=0.7)
    axes.set_axisbelow(True)
    axes.set_xlim(0, max(float(receipt.output.get("seconds", 0.0)), 1e-3))
    return axes


def _title(figure: Any, x: float, y: float, name: str, what: str) -> None:
    drawn = _text(figure, x, y, name, size=9.5, weight="bold")
    width = drawn.get_window_extent().width / (figure.dpi * figure.get_size_inches()[0])
    _text(figure, x + width + 0.008, y - 0.0022, what, size=6.8, colour=_SOFT)


def _key(figure: Any, right: float, y: float) -> None:
    _text(figure, right, y - 0.0015, "measured", size=7.5, colour=_MEASURED, weight="bold", align="right")
    _text(figure, right - 0.082, y - 0.0015, "asked", size=7.5, colour=_ASKED, weight="bold", align="right")


def _rule(left: float, right: float, y: float) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([left, right], [y, y], color=_LINE, linewidth=0.8)


def _text(
    figure: Any, x: float, y: float, text: str, *, size: float = 8, colour: str = _INK, weight: str = "normal",
    align: str = "left",
) -> Any:  # fmt: skip
    return figure.text(x, y, text, fontsize=size, color=colour, fontweight=weight, ha=align, va="top",
                       parse_math=False, linespacing=1.35)  # fmt: skip
