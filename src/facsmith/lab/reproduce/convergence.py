"""How the search for a photo's latent goes: the paper's Fig. 6, 7 and 8, and what it claims of them."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from facsmith.inversion import Start
from facsmith.lab.evaluate.faces import JudgedFace
from facsmith.lab.reproduce.bench import Bench
from facsmith.lab.reproduce.boards import board, photographic
from facsmith.lab.reproduce.claims import SAME_PERSON, THRESHOLD, THRESHOLDS, Searches, thresholds
from facsmith.lab.reproduce.parts import Cell, Figure, Section, Table
from facsmith.lab.reproduce.searches import LIKENESS, Search
from facsmith.plots import Band, convergence_chart

__all__ = ["convergence"]

_SHOWN_FACES: Final = 3
_STRIP: Final = (0, 1, 4, 16, 64, 256, 512)


def convergence(bench: Bench, found: Searches) -> list[Section]:
    """Fig. 6, 7 and 8."""
    return [_figure6(bench, found), _figure7(bench, found), _figure8(bench, found)]


def _figure6(bench: Bench, found: Searches) -> Section:
    bands = {start: _band(searches) for start, searches in found.items()}
    limits = thresholds(found)
    loss = f"L1 of {bench.networks.descriptor.name.split('-')[0]} descriptors (Eq. 1)"
    caption = (
        f"Fig. 6: Eq. 1 over {bench.plan.iterations} iterations of Adam, median and quartiles of {len(limits)} faces. "
        f"Dashed: the median threshold, {THRESHOLD:g} of the mean face's loss. Up to four faces share a random code."
    )
    drawn = convergence_chart(bands, threshold=float(np.median(limits)), loss=loss)
    chart = Figure("fig6", drawn, "png", caption)
    curve: list[tuple[Cell, ...]] = [
        (start, step, float(low[step]), float(median[step]), float(high[step]))
        for start, (low, median, high) in bands.items()
        for step in range(len(median))
    ]
    rows: list[tuple[Cell, ...]] = []
    for start, searches in found.items():
        for part in THRESHOLDS:
            counts = [s.reached(limit) for s, limit in zip(searches, thresholds(found, part), strict=True)]
            reached = [count for count in counts if count is not None]
            median = float(np.median(reached)) if reached else None
            rows.append((start, part, len(reached), len(counts), median, max(reached, default=None)))
    faces: list[tuple[Cell, ...]] = [
        (face.name, start, float(s.losses[0]), float(s.losses.min()), s.reached(limit), float(s.identity_distance[-1]))
        for start, searches in found.items()
        for face, s, limit in zip(bench.faces, searches, limits, strict=True)
    ]
    return Section(
        "fig6",
        "Fig. 6: loss against iteration",
        "From the encoder's answer the loss starts lower and falls faster than from a random code.",
        text=(
            "The step falls over the planned iterations (a short rise, then half a cosine), so a search of fewer "
            "iterations is not the beginning of a longer one.",
        ),
        figures=[chart],
        tables=[
            Table(
                "fig6-thresholds",
                (
                    "start",
                    "threshold, part of the mean face's loss",
                    "faces below it",
                    "faces",
                    "median iteration",
                    "most",
                ),
                tuple(rows),
                "The paper names no threshold; here it is a part of the mean face's own loss, for each face.",
            ),
            Table(
                "fig6-curves", ("start", "iteration", "q25", "median", "q75"), tuple(curve), "The curves.", shown=False
            ),
            Table(
                "fig6-faces",
                ("face", "start", "first loss", "lowest loss", "iterations to threshold", "last identity distance"),
                tuple(faces),
                "Every face.",
                shown=False,
            ),
        ],
    )


def _figure7(bench: Bench, found: Searches) -> Section:
    starts: list[Start] = [start for start in found if start != "mean"]
    rows: list[list[npt.NDArray[np.uint8] | None]] = []
    names: list[str] = []
    powers = bench.plan.powers
    for number, face in enumerate(bench.faces[:_SHOWN_FACES]):
        for start in starts:
            search = found[start][number]
            rows.append([face.crop, *search.pictures])
            names.append(f"{face.name}\n{start} start")
    shown = board(rows, names=names, above=["photo", *map(str, powers)], cell=112, margin=118)
    caption = (
        f"Fig. 7: the search's picture after so many iterations (above), for {len(rows) // len(starts)} faces. "
        "0 is the start itself."
    )
    table: list[tuple[Cell, ...]] = []
    for start, searches in found.items():
        for column, power in enumerate(powers):
            table.append((start, power, *(_median(searches, key, column) for key in LIKENESS)))
    return Section(
        "fig7",
        "Fig. 7: pictures on the way",
        "From the encoder's start the picture is very similar to the photo after 16 iterations; from a random one it "
        "is not after 512.",
        figures=[photographic("fig7", shown, caption)],
        tables=[
            Table(
                "fig7-likeness",
                ("start", "iteration", "L1 of pixels", "perceptual distance", "identity cosine", "identity distance"),
                tuple(table),
                f"Medians of {len(bench.faces)} faces. Below an identity distance of {SAME_PERSON} dlib takes two "
                "faces for the same person.",
            )
        ],
    )


def _figure8(bench: Bench, found: Searches) -> Section:
    start: Start = "encoder" if "encoder" in found else "mean"
    limits = thresholds(found)
    rows: list[list[npt.NDArray[np.uint8] | None]] = []
    above: list[list[str]] = []
    for number in range(bench.plan.strips):
        search = found[start][number]
        columns = [k for k, count in enumerate(search.at) if int(count) in (*_STRIP, bench.plan.iterations)]
        rows.append([bench.faces[number].crop, *(search.pictures[k] for k in columns)])
        above.append(["photo", *(str(int(search.at[k])) for k in columns)])
    names = [_reached(face, found[start][k], limits[k]) for k, face in enumerate(bench.faces[: len(rows)])]
    shown = board(rows, names=names, above=above, cell=112, margin=128)
    caption = (
        f"Fig. 8: from the initial latent (0, the {start}'s) to the final one, {len(rows)} faces; iterations above "
        f"each picture; at the left, when {THRESHOLD:g} of the mean face's loss was reached."
    )
    return Section(
        "fig8",
        "Fig. 8: from the initial to the final latent",
        "Eight faces, each from its initial latent to its final one.",
        figures=[photographic("fig8", shown, caption)],
    )


def _median(searches: Sequence[Search], key: str, column: int) -> float:
    return float(np.median([getattr(search, key)[column] for search in searches]))


def _reached(face: JudgedFace, search: Search, limit: float) -> str:
    count = search.reached(limit)
    return f"{face.name}\n" + ("not reached" if count is None else f"reached: {count}")


def _band(searches: Sequence[Search]) -> Band:
    low, median, high = np.quantile(np.stack([s.losses for s in searches]), (0.25, 0.5, 0.75), axis=0)
    return low, median, high
