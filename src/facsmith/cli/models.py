"""``facsmith models list | info | pull | convert``."""

from pathlib import Path
from typing import Annotated

import typer

from facsmith.cli._common import check_place, note, print_json, print_table

__all__ = ["app"]

app = typer.Typer(help="Models that others publish: what there is, fetch one, convert one.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the models that facsmith knows, and which of them are on this machine.

    [bold]Example[/bold]

      facsmith models list
    """
    from facsmith.checkpoint import entries

    rows = entries()
    if as_json:
        print_json(rows)
        return
    print_table(
        ("name", "what", "size", "here", "licence"),
        [(r["name"], r["title"], r["size"], "yes" if r["in_cache"] else "no", r["licence"]) for r in rows],
    )


@app.command("info")
def info(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A model's name, or a checkpoint file.")],
    as_json: JsonOption = False,
) -> None:
    """Tell what is known of a model, or what is in a file; nothing is downloaded and nothing in it is executed.

    [bold]Examples[/bold]

      facsmith models info stylegan2-ffhq-256
      facsmith models info my-network.pkl
    """
    from facsmith.checkpoint import info as describe

    known = describe(name)
    if as_json:
        print_json(known)
        return
    for key, value in known.items():
        typer.echo(f"{key.replace('_', ' '):<14} {value}")


@app.command("pull")
def pull(name: Annotated[str, typer.Argument(metavar="NAME", help="See: facsmith models list.")]) -> None:
    """Download a model into the cache, verified; where there is no network, say which file to put where.

    [bold]Example[/bold]

      facsmith models pull vgg16
    """
    from facsmith.checkpoint import pull as fetch

    typer.echo(str(fetch(name)))


@app.command("convert")
def convert(
    source: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A checkpoint, or a model's name.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The result, .safetensors.")],
    half: Annotated[bool, typer.Option("--half", help="Half precision: half the size, and another generator.")] = False,
    label: Annotated[
        int | None, typer.Option("--label", metavar="N", help="Of a network that draws by label, the one to keep.")
    ] = None,
) -> None:
    """Convert a checkpoint to safetensors, executing nothing in it.

    Read are StyleGAN1 and StyleGAN2 of NVIDIA (.pkl), rosinality, genforce, BasicSR, pSp, e4e and ReStyle (.pt,
    .pth), as state dicts or whole modules. What a file leaves open is said.

    [bold]Examples[/bold]

      facsmith models convert my-network.pkl -o my-network.safetensors

      facsmith models convert conditional.pkl --label 3 -o label3.safetensors
    """
    from facsmith.checkpoint import convert as run
    from facsmith.checkpoint import read_checkpoint

    check_place(output)
    target = run(source, output, half=half, label=label)
    for text in filter(None, read_checkpoint(target).metadata.get("notes", "").split("; ")):
        note(f"Of {source}: {text}.")
    typer.echo(str(target))
