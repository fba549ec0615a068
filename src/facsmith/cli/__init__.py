"""The command line: one module per group of commands, no logic. `facsmith.__main__` adds those of research.

Conventions: results and their paths go to stdout, notes, progress and errors to stderr. Exit code 0: done; 2: something
given cannot be used, said in one sentence; 130: interrupted. Of many inputs: 3: some have no result; 4: stopped early.
"""

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from facsmith import __version__, _alloc
from facsmith.cli import batch, batteries, faces, info, invert, measure, models, receipt, studio, timeline
from facsmith.errors import FacsmithError

__all__ = ["Panel", "app", "main", "run"]

HELP = """
One face photo and FACS Action Units in, a facial-expression animation out.

[bold]Start here[/bold]

  facsmith animate her.jpg --expression happiness -o happy.mp4
  facsmith animate her.jpg -e neutral -e sadness -e surprise -o moods.gif
  facsmith edit her.jpg -e "AU1=C,AU4=D" -o worried.png
  facsmith batch films.csv -o films/
  facsmith studio
  facsmith info

[bold]Words[/bold]

An Action Unit (AU) is the visible work of a facial muscle; its intensity is a
letter, A to E, or a number, 0 to 1: AU12=C is AU12=0.6. Without one, as coders
write 6+12, it is D. L12 and R12 are one side, the person's own; L45 is a wink.

   1 inner brow raiser   14 dimpler               25 lips part
   2 outer brow raiser   15 lip corner depressor  26 jaw drop
   4 brow lowerer        16 lower lip depressor   27 mouth stretch
   5 upper lid raiser    17 chin raiser           28 lip suck
   6 cheek raiser        18 lip pucker            43 eyes closed
   7 lid tightener       20 lip stretcher         45 blink
   9 nose wrinkler       22 lip funneler          61 eyes turn left
  10 upper lip raiser    23 lip tightener         62 eyes turn right
  12 lip corner puller   24 lip pressor           63 eyes up, 64 down

Emotions are made of them: happiness, sadness, surprise, fear, anger, disgust,
contempt; and neutral.
"""

INTERRUPTED = 130


class Panel(StrEnum):
    """How ``--help`` groups the commands: by what people do."""

    films = "Films and pictures"
    measuring = "Measuring"
    experiments = "Experiments"
    research = "Models and research"


app = typer.Typer(
    name="facsmith",
    help=HELP,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


faces.register(app, Panel.films)
batteries.register(app, Panel.experiments)
app.command(rich_help_panel=Panel.films)(batch.batch)
app.command(rich_help_panel=Panel.films)(studio.studio)
app.command(rich_help_panel=Panel.measuring)(measure.measure)
app.command(rich_help_panel=Panel.measuring)(receipt.receipt)
app.command(rich_help_panel=Panel.measuring)(info.info)
app.add_typer(timeline.app, name="timeline", rich_help_panel=Panel.experiments)
app.command(rich_help_panel=Panel.research)(invert.invert)
app.add_typer(models.app, name="models", rich_help_panel=Panel.research)


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        code = int(app(args=list(arguments) or ["--help"], prog_name="facsmith", standalone_mode=False) or 0)
    except typer.TyperException as error:  # a usage error: unknown option, missing or malformed value
        context = getattr(error, "ctx", None)
        command = getattr(context, "command_path", None) or "facsmith"
        return _fail(f"{error.format_message().rstrip('.')}. Help: {command} --help")
    except FacsmithError as error:
        return _fail(str(error))
    if code == INTERRUPTED:  # typer turns Ctrl-C into this
        typer.echo("facsmith: interrupted; nothing half-written is left.", err=True)
    return code


def run() -> None:
    """Entry point of the console script."""
    _alloc.tune()  # before any thread has allocated
    sys.exit(main(sys.argv[1:]))


def _fail(sentence: str) -> int:
    typer.echo(f"facsmith: {' '.join(sentence.split())}", err=True)
    return 2
