"""The bar, measured on finished frames: does each AU arrive, does it grow with what is asked, and does the rest stay?

Everything is compared with the renderer's own neutral (all AUs 0) of the same photo. Landmarkers under-report, each AU
by another factor (FACTS.md), so an AU's displacement counts as a share of what the same landmarks report for the
muscles (`face.muscles`) at intensity 1 on that same neutral frame: 1.0 is a renderer as strong as they are.

What landmarks hardly see even when the muscles do it (AU6: on three portraits of eleven MediaPipe reports nothing, and
the muscles' own four levels grow on three) is judged by optical flow instead (`compose.motion`). Both shares are
always reported.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from math import ceil, isfinite, nan
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from facsmith import face, measure
from facsmith._types import Array, Image
from facsmith.errors import InputError, ModelUnavailableError, NoFaceError
from facsmith.face import Face
from facsmith.facs import AU_NAMES, DISFA
from facsmith.lab.evaluate.resting import Render, Resting

if TYPE_CHECKING:
    from rich.table import Table

    from facsmith.animator import Animator
    from facsmith.options import AnimateOptions

__all__ = ["LEVELS", "Check", "Reading", "Render", "Row", "Thresholds", "animator_render", "check", "rows_of", "table"]


LEVELS = (0.25, 0.5, 0.75, 1.0)
"""Intensities asked of every AU, besides 0."""


@dataclass(frozen=True)
class Thresholds:
    """What passes.

    Parameters
    ----------
    share
        Displacement along the AU at intensity 1, as a share of the muscles' own.
    leak
        Mean movement, in IOD, of the points that the table leaves empty.
    quota
        Part of the photos on which each of share, leak and growth must hold.
    visible
        Where the landmarks report less than this of the muscles' displacement (mean over the photos, 1 the table's),
        flow judges: on 40 held-out faces MediaPipe reports .27 of AU6, and people's shares spread by .48 of their
        median; of the other eleven AUs .38 and more, and .23 and less.
    """

    share: float = 0.7
    leak: float = 0.03
    quota: float = 0.9
    visible: float = 0.3


@dataclass(frozen=True)
class Reading:
    """One AU on one photo. Displacements along the AU are in the table's full intensities (FACTS.md), leaks in IOD.

    NaN where no face could be seen in a frame.

    Parameters
    ----------
    along
        Displacement at each of LEVELS.
    muscles
        What the same landmarks report for face.muscles at 1.
    flow
        Share of the muscles' motion by optical flow, at each of LEVELS.
    leak, leak_max
        Mean and largest movement, at 1, of the points that the table leaves empty.
    muscles_leak
        The muscles' own mean of that, the landmarker's floor.
    shown
        All twelve AUs that landmarks read at 1, in units of what they report for the muscles
        (`measure.from_displacement`).
    second_share
        What the other landmarker sees of the muscles', where one was asked and sees a tenth of the table's.
    """

    photo: str
    au: int
    along: tuple[float, ...]
    muscles: float
    flow: tuple[float, ...]
    leak: float
    leak_max: float
    muscles_leak: float
    shown: tuple[float, ...]
    second_share: float = nan

    @property
    def share(self) -> float:
        """Of the muscles' displacement; NaN where the landmarks do not see even those."""
        return self.along[-1] / self.muscles if self.muscles > 0 else nan


@dataclass(frozen=True)
class Row:
    """One AU over all photos.

    Parameters
    ----------
    judged_by
        What ``reached`` and ``monotone`` are judged by.
    share, flow
        The film's displacement at 1 over that of the muscles, mean over the photos, by landmarks and by flow.
    lowest
        The smallest of those on a photo, by the judge.
    reached, still, monotone
        On how many photos share, leak and growth hold.
    leak
        Mean over the photos.
    leak_max
        Largest over the photos.
    passed
        Each holds on enough photos.
    """

    au: int
    photos: int
    judged_by: Literal["landmarks", "flow"]
    share: float
    flow: float
    lowest: float
    reached: int
    leak: float
    leak_max: float
    muscles_leak: float
    still: int
    monotone: int
    passed: bool


