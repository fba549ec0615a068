"""The commands of research: ``facsmith boundaries | train | evaluate | reproduce``, and ``facsmith models build``."""

import typer

from facsmith.cli import Panel, models
from facsmith.lab.commands import boundaries, evaluate, reproduce, train
from facsmith.lab.commands.build import build

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add them to the command line."""
    for name, group in (("boundaries", boundaries.app), ("train", train.app), ("evaluate", evaluate.app)):
        app.add_typer(group, name=name, rich_help_panel=Panel.research)
    models.app.command("build")(build)
    app.command(rich_help_panel=Panel.research)(reproduce.reproduce)
