"""``python -m facsmith``: the same as the console script."""

from facsmith.cli import run

if __name__ == "__main__":
    run()