@dataclass(frozen=True)
class Check:
    """What a check of the boundaries found.

    Parameters
    ----------
    rows
        One per AU.
    readings
        One per photo and AU.
    skipped
        Photo -> why it was left out.
    """

    bar: Thresholds
    rows: tuple[Row, ...]
    readings: tuple[Reading, ...]
    skipped: dict[str, str]
    providers: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every AU passes."""
        return all(row.passed for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """Numbers rounded to four places, NaN as None."""
        readings = [{**asdict(r), "share": r.share} for r in self.readings]
        return {
            "passed": self.passed,
            "bar": asdict(self.bar),
            "levels": LEVELS,
            "landmarks": self.providers,
            "skipped": self.skipped,
            "rows": [_plain(asdict(row)) for row in self.rows],
            "readings": [_plain(reading) for reading in readings],
        }


def check(
    render: Render,
    photos: Iterable[tuple[str, Image]],
    *,
    aus: Sequence[int] = DISFA,
    provider: str = "auto",
    second: str | None = None,
    bar: Thresholds | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Check:
    """Film every AU on every photo and measure it.

    Parameters
    ----------
    photos
        (name, (H, W, 3) uint8 RGB).
    aus
        Some of the twelve.
    provider
        Library that finds landmarks, as in `face.find`.
    second
        Another one, asked beside it; where it cannot work, or sees no face, it says nothing.
    progress
        Told (stage, done, total) after each photo.

    Raises
    ------
    InputError
        No photo shows a usable face.
    """
    given = list(photos)
    bar = bar or Thresholds()
    readings: list[Reading] = []
    providers: set[str] = set()
    skipped: dict[str, str] = {}
    for done, (name, photo) in enumerate(given, 1):
        try:
            found = face.choose(face.find(photo, provider=provider)).face
            readings += _read(render, name, photo, found, aus, second)
            providers.add(found.provider)
        except NoFaceError as error:
            skipped[name] = str(error)
        progress("photos", done, len(given))
    if not readings:
        reasons = " ".join(skipped.values())
        several = f"None of {len(given)} photos can be measured; give photos of a face. "
        raise InputError(reasons if len(given) == 1 else f"{several}{reasons}")
    return Check(bar, rows_of(readings, aus, bar), tuple(readings), skipped, tuple(sorted(providers)))


def animator_render(animator: "Animator", options: "AnimateOptions | None" = None) -> Render:
    """Finished, composited frames of an Animator; each photo is inverted once, when its first frame is asked for."""
    from facsmith.options import AnimateOptions
    from facsmith.render import Renderer
    from facsmith.strengths import strengthened

    settings = options or AnimateOptions()
    last: list[tuple[Image, Renderer]] = []

    def render(photo: Image, intensities: Array) -> Image:
        if not last or last[0][0] is not photo:
            networks = animator.networks
            subject = animator.prepare(photo, options=settings)
            renderer = Renderer(subject, networks.generator, networks.boundaries, settings)
            last[:] = [(photo, strengthened(renderer, None, follow=networks.faces.follow))]
        return next(last[0][1].frames(intensities[None], aus=DISFA))

    return render


def table(result: Check) -> "Table":
    """For a rich console."""
    from rich.table import Table

    bar = result.bar
    grid = Table("AU", "", title="Each AU at intensity 1, against the same person's neutral")
    heads = (
        "landmarks",
        "flow",
        "lowest",
        f">= {bar.share:g} on",
        "others move",
        "most",
        f"< {bar.leak:g} on",
        "grows on",
    )
    for head in (*heads, ""):
        grid.add_column(head, justify="right")
    for row in result.rows:
        grid.add_row(
            f"AU{row.au}",
            AU_NAMES[row.au],
            f"{row.share:.2f}{'' if row.judged_by == 'landmarks' else ' unseen'}",
            f"{row.flow:.2f}",
            f"{row.lowest:.2f}",
            f"{row.reached}/{row.photos}",
            f"{row.leak:.3f}",
            f"{row.leak_max:.3f}",
            f"{row.still}/{row.photos}",
            f"{row.monotone}/{row.photos}",
            "[green]pass[/green]" if row.passed else "[red]fail[/red]",
        )
    passed = sum(row.passed for row in result.rows)
    grid.caption = (
        f"{passed} of {len(result.rows)} AUs pass. Shares of what the same photo's muscles show, by landmarks "
        f"({', '.join(result.providers)}) and by optical flow, which judges where landmarks hardly see the muscles "
        "(unseen). Movement of the points that the AU leaves alone: inter-ocular distances."
    )
    return grid


def _read(
    render: Render, name: str, photo: Image, found: Face, aus: Sequence[int], second: str | None
) -> list[Reading]:
    resting = Resting(render, photo, found)
    other = None
    if second is not None:
        with suppress(NoFaceError, ModelUnavailableError):
            other = measure.NeutralFace(resting.frame, replace(resting.face, provider=second))
    responses = resting.responses
    readings: list[Reading] = []
    for au in aus:
        one = np.eye(len(DISFA))[DISFA.index(au)]
        film = [render(photo, level * one) for level in LEVELS]
        shown = [resting.moved(frame) for frame in film]
        wanted = responses[DISFA.index(au)]
        leak = measure.leak(shown[-1], au)
        readings.append(
            Reading(
                photo=name,
                au=au,
                along=tuple(measure.along(displacement, au) for displacement in shown),
                muscles=measure.along(wanted, au),
                flow=tuple(resting.flow_share(frame, au) for frame in film),
                leak=leak.mean,
                leak_max=leak.largest,
                muscles_leak=measure.leak(wanted, au).mean,
                shown=_all_shown(shown[-1], responses),
                second_share=nan if other is None else other.relative_response(film[-1], au),
            )
        )
    return readings


def _all_shown(displacement: Array, responses: Array) -> tuple[float, ...]:
    if np.isnan(displacement).any() or np.isnan(responses).any():
        return (nan,) * len(DISFA)
    return tuple(measure.from_displacement(displacement, responses=responses).tolist())


def rows_of(readings: Iterable[Reading], aus: Iterable[int], bar: Thresholds) -> tuple[Row, ...]:
    """What readings come to, AU by AU."""
    given = list(readings)
    return tuple(_row([r for r in given if r.au == au], bar) for au in aus)


def _row(readings: Sequence[Reading], bar: Thresholds) -> Row:
    shown, muscles = fmean(r.along[-1] for r in readings), fmean(r.muscles for r in readings)
    visible = [r.muscles for r in readings if isfinite(r.muscles)]  # one face lost changes nobody's judge
    by_landmarks = not visible or fmean(visible) >= bar.visible
    shares = [r.share if by_landmarks else r.flow[-1] for r in readings]
    growths = [r.along if by_landmarks else r.flow for r in readings]
    reached = sum(share >= bar.share for share in shares)
    still = sum(r.leak < bar.leak for r in readings)
    monotone = sum(all(b > a for a, b in zip((0.0, *growth), growth, strict=False)) for growth in growths)
    return Row(
        au=readings[0].au,
        photos=len(readings),
        judged_by="landmarks" if by_landmarks else "flow",
        share=shown / muscles if muscles > 0 else nan,
        flow=fmean(r.flow[-1] for r in readings),
        lowest=float(np.min(shares)),
        reached=reached,
        leak=fmean(r.leak for r in readings),
        leak_max=float(np.max([r.leak_max for r in readings])),
        muscles_leak=fmean(r.muscles_leak for r in readings),
        still=still,
        monotone=monotone,
        passed=min(reached, still, monotone) >= ceil(bar.quota * len(readings)),
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _number(value) for key, value in values.items()}


def _number(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_number(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float):
        return round(value, 4) if isfinite(value) else None
    return value
