"""``facsmith invert``."""

from pathlib import Path
from typing import Annotated

import typer

from facsmith.cli._common import (
    MODEL,
    DeviceOption,
    ModelOption,
    check_picture,
    check_place,
    note,
    print_json,
    progress_bar,
    tell_tuning,
)
from facsmith.cli._engine import Settings, many, run_many, with_engine
from facsmith.cli._options import with_options
from facsmith.errors import InputError
from facsmith.options import ENCODE, AnimateOptions

__all__ = ["invert"]


@with_engine(chunk=16)
@with_options(*ENCODE)
def invert(
    photo: Annotated[
        str, typer.Argument(metavar="PHOTO|FOLDER|CSV", help="A photo; or many: a folder, a URL of one, or a manifest.")
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="The latent, .safetensors; of many photos, a folder.")
    ],
    *,
    reconstruction: Annotated[
        Path | None, typer.Option("--reconstruction", metavar="FILE", help="Also the generator's picture of the face.")
    ] = None,
    options: AnimateOptions,
    model: ModelOption = MODEL,
    device: DeviceOption = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print the account as JSON, loss trace included.")] = False,
    settings: Settings,
) -> None:
    """Find a photo's latent: the code from which the generator draws this face. Or those of many photos.

    A manifest has the columns photo, output and, where wanted, seed. Many photos
    are done like the rows of `facsmith batch`: stop it and run it again, and it
    goes on; FOLDER/status.csv tells of every photo.

    With --fidelity high the file also holds what the generator's weights change by to draw it well.

    [bold]Examples[/bold]

      facsmith invert her.jpg -o her.safetensors --reconstruction her-as-drawn.png
      facsmith animate her.jpg --latent her.safetensors -e anger -o angry.mp4
      facsmith invert her.jpg --fidelity high -o her.safetensors
      facsmith invert portraits/ -o latents/ --threads 1 --workers 16
    """
    from facsmith import image
    from facsmith.animator import Animator
    from facsmith.receipt.receipt import label
    from facsmith.receipt.summary import tuning

    if many(photo):
        if reconstruction is not None or as_json:
            raise InputError("--reconstruction and --json are for one photo; of many, status.csv tells.")
        return _invert_many(photo, output, options, settings, model)
    check_place(Path(output))
    check_picture(reconstruction)
    with progress_bar() as progress:
        subject = Animator.from_pretrained(model).to(device).prepare(photo, options=options, progress=progress)
        subject.code.found(progress)
    (subject.tuned or subject.latent).save(output)
    if reconstruction is not None:
        image.write(reconstruction, subject.reference)
    for sentence in subject.notes:
        note(sentence)
    found = subject.inversion
    if found is None:
        return None
    if as_json:
        print_json(
            {
                "latent": str(output),
                "generator_id": subject.latent.generator_id,
                "start": found.start,
                "iterations": found.iterations[0],
                "stopped": found.stopped[0],
                "trace": found.trace[0],
                "source": {f"AU{au}": round(e, 3) for au, e in subject.photo_aus.items()},
                "tuning": tuning(subject),
            }
        )
        return None
    typer.echo(
        f"{output}  loss {found.trace[0][0]:.3f} -> {found.loss[0]:.3f} in {found.iterations[0]} steps "
        f"({found.stopped[0]}); shows {label(subject.photo_aus)}"
    )
    tell_tuning(tuning(subject))


def _invert_many(photos: str, output: str, options: AnimateOptions, settings: Settings, model: str) -> None:
    from facsmith.batch import Place
    from facsmith.batch.folders import read_folder
    from facsmith.batch.jobs import PHOTOS, InvertJob
    from facsmith.batch.manifest import read_photos

    seed = options.inversion.seed
    rows = (
        read_photos(photos, seed)
        if photos.lower().endswith(".csv")
        else read_folder(photos, PHOTOS, ".safetensors", {"seed": seed})
    )
    run_many(InvertJob(options, settings.model(model)), rows, Place(output), settings, what="photos")
