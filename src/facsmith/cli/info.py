"""``facsmith info``: what this installation is and can do."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from facsmith._json import is_record
from facsmith.cli._common import print_json

__all__ = ["info"]


def info(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A picture, a film, or a folder of frames.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what is installed; or of a FILE, whether it says that it is synthetic, who signed it, and if that holds.

    [bold]Examples[/bold]

      facsmith info
      facsmith info --json > report.json
      facsmith info happy.mp4
    """
    known = _survey() if file is None else _marks(file)
    if as_json:
        print_json(known)
        return
    for key, value in known.items():
        if is_record(value):
            typer.echo(f"{key}:")
            for inner, text in value.items():
                typer.echo(f"  {inner:<22} {text}")
        else:
            typer.echo(f"{key}: {value}")


def _marks(file: Path) -> dict[str, Any]:
    """IPTC's digital source type and the verified manifest of a file; of a folder, those of all its frames."""
    from facsmith.errors import InputError, MissingExtraError
    from facsmith.synthetic import read_source_type

    files = sorted(file.glob("frame_*.png")) if file.is_dir() else [file]
    if not files:
        raise InputError(f"There is no frame_00000.png in {file}. Give a picture, a film, or a folder of frames.")
    source = read_source_type(files[0])
    known: dict[str, Any] = {"file": str(file), "digital source type": source or "none stored"}
    try:
        from facsmith.signing import verify

        verdicts = [verify(each) for each in files]
    except (InputError, MissingExtraError) as error:
        return known | {"signature": f"not looked for: {error}"}
    broken = [each for each in verdicts if each is not None and not each.intact]
    unsigned = verdicts.count(None)
    verdict = broken[0] if broken else verdicts[0]
    if verdict is None or (unsigned and not broken):
        return known | {"signature": "none" if unsigned == len(files) else f"none in {unsigned} of {len(files)} frames"}
    vouched = (
        "trusted"
        if verdict.trusted
        else "self-signed: nobody vouches for it"
        if verdict.self_signed
        else ("by a certificate that this machine does not know")
    )
    return known | {
        "signature": f"holds ({vouched})" if verdict.intact else "BROKEN: the file was changed after it was signed",
        "signed by": verdict.signer,
        "problems": "; ".join(verdict.problems) or "none",
        "manifest": {label: json.dumps(data) for label, data in verdict.manifest.items()},
    }


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
