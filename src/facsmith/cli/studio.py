"""``facsmith studio``: the page."""

from typing import Annotated

import typer

from facsmith.cli._common import MODEL, BoundariesOption, DeviceOption, ModelOption
from facsmith.cli._options import with_options
from facsmith.options import AnimateOptions

__all__ = ["studio"]


@with_options("fps", "mode", "personal", "provider", "fidelity", "iterations", "seed")
def studio(
    *,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; any but this machine's own demands --auth.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 takes a free one.")] = 7860,
    auth: Annotated[
        str | None,
        typer.Option(
            "--auth",
            metavar="USER:PASSWORD",
            help="Who may come in.",
            envvar="FACSMITH_STUDIO_AUTH",
            show_default="anyone",
        ),
    ] = None,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
    grace: Annotated[
        float, typer.Option("--grace", help="Minutes for which a page that was closed or lost finds its work again.")
    ] = 15.0,
    options: AnimateOptions,
    model: ModelOption = MODEL,
    boundaries: BoundariesOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Open the studio: drop a photo, move the muscles, watch the face, take the film home.

    [bold]Examples[/bold]

      facsmith studio
      facsmith studio --port 8000 --no-open
      FACSMITH_STUDIO_AUTH=ann:secret facsmith studio --host 0.0.0.0

    Needs the extra: pip install 'facsmith\\[studio]'. Ctrl-C ends it; photos and
    exports of its visitors are gone then.
    """
    from facsmith.animator import Animator
    from facsmith.studio import StudioOptions, serve

    where = StudioOptions(host=host, port=port, auth=auth, grace=60 * grace, animate=options)

    def ready(address: str) -> None:
        typer.echo(f"The studio is open: {address}  (Ctrl-C ends it)")
        if browser:
            typer.launch(address)

    serve(Animator.from_pretrained(model, boundaries=boundaries).to(device), where, ready=ready)
