"""``facsmith receipt``."""

from pathlib import Path
from typing import Annotated

import typer

from facsmith.cli._common import check_receipt

__all__ = ["receipt"]


def receipt(
    file: Annotated[Path, typer.Argument(metavar="FILM.json", help="What was written beside a film or a picture.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help=".png or .pdf.")],
) -> None:
    """Draw a receipt as one page: asked against measured over time, leakage, identity, background, flicker.

    The key frames themselves are not in the JSON: a page with them is made with the
    film, by `facsmith animate --receipt`.

    [bold]Example[/bold]

      facsmith receipt happy.mp4.json -o happy.pdf
    """
    from facsmith.receipt import read_receipt, write_page

    check_receipt(output)
    write_page(read_receipt(file), output)
    typer.echo(str(output))
