"""``facsmith models build``."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facsmith.cli._common import ProviderOption, SeedOption, check_place, note, print_json, print_table

if TYPE_CHECKING:
    from facsmith.batch import Runner
    from facsmith.lab.build import BuildOptions, Estimate
    from facsmith.lab.build.bench import Progress

__all__ = ["build"]

_LINE_EVERY = 15.0
"""Seconds between lines of progress where stderr is no terminal."""
_LONG = 300.0
_WIDE = 120


def build(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CHECKPOINT|NAME", help="A generator's file, or a name of `facsmith models list`.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="The model; the same command again goes on.")
    ],
    minutes: Annotated[
        float, typer.Option("--minutes", help="For the whole; more are better until some hours.")
    ] = 40.0,
    portraits: Annotated[
        list[Path] | None,
        typer.Option(
            "--portraits",
            metavar="PHOTO",
            help="Check on this photo, or on those in this folder; may be repeated.",
            show_default="NASA's portrait of Eileen Collins, and faces of its own",
        ),
    ] = None,
    framing: Annotated[
        str | None,
        typer.Option(
            "--framing",
            metavar="NAME|SIDE,BELOW",
            help="Of its faces: facsmith, ffhq, celebahq, or eye distances.",
            show_default="estimated from its own faces",
        ),
    ] = None,
    descriptor: Annotated[
        str,
        typer.Option(
            "--descriptor", metavar="FILE|vgg16|efficientnet-lite0|auto", help="auto: what is installed of these."
        ),
    ] = "auto",
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="KIND:WHERE", help="AU-labelled faces, too: disfa:DIR, csv:FILE, pairs:FILE."),
    ] = None,
    label: Annotated[
        int | None, typer.Option("--label", metavar="N", help="Of a network that draws by label, the one to keep.")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option("--batch", help="Pictures at a time: what memory holds.", show_default="what a gigabyte holds"),
    ] = None,
    psi: Annotated[float, typer.Option("--psi", help="Truncation of its own faces, above 0 to 1.")] = 0.7,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, ...")] = "cpu",
    workers: Annotated[
        int, typer.Option("--workers", help="Processes that search faces and measure samples, on Ray if above 1.")
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option("--ray", metavar="ADDRESS", help="A Ray cluster for them, which must see the folder."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it will take, in time and memory. Write nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    provider: ProviderOption = "auto",
    seed: SeedOption = 0,
) -> None:
    """Build a model from any StyleGAN of faces: one command from a checkpoint to `facsmith animate --model FOLDER`.

    How its pictures frame the face is read from its own faces. These are moved by
    their muscles, and W+ is searched, from the code that each has, for what moves
    them so: its AU boundaries. An encoder is trained on its pictures, everything is
    calibrated on faces held out, and films are checked. What the generator cannot
    show is named, and moved by the muscles. Nothing in the checkpoint is executed.
    Killed at any stage, the same command goes on.

    [bold]Examples[/bold]

      facsmith models build stylegan2-ffhq-256 -o ffhq/
      facsmith models build my-network.pkl -o my-model/ --minutes 120 --portraits portraits/
      facsmith models build my-network.pkl -o my-model/ --dry-run
      facsmith models build my-network.pkl -o my-model/ --descriptor vgg16 --device cuda --batch 16
      facsmith models build my-network.pkl -o /shared/my-model/ --ray auto --workers 32

    Exit code 1 where films of an AU fail the check.
    """
    from facsmith.lab.build import BuildOptions, build_model

    check_place(output)
    options = BuildOptions(
        minutes=minutes,
        framing=framing,
        descriptor=descriptor,
        source=source,
        label=label,
        batch=batch,
        psi=psi,
        provider=provider,
        device=device,
        seed=seed,
    )
    if dry_run:
        _foresee(checkpoint, options, workers, as_json=as_json)
        return
    from facsmith import image
    from facsmith.stimuli import find_photos

    photos = [(path.name, image.read(path)) for place in portraits or [] for path in find_photos(place)]
    with _progress() as progress:
        built = build_model(
            checkpoint,
            output,
            options,
            photos=photos,
            runner=_runner(workers, ray, device),
            progress=progress,
        )
    if as_json:
        print_json({"folder": str(built.folder), "stages": built.stages, "verdict": built.verdict})
    else:
        print_table(
            ("stage", "minutes", "of the processor"),
            [
                (stage, f"{report['seconds'] / 60:.1f}", f"{report['cpu_seconds'] / 60:.1f}")
                for stage, report in built.stages.items()
            ],
        )
        for stage, report in built.stages.items():
            if "note" in report and stage != "encoder":  # the verdict has that one
                note(str(report["note"]))
        for way, why in built.stages["boundaries"].get("notes", {}).items():
            note(f"boundaries by {way}: {why}")
        typer.echo(f"\nframing: {built.stages['framing']['framing']}")
        if built.check is not None:
            from rich.console import Console

            from facsmith.lab.evaluate import table

            console = Console()
            Console(width=max(console.width, _WIDE)).print(table(built.check))
        typer.echo(built.verdict)
        typer.echo(str(built.folder))
    if built.stages["check"]["failed"]:
        raise typer.Exit(1)


def _runner(workers: int, address: str | None, device: str) -> "Runner | None":
    """Workers on Ray, where they are asked for."""
    if workers == 1 and address is None:
        return None
    import torch

    from facsmith.batch import OnRay, RayOptions

    gpus = 0.0
    if device.startswith("cuda"):  # those of a cluster are counted there
        gpus = 1.0 if address is not None else min(1.0, torch.cuda.device_count() / max(workers, 1))
    return OnRay(RayOptions(address, workers, torch.get_num_threads(), gpus, chunk=1))


def _foresee(checkpoint: str, options: "BuildOptions", workers: int, *, as_json: bool) -> None:
    from dataclasses import asdict

    from facsmith.checkpoint import load_generator
    from facsmith.lab.build import estimate

    generator = load_generator(checkpoint).to(options.device)
    plan = estimate(generator, options, workers=workers)
    if as_json:
        print_json(asdict(plan))
        return
    _tell_plan(plan)
    typer.echo(
        f"{generator.resolution} px, W+ of {generator.num_ws} x {generator.w_dim}; work at {plan.side} px, "
        f"{plan.batch} pictures at a time: about {plan.gigabytes:.1f} GB besides the libraries' own."
    )
    if plan.faces < 12 or plan.steps < 1000:
        note("That is little: expect more from more --minutes, or from a GPU.")


def _tell_plan(plan: "Estimate") -> None:
    what = {"search": f"{plan.faces} faces, 12 AUs each", "encoder": f"{plan.steps} steps"}
    rows = [(stage, f"{seconds / 60:.1f}", what.get(stage, "")) for stage, seconds in plan.seconds.items()]
    print_table(("stage", "minutes", "for"), rows)


@contextmanager
def _progress() -> "Generator[Progress]":
    """One line with the stage, how far it is, and what the whole still takes: rewritten on a terminal, told now and
    then elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("read", total=1, left="")

            def update(stage: str, done: int, total: int, left: float) -> None:
                bar.update(task, description=f"{stage} {done}/{total}", completed=done, total=total, left=_left(left))

            yield update
        return
    last: dict[str, float] = {}

    def tell(stage: str, done: int, total: int, left: float) -> None:
        now = time.monotonic()
        if stage not in last or now - last[stage] > _LINE_EVERY:
            last[stage] = now
            typer.echo(f"{stage} {done}/{total}, {_left(left)}", err=True)

    yield tell


def _left(seconds: float) -> str:
    return f"about {seconds / 60:.0f} min left" if seconds > _LONG else f"about {max(seconds, 0):.0f} s left"
