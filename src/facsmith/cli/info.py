"""``facsmith info``: what this installation is and can do."""

from typing import Annotated, Any, cast

import typer

from facsmith.cli._common import print_json

__all__ = ["info"]


def info(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Tell what is installed: versions, models of the package, who finds faces, where downloads are kept.

    [bold]Examples[/bold]

      facsmith info
      facsmith info --json > report.json
    """
    known = _survey()
    if as_json:
        print_json(known)
        return
    for key, value in known.items():
        if isinstance(value, dict):
            typer.echo(f"{key}:")
            for inner, text in cast(dict[str, str], value).items():
                typer.echo(f"  {inner:<22} {text}")
        else:
            typer.echo(f"{key}: {value}")


def _survey() -> dict[str, Any]:
    import torch

    from facsmith import face
    from facsmith.bundle import bundle_folder, bundled_names, read_card
    from facsmith.checkpoint import cache_dir
    from facsmith.receipt.receipt import versions

    reason = face.why_not_mediapipe()
    return {
        "versions": versions(),
        "models": {name: read_card(bundle_folder(name)).get("generator", "") for name in bundled_names()},
        "faces found by": "MediaPipe" if reason is None else f"dlib ({reason})",
        "cache": str(cache_dir()),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }
