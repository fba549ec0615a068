"""``facsmith reproduce``."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from facsmith.cli._common import (
    MODEL,
    BoundariesOption,
    ModelOption,
    ProviderOption,
    SeedOption,
    check_place,
    note,
    progress_bar,
)
from facsmith.errors import OutputError

__all__ = ["reproduce"]


def reproduce(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the report goes.")],
    model: ModelOption = MODEL,
    boundaries: BoundariesOption = None,
    faces: Annotated[
        Path | None,
        typer.Option(
            "--faces",
            metavar="FOLDER",
            help="Photos to use, at most as many as the plan has.",
            show_default="the astronaut of scikit-image and samples of the model",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few faces and iterations, minutes: does it run, not what is true.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", help="convergence, expressions, comparison or inversion; may be repeated.", show_default="all"
        ),
    ] = None,
    count: Annotated[int | None, typer.Option("--count", min=1, help="Faces.", show_default="20; quick 4")] = None,
    judged: Annotated[
        int | None, typer.Option("--judged", min=1, help="Of them, filmed by every method.", show_default="8; quick 1")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option("--iterations", min=1, help="Of Eq. 1.", show_default="512; quick 64")
    ] = None,
    provider: ProviderOption = "auto",
    seed: SeedOption = 0,
) -> None:
    """Run every experiment of the paper on a model: one page with figures, tables, verdicts, and its data as CSV.

    Fig. 6 to 8 with what the paper claims of them, Fig. 9, 1 and 10; asked
    against measured AUs, leakage, identity, flicker and seconds; ablations and
    baselines on the same faces. Half an hour to an hour on one core for the
    bundled model; what was measured stays in FOLDER/pieces, so the same command
    goes on where it was stopped.

    [bold]Examples[/bold]

      facsmith reproduce --quick -o report/
      facsmith reproduce -o report/
      facsmith reproduce --model my-model/ --faces portraits/ -o report/
      facsmith reproduce --only convergence --iterations 1024 -o report/
    """
    from facsmith import image
    from facsmith.animator import Animator
    from facsmith.lab.reproduce import Plan, set_up
    from facsmith.lab.reproduce import reproduce as run
    from facsmith.stimuli import find_photos

    if output.is_file():
        raise OutputError(f"Could not write {output}: it is a file. Give a folder.")
    check_place(output / "report.html")
    photos = None if faces is None else [(path.name, image.read(path)) for path in find_photos(faces)]
    plan = Plan.quick() if quick else Plan()
    plan = replace(plan, provider=provider, seed=seed)
    plan = replace(
        plan,
        faces=count or plan.faces,
        judged=judged or plan.judged,
        iterations=iterations or plan.iterations,
    )
    with progress_bar() as progress:
        bench = set_up(
            Animator.from_pretrained(model, boundaries=boundaries),
            output,
            plan=plan,
            photos=photos,
            command=_command(),
            progress=progress,
        )
        report = run(bench, output, only=only or ())
    for name, reason in bench.skipped.items():
        note(f"{name} was left out: {reason}")
    for claim in report.claims:
        typer.echo(f"{claim.verdict} ({claim.holds} of {claim.of} faces): {claim.claim}: {claim.checked}")
    typer.echo(f"{report.page}  {len(report.sections)} experiments, {len(report.data)} tables")


def _command() -> str:
    """As it was typed, for the report to state."""
    return shlex.join(["facsmith", *sys.argv[1:]])
