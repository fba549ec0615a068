"""The stage of a build that checks its films."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facsmith import image
from facsmith.animator import Animator
from facsmith.bundle import load_bundle
from facsmith.errors import BoundaryError, FacsmithError
from facsmith.facs import DISFA
from facsmith.inversion import InversionOptions
from facsmith.lab.build.bench import Bench
from facsmith.lab.evaluate import animator_render
from facsmith.lab.evaluate import check as run_check
from facsmith.lab.evaluate.check import Check, rows_of
from facsmith.options import AnimateOptions

__all__ = ["check", "joined"]

_LARGE: Final = 512  # a generated face is checked as a photo of this size


def check(bench: Bench) -> dict[str, Any]:
    """Films of every AU on photos, as `facsmith boundaries check` judges them -> build/check.json.

    The user's photos are all checked, and those that cannot be are named; where there are none, the astronaut's and, as
    far as time allows, faces of the generator's own.

    Raises
    ------
    BoundaryError
        None of them can be checked.
    """
    photos = bench.photos
    pictures = [*photos] or _own_photos(bench)
    bundle = load_bundle(bench.folder)
    animator = Animator(
        bench.networks.generator,
        descriptor=bench.networks.descriptor,
        encoder=bench.networks.encoder,
        boundaries=bundle.boundaries,
        name=bench.folder.name,
    )
    room = bench.options.seconds("check")
    # A search takes four passes a step (the motion term draws, too), and may have half of a single photo's time.
    steps = int(np.clip(0.5 * room / (4 * bench.speed.step), 2, InversionOptions().iterations))
    render = animator_render(
        animator, AnimateOptions(provider=bench.options.provider, inversion=InversionOptions(iterations=steps))
    )
    began = bench.spent
    parts: list[Check] = []
    skipped: dict[str, str] = {}
    for number, picture in enumerate(pictures, 1):
        try:
            parts.append(run_check(render, [picture], provider=bench.options.provider))
        except FacsmithError as error:
            skipped[picture[0]] = str(error)
        bench.tell("check", number, len(pictures))
        if not photos and (bench.spent - began) * (number + 1) / number > max(room, 1.0):
            break
    if not parts:
        raise BoundaryError(f"None of the photos can be checked; give others: --portraits. {_named(skipped)}")
    result = joined(parts, skipped)
    bench.check = result
    (bench.work / "check.json").write_text(json.dumps(result.to_json(), indent=1), encoding="utf-8")
    return {
        "photos": len(parts),
        "iterations": steps,
        "passed": [f"AU{row.au}" for row in result.rows if row.passed],
        "failed": [f"AU{row.au}" for row in result.rows if not row.passed],
        "portraits": bool(photos),
        **({"note": f"Not checked: {_named(skipped)}"} if skipped else {}),
    }


def joined(parts: Sequence[Check], skipped: Mapping[str, str]) -> Check:
    """One `Check` of several, each of another photo, and of those that were left out."""
    readings = tuple(reading for part in parts for reading in part.readings)
    providers = tuple(sorted({p for part in parts for p in part.providers}))
    return Check(parts[0].bar, rows_of(readings, DISFA, parts[0].bar), readings, dict(skipped), providers)


def _named(skipped: Mapping[str, str]) -> str:
    return " ".join(f"{name}: {why}" for name, why in skipped.items())


def _own_photos(bench: Bench) -> list[tuple[str, npt.NDArray[np.uint8]]]:
    import skimage.data

    data: Any = skimage.data
    pictures: list[tuple[str, npt.NDArray[np.uint8]]] = [("astronaut", data.astronaut())]
    if bench.record["framing"]["found"]:
        faces = bench.faces.faces("check", bench.options.photos - 1)
        pictures += [(f"sample {face.seed}", image.resize(face.picture, (_LARGE, _LARGE))) for face in faces]
    return pictures
