"""The whole command line: ``facsmith`` and ``python -m facsmith``, research included."""

from facsmith.cli import app, main, run
from facsmith.lab.commands import register

__all__ = ["app", "main", "run"]

register(app)

if __name__ == "__main__":
    run()
