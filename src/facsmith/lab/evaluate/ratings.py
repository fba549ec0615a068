"""Ratings of stimuli, as the page of `facsmith stimuli --ratings` saves them: means, choices, and agreement."""

import csv
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from facsmith._files import atomic_path
from facsmith.errors import InputError
from facsmith.lab.evaluate.rating_stats import Icc, complete, fleiss_kappa, icc

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "SCALES",
    "Choices",
    "Mean",
    "Rating",
    "RatingReport",
    "evaluate_ratings",
    "read_ratings",
    "report_tables",
    "write_tables",
]

Of = Literal["stimulus", "condition"]

SCALES = ("naturalness", "intensity")
_NEEDED = ("participant", "stimulus")
_LARGEST, _MOST = 256 << 20, 2_000_000


@dataclass(frozen=True)
class Rating:
    """One answer.

    Parameters
    ----------
    scales
        Scale -> the number given, for scales that were asked.
    emotion
        The emotion chosen, "" where it was not asked.
    """

    participant: str
    stimulus: str
    condition: str
    scales: Mapping[str, float]
    emotion: str


@dataclass(frozen=True)
class Mean:
    """Of one scale over one stimulus or condition: mean and standard deviation over the raters' own means, and half the
    95 % interval of the mean (Student's t; NaN of one rater)."""

    of: str
    scale: str
    raters: int
    mean: float
    deviation: float
    half_interval: float


@dataclass(frozen=True)
class Choices:
    """How often each emotion was chosen for one stimulus or condition, most first."""

    of: str
    counts: Mapping[str, int]

    @property
    def share(self) -> float:
        """Of the emotion chosen most."""
        return max(self.counts.values()) / sum(self.counts.values())


