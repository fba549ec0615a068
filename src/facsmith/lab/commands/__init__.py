"""The commands of research: ``facsmith boundaries | train | evaluate | reproduce``."""

import typer

from facsmith.cli import Panel
from facsmith.lab.commands import boundaries, evaluate, reproduce, train

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add them to the command line."""
    for name, group in (("boundaries", boundaries.app), ("train", train.app), ("evaluate", evaluate.app)):
        app.add_typer(group, name=name, rich_help_panel=Panel.research)
    app.command(rich_help_panel=Panel.research)(reproduce.reproduce)
