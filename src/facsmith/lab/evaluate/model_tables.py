"""A model's report as tables for a rich console."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from facsmith.facs import AU_NAMES
from facsmith.lab.evaluate.check import LEVELS
from facsmith.lab.evaluate.model import ModelReport

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["tables"]


def tables(report: ModelReport) -> Iterable["RenderableType"]:
    """AU control with the headline numbers, reconstruction, and errors by group."""
    from rich.table import Table

    control, own = report.control, report.reconstructions[0]
    grid = Table(
        "AU", "", title=f"{report.model} on {report.faces} faces it was not trained on ({report.options.mode})"
    )
    for head in ("judged by", *(f"{level:g} reads" for level in LEVELS), "error", "others move", "Spearman"):
        grid.add_column(head, justify="right")
    for row in control.rows:
        levels = (f"{value:.2f}" for value in row.measured)
        cells = (*levels, f"{row.mae:.3f}", f"{row.leakage:.3f}", f"{row.spearman:.2f}")
        grid.add_row(f"AU{row.au}", AU_NAMES[row.au], row.judged_by, *cells)
    grid.caption = (
        f"au_mae {control.au_mae:.3f}, au_leakage {control.au_leakage:.3f}, "
        f"au_spearman_min {control.au_spearman_min:.2f}, inter_au_correlation {control.inter_au_correlation:.3f} "
        f"(by chance {control.chance:.3f}). Unit: what the same landmarks ({', '.join(report.providers)}) report for "
        "the same face's muscles at 1."
    )
    yield grid
    grid = Table("reconstruction", title=f"LPIPS by {report.perceptual}; identity by dlib")
    for head in ("lpips", "identity", "distance", "L1"):
        grid.add_column(head, justify="right")
    for way in report.reconstructions:
        numbers = (way.lpips, way.identity, way.identity_distance, way.l1)
        grid.add_row(way.way, *(f"{x:.4f}" for x in numbers), style="bold" if way is own else None)
    if report.frechet is not None:
        grid.caption = f"Fréchet distance {report.frechet:.2f} ({report.frechet_of})"
    yield grid
    if report.groups:
        grid = Table("error by", "", title="Who it fails on (skin: estimated from the cheeks, the light included)")
        for head in ("faces", "au_mae"):
            grid.add_column(head, justify="right")
        for group in report.groups:
            grid.add_row(group.kind, group.name, str(group.faces), f"{group.au_mae:.3f}")
        yield grid