@dataclass(frozen=True)
class RatingReport:
    """What the raters said, in numbers.

    Parameters
    ----------
    means, choices
        Means and choices, for every stimulus and for every condition.
    agreement
        Agreement of the raters, for each scale. None where too few stimuli were rated by the same raters.
    kappa
        Fleiss' kappa of the emotions. None where they were not asked.
    """

    participants: int
    stimuli: int
    means: Mapping[Of, Sequence[Mean]]
    choices: Mapping[Of, Sequence[Choices]]
    agreement: Mapping[str, Icc | None]
    kappa: float | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data; NaN is null."""
        return _plain(asdict(self))


def read_ratings(files: Sequence[Path]) -> tuple[list[Rating], list[str]]:
    """Read CSVs of ratings, and say what was left out.

    They are those of the rating page, or others with the columns participant, stimulus, and naturalness, intensity or
    emotion.

    Raises
    ------
    InputError
        No such file, no such columns, a number that is none; the message says where.
    """
    ratings: dict[tuple[str, str], Rating] = {}
    again = 0
    for file in files:
        for line, row in _rows(file):
            rating = _rating(row, f"{file.name}, row {line}")
            if (rating.participant, rating.stimulus) in ratings:
                again += 1
                continue
            ratings[rating.participant, rating.stimulus] = rating
            if len(ratings) > _MOST:
                raise InputError(f"These files hold more than {_MOST} ratings; evaluate a part of them.")
    if not ratings:
        raise InputError("These files hold no rating; give CSVs that the rating page saved.")
    said = [f"{again} answers to a stimulus that the same participant had rated before: left out."] if again else []
    return [*ratings.values()], said


def evaluate_ratings(ratings: Sequence[Rating], *, notes: Sequence[str] = ()) -> RatingReport:
    """What the ratings say, and how far raters agree."""
    people, stimuli = (sorted({getattr(r, name) for r in ratings}) for name in ("participant", "stimulus"))
    scales = [scale for scale in SCALES if any(scale in r.scales for r in ratings)]
    said = [*notes]
    agreement: dict[str, Icc | None] = {}
    for scale in scales:
        table = np.full((len(stimuli), len(people)), np.nan)
        rows, columns = ({name: i for i, name in enumerate(names)} for names in (stimuli, people))
        for r in ratings:
            if scale in r.scales:
                table[rows[r.stimulus], columns[r.participant]] = r.scales[scale]
        part = complete(table)
        agreement[scale] = icc(part) if part.size else None
        if not part.size:
            said.append(f"Agreement on {scale} needs two raters or more of the same stimuli.")
        elif part.shape != table.shape:
            said.append(
                f"Agreement on {scale} is of the {part.shape[0]} of {len(stimuli)} stimuli that the same "
                f"{part.shape[1]} of {len(people)} raters rated."
            )
    of: tuple[Of, Of] = ("stimulus", "condition")
    choices: dict[Of, list[Choices]] = {name: _choices(ratings, name) for name in of}
    kappa = None
    if choices["stimulus"]:
        emotions = sorted({emotion for each in choices["stimulus"] for emotion in each.counts})
        kappa = fleiss_kappa(
            np.array([[each.counts.get(e, 0) for e in emotions] for each in choices["stimulus"]], float)
        )
    means: dict[Of, list[Mean]] = {
        name: [mean for scale in scales for mean in _means(ratings, name, scale)] for name in of
    }
    return RatingReport(len(people), len(stimuli), means, choices, agreement, kappa, tuple(said))


def _rows(file: Path) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        if file.stat().st_size > _LARGEST:
            raise InputError(f"{file} is larger than {_LARGEST >> 20} MB; give ratings as a CSV.")
        with open(file, encoding="utf-8-sig", newline="") as text:
            table = csv.DictReader(text)
            columns = [name.strip().lower() for name in table.fieldnames or []]
            missing = [name for name in _NEEDED if name not in columns]
            if missing or not {*SCALES, "emotion"} & {*columns}:
                lacks = ", ".join(missing) or "naturalness, intensity or emotion"
                raise InputError(f"{file} lacks the column {lacks}; give a CSV that the rating page saved.")
            for line, row in enumerate(table, 2):
                yield line, {str(name).strip().lower(): str(value or "").strip() for name, value in row.items()}
    except OSError as error:
        raise InputError(f"Could not read {file}: {error.strerror or error}. Check the path.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} is no CSV in UTF-8 ({error}); give one that the rating page saved.") from error


def _rating(row: Mapping[str, str], where: str) -> Rating:
    if not (row["participant"] and row["stimulus"]):
        raise InputError(f"{where} has no participant or no stimulus; give both.")
    scales: dict[str, float] = {}
    for scale in SCALES:
        if row.get(scale):
            try:
                scales[scale] = float(row[scale])
            except ValueError:
                scales[scale] = math.nan
            if not math.isfinite(scales[scale]):
                raise InputError(f"{where}: {scale} is {row[scale][:20]!r}; give a number.")
    return Rating(row["participant"], row["stimulus"], row.get("condition", ""), scales, row.get("emotion", ""))


def _means(ratings: Sequence[Rating], of: Of, scale: str) -> list[Mean]:
    groups: dict[str, dict[str, list[float]]] = {}
    for r in ratings:
        if scale in r.scales and getattr(r, of):
            groups.setdefault(getattr(r, of), {}).setdefault(r.participant, []).append(r.scales[scale])
    found: list[Mean] = []
    for name, people in sorted(groups.items()):
        values = np.array([np.mean(given) for given in people.values()])
        deviation = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        half = _student(len(values)) * deviation / math.sqrt(len(values)) if len(values) > 1 else math.nan
        found.append(Mean(name, scale, len(values), float(values.mean()), deviation, half))
    return found


def _student(count: int) -> float:
    from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs]

    return float(stdtrit(count - 1, 0.975))


def _choices(ratings: Sequence[Rating], of: Of) -> list[Choices]:
    groups: dict[str, Counter[str]] = {}
    for r in ratings:
        if r.emotion and getattr(r, of):
            groups.setdefault(getattr(r, of), Counter())[r.emotion] += 1
    return [Choices(name, dict(counts.most_common())) for name, counts in sorted(groups.items())]


def report_tables(report: RatingReport, *, of: Of = "condition") -> Iterable["Table"]:
    """Means with intervals, choices, and agreement, for a rich console."""
    from rich.table import Table

    title = f"{report.participants} raters, {report.stimuli} stimuli"
    grid = Table(of, "scale", title=title)
    for head in ("raters", "mean", "± 95 %", "SD"):
        grid.add_column(head, justify="right")
    for mean in report.means[of]:
        numbers = (f"{n:.2f}" for n in (mean.mean, mean.half_interval, mean.deviation))
        grid.add_row(mean.of, mean.scale, str(mean.raters), *numbers)
    if report.means[of]:
        yield grid
    if report.choices[of]:
        grid = Table(of, "chosen most", "share", "others", title=f"emotions; Fleiss' kappa {report.kappa:.2f}")
        for each in report.choices[of]:
            first, *others = each.counts.items()
            grid.add_row(each.of, first[0], f"{each.share:.0%}", ", ".join(f"{name} {n}" for name, n in others))
        yield grid
    grid = Table("agreement", "ICC(2,1)", "95 %", "ICC(2,k)", "95 %", "stimuli", "raters")
    for scale, found in report.agreement.items():
        if found is not None:
            low, high = found.single_interval, found.average_interval
            grid.add_row(
                scale,
                f"{found.single:.2f}",
                f"{low[0]:.2f} to {low[1]:.2f}",
                f"{found.average:.2f}",
                f"{high[0]:.2f} to {high[1]:.2f}",
                str(found.stimuli),
                str(found.raters),
            )
    if grid.row_count:
        yield grid


def write_tables(report: RatingReport, folder: Path) -> None:
    """by_stimulus.csv and by_condition.csv: a row each, with mean, interval and number of raters of every scale, and
    the emotion chosen most."""
    for of, means in report.means.items():
        rows: dict[str, dict[str, Any]] = {}
        for mean in means:
            numbers = {"mean": mean.mean, "half_interval": mean.half_interval, "sd": mean.deviation}
            row = rows.setdefault(mean.of, {of: mean.of})
            row |= {f"{mean.scale}_{name}": round(number, 4) for name, number in numbers.items()}
            row[f"{mean.scale}_raters"] = mean.raters
        for each in report.choices[of]:
            row = rows.setdefault(each.of, {of: each.of})
            row |= {"emotion": next(iter(each.counts)), "emotion_share": round(each.share, 4)}
        columns = list(dict.fromkeys(name for row in rows.values() for name in row))
        if not rows:
            continue
        with (
            atomic_path(folder / f"by_{of}.csv") as temporary,
            open(temporary, "w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows.values())


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in cast("Sequence[Any]", value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value
