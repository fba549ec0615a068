"""What the commands share: output checks before long work, progress bars, and options that mean the same everywhere."""

import json
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facsmith._files import check_writable
from facsmith.errors import OutputError
from facsmith.options import AnimateOptions, Provider, choices

if TYPE_CHECKING:
    from rich.console import RenderableType

    from facsmith.options import Progress

__all__ = [
    "MODEL",
    "BoundariesOption",
    "DeviceOption",
    "FaceOption",
    "LatentOption",
    "ModelOption",
    "PhotoArgument",
    "ProviderOption",
    "SeedOption",
    "check_film",
    "check_picture",
    "check_place",
    "check_receipt",
    "note",
    "print_json",
    "print_table",
    "progress_bar",
    "show",
    "tell_tuning",
]


MODEL = "face128"


PhotoArgument = Annotated[
    Path, typer.Argument(metavar="PHOTO", help="JPEG, PNG, WebP, ...; a face that looks into the camera.")
]
ModelOption = Annotated[
    str, typer.Option("--model", help="A model of the package (see: facsmith info), or a folder of one you trained.")
]
BoundariesOption = Annotated[
    Path | None, typer.Option("--boundaries", metavar="FILE", help="Action Unit boundaries other than the model's own.")
]
DeviceOption = Annotated[
    str, typer.Option("--device", envvar="FACSMITH_DEVICE", help="Where the networks compute: cpu, cuda, cuda:1, mps.")
]
LatentOption = Annotated[
    Path | None,
    typer.Option(
        "--latent", metavar="FILE", help="The photo's latent of an earlier `facsmith invert`: nothing is inverted."
    ),
]
_SAID = choices(AnimateOptions, ("face", "provider", "seed"))
FaceOption = Annotated[int | None, typer.Option("--face", help=_SAID["face"].help, show_default=_SAID["face"].unset)]
ProviderOption = Annotated[Provider, typer.Option("--provider", help=_SAID["provider"].help)]
SeedOption = Annotated[int, typer.Option("--seed", help=_SAID["seed"].help)]


def note(sentence: str) -> None:
    """Tell the user on stderr."""
    typer.echo(f"note: {sentence}", err=True)


def check_film(path: Path) -> None:
    """Refuse, before any long work, a place where no film can be made."""
    from facsmith import video

    if path.suffix and not path.is_dir():
        _check_suffix(path, video.SUFFIXES)
    check_place(path)


def check_picture(path: Path | None) -> None:
    """Refuse, before any long work, a place where no picture can be made."""
    from facsmith import image

    if path is not None:
        _check_suffix(path, image.SUFFIXES)
        check_place(path)


def check_receipt(path: Path) -> None:
    """Refuse, before any long work, a place where no receipt's page can be made."""
    from facsmith.receipt import check_page

    check_page(path)
    check_place(path)


def check_place(path: Path | None) -> None:
    """Refuse, before any long work, a path through a file, a file name that is a folder's, a folder that cannot be
    written, or a full disk.
    """
    if path is None:
        return
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise OutputError(f"Could not write {path}: {folder} is a file, not a folder. Choose another place.")
    if path.suffix and path.is_dir():
        raise OutputError(f"Could not write {path}: it is a folder. Give the name of a file in it.")
    check_writable(folder)


def _check_suffix(path: Path, known: Sequence[str]) -> None:
    if path.suffix.lower() not in known:
        raise OutputError(f"{path} cannot be written: choose one of the endings {', '.join(known)}.")


@contextmanager
def progress_bar() -> "Generator[Progress]":
    """A bar per stage on a terminal's stderr; silent elsewhere."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield update


def print_json(value: Any) -> None:
    """To stdout, indented."""
    typer.echo(json.dumps(value, indent=2, default=str))


def show(report: Any, tables: "Iterable[RenderableType]", *, as_json: bool) -> None:
    """To stdout: what ``report.to_json()`` gives, or its tables."""
    if as_json:
        print_json(report.to_json())
        return
    from rich.console import Console

    for table in tables:
        Console().print(table)


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """To stdout: columns as wide as their widest cell, whatever the terminal, so that it can be piped."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def tell_tuning(tuning: Mapping[str, Any] | None) -> None:
    """Write to stdout what high fidelity brought, where the generator was tuned just now.

    Parameters
    ----------
    tuning
        The entry of a receipt.
    """
    if tuning is None or "seconds" not in tuning:
        return
    alike, gained = tuning["likeness"], tuning["gained_per_second"]
    typer.echo(
        f"tuned in {tuning['seconds']:.1f} s: perceptual distance {alike['perceptual'][0]:.3f} -> "
        f"{alike['perceptual'][1]:.3f} ({-gained['perceptual']:+.4f} a second), identity {alike['identity'][0]:.3f} -> "
        f"{alike['identity'][1]:.3f} ({gained['identity']:+.4f} a second)"
    )
