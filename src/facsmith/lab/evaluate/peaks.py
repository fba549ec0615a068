"""Whole edits against what people did: the neutral photo edited by a peak's codes, beside the real peak.

Two figures per pair, each relative to leaving the neutral photo as it is (1: no better than that; 0: the peak itself):
how far brows, eyes and mouth lie from where they lie in the peak (IOD, aligned on eye corners and nose bridge), and how
far ImageNet features are from the peak's (EfficientNet-Lite0, unit length over the channels; two photos of one neutral
face are some .3 apart). Beside the whole edit, the muscles' warp alone, the latent path alone (the generated face
feathered into the photo), and a yardstick that was told the answer: the neutral photo warped until its 68 points lie
where the peak's do.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from facsmith import face, image
from facsmith._types import Array, Image
from facsmith.animator import Animator
from facsmith.descriptor import EfficientNetDescriptor, unit_length
from facsmith.errors import InputError, PhotoError
from facsmith.face import Face, crop_transform
from facsmith.face.muscle_warp import MuscleWarp
from facsmith.facs import ActionUnits
from facsmith.lab.coded_pairs import CodedPair, read_pairs
from facsmith.lab.evaluate.alignment import laid_over, onto_points
from facsmith.lab.picture_archive import PictureArchive
from facsmith.measure import NeutralFace, aligned_displacement
from facsmith.options import AnimateOptions

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["WAYS", "Peak", "PeaksReport", "against_peaks", "contact_sheet", "peaks_table"]


WAYS: Final = ("edit", "muscles", "latent", "points")
"""What is judged: the whole edit, the muscles' warp alone, the latent path alone, a warp onto the peak's own points."""
_SHOWN: Final = [*range(17, 27), *range(36, 68)]  # brows, eyes and mouth
_SIDE: Final = 224
_MEASURED: Final = 0.1  # where there are no codes: AUs measured above this are asked


@dataclass(frozen=True, eq=False)
class Peak:
    """One pair of photos, and how near the edits come to its peak.

    Parameters
    ----------
    aus
        The AUs asked for.
    landmarks, features
        Way -> distance from the peak over the neutral's; NaN where the face was lost.
    pictures
        Crops of the neutral, the peak, and the whole edit (224, 224, 3).
    """

    name: str
    aus: ActionUnits
    landmarks: dict[str, float]
    features: dict[str, float]
    pictures: tuple[Image, Image, Image]


@dataclass(frozen=True, eq=False)
class PeaksReport:
    """How near edited neutral photos come to the same people's peaks.

    Parameters
    ----------
    peaks
        Every pair that could be judged.
    skipped
        Photo -> why it was left out.
    """

    peaks: Sequence[Peak]
    skipped: dict[str, str]

    def medians(self, way: str, au: int | None = None) -> dict[str, float | int | None]:
        """``landmarks``, ``features`` and ``pairs`` of one way, over the pairs that show an AU, or over all."""
        chosen = [peak for peak in self.peaks if au is None or au in peak.aus]
        return {
            "landmarks": _median(peak.landmarks[way] for peak in chosen),
            "features": _median(peak.features[way] for peak in chosen),
            "pairs": len(chosen),
        }

    @property
    def aus(self) -> tuple[int, ...]:
        """Those that some pair shows."""
        return tuple(sorted({au for peak in self.peaks for au in peak.aus}))

    def to_json(self) -> dict[str, Any]:
        """Medians of each way, and under ``aus`` those of the pairs that show an AU."""
        return {
            **{way: {**self.medians(way), "aus": self._by_au(way)} for way in WAYS},
            "pairs": [
                {"peak": peak.name, "asked": str(peak.aus), "landmarks": peak.landmarks, "features": peak.features}
                for peak in self.peaks
            ],
            "skipped": self.skipped,
        }

    def _by_au(self, way: str) -> dict[str, dict[str, float | int | None]]:
        return {f"AU{au}": self.medians(way, au) for au in self.aus}


def against_peaks(
    animator: Animator,
    photos: str | Path,
    table: str | Path,
    *,
    options: AnimateOptions | None = None,
    limit: int | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> PeaksReport:
    """Edit every pair's neutral photo by the peak's codes; without codes, by the AUs measured on the peak.

    Parameters
    ----------
    photos
        A folder or .tar.
    table
        Coded pairs, see `lab.coded_pairs`.
    limit
        Largest number of pairs, spread evenly over the table.

    Raises
    ------
    InputError
        Unreadable table or photos, or no pair could be judged.
    """
    pairs = read_pairs(table)
    if limit is not None and limit < len(pairs):
        spread: list[int] = np.linspace(0, len(pairs) - 1, limit).round().astype(int).tolist()
        pairs = [pairs[k] for k in spread]
    options = options or AnimateOptions()
    seen_by = EfficientNetDescriptor()
    peaks: list[Peak] = []
    skipped: dict[str, str] = {}
    with PictureArchive(photos) as pictures:
        for done, pair in enumerate(pairs, 1):
            try:
                peaks.append(_judged(animator, pictures, pair, options, seen_by))
            except PhotoError as error:
                skipped[pair.peak] = str(error)
            progress("pairs", done, len(pairs))
    if not peaks:
        raise InputError(f"None of {len(pairs)} pairs could be judged: {next(iter(skipped.values()))}")
    return PeaksReport(peaks, skipped)


def _judged(
    animator: Animator,
    pictures: PictureArchive,
    pair: CodedPair,
    options: AnimateOptions,
    seen_by: EfficientNetDescriptor,
) -> Peak:
    rest, at_rest = _read(pictures.read(pair.neutral), options.provider)
    shown, at_peak = _read(pictures.read(pair.peak), at_rest.provider)
    if pair.codes:
        aus = pair.action_units
    else:
        told = NeutralFace(rest, at_rest).read(shown, at_peak).by_au
        aus = ActionUnits({au: e for au, e in told.items() if e >= _MEASURED})
    frames = {
        "edit": animator.edit(rest, aus, options=options).image,
        "muscles": MuscleWarp(at_rest.landmarks, rest.shape)(rest, np.stack([aus.vector("left"), aus.vector("right")])),
        "latent": animator.edit(rest, aus, options=replace(options, mode="paste")).image,
    }
    moved = aligned_displacement(at_peak.landmarks, at_rest.landmarks)
    frames["points"] = onto_points(rest, at_rest.landmarks, moved)
    wanted = moved[_SHOWN]
    still = float(np.linalg.norm(wanted, axis=1).mean())
    transform = crop_transform(at_rest.landmarks, _SIDE)
    neutral, peak = (
        transform.crop(rest),
        transform.crop(laid_over(shown, at_peak.landmarks, at_rest.landmarks, rest.shape)),
    )
    features = _described([neutral, peak, *(transform.crop(frame) for frame in frames.values())], seen_by)
    apart = [float(np.sqrt(sum(((f[k] - f[1]) ** 2).sum(0).mean() for f in features))) for k in range(2 + len(frames))]
    landmarks: dict[str, float] = {}
    for way, frame in frames.items():
        try:
            shows = aligned_displacement(face.follow(frame, at_rest).landmarks, at_rest.landmarks)[_SHOWN]
            landmarks[way] = round(float(np.linalg.norm(shows - wanted, axis=1).mean()) / max(still, 1e-9), 3)
        except PhotoError:
            landmarks[way] = float("nan")
    return Peak(
        pair.peak,
        aus,
        landmarks,
        {way: round(apart[k] / max(apart[0], 1e-9), 3) for k, way in enumerate(WAYS, 2)},
        (neutral, peak, transform.crop(frames["edit"])),
    )


def _read(picture: Image, provider: str) -> tuple[Image, Face]:
    picture, _ = image.enlarged(picture, face.READABLE_SIDE)
    return picture, face.choose(face.find(picture, provider=provider)).face


def _described(crops: Sequence[Image], seen_by: EfficientNetDescriptor) -> list[Array]:
    """One (N, C, h, w) of each layer, of unit length over the channels."""
    with torch.inference_mode():
        layers = seen_by.layers(torch.cat([image.to_tensor(crop) for crop in crops]))
        return [unit_length(layer).double().numpy() for layer in layers]


def contact_sheet(report: PeaksReport) -> Image:
    """Rows of neutral | real peak | ours, three pairs beside each other."""
    rows = [np.hstack(peak.pictures) for peak in report.peaks]
    columns = min(3, len(rows))
    empty = np.full_like(rows[0], 255)
    rows += [empty] * (-len(rows) % columns)
    return np.vstack([np.hstack(rows[k : k + columns]) for k in range(0, len(rows), columns)])


def peaks_table(report: PeaksReport) -> "Table":
    """For a rich console: landmarks and features of every way, over all pairs and by AU."""
    from rich.table import Table

    grid = Table(title="Edits against real peaks, median distance (1: no better than the neutral photo)")
    grid.add_column("pairs that show")
    for way in WAYS:
        grid.add_column(f"{way}: landmarks", justify="right")
        grid.add_column("features", justify="right")
    grid.add_column("pairs", justify="right")
    for au in (None, *report.aus):
        found = [report.medians(way, au) for way in WAYS]
        cells = [_cell(row[key]) for row in found for key in ("landmarks", "features")]
        grid.add_row("anything" if au is None else f"AU{au}", *cells, str(found[0]["pairs"]))
    grid.caption = f"{len(report.skipped)} pairs skipped." if report.skipped else None
    return grid


def _median(values: Iterable[float]) -> float | None:
    known = [value for value in values if np.isfinite(value)]
    return round(median(known), 3) if known else None


def _cell(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.2f}"
