"""``facsmith batch``."""

from typing import Annotated

import typer

from facsmith.cli._common import MODEL, BoundariesOption, ModelOption
from facsmith.cli._engine import Settings, run_many, with_engine
from facsmith.cli._options import with_options
from facsmith.cli._sign import KeyOption, SignOption, credentials
from facsmith.options import FILM, AnimateOptions

__all__ = ["batch"]


@with_engine(chunk=4)
@with_options(*FILM)
def batch(
    manifest: Annotated[
        str, typer.Argument(metavar="MANIFEST", help="A CSV: photo, output, and expression, timeline or AU columns.")
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FOLDER", help="A folder, or a URL: s3://bucket/films.")
    ],
    *,
    settings: Settings,
    options: AnimateOptions,
    model: ModelOption = MODEL,
    boundaries: BoundariesOption = None,
    sign: SignOption = None,
    key: KeyOption = None,
) -> None:
    """Films and pictures of many photos, a row of a manifest each; stop it any time, run it again and it goes on.

    The manifest's columns: photo, output, seed (optional), and what the face does:
    expression (happiness, or AU6=C AU12=D; several in turn with ; between them),
    timeline (a YAML file), or a column per AU: AU1 ... AU26, L12, R12. Outputs end
    in .mp4, .gif, .webp, in nothing (a folder of PNGs), or in .png, .jpg, .tif: then
    they are one edited picture. With a column film in place of photo, a film's face
    is changed: relative, gain, absolute or timeline as in `facsmith edit`, expression
    as in `facsmith animate --film`. Paths are relative to the manifest's folder, or URLs.

    [bold]Examples[/bold]

      facsmith batch films.csv -o out/ --dry-run
      facsmith batch films.csv -o out/
      facsmith batch films.csv -o out/ --threads 1 --workers 16
      facsmith batch s3://study/films.csv -o s3://study/out --ray auto --workers 400 --gpus 0.25

    Each result is byte for byte what `facsmith animate` makes of the same photo and
    seed; signed ones differ by the time of signing. FOLDER/status.csv tells of
    every row: done, kept (it was there already), refused (and why), failed, crashed.
    Exit code 0: every row has its result; 3: some have not; 4: the run stopped early
    (a full disk).
    """
    from facsmith.batch import Place
    from facsmith.batch.films import FilmJob
    from facsmith.batch.manifest import read_manifest

    by = credentials(sign, key)
    job = FilmJob(options, settings.model(model, boundaries), by)
    run_many(job, read_manifest(manifest, options), Place(output), settings, what="rows")
